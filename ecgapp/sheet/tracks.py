"""Follow the rows' curves over a page, finely enough to compare and to find their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.curves import follow_roughly
from ecgapp.sheet.rows import MM, SHRINK, Row

# Room beside and beyond the rows in which curves are followed.
_BESIDE_MM = 8.0
_BEYOND_MM = 26.0
# A curve goes on over gaps this narrow.
_MAX_STEP_PX = 3
_BRIDGE_MM = 4.0
# What is further from its baseline is another row's.
_MAX_AWAY_MM = 45.0


@dataclass(frozen=True)
class Tracks:
    """Where the rows' curves run, at half the canonical scale.

    Attributes
    ----------
    left : int
        Column of the page that the first column of the arrays shows.
    top, bottom : ndarray, shape (n_rows, n_columns), int32
        First and last row of each curve's stroke.
    known : ndarray, shape (n_rows, n_columns), bool
        Where the curve is one stroke with its neighbourhood.
    """

    left: int
    top: NDArray[np.int32]
    bottom: NDArray[np.int32]
    known: NDArray[np.bool_]

    @cached_property
    def heights_mm(self) -> NDArray[np.float64]:
        """Height of each curve above the page's top, upwards, mm; NaN where not known.

        Small gaps are bridged by a straight line.
        """
        heights = np.full(self.known.shape, np.nan)
        columns = np.arange(self.known.shape[1])
        for own, top, bottom, known in zip(heights, self.top, self.bottom, self.known, strict=True):
            places = np.flatnonzero(known)
            if len(places):
                after = np.clip(np.searchsorted(places, columns), 0, len(places) - 1)
                before = np.clip(np.searchsorted(places, columns, "right") - 1, 0, len(places) - 1)
                near = np.abs(places[after] - places[before]) <= _BRIDGE_MM * MM
                near &= (columns >= places[0]) & (columns <= places[-1])
                middle = -(top[places] + bottom[places]) / 2 / MM
                own[near] = np.interp(columns[near], places, middle)
        return heights


def follow_rows(ink: NDArray[np.bool_], rows: Sequence[Row]) -> Tracks:
    """Follow every row's curve from beyond its left end to beyond its right end.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    rows : sequence of Row
        From the top down.

    Returns
    -------
    Tracks
    """
    beside = round(_BESIDE_MM * MM)
    left = max(0, round(min(row.left_px for row in rows) / SHRINK) - beside)
    right = min(ink.shape[1], round(max(row.right_px for row in rows) / SHRINK) + beside)
    baselines = np.array([row.baseline_px / SHRINK for row in rows])
    beyond = round(_BEYOND_MM * MM)
    first = max(0, round(baselines[0]) - beyond)
    last = min(ink.shape[0], round(baselines[-1]) + beyond)
    window = ink[first:last, left:right]
    top, bottom = follow_roughly(window, baselines - first)
    known = _connected(window, top, bottom, baselines - first)
    return Tracks(left, top + first, bottom + first, known)


def _connected(
    ink: NDArray[np.bool_],
    top: NDArray[np.int32],
    bottom: NDArray[np.int32],
    baselines: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Where a row's stroke is its own, and touches the one before or after it."""
    shown = (bottom >= top) & ink.any(axis=0)
    white = np.maximum(top[:, 1:] - bottom[:, :-1], top[:, :-1] - bottom[:, 1:]) - 1
    touches = white <= _MAX_STEP_PX
    beside = np.zeros_like(shown)
    beside[:, 1:] |= touches
    beside[:, :-1] |= touches
    middle = (top + bottom) / 2
    lines = baselines[:, None]
    near = np.abs(middle - lines) < _MAX_AWAY_MM * MM
    # Halfway to another row and flat there: the chain has fallen onto that row.
    for other in range(len(baselines)):
        nearer = np.abs(middle - baselines[other]) < 1.5 * MM
        nearer[other] = False
        same = (top == top[other]) & (bottom == bottom[other])
        near &= ~(nearer & same)
    return np.asarray(shown & beside & near)
