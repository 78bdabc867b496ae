"""Find the lines, ticks and bars that part the columns of an aligned page."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.detect.curves import stretches
from ecgapp.sheet.detect.rows import MM, SHRINK, Row

# Millimetres of paper and shares, set by hand on drawn sheets of ten made-up vendors and on other
# machines' sheets of the development data; none was measured on its own.

# Dots and dashes closer than this make a line.
_DOT_GAP_MM = 1.6
# A line runs over at least this part of the height that the rows take; a tick is at least so high.
_LINE_PART = 0.5
_TICK_MM = 2.3
_BAR_MM = 4.0
_MARK_WIDTH_MM = 1.3
# Ticks stand this near to a row, at the same place in this part of the rows.
_NEAR_ROW_MM = 8.0
_TICK_SPREAD_MM = 0.6
_TICK_ROWS = 0.4


def find_marks(ink: NDArray[np.bool_], rows: Sequence[Row]) -> list[float]:
    """Find where marks stand that part columns.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale, lines included.
    rows : sequence of Row
        The rows of curves.

    Returns
    -------
    list of float
        Places, pixels of the canonical scale, from the left.
    """
    top = max(0, round(rows[0].baseline_px / SHRINK - _NEAR_ROW_MM * MM))
    bottom = round(rows[-1].baseline_px / SHRINK + _NEAR_ROW_MM * MM)
    band = ink[top:bottom].astype(np.uint8)
    feet = np.array([row.baseline_px / SHRINK - top for row in rows])
    places = [*_lines(band), *_ticks(band, feet)]
    return [SHRINK * (place + 0.5) - 0.5 for place in sorted(places)]


def _lines(band: NDArray[np.uint8]) -> list[float]:
    """Places of lines from top to bottom, whole or dotted."""
    closed = cv2.morphologyEx(
        band, cv2.MORPH_CLOSE, np.ones((2 * round(_DOT_GAP_MM * MM / 2) + 1, 1), np.uint8)
    )
    height = round(_LINE_PART * len(band))
    upright = cv2.morphologyEx(
        np.asarray(cv2.dilate(closed, np.ones((1, 3), np.uint8))),
        cv2.MORPH_OPEN,
        np.ones((height, 1), np.uint8),
    )
    return [
        (start + stop - 1) / 2
        for start, stop in stretches(np.asarray(upright.any(axis=0)))
        if stop - 1 - start < _MARK_WIDTH_MM * MM + 2
    ]


def _ticks(band: NDArray[np.uint8], feet: NDArray[np.float64]) -> list[float]:
    """Places where many rows have a short upright mark beside their curve."""
    # Bars cross the curve; of it, only what is upright is left.
    upright = cv2.morphologyEx(band, cv2.MORPH_OPEN, np.ones((round(_BAR_MM * MM), 1), np.uint8))
    votes = _upright_pieces(band, feet) + _upright_pieces(np.asarray(upright, np.uint8), feet)
    places: list[float] = []
    spread = _TICK_SPREAD_MM * MM
    for x, _ in sorted(votes):
        near = [(place, row) for place, row in votes if abs(place - x) <= spread]
        if len({row for _, row in near}) >= max(2, _TICK_ROWS * len(feet)):
            middle = float(np.mean([place for place, _ in near]))
            if not places or middle - places[-1] > 2 * spread:
                places.append(middle)
    return places


def _upright_pieces(band: NDArray[np.uint8], feet: NDArray[np.float64]) -> list[tuple[float, int]]:
    """Place, and row, of narrow upright pieces of ink beside the rows."""
    _, _, stats, centres = cv2.connectedComponentsWithStats(band, connectivity=8)
    upright = stats[1:, cv2.CC_STAT_WIDTH] <= _MARK_WIDTH_MM * MM
    upright &= stats[1:, cv2.CC_STAT_HEIGHT] >= _TICK_MM * MM
    found = []
    for x, y in centres[1:][upright]:
        row = int(np.abs(feet - y).argmin())
        if abs(feet[row] - y) < _NEAR_ROW_MM * MM:
            found.append((float(x), row))
    return found
