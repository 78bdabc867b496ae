"""Tell each row's curve from its neighbours' and from the print around it.

A printed curve is one connected stroke: in every pixel column it is one vertical run of ink, and
the runs of neighbouring columns touch. The curve of a row is therefore the cheapest chain of
touching runs that stays with the row, found by dynamic programming over the columns (Viterbi), for
all rows of all columns of leads at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Costs without a unit, and pixels of the canonical scale, set by hand while the known machine's
# development sheets were followed (`ecgapp check leads` says how that went); none was measured on
# its own.

# Cost of a step between runs that do not touch, and of each white pixel between them.
BREAK_COST = 6.0
WHITE_PX_COST = 0.5
# Cost of each pixel between a run and its row's baseline, which keeps a chain from moving to a
# neighbouring row at a crossing.
DISTANCE_PX_COST = 0.01
# Cost of a run too low to be the curve's stroke, such as a dot of the grid.
SPECK_COST = 3.0
SPECK_PX = 2
# Cost of a column without the curve, on pages where print or cleaning may have lost part of it.
GAP_COST = 2.0

# Columns between the flanks of a spike; there a dot of the grid may pass for the curve.
SPIKE_PX = 9

# Where print is pale, a steep stroke is broken by gaps no higher than this, and no spike with its
# flanks is wider than this.
LOOSE_END_GAP_PX = 17
MAX_SPIKE_PX = 41
# Broken flanks leave no more columns than these with white, this high, between ink and ink; print
# above or below a curve leaves more. Of 45 such stretches on generated machines 2 were a curve's.
# Thick pens, as those of coarse scans, leave as many columns as this part of their stroke's height.
_MAX_BROKEN_PX, WHITE_PX = 8, 4
_MAX_BROKEN_STROKES = 1.5
# What begins a lead and is no larger than this may be its name.
NAME_WIDTH_PX, NAME_HEIGHT_PX = 90, 60
# Marks of ink that no row's chain holds, and of ink that several hold.
_NOBODY, _SEVERAL = -1, -2

# Runs of a column that are kept, and the height of a stroke.
MAX_RUNS = 24
STROKE_PX = 9
# Columns whose steps are computed together; 8 to 24 took the least time.
_COLUMNS_AT_ONCE = 16


@dataclass(frozen=True)
class CurveRuns:
    """Where each row's curve lies in each pixel column.

    Attributes
    ----------
    top_px, bottom_px : ndarray, shape (..., n_columns), int32
        First and last row that the curve's ink may have, in rows of the image given; last < first
        where the image has no ink in that column.
    """

    top_px: NDArray[np.int32]
    bottom_px: NDArray[np.int32]


def follow_curves(
    ink: NDArray[np.bool_], baselines_px: NDArray[np.float64], may_have_gaps: bool = False
) -> CurveRuns:
    """Follow every row's curve through windows of equal width.

    Parameters
    ----------
    ink : ndarray, shape (n_windows, height, width), bool
        Ink of each column of leads.
    baselines_px : ndarray, shape (n_rows,)
        The rows' baselines, in rows of `ink`.
    may_have_gaps : bool
        Whether parts of the curves may be missing. If not, a chain takes a run in every column
        that has ink.

    Returns
    -------
    CurveRuns
        With arrays of shape (n_windows, n_rows, width).
    """
    own_top, own_bottom = _cheapest_chains(*_runs(ink), baselines_px, may_have_gaps)
    height = ink.shape[1]
    empty = np.asarray(~ink.any(axis=1))
    own_top = np.where(empty[:, None], height, own_top)
    own_bottom = np.where(empty[:, None], -1, own_bottom)
    for window in range(len(ink)):
        if may_have_gaps:
            _reach_loose_ends(ink[window], own_top[window], own_bottom[window])
        _split_shared_runs(ink[window], own_top[window], own_bottom[window], baselines_px)
    return CurveRuns(-_close_gaps(-own_top), _close_gaps(own_bottom))


def follow_roughly(
    ink: NDArray[np.bool_], baselines_px: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Follow every row's curve across a page at any scale, as far as it can be told at a glance.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink of the page.
    baselines_px : ndarray, shape (n_rows,)
        The rows' baselines, in rows of `ink`.

    Returns
    -------
    top, bottom : ndarray, shape (n_rows, width), int32
        First and last row of each curve's run; last before first where a curve is missing.
    """
    own_top, own_bottom = _cheapest_chains(*_runs(ink[None]), baselines_px, may_have_gaps=True)
    own_bottom[0][:, ~ink.any(axis=0)] = -1
    _split_shared_runs(ink, own_top[0], own_bottom[0], baselines_px)
    return own_top[0], own_bottom[0]


def _reach_loose_ends(
    ink: NDArray[np.bool_], top: NDArray[np.int32], bottom: NDArray[np.int32]
) -> None:
    """Follow, in place, spikes whose flanks are broken: the steeper a stroke, the paler its print.

    What hangs together up and down, over small gaps, belongs to the one row whose chain it holds.
    """
    column_of_ones = np.ones((LOOSE_END_GAP_PX, 1), np.uint8)
    joined = cv2.morphologyEx(ink.astype(np.uint8), cv2.MORPH_CLOSE, column_of_ones)
    n_parts, parts = cv2.connectedComponents(joined, connectivity=8)
    owner = np.full(n_parts, _NOBODY)
    columns = np.arange(ink.shape[1])
    for row in range(len(top)):
        shown = columns[bottom[row] >= top[row]]
        ends = np.concatenate([top[row, shown], bottom[row, shown]])
        held = np.unique(parts[ends, np.tile(shown, 2)])
        owner[held] = np.where(owner[held] == _NOBODY, row, _SEVERAL)
    owner[0] = _NOBODY
    most_broken = most_broken_px((bottom - top + 1)[bottom >= top])
    y, x = np.nonzero(ink)
    owners = owner[parts[y, x]]
    for row in range(len(top)):
        own_y, own_x = y[owners == row], x[owners == row]
        first, last = np.zeros_like(top[row]), np.zeros_like(top[row])
        # From the top down, so that of several in a column the last one stays.
        first[own_x[::-1]], last[own_x] = own_y[::-1], own_y
        n_own = np.bincount(own_x, minlength=len(columns))
        missing = bottom[row] < top[row]
        reach = np.maximum(top[row] - first, last - bottom[row])
        wanted = (n_own > 0) & (missing | (reach > 0))
        broken = ~missing & (last - first + 1 - n_own >= WHITE_PX)
        for start, stop in stretches(wanted):
            # A name is printed above the beginning of its curve, and is as narrow as a spike.
            may_be_name = start < NAME_WIDTH_PX and reach[start:stop].max() < NAME_HEIGHT_PX
            may_be_print = broken[start:stop].sum() > most_broken
            if stop - start <= MAX_SPIKE_PX and not may_be_name and not may_be_print:
                here = slice(start, stop)
                top[row, here] = np.minimum(top[row, here], first[here])
                bottom[row, here] = np.maximum(bottom[row, here], last[here])


def most_broken_px(heights_px: NDArray[Any]) -> float:
    """Columns that a broken flank, or a peak's two, may leave with white between ink and ink.

    Parameters
    ----------
    heights_px : ndarray, shape (n,)
        Of the curves' ink, column by column.

    Returns
    -------
    float
    """
    stroke_px = float(np.median(heights_px)) if len(heights_px) else 0.0
    return max(_MAX_BROKEN_PX, _MAX_BROKEN_STROKES * stroke_px)


def stretches(wanted: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of each stretch of columns."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], wanted, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _close_gaps(extent: NDArray[np.int32]) -> NDArray[np.int32]:
    """Raise an extent to its flanks' wherever it dips for no longer than a spike lasts."""
    rows = extent.reshape(-1, extent.shape[-1]).astype(np.int16)
    closed = cv2.morphologyEx(rows, cv2.MORPH_CLOSE, np.ones((1, SPIKE_PX), np.uint8))
    return closed.reshape(extent.shape).astype(np.int32)


def _runs(ink: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """First and last rows of the vertical runs, shape (n_windows, width, n_runs), padded.

    A column without ink gets one run as high as the page, which touches everything.
    """
    n_windows, height, width = ink.shape
    columns = np.zeros((n_windows * width, height + 2), np.bool_)
    columns[:, 1:-1] = ink.transpose(0, 2, 1).reshape(n_windows * width, height)
    # Down a column paper and ink take turns, so every second change starts a run.
    changes = np.flatnonzero(columns[:, 1:] != columns[:, :-1])
    column, row = np.divmod(changes, height + 1)
    start_column, start_row, stop_row = column[::2], row[::2], row[1::2]
    count = np.bincount(start_column, minlength=n_windows * width)
    index = np.arange(len(start_column)) - np.repeat(np.cumsum(count) - count, count)
    n_runs = min(MAX_RUNS, max(1, int(count.max(initial=1))))
    kept = index < n_runs
    far = 10 * height
    top = np.full((n_windows * width, n_runs), far, np.int32)
    bottom = np.full((n_windows * width, n_runs), far, np.int32)
    top[start_column[kept], index[kept]] = start_row[kept]
    bottom[start_column[kept], index[kept]] = stop_row[kept] - 1
    top[count == 0, 0], bottom[count == 0, 0] = 0, height - 1
    shape = (n_windows, width, n_runs)
    return top.reshape(shape), bottom.reshape(shape)


def _cheapest_chains(
    top: NDArray[np.int32],
    bottom: NDArray[np.int32],
    baselines_px: NDArray[np.float64],
    may_have_gaps: bool,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Follow every row along the chain of runs that costs least.

    Where gaps may be, a chain may pass along its row's baseline instead of taking a run.

    Returns
    -------
    top, bottom : ndarray, shape (n_windows, n_rows, width), int32
        The run of each row; last before first where the curve is missing.
    """
    n_windows, width, _ = top.shape
    n_rows = len(baselines_px)
    # Few columns have as many runs as the arrays are wide.
    shown = (top < bottom.max()).sum(axis=2).max(axis=0)
    # (width, n_windows, 1, n_runs)
    tops, bottoms = (one.transpose(1, 0, 2)[:, :, None] for one in (top, bottom))
    lines = np.round(baselines_px).astype(np.int32)

    # Of each stretch of columns: its steps, and what the chains to each run have cost by then.
    steps, costs = [], []
    cost = _unlikeliness(tops[:1], bottoms[:1], baselines_px, may_have_gaps)[0]
    for first in range(1, width, _COLUMNS_AT_ONCE):
        stop = min(width, first + _COLUMNS_AT_ONCE)
        n_shown = int(shown[first - 1 : stop].max())
        here = tops[first - 1 : stop, ..., :n_shown], bottoms[first - 1 : stop, ..., :n_shown]
        unlikely = _unlikeliness(here[0][1:], here[1][1:], baselines_px, may_have_gaps)
        if may_have_gaps:
            here = _with_lines(here[0], lines), _with_lines(here[1], lines)
        step = _steps(*here)
        cost = _of_runs(cost, unlikely.shape[3])
        so_far = np.empty((stop - first, *cost.shape), np.float32)
        for x in range(stop - first):
            so_far[x] = cost
            # (run before, n_windows, n_rows, run here)
            arrive = cost.transpose(2, 0, 1)[..., None] + step[x]
            cost = np.minimum.reduce(arrive, axis=0) + unlikely[x]
        steps.append(step)
        costs.append(so_far.reshape(stop - first, n_windows * n_rows, -1))
    window, row = np.divmod(np.arange(n_windows * n_rows), n_rows)
    own = row if may_have_gaps else np.zeros_like(row)
    chosen = np.empty((width, n_windows * n_rows), np.intp)
    chosen[-1] = cost.argmin(axis=2).ravel()
    for x in range(width - 1, 0, -1):
        stretch, place = divmod(x - 1, _COLUMNS_AT_ONCE)
        step = steps[stretch][place][:, window, own, chosen[x]]
        chosen[x - 1] = (costs[stretch][place].T + step).argmin(axis=0)
    number = chosen.reshape(width, n_windows, n_rows).transpose(1, 0, 2) - may_have_gaps
    missing = number < 0
    own_top, own_bottom = (
        np.take_along_axis(one, np.maximum(number, 0), axis=2) for one in (top, bottom)
    )
    own_top = np.where(missing, lines, own_top)
    own_bottom = np.where(missing, lines - 1, own_bottom)
    return own_top.transpose(0, 2, 1), own_bottom.transpose(0, 2, 1)


def _with_lines(runs: NDArray[np.int32], lines: NDArray[np.int32]) -> NDArray[np.int32]:
    """Put the way along its baseline before each row's runs."""
    n_columns, n_windows, _, n_runs = runs.shape
    whole = np.empty((n_columns, n_windows, len(lines), n_runs + 1), np.int32)
    whole[..., 0] = lines
    whole[..., 1:] = runs
    return whole


def _unlikeliness(
    top: NDArray[np.int32],
    bottom: NDArray[np.int32],
    baselines_px: NDArray[np.float64],
    may_have_gaps: bool,
) -> NDArray[np.float32]:
    """Cost of taking each run for each row, shape (n_columns, n_windows, n_rows, n_runs).

    Where gaps may be, the first of the runs is the way along the baseline.
    """
    lines = baselines_px[:, None]
    unlikely = DISTANCE_PX_COST * np.maximum(np.maximum(top - lines, lines - bottom), 0)
    if not may_have_gaps:
        specks = np.where(bottom - top < SPECK_PX, SPECK_COST, 0)
        return (unlikely + specks).astype(np.float32)
    # Thin pens leave runs as low as specks, and cleaned pages have few specks.
    whole = np.full((*unlikely.shape[:3], unlikely.shape[3] + 1), GAP_COST, np.float32)
    whole[..., 1:] = unlikely
    return whole


def _steps(top: NDArray[np.int32], bottom: NDArray[np.int32]) -> NDArray[np.float32]:
    """Cost of the step from each run of a column to each of the next one.

    Shape (n_columns - 1, run before, n_windows, n_rows, run here), for arrays of shape (n_columns,
    n_windows, n_rows, n_runs).
    """
    before_top, before_bottom = (one[:-1].transpose(0, 3, 1, 2)[..., None] for one in (top, bottom))
    here_top, here_bottom = (one[1:, None] for one in (top, bottom))
    white = np.maximum(here_top - before_bottom, before_top - here_bottom) - np.int32(1)
    return (white > 0) * (BREAK_COST + WHITE_PX_COST * white.astype(np.float32))


def _of_runs(cost: NDArray[np.float32], n_runs: int) -> NDArray[np.float32]:
    """Give costs of so many runs: those of runs that are not there are infinite."""
    whole = np.full((*cost.shape[:2], n_runs), np.inf, np.float32)
    n_kept = min(n_runs, cost.shape[2])
    whole[:, :, :n_kept] = cost[:, :, :n_kept]
    return whole


def _split_shared_runs(
    ink: NDArray[np.bool_],
    top: NDArray[np.int32],
    bottom: NDArray[np.int32],
    baselines_px: NDArray[np.float64],
) -> None:
    """Divide, in place, the runs that two neighbouring rows' chains both took."""
    for upper in range(len(baselines_px) - 1):
        lower = upper + 1
        shared = (top[upper] == top[lower]) & (bottom[upper] >= top[upper])
        if not shared.any():
            continue
        for start, stop in stretches(shared):
            upper_line = _line_beside(top[upper], bottom[upper], start, stop, baselines_px[upper])
            lower_line = _line_beside(top[lower], bottom[lower], start, stop, baselines_px[lower])
            cut = _waist(ink[:, start:stop], upper_line, lower_line)
            bottom[upper, start:stop] = np.minimum(bottom[upper, start:stop], cut)
            top[lower, start:stop] = np.maximum(top[lower, start:stop], cut)


def _line_beside(
    top: NDArray[np.int32], bottom: NDArray[np.int32], start: int, stop: int, baseline: float
) -> int:
    """Row of a curve just left and right of a stretch of columns (the baseline at the edges)."""
    beside = [x for x in (start - 1, stop) if 0 <= x < len(top) and bottom[x] >= top[x]]
    if not beside:
        return round(baseline)
    return round(float(np.mean([(int(top[x]) + int(bottom[x])) / 2 for x in beside])))


def _waist(ink: NDArray[np.bool_], upper_line: int, lower_line: int) -> int:
    """Row between two lines where the ink that joins them is narrowest."""
    first, last = sorted((upper_line, lower_line))
    first, last = first + STROKE_PX, last - STROKE_PX
    if last <= first:
        return (upper_line + lower_line) // 2
    widths = ink[first : last + 1].sum(axis=1)
    narrowest = np.flatnonzero(widths == widths.min())
    return first + int(narrowest[len(narrowest) // 2])
