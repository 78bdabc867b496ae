"""A set of model windows in memory and in one compact file: all that training needs.

The file is a plain ``.npz``, so that training can run where neither the sheets nor the image
libraries are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import NAMED_LEADS

# The order of the outputs of models to be trained; a trained model's is in its metadata.
CLASSES = ("normal", "abnormal_heartbeat", "mi", "history_of_mi")


@dataclass(frozen=True)
class WindowSet:
    """Windows and where each comes from; every array has one entry a window.

    Attributes
    ----------
    images : ndarray of uint8, (n, 150, 150)
        Ink 255 on 0, as :func:`ecgapp.digitize.leads.model_windows` cuts them.
    sheet : ndarray of str, (n,)
        SHA-256 of the original sheet file, as in the manifest.
    label, layout : ndarray of str, (n,)
        The sheet's label and the layout that was found on it (``3x4``, ``6x2``).
    session, fold : ndarray of int64, (n,)
        The sheet's recording session, and the cross-validation fold in which the session lies.
    lead : ndarray of str, (n,)
        ``I`` .. ``V6`` or ``rhythm``.
    window : ndarray of int64, (n,)
        Number of the window within its lead, from 0.
    preprocessing_version : ndarray of int64, ()
        Version of the preprocessing that made the windows.
    """

    images: NDArray[np.uint8]
    sheet: NDArray[np.str_]
    label: NDArray[np.str_]
    layout: NDArray[np.str_]
    session: NDArray[np.int64]
    fold: NDArray[np.int64]
    lead: NDArray[np.str_]
    window: NDArray[np.int64]
    preprocessing_version: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def inputs(self, rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        """Take what the nets read of some windows.

        Returns
        -------
        list of ndarray
            Windows, (n, 150, 150, 1) uint8, and lead numbers in ``NAMED_LEADS``, (n,) int32.
        """
        numbers = [NAMED_LEADS.index(str(lead)) for lead in self.lead[rows]]
        return [self.images[rows][..., None], np.array(numbers, dtype=np.int32)]

    def describe(self) -> dict[str, Any]:
        """Say what a model that was trained on this set reads, for its ``metadata.json``."""
        height, width = self.images.shape[1:]
        return {
            "leads": list(NAMED_LEADS),
            "input": {"height": height, "width": width, "channels": 1, "dtype": "uint8"},
        }

    def digest(self) -> str:
        """SHA-256 over all windows and their rows: equal for equal training data."""
        sha256 = hashlib.sha256()
        for name, values in self.arrays().items():
            # Text arrays are as wide as their longest entry: hash the entries, not the padding.
            content = "\n".join(values).encode() if values.dtype.kind == "U" else values.tobytes()
            sha256.update(name.encode() + content)
        return sha256.hexdigest()

    def save(self, path: Path) -> None:
        """Write the set to one compressed ``.npz`` file (about 1.1 KB a window)."""
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **self.arrays())


def load_windows(path: Path) -> WindowSet:
    """Read a file that :meth:`WindowSet.save` wrote.

    Raises
    ------
    OSError, ValueError, KeyError
        If the file is missing, is not such a file, or lacks a column.
    """
    with np.load(path, allow_pickle=False) as arrays:
        return WindowSet(**{field.name: arrays[field.name] for field in fields(WindowSet)})
