"""Tell rows of curves from what is printed above and below them: frames, forms, lines of print."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.rows import (
    INK_NEAR_MM,
    LEVEL_PX,
    MAX_AWAY_MM,
    MM,
    SHRINK,
    TEXT_STEP,
    Row,
    level_share,
)

# Millimetres of paper and shares, set by hand on drawn sheets of made-up vendors and on other
# machines' sheets and photographs of the development data; none was measured on its own.

# Rows that at least tell a frame from a row, how near to each other most rows begin, or end, which
# part of all they are, and how far beyond them a frame, or the paper's edge, goes on: a strip that
# goes on below a column that is missing does so further; a straight line, which few curves are to
# such a part, need not go on as far. No more columns than these show a stroke upwards or downwards
# from such a line, so many millimetres from it. Set by hand.
_LEAST_WITH_FRAMES, _TOGETHER_MM, _MOST_ROWS = 4, 2.0, 0.5
_BEYOND_MM, _FARTHEST_MM = 17.0, 45.0
_LINE_BEYOND_MM, _STRAIGHT_PART = 3.0, 0.96
_UPRIGHT_MM, _MOST_UPRIGHT = (0.3, 1.2), 6
# What is so many of the rows' steps away from them, shows strokes in no more than this part of its
# width, and lies for this part of it on one line is a form's line with print before it. How far
# such lines lean, in parts of their length.
_FAR_STEP, _LEAST_SPAN, _RULED_PART = 1.4, 0.25, 0.8
_LEANS = tuple(np.linspace(-0.012, 0.012, 13).tolist())
# A line of print ends, or begins, so far inside most rows, in parts of their width; where its
# coverage is below this part of theirs, or it is nearer to another than `TEXT_STEP` of their step.
_SHORT_LINE, _PRINT_COVERAGE = 0.25, 0.75
# Rows whose strokes upwards and downwards, spread by so many millimetres, are this much alike, in
# all, in one half or in one quarter, show the same beats, so many at least; how far from even steps
# other rows may stand beside them, or over which part of their width they show long strokes. On 64
# sheets of one renderer almost all rows of curves are alike to 0.5 or more, most print to less
# than 0.2.
_IN_TIME, _SAME_BEAT_MM, _LEAST_IN_TIME = {1: 0.3, 2: 0.5, 4: 0.7}, 1.0, 3
_EVEN_STEP, _LONG_STROKES = 0.15, 0.5
# Print has no words longer than this, nor letters that reach so far from their line.
_LONG_WORD_MM, _TALL_MM = 30.0, 4.0
# How far from their row beats are looked at, which hang together with it.
_BEATS_MM = 12.0


def without_frames(rows: Sequence[Row], ink: NDArray[np.bool_]) -> list[Row]:
    """Leave out frames, edges and lines of print at the page's top and bottom.

    They go on beyond most rows, end far before them, stand nearer to each other than rows do or far
    from these, are words or straight lines with words, or show neither the other rows' beats nor
    stand at their distance.

    Parameters
    ----------
    rows : sequence of Row
        From the top down.
    ink : ndarray, shape (height, width), bool
        Ink of the page at half the canonical scale.

    Returns
    -------
    list of Row
    """
    if len(rows) < _LEAST_WITH_FRAMES:
        return list(rows)
    uprights = [_upright_columns(row, ink) for row in rows]
    beats = np.array([len(columns) > _MOST_UPRIGHT for columns in uprights])
    throughout = np.array(
        [
            has_beats and SHRINK * np.ptp(columns) > _LEAST_SPAN * row.width_px
            for row, columns, has_beats in zip(rows, uprights, beats, strict=True)
        ]
    )
    level = np.array([_keeps_height(row, ink) for row in rows])
    straight = level & ~beats
    least_mm = np.where(straight, _LINE_BEYOND_MM, _BEYOND_MM)
    to_left_mm = _further_out_mm(np.array([-row.left_px for row in rows]))
    to_right_mm = _further_out_mm(np.array([row.right_px for row in rows]))
    to_left, to_right = (
        (further_mm > least_mm) & (further_mm < _FARTHEST_MM)
        for further_mm in (to_left_mm, to_right_mm)
    )
    coverage = np.array([row.coverage for row in rows])
    sparse = coverage < _PRINT_COVERAGE * np.median(coverage)
    width_mm = float(np.median([row.width_px for row in rows])) / PX_PER_MM
    # Print may stand before rows that end with the others, and after rows that begin with them;
    # lines of it end far before these.
    begins_with_print = (np.abs(to_right_mm) <= _TOGETHER_MM) & beats & ~sparse & ~level
    ends_with_print = (np.abs(to_left_mm) <= _TOGETHER_MM) & throughout & ~sparse
    short = to_right_mm < -_SHORT_LINE * width_mm
    late = to_left_mm < -_SHORT_LINE * width_mm
    ends_inside = short | late
    in_time = _in_time(rows, uprights, ink.shape[1])
    # Words have uprights as beats have, but no higher ones than letters.
    low = np.array(
        [
            may_be and not _leads_far(row, ink)
            for row, may_be in zip(rows, ends_inside & ~in_time, strict=True)
        ]
    )
    ruled = np.array(
        [
            may_be and _straight_share(row, ink) >= _RULED_PART
            for row, may_be in zip(rows, ~throughout | low, strict=True)
        ]
    )
    words = np.array(
        [is_low and _is_words(row, ink) for row, is_low in zip(rows, low, strict=True)]
    )
    is_header = (low & ruled) | words | (short & sparse)
    is_header |= _out_of_time(rows, in_time, ink)
    is_header |= _crowded(rows, ends_inside | level, ~beats)
    beyond = (to_right & ~ends_with_print) | (to_left & ~begins_with_print) | is_header
    beyond |= _far_away(rows, (~throughout & ruled) | (short & sparse))
    kept = np.flatnonzero(~beyond)
    return list(rows[kept[0] : kept[-1] + 1]) if len(kept) else list(rows)


def _crowded(
    rows: Sequence[Row], unlike: NDArray[np.bool_], still: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which rows above, or below, all others are a header's lines.

    The innermost of them is unlike a row of curves, and nearer to a neighbour than rows are to each
    other; all further out are unlike one, too, or show no beats.
    """
    steps = np.diff([row.baseline_px for row in rows])
    close = steps < TEXT_STEP * np.median(steps)
    innermost = unlike & (np.append(close, False) | np.insert(close, 0, False))
    crowded = np.zeros(len(rows), np.bool_)
    whole = np.flatnonzero(~(unlike | still))
    if len(whole):
        above = np.flatnonzero(innermost[: whole[0]])
        below = np.flatnonzero(innermost[whole[-1] + 1 :])
        crowded[: above[-1] + 1 if len(above) else 0] = True
        crowded[whole[-1] + 1 + below[0] if len(below) else len(rows) :] = True
    return crowded


def _in_time(
    rows: Sequence[Row], uprights: Sequence[NDArray[np.intp]], width: int
) -> NDArray[np.bool_]:
    """Tell which rows show beats where the others do: rows of one page show one heart."""
    profiles = np.zeros((len(rows), width), np.float32)
    for profile, row, columns in zip(profiles, rows, uprights, strict=True):
        profile[round(row.left_px / SHRINK) + columns] = 1
    sigma = _SAME_BEAT_MM * MM
    profiles = np.asarray(cv2.GaussianBlur(profiles, (0, 1), sigmaX=sigma, sigmaY=1))
    return np.array([_is_in_time(profiles, number, row) for number, row in enumerate(rows)])


def _out_of_time(
    rows: Sequence[Row], in_time: NDArray[np.bool_], ink: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which rows above, or below, all others have neither beats with them nor their distance.

    A lead without beats stands where rows stand, or shows long strokes on no straight line.
    """
    out = np.zeros(len(rows), np.bool_)
    if in_time.sum() < _LEAST_IN_TIME:
        return out
    first, last = np.flatnonzero(in_time)[[0, -1]]
    heights = np.array([row.baseline_px for row in rows])
    steps = np.diff(heights)
    step = np.median(steps[first:last])
    even = np.abs(steps / step - 1) <= _EVEN_STEP
    above = [k for k in range(first) if not (even[k] or _is_curve(rows[k], ink))]
    below = [k for k in range(last + 1, len(rows)) if not (even[k - 1] or _is_curve(rows[k], ink))]
    out[: above[-1] + 1 if above else 0] = True
    out[below[0] if below else len(rows) :] = True
    return out


def _is_in_time(profiles: NDArray[np.float32], number: int, row: Row) -> bool:
    """Whether a row's strokes are where the others' are, in all of it or more so in a part of it.

    A strip below columns that stand apart, or show the same seconds, is in time with the first.
    """
    _, left, right = row.in_ink
    others = np.delete(profiles, number, axis=0).mean(axis=0)

    def alike(part: NDArray[np.intp]) -> float:
        both = profiles[number, part], others[part]
        return float(np.corrcoef(*both)[0, 1]) if min(one.std() for one in both) > 0 else 0.0

    return any(
        alike(part) >= least
        for n_parts, least in _IN_TIME.items()
        for part in np.array_split(np.arange(left, right), n_parts)
    )


def _is_curve(row: Row, ink: NDArray[np.bool_]) -> bool:
    """Whether a row shows long strokes over most of its width that lie on no straight line."""
    part = SHRINK * _long_strokes_px(row, ink) / row.width_px
    return part >= _LONG_STROKES and _straight_share(row, ink) < _RULED_PART


def _far_away(rows: Sequence[Row], unlike: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which rows above, or below, all others are unlike rows of curves and far from these."""
    steps = np.diff([row.baseline_px for row in rows])
    far = np.flatnonzero(steps > _FAR_STEP * np.median(steps))
    away = np.zeros(len(rows), np.bool_)
    for step in far.tolist():
        if unlike[: step + 1].all():
            away[: step + 1] = True
        if unlike[step + 1 :].all():
            away[step + 1 :] = True
    return away


def _further_out_mm(ends_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far beyond the place where most rows end each does; NaN where no most do."""
    together = np.abs(ends_px[:, None] - ends_px) <= _TOGETHER_MM * PX_PER_MM
    most = together[together.sum(axis=1).argmax()]
    usual_px = np.median(ends_px[most]) if most.mean() >= _MOST_ROWS else np.nan
    return np.asarray((ends_px - usual_px) / PX_PER_MM)


def _keeps_height(row: Row, ink: NDArray[np.bool_]) -> bool:
    """Whether a row's ink keeps to one height, as a ruled line's."""
    y, left, right = row.in_ink
    reach = round(MAX_AWAY_MM * MM)
    own = ink[:, left:right]
    shown = own[max(0, y - reach) : y + reach + 1].any(axis=0)
    return bool(level_share(own, y) >= _STRAIGHT_PART * float(shown.mean()))


def _is_words(row: Row, ink: NDArray[np.bool_]) -> bool:
    """Whether gaps part all that a row shows near its height into what may be words."""
    return _long_strokes_px(row, ink) == 0


def _long_strokes_px(row: Row, ink: NDArray[np.bool_]) -> int:
    """Width of all strokes of a row, with what hangs together with them, that are no words."""
    own, reach = _around(row, ink, _BEATS_MM)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(own, connectivity=8)
    near = round(INK_NEAR_MM * MM)
    on_line = np.unique(labels[reach - near : reach + near + 1])
    widths = stats[on_line[on_line > 0], cv2.CC_STAT_WIDTH]
    return int(widths[widths >= _LONG_WORD_MM * MM].sum())


def _leads_far(row: Row, ink: NDArray[np.bool_]) -> bool:
    """Whether strokes lead further up or down from a row than letters do."""
    own, reach = _around(row, ink, _TALL_MM)
    labels = cv2.connectedComponents(own, connectivity=8)[1]
    on_line = labels[reach - LEVEL_PX : reach + LEVEL_PX + 1]
    return bool(np.isin(labels[[0, -1]], on_line[on_line > 0]).any())


def _around(row: Row, ink: NDArray[np.bool_], reach_mm: float) -> tuple[NDArray[np.uint8], int]:
    """Ink around a row's height, as far as given; second is the row's own height in it."""
    y, left, right = row.in_ink
    reach = round(reach_mm * MM)
    above, below = ink[max(0, y - reach) : y, left:right], ink[y : y + reach + 1, left:right]
    around = np.zeros((2 * reach + 1, right - left), np.uint8)
    around[reach - len(above) : reach] = above
    around[reach : reach + len(below)] = below
    return around, reach


def _straight_share(row: Row, ink: NDArray[np.bool_]) -> float:
    """Part of a row's columns that show ink on one straight line, which may lean a little."""
    y, left, right = row.in_ink
    thick = cv2.dilate(ink[:, left:right].astype(np.uint8), np.ones((3, 1), np.uint8))
    columns = np.arange(thick.shape[1])
    best = 0.0
    for lean, height in product(_LEANS, range(y - LEVEL_PX, y + LEVEL_PX + 1)):
        at = np.rint(height + lean * (columns - (right - left) / 2)).astype(np.intp)
        best = max(best, float(thick[np.clip(at, 0, len(ink) - 1), columns].mean()))
    return best


def _upright_columns(row: Row, ink: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Columns of a row's width at which strokes lead up or down from it, as QRS complexes do."""
    y, left, right = row.in_ink
    own = ink[:, left:right]
    near, far = (round(at * MM) for at in _UPRIGHT_MM)
    upright = np.zeros(own.shape[1], np.bool_)
    if y >= far:
        upright |= own[y - far : y - near].all(axis=0)
    if y + far <= len(own):
        upright |= own[y + near : y + far].all(axis=0)
    return np.flatnonzero(upright)
