"""The labelled sheets of a data folder -> what the nets of the study read, of every kind.

The kinds follow the sources' own steps, but for one: the leads are cut where they were found on
the sheet rather than at fixed places, and of each lead its first 2.5 s, so that a lead of a 6x2
sheet is drawn to the same scale as one of a 3x4 sheet.

A sheet's images are cached on disk, all kinds together: to decode a sheet costs more than to cut
it up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from rich.progress import track

from ecgapp.benchmark.published.inputs import INPUT_KINDS, StudyInputs
from ecgapp.datasets.khan import LabelledSheet, build_windows, image_workers
from ecgapp.datasets.printed_rate import printed_rate_bpm
from ecgapp.datasets.reading_cache import Arrays, cached_arrays
from ecgapp.digitize.leads import WINDOW_SECONDS
from ecgapp.ecg import LEADS, NAMED_LEADS, PX_PER_S, RHYTHM_STRIP
from ecgapp.errors import Refusal
from ecgapp.io.pages import read_page
from ecgapp.sheet.edan import locate_native
from ecgapp.sheet.located import LocatedSheet

WINDOW_KIND = "lead_windows"

# The steps of the lead-wise project, as its source has them, but for the offset, which is raised so
# that the grid goes.
CONTRAST = 1.2
SHARPNESS = 1.1
BLUR_PX = 5
THRESHOLD_BLOCK_PX = 31
THRESHOLD_OFFSET = 30
SPECK_PX = 3
DILATION_PX = 3


def page_of(side: tuple[int, int]) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Make a function that shrinks a page to (height, width) by area interpolation."""

    def shrink(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return _resize(gray, side)[None]

    return shrink


def thirteen_leads(sheet: LocatedSheet) -> NDArray[np.uint8]:
    """Cut, invert, dilate by 3x3 and shrink every lead.

    Parameters
    ----------
    sheet : LocatedSheet

    Returns
    -------
    ndarray of uint8, (1, 13, 64, 64)
        Leads in the order of ``NAMED_LEADS``, ink bright. A rhythm strip that the sheet does not
        have is blank, 0.
    """
    shape = INPUT_KINDS["leads_13x64"]
    stack = np.zeros(shape, np.uint8)
    kernel = np.ones((DILATION_PX, DILATION_PX), np.uint8)
    for name in sheet.boxes:
        inverted = 255 - _crop(sheet, name)
        dilated = np.asarray(cv2.dilate(inverted, kernel), np.uint8)
        stack[NAMED_LEADS.index(name)] = _resize(dilated, shape[1:])
    return stack[None]


def enhanced_leads(sheet: LocatedSheet) -> NDArray[np.uint8]:
    """Enhance the twelve leads and take their background out.

    Contrast and sharpness are raised; then Gaussian blur, adaptive threshold, and a morphological
    opening, which removes what is left of the grid.

    Parameters
    ----------
    sheet : LocatedSheet

    Returns
    -------
    ndarray of uint8, (12, 128, 128)
        In the order of ``LEADS``, ink bright on 0.
    """
    shape = INPUT_KINDS["leads_128"]
    return np.stack([_resize(find_ink(_crop(sheet, name)), shape) for name in LEADS])


def find_ink(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Separate ink from grid; see :func:`enhanced_leads`.

    Parameters
    ----------
    crop : ndarray of uint8, (height, width)

    Returns
    -------
    ndarray of uint8, (height, width)
        Ink 255 on 0.
    """
    image = ImageEnhance.Contrast(Image.fromarray(crop)).enhance(CONTRAST)
    image = ImageEnhance.Sharpness(image).enhance(SHARPNESS)
    smooth = cv2.GaussianBlur(np.asarray(image), (BLUR_PX, BLUR_PX), 0)
    ink = cv2.adaptiveThreshold(
        smooth,
        255,
        cv2.ADAPTIVE_THRESH_GAUSSIAN_C,
        cv2.THRESH_BINARY_INV,
        THRESHOLD_BLOCK_PX,
        THRESHOLD_OFFSET,
    )
    kernel = np.ones((SPECK_PX, SPECK_PX), np.uint8)
    return np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, kernel), dtype=np.uint8)


def printed_rate(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Read the heart rate in a page's footer, (1, 1); 0 where there is none to be read."""
    return np.array([[printed_rate_bpm(gray) or 0]], dtype=np.uint8)


# Kind -> how it is made; sizes are rows and columns.
PAGE_KINDS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "page_128": page_of((128, 128)),
    "page_182x256": page_of((182, 256)),
    "printed_rate": printed_rate,
}
LEAD_KINDS = {"leads_13x64": thirteen_leads, "leads_128": enhanced_leads}


def _crop(sheet: LocatedSheet, lead: str) -> NDArray[np.uint8]:
    """Cut the first 2.5 s of a lead, or the whole rhythm strip."""
    box = sheet.boxes[lead]
    right = box.right
    if lead != RHYTHM_STRIP:
        right = min(right, box.left + round(WINDOW_SECONDS * PX_PER_S))
    return sheet.gray[box.top : box.bottom, box.left : right]


def _resize(image: NDArray[np.uint8], side: tuple[int, ...]) -> NDArray[np.uint8]:
    height, width = side
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True)
class SheetImages:
    """What one sheet gives to one kind; no image where its leads were needed and not found."""

    images: NDArray[np.uint8]
    layout: str
    refusal: str


def build_inputs(
    rows: Sequence[LabelledSheet], kind: str, cache: Path
) -> tuple[StudyInputs, dict[Path, str]]:
    """Cut up every sheet for one kind, in parallel and from the cache where it can.

    Parameters
    ----------
    rows : sequence of LabelledSheet
    kind : str
        A key of ``INPUT_KINDS``.
    cache : Path
        Folder of cached images; made if it is missing.

    Returns
    -------
    inputs : StudyInputs
        In the rows' order. Sheets of another device, on which no leads can be found, are in it
        only where the whole page is read.
    refusals : dict of Path to str
        The sheets that are not in it, and why.
    """
    if kind == WINDOW_KIND:
        return _windows_as_inputs(rows, cache)
    folder = cache / "study"
    with image_workers() as pool:
        read = pool.map(
            _cached_images,
            [row.path for row in rows],
            [row.may_be_unlocated for row in rows],
            [kind] * len(rows),
            [folder] * len(rows),
            chunksize=8,
        )
        sheets = list(track(read, description=f"Reading sheets: {kind}", total=len(rows)))
    refusals = {row.path: one.refusal for row, one in zip(rows, sheets, strict=True) if one.refusal}
    return _join(rows, sheets, kind), refusals


def _join(rows: Sequence[LabelledSheet], sheets: list[SheetImages], kind: str) -> StudyInputs:
    n_images = [len(sheet.images) for sheet in sheets]
    names = LEADS if kind == "leads_128" else ("",)
    n_kept = sum(1 for n in n_images if n)

    def repeat(values: list[Any]) -> NDArray[Any]:
        return np.repeat(np.array(values), n_images)

    return StudyInputs(
        kind=kind,
        images=np.concatenate([sheet.images for sheet in sheets]),
        sheet=repeat([row.sheet for row in rows]),
        label=repeat([row.label for row in rows]),
        layout=repeat([sheet.layout for sheet in sheets]),
        session=repeat([row.session for row in rows]),
        fold=repeat([row.fold for row in rows]),
        lead=np.tile(np.array(names), n_kept),
        copies_in_v2=repeat([row.copies_in_v2 for row in rows]),
    )


def _windows_as_inputs(
    rows: Sequence[LabelledSheet], cache: Path
) -> tuple[StudyInputs, dict[Path, str]]:
    windows, refusals = build_windows(list(rows), cache)
    copies = {row.sheet: row.copies_in_v2 for row in rows}
    inputs = StudyInputs(
        kind=WINDOW_KIND,
        images=windows.images,
        sheet=windows.sheet,
        label=windows.label,
        layout=windows.layout,
        session=windows.session,
        fold=windows.fold,
        lead=windows.lead,
        copies_in_v2=np.array([copies[str(sheet)] for sheet in windows.sheet], dtype=np.int64),
    )
    return inputs, refusals


def _cached_images(path: Path, may_be_unlocated: bool, kind: str, cache: Path) -> SheetImages:
    arrays = cached_arrays(path, cache, read_sheet)
    layout, refusal = str(arrays["layout"]), str(arrays["refusal"])
    if refusal and not (may_be_unlocated and kind in PAGE_KINDS):
        empty = np.zeros((0, *INPUT_KINDS[kind]), np.uint8)
        return SheetImages(empty, layout, refusal)
    return SheetImages(arrays[kind], layout, "")


def read_sheet(data: bytes) -> Arrays:
    """Cut up one sheet for every kind but the model windows.

    Parameters
    ----------
    data : bytes
        An image file.

    Returns
    -------
    dict of str to ndarray
        Images by kind, (n, ...) uint8; ``layout``, and ``refusal``, empty when the leads were
        found. Without leads there are the pages only, and without a page nothing.
    """
    found: Arrays = {}
    layout, refusal = "other", ""
    try:
        page = read_page(data)
        found |= {kind: shrink(page.gray) for kind, shrink in PAGE_KINDS.items()}
        sheet = locate_native(page)
        layout = sheet.layout.name
        found |= {kind: cut(sheet) for kind, cut in LEAD_KINDS.items()}
    except Refusal as reason:
        refusal = str(reason)
    return found | {"layout": np.array(layout), "refusal": np.array(refusal)}
