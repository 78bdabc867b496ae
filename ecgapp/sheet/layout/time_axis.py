"""Find where the ten seconds of an aligned page begin and how wide they are.

Rows begin and end together, one column's width apart the marks between columns stand, and names
stand at the columns' beginnings. Each of these votes for a beginning; the one with most votes wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LAYOUTS, LEADS, PX_PER_MM, SHEET_S
from ecgapp.sheet.detect.names import STROKES, PrintedName
from ecgapp.sheet.detect.pulses import Pulses
from ecgapp.sheet.detect.rows import MM, SHRINK, Row
from ecgapp.sheet.detect.tracks import Tracks
from ecgapp.sheet.layout.pulse_feet import HALF_DARK, before_foot_px, find_feet

# Speeds of machines (IEC 60601-2-25).
SPEEDS_MM_PER_S = (25.0, 50.0)

# Millimetres of paper, weights of votes and shares, set by hand on drawn sheets of made-up vendors
# and on other machines' sheets of the development data; none was measured on its own.

# Votes this far apart do not agree.
_REACH_MM = 1.2
# Weights of the votes of one row's end, of one that runs on into a pulse, of a gap further in, of
# a mark and of a name.
_END, _JOINED, _GAP, _MARK, _NAME = 1.0, 0.3, 0.4, 0.6, 0.35
# A curve runs flat where its ink is lower than so many rows; every so many such columns are looked
# at, and this percentile of their ink's heights is the pen's.
_FLAT_ROWS, _PEN_STEP, _FLAT_PERCENT = 3, 9, 15.0
# How far in from an end a pulse may reach.
_PULSE_ROOM_MM = 14.0
# Where a name begins, from the beginning of its column.
_NAME_MM = (-0.5, 3.0)
# A row whose ends lie this close to the paper's edge may go on beyond.
_EDGE_MM = 1.5
# Gaps in a curve, and the room beside a pulse in which its foot ends.
_GAP_MM = 1.3
# A straight upright line this close beyond an end hides where the curve ends; around the row's
# height it is so high, and ink in this part of that.
_HIDDEN_MM, _LINE_MM, _LINE_INK = 1.0, 12.0, 0.9
# So far from its row a beat's ink shows that its curve does not end there; beside a pulse, where a
# curve begins so long after the pulse's foot.
_BEAT_MM, _BESIDE_BEAT_MM = 5.0, 2.0
# So near to a pulse a gap may be where its foot ends, and is not jumped over.
_FOOT_MM = 4.0
# How far the width found may be from the one that the paper speed gives.
MAX_STRETCH = 0.03
# The grid tells the width of ten seconds as well as this, and rows' ends are seen no more sharply
# than so many pixels of the upload.
_SURE_WIDTH_MM = 0.2
_SURE_ENDS_PX = 1.5
# Ends of this part of the rows must agree before the width is believed to differ.
_AGREE = 0.5
# Ends of this part of the rows, two at least, where the grid puts them confirm the width.
_CONFIRM = 0.3
_SAME_END_MM = 0.4
# A stroke's tip is too pale to be seen: columns that stand apart are wider by 0.12 mm than their
# curves seem, in the median of 139 sheets of five renderers.
_PALE_END_MM = 0.06
# Names at one height, mm, read with such a probability, tell a column's width by their distances,
# so many at least. It counts where it is so far from the usual one and so near to the rows' own.
_SAME_LINE_MM, _SURE_NAME, _LEAST_DISTANCES = 4.0, 0.5, 3
_SURE_DISTANCE_MM, _SAME_DISTANCE_MM = 0.25, 0.5
# Names deny a width of the rows' own where they are this part as far from the usual one as from it.
_MUCH_NEARER = 0.5
# Three columns show a third of ten seconds each, or 3.3 seconds.
_COLUMNS_OF_3_3_S, _SECONDS_IN_3_COLUMNS = 3, 9.9
# Columns that stand apart show a multiple of a twentieth of a second, to so much of the paper, or a
# tenth's, on paper fed so much faster or slower than its grid tells.
_TWENTIETH_S, _SAME_WIDTH_MM, _TENTH_S, _FED_OTHERWISE = 0.05, 0.2, 0.1, 0.0145
# A single column shows a multiple of a tenth so, or of half a second.
_HALF_S = 0.5
# Recorders that print four columns one after the other may lose as much at the end of each.
LOST_S = 0.101
# Rows that end together where they do surely, and how much longer than expected all columns are if
# that is no error of where a foot ends.
_END_SURELY, _SURELY_LONGER_MM = 0.65, 0.8
# Part of the pulses at whose feet's height curves stay if their feet are that longer, and how many.
_STAY_AT_FEET, _LEAST_AT_FEET = 0.7, 4


@dataclass(frozen=True)
class Gap:
    """Room for calibration pulses between two columns, or blanks between all columns.

    In pixels of the canonical scale.

    Attributes
    ----------
    at_px : tuple of float
        Where the columns before each end, from the left, if none were there.
    width_px : float
        How far after that the next columns begin; 0 where columns only end early.
    rows : frozenset of int
        Rows of the page that have them; strips run on through them.
    blank : bool
        Whether they are blanks, which show that columns begin where the grid says, or their own
        curves do.
    column_px : float or None
        Width of a column, where it is its curves' own; None where it is that of its seconds.
    strips_start_px : float or None
        Where strips begin, if not with the first column.
    """

    at_px: tuple[float, ...]
    width_px: float
    rows: frozenset[int]
    blank: bool = False
    column_px: float | None = None
    strips_start_px: float | None = None

    def with_columns_of(self, column_px: float) -> Gap:
        """Make the columns so wide where they begin now; what parts them makes up for it."""
        cut = (self.column_px or column_px) - column_px
        at_px = tuple(at - number * cut for number, at in enumerate(self.at_px, 1))
        return replace(self, at_px=at_px, width_px=self.width_px + cut, column_px=column_px)

    def between_halves(self) -> Gap | None:
        """Take two columns that stand apart for two times as many that do not; None for others."""
        if len(self.at_px) != 1 or self.column_px is None:
            return None
        return replace(self, blank=False, column_px=None)

    @property
    def together_px(self) -> float:
        """Width of all of them."""
        return len(self.at_px) * self.width_px

    def before_px(self, place_px: float) -> float:
        """Width of those that a place lies after that is counted without them."""
        return self.width_px * sum(place_px > at - self.width_px / 2 for at in self.at_px)

    def closed_px(self, place_px: float) -> float:
        """Place on the page if they were not there."""
        width = self.width_px
        return place_px - width * sum(
            place_px > at + (before + 0.5) * width for before, at in enumerate(self.at_px)
        )


@dataclass(frozen=True)
class TimeAxis:
    """Where the seconds lie on a page, in pixels of the canonical scale.

    Attributes
    ----------
    start_px, width_px : float
        Beginning and width of all columns of leads, gaps not counted.
    speed_mm_per_s : float
        Paper speed.
    votes : float
        What speaks for the beginning.
    sureness : float
        From 0 to 1.
    gap : Gap or None
        Between which columns pulses stand, or that all are parted by blanks.
    seconds : float
        That the columns take together: ten, or fewer; twenty where each shows the same ten.
    same_seconds : bool
        Whether all columns show the same seconds.
    """

    start_px: float
    width_px: float
    speed_mm_per_s: float
    votes: float
    sureness: float
    gap: Gap | None = None
    seconds: float = SHEET_S
    same_seconds: bool = False

    @property
    def strips_start_px(self) -> float:
        """Where strips begin: with the first column, or at a place of their own."""
        if self.gap is None or self.gap.strips_start_px is None:
            return self.start_px
        return self.gap.strips_start_px

    @property
    def strips_after_px(self) -> float:
        """How far after the first column strips begin."""
        return self.strips_start_px - self.start_px

    def column_px(self, column: int, n_columns: int) -> float:
        """Where one of so many columns of leads begins."""
        start = self.start_px + column * self.width_px / n_columns
        return start + self.gap_before_px(column, n_columns)

    def gap_before_px(self, column: int, n_columns: int) -> float:
        """Width of the gaps that lie before one of so many columns."""
        start = self.start_px + column * self.width_px / n_columns
        return self.gap.before_px(start) if self.gap is not None else 0.0


@dataclass(frozen=True)
class Ends:
    """Where rows begin, or end, in pixels of the canonical scale.

    Attributes
    ----------
    places : list of (float, float)
        Place and weight, row by row.
    inner : list of float
        Edges of gaps a little further in, of all rows.
    flat_until : list of float
        How far rows that begin after pulses stay at the height of these pulses' feet.
    """

    places: list[tuple[float, float]] = field(default_factory=list)
    inner: list[float] = field(default_factory=list)
    flat_until: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Vote:
    place_px: float
    weight: float


def row_ends(
    gray: NDArray[np.uint8], tracks: Tracks, rows: Sequence[Row], pulses: Pulses | None
) -> tuple[Ends, Ends]:
    """Find where each row's curve begins and ends, and how sure that is.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    tracks : Tracks
        The rows' curves.
    rows : sequence of Row
        The rows.
    pulses : Pulses or None
        The calibration pulses, which are no part of the curves.

    Returns
    -------
    lefts, rights : Ends
    """
    n_columns = tracks.known.shape[1]
    first, last = 0, n_columns - 1
    if pulses is not None and pulses.at_left:
        first = max(0, int(np.ceil(pulses.right_px / SHRINK)) + 2 - tracks.left)
    elif pulses is not None:
        last = min(last, int(pulses.left_px / SHRINK) - 2 - tracks.left)
    edge = _EDGE_MM * PX_PER_MM
    pen = pen_px(gray, tracks)
    after_foot, flat_until = find_feet(gray, rows, pulses, pen)
    before_foot = before_foot_px(rows, pulses, pen)
    hidden = _BESIDE_BEAT_MM * PX_PER_MM
    lefts, rights = Ends(flat_until=flat_until), Ends()
    for number, (row, known) in enumerate(zip(rows, tracks.known, strict=True)):

        def begins(column: int, number: int = number) -> float:
            return begin_px(gray, tracks, number, column, pen)

        def stops(column: int, number: int = number) -> float:
            return end_px(gray, tracks, number, column, pen)

        begin = max(round(row.left_px / SHRINK) - tracks.left, first)
        mirrored, joined = _run_on(known[::-1], n_columns - 1 - begin, n_columns - 1 - first)
        left = n_columns - 1 - mirrored
        left_px = max(begins(left), after_foot) if joined else begins(left)
        shown = has_ink(gray, tracks, number, row.baseline_px)
        if pulses is not None and pulses.at_left and left_px - after_foot > hidden:
            # A beat right beside the pulse is too steep to follow.
            foot = max(0, round(after_foot / SHRINK) - tracks.left)
            if shown[foot:left].all():
                left_px, joined = after_foot, True
        weight = _JOINED if joined or left_px < edge else _END
        lefts.places.append(_at_line(gray, row.baseline_px, left_px, weight, -1))
        end = min(round(row.right_px / SHRINK) - tracks.left - 1, last)
        right, joined = _run_on(known, end, last)
        right_px = min(stops(right), before_foot) if joined else stops(right)
        cut = right_px > gray.shape[1] - edge
        weight = 0.0 if cut else _JOINED if joined else _END
        rights.places.append(_at_line(gray, row.baseline_px, right_px, weight, 1))
        # A pulse that was not recognised leaves a gap beside it.
        reach = round(_PULSE_ROOM_MM * MM)
        steps = np.diff(shown.astype(np.int8))
        inside = max(0, right - reach)
        lefts.inner.extend(
            begins(int(at) + left + 1) for at in np.flatnonzero(steps[left : left + reach] == 1)
        )
        rights.inner.extend(
            stops(int(at) + inside) for at in np.flatnonzero(steps[inside:right] == -1)
        )
    return lefts, rights


def _at_line(
    gray: NDArray[np.uint8], baseline_px: float, place_px: float, weight: float, side: int
) -> tuple[float, float]:
    """Place and weight of an end (-1: left, 1: right); the curve may go on below a frame's line."""
    high, wide = round(_LINE_MM / 2 * PX_PER_MM), round(_HIDDEN_MM * PX_PER_MM)
    x = round(place_px)
    first, last = (x - wide, x + 1) if side < 0 else (x, x + wide + 1)
    first, middle = max(0, first), round(baseline_px)
    near = gray[max(0, middle - high) : middle + high, first : max(first, last)] < HALF_DARK
    line = np.flatnonzero(near.mean(axis=0) >= _LINE_INK) if near.size else np.zeros(0, np.intp)
    if not len(line):
        return place_px, weight
    return first + float(line.mean()), min(weight, _JOINED)


def has_ink(
    gray: NDArray[np.uint8], tracks: Tracks, row: int, baseline_px: float
) -> NDArray[np.bool_]:
    """Tell which columns show a row's curve, or ink near it: a beat may be too steep to follow.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    tracks : Tracks
    row : int
        Of the tracks.
    baseline_px : float
        Of the row.

    Returns
    -------
    ndarray, shape (n_columns,), bool
    """
    reach = round(_BEAT_MM * PX_PER_MM)
    near = gray[max(0, round(baseline_px) - reach) : round(baseline_px) + reach]
    columns = SHRINK * (np.arange(tracks.known.shape[1]) + tracks.left)
    dark = np.asarray((near < HALF_DARK).any(axis=0))
    return np.asarray(tracks.known[row] | dark[np.minimum(columns, len(dark) - 1)])


def pen_px(gray: NDArray[np.uint8], tracks: Tracks) -> float:
    """Measure the pen: how high the ink is where curves run flat.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    tracks : Tracks

    Returns
    -------
    float
        Pixels.
    """
    heights = []
    for top, bottom, known in zip(tracks.top, tracks.bottom, tracks.known, strict=True):
        flat = np.flatnonzero(known & (bottom - top < _FLAT_ROWS))[::_PEN_STEP]
        for column in flat:
            x = min(SHRINK * (column + tracks.left), gray.shape[1] - 1)
            run = gray[max(0, SHRINK * top[column] - 2) : SHRINK * bottom[column] + 4, x]
            heights.append(int((run < HALF_DARK).sum()))
    # What is higher is not as flat.
    return float(np.percentile(heights, _FLAT_PERCENT)) if heights else 0.0


def begin_px(gray: NDArray[np.uint8], tracks: Tracks, row: int, column: int, pen: float) -> float:
    """Find where a curve begins of which a column of its track is the first.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    tracks : Tracks
    row, column : int
        Of the tracks.
    pen : float
        Width of the pen, pixels.

    Returns
    -------
    float
        Pixels of the canonical scale: the middle of the pen.
    """
    x, dark = _dark_columns(gray, tracks, row, column)
    first = x + int(dark.argmax()) if dark.any() else SHRINK * (column + tracks.left)
    return first + pen / 2 - 0.5 - _PALE_END_MM * PX_PER_MM


def end_px(gray: NDArray[np.uint8], tracks: Tracks, row: int, column: int, pen: float) -> float:
    """Find where a curve ends that does so at a column of its track.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    tracks : Tracks
    row, column : int
        Of the tracks.
    pen : float
        Width of the pen, pixels.

    Returns
    -------
    float
        Pixels of the canonical scale: the middle of the pen.
    """
    x, dark = _dark_columns(gray, tracks, row, column)
    last = SHRINK * (column + tracks.left) + 1
    if dark.any():
        last = x + len(dark) - 1 - int(dark[::-1].argmax())
    return last - pen / 2 + 0.5 + _PALE_END_MM * PX_PER_MM


def _dark_columns(
    gray: NDArray[np.uint8], tracks: Tracks, row: int, column: int
) -> tuple[int, NDArray[np.bool_]]:
    """First column of the page around a column of a track, and which ones there hold ink."""
    x = SHRINK * (column + tracks.left)
    first = max(0, x - SHRINK)
    top = max(0, SHRINK * int(tracks.top[row, column]) - 2)
    bottom = SHRINK * int(tracks.bottom[row, column]) + 4
    piece = gray[top:bottom, first : x + 2 * SHRINK]
    if not piece.size:
        return first, np.zeros(1, np.bool_)
    return first, np.asarray((piece < HALF_DARK).any(axis=0))


def _run_on(known: NDArray[np.bool_], start: int, limit: int) -> tuple[int, bool]:
    """Last place to which a curve runs on from a start, and whether it runs on up to the limit.

    Small gaps are jumped over, but none where a pulse's foot may end.
    """
    at = min(start, limit - round(_FOOT_MM * MM))
    while at > 0 and not known[at]:
        at -= 1
    while at < limit:
        tolerance = 1 if limit - at <= _FOOT_MM * MM else round(_GAP_MM * MM)
        ahead = np.flatnonzero(known[at + 1 : min(limit, at + tolerance) + 1])
        if not len(ahead):
            return at, False
        at += 1 + int(ahead[0])
    return at, True


def find_time_axis(
    lefts: Ends,
    rights: Ends,
    marks_px: Sequence[float],
    names: Sequence[PrintedName],
    n_columns: int,
    scale_known: bool,
    gap: Gap | None = None,
    same_seconds: bool = False,
    told_speed_mm_per_s: float | None = None,
    upload_px_per_mm: float = np.inf,
) -> TimeAxis:
    """Find beginning and width of the columns of leads.

    Parameters
    ----------
    lefts, rights : Ends
        As from `row_ends`.
    marks_px : sequence of float
        Places of the lines and ticks that part columns.
    names : sequence of PrintedName
        The names on the page.
    n_columns : int
        Columns of the layout.
    scale_known : bool
        Whether the paper's scale is known; if not, the rows' width is taken for ten seconds.
    gap : Gap, optional
        Between two columns, or between all.
    same_seconds : bool, optional
        Whether all columns show the same ten seconds.
    told_speed_mm_per_s : float, optional
        Paper speed that the sheet prints, or its pulses tell, where it is not the one at which it
        shows ten seconds.
    upload_px_per_mm : float, optional
        Scale of the upload.

    Returns
    -------
    TimeAxis
    """
    if gap is not None and gap.column_px is not None and scale_known:
        px_per_s = (told_speed_mm_per_s or _speed(n_columns * gap.column_px / SHEET_S)) * PX_PER_MM
        gap = _of_ten_seconds(gap, gap.column_px, SHEET_S / n_columns, px_per_s)
    if gap is not None:
        rights = _closed(rights, gap)
        marks_px = [gap.closed_px(mark) for mark in marks_px]
        names = [replace(name, left=gap.closed_px(name.left)) for name in names]
    seconds = n_columns * SHEET_S if same_seconds else SHEET_S
    if scale_known:
        parted_px = None
        if gap is None and not same_seconds:
            parted_px = _width_by_marks(lefts, rights, marks_px, names, n_columns)
            parted_px = parted_px or _width_by_names(lefts, rights, names, n_columns)
        width, speed, seconds = _told_by_grid(
            lefts, rights, names, n_columns, gap, seconds, told_speed_mm_per_s, parted_px
        )
    else:
        lefts, rights = _without_grid(lefts), _without_grid(rights)
        width, speed = _shown_px(lefts, rights, gap, n_columns), SPEEDS_MM_PER_S[0]
    votes = _votes(lefts, rights, marks_px, gap, width, n_columns)
    start, support = _most_voted(votes, names, width / n_columns, n_columns)
    begin, end = _agreed_ends(lefts, rights, start, width)
    sure = max(_SURE_WIDTH_MM, _SURE_ENDS_PX / upload_px_per_mm) * PX_PER_MM
    if begin is not None and end is not None and abs(end - begin - width) > sure:
        confirmed = gap is not None and gap.blank
        confirmed |= scale_known and (
            _some_end_at(rights, begin + width, end)
            or _strip_ends_at(rights, begin + width, end, n_columns)
            or _joined_begin_at(lefts, end - width, begin)
            or _parted(marks_px, begin, width / n_columns, n_columns)
        )
        if not confirmed:
            start, width = begin, end - begin
    most = _END * (len(lefts.places) + len(rights.places))
    sureness = float(min(1.0, support / (0.6 * most)))
    return TimeAxis(start, width, speed, support, sureness, gap, seconds, same_seconds)


def _closed(rights: Ends, gap: Gap) -> Ends:
    """Where rows would end if nothing parted their columns."""
    return Ends(
        [
            (place - gap.together_px * (row in gap.rows), weight)
            for row, (place, weight) in enumerate(rights.places)
        ],
        [gap.closed_px(place) for place in rights.inner],
    )


def _told_by_grid(
    lefts: Ends,
    rights: Ends,
    names: Sequence[PrintedName],
    n_columns: int,
    gap: Gap | None,
    seconds: float,
    told_speed_mm_per_s: float | None,
    parted_px: float | None,
) -> tuple[float, float, float]:
    """Tell how wide all columns are on paper of known scale, pixels, its speed, and the seconds.

    They show as many seconds as usual, which are given, unless their width tells others.
    """
    apart = gap is not None and gap.column_px is not None
    shown = parted_px or _shown_px(lefts, rights, gap, n_columns)
    speed = told_speed_mm_per_s or _speed(shown / seconds)
    px_per_s = speed * PX_PER_MM
    own = shown if apart else parted_px
    if n_columns == 1 and _end_together(lefts, rights):
        own = _inner_place(rights) - _inner_place(lefts)
    if n_columns == _COLUMNS_OF_3_3_S and seconds == SHEET_S:
        likely = (SHEET_S, _SECONDS_IN_3_COLUMNS, SHEET_S / 2)
        if min(likely, key=lambda s: abs(shown / px_per_s - s)) == _SECONDS_IN_3_COLUMNS:
            seconds = _SECONDS_IN_3_COLUMNS
    # Half as wide are two of four columns, too, where the others are cut off.
    whole = (seconds, seconds / 2)
    if own is not None or told_speed_mm_per_s is not None:
        seconds = _seconds(shown / px_per_s, seconds, None if own is None else own / px_per_s)
    width = seconds * px_per_s
    if own is not None and seconds not in whole:
        steps = (_TWENTIETH_S, _TENTH_S) if n_columns > 1 else (_TENTH_S, _HALF_S)
        seconds = n_columns * _fed_seconds(seconds / n_columns, px_per_s, *steps)
    if apart or (parted_px is not None and seconds not in whole):
        width = shown
    elif gap is None:
        width = n_columns * _column_px(lefts, rights, names, n_columns, width / n_columns)
    return width, speed, seconds


def _votes(
    lefts: Ends,
    rights: Ends,
    marks_px: Sequence[float],
    gap: Gap | None,
    width: float,
    n_columns: int,
) -> list[_Vote]:
    """Let rows' ends, gaps further in and marks vote for where columns of a width begin."""
    column = width / n_columns
    votes = [_Vote(place, weight) for place, weight in lefts.places]
    votes += [_Vote(place - width, weight) for place, weight in rights.places]
    votes += [_Vote(place, _GAP) for place in lefts.inner]
    votes += [_Vote(place - width, _GAP) for place in rights.inner]
    if gap is not None and gap.blank:
        votes += [_Vote(gap.at_px[0] - column, _END)] * len(gap.rows)
    return votes + [
        _Vote(mark - k * column, _MARK) for mark in marks_px for k in range(1, n_columns)
    ]


def _agreed_ends(
    lefts: Ends, rights: Ends, start: float, width: float
) -> tuple[float | None, float | None]:
    """Where most rows begin, and end, near a start and a width; None where too few do."""
    end = _agreed(rights, start + width, MAX_STRETCH * width)
    begin = _agreed(lefts, start, 3 * _REACH_MM * PX_PER_MM)
    if begin is None and end is not None:
        # On paper that is fed too slowly rows may begin later than names and their ends tell.
        reach = MAX_STRETCH * width / 2
        later = _agreed(lefts, start + reach, reach)
        begin = later if later is not None and end - later >= width - 2 * reach else None
    return begin, end


def sure_places(ends: Ends) -> dict[int, float]:
    """Tell where rows begin, or end, that do not run on into a pulse or the paper's edge.

    Parameters
    ----------
    ends : Ends

    Returns
    -------
    dict of int to float
        Pixels of the canonical scale, by the row's number.
    """
    return {row: place for row, (place, weight) in enumerate(ends.places) if weight > _JOINED}


def _without_grid(ends: Ends) -> Ends:
    """Where rows begin, or end, if that alone tells how wide ten seconds are.

    Rows that run on into a pulse are left out where there are others, be it one: they end together,
    at the pulse, and would be taken for most rows.
    """
    least = _JOINED if sure_places(ends) else -1.0
    return replace(ends, places=[end for end in ends.places if end[1] > least])


def usual_place(ends: Ends) -> float:
    """Find where most rows begin, or end.

    Parameters
    ----------
    ends : Ends

    Returns
    -------
    float
        Pixels of the canonical scale.
    """
    middle = float(np.median([place for place, _ in ends.places]))
    agreed = _agreed(ends, middle, _PULSE_ROOM_MM * PX_PER_MM)
    return middle if agreed is None else agreed


def _some_end_at(rights: Ends, place: float, end: float) -> bool:
    """Whether enough rows end just where the grid says: the others may have been lost in a beat."""
    sure = sure_places(rights).values()
    near = [abs(p - place) <= min(_SAME_END_MM * PX_PER_MM, abs(p - end)) for p in sure]
    return sum(near) >= max(2, _CONFIRM * len(near))


def _strip_ends_at(rights: Ends, place: float, end: float, n_columns: int) -> bool:
    """Whether a strip ends just where the grid says, and columns, ending earlier, lift their pen.

    On paper that is fed too slowly strips and columns end early together. There is a strip where
    there are more rows than columns of so many need.
    """
    n_rows = len(rights.places)
    lowest = sure_places(rights).get(n_rows - 1, end)
    near = abs(lowest - place) <= min(_SAME_END_MM * PX_PER_MM, abs(lowest - end))
    return end < place and near and n_columns > 1 and n_rows > len(LEADS) // n_columns


def _joined_begin_at(lefts: Ends, place: float, begin: float) -> bool:
    """Whether enough rows run on from their pulses' feet just where the grid says."""
    joined = [p for p, weight in lefts.places if 0 < weight <= _JOINED]
    near = [abs(p - place) <= min(_SAME_END_MM * PX_PER_MM, abs(p - begin)) for p in joined]
    return sum(near) >= max(2, _CONFIRM * len(lefts.places))


def _parted(marks_px: Sequence[float], begin: float, column: float, n_columns: int) -> bool:
    """Whether marks part all of three columns or more where the grid says: no beats do by chance.

    Then rows that end further on have run on into other ink.
    """
    near = _SAME_END_MM * PX_PER_MM
    places = [begin + k * column for k in range(1, n_columns)]
    marked = [any(abs(mark - place) <= near for mark in marks_px) for place in places]
    return n_columns > 2 and all(marked)


def _agreed(ends: Ends, expected: float, reach: float) -> float | None:
    """Place near the one expected at which most rows begin, or end; None if too few do."""
    near = np.array([p for p in sure_places(ends).values() if abs(p - expected) < reach])
    if len(near) < max(2, _AGREE * len(ends.places)):
        return None
    together = np.abs(near[:, None] - near) <= _SAME_END_MM * PX_PER_MM
    most = together[together.sum(axis=1).argmax()]
    if most.sum() < max(2, _AGREE * len(near)):
        return None
    return float(near[most].mean())


def _width_by_marks(
    lefts: Ends,
    rights: Ends,
    marks_px: Sequence[float],
    names: Sequence[PrintedName],
    n_columns: int,
) -> float | None:
    """Width of all columns by marks that part them evenly up to the rows' own beginning and end.

    A single mark in the rows' middle may be a fold: names begin there, too.
    """
    near, end = _SAME_END_MM * PX_PER_MM, usual_place(rights)
    n_rows = len(rights.places)
    if n_columns == 1 or not _most_are_at(_sure(rights), end, rights):
        return None
    sure, inner = np.array(_sure(lefts)), np.array(lefts.inner)
    marks = np.array(sorted(mark for mark in marks_px if mark < end))
    for mark in marks:
        column = (end - mark) / (n_columns - 1)
        parting = mark + column * np.arange(n_columns - 1)
        off = np.abs(marks[:, None] - parting).min(axis=0)
        n_sure, n_inner = (np.sum(np.abs(one - (mark - column)) <= near) for one in (sure, inner))
        # Few rows have more than one gap there.
        begin_there = n_sure + min(n_inner, n_rows - n_sure) >= _END_SURELY * n_rows
        named = n_columns > 2 or _n_named_at(names, mark) >= _LEAST_DISTANCES
        if off.max() <= near and begin_there and named:
            return float(n_columns * column)
    return None


def _width_by_names(
    lefts: Ends, rights: Ends, names: Sequence[PrintedName], n_columns: int
) -> float | None:
    """Width of all columns by names that part the rows, from beginning to end, evenly.

    Rows wider than ten seconds may be of another speed, which names do not tell.
    """
    begin, end = usual_place(lefts), usual_place(rights)
    if end - begin > SHEET_S * min(SPEEDS_MM_PER_S) * PX_PER_MM:
        return None
    # Rows may begin at their pulses' feet.
    begins = [place for place, weight in lefts.places if weight > 0]
    if not (_most_are_at(begins, begin, lefts) and _most_are_at(_sure(rights), end, rights)):
        return None
    parting = np.linspace(begin, end, n_columns + 1)[1:-1]
    words = [name for name in names if name.probability >= _SURE_NAME]
    named = [_n_named_at(words, place) >= _LEAST_DISTANCES for place in parting]
    return end - begin if named and all(named) else None


def _sure(ends: Ends) -> list[float]:
    return list(sure_places(ends).values())


def _most_are_at(places: Sequence[float], place: float, ends: Ends) -> bool:
    """Whether most rows of those that have such ends are among places near one."""
    near = [abs(one - place) <= _SAME_END_MM * PX_PER_MM for one in places]
    return sum(near) >= _END_SURELY * len(ends.places)


def _n_named_at(names: Sequence[PrintedName], place_px: float) -> int:
    """How many words begin where a column's names do that begins at a place."""
    low, high = (edge * PX_PER_MM for edge in _NAME_MM)
    return sum(low <= name.left - place_px <= high for name in names if name.name not in STROKES)


def _shown_px(lefts: Ends, rights: Ends, gap: Gap | None, n_columns: int) -> float:
    """Width of all columns' curves together, pixels."""
    if gap is not None and gap.column_px is not None:
        return n_columns * gap.column_px
    return usual_place(rights) - usual_place(lefts)


def _end_together(lefts: Ends, rights: Ends) -> bool:
    """Whether most rows surely begin together, and end together, be it at their pulses."""
    sides = (_at_pulses(lefts), _at_pulses(rights))
    reach = _PULSE_ROOM_MM * PX_PER_MM
    return all(_agreed(ends, usual_place(ends), reach) is not None for ends in sides)


def _at_pulses(ends: Ends) -> Ends:
    """Where most rows begin, or end, if they run on into pulses, as if that were surely seen."""
    beside_edge = _EDGE_MM * PX_PER_MM
    places = [
        (place, _END) for place, weight in ends.places if weight == _JOINED and place > beside_edge
    ]
    return Ends(places) if 2 * len(places) > len(ends.places) else ends


def _inner_place(ends: Ends) -> float:
    """Where most rows begin, or end, pulses left out that were not recognised.

    Such a pulse leaves a gap beside it, at one place of most rows.
    """
    inner = np.array(ends.inner)
    together = np.abs(inner[:, None] - inner) <= _SAME_END_MM * PX_PER_MM
    most = max(together, key=np.count_nonzero, default=inner > 0)
    if most.sum() < max(2, _END_SURELY * len(ends.places)):
        return usual_place(ends)
    return float(np.median(inner[most]))


def _seconds(shown_s: float, usual_s: float, own_s: float | None) -> float:
    """Tell how many seconds columns of a width show: as many as usual, half as many, or its own.

    A machine feeds its paper not just as fast as it should, so that a width near the usual one is
    that many seconds. The second width is the curves' own, where they show it surely.
    """
    for told_s in (shown_s, shown_s if own_s is None else own_s):
        for whole in (usual_s, usual_s / 2):
            if abs(told_s / whole - 1) <= MAX_STRETCH:
                return whole
    return usual_s if own_s is None else min(own_s, usual_s)


def _of_ten_seconds(gap: Gap, column_px: float, usual_s: float, px_per_s: float) -> Gap:
    """Cut columns that show more than ten seconds in all; add the tenth that each may lose.

    A column that the next one follows sooner has lost nothing.
    """
    shown_s = column_px / px_per_s
    if shown_s > usual_s * (1 + MAX_STRETCH):
        return gap.with_columns_of(usual_s * px_per_s)
    told_s = _fed_seconds(shown_s, px_per_s, _TWENTIETH_S, _TENTH_S)
    whole_px = column_px * usual_s / told_s
    lost = usual_s / told_s - 1 > MAX_STRETCH and usual_s - told_s <= LOST_S
    return gap.with_columns_of(whole_px) if lost and whole_px <= column_px + gap.width_px else gap


def _fed_seconds(shown_s: float, px_per_s: float, exact_s: float, round_s: float) -> float:
    """Tell how many seconds a width shows that is so many at the nominal speed.

    It is a multiple of the first step to a hair, or of the second on paper fed otherwise.
    """
    exactly = exact_s * round(shown_s / exact_s)
    if abs(exactly - shown_s) * px_per_s <= _SAME_WIDTH_MM * PX_PER_MM:
        return exactly
    about = round_s * round(shown_s / round_s)
    return about if abs(about / shown_s - 1) <= _FED_OTHERWISE else shown_s


def _speed(px_per_s: float) -> float:
    usual = [speed * PX_PER_MM for speed in SPEEDS_MM_PER_S]
    return SPEEDS_MM_PER_S[int(np.argmin([abs(np.log(px_per_s / one)) for one in usual]))]


@cache
def _columns_of(name: str, n_columns: int) -> tuple[int, ...]:
    """Columns, from 0, at whose beginning a layout of so many columns may print a name."""
    lead = name.removeprefix("-")
    return tuple(
        {
            layout.place(lead)[1]
            for layout in LAYOUTS.values()
            if len(layout.columns) == n_columns and (lead in layout.inverted) == (lead != name)
        }
    )


def _column_px(
    lefts: Ends, rights: Ends, names: Sequence[PrintedName], n_columns: int, expected_px: float
) -> float:
    """Width of a column: as expected, unless rows' ends say another, and names do not deny it.

    Rows that run on into their pulses, which are looked at here, do not show surely how wide ten
    seconds are, nor do names; but where their pulses' feet end is known to a part of a millimetre,
    and no curve begins after a pulse that stands within its ten seconds.
    """
    by_ends = (usual_place(rights) - usual_place(lefts)) / n_columns
    longer_mm = n_columns * (by_ends - expected_px) / PX_PER_MM
    begin_surely = 2 * len(sure_places(lefts)) > len(lefts.places)
    end = usual_place(rights)
    end_surely = _most_are_at(_sure(rights), end, rights)
    if begin_surely or not end_surely or abs(by_ends / expected_px - 1) > MAX_STRETCH:
        return expected_px
    if longer_mm > _SURELY_LONGER_MM and _stay_at_feet(lefts, end - n_columns * expected_px):
        return expected_px
    by_names = _column_px_by_names(names, n_columns, expected_px)
    if longer_mm < -_SAME_DISTANCE_MM:
        return by_ends
    if by_names is None:
        return by_ends if longer_mm > _SURELY_LONGER_MM else expected_px
    off_expected, off_ends = abs(by_names - expected_px), abs(by_names - by_ends)
    if longer_mm > _SURELY_LONGER_MM:
        # A foot that is longer than it seems makes rows longer, and leaves names where they are.
        return expected_px if off_expected < _MUCH_NEARER * off_ends else by_ends
    sure, same = (most * PX_PER_MM for most in (_SURE_DISTANCE_MM, _SAME_DISTANCE_MM))
    other = min(off_expected, abs(by_ends - expected_px)) > sure
    return by_ends if other and off_ends <= same else expected_px


def _stay_at_feet(lefts: Ends, begin_px: float) -> bool:
    """Whether most rows stay at their pulses' feet up to a beginning: the feet end there.

    Few rows may stay there by chance, where curves begin between two beats.
    """
    near = [place >= begin_px for place in lefts.flat_until]
    return sum(near) >= max(_LEAST_AT_FEET, _STAY_AT_FEET * len(near))


def _column_px_by_names(
    names: Sequence[PrintedName], n_columns: int, expected_px: float
) -> float | None:
    """Width of a column by how far apart names of one height stand; None where too few tell.

    Of two columns none do: their names begin with other letters, which begin a little differently.
    """
    words = [
        (name, column)
        for name in names
        if name.name not in STROKES and name.probability >= _SURE_NAME
        for column in _columns_of(name.name, n_columns)
    ]
    # Letters' beginnings matter less the further names are apart.
    pairs = [
        (later - earlier, (after.left - before.left) / (later - earlier))
        for before, earlier in words
        for after, later in words
        if later > earlier
        and (before.name[0] == after.name[0] or later > earlier + 1)
        and abs(after.top - before.top) <= _SAME_LINE_MM * PX_PER_MM
    ]
    near = [pair for pair in pairs if abs(pair[1] / expected_px - 1) <= MAX_STRETCH]
    for least_apart in range(n_columns - 1, 0, -1):
        distances = [distance for columns, distance in near if columns >= least_apart]
        if len(distances) >= _LEAST_DISTANCES:
            return float(np.median(distances))
    return None


def _most_voted(
    votes: list[_Vote], names: Sequence[PrintedName], column: float, n_columns: int
) -> tuple[float, float]:
    """Beginning for which most speaks, and how much."""
    reach = _REACH_MM * PX_PER_MM
    places = np.array([vote.place_px for vote in votes])
    weights = np.array([vote.weight for vote in votes])
    low, high = (edge * PX_PER_MM for edge in _NAME_MM)
    best, most = float(places[0]), -1.0
    for place in places[weights > 0]:
        agree = np.clip(1 - np.abs(places - place) / reach, 0, None) * weights
        support = float(agree.sum())
        for name in names:
            if name.name in STROKES:
                continue
            after = [name.left - place - k * column for k in _columns_of(name.name, n_columns)]
            support += _NAME * name.probability * any(low <= offset <= high for offset in after)
        if support > most:
            most = support
            best = float((agree * places).sum() / agree.sum())
    return best, most
