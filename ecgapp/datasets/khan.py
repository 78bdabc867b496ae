"""The labelled sheets of a data folder -> the windows that models train on.

A sheet's windows are cached on disk, so that building again costs seconds.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ecgapp.datasets.reading_cache import Arrays, cached_arrays
from ecgapp.datasets.window_set import CLASSES, WindowSet
from ecgapp.digitize.leads import PREPROCESSING_VERSION, cut_leads, model_windows
from ecgapp.errors import Refusal
from ecgapp.io.pages import read_page
from ecgapp.io.text_table import read_text_table
from ecgapp.sheet.edan import locate_native

MANIFEST = Path("khan", "manifest.csv")
MANIFEST_COLUMNS = ("file", "label", "layout", "session", "fold", "copies_in_v2", "sha256")
TWELVE_LEAD_LAYOUTS = ("edan_3x4", "edan_6x2")
# Nearly all COVID sheets: printed by other devices, on which the leads are not looked for.
OTHER_DEVICE = "other"


@dataclass(frozen=True)
class LabelledSheet:
    """One labelled sheet of the data set.

    Attributes
    ----------
    path : Path
    sheet : str
        SHA-256 of the original file.
    label : str
    session, fold : int
        Recording session, and the cross-validation fold in which it lies.
    copies_in_v2 : int
        How often version 2 of the data set holds the sheet.
    may_be_unlocated : bool
        Whether it comes from another device, so that its leads need not be found.
    """

    path: Path
    sheet: str
    label: str
    session: int
    fold: int
    copies_in_v2: int = 1
    may_be_unlocated: bool = False


@dataclass(frozen=True)
class SheetWindows:
    """All windows of one sheet, or why it was refused.

    Attributes
    ----------
    images : ndarray of uint8, (n, 150, 150)
    lead : ndarray of str, (n,)
    layout : str
    refusal : str
        Empty when the sheet was read.
    """

    images: NDArray[np.uint8]
    lead: NDArray[np.str_]
    layout: str
    refusal: str


def read_manifest(data: Path, classes: Iterable[str] = CLASSES) -> list[LabelledSheet]:
    """List the twelve-lead sheets of some classes, those of other devices too.

    Parameters
    ----------
    data : Path
        The folder that holds ``manifest.csv``, or the one above it.
    classes : iterable of str
        Labels to keep.

    Returns
    -------
    list of LabelledSheet

    Raises
    ------
    FileNotFoundError
        If the folder holds no manifest.
    Refusal
        ``bad_manifest`` if the manifest lacks a column.
    """
    wanted = set(classes)
    manifest = manifest_path(data)
    table = read_text_table(manifest)
    if lacking := [name for name in MANIFEST_COLUMNS if name not in table.columns]:
        raise Refusal(
            "bad_manifest",
            "Reading the manifest",
            f"Reading the manifest: {manifest.name} lacks {', '.join(lacking)}, and needs the "
            f"columns {', '.join(MANIFEST_COLUMNS)}.",
        )
    return [
        LabelledSheet(
            path=manifest.parent / "sheets" / row["file"],
            sheet=row["sha256"],
            label=row["label"],
            session=int(row["session"]),
            fold=int(row["fold"]),
            copies_in_v2=int(row["copies_in_v2"]),
            may_be_unlocated=row["layout"] == OTHER_DEVICE,
        )
        for row in table.to_dict("records")
        if row["label"] in wanted and row["layout"] in (*TWELVE_LEAD_LAYOUTS, OTHER_DEVICE)
    ]


def manifest_path(data: Path) -> Path:
    """Find the manifest in a data folder or in its subfolder ``khan``.

    Raises
    ------
    FileNotFoundError
        If it is in neither.
    """
    for path in (data / MANIFEST.name, data / MANIFEST):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{data} holds neither {MANIFEST.name} nor {MANIFEST}")


def build_windows(manifest: list[LabelledSheet], cache: Path) -> tuple[WindowSet, dict[Path, str]]:
    """Read every sheet in the manifest, in parallel and from the cache where it can.

    Parameters
    ----------
    manifest : list of LabelledSheet
    cache : Path
        Folder of cached windows; made if it is missing.

    Returns
    -------
    windows : WindowSet
        In the manifest's order.
    refusals : dict of Path to str
        The sheets that were refused, and why.
    """
    folder = cache / "windows"
    with image_workers() as pool:
        read = pool.map(
            _cached_sheet, [row.path for row in manifest], [folder] * len(manifest), chunksize=8
        )
        sheets = list(track(read, description="Reading sheets", total=len(manifest)))
    refusals = {
        row.path: sheet.refusal
        for row, sheet in zip(manifest, sheets, strict=True)
        if sheet.refusal
    }
    return _join(manifest, sheets), refusals


def image_workers() -> ProcessPoolExecutor:
    """Start a process for every core, each with one OpenCV thread.

    Spawned, not forked: a fork of a process whose OpenCV has threads already hangs.
    """
    return ProcessPoolExecutor(
        os.cpu_count(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_keep_to_one_thread,
    )


def _keep_to_one_thread() -> None:
    cv2.setNumThreads(1)


def _join(manifest: list[LabelledSheet], sheets: list[SheetWindows]) -> WindowSet:
    n_windows = [len(sheet.images) for sheet in sheets]

    def repeat(values: Iterable[str | int]) -> NDArray:  # type: ignore[type-arg]
        return np.repeat(np.array(list(values)), n_windows)

    lead = np.concatenate([sheet.lead for sheet in sheets])
    number_in_sheet = repeat(range(len(sheets)))
    window = np.zeros(len(lead), dtype=np.int64)
    # A lead's windows follow one another.
    for i in range(1, len(lead)):
        if lead[i] == lead[i - 1] and number_in_sheet[i] == number_in_sheet[i - 1]:
            window[i] = window[i - 1] + 1
    return WindowSet(
        images=np.concatenate([sheet.images for sheet in sheets]),
        sheet=repeat(row.sheet for row in manifest),
        label=repeat(row.label for row in manifest),
        layout=repeat(sheet.layout for sheet in sheets),
        session=repeat(row.session for row in manifest),
        fold=repeat(row.fold for row in manifest),
        lead=lead,
        window=window,
        preprocessing_version=np.array(PREPROCESSING_VERSION),
    )


def _cached_sheet(path: Path, cache: Path) -> SheetWindows:
    arrays = cached_arrays(path, cache, _read_sheet)
    return SheetWindows(
        arrays["images"], arrays["lead"], str(arrays["layout"]), str(arrays["refusal"])
    )


def _read_sheet(data: bytes) -> Arrays:
    layout, refusal = "", ""
    images, lead = np.zeros((0, 150, 150), dtype=np.uint8), np.zeros(0, dtype="<U6")
    try:
        located = locate_native(read_page(data))
        windows = {name: model_windows(one) for name, one in cut_leads(located).items()}
        images = np.concatenate(list(windows.values()))
        lead = np.repeat(list(windows), [len(of_lead) for of_lead in windows.values()])
        layout = located.layout.name
    except Refusal as reason:
        refusal = str(reason)
    return {
        "images": images,
        "lead": lead,
        "layout": np.array(layout),
        "refusal": np.array(refusal),
    }
