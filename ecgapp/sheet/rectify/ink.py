"""Curves and print, told from paper and grid on a page at canonical scale."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.rectify.grid_darkness import grid_darkness
from ecgapp.sheet.rectify.illumination import bare_paper, darkness_to_all
from ecgapp.sheet.rectify.paper import even_places, table_around

# Pixels of the canonical scale, made from millimetres of paper, and shares of the paper's
# brightness, set by hand on drawn photographs (`ecgapp.synthesis.degrade`) and on those of the
# development data; none was measured on its own.

# Print is nowhere wider.
_REACH_PX = 4.0 * PX_PER_MM
# Along a grid line, the darkness of the line shows over this length.
_LINE_PX = round(12.0 * PX_PER_MM)
# Under a darker grid there is nothing to be seen.
_MAX_GRID = np.float32(0.9)
# Share of the page that is darkest and taken for ink, and how dark ink is at least.
_INK_SHARE = 0.006
_MIN_INK = 0.12
# Neighbourhood in which ink is equally dark, and across which a stroke is the darkest spot.
_INK_REACH_PX = 30.0 * PX_PER_MM
_STROKE_REACH_PX = round(3.0 * PX_PER_MM)
# Shares of full strength at which paper ends and ink begins.
_PAPER_BELOW, _INK_ABOVE = 0.22, 0.66
# Blur that makes up for where between its pixels the upload has a stroke, in pixels of the upload.
_SOURCE_BLUR = 0.5
# Grey below which ink hangs together.
_ANY_INK_BELOW = 200
# Spots of ink that are smaller are no print.
_SPECK_PX = round(0.35 * PX_PER_MM**2)

# Strokes are nowhere wider, the bold ones of names apart.
_STROKE_PX = 1.5 * PX_PER_MM
# How far the shadow of the page's edge reaches, in pixels of the reduced picture.
_EDGE_SHADOW_PX = 5


def clean_page(
    rgb: NDArray[np.uint8],
    on_page: NDArray[np.bool_],
    inner_points: NDArray[np.float64],
    source_px: float,
    origin_mm: tuple[float, float] | None,
) -> NDArray[np.uint8]:
    """Leave only the ink of a page: light, paper, grid and what lies around become white.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, 3), uint8
        The page, upright, at canonical scale.
    on_page : ndarray, shape (height, width), bool
        What of it the upload shows.
    inner_points : ndarray, shape (n, 2)
        x and y of points that surely lie on the paper.
    source_px : float
        Size of the upload's pixels, in those of the page.
    origin_mm : tuple of float or None
        x and y of the page's top left corner on its grid, millimetres; None without a grid.

    Returns
    -------
    ndarray, shape (height, width), uint8
        Dark where there is ink, 255 elsewhere, with soft edges.
    """
    # The table is found on one core while the print is told from the paper on this one.
    with ThreadPoolExecutor(1) as beside:
        around = beside.submit(_around_paper, rgb, on_page, inner_points)
        # Black takes light of every colour, a coloured grid leaves the light of its own colour.
        darkness = darkness_to_all(rgb, bare_paper(rgb, _REACH_PX), _REACH_PX)
        darkness[~on_page | around.result()] = 0
    if origin_mm is not None:
        darkness = _without(darkness, grid_darkness(darkness, origin_mm))
    # A thin stroke between two pixels is half as dark in both of them.
    darkness = _blurred(darkness, _SOURCE_BLUR * source_px)
    strength = np.minimum(darkness / _full_strength(darkness), np.float32(_INK_ABOVE))
    greys = 255 / (_INK_ABOVE - _PAPER_BELOW)
    # What is paler than paper is above 255 here, and becomes 255.
    gray = np.asarray(
        cv2.convertScaleAbs(strength, alpha=-greys, beta=greys * _INK_ABOVE), np.uint8
    )
    np.put(gray, _specks(gray), 255)
    return gray


def _blurred(darkness: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(darkness, (0, 0), sigma_px), np.float32)


def _around_paper(
    rgb: NDArray[np.uint8], on_page: NDArray[np.bool_], inner_points: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where the picture shows the table, and the page's shadow on it."""
    table = table_around(even_places(rgb, _STROKE_PX), on_page, inner_points)
    reach = 2 * _EDGE_SHADOW_PX + 1
    wide = cv2.dilate(table.astype(np.uint8), np.ones((reach, reach), np.uint8))
    size = on_page.shape[1], on_page.shape[0]
    return np.asarray(cv2.resize(wide, size, interpolation=cv2.INTER_NEAREST) > 0)


def _without(
    darkness: NDArray[np.float32], below: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Take away what lies below the ink: the light that passes both is the product."""
    if below is None:
        return darkness
    below = np.minimum(below, _MAX_GRID)
    above = np.subtract(darkness, below)
    # In place, for a page is larger than the processor's cache.
    np.divide(above, np.subtract(np.float32(1), below, out=below), out=above)
    return np.maximum(above, 0, out=above)


def _page_strength(darkness: NDArray[np.float32]) -> float:
    """How dark the darkest print of the page is."""
    return max(_MIN_INK, float(np.quantile(darkness[::3, ::3], 1 - _INK_SHARE)))


def _full_strength(darkness: NDArray[np.float32]) -> NDArray[np.float32]:
    """How dark strokes are around every pixel: the median of the darkest spots of all columns."""
    page = _page_strength(darkness)
    thin = np.ascontiguousarray(darkness[:, ::3])
    column = np.ones((_STROKE_REACH_PX, 1), np.uint8)
    peaks = (thin == cv2.dilate(thin, column)) & (thin > 0.25 * page)
    height, width = darkness.shape
    rows, columns = (max(1, round(side / _INK_REACH_PX)) for side in (height, width))
    strengths = np.full((rows, columns), np.nan, np.float32)
    blocks = zip(np.array_split(thin, rows), np.array_split(peaks, rows), strict=True)
    for row, (values, is_peak) in enumerate(blocks):
        split = zip(
            np.array_split(values, columns, axis=1),
            np.array_split(is_peak, columns, axis=1),
            strict=True,
        )
        for place, (part, part_peaks) in enumerate(split):
            if part_peaks.sum() > 10:
                strengths[row, place] = np.median(part[part_peaks])
    known = ~np.isnan(strengths)
    weights = cv2.GaussianBlur(known.astype(np.float32), (0, 0), 1.0) + 1e-3
    filled = cv2.GaussianBlur(np.where(known, strengths, np.float32(0)), (0, 0), 1.0)
    smooth = (filled + np.float32(1e-3 * page)) / weights
    return np.asarray(cv2.resize(smooth, (width, height)), np.float32)


def _specks(gray: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Pixels, by their number in the flat picture, whose ink lies in spots too small for print."""
    ink = gray < _ANY_INK_BELOW
    _, parts = cv2.connectedComponents(ink.view(np.uint8))
    # Few pixels are ink; OpenCV's own areas take four times as long, the paper's among them.
    inked = np.flatnonzero(ink)
    part = np.asarray(parts).ravel()[inked]
    small = np.bincount(part) < _SPECK_PX
    return np.asarray(inked[small[part]])
