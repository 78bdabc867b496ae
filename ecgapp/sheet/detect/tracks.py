"""Follow the rows' curves over a page, finely enough to compare and to find their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.detect.curves import follow_roughly
from ecgapp.sheet.detect.rows import MM, SHRINK, Row

# Millimetres of paper, set by hand on drawn sheets of made-up vendors; none was measured on its
# own.

# Room beside and beyond the rows in which curves are followed.
_BESIDE_MM = 8.0
_BEYOND_MM = 26.0
# A curve goes on over gaps this narrow.
_MAX_STEP_PX = 3
_BRIDGE_MM = 4.0
# A beat's flank that a curve begins or ends with is no wider, columns.
_RUN_OUT_COLUMNS = 16
# What is further from its baseline is another row's, and beyond the row's ends, where nothing joins
# it to the curve, what is this far away and this wide.
_MAX_AWAY_MM, _OTHER_PRINT_MM, _OTHER_PRINT_WIDE_MM = 45.0, 11.0, 6.0


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
    for row in range(len(rows)):
        for column, step in _ends(bottom[row] >= top[row]):
            _run_out(window, top, bottom, row, column, step)
    known = _connected(window, top, bottom, baselines - first)
    for row, found in enumerate(rows):
        own = range(round(found.left_px / SHRINK) - left, round(found.right_px / SHRINK) - left)
        _drop_other_print(known[row], top[row], bottom[row], own, baselines[row] - first)
    return Tracks(left, top + first, bottom + first, known)


def _ends(shown: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Columns at which a curve begins or ends, each with the step that leads away from it."""
    changes = np.diff(np.concatenate(([False], shown, [False])).astype(np.int8))
    begins = [(int(at), -1) for at in np.flatnonzero(changes == 1)]
    return begins + [(int(at) - 1, 1) for at in np.flatnonzero(changes == -1)]


def _run_out(
    ink: NDArray[np.bool_],
    top: NDArray[np.int32],
    bottom: NDArray[np.int32],
    row: int,
    column: int,
    step: int,
) -> None:
    """Follow a curve, in place, beyond its end along the ink that it hangs together with.

    A curve that begins in the middle of a beat begins far from its baseline.
    """
    for ahead in range(column + step, column + step * _RUN_OUT_COLUMNS, step):
        if not 0 <= ahead < ink.shape[1] or bottom[row, ahead] >= top[row, ahead]:
            return
        first, last = max(0, top[row, column] - 1), bottom[row, column] + 2
        touching = np.flatnonzero(ink[first:last, ahead])
        if not len(touching):
            return
        begin = end = first + int(touching[0])
        while begin > 0 and ink[begin - 1, ahead]:
            begin -= 1
        while end + 1 < len(ink) and ink[end + 1, ahead]:
            end += 1
        others = np.arange(len(top)) != row
        if ((top[others, ahead] <= end) & (bottom[others, ahead] >= begin)).any():
            return
        top[row, ahead], bottom[row, ahead] = begin, end
        column = ahead


def _drop_other_print(
    known: NDArray[np.bool_],
    top: NDArray[np.int32],
    bottom: NDArray[np.int32],
    own: range,
    baseline: float,
) -> None:
    """Let go, in place, of print beside a row that its curve was followed onto, far from it."""
    jumps = np.flatnonzero(~_touch_next(top, bottom) | (known[1:] != known[:-1])) + 1
    edges = [0, *jumps.tolist(), len(known)]
    for begin, end in pairwise(edges):
        # Most pulses are narrower, and the rest lower.
        if (begin + end) // 2 in own or end - begin <= _OTHER_PRINT_WIDE_MM * MM:
            continue
        away = np.abs((top[begin:end] + bottom[begin:end]) / 2 - baseline)
        if away.min() > _OTHER_PRINT_MM * MM:
            known[begin:end] = False


def _touch_next(top: NDArray[np.int32], bottom: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where strokes and those of the next column touch, or nearly so; one column fewer."""
    white = np.maximum(top[..., 1:] - bottom[..., :-1], top[..., :-1] - bottom[..., 1:]) - 1
    return np.asarray(white <= _MAX_STEP_PX)


def _connected(
    ink: NDArray[np.bool_],
    top: NDArray[np.int32],
    bottom: NDArray[np.int32],
    baselines: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Where a row's stroke is its own, and touches the one before or after it."""
    shown = (bottom >= top) & ink.any(axis=0)
    touches = _touch_next(top, bottom)
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
