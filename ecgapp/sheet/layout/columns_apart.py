"""Find columns of leads that stand apart, whatever seconds each of them shows.

Most machines print ten seconds without a break. Some part the columns by an empty piece of paper
or by calibration pulses, and show less than a quarter, or half, of ten seconds in each; and paper
may be fed by a hundredth faster or slower than its grid says. Where all columns are parted, their
curves' own beginnings and ends tell how wide each is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM, SHEET_S
from ecgapp.sheet.detect.curves import stretches
from ecgapp.sheet.detect.pulses import Pulses, find_pulses_again
from ecgapp.sheet.detect.rows import MM, Row
from ecgapp.sheet.detect.tracks import Tracks
from ecgapp.sheet.layout.column_gap import COLUMN_COUNTS, WIDEST_LINE_MM
from ecgapp.sheet.layout.pulse_feet import find_feet
from ecgapp.sheet.layout.time_axis import (
    LOST_S,
    MAX_STRETCH,
    SPEEDS_MM_PER_S,
    Ends,
    Gap,
    begin_px,
    end_px,
    pen_px,
    usual_place,
)

# Millimetres of paper and parts, set by hand on drawn sheets of two machines that print pulses
# before every column, and of one that leaves 2 or 4 mm between them.

# Part of the rows that may show ink where the columns are parted.
_INK_ROWS = 0.34
# How narrow the room between two columns may be, and how wide what stands in it: a pulse with its
# feet, a line, a name.
_LEAST_ROOM_MM, _WIDEST_PRINT_MM = 1.0, 13.0
# How far the columns' widths, and their distances, may differ, and how near to the rooms' edges a
# row's own curve begins and ends.
_SAME_WIDTH_MM, _SAME_PITCH_MM, _NEAR_MM = 1.2, 0.6, 1.5
# Rows' edges that are so far from the middle one are counted.
_SAME_EDGE_MM = 0.4
# Rows that at least show where a column begins and ends.
_LEAST_ROWS = 2
# Columns that follow each other at the distance of their seconds end early and nothing more; how
# near to it they are, and how near to that of their seconds a width is no other.
_IN_PLACE_MM, _SAME_AS_TOLD_MM = 0.4, 0.2
# Without a grid, columns so little apart are taken to end early; with one, where their width is so
# much further from that of their seconds than their distance is: chosen on two sheets against two.
_EARLY_MM, _CLEARLY_OFF = 4.0, 0.0075
# How near to the columns' own length, in parts of what lies between them, a strip is that shows
# that they stand apart.
_BY_STRIP = 0.25
# A strip is believed to be as long as columns that only end early if it is to this part of it.
_SAME_BY_STRIP = 0.01
# Of so many columns all but one tell how wide they are.
_MANY_COLUMNS = 4
# Columns whose distance is so many times their width follow each other if the pulses' height is
# nearer to what that distance tells than to what the width tells; else they stand apart.
_CLEARLY_APART = 1.025
# The least, and the most, that a column shows of the seconds that it would have of ten.
_LEAST_SHOWN, _MOST_SHOWN = 0.6, 1.2


def find_columns_apart(
    gray: NDArray[np.uint8],
    tracks: Tracks,
    rows: Sequence[Row],
    inked: NDArray[np.bool_],
    pulses: Pulses | None,
    lefts: Ends,
    rights: Ends,
    scale_known: bool,
) -> Gap | None:
    """Find columns that stand apart, by where most rows' curves begin and end.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    tracks : Tracks
        The rows' curves.
    rows : sequence of Row
    inked : ndarray, shape (n_rows, n_columns), bool
        Which columns of the tracks show a row's curve, as from `has_ink`.
    pulses : Pulses or None
        If any; of those after the rows the height alone counts.
    lefts, rights : Ends
        Where the rows begin and end, pulses left out.
    scale_known : bool
        Whether a grid tells the page's scale; if not, it was taken for ten seconds.

    Returns
    -------
    Gap or None
        With the columns' own width. Without a grid columns that follow each other are as wide as
        their distance, with no room between; with one there is None for such, nor is there where
        columns are not parted or not alike.
    """
    # Without a grid the height of pulses tells the scale, if anything does.
    stretch = None if scale_known or pulses is None else pulses.stretch
    left, right = (
        max(0, round(usual_place(side) / PX_PER_MM * MM) - tracks.left) for side in (lefts, rights)
    )
    # Pulses may follow on the rows.
    with_room = np.array([not _runs_on(ink[left:right]) for ink in inked])
    if with_room.sum() < _LEAST_ROWS:
        return None
    # Strips stand below the columns; a name or a beat may hide a little room further up.
    with_room[: np.flatnonzero(with_room)[-1]] = True
    shown = inked[with_room].mean(axis=0) > _INK_ROWS
    # What ends before the curves begin is print.
    columns = [(begin, end) for begin, end in _columns(shown) if end > left]
    if len(columns) not in COLUMN_COUNTS:
        return None
    numbers = np.flatnonzero(with_room)
    pen = pen_px(gray, tracks)
    begins_px = [_edge_px(gray, tracks, inked, numbers, begin, pen, 1) for begin, _ in columns]
    ends_px = [_edge_px(gray, tracks, inked, numbers, end - 1, pen, -1) for _, end in columns]
    begins, ends = np.array(begins_px, np.float64), np.array(ends_px, np.float64)
    if not np.isfinite([begins, ends]).all():
        return None
    if pulses is not None and not pulses.at_left:
        pulses = None
    if pulses is not None:
        begins = _without_pulses(begins, ends)
    # Pulses may hang together with the curves, before every column or before the first alone.
    pulse_px = max(0.0, usual_place(lefts) - begins[0])
    widths = ends - begins
    alike = abs(np.median(widths[1:]) - widths[0]) <= _SAME_WIDTH_MM * PX_PER_MM
    if pulses is not None and alike and begins[0] < pulses.left_px:
        feet = find_feet(gray, rows, pulses, pen, begins - begins[0])
        pulse_px = feet.after_px - begins[0]
    begins[: len(begins) if alike else 1] += pulse_px
    strips = [(lefts.places[row][0], rights.places[row][0]) for row in np.flatnonzero(~with_room)]
    # A name may stand before a strip, and be taken for its beginning.
    with_columns = _SAME_PITCH_MM * PX_PER_MM
    strips_px = [end - begin for begin, end in strips if abs(begin - begins[0]) <= with_columns]
    strip_px = float(np.median(strips_px)) if strips_px else None
    gap = _gap(begins, ends, numbers, strip_px, scale_known, stretch)
    if gap is None or strips_px or gap.column_px is None:
        return gap
    own_place = _own_place_of_strips(strips, float(begins[0]), len(begins) * gap.column_px)
    return replace(gap, strips_start_px=own_place)


def _own_place_of_strips(
    strips: Sequence[tuple[float, float]], begin_px: float, long_px: float
) -> float | None:
    """Where strips begin that show all columns' seconds in one, elsewhere than the columns do."""
    same_px = _SAME_WIDTH_MM * PX_PER_MM
    begins = [
        begin
        for begin, end in strips
        if abs(end - begin - long_px) <= same_px < abs(begin - begin_px)
    ]
    return float(np.median(begins)) if begins else None


def find_joined_columns(
    ink: NDArray[np.bool_],
    gray: NDArray[np.uint8],
    tracks: Tracks,
    rows: Sequence[Row],
    pulses: Pulses,
    rights: Ends,
) -> Gap | None:
    """Find columns that hang together with the pulses between them, on a page of known scale.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    tracks : Tracks
        The rows' curves.
    rows : sequence of Row
    pulses : Pulses
        Before the rows.
    rights : Ends
        Where the rows end.

    Returns
    -------
    Gap or None
        With the columns' own width. None where pulses do not part the rows into columns alike.
    """
    further = [0.0, *find_pulses_again(ink, rows, pulses)]
    if len(further) not in COLUMN_COUNTS:
        return None
    pen = pen_px(gray, tracks)
    after_px = find_feet(gray, rows, pulses, pen, further).after_px
    before_px = pulses.left_px - float(np.median([row.left_px for row in rows])) - pen / 2
    begins = after_px + np.array(further)
    ends = np.append(pulses.left_px + np.array(further[1:]) - before_px, usual_place(rights))
    return _gap(begins, ends, np.arange(len(rows)), None, True, None)


def _without_pulses(begins: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Begin columns that hang together with their pulses where the others do, from their ends."""
    widths = ends - begins
    least = widths.min()
    with_pulse = widths > least + _SAME_WIDTH_MM * PX_PER_MM
    with_pulse &= widths < least + _WIDEST_PRINT_MM * PX_PER_MM
    even = np.ptp(np.diff(ends)) <= _SAME_PITCH_MM * PX_PER_MM if len(ends) > 2 else True
    return np.where(with_pulse & even, ends - least, begins)


def _runs_on(ink: NDArray[np.bool_]) -> bool:
    """Whether a row's curve has no room in it, as a strip's."""
    # A line that parts columns may stand in the middle of their room.
    shown = [run for run in stretches(ink) if run[1] - run[0] >= WIDEST_LINE_MM * MM]
    return all(after[0] - before[1] < _LEAST_ROOM_MM * MM for before, after in pairwise(shown))


def _columns(shown: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of a page's columns in which most rows show a curve, what is narrow left out."""
    pieces: list[tuple[int, int]] = []
    for begin, end in stretches(shown):
        if end - begin <= _WIDEST_PRINT_MM * MM:
            continue
        if pieces and begin - pieces[-1][1] < _LEAST_ROOM_MM * MM:
            begin = pieces.pop()[0]
        pieces.append((begin, end))
    return pieces


def _edge_px(
    gray: NDArray[np.uint8],
    tracks: Tracks,
    inked: NDArray[np.bool_],
    numbers: NDArray[np.intp],
    column: int,
    pen: float,
    side: int,
) -> float:
    """Where rows' curves begin (1) or end (-1) near a column of the tracks, pixels, or NaN."""
    reach = round(_NEAR_MM * MM)
    places = []
    for number in numbers.tolist():
        steps = np.diff(inked[number].astype(np.int8), prepend=0, append=0)
        edges = np.flatnonzero(steps == side) - (side < 0)
        near = edges[np.abs(edges - column) <= reach]
        if len(near):
            at = int(near[np.abs(near - column).argmin()])
            edge_px = begin_px if side > 0 else end_px
            places.append(edge_px(gray, tracks, number, at, pen))
    if len(places) < _LEAST_ROWS:
        return float("nan")
    edges = np.array(places)
    middle = edges[np.abs(edges - np.median(edges)).argmin()]
    return float(edges[np.abs(edges - middle) <= _SAME_EDGE_MM * PX_PER_MM].mean())


def _gap(
    begins: NDArray[np.float64],
    ends: NDArray[np.float64],
    rows: NDArray[np.intp],
    strip_px: float | None,
    scale_known: bool,
    pulse_stretch: float | None,
) -> Gap | None:
    """Tell what parts columns that are alike; None where they are not.

    A strip of ten seconds tells how wide they are even where the pen lifts early. Without a grid
    pulses, so many times as high on the page as they should be, tell whether columns end early.
    """
    widths, pitches = ends - begins, np.diff(begins)
    # In one of four columns curves may end with a beat too steep to follow, or run into a name.
    off = np.abs(widths - np.median(widths))
    if len(widths) >= _MANY_COLUMNS and off.max() > _SAME_PITCH_MM * PX_PER_MM:
        widths = np.delete(widths, off.argmax())
    width, pitch = float(np.mean(widths)), float(np.mean(pitches))
    # A strip that is as long as all columns without their distances shows that these are blank.
    blanks_px = len(begins) * (pitch - width)
    apart = strip_px is not None and abs(strip_px - len(begins) * width) < _BY_STRIP * blanks_px
    # Frames with grids of their own, which are counted as one, stand less evenly.
    even_mm = _SAME_WIDTH_MM if apart else _SAME_PITCH_MM
    if np.ptp(widths) > _SAME_WIDTH_MM * PX_PER_MM or np.ptp(pitches) > even_mm * PX_PER_MM:
        return None
    slow, fast = (SHEET_S * speed * PX_PER_MM / len(begins) for speed in SPEEDS_MM_PER_S)
    # Fewer seconds than ten at the usual speed, or ten at twice that: columns of six seconds are as
    # wide as some of three at 50 mm/s, and only print tells these apart.
    nominal = fast if abs(width / fast - 1) <= MAX_STRETCH else slow
    if width > _MOST_SHOWN * nominal:
        return None
    by_pulses = False
    if pulse_stretch is not None and pitch > _CLEARLY_APART * width:
        by_pulses = True
        apart |= pulse_stretch * nominal < (pitch * width) ** 0.5
    same_px = _SAME_AS_TOLD_MM * PX_PER_MM if scale_known else 0.0
    by_strip = strip_px / len(begins) if strip_px is not None else 0.0
    # A strip may run on into a pulse of its own, where the rows end elsewhere.
    if abs(width - nominal) > same_px and abs(by_strip / nominal - 1) <= MAX_STRETCH:
        width = by_strip
    if abs(width - nominal) <= same_px:
        width = nominal
    if scale_known:
        in_place = abs(pitch - nominal) <= _IN_PLACE_MM * PX_PER_MM
    else:
        in_place = (by_pulses or pitch - width <= _EARLY_MM * PX_PER_MM) and not apart
    if in_place and not scale_known:
        # Columns that only end early: their distance tells the page's scale, not the rows' width.
        by_strip_too = abs(by_strip / pitch - 1) <= _SAME_BY_STRIP
        width = pitch = by_strip if by_strip_too else float(np.median(pitches))
    elif in_place or width < _LEAST_SHOWN * nominal or pitch < width:
        return None
    # Columns may follow each other on paper that is fed otherwise, and only end a little early.
    # Then their distance is nearer to that of their seconds than their width is.
    early_s = (pitch - width) / nominal * SHEET_S / len(begins)
    off_pitch, off_width = abs(pitch / nominal - 1), abs(width / nominal - 1)
    early = early_s <= LOST_S and off_pitch <= MAX_STRETCH and off_width - off_pitch > _CLEARLY_OFF
    if early and not apart:
        width = pitch
    start = float(np.mean(begins - pitch * np.arange(len(begins))))
    at_px = tuple(start + k * width for k in range(1, len(begins)))
    return Gap(at_px, pitch - width, frozenset(rows.tolist()), blank=True, column_px=width)
