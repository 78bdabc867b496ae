"""Find the rows of curves on an aligned page.

A curve is a thin stroke that runs on from left to right, most of the time near one height; letters
and marks are short. Everything here works at half the canonical scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.curves import stretches

# Rows are looked for on a page this many times smaller, in which print is darker than this grey.
# Both set by hand.
SHRINK = 2
MM = PX_PER_MM / SHRINK
INK_BELOW = 185

# Millimetres of paper and shares, set by hand on drawn sheets of made-up vendors and on other
# machines' sheets and photographs of the development data; none was measured on its own.

# Marks between columns run straight down over at least this length.
_SEPARATOR_MM = 30.0
# A stroke that runs flat is at most this thick, and goes on for at least this length.
_FLAT_MM = 2.0
_STROKE_MM = 2.2
# Smoothing of the profile of flat strokes, and the least distance of two rows in it.
_PROFILE_SIGMA_MM = 1.2
_MIN_ROW_DISTANCE_MM = 5.0
# Part of the fullest row's flat strokes that a row has at least.
_MIN_ROW_SHARE = 0.12
# A row's curve stays this near to its baseline most of the time.
_NEAR_MM, _INK_NEAR_MM = 6.0, 3.0
# Longest gap in a row, such as a name or a separator leaves, and between columns so wide at least
# that show ink in so large a part of them.
_MAX_GAP_MM, _MAX_ROOM_MM = 12.0, 20.0
_COLUMN_MM, _COLUMN_INK = 45.0, 0.9
# What stands alone beyond a gap of more than this at the right is a frame's line.
_FRAME_GAP_MM, _FRAME_BINS = 6.0, 2
_MIN_ROW_WIDTH_MM = 60.0
# Lines of text are narrower than this part of the widest row, or than that if they begin or end
# where it does.
_MIN_WIDTH_SHARE, _MIN_WIDTH_SHARE_IN_LINE = 0.6, 0.4
_SAME_END_MM = 4.0
_BIN_MM = 2.0
# What is nearer than this part of the rows' step, narrower than this part of the widest and covered
# less than this part of what is usual is no row: two scans' last lines were text and a grid's rest.
_TEXT_STEP, _TEXT_WIDTH, _TEXT_COVERAGE = 0.7, 0.75, 0.6
# Parts of a row's width that its flat strokes, and its ink, cover at least.
_MIN_COVERAGE, _MIN_INK_COVERAGE = 0.25, 0.8
# A ruled line leaves its height in less than this part of its columns.
_AWAY_MM, _MAX_AWAY_MM = 0.9, 5.0
_MIN_AWAY = 0.03
# So much of it lies at one height, to a pixel either way, even if curves or print touch it.
_LEVEL_PX, _LEVEL_SHARE = 2, 0.985
# So many steps tell how far rows are apart; how far off one may be, and a noisy one's coverage.
_EVEN_STEPS, _EVENNESS, _NOISY_COVERAGE = 2, 0.25, 0.9
# A row may wander this far.
_WANDER_MM = 9.0
# Part of the columns in which two rows are apart, for them to be two.
_MIN_APART = 0.4

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
# A line of print ends, or begins, so far inside most rows, in parts of their width, and its
# coverage is below this part of theirs, or it is nearer to another than `_TEXT_STEP` of their step.
_SHORT_LINE, _PRINT_COVERAGE = 0.25, 0.75
# Rows whose strokes upwards and downwards are this much alike, all in all or in one half, spread by
# so many millimetres, show the same beats, so many at least; how far from even steps other rows may
# stand beside them, or over which part of their width they are one stroke. On 64 sheets of one
# renderer almost all rows of curves are alike to 0.5 or more, almost all print to less than 0.2.
_IN_TIME, _HALF_IN_TIME, _SAME_BEAT_MM, _LEAST_IN_TIME = 0.3, 0.5, 1.0, 3
_EVEN_STEP, _ONE_STROKE = 0.15, 0.5
# Nor has print words longer than this, or letters that reach so far from their line.
_LONG_WORD_MM, _TALL_MM = 30.0, 4.0


@dataclass(frozen=True)
class Row:
    """One row of curves, in pixels of the canonical scale.

    Attributes
    ----------
    baseline_px : float
        Height at which the curve stays most of the time.
    left_px, right_px : float
        Where its flat strokes begin and end.
    coverage : float
        Part of the width between that holds flat strokes.
    """

    baseline_px: float
    left_px: float
    right_px: float
    coverage: float


def shrink(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Page at half the canonical scale."""
    size = (gray.shape[1] // SHRINK, gray.shape[0] // SHRINK)
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def find_rows(ink: NDArray[np.bool_]) -> list[Row]:
    """Find the rows of curves.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink of a page at half the canonical scale.

    Returns
    -------
    list of Row
        From the top down.
    """
    flat = flat_strokes(ink)
    profile = flat.sum(axis=1).astype(np.float64)
    sigma = _PROFILE_SIGMA_MM * MM
    smooth = cv2.GaussianBlur(profile[:, None], (1, 0), sigmaX=1, sigmaY=sigma)[:, 0]
    heights = _peaks(smooth)
    rows = [row for y in heights if (row := _row_at(y, flat, ink, heights)) is not None]
    return _with_noisy_ones(_without_text(_wide_enough(_merge(rows, ink))), ink)


def _wide_enough(rows: list[Row]) -> list[Row]:
    """Leave out lines of text: curves begin and end together, but where one is hard to see."""
    if not rows:
        return rows
    widest = max(rows, key=_width_px)
    near = _SAME_END_MM * PX_PER_MM

    def belongs(row: Row) -> bool:
        ends = row.left_px - widest.left_px, row.right_px - widest.right_px
        share = _MIN_WIDTH_SHARE if min(map(abs, ends)) > near else _MIN_WIDTH_SHARE_IN_LINE
        return _width_px(row) >= share * _width_px(widest)

    return [row for row in rows if belongs(row)]


def _without_text(rows: list[Row]) -> list[Row]:
    """Leave out a line of text, or what is left of a grid, close above or below the rows."""
    for end, beside in ((0, 1), (-1, -2)):
        others = rows[1:] if end == 0 else rows[:-1]
        if len(others) < _EVEN_STEPS + 1:
            continue
        spacing = float(np.median([b.baseline_px - a.baseline_px for a, b in pairwise(others)]))
        near = abs(rows[end].baseline_px - rows[beside].baseline_px) < _TEXT_STEP * spacing
        narrow = _width_px(rows[end]) < _TEXT_WIDTH * max(map(_width_px, others))
        usual = float(np.median([row.coverage for row in others]))
        if near and narrow and rows[end].coverage < _TEXT_COVERAGE * usual:
            rows = others
    return rows


def _with_noisy_ones(rows: list[Row], ink: NDArray[np.bool_]) -> list[Row]:
    """Add rows that are nowhere flat, where rows stand evenly and one is missing."""
    steps = [lower.baseline_px - upper.baseline_px for upper, lower in pairwise(rows)]
    spacing = float(np.median(steps)) if steps else 0.0
    if len(steps) < _EVEN_STEPS or min(steps) < (1 - _EVENNESS) * spacing:
        return rows
    found = [rows[0]]
    for upper, lower in pairwise(rows):
        gap = lower.baseline_px - upper.baseline_px
        n_steps = round(gap / spacing)
        if n_steps >= 2 and abs(gap / spacing - n_steps) < _EVENNESS:
            heights = [upper.baseline_px + gap * k / n_steps for k in range(1, n_steps)]
            noisy = (_noisy_row(y, spacing, upper, lower, ink) for y in heights)
            found += [row for row in noisy if row is not None]
        found.append(lower)
    below = _noisy_row(rows[-1].baseline_px + spacing, spacing, rows[-1], rows[-1], ink)
    return found if below is None else [*found, below]


def _noisy_row(
    height_px: float, spacing_px: float, upper: Row, lower: Row, ink: NDArray[np.bool_]
) -> Row | None:
    """Row around a height, as wide as its neighbours; None where ink does not run on."""
    left_px, right_px = max(upper.left_px, lower.left_px), min(upper.right_px, lower.right_px)
    reach = _EVENNESS * spacing_px
    top, bottom = round((height_px - reach) / SHRINK), round((height_px + reach) / SHRINK)
    band = ink[max(0, top) : bottom + 1, round(left_px / SHRINK) : round(right_px / SHRINK)]
    shown = _bins(np.asarray(band.any(axis=0))) if band.size else np.zeros(0, np.bool_)
    if not len(shown) or float(shown.mean()) < _NOISY_COVERAGE:
        return None
    middle = np.flatnonzero(band.any(axis=1)) @ band.sum(axis=1)[band.any(axis=1)] / band.sum()
    baseline_px = SHRINK * (max(0, top) + float(middle) + 0.5) - 0.5
    return Row(baseline_px, left_px, right_px, _MIN_COVERAGE)


def _width_px(row: Row) -> float:
    return row.right_px - row.left_px


def flat_strokes(ink: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Ink that runs flat for a while: 1 on 0, shape as given."""
    ink8 = ink.astype(np.uint8)
    tall = cv2.morphologyEx(ink8, cv2.MORPH_OPEN, np.ones((round(_FLAT_MM * MM) + 1, 1), np.uint8))
    thin = np.asarray((ink8 > 0) & (tall == 0)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(thin, connectivity=8)
    long = stats[:, cv2.CC_STAT_WIDTH] >= _STROKE_MM * MM
    long &= stats[:, cv2.CC_STAT_HEIGHT] <= 1.5 * stats[:, cv2.CC_STAT_WIDTH]
    long[0] = False
    return np.asarray(long[labels], np.uint8)


def without_frames(rows: Sequence[Row], ink: NDArray[np.bool_]) -> list[Row]:
    """Leave out frames, edges and lines of print at the page's top and bottom.

    They go on beyond most rows, end far before them, or stand nearer to each other than rows do.

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
            has_beats and SHRINK * np.ptp(columns) > _LEAST_SPAN * _width_px(row)
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
    width_mm = float(np.median([_width_px(row) for row in rows])) / PX_PER_MM
    # Print may stand before rows that end with the others, and after rows that begin with them;
    # lines of it end far before these.
    begins_with_print = (np.abs(to_right_mm) <= _TOGETHER_MM) & beats & ~sparse & ~level
    ends_with_print = (np.abs(to_left_mm) <= _TOGETHER_MM) & throughout & ~sparse
    short = to_right_mm < -_SHORT_LINE * width_mm
    late = to_left_mm < -_SHORT_LINE * width_mm
    # Words have uprights as beats have, but no higher ones than letters.
    low = np.array([not _leads_far(row, ink) for row in rows])
    ends_inside = short | late
    ruled = np.array(
        [
            may_be and _straight_share(row, ink) >= _RULED_PART
            for row, may_be in zip(rows, ~throughout | (low & ends_inside), strict=True)
        ]
    )
    words = np.array([_is_words(row, ink) for row in rows])
    is_header = (low & ends_inside & (ruled | words)) | (short & sparse)
    is_header |= _out_of_time(rows, uprights, ink)
    is_header |= _crowded(rows, short | late | level, ~beats)
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
    close = steps < _TEXT_STEP * np.median(steps)
    innermost = unlike & (np.append(close, False) | np.insert(close, 0, False))
    crowded = np.zeros(len(rows), np.bool_)
    whole = np.flatnonzero(~(unlike | still))
    if len(whole):
        above = np.flatnonzero(innermost[: whole[0]])
        below = np.flatnonzero(innermost[whole[-1] + 1 :])
        crowded[: above[-1] + 1 if len(above) else 0] = True
        crowded[whole[-1] + 1 + below[0] if len(below) else len(rows) :] = True
    return crowded


def _out_of_time(
    rows: Sequence[Row], uprights: Sequence[NDArray[np.intp]], ink: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which rows above, or below, all others have no beats with them, nor their distance.

    Rows of one column show one heart at the same moments, and print does not. A lead without beats
    stands where rows stand, or is one stroke that is not straight.
    """
    profiles = np.zeros((len(rows), ink.shape[1]), np.float32)
    for profile, row, columns in zip(profiles, rows, uprights, strict=True):
        profile[round(row.left_px / SHRINK) + columns] = 1
    sigma = _SAME_BEAT_MM * MM
    profiles = np.asarray(cv2.GaussianBlur(profiles, (0, 1), sigmaX=sigma, sigmaY=1))
    in_time = np.flatnonzero([_is_in_time(profiles, k, row) for k, row in enumerate(rows)])
    out = np.zeros(len(rows), np.bool_)
    if len(in_time) < _LEAST_IN_TIME:
        return out
    first, last = in_time[0], in_time[-1]
    heights = np.array([row.baseline_px for row in rows])
    steps = np.diff(heights)
    step = np.median(steps[first:last])
    even = np.abs(steps / step - 1) <= _EVEN_STEP
    above = [k for k in range(first) if not (even[k] or _is_one_curve(rows[k], ink))]
    below = [
        k for k in range(last + 1, len(rows)) if not (even[k - 1] or _is_one_curve(rows[k], ink))
    ]
    out[: above[-1] + 1 if above else 0] = True
    out[below[0] if below else len(rows) :] = True
    return out


def _is_in_time(profiles: NDArray[np.float32], number: int, row: Row) -> bool:
    """Whether a row's strokes are where the others' are, in all of it or more so in half of it.

    A strip below columns that stand apart, or show the same seconds, is in time with the first.
    """
    left, right = (round(at / SHRINK) for at in (row.left_px, row.right_px))
    middle = (left + right) // 2
    others = np.delete(profiles, number, axis=0).mean(axis=0)

    def alike(part: slice) -> float:
        both = profiles[number, part], others[part]
        return float(np.corrcoef(*both)[0, 1]) if min(one.std() for one in both) > 0 else 0.0

    halves = (slice(left, middle), slice(middle, right))
    return alike(slice(left, right)) >= _IN_TIME or max(map(alike, halves)) >= _HALF_IN_TIME


def _is_one_curve(row: Row, ink: NDArray[np.bool_]) -> bool:
    """Whether a row shows one stroke over most of its width that lies on no straight line."""
    longest = _longest_run_px(row, ink)
    part = SHRINK * longest / _width_px(row)
    return part >= _ONE_STROKE and _straight_share(row, ink) < _RULED_PART


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
    y, left, right = (round(at / SHRINK) for at in (row.baseline_px, row.left_px, row.right_px))
    reach = round(_MAX_AWAY_MM * MM)
    own = ink[:, left:right]
    shown = own[max(0, y - reach) : y + reach + 1].any(axis=0)
    return bool(_level_share(own, y) >= _STRAIGHT_PART * float(shown.mean()))


def _is_words(row: Row, ink: NDArray[np.bool_]) -> bool:
    """Whether gaps part all that a row shows near its height into what may be words."""
    return _longest_run_px(row, ink) < _LONG_WORD_MM * MM


def _longest_run_px(row: Row, ink: NDArray[np.bool_]) -> int:
    """Columns over which a row shows ink near its height without a gap."""
    y, left, right = (round(at / SHRINK) for at in (row.baseline_px, row.left_px, row.right_px))
    reach = round(_INK_NEAR_MM * MM)
    shown = np.asarray(ink[max(0, y - reach) : y + reach + 1, left:right].any(axis=0))
    return max((end - begin for begin, end in stretches(shown)), default=0)


def _leads_far(row: Row, ink: NDArray[np.bool_]) -> bool:
    """Whether strokes lead further up or down from a row than letters do."""
    y, left, right = (round(at / SHRINK) for at in (row.baseline_px, row.left_px, row.right_px))
    reach = round(_TALL_MM * MM)
    own = np.pad(ink, ((reach, reach), (0, 0)))[y : y + 2 * reach + 1, left:right]
    labels = cv2.connectedComponents(own.astype(np.uint8), connectivity=8)[1]
    on_line = labels[reach - _LEVEL_PX : reach + _LEVEL_PX + 1]
    return bool(np.isin(labels[[0, -1]], on_line[on_line > 0]).any())


def _straight_share(row: Row, ink: NDArray[np.bool_]) -> float:
    """Part of a row's columns that show ink on one straight line, which may lean a little."""
    y, left, right = (round(at / SHRINK) for at in (row.baseline_px, row.left_px, row.right_px))
    thick = cv2.dilate(ink[:, left:right].astype(np.uint8), np.ones((3, 1), np.uint8))
    columns = np.arange(thick.shape[1])
    best = 0.0
    for lean, height in product(_LEANS, range(y - _LEVEL_PX, y + _LEVEL_PX + 1)):
        at = np.rint(height + lean * (columns - (right - left) / 2)).astype(np.intp)
        best = max(best, float(thick[np.clip(at, 0, len(ink) - 1), columns].mean()))
    return best


def _upright_columns(row: Row, ink: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Columns of a row's width at which strokes lead up or down from it, as QRS complexes do."""
    y, left, right = (round(at / SHRINK) for at in (row.baseline_px, row.left_px, row.right_px))
    own = ink[:, left:right]
    near, far = (round(at * MM) for at in _UPRIGHT_MM)
    upright = np.zeros(own.shape[1], np.bool_)
    if y >= far:
        upright |= own[y - far : y - near].all(axis=0)
    if y + far <= len(own):
        upright |= own[y + near : y + far].all(axis=0)
    return np.flatnonzero(upright)


def without_separators(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take long straight marks out of a page's ink."""
    ink8 = ink.astype(np.uint8)
    upright = cv2.morphologyEx(
        ink8, cv2.MORPH_OPEN, np.ones((round(_SEPARATOR_MM * MM), 1), np.uint8)
    )
    wide = cv2.dilate(upright, np.ones((1, 3), np.uint8))
    return np.asarray((ink8 > 0) & (wide == 0))


def _peaks(profile: NDArray[np.float64]) -> list[int]:
    """Local maxima of a profile, none close to a higher one."""
    left = profile.copy()
    found: list[int] = []
    least = _MIN_ROW_SHARE * profile.max(initial=0)
    reach = round(_MIN_ROW_DISTANCE_MM * MM)
    while left.max(initial=0) > max(least, 1e-9):
        top = int(left.argmax())
        if profile[max(0, top - 1) : top + 2].max() == profile[top]:
            found.append(top)
        left[max(0, top - reach) : top + reach + 1] = 0
    return sorted(found)


def _row_at(
    y: int, flat: NDArray[np.uint8], ink: NDArray[np.bool_], heights: list[int]
) -> Row | None:
    """Row whose flat strokes lie around a height; None where there is no curve."""
    above = max((h for h in heights if h < y), default=-(10**6))
    below = min((h for h in heights if h > y), default=10**6)
    top, bottom = _band(y, above, below, _NEAR_MM, len(flat))
    flat_columns = np.asarray(flat[top:bottom].any(axis=0))
    top, bottom = _band(y, above, below, _INK_NEAR_MM, len(flat))
    ink_columns = np.asarray(ink[top:bottom].any(axis=0)) | flat_columns
    # Where a curve is noisy it is nowhere flat, but it is somewhere near.
    filled = np.flatnonzero(_bins(ink_columns))
    if not len(filled):
        return None
    first, last = _longest_stretch(filled, ink_columns)
    last = _before_frame(filled[(filled >= first) & (filled <= last)])
    if (last - first + 1) * _BIN_MM < _MIN_ROW_WIDTH_MM:
        return None
    width = round(_BIN_MM * MM)
    inside = np.flatnonzero(ink_columns[first * width : (last + 1) * width]) + first * width
    coverage = float(_bins(flat_columns)[first : last + 1].mean())
    if coverage < _MIN_COVERAGE or _bins(ink_columns)[first : last + 1].mean() < _MIN_INK_COVERAGE:
        return None
    if _is_ruled(ink[:, inside[0] : inside[-1] + 1], y, (y + above) // 2, (y + below) // 2):
        return None
    return Row(
        SHRINK * (y + 0.5) - 0.5,
        SHRINK * float(inside[0]),
        SHRINK * float(inside[-1] + 1),
        coverage,
    )


def _band(y: int, above: int, below: int, reach_mm: float, height: int) -> tuple[int, int]:
    """First row, and the row after the last, within reach of a height and nearer than others."""
    reach = round(reach_mm * MM)
    top = max(0, y - reach, (y + above) // 2)
    return top, min(height, y + reach + 1, (y + below) // 2 + 1)


def _bins(columns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether anything is in each stretch of `_BIN_MM`."""
    width = round(_BIN_MM * MM)
    n_bins = len(columns) // width
    return np.asarray(columns[: n_bins * width].reshape(n_bins, width).any(axis=1))


def _is_ruled(ink: NDArray[np.bool_], y: int, above: int, below: int) -> bool:
    """Whether the ink around a height is a straight line: no curve, of which some part is high."""
    if _level_share(ink, y) >= _LEVEL_SHARE:
        return True
    near, far = round(_AWAY_MM * MM), round(_MAX_AWAY_MM * MM)
    upper = ink[max(0, y - far, above) : max(0, y - near)].any(axis=0)
    lower = ink[y + near + 1 : min(len(ink), y + far + 1, below + 1)].any(axis=0)
    return float((upper | lower).mean()) < _MIN_AWAY


def _level_share(ink: NDArray[np.bool_], y: int) -> float:
    """Part of the columns that show ink at one height, near a given one."""
    heights = range(max(1, y - _LEVEL_PX), min(len(ink) - 1, y + _LEVEL_PX + 1))
    return max((float(ink[h - 1 : h + 2].any(axis=0).mean()) for h in heights), default=0.0)


def _before_frame(filled: NDArray[np.intp]) -> int:
    """Last of a row's bins, a frame's line beyond a gap left out; a line may lie in two bins."""
    far = np.flatnonzero(np.diff(filled) > _FRAME_GAP_MM / _BIN_MM)
    if len(far) and filled[-1] - filled[far[-1] + 1] < _FRAME_BINS:
        return int(filled[far[-1]])
    return int(filled[-1])


def _longest_stretch(filled: NDArray[np.intp], ink: NDArray[np.bool_]) -> tuple[int, int]:
    """First and last of a row's longest stretch of bins without a large gap."""
    gaps_mm = _BIN_MM * (np.diff(filled) - 1)
    breaks = np.flatnonzero(gaps_mm > _MAX_GAP_MM)
    pieces: list[tuple[int, int]] = []
    for piece in np.split(filled, breaks + 1):
        begin, end = int(piece[0]), int(piece[-1])
        if pieces and _are_columns(pieces[-1], (begin, end), ink):
            begin = pieces.pop()[0]
        pieces.append((begin, end))
    return max(pieces, key=lambda piece: piece[1] - piece[0])


def _are_columns(before: tuple[int, int], after: tuple[int, int], ink: NDArray[np.bool_]) -> bool:
    """Whether two pieces of a row, first and last bins, may be columns with room between them."""
    width = round(_BIN_MM * MM)
    wide = all(_BIN_MM * (end - begin + 1) >= _COLUMN_MM for begin, end in (before, after))
    near = _BIN_MM * (after[0] - before[1] - 1) <= _MAX_ROOM_MM
    # There are blanks between words, and between letters.
    return (
        wide
        and near
        and all(
            float(ink[begin * width : (end + 1) * width].mean()) >= _COLUMN_INK
            for begin, end in (before, after)
        )
    )


def _merge(rows: list[Row], ink: NDArray[np.bool_]) -> list[Row]:
    """Join neighbours that are the upper and lower turning points of one curve."""
    rows = list(rows)
    while True:
        apart = [_apart(upper, lower, ink) for upper, lower in pairwise(rows)]
        if not apart or min(apart) >= _MIN_APART:
            return rows
        at = int(np.argmin(apart))
        upper, lower = rows[at], rows[at + 1]
        fuller = max(upper, lower, key=lambda row: row.coverage * (row.right_px - row.left_px))
        rows[at : at + 2] = [
            Row(
                fuller.baseline_px,
                min(upper.left_px, lower.left_px),
                max(upper.right_px, lower.right_px),
                max(upper.coverage, lower.coverage),
            )
        ]


def _apart(upper: Row, lower: Row, ink: NDArray[np.bool_]) -> float:
    """Part of the columns that show one stroke for each of two rows."""
    left = round(max(upper.left_px, lower.left_px) / SHRINK)
    right = round(min(upper.right_px, lower.right_px) / SHRINK)
    if right - left < _MIN_ROW_WIDTH_MM / 2 * MM:
        # A curve that wanders shows at one height here and at another there.
        return float(lower.baseline_px - upper.baseline_px > _WANDER_MM * PX_PER_MM)
    reach = min((lower.baseline_px - upper.baseline_px) / SHRINK / 3, 4 * MM)
    top = max(0, round(upper.baseline_px / SHRINK - reach))
    bottom = round(lower.baseline_px / SHRINK + reach)
    band = ink[top:bottom, left:right]
    starts = band[0].astype(np.int64) + (band[1:] & ~band[:-1]).sum(axis=0)
    n_shown = int((starts > 0).sum())
    return float((starts >= 2).sum()) / n_shown if n_shown else 1.0
