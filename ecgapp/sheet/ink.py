"""Curves and print, told from paper and grid on a page at canonical scale."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.illumination import absorption
from ecgapp.sheet.layouts import PX_PER_MM

# Print is nowhere wider.
_PRINT_REACH_MM = 4.0
# Along a grid line, the darkness of the line shows over this length.
_LINE_MM = 12.0
# The darkest part of the page that is taken for ink at full strength, and how dark it is at least.
_INK_SHARE = 0.006
_MIN_INK = 0.12
# Neighbourhood in which ink is as dark as elsewhere on the page.
_INK_REACH_MM = 30.0
# Shares of full strength at which paper ends and ink begins.
_PAPER_BELOW, _INK_ABOVE = 0.28, 0.78
# Darker specks than this part of a square millimetre are print.
_SPECK_MM2 = 0.35


def clean(rgb: NDArray[np.uint8], on_page: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """Leave only the ink of a page: light, paper and grid become white.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, 3), uint8
        The page, upright, at canonical scale.
    on_page : ndarray of bool, shape (height, width), optional
        Where the page is; everything else becomes white.

    Returns
    -------
    ndarray, shape (height, width), uint8
        Dark where there is ink, 255 elsewhere, with soft edges.
    """
    taken = absorption(rgb, _PRINT_REACH_MM * PX_PER_MM)
    # Black takes light of every colour, a coloured grid leaves the light of its own colour.
    darkness = taken.min(axis=2)
    if on_page is not None:
        darkness[~on_page] = 0
    darkness = _without_lines(darkness)
    strength = darkness / _full_strength(darkness)
    ink = np.clip((strength - _PAPER_BELOW) / (_INK_ABOVE - _PAPER_BELOW), 0, 1)
    gray = np.asarray(255 - np.round(255 * ink), dtype=np.uint8)
    gray[_specks(gray)] = 255
    return gray


def _without_lines(darkness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take out what runs on along rows and columns and is fainter than ink, as grid lines are."""
    faint = np.minimum(darkness, np.float32(0.5 * _page_strength(darkness)))
    length = round(_LINE_MM * PX_PER_MM)
    along_rows = cv2.blur(faint, (length, 1))
    along_columns = cv2.blur(faint, (1, length))
    return np.maximum(darkness - np.maximum(along_rows, along_columns), 0)


def _page_strength(darkness: NDArray[np.float32]) -> float:
    sample = darkness[::3, ::3]
    return max(_MIN_INK, float(np.quantile(sample, 1 - _INK_SHARE)))


def _full_strength(darkness: NDArray[np.float32]) -> NDArray[np.float32]:
    """How dark ink is around every pixel."""
    page = _page_strength(darkness)
    block = round(_INK_REACH_MM * PX_PER_MM / 4)
    height, width = darkness.shape
    rows, columns = max(1, height // block), max(1, width // block)
    strengths = np.empty((rows, columns), np.float32)
    for row, band in enumerate(np.array_split(darkness, rows)):
        for column, part in enumerate(np.array_split(band, columns, axis=1)):
            ink = part[part > 0.4 * page]
            strengths[row, column] = np.quantile(ink, 0.7) if len(ink) > 30 else np.nan
    known = ~np.isnan(strengths)
    weights = cv2.GaussianBlur(known.astype(np.float32), (0, 0), 2) + 1e-3
    filled = cv2.GaussianBlur(np.where(known, strengths, 0).astype(np.float32), (0, 0), 2)
    smooth = (filled + 1e-3 * page) / weights
    return np.asarray(cv2.resize(smooth, (width, height)), dtype=np.float32)


def _specks(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where ink lies in spots too small for print."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((gray < 200).astype(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] < _SPECK_MM2 * PX_PER_MM**2
    small[0] = False
    return np.asarray(small[labels])
