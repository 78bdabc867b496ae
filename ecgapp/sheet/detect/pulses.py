"""Find the calibration pulses of an aligned page: 1 mV, printed at the left or right of the rows.

A pulse is two upright strokes of one height with a flat top between them. Every row has the same
one at the same place, so that rows that show it poorly are read from those that show it well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import MM_PER_MV, PX_PER_MM
from ecgapp.errors import check_time
from ecgapp.sheet.detect import curves
from ecgapp.sheet.detect.rows import MM, SHRINK, Row

# Heights of 1 mV that machines print (gains of IEC 60601-2-25), and widths of the top that are
# tried.
HEIGHTS_MM = (5.0, 10.0, 20.0)
_WIDTHS_MM = (1.6, 2.1, 2.6, 3.2, 4.0, 4.5, 5.0, 5.5, 6.2, 7.0, 8.0, 10.0)
# How far from the rows' ends a pulse may lie inwards, by width: those of 50 mm/s, with feet as wide
# in proportion, reach further.
_INWARDS_MM = {_WIDTHS_MM[:-1]: 12.0, _WIDTHS_MM[-1:]: 16.0}

# Millimetres of paper; scores run up to 1, for a pulse seen whole. Set by hand on drawn
# sheets of made-up vendors and on other machines' sheets of the development data; those about
# columns, single pulses, stretches and two heights on drawn machines (`ecgapp bench machines`).
# None was measured on its own.

# How far from the rows' ends a pulse may lie, outwards.
_OUTWARDS_MM = 26.0
# Words before a row stand this near to its baseline, end so far before its curve, and are shorter
# than this.
_PRINT_REACH_MM, _PRINT_ROOM_MM, _LONG_STROKE_MM = 3.0, 2.0, 30.0
# How far a pulse's foot may lie from the row's baseline.
_FOOT_RANGE_MM = 4.0
_FOOT_COST_PER_MM = 0.03
# How far before and after the edge of two columns pulses between them may stand, and how narrow
# they are not: two R waves may stand closer.
_BETWEEN_MM = 12.0, 16.0
_WIDE_MM = 2.0
# How far the rows' pulses may lie apart.
_SPREAD_MM = 1.3
# How well pulses are seen at least, at 10 mm/mV and at rarer gains, and one that stands alone.
_MIN_SCORE, _MIN_SCORE_RARE, _MIN_SCORE_ALONE = 0.55, 0.8, 0.88
# A pulse that stands alone ends before the curves begin, and its foot is its curve's height, but
# for so many millimetres, or so much of its own height: large curves wander more.
_ALONE_INWARDS_MM, _ALONE_FOOT_MM, _ALONE_FOOT_SHARE = 0.5, 2.5, 0.2
# Rows that begin so near to each other begin together.
_SAME_BEGINNING_MM = 1.0
# Part of the rows whose own pulse must be seen, at 10 mm/mV and at rarer gains.
_MIN_SEEN, _MIN_SEEN_RARE = 0.5, 0.7
_SEEN = 0.62
# Below a pulse's foot its flanks end: so much of a pulse's height is looked at there, and what goes
# on costs this much. Drawn machines chose both: without them a pulse's upper half, or two R waves,
# passed for a pulse of half the height.
_BELOW_SHARE, _BELOW_COST = 0.3, 0.6
# Where no grid tells the page's height, pulses may be so many times as high as they should.
LOOSE_STRETCHES = (0.82, 0.88, 0.94, 1.0, 1.06, 1.12, 1.2)
_STRETCH_COST = 0.5
# What stands once more within so many millimetres of most rows, this much alike with so much around
# it, is a wave of every beat.
_BEATS_MM, _ALIKE, _AROUND_MM = 50.0, 0.7, 1.0
# Share of the rows whose left flank goes on above the top, and ink of it and of the upper top,
# where pulses have two heights.
_TWO_HEIGHTS_ROWS, _TWO_HEIGHTS_INK = 0.6, 0.8
# Part of the pulses before every column that are as high as they should be, where the chest leads'
# are half as high.
_CHEST_HEIGHT_SEEN = 0.8
# Ink of a flank, below which none stands there.
_UPRIGHT = 0.5
# How far from where pulses were found their flanks are looked for, and between which parts of their
# height.
_FLANK_REACH_MM, _FLANK_PARTS = 1.2, (0.8, 0.25)
# Ink of each stroke of a single pulse of two heights.
_STEP_INK = 0.9
# Pulses before the next columns are looked for in pieces of the rows so far apart, twice as wide.
_AGAIN_MM = 15.0


@dataclass(frozen=True)
class Pulses:
    """The calibration pulses, in pixels of the canonical scale.

    Attributes
    ----------
    height_mm : float
        Height of 1 mV as printed; of a limb lead's where there are two.
    left_px, right_px : float
        Where the flanks stand, middle of all rows.
    at_left : bool
        Whether they stand before the curves or after them.
    feet_px : tuple of float or None
        Height of each row's foot line, which is 0 mV; None where the row's pulse is not seen.
    score : float
        From 0 to 1, how well they are seen.
    stretch : float
        How many times as high as `height_mm` they are on the page.
    chest_height_mm : float or None
        Height of 1 mV of a chest lead where it is another: such pulses step down halfway.
    """

    height_mm: float
    left_px: float
    right_px: float
    at_left: bool
    feet_px: tuple[float | None, ...]
    score: float
    stretch: float = 1.0
    chest_height_mm: float | None = None


def find_pulses(
    ink: NDArray[np.bool_], rows: Sequence[Row], stretches: Sequence[float] = (1.0,)
) -> Pulses | None:
    """Find the rows' calibration pulses.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    rows : sequence of Row
        The rows of curves.
    stretches : sequence of float
        How many times as high as they should be pulses may be on the page.

    Returns
    -------
    Pulses or None
        The best seen ones; None where there are none.
    """
    left = float(np.median([row.left_px for row in rows])) / SHRINK
    right = float(np.median([row.right_px for row in rows])) / SHRINK
    # Print that stands before the rows may be taken for their beginning.
    after_print = float(np.median([_after_print(ink, row) for row in rows]))
    begins = (left, after_print) if after_print > left + _OUTWARDS_MM * MM else (left,)
    found = []
    for widths_mm, inwards_mm in _INWARDS_MM.items():
        sides = [(True, begin - _OUTWARDS_MM * MM, begin + inwards_mm * MM) for begin in begins]
        sides += [(False, right - inwards_mm * MM, right + _OUTWARDS_MM * MM)]
        found += [
            pulses
            for at_left, start, stop in sides
            for pulses in _on_one_side(
                ink, rows, at_left, round(start), round(stop), stretches, widths_mm
            )
            if not _are_waves(ink, pulses)
        ]
    best = max(found, key=lambda pulses: pulses.score, default=None)
    if best is not None and best.height_mm == MM_PER_MV:
        return _with_own_flanks(ink, best)
    # R waves of every row may look like pulses of half the height: one that is seen better counts.
    alone = _alone(ink, rows, stretches)
    seen = [pulses for pulses in (best, alone) if pulses is not None]
    best = max(seen, key=lambda pulses: pulses.score, default=None)
    return _with_own_flanks(ink, best) if best is not None else None


def _after_print(ink: NDArray[np.bool_], row: Row) -> float:
    """Where the first long stroke of a row begins, words left out that stand before it."""
    y, left, right = row.in_ink
    reach = round(_PRINT_REACH_MM * MM)
    near = ink[max(0, y - reach) : y + reach + 1, max(0, left) : right]
    shown = np.asarray(near.any(axis=0))[None].astype(np.uint8)
    room = np.ones((1, 2 * round(_PRINT_ROOM_MM * MM / 2) + 1), np.uint8)
    joined = np.asarray(cv2.morphologyEx(shown, cv2.MORPH_CLOSE, room))[0] > 0
    long = (begin for begin, end in curves.stretches(joined) if end - begin >= _LONG_STROKE_MM * MM)
    return float(max(0, left) + next(long, 0))


def _with_own_flanks(ink: NDArray[np.bool_], pulses: Pulses) -> Pulses:
    """Place the flanks where their strokes are: they were found by one of a few widths."""
    height = pulses.height_mm * pulses.stretch * MM
    upper, lower = (round(part * height) for part in _FLANK_PARTS)
    reach = round(_FLANK_REACH_MM * MM)
    flanks = []
    for flank_px in (pulses.left_px, pulses.right_px):
        first = max(0, round(flank_px / SHRINK) - reach)
        own = []
        for foot in (round(foot / SHRINK) for foot in pulses.feet_px if foot is not None):
            near = ink[max(0, foot - upper) : max(0, foot - lower), first : first + 2 * reach + 1]
            if near.size and (upright := near.mean(axis=0) >= _STEP_INK).any():
                own.append(first + float(np.flatnonzero(upright).mean()))
        flanks.append(SHRINK * (float(np.median(own)) + 0.5) - 0.5 if own else flank_px)
    return replace(pulses, left_px=flanks[0], right_px=flanks[1])


def _are_waves(ink: NDArray[np.bool_], pulses: Pulses) -> bool:
    """Tell whether the same stands in most rows once more, as QRS complexes do."""
    margin = round(_AROUND_MM * MM)
    height = round(pulses.height_mm * pulses.stretch * MM)
    left, right = round(pulses.left_px / SHRINK) - margin, round(pulses.right_px / SHRINK) + margin
    beside = (right, right + round(_BEATS_MM * MM))
    if not pulses.at_left:
        beside = (left - round(_BEATS_MM * MM), left)
    likenesses = []
    for foot in (round(foot / SHRINK) for foot in pulses.feet_px if foot is not None):
        top, bottom = max(0, foot - height - margin), foot + margin
        one = _soft(ink[top:bottom, max(0, left) : right])
        row = _soft(ink[max(0, top - margin) : bottom + margin, max(0, beside[0]) : beside[1]])
        if row.shape[0] >= one.shape[0] and row.shape[1] >= one.shape[1] > 0:
            likenesses.append(float(cv2.matchTemplate(row, one, cv2.TM_CCOEFF_NORMED).max()))
    return bool(likenesses) and float(np.median(likenesses)) >= _ALIKE


def _soft(ink: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Blur ink by half a stroke, so that what lies a pixel beside is alike too."""
    return np.asarray(cv2.blur(ink.astype(np.float32), (3, 3))) if ink.size else ink.astype("f4")


def with_two_heights(ink: NDArray[np.bool_], pulses: Pulses) -> Pulses:
    """See whether pulses step down halfway, as where limb and chest leads differ in gain.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    pulses : Pulses
        As found on it, by their lower half.

    Returns
    -------
    Pulses
        With both heights, or as they are.
    """
    if pulses.height_mm != min(HEIGHTS_MM):
        # Machines halve the chest leads' 10 mm/mV, and the lower half is what is found.
        return pulses
    height = round(pulses.height_mm * pulses.stretch * MM)
    feet = [round(foot / SHRINK) for foot in pulses.feet_px if foot is not None]

    left, right = round(pulses.left_px / SHRINK), round(pulses.right_px / SHRINK)
    width, middle = right - left, (left + right) // 2
    # The higher part is as wide as the lower one, and left of it or its left half.
    votes = [
        not _goes_on(ink, foot, height, right)
        and any(
            _goes_on(ink, foot, height, first) and _has_top(ink, foot - 2 * height, first, last)
            for first, last in ((left - width, left), (left, middle))
        )
        for foot in feet
    ]
    if sum(votes) < max(min(2, len(votes)), _TWO_HEIGHTS_ROWS * len(votes)):
        return pulses
    return replace(pulses, height_mm=2 * pulses.height_mm, chest_height_mm=pulses.height_mm)


def with_chest_height(
    ink: NDArray[np.bool_], pulses: Pulses, further_px: Sequence[float]
) -> Pulses:
    """See whether pulses before the chest leads' columns are half as high as those before others.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    pulses : Pulses
        Those of the first column.
    further_px : sequence of float
        How far on each column's pulses stand, the first one's too, pixels of the canonical scale.

    Returns
    -------
    Pulses
        With both heights, or as they are.
    """
    if pulses.height_mm == min(HEIGHTS_MM):
        return pulses
    height = round(pulses.height_mm * pulses.stretch * MM)
    feet = [round(foot / SHRINK) for foot in pulses.feet_px if foot is not None]
    n_limb = len(further_px) // 2
    votes = []
    for column, further in enumerate(further_px):
        # A name, or a curve's end, has no second flank.
        flanks = [round((x + further) / SHRINK) for x in (pulses.left_px, pulses.right_px)]
        for foot in feet:
            whole = all(_goes_on(ink, foot, height // 2, x) for x in flanks)
            half = all(_goes_on(ink, foot + height // 2, height // 2, x) for x in flanks)
            votes.append(whole if column < n_limb else half and not whole)
    if not votes or np.mean(votes) < _CHEST_HEIGHT_SEEN:
        return pulses
    return replace(pulses, chest_height_mm=pulses.height_mm / 2)


def _goes_on(ink: NDArray[np.bool_], foot: int, height: int, x: int) -> bool:
    """Tell whether a flank goes on to twice a pulse's height."""
    above = ink[max(0, foot - 2 * height + 3) : max(0, foot - height - 3), max(0, x - 3) : x + 4]
    return bool(above.size) and float(above.any(axis=1).mean()) >= _TWO_HEIGHTS_INK


def _has_top(ink: NDArray[np.bool_], top: int, first: int, last: int) -> bool:
    """Tell whether a flat stroke leads from one flank to the next: spikes and frames have none."""
    near = ink[max(0, top - 3) : max(0, top + 4), max(0, first) : last + 1]
    return bool(near.size) and float(near.any(axis=0).mean()) >= _TWO_HEIGHTS_INK


def stand_between(ink: NDArray[np.bool_], rows: Sequence[Row], edges_px: Sequence[float]) -> bool:
    """Tell whether calibration pulses stand at the edge of two columns.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    rows : sequence of Row
        The rows that the columns part.
    edges_px : sequence of float
        Where columns meet, pixels of the canonical scale.

    Returns
    -------
    bool
    """
    before, after = (reach * MM for reach in _BETWEEN_MM)
    return any(
        pulses.score >= _MIN_SCORE_RARE and pulses.right_px - pulses.left_px > _WIDE_MM * PX_PER_MM
        for edge in edges_px
        for pulses in _on_one_side(
            ink, rows, True, round(edge / SHRINK - before), round(edge / SHRINK + after), (1.0,)
        )
    )


def find_pulses_between(
    ink: NDArray[np.bool_],
    rows: Sequence[Row],
    numbers: Sequence[int],
    start_px: float,
    width_px: float,
    stretches: Sequence[float] = (1.0,),
) -> Pulses | None:
    """Find calibration pulses in the room between two columns.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    rows : sequence of Row
        All rows of the page.
    numbers : sequence of int
        Numbers of the rows that have the room, from 0.
    start_px, width_px : float
        Where it begins and how wide it is, pixels of the canonical scale.
    stretches : sequence of float
        How many times as high as they should be pulses may be on the page.

    Returns
    -------
    Pulses or None
        As well seen as those of a rarer gain have to be.
    """
    start, stop = round(start_px / SHRINK), round((start_px + width_px) / SHRINK)
    chosen = [rows[number] for number in numbers]
    found = [
        pulses
        for pulses in _on_one_side(ink, chosen, True, start, stop, stretches)
        if pulses.score >= _MIN_SCORE_RARE
    ]
    best = max(found, key=lambda pulses: pulses.score, default=None)
    if best is None:
        return None
    best = _with_own_flanks(ink, best)
    feet = dict(zip(numbers, best.feet_px, strict=True))
    return replace(best, feet_px=tuple(feet.get(number) for number in range(len(rows))))


def find_pulses_again(ink: NDArray[np.bool_], rows: Sequence[Row], pulses: Pulses) -> list[float]:
    """Find where the pulses before the rows stand again, further on in the same rows.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    rows : sequence of Row
    pulses : Pulses
        Before the rows.

    Returns
    -------
    list of float
        How far on each time, pixels of the canonical scale, from the left.
    """
    # Flanks may stand nearer than the narrowest pulse that is tried.
    width_mm = max((pulses.right_px - pulses.left_px) / PX_PER_MM, min(_WIDTHS_MM))
    start_px, stop_px = pulses.right_px, max(row.right_px for row in rows)
    step_px = _AGAIN_MM * PX_PER_MM
    found: list[float] = []
    for begin_px in np.arange(start_px, stop_px, step_px).tolist():
        start, stop = round(begin_px / SHRINK), round((begin_px + 2 * step_px) / SHRINK)
        for again in _on_one_side(
            ink, rows, True, start, stop, (pulses.stretch,), (width_mm,), (pulses.height_mm,)
        ):
            if again.score < _MIN_SCORE_RARE:
                continue
            further = _with_own_flanks(ink, again).left_px - pulses.left_px
            if not found or further - found[-1] > step_px:
                found.append(further)
    return found


def _alone(
    ink: NDArray[np.bool_], rows: Sequence[Row], stretches: Sequence[float]
) -> Pulses | None:
    """Find the one pulse that stands left of one row, as some machines print it."""
    left = _beginning_px(rows) / SHRINK
    start, stop = round(left - _OUTWARDS_MM * MM), round(left + _ALONE_INWARDS_MM * MM)
    best: Pulses | None = None
    for number, row in enumerate(rows):
        for pulses in _on_one_side(ink, [row], True, start, stop, stretches):
            foot = pulses.feet_px[0]
            off_mm = max(_ALONE_FOOT_MM, _ALONE_FOOT_SHARE * pulses.height_mm)
            if foot is None or abs(foot - row.baseline_px) > off_mm * PX_PER_MM:
                continue
            if pulses.score >= max(_MIN_SCORE_ALONE, best.score if best else 0.0):
                feet: list[float | None] = [None] * len(rows)
                feet[number] = foot
                best = replace(pulses, feet_px=tuple(feet))
    return best or _stepped(ink, rows, start, stop)


def _beginning_px(rows: Sequence[Row]) -> float:
    """Where most rows begin: one's pulse, or a line of print, may hang together with its curve."""
    lefts = np.array([row.left_px for row in rows])
    together = np.abs(lefts[:, None] - lefts) <= _SAME_BEGINNING_MM * PX_PER_MM
    most = together[together.sum(axis=1).argmax()]
    return float(np.median(lefts[most] if most.sum() > 1 else lefts))


def _stepped(ink: NDArray[np.bool_], rows: Sequence[Row], start: int, stop: int) -> Pulses | None:
    """Find one pulse that steps down halfway: its lower half, for `with_two_heights` to see."""
    low = round(min(HEIGHTS_MM) * MM)
    reach = round(_ALONE_FOOT_MM * MM)
    first, last = max(0, start), min(ink.shape[1], stop)
    sharp = np.asarray(ink[:, first:last], np.uint8)
    if sharp.shape[1] < 2 * MM:
        return None
    near = np.asarray(cv2.dilate(sharp, np.ones((3, 3), np.uint8)))
    for number, row in enumerate(rows):
        line = round(row.baseline_px / SHRINK)
        for foot in range(max(2 * low, line - reach), min(len(near), line + reach + 1)):
            upper = near[foot - 2 * low : foot - low].mean(axis=0)
            lower = near[foot - low : foot].mean(axis=0)
            flanks = np.flatnonzero(np.minimum(upper, lower) >= _STEP_INK)
            for left, half in product(flanks, (round(width * MM) for width in _WIDTHS_MM)):
                middle, right = left + half, left + 2 * half
                if right >= len(upper) or upper[middle] < _STEP_INK or lower[right] < _STEP_INK:
                    continue
                tops = near[foot - 2 * low, left:middle], near[foot - low, middle:right]
                inside = sharp[foot - low + 4 : foot - 2, left + 3 : right - 2]
                if min(top.mean() for top in tops) >= _STEP_INK and not inside.any():
                    feet: list[float | None] = [None] * len(rows)
                    feet[number] = SHRINK * (foot + 0.5) - 0.5
                    return Pulses(
                        min(HEIGHTS_MM),
                        float(SHRINK * (first + left)),
                        float(SHRINK * (first + right)),
                        True,
                        tuple(feet),
                        _MIN_SCORE_ALONE,
                    )
    return None


def _on_one_side(
    ink: NDArray[np.bool_],
    rows: Sequence[Row],
    at_left: bool,
    start: int,
    stop: int,
    stretches: Sequence[float],
    widths_mm: Sequence[float] = _WIDTHS_MM,
    heights_mm: Sequence[float] = HEIGHTS_MM,
) -> Iterator[Pulses]:
    """Yield the best pulses of each height and width between two columns of the page."""
    reach = round(_FOOT_RANGE_MM * MM)
    tallest = round(max(HEIGHTS_MM) * max(stretches) * MM)
    pad = tallest + reach + 4
    below = reach + 3 + round(_BELOW_SHARE * tallest)
    width = stop - start
    padded = np.zeros((ink.shape[0] + 2 * pad, width), np.uint8)
    first, last = max(0, start), min(ink.shape[1], stop)
    if last - first < 2 * MM:
        return
    padded[pad : pad + ink.shape[0], first - start : last - start] = ink[:, first:last]
    # A stroke may lean by a pixel, and be a pixel away.
    near = np.asarray(cv2.dilate(padded, np.ones((3, 3), np.uint8)))
    feet = [round(row.baseline_px / SHRINK) + pad for row in rows]
    # (rows, height, width), the baseline always at the same height.
    bands = np.stack([near[y - pad + 2 : y + below] for y in feet]).astype(np.float32)
    sharp = np.stack([padded[y - pad + 2 : y + below] for y in feet]).astype(np.float32)
    base = pad - 2
    down, down_sharp = (
        np.cumsum(np.pad(part, ((0, 0), (1, 0), (0, 0))), axis=1) for part in (bands, sharp)
    )
    for height_mm, stretch in product(heights_mm, stretches):
        height = round(height_mm * stretch * MM)
        parts = _look_for(bands, down, down_sharp, base, feet, height, reach)
        for width_mm in widths_mm:
            for pulses in _best(parts, rows, at_left, start, height_mm, round(width_mm * MM)):
                # Of equally good stretches none.
                score = pulses.score - _STRETCH_COST * abs(stretch - 1)
                yield replace(pulses, stretch=stretch, score=score)


@dataclass(frozen=True)
class _Parts:
    """How well the parts of a pulse are seen; shape (rows, foot offsets, width).

    Of tops and insides the sums from the first column on, one column longer; `upright` says where
    a flank may be.
    """

    flank: NDArray[np.float32]
    upright: NDArray[np.bool_]
    below: NDArray[np.float32]
    top: NDArray[np.float32]
    inside: NDArray[np.float32]
    offsets: NDArray[np.intp]
    joined: bool


def _look_for(
    bands: NDArray[np.float32],
    down: NDArray[np.float32],
    down_sharp: NDArray[np.float32],
    base: int,
    feet: Sequence[int],
    height: int,
    reach: int,
) -> _Parts:
    """Look for pulses of one height at every place; ``feet`` are the rows' baselines.

    ``down`` and ``down_sharp`` are sums from the top row on, one row longer than ``bands``.
    """
    offsets = np.arange(-reach, reach + 1)

    def at_feet(sums: NDArray[np.float32], beyond: int) -> NDArray[np.float32]:
        return sums[:, base - reach + beyond : base + reach + 1 + beyond]

    further = max(2, round(_BELOW_SHARE * height))
    flank = (at_feet(down, 0) - at_feet(down, -height)) / height
    # The foot itself is ink, a few pixels high.
    goes_on = (at_feet(down, 3 + further) - at_feet(down, 3)) / further
    crowns = base - height + offsets
    above = bands[:, np.maximum(0, crowns - 6)]
    for rows_up in (5, 4):
        above = np.maximum(above, bands[:, np.maximum(0, crowns - rows_up)])
    top = bands[:, crowns] - 0.5 * above
    inside = (at_feet(down_sharp, -2) - at_feet(down_sharp, 3 - height)) / (height - 5)
    # Where rows are closer than pulses are high, the next row's pulse stands below a foot.
    joined = np.flatnonzero(np.diff(feet) < height + further + 3)
    goes_on[joined] = 0
    return _Parts(
        np.asarray(flank, np.float32),
        flank > _UPRIGHT,
        np.asarray(goes_on, np.float32),
        _sums_along(top),
        _sums_along(inside),
        offsets,
        bool(len(joined)),
    )


def _best(
    parts: _Parts,
    rows: Sequence[Row],
    at_left: bool,
    start: int,
    height_mm: float,
    width: int,
) -> Iterator[Pulses]:
    """Yield the pulses of one height and width where all rows together show them best."""
    check_time()
    columns = parts.flank.shape[2] - width
    if columns < 3:
        return
    least = _MIN_SEEN if height_mm == MM_PER_MV else _MIN_SEEN_RARE
    least_score = _MIN_SCORE if height_mm == MM_PER_MV else _MIN_SCORE_RARE
    upright = parts.upright[..., :columns] & parts.upright[..., width : width + columns]
    # A pulse is seen where both its flanks are: most rows and places need no closer look.
    if upright.any(axis=(1, 2)).mean() < least:
        return
    flanks = np.minimum(parts.flank[..., :columns], parts.flank[..., width : width + columns])
    top = _running_mean(parts.top, 1, width, columns)
    inside = _running_mean(parts.inside, 3, width - 3, columns)
    goes_on = np.minimum(parts.below[..., :columns], parts.below[..., width : width + columns])
    score = 0.6 * flanks + 0.4 * np.maximum(top, 0) - inside - np.float32(_BELOW_COST) * goes_on
    score *= upright & (top > 0.5)
    # Of two likely feet, as where one row's pulse ends upon another's, the nearer to the curve.
    score -= (_FOOT_COST_PER_MM / MM * np.abs(parts.offsets)[None, :, None]).astype(np.float32)
    # Rows may lie a little apart: each counts with its best nearby.
    spread = round(_SPREAD_MM * MM)
    by_row = score.max(axis=1)
    nearby = cv2.dilate(by_row, np.ones((1, 2 * spread + 1), np.uint8))
    together = np.sort(nearby, axis=0)
    # A row may be cut off or scribbled over: the better three quarters tell.
    kept = together[len(rows) // 4 :]
    mean = kept.mean(axis=0)
    x = int(mean.argmax())
    if mean[x] < least_score or (nearby[:, x] > _SEEN).mean() < least:
        return
    # Pulses that stand upon each other look alike at several heights, but for the first row's top
    # and the last row's foot.
    if parts.joined and min(nearby[0, x], nearby[-1, x]) < _SEEN:
        return
    lefts: list[float] = []
    feet: list[float | None] = []
    for row, own in enumerate(score):
        window = own[:, max(0, x - spread) : x + spread + 1]
        if window.max() < _SEEN:
            feet.append(None)
            continue
        # Of equally good places the middle one.
        places = np.argwhere(window >= window.max() - 0.02)
        offset, column = places.mean(axis=0)
        lefts.append(max(0, x - spread) + column)
        foot = rows[row].baseline_px / SHRINK
        feet.append(SHRINK * (round(foot) + parts.offsets[0] + offset + 0.5) - 0.5)
    if not lefts:
        return
    left = SHRINK * (start + float(np.median(lefts)))
    yield Pulses(height_mm, left, left + SHRINK * width, at_left, tuple(feet), float(mean[x]))


def _sums_along(parts: NDArray[np.floating]) -> NDArray[np.float32]:
    """Add up the columns before each column, and before the end."""
    sums = np.zeros((*parts.shape[:2], parts.shape[2] + 1), np.float32)
    np.cumsum(parts, axis=2, out=sums[..., 1:])
    return sums


def _running_mean(
    sums: NDArray[np.float32], first: int, last: int, columns: int
) -> NDArray[np.float32]:
    """Mean over the columns from ``first`` to before ``last`` after each column."""
    span = max(1, last - first)
    mean = (sums[..., first + span :] - sums[..., first:-span]) / span
    return np.asarray(mean[..., :columns], np.float32)
