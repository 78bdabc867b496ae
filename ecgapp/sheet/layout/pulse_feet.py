"""Find how long the feet are of calibration pulses that hang together with curves beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.curves import stretches
from ecgapp.sheet.detect.pulses import HEIGHTS_MM, Pulses
from ecgapp.sheet.detect.rows import Row

# Halfway between ink and paper.
HALF_DARK = 128

# Millimetres of paper. Those about many feet were set on 65 sheets of eight renderers that print a
# pulse before every column, against where their curves truly begin: off by 0.07 mm in the mean.

# The longest foot of a pulse, or that part of the pulse's width, and the room beside a pulse in
# which its foot ends.
_LONGEST_FOOT_MM, _LONGEST_FOOT_PART, _FOOT_MM = 2.5, 0.5, 4.0
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
# How far from its row a pulse reaches, how far beside its place its flank is looked for, and how
# much of a pulse's height it at least is.
_REACH_MM, _BESIDE_PX, _FLANK = 12.0, 3, 0.6


def after_foot_px(
    gray: NDArray[np.uint8],
    rows: Sequence[Row],
    pulses: Pulses | None,
    pen: float,
    further_px: Sequence[float] = (0.0,),
) -> float:
    """Find where curves begin that run on from their pulses' feet.

    The row that leaves the height of its foot first tells; the foot is about as long as the one
    before the pulse.

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
    float
        Pixels, after the first pulses; 0 without pulses before the rows.
    """
    if pulses is None or not pulses.at_left:
        return 0.0
    feet = [pulses.left_px - row.left_px - pen / 2 for row in rows if row.left_px < pulses.left_px]
    foot = _usual_foot_px(feet, pulses)
    seen = [row for row, line in zip(rows, pulses.feet_px, strict=True) if line is not None]
    if len(seen) * len(further_px) >= _MANY_FEET:
        return pulses.right_px + _foot_of_many_px(gray, seen, pulses, pen, foot, further_px)
    shown = [
        _foot_px(gray, line, pulses.right_px + further, pen, _OFF_FOOT_MM)
        for line in pulses.feet_px
        if line is not None
        for further in further_px
    ]
    longer = min(shown, default=foot) - foot
    if 0 < longer <= _LONGER_FOOT_MM * PX_PER_MM:
        # Flat beginnings leave it late.
        foot += longer / 2
    return pulses.right_px + foot


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


def _foot_of_many_px(
    gray: NDArray[np.uint8],
    rows: Sequence[Row],
    pulses: Pulses,
    pen: float,
    before_px: float,
    further_px: Sequence[float],
) -> float:
    """How long the feet of many pulses are, each looked at where its own falling flank ends."""
    late = _SEEN_LATE_MM * PX_PER_MM
    # What is left sooner is no foot, unless the one before the pulse is as short.
    least = min(1.5 * pen + _LEFT_AT_ONCE_MM * PX_PER_MM, before_px - late)
    flank_px = _FLANK * min(HEIGHTS_MM) * PX_PER_MM
    shown = []
    for further in further_px:
        right_px = pulses.right_px + further
        for row in rows:
            line = _flank_end_px(gray, row.baseline_px, right_px, pen, flank_px)
            if line is not None:
                shown.append(_foot_px(gray, line, right_px, pen, _OFF_ITS_FOOT_MM))
    foot = min((foot for foot in shown if foot >= least), default=np.inf) - late
    longer_mm = (foot - before_px) / PX_PER_MM
    if longer_mm <= _SURELY_LONGER_FOOT_MM:
        return foot
    return (foot + before_px) / 2 if longer_mm <= _MUCH_LONGER_FOOT_MM else before_px


def _flank_end_px(
    gray: NDArray[np.uint8], baseline_px: float, right_px: float, pen: float, least_px: float
) -> float | None:
    """Height at which a pulse's falling flank ends, in the middle of the pen; None if not seen."""
    first, stop = (round(baseline_px + side * _REACH_MM * PX_PER_MM) for side in (-1, 1))
    first = max(0, first)
    beside = round(pen / 2) + _BESIDE_PX
    near = gray[first:stop, max(0, round(right_px) - beside) : round(right_px) + beside + 1]
    runs = [run for column in near.T for run in stretches(column < HALF_DARK)]
    begin, end = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
    return first + end - 0.5 - pen / 2 if end - begin >= least_px else None


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
