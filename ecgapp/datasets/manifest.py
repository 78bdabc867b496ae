"""Makes the manifest of a folder of labelled sheets: sessions, layouts, and folds to judge on.

The known machine prints an id into its header. It is not read: sheets whose printed ids are the
same picture are one recording session, and no id is kept. Sheets of other devices have no such id,
and each is a session of its own.

On the 1,352 sheets of the known machine among the public data, 651 of 654 printed ids hold just the
sheets of one session of the manifest that came with them. Three ids (20, 2 and 2 sheets) are one
session here and 24 there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgapp.datasets.khan import OTHER_DEVICE, image_workers
from ecgapp.datasets.splits import grouped_stratified
from ecgapp.errors import Refusal
from ecgapp.io.pages import read_page
from ecgapp.sheet.edan import INK_BELOW, locate_native
from ecgapp.synthesis.edan_geometry import PAGE_HEIGHT_PX, PAGE_WIDTH_PX

COLUMNS = {
    "file": "path below sheets/: label/name",
    "label": "name of the folder that holds the file",
    "layout": "edan_3x4 or edan_6x2, other (another device), or unclear (no twelve-lead sheet)",
    "session": "number of the recording session: sheets with one printed id",
    "fold": "number of the fold, from 0; no session lies in two",
    "width_px": "width of the original picture, pixels",
    "height_px": "height of the original picture, pixels",
    "copies_in_v2": "files with the very same content in the folder; only the first is listed",
    "has_original": "whether originals/ holds the file that this one was converted from",
    "sha256": "of the original file's content, or of this one's where there is no original",
}
N_FOLDS = 5  # of the shipped figures
UNCLEAR = "unclear"

# Where the known machine prints its id, pixels: below its title, left of age and sex.
_ID_ROWS, _ID_COLUMNS = slice(60, 98), slice(60, 250)


@dataclass(frozen=True)
class _Sheet:
    """What is found on one sheet; the printed id as a checksum, empty where there is none."""

    sha256: str
    layout: str
    printed_id: str
    width_px: int
    height_px: int
    has_original: bool


def build_manifest(folder: Path, seed: int = 0) -> pd.DataFrame:
    """Find sessions and layouts of the sheets of a folder, and deal the sessions into folds.

    Parameters
    ----------
    folder : Path
        Holds ``sheets/<label>/<file>`` and may hold ``originals/<label>/<name>.jpg``.
    seed : int
        Of the order in which sessions of one size are dealt.

    Returns
    -------
    pandas.DataFrame
        The `COLUMNS`, one row a different picture, in the order of the paths.

    Raises
    ------
    Refusal
        ``no_class_folders`` if there are no sheets.
    """
    paths = sorted(path for path in (folder / "sheets").glob("*/*") if path.is_file())
    if not paths:
        raise Refusal(
            "no_class_folders",
            "Making the manifest",
            f"Making the manifest: {folder.name} holds no file sheets/LABEL/NAME, where one "
            "folder a label is needed.",
        )
    with image_workers() as pool:
        found = list(pool.map(_examine, paths, [folder] * len(paths), chunksize=8))
    table = pd.DataFrame([vars(sheet) for sheet in found])
    table["file"] = [path.relative_to(folder / "sheets").as_posix() for path in paths]
    table["label"] = [path.parent.name for path in paths]
    table["copies_in_v2"] = table.groupby("sha256")["sha256"].transform("size")
    table = table.drop_duplicates("sha256", ignore_index=True)
    alone = pd.Series([f"no id {number}" for number in table.index])
    table["session"] = pd.factorize(table["printed_id"].where(table["printed_id"] != "", alone))[0]
    table["fold"] = grouped_stratified(
        (table["label"] + " " + table["layout"]).to_numpy(str),
        table["session"].to_numpy(np.int64),
        [1] * N_FOLDS,
        seed,
    )
    return table[list(COLUMNS)]


def printed_id(gray: NDArray[np.uint8]) -> str:
    """Tell the printed ids of the known machine's sheets apart.

    Parameters
    ----------
    gray : ndarray of uint8, (height, width)
        A page.

    Returns
    -------
    str
        SHA-256 of the id's picture; empty for a page of another size, or without an id.
    """
    ink = gray[_ID_ROWS, _ID_COLUMNS] < INK_BELOW
    if gray.shape != (PAGE_HEIGHT_PX, PAGE_WIDTH_PX) or not ink.any():
        return ""
    return hashlib.sha256(np.packbits(ink).tobytes()).hexdigest()


def _examine(path: Path, folder: Path) -> _Sheet:
    content = path.read_bytes()
    original = folder / "originals" / path.parent.name / f"{path.stem}.jpg"
    has_original = original.is_file()
    page = read_page(content)
    height_px, width_px = page.gray.shape
    layout, found_id = OTHER_DEVICE, ""
    if page.gray.shape == (PAGE_HEIGHT_PX, PAGE_WIDTH_PX):
        found_id = printed_id(page.gray)
        try:
            layout = f"edan_{locate_native(page).layout.name}"
        except Refusal:
            layout = UNCLEAR
    sha256 = hashlib.sha256(original.read_bytes() if has_original else content).hexdigest()
    return _Sheet(sha256, layout, found_id, width_px, height_px, has_original)
