"""What the nets of the study read: sets of images, one kind for each way of cutting up a sheet.

Nothing but NumPy is needed here, so that training can run where no image library is;
:mod:`ecgapp.benchmark.published.prepare` makes the sets.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.datasets.window_set import CLASSES
from ecgapp.ecg import NAMED_LEADS

# The order of the outputs of models to be trained.
FIVE_CLASSES = (*CLASSES, "covid_19")

# Shape of one image of each kind.
INPUT_KINDS: dict[str, tuple[int, ...]] = {
    "lead_windows": (150, 150),
    "leads_128": (128, 128),
    "leads_13x64": (13, 64, 64),
    "page_128": (128, 128),
    "page_182x256": (182, 256),
    # No image: the heart rate in the footer in beats per minute, 0 where none can be read.
    "printed_rate": (1,),
}


@dataclass(frozen=True)
class StudyInputs:
    """Images of one kind and where each comes from; every array has one entry an image.

    Attributes
    ----------
    kind : str
        A key of `INPUT_KINDS`.
    images : ndarray of uint8, (n, ...)
        Shape of an image as `INPUT_KINDS` says.
    sheet : ndarray of str, (n,)
        SHA-256 of the original sheet file, as in the manifest.
    label, layout : ndarray of str, (n,)
        The sheet's label, and its layout (``3x4``, ``6x2``; ``other`` where the leads of another
        device's sheet cannot be found).
    session, fold : ndarray of int64, (n,)
        The sheet's recording session, and the cross-validation fold in which the session lies.
    lead : ndarray of str, (n,)
        ``I`` .. ``V6`` or ``rhythm``; empty where an image is of a whole sheet.
    copies_in_v2 : ndarray of int64, (n,)
        How often version 2 of the data set holds the sheet.
    """

    kind: str
    images: NDArray[np.uint8]
    sheet: NDArray[np.str_]
    label: NDArray[np.str_]
    layout: NDArray[np.str_]
    session: NDArray[np.int64]
    fold: NDArray[np.int64]
    lead: NDArray[np.str_]
    copies_in_v2: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name; the kind is not one."""
        return {field.name: getattr(self, field.name) for field in fields(self)[1:]}

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> StudyInputs:
        """Keep some rows, in the order given."""
        return StudyInputs(
            self.kind, **{name: values[chosen] for name, values in self.arrays().items()}
        )

    def inputs(self, rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        """Take what a net reads of some rows.

        Returns
        -------
        list of ndarray
            Images, (n, ..., 1) uint8 (thirteen leads: (n, 13, 64, 64)), and for ``lead_windows``
            lead numbers in ``NAMED_LEADS``, (n,) int32.
        """
        images = self.images[rows]
        if self.kind == "leads_13x64":
            return [images]
        if self.kind != "lead_windows":
            return [images[..., None]]
        numbers = [NAMED_LEADS.index(str(lead)) for lead in self.lead[rows]]
        return [images[..., None], np.array(numbers, dtype=np.int32)]

    def digest(self) -> str:
        """SHA-256 over all images and their rows: equal for equal data."""
        sha256 = hashlib.sha256(self.kind.encode())
        for name, values in self.arrays().items():
            # Text arrays are as wide as their longest entry: hash the entries, not the padding.
            content = "\n".join(values).encode() if values.dtype.kind == "U" else values.tobytes()
            sha256.update(name.encode() + content)
        return sha256.hexdigest()

    def save(self, folder: Path) -> Path:
        """Write the set to ``<kind>.npz`` in a folder, and return that path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.kind}.npz"
        # NumPy reads any compression of zip files but writes only one, which takes twice the room.
        with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_LZMA) as archive:
            for name, values in self.arrays().items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, values, allow_pickle=False)
        return path


def load_inputs(folder: Path, kind: str) -> StudyInputs:
    """Read the file of one kind that :meth:`StudyInputs.save` wrote.

    Parameters
    ----------
    folder : Path
    kind : str
        A key of `INPUT_KINDS`.

    Returns
    -------
    StudyInputs

    Raises
    ------
    OSError, ValueError, KeyError
        If the file is missing, is not such a file, or lacks a column.
    """
    with np.load(folder / f"{kind}.npz", allow_pickle=False) as arrays:
        names = [field.name for field in fields(StudyInputs)[1:]]
        return StudyInputs(kind, **{name: arrays[name] for name in names})
