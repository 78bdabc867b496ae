"""Measure calibration pulses: how high they are, and how long the feet that curves run on from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.curves import stretches
from ecgapp.sheet.detect.pulses import HEIGHTS_MM, Pulses
from ecgapp.sheet.detect.rows import Row

# Halfway between ink and paper.
HALF_DARK = 128

# Millimetres of paper. Those about many feet and about steps were set on 152 sheets of ten
# renderers, against where their curves truly begin.

# The longest foot of a pulse, or that part of the pulse's width, and the room beside a pulse in
# which its foot ends.
_LONGEST_FOOT_MM, _LONGEST_FOOT_PART, _FOOT_MM = 2.5, 0.5, 5.5
# A curve that lies so far from its pulse's foot is no foot, and how much longer than the foot
# before the pulse the one after it may be.
_OFF_FOOT_MM, _LONGER_FOOT_MM = 0.3, 0.6
# Of so many curves some one surely leaves its foot at once: what lies so far from it is no foot,
# and so much after its end this is seen. How much longer than the foot before the pulse it surely
# may be, and may be at all: between the two either may be true.
_MANY_FEET, _OFF_ITS_FOOT_MM, _SEEN_LATE_MM = 6, 0.15, 0.1
_SURELY_LONGER_FOOT_MM, _MUCH_LONGER_FOOT_MM = 0.75, 1.2
# Ink that is left so soon after the pulse never was its foot.
_LEFT_AT_ONCE_MM = 0.2
# A curve that wanders steps off its foot: flat before and after for so long, to so much, by so much
# at least and at most, so far after the pulse: at least, at most where feet are few, and at most.
_FLAT_FOR_MM, _FLAT_MM, _STEP_MM, _STEP_REACH_MM, _STEP_ROOM_MM = 0.4, 0.13, 0.2, 1.5, 7.5
_LEAST_STEP_MM, _LONGEST_OF_FEW_MM, _LONGEST_STEP_MM = 0.3, 3.4, 5.0
# A column in which strokes run flat has less ink than so many pens are wide; a beat's has more.
_STROKE_PENS = 2.5
# Feet end where so large a part of all curves leave theirs, from so little before to so much after
# a step, and so small a part sooner, two curves counting at least, if so large a part step off
# within so little of it, or one of so few does. It is seen so late, and counts where it is so far
# from what else was found.
_LEAVE_PART, _SOONER_PART, _LEAST_LEAVING, _SAME_STEP_MM = 0.4, 0.15, 2, (-0.05, 0.65)
_STEP_PART, _ALIKE_STEP_MM, _FEW_FEET = 0.2, 0.15, 4
_LEFT_LATE_MM, _OTHERWISE_MM = 0.2, 0.35
# Pulses fall at their own places where one does so far from where the others tell.
_OWN_PLACE_MM = 0.25
# How far from its row a pulse reaches, how far beside its place its flank is looked for, and how
# much of a pulse's height it at least is.
_REACH_MM, _BESIDE_PX, _FLANK = 12.0, 3, 0.6
# How far a flank's height may be from the one of a few by which pulses were found.
_MEASURED_OFF = 0.16


class Feet(NamedTuple):
    """Where the feet end that curves run on from, in pixels of the canonical scale.

    Attributes
    ----------
    after_px : float
        Where curves begin after the first pulses; 0 without pulses before the rows.
    flat_until_px : list of float
        How far each curve stays at the height of its pulse's foot, one of each pulse that is seen;
        infinite where it is far.
    """

    after_px: float
    flat_until_px: list[float]


def find_feet(
    gray: NDArray[np.uint8],
    rows: Sequence[Row],
    pulses: Pulses | None,
    pen: float,
    further_px: Sequence[float] = (0.0,),
) -> Feet:
    """Find where curves begin that run on from their pulses' feet.

    Of many curves the one that leaves the height of its foot first tells, of few about so: the foot
    is about as long as the one before the pulse. Where most leave theirs at one place, and some
    step off to another height there, that counts more.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    rows : sequence of Row
    pulses : Pulses or None
        Before the rows, if any.
    pen : float
        Width of the pen, pixels.
    further_px : sequence of float
        How far on the same pulses stand, pixels; all are looked at.

    Returns
    -------
    Feet
    """
    if pulses is None or not pulses.at_left:
        return Feet(0.0, [])
    feet = [pulses.left_px - row.left_px - pen / 2 for row in rows if row.left_px < pulses.left_px]
    before = _usual_foot_px(feet, pulses)
    flanks = _falling_flanks(gray, rows, pulses, pen, further_px)
    left_px = np.array(
        [_foot_px(gray, flank.line_px, flank.right_px, pen, _OFF_ITS_FOOT_MM) for flank in flanks]
    )
    at_once_px = 1.5 * pen + _LEFT_AT_ONCE_MM * PX_PER_MM
    if len(flanks) >= _MANY_FEET:
        foot = _left_first_px(left_px, at_once_px, before)
    else:
        foot = _left_about_px(gray, pulses, pen, before, further_px)
    by_steps = _stepped_off_px(gray, flanks, left_px, at_once_px, pen)
    if by_steps is not None and abs(by_steps - foot) > _OTHERWISE_MM * PX_PER_MM:
        foot = by_steps
    flat_until_px = [
        flank.right_px + left for flank, left in zip(flanks, left_px.tolist(), strict=True)
    ]
    return Feet(pulses.right_px + foot, flat_until_px)


def before_foot_px(rows: Sequence[Row], pulses: Pulses | None, pen: float) -> float:
    """Find where curves end that run on into pulses: the foot is as long as the one after them.

    Parameters
    ----------
    rows : sequence of Row
    pulses : Pulses or None
        After the rows, if any.
    pen : float
        Width of the pen, pixels.

    Returns
    -------
    float
        Pixels; infinite without pulses after the rows.
    """
    if pulses is None or pulses.at_left:
        return np.inf
    feet = [
        row.right_px - pulses.right_px - pen / 2 for row in rows if row.right_px > pulses.right_px
    ]
    return pulses.left_px - _usual_foot_px(feet, pulses)


def _usual_foot_px(feet_px: Sequence[float], pulses: Pulses) -> float:
    """How long most feet are, but no longer than feet can be; 0 where none is seen."""
    width_px = pulses.right_px - pulses.left_px
    longest_px = max(_LONGEST_FOOT_MM * PX_PER_MM, _LONGEST_FOOT_PART * width_px)
    return min(float(np.median(feet_px)), longest_px) if feet_px else 0.0


def measured_stretch(
    gray: NDArray[np.uint8], rows: Sequence[Row], pulses: Pulses, pen: float
) -> float:
    """Measure how many times as high as they should be pulses are on a page.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    rows : sequence of Row
    pulses : Pulses
        As found, by one of a few heights.
    pen : float
        Width of the pen, pixels.

    Returns
    -------
    float
        As found where no flank is seen.
    """
    # Pulses of two heights fall from the lower one.
    sides = (
        (pulses.left_px, pulses.right_px) if pulses.chest_height_mm is None else (pulses.left_px,)
    )
    places = [
        _flank_near(gray, row.baseline_px, flank_px, pen)
        for row, foot in zip(rows, pulses.feet_px, strict=True)
        if foot is not None
        for flank_px in sides
    ]
    measured = [
        flank.height_px / (pulses.height_mm * PX_PER_MM) for flank in places if flank is not None
    ]
    # A line between columns, or the next row's pulse, may lengthen a flank.
    alike = [stretch for stretch in measured if abs(stretch / pulses.stretch - 1) <= _MEASURED_OFF]
    return float(np.median(alike)) if alike else pulses.stretch


class _Flank(NamedTuple):
    """Where a pulse's flank stands, the height at which its foot begins, and its own, pixels."""

    right_px: float
    line_px: float
    height_px: float


def _falling_flanks(
    gray: NDArray[np.uint8],
    rows: Sequence[Row],
    pulses: Pulses,
    pen: float,
    further_px: Sequence[float],
) -> list[_Flank]:
    """Find the falling flanks of all pulses that are seen.

    Leads pasted onto a page each have their own place: where one lies far from where the others of
    its column do, each counts from its own.
    """
    seen = [row for row, foot in zip(rows, pulses.feet_px, strict=True) if foot is not None]
    found: list[_Flank] = []
    off_px: list[float] = []
    farthest_px = 0.0
    for further in further_px:
        right_px = pulses.right_px + further
        places = [_flank_near(gray, row.baseline_px, right_px, pen) for row in seen]
        flanks = [flank for flank in places if flank is not None]
        found += [flank._replace(right_px=right_px) for flank in flanks]
        off = np.array([flank.right_px - right_px for flank in flanks])
        off_px += off.tolist()
        if len(off):
            farthest_px = max(farthest_px, float(np.abs(off - np.median(off)).max()))
    if farthest_px <= _OWN_PLACE_MM * PX_PER_MM:
        return found
    usual_px = float(np.median(off_px))
    return [
        flank._replace(right_px=flank.right_px + off - usual_px)
        for flank, off in zip(found, off_px, strict=True)
    ]


def _left_first_px(left_px: NDArray[np.float64], at_once_px: float, before_px: float) -> float:
    """How long feet are of which the first one to be left tells."""
    late = _SEEN_LATE_MM * PX_PER_MM
    # What is left sooner is no foot, unless the one before the pulse is as short.
    feet = left_px[left_px >= min(at_once_px, before_px - late)]
    foot = float(feet.min(initial=np.inf)) - late
    longer_mm = (foot - before_px) / PX_PER_MM
    if longer_mm <= _SURELY_LONGER_FOOT_MM:
        return foot
    return (foot + before_px) / 2 if longer_mm <= _MUCH_LONGER_FOOT_MM else before_px


def _left_about_px(
    gray: NDArray[np.uint8],
    pulses: Pulses,
    pen: float,
    before_px: float,
    further_px: Sequence[float],
) -> float:
    """How long few feet are: about as long as the one before the pulse."""
    shown = [
        _foot_px(gray, line, pulses.right_px + further, pen, _OFF_FOOT_MM)
        for line in pulses.feet_px
        if line is not None
        for further in further_px
    ]
    longer = min(shown, default=before_px) - before_px
    # Flat beginnings leave it late.
    return before_px + longer / 2 if 0 < longer <= _LONGER_FOOT_MM * PX_PER_MM else before_px


def _stepped_off_px(
    gray: NDArray[np.uint8],
    flanks: Sequence[_Flank],
    left_px: NDArray[np.float64],
    at_once_px: float,
    pen: float,
) -> float | None:
    """How long feet are that most curves leave where some step off; None where too few do."""
    places = np.array([_step_px(gray, flank, pen) for flank in flanks], np.float64)
    longest_mm = _LONGEST_STEP_MM if len(flanks) >= _MANY_FEET else _LONGEST_OF_FEW_MM
    least, longest = 1.5 * pen + _LEAST_STEP_MM * PX_PER_MM, longest_mm * PX_PER_MM
    places[(places < least) | (places > longest)] = np.nan
    steps = places[np.isfinite(places)]
    n_steps = 1.0 if len(flanks) <= _FEW_FEET else _STEP_PART * len(flanks)
    most, foot = max(_LEAST_LEAVING, _LEAVE_PART * len(flanks)), None
    too_many = max(_LEAST_LEAVING, _SOONER_PART * len(flanks))
    after = (left_px - places) / PX_PER_MM
    by_own_step = (after >= _SAME_STEP_MM[0]) & (after <= _SAME_STEP_MM[1])
    for step in steps:
        first, last = (step + side * PX_PER_MM for side in _SAME_STEP_MM)
        near = left_px[(left_px >= first) & (left_px <= last)]
        sooner = (left_px >= at_once_px) & (left_px < first)
        # P waves begin together, too: no foot goes on where one curve has stepped off its own.
        if (sooner & by_own_step).any():
            continue
        alike = np.abs(steps - step) <= _ALIKE_STEP_MM * PX_PER_MM
        sooner |= places < step - _ALIKE_STEP_MM * PX_PER_MM
        if sooner.sum() < too_many and len(near) >= most and alike.sum() >= n_steps:
            most = len(near) + 1
            foot = float(np.median(near)) - _LEFT_LATE_MM * PX_PER_MM
    return foot


def _step_px(gray: NDArray[np.uint8], flank: _Flank, pen: float) -> float | None:
    """Where ink steps from one flat stretch, the foot, to another; None where it does not."""
    first = round(flank.right_px + pen / 2) + 1
    line, reach = round(flank.line_px), round(_STEP_REACH_MM * PX_PER_MM)
    top = max(0, line - reach)
    room = round(_STEP_ROOM_MM * PX_PER_MM)
    dark = np.asarray(gray[top : line + reach + 1, first : first + room] < HALF_DARK)
    lowest = len(dark) - 1 - dark[::-1].argmax(axis=0)
    highest = dark.argmax(axis=0)
    n_dark = dark.sum(axis=0)
    flat_stroke = (n_dark > 0) & (n_dark < _STROKE_PENS * pen)
    heights = np.where(flat_stroke, (highest + lowest) / 2, np.nan)
    width = round(_FLAT_FOR_MM * PX_PER_MM)
    if len(heights) <= 2 * width:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(heights, width)
    before, after = windows[: -width - 1], windows[width + 1 :]
    size = np.abs(np.median(after, axis=1) - np.median(before, axis=1))
    flat = np.ptp(before, axis=1) <= _FLAT_MM * PX_PER_MM
    flat &= np.ptp(after, axis=1) <= 1.5 * _FLAT_MM * PX_PER_MM
    # Beside the flank the ink is not yet the foot's.
    foot = heights[2 : len(before) + width]
    bent = np.maximum.accumulate(foot) - np.minimum.accumulate(foot)
    flat &= bent[width - 3 : width - 3 + len(before)] <= 2 * _FLAT_MM * PX_PER_MM
    sizes = np.where(flat & (size >= _STEP_MM * PX_PER_MM), size, 0.0)
    if not sizes.any():
        return None
    return first + width + int(sizes.argmax()) - flank.right_px


def _flank_near(
    gray: NDArray[np.uint8], baseline_px: float, right_px: float, pen: float
) -> _Flank | None:
    """Find where a pulse falls near a place, and its foot in the middle of the pen."""
    first, stop = (round(baseline_px + side * _REACH_MM * PX_PER_MM) for side in (-1, 1))
    first = max(0, first)
    beside = round(pen / 2) + _BESIDE_PX
    left = max(0, round(right_px) - beside)
    near = gray[first:stop, left : round(right_px) + beside + 1]
    runs = [
        max(stretches(column < HALF_DARK), key=lambda run: run[1] - run[0], default=(0, 0))
        for column in near.T
    ]
    heights = np.array([end - begin for begin, end in runs])
    high = np.flatnonzero(heights >= _FLANK * min(HEIGHTS_MM) * PX_PER_MM)
    if not len(high):
        return None
    begin, end = runs[int(heights.argmax())]
    return _Flank(left + float(high.mean()), first + end - 0.5 - pen / 2, end - begin - pen)


def _foot_px(
    gray: NDArray[np.uint8], line_px: float, right_px: float, pen: float, off_mm: float
) -> float:
    """How long ink stays at the height of a pulse's foot; far off where it runs on flat."""
    first = round(right_px + pen)
    line, off = round(line_px), round(pen / 2 + off_mm * PX_PER_MM)
    near = gray[
        max(0, line - off - 1) : line + off + 2, first : first + round(_FOOT_MM * PX_PER_MM)
    ]
    dark = near < HALF_DARK
    flat = dark[1:-1].any(axis=0) & ~dark[[0, -1]].any(axis=0)
    return first + int(np.argmin(flat)) + pen / 2 - right_px if not flat.all() else np.inf
