"""Find what moves columns apart: calibration pulses between two of them, or blanks between all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import CHEST_LEADS, LAYOUTS, PX_PER_MM, RHYTHM_STRIPS, SHEET_S
from ecgapp.errors import check_time
from ecgapp.sheet.detect.curves import stretches
from ecgapp.sheet.detect.names import STROKES, PrintedName
from ecgapp.sheet.detect.pulses import Pulses, find_pulses_between
from ecgapp.sheet.detect.rows import MM, SHRINK, Row
from ecgapp.sheet.detect.tracks import Tracks
from ecgapp.sheet.layout.time_axis import (
    SPEEDS_MM_PER_S,
    Ends,
    Gap,
    begin_px,
    pen_px,
    usual_place,
)

# Millimetres of paper, set by hand on drawn machines (`ecgapp bench machines`): how wide a pulse
# with its feet is, and how far apart the rows' ends may lie.
_NARROWEST_MM, _WIDEST_MM = 4.0, 18.0
_SAME_END_MM = 1.0
# The same of blanks: how narrow and how wide one is, how far off in a row, and the part of the
# rows, strips among them, that at least has them all. The rows' ends may be so far off,
# lines between columns so wide, and so much may stand before a row.
_BLANK_END_MM, WIDEST_LINE_MM, _MARK_MM = 1.5, 0.6, 14.0
_LEAST_BLANK_MM, _WIDEST_BLANK_MM, _SAME_BLANK_MM, _BLANK_ROWS = 0.5, 12.0, 0.5, 0.6
# Blanks of a row beyond which it is dashed, and the ink in others' blanks that shows a strip.
_MOST_BLANKS, _RUNS_ON = 30, 0.8
# How much longer than strips other rows are, at least, and how much longer for each blank, at most;
# how far their ends lie from each other's, and what parts columns from the middles of blanks.
_LEAST_LONGER_MM, _MOST_LONGER_MM, _SAME_PLACE_MM, _IN_MIDDLE_MM = 0.8, 3.5, 0.4, 0.4
# So many names in blanks are no accident.
_LEAST_IN_BLANKS = 3
# Rows that at least have a gap: two columns of fewer leads are no layout.
_LEAST_ROWS = 2

# Layouts of one column have nothing between columns.
COLUMN_COUNTS = sorted({len(layout.columns) for layout in LAYOUTS.values()} - {1}, reverse=True)
# Parts of the ten seconds after which a layout's first column of chest leads alone begins.
_PARTS = sorted(
    {
        column / len(layout.columns)
        for layout in LAYOUTS.values()
        for column, names in enumerate(layout.columns)
        if column
        and set(names) <= set(CHEST_LEADS)
        and not set(layout.columns[column - 1]) <= set(CHEST_LEADS)
    }
)


def find_gap(
    ink: NDArray[np.bool_], rows: Sequence[Row], lefts: Ends, rights: Ends
) -> tuple[Gap, Pulses] | None:
    """Find the gap between the limb and the chest leads' columns, and the pulses in it.

    Rows that are longer than ten seconds by the width of a pulse have one; strips run on.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    rows : sequence of Row
    lefts, rights : Ends
        Where the rows begin and end, pulses at their ends left out.

    Returns
    -------
    Gap and Pulses, or None
    """
    left = usual_place(lefts)
    ends = np.array([place for place, _ in rights.places])
    for speed in SPEEDS_MM_PER_S:
        width = SHEET_S * speed * PX_PER_MM
        beyond = (ends - left - width) / PX_PER_MM
        wide = (beyond > _NARROWEST_MM) & (beyond < _WIDEST_MM)
        if wide.sum() < _LEAST_ROWS:
            continue
        gap_mm = float(np.median(beyond[wide]))
        with_gap = np.flatnonzero(np.abs(beyond - gap_mm) < _SAME_END_MM)
        if len(with_gap) < max(_LEAST_ROWS, wide.sum() / 2):
            continue
        for part in _PARTS:
            at_px = left + part * width
            gap = Gap((at_px,), gap_mm * PX_PER_MM, frozenset(with_gap.tolist()))
            pulses = find_pulses_between(ink, rows, sorted(gap.rows), at_px, gap.width_px)
            if pulses is not None:
                return gap, pulses
    return None


def find_blanks(
    gray: NDArray[np.uint8],
    tracks: Tracks,
    inked: NDArray[np.bool_],
    lefts: Ends,
    rights: Ends,
) -> Gap | None:
    """Find blanks between all columns of leads.

    Curves stop a little before the next column begins, and columns may lie further apart than
    their seconds are wide. The last column's curves end as early as the others'.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    tracks : Tracks
        The rows' curves.
    inked : ndarray, shape (n_rows, n_columns), bool
        Which columns of the tracks show a row's curve, as from `has_ink`.
    lefts, rights : Ends
        Where the rows begin and end.

    Returns
    -------
    Gap or None
    """
    left, right = usual_place(lefts), usual_place(rights)
    pen = pen_px(gray, tracks)
    begins: list[NDArray[np.float64]] = []
    blanks_px: list[NDArray[np.float64]] = []
    for number, ink in enumerate(inked):
        columns, widths = _anew(ink)
        begins.append(np.array([begin_px(gray, tracks, number, column, pen) for column in columns]))
        blanks_px.append(np.asarray(SHRINK * widths + pen, np.float64))
    for speed, n_columns in product(SPEEDS_MM_PER_S, COLUMN_COUNTS):
        column = SHEET_S * speed * PX_PER_MM / n_columns
        found = _alike(
            [
                list(_partings(at, blanks, (left, right), column, n_columns))
                for at, blanks in zip(begins, blanks_px, strict=True)
            ]
        )
        if len(found) < max(_LEAST_ROWS, _BLANK_ROWS * len(inked)):
            continue
        start, apart, blank = np.median(list(found.values()), axis=0).tolist()
        early = max(0.0, blank - apart)
        end = start + n_columns * column + (n_columns - 1) * apart - early
        if abs(end - right) <= _BLANK_END_MM * PX_PER_MM:
            at_px = tuple(start + k * column for k in range(1, n_columns))
            width = apart if apart > _SAME_BLANK_MM * PX_PER_MM else 0.0
            with_blanks = frozenset(
                row
                for row, ink in enumerate(inked)
                if row in found or not _runs_on(ink, at_px, apart, tracks.left)
            )
            return Gap(at_px, width, with_blanks, blank=True)
    return None


def find_narrow_blanks(
    tracks: Tracks, inked: NDArray[np.bool_], rights: Ends, marks_px: Sequence[float]
) -> Gap | None:
    """Find blanks, however narrow, by which rows of columns are longer than the strips below them.

    In the middle of every blank stands a mark, or a row's curve is interrupted there.

    Parameters
    ----------
    tracks : Tracks
        The rows' curves.
    inked : ndarray, shape (n_rows, n_columns), bool
        As for `find_blanks`.
    rights : Ends
        Where the rows end.
    marks_px : sequence of float
        Where marks stand that may part columns.

    Returns
    -------
    Gap or None
    """
    begins = [
        np.array([SHRINK * (tracks.left + begin) for begin, _ in stretches(ink)]) for ink in inked
    ]
    ends = np.array([place for place, _ in rights.places])
    # Of strips taken for rows of columns the others would still be most.
    for n_strips in range(min(len(RHYTHM_STRIPS), len(inked) - _LEAST_ROWS), 0, -1):
        longer = _longer_than_strips(begins, ends, n_strips)
        if longer is None:
            continue
        start, width, longer_px = longer
        blanks = [_blank_middles(ink, tracks.left) for ink in inked[:-n_strips]]
        places = np.concatenate([np.array(marks_px), *blanks])
        for n_columns in COLUMN_COUNTS:
            numbers, blank = np.arange(1, n_columns), longer_px / (n_columns - 1)
            at_px = start + numbers * width / n_columns
            off, off_without = (
                np.abs(places[:, None] - middles).min(axis=0, initial=np.inf)
                for middles in (at_px + (numbers - 0.5) * blank, at_px)
            )
            narrow = blank <= _MOST_LONGER_MM * PX_PER_MM
            in_middle = off.max() <= _IN_MIDDLE_MM * PX_PER_MM and off.sum() < off_without.sum()
            if narrow and in_middle:
                with_blanks = frozenset(range(len(inked) - n_strips))
                return Gap(tuple(at_px.tolist()), blank, with_blanks, blank=True)
    return None


def _blank_middles(ink: NDArray[np.bool_], left: int) -> NDArray[np.float64]:
    """Middles of a row's blanks, pixels, by the columns of its track that show ink."""
    starts, widths = _anew(ink)
    return np.asarray(SHRINK * (left + starts - widths / 2), np.float64)


def _longer_than_strips(
    begins: Sequence[NDArray[np.float64]], ends: NDArray[np.float64], n_strips: int
) -> tuple[float, float, float] | None:
    """Beginning and width of ten seconds, and how much longer than so many strips rows are."""
    near = _SAME_PLACE_MM * PX_PER_MM
    right, strips_right = (float(np.median(part)) for part in (ends[:-n_strips], ends[-n_strips:]))
    longer = right - strips_right
    together = float(np.mean(np.abs(ends[:-n_strips] - right) <= near)) >= _BLANK_ROWS
    together &= bool(np.abs(ends[-n_strips:] - strips_right).max() <= near)
    if not together or longer < _LEAST_LONGER_MM * PX_PER_MM:
        return None
    for speed in SPEEDS_MM_PER_S:
        width = SHEET_S * speed * PX_PER_MM
        start = strips_right - width
        # Names and pulses may stand before the curves.
        begin_there = [np.abs(one - start).min(initial=np.inf) <= near for one in begins]
        if np.mean(begin_there) >= _BLANK_ROWS:
            return start, width, longer
    return None


def stand_in_blanks(names: Sequence[PrintedName], gap: Gap) -> bool:
    """Tell whether names take the places where curves of ten seconds would go on.

    Parameters
    ----------
    names : sequence of PrintedName
        The names on the page.
    gap : Gap
        As from `find_blanks`.

    Returns
    -------
    bool
        True where columns begin before their curves do, at their names, and none ends early.
    """
    if gap.width_px:
        return False
    before, least = (room * PX_PER_MM for room in (_WIDEST_BLANK_MM, _BLANK_END_MM))
    inside = sum(
        name.name not in STROKES
        and any(at - before <= name.left <= at - least and name.right <= at for at in gap.at_px)
        for name in names
    )
    return inside >= _LEAST_IN_BLANKS


def _runs_on(ink: NDArray[np.bool_], at_px: Sequence[float], apart: float, left: int) -> bool:
    """Whether a row's curve runs on where others have blanks, as a strip's does."""
    shown = []
    for before, at in enumerate(at_px):
        begin = round((at + before * apart) / SHRINK) - left
        shown.append(ink[max(0, begin) : max(0, begin) + max(1, round(apart / SHRINK))])
    return bool(np.concatenate(shown).mean() > _RUNS_ON)


class _Parting(NamedTuple):
    """How one row's columns may lie, pixels: a beginning, how far apart they stand, and blanks."""

    start: float
    apart: float
    blank: float


def _partings(
    begins: NDArray[np.float64],
    blanks_px: NDArray[np.float64],
    ends: tuple[float, float],
    column: float,
    n_columns: int,
) -> Iterator[_Parting]:
    """List how a row's columns may lie by where its curve begins anew.

    A mark or a pulse may stand before its beginning.
    """
    left, right = ends
    near, widest = _SAME_BLANK_MM * PX_PER_MM, _WIDEST_BLANK_MM * PX_PER_MM
    for first, blank in zip(begins.tolist(), blanks_px.tolist(), strict=True):
        most = first - left - column
        if not -near <= most <= widest + _MARK_MM * PX_PER_MM:
            continue
        if n_columns == 2:
            # What stands before the curve makes `most` too wide, and not the blank, of which part
            # is how early the columns end.
            apart = blank - max(0.0, first + column - right)
            apart = most if abs(most - apart) <= near else apart
            if -near <= apart <= min(widest, most):
                yield _Parting(first - column - apart, apart, blank)
            continue
        for second in begins[begins > first].tolist():
            apart = second - first - column
            if not -near <= apart <= min(widest, most + near):
                continue
            places = first + (column + apart) * np.arange(n_columns - 1)
            nearest = np.abs(begins[:, None] - places).argmin(axis=0)
            if np.abs(begins[nearest] - places).max() <= near:
                mean = float(blanks_px[nearest].mean())
                yield _Parting(first - column - apart, apart, mean)


def _alike(partings: Sequence[Sequence[_Parting]]) -> dict[int, _Parting]:
    """Rows whose columns lie as most rows' do, and how they do."""
    near = _SAME_BLANK_MM * PX_PER_MM
    best: dict[int, _Parting] = {}
    for one in chain.from_iterable(partings):
        check_time()
        found = {}
        for row, others in enumerate(partings):
            off = {
                other: max(abs(other.start - one.start), abs(other.apart - one.apart))
                for other in others
            }
            nearest = min(off, key=off.__getitem__, default=None)
            if nearest is not None and off[nearest] <= near:
                found[row] = nearest
        if len(found) > len(best):
            best = found
    return best


def _anew(ink: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns of a row's track at which its curve begins anew, and the blanks' widths before them.

    Lines that part columns are blank.
    """
    runs = [run for run in stretches(ink) if run[1] - run[0] >= WIDEST_LINE_MM * MM]
    starts = np.array([after[0] for _, after in pairwise(runs)], np.intp)
    widths = np.array([after[0] - before[1] for before, after in pairwise(runs)], np.intp)
    wide = widths >= _LEAST_BLANK_MM * MM
    # A dashed curve tells nothing.
    wide &= wide.sum() <= _MOST_BLANKS
    return starts[wide], widths[wide]
