"""Print on an aligned page that its cleaned picture lacks.

Curves are found by the light that they take of every colour, as black ink does; lead names may be
printed in a colour that only looks like the grid's. What tells them from it is their shape: no
letter has strokes as long as a grid's lines. Lines of black print that run along a line of the
grid, or beside the paper's edge, are taken for these there.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.rectify.align import AlignedPage, reduced
from ecgapp.sheet.rectify.illumination import bare_paper, darkness_to_all, darkness_to_any

# Pixels of the canonical scale and shares, set by hand on a picture with blue names on a blue grid
# and on drawn machines with such; none was measured on its own.

# Print is nowhere wider.
_REACH_PX = 4.0 * PX_PER_MM
# Letters have no strokes so long; gaps in lines, as between dots, are shorter than these; and lines
# lie no further from where they should, nor are their blurred edges wider.
_LINE_PX, _GAP_PX, _ASIDE_PX = round(10.0 * PX_PER_MM), round(1.3 * PX_PER_MM), 3
# Share of the page that is darkest, and shares of its darkness at which paper ends and ink begins.
_INK_SHARE, _PAPER_BELOW, _INK_ABOVE = 0.006, 0.3, 0.7
_MIN_INK = 0.12
# Below a darker line there is nothing to be seen.
_MAX_LINE = 0.9
# How far above and below a page headers and footers are looked for, pixels.
_BEYOND_PX = round(20.0 * PX_PER_MM)


def coloured_ink(page: AlignedPage) -> NDArray[np.uint8]:
    """Show print of every colour.

    Parameters
    ----------
    page : AlignedPage

    Returns
    -------
    ndarray, shape of ``page.gray``, uint8
        Ink dark on 255. Where the paper was bent, a little beside its place on ``page.gray``.
    """
    rgb = _upload_on_page(page)
    darkness = darkness_to_any(rgb, bare_paper(rgb, _REACH_PX), _REACH_PX)
    # In whole levels lines are found in a quarter of the time.
    levels = np.asarray(cv2.convertScaleAbs(darkness, alpha=255), np.uint8)
    lines = np.maximum(_lines(levels, 1), _lines(levels, 0)).astype(np.float32)
    lines = np.minimum(lines / 255, np.float32(_MAX_LINE))
    return _gray(np.maximum((darkness - lines) / (1 - lines), 0))


def black_ink(page: AlignedPage) -> NDArray[np.uint8]:
    """Show black print, be it along the grid's lines, beside the paper's edge or far from the grid.

    Parameters
    ----------
    page : AlignedPage

    Returns
    -------
    ndarray, shape (height, width), uint8
        Ink dark on 255, and what is left of a dark grid, or of the table around the paper. As wide
        as ``page.gray``, and higher as far as the upload reaches above and below it, but by no more
        than 20 mm each.
    """
    rgb = _upload_on_page(page, *_rows_beyond(page))
    return _gray(darkness_to_all(rgb, bare_paper(rgb, _REACH_PX), _REACH_PX))


def _rows_beyond(page: AlignedPage) -> tuple[int, int]:
    """How many rows above and below a page the upload shows, but no more than are looked at."""
    height, width = page.upload.shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    on_page = cv2.perspectiveTransform(corners, np.linalg.inv(page.to_upload))[0, :, 1]
    beyond = np.clip([-on_page.min(), on_page.max() - len(page.gray)], 0, _BEYOND_PX)
    above, below = beyond.astype(int).tolist()
    return above, below


def _upload_on_page(page: AlignedPage, above: int = 0, below: int = 0) -> NDArray[np.uint8]:
    """Bring the upload to where a page shows it, and so many rows above and below."""
    height, width = page.gray.shape
    whole = page.upload.shape[1::-1]
    # Finer uploads are reduced first, so that no thin stroke falls between pixels.
    upload = reduced(page.upload, page.px_per_mm / PX_PER_MM)
    size = upload.shape[1::-1]
    seen = width, above + height + below
    to_page = np.array([[1, 0, 0], [0, 1, -above], [0, 0, 1]])
    to_upload = np.diag([size[0] / whole[0], size[1] / whole[1], 1.0]) @ page.to_upload @ to_page
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(
        upload, to_upload, seen, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def _gray(darkness: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Ink dark on 255, full where it is about as dark as the page's darkest."""
    full = max(_MIN_INK, float(np.quantile(darkness[::3, ::3], 1 - _INK_SHARE)))
    ink = np.clip((darkness / full - _PAPER_BELOW) / (_INK_ABOVE - _PAPER_BELOW), 0, 1)
    return np.asarray(255 - np.round(255 * ink), np.uint8)


def _lines(darkness: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    """How dark the long straight lines along an axis (1: level, 0: upright) are."""

    def along(length: int, across: int = 1) -> NDArray[np.uint8]:
        return np.ones((across, length) if axis else (length, across), np.uint8)

    joined = cv2.morphologyEx(darkness, cv2.MORPH_CLOSE, along(_GAP_PX))
    beside = cv2.dilate(joined, along(1, _ASIDE_PX))
    opened = cv2.morphologyEx(beside, cv2.MORPH_OPEN, along(_LINE_PX))
    return np.asarray(cv2.dilate(opened, along(1, _ASIDE_PX)), np.uint8)
