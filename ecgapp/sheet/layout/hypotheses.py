"""Weigh what an aligned page may show: which layout, with how many strips, in which rows.

Every hypothesis says which name should be printed where, which curves must obey Einthoven's law and
which strip repeats which lead. What speaks for it is added up as logarithms of odds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import (
    CHEST_LEADS,
    LAYOUT_4X3_BY_ROWS,
    LAYOUTS,
    LIMB_LEADS,
    LIMB_WEIGHTS,
    PX_PER_MM,
    RHYTHM_STRIPS,
    SHEET_S,
    UPRIGHT_CABRERA,
    Layout,
)
from ecgapp.sheet.detect.names import NAME_CLASSES, NEGATIVE_AVR, STROKES, PrintedName
from ecgapp.sheet.detect.rows import SHRINK
from ecgapp.sheet.detect.tracks import Tracks
from ecgapp.sheet.layout.lead_consistency import Cells, alike_across, unexplained
from ecgapp.sheet.layout.same_seconds import (
    N_SAME,
    are_foretold,
    are_in_step,
    in_step,
    show_same_beats,
    steepness,
)
from ecgapp.sheet.layout.time_axis import Ends, Gap, TimeAxis, find_time_axis

# Millimetres of paper and natural logarithms of odds, set by hand on drawn sheets of made-up
# vendors and on other machines' sheets of the development data; no odds were counted.

# Where a name may stand, from the beginning of its column; the first column's may stand before, and
# further so if it is surely read: text is not.
_NAME_BEFORE_MM, _NAME_AFTER_MM = 3.0, 7.0
_FIRST_NAME_BEFORE_MM, _SURE_NAME_BEFORE_MM = 24.0, 40.0
# How far a name may stand from where the page's other names stand beside their rows.
_NAME_OFF_MM = 5.0
# How far from its row a name is looked for, the spread of names that stand alike, and how many
# words say it without the strokes.
_NAME_REACH_MM, _NAME_SPREAD_MM = 13.0, 1.5
# Where rows are far apart, names stand further off: up to this part of the way to the next row, and
# no further than this. Chosen on scans of three other machines' sheets. The way is a quantile of
# all: a line of text that is taken for a row stands near the last.
_NAME_REACH_PART, _FARTHEST_NAME_MM = 0.6, 24.0
_ROWS_APART = 0.67
_ENOUGH_WORDS = 3
# Where names stand further on in their columns, so many words, and this part of all, stand alike.
_ALIKE_WORDS, _ALIKE_PART = 4, 0.6
# Offsets of names from their rows that are both tried: the second has so much of the first's
# support.
_OTHER_OFFSET = 0.8
# A name that is read wrongly speaks against no hypothesis more than this allows.
_LEAST_PROBABILITY = 0.02
# Log odds against each row too many and too few, and against what is rare: Cabrera's order, and
# four rows or two.
_SPURIOUS_ROW, _MISSING_ROW = 2.0, 3.0
_RARE = 1.0
# A page that shows some leads only, each in a row of its own: how many at least, log odds against
# each lead that is left out, and how much likelier than any other choice of leads the one must be.
_FEWEST_ALONE, _LEFT_OUT, _CHOICE_MARGIN = 6, 0.5, 1.0
# Leads of recordings of eight, from which the other four are reckoned, and log odds for them where
# all names are seen and all but two are sure: a curve makes of one stroke two.
_USUAL_EIGHT, _USUAL_CHOICE, _STROKES_OF_EIGHT = frozenset({"I", "II", *CHEST_LEADS}), 2.0, 2
# What leads' consistency speaks for, at none and at all of it unexplained.
_CONSISTENT, _INCONSISTENT = 2.0, -4.0
_NEUTRAL_UNEXPLAINED = 0.35
# What each halving of it speaks for besides, down to what tracing leaves: other leads of the same
# heart may fit to 85%, the right ones to 99%.
_EACH_HALVING, _LEAST_UNEXPLAINED = 0.5, 0.02
# Log odds against six chest leads that are explained as limb leads are, up to this part: six limb
# leads that run on, unless so many of the chest leads' names are read.
_RUNS_ON, _RUNS_ON_UNEXPLAINED, _CHEST_LEADS_NAMED = 8.0, 0.15, 2
# Limb leads that run on fit as those before them do: up to this part, or so many times theirs.
_RUNS_ON_SURELY, _RUNS_ON_TIMES = 0.03, 10
# What a strip speaks for that is like one of the leads, or like none, or named; and the
# correlations that count as like and unlike.
_STRIP_LIKE, _STRIP_UNLIKE = 1.5, -2.5
_STRIP_NAMED = 1.5
_ALIKE, _UNLIKE = 0.9, 0.6

# Likeness of the later columns' beats to those of a strip's first part, in their mean, and how much
# less they are like those of their own parts of it, where all columns show the same seconds. Set by
# hand on one machine.
_SAME_BEATS, _OTHER_BEATS = 0.5, 0.25
# Where they are surely like those of the strip's first part, less tells, as of a steady rhythm: of
# 400 recordings of PTB-XL's validation part, drawn as two columns of 3.4 and of 5 seconds, 95.5%
# and 97.5% show the same seconds so, instead of 89% and 92%, and none of those that follow.
_SURELY_SAME_BEATS, _SLIGHTLY_OTHER_BEATS = 0.85, 0.05

# Columns left out at either end of a lead, where separators stand.
_INSET = 2

# Layouts that few machines print, beside Cabrera's order with aVR upright, and how many names tell
# one of them: any rows fit together as four leads and three strips do.
_RARE_LAYOUTS, _RARE_NAMED, _UPRIGHT_NAMED = frozenset({"4x3", "2x6"}), 6, 3
# The same of four rows of three leads one after the other where a person says 4x3: limb leads of
# one column that add up show the order by columns, and nothing but names shows the order by rows.
_TOLD_BY_ROWS_NAMED = 3

# Probabilities of a name that count as read where expected, and as another one read.
MATCHED_PROBABILITY, MISNAMED_PROBABILITY = 0.5, 0.9


@dataclass(frozen=True)
class PageFeatures:
    """What was seen on a page; lists of rows run from the top down.

    Attributes
    ----------
    baselines_px : tuple of float
        Baselines of the rows, pixels of the canonical scale.
    tracks : Tracks
        Their curves.
    lefts, rights : Ends
        Where they begin and end.
    marks_px : tuple of float
        Places of lines and ticks between columns.
    names : tuple of PrintedName
        All names read.
    name_rows : tuple of int or None
        Row that each name belongs to; None for none.
    scale_known : bool
        Whether the paper's scale is known.
    gap : Gap or None
        Room for pulses between two columns, or blanks between all.
    same_seconds : Gap or None
        Room between two columns that show the same ten seconds; None where none do.
    told_speed_mm_per_s : float or None
        Paper speed that the sheet prints, or its pulses tell, where it is not the one at which it
        shows ten seconds.
    upload_px_per_mm : float
        Scale of the upload.
    """

    baselines_px: tuple[float, ...]
    tracks: Tracks
    lefts: Ends
    rights: Ends
    marks_px: tuple[float, ...]
    names: tuple[PrintedName, ...]
    name_rows: tuple[int | None, ...]
    scale_known: bool
    gap: Gap | None = None
    same_seconds: Gap | None = None
    told_speed_mm_per_s: float | None = None
    upload_px_per_mm: float = np.inf


@dataclass(frozen=True)
class Hypothesis:
    """What a page may show, and what speaks for it.

    Attributes
    ----------
    layout : Layout
        Which lead is printed where.
    n_strips : int
        Ten-second strips below.
    first_row : int
        Row of the layout that the page's first row is; negative when rows above are none.
    axis : TimeAxis
        Where the seconds lie.
    cells : tuple of Cells
        What the page's rows show in each column.
    score : float
        Logarithm of odds.
    n_named : int
        Places in which the name expected was read.
    unexplained : float
        What consistency leaves unexplained, 1 as much as chance; NaN where it cannot be told.
    left_out : tuple of int
        Rows of the layout, from 0, that the page skips.
    names_after_px : float
        How far after the beginnings of their columns the names stand.
    """

    layout: Layout
    n_strips: int
    first_row: int
    axis: TimeAxis
    cells: tuple[Cells, ...]
    score: float
    n_named: int
    unexplained: float
    left_out: tuple[int, ...] = ()
    names_after_px: float = 0.0

    def page_row(self, row: int) -> int:
        """Row of the page, from 0, on which a row of the layout (strips included) is printed.

        Negative where the page does not show it.
        """
        if row in self.left_out:
            return -1
        return row - self.first_row - sum(other < row for other in self.left_out)

    def layout_row(self, page_row: int) -> int:
        """Row of the layout (strips included) that a row of the page shows."""
        row = page_row + self.first_row
        for other in self.left_out:
            row += other <= row
        return row

    def column_of(self, name: PrintedName) -> int | None:
        """Column that a name stands in as the page's names do; None where it stands otherwise."""
        return place_of(name, self.axis, len(self.layout.columns), self.names_after_px)


def rank_hypotheses(features: PageFeatures, layout_name: str | None = None) -> list[Hypothesis]:
    """Weigh all hypotheses.

    Parameters
    ----------
    features : PageFeatures
        What was seen.
    layout_name : str, optional
        The only layout to consider.

    Returns
    -------
    list of Hypothesis
        The likeliest first.
    """
    layouts = [
        layout
        for layout in (*LAYOUTS.values(), *UPRIGHT_CABRERA, LAYOUT_4X3_BY_ROWS)
        if layout_name in (None, layout.name)
    ]
    seconds: dict[int, tuple[TimeAxis, tuple[Cells, ...], float]] = {}
    found = []
    n_rows = len(features.baselines_px)
    for layout in layouts:
        n_columns = len(layout.columns)
        if n_columns not in seconds:
            axis = _axis(features, n_columns)
            cells = _cells(features, axis, n_columns)
            seconds[n_columns] = axis, cells, _names_after_px(features, axis, n_columns)
        axis, cells, after_px = seconds[n_columns]
        bare = Hypothesis(layout, 0, 0, axis, cells, 0.0, 0, float("nan"), (), after_px)
        # Below columns of ten seconds each there is no strip to repeat ten seconds.
        most_strips = 0 if axis.seconds > SHEET_S else len(RHYTHM_STRIPS)
        for n_strips in range(most_strips + 1):
            for first_row in _placements(n_rows, layout.n_rows + n_strips):
                placed = replace(bare, n_strips=n_strips, first_row=first_row)
                if _shows_same_seconds(placed):
                    placed = replace(placed, axis=replace(axis, same_seconds=True))
                weighed = _weigh_one(features, placed)
                if weighed.n_named >= _least_named(layout, layout_name is not None):
                    found.append(weighed)
        if n_columns == 1 and _FEWEST_ALONE <= n_rows < layout.n_rows:
            left_out = _left_out(features, bare) if layout not in UPRIGHT_CABRERA else None
            if left_out is not None:
                found.append(_weigh_one(features, replace(bare, left_out=left_out)))
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def _least_named(layout: Layout, told: bool) -> int:
    """How many names at least tell a layout, which a person may have told but for its order."""
    if told:
        return _TOLD_BY_ROWS_NAMED if layout == LAYOUT_4X3_BY_ROWS else 0
    if layout.name in _RARE_LAYOUTS:
        return _RARE_NAMED
    return _UPRIGHT_NAMED if layout in UPRIGHT_CABRERA else 0


def _left_out(features: PageFeatures, whole: Hypothesis) -> tuple[int, ...] | None:
    """Rows of a one-column layout that a page skips; None where its names do not tell them."""
    n_shown, n_rows = len(features.baselines_px), whole.layout.n_rows
    odds = np.zeros((n_shown, n_rows))
    sureness = np.zeros(n_shown)
    for name, page_row in zip(features.names, features.name_rows, strict=True):
        if page_row is None or whole.column_of(name) is None:
            continue
        if name.probability > sureness[page_row]:
            sureness[page_row] = name.probability
            for row in range(n_rows):
                odds[page_row, row] = _log_odds(name, expected_name(whole.layout, row, 0))
    choices = list(combinations(range(n_rows), n_shown))
    scores = odds[np.arange(n_shown), np.array(choices)].sum(axis=1)
    leads = whole.layout.columns[0]
    n_sure = int((sureness >= MATCHED_PROBABILITY).sum())
    if sureness.all() and n_sure >= n_shown - _STROKES_OF_EIGHT:
        scores += [_USUAL_CHOICE * ({leads[k] for k in rows} == _USUAL_EIGHT) for rows in choices]
    best, next_best = np.argsort(-scores)[:2]
    if scores[best] - scores[next_best] < _CHOICE_MARGIN:
        return None
    return tuple(row for row in range(n_rows) if row not in choices[best])


def _likelihood(name: PrintedName, expected: str) -> float:
    """Probability that a name read is the one expected; a dash beside aVR may be some mark."""
    either = (expected, expected.removeprefix("-"), f"-{expected}")
    classes = {NAME_CLASSES.index(one) for one in either if one in NAME_CLASSES}
    return float(name.by_class[list(classes)].sum())


def _is(name: PrintedName, expected: str) -> bool:
    return name.name.removeprefix("-") == expected.removeprefix("-")


def _log_odds(name: PrintedName, expected: str) -> float:
    """Logarithm of the odds that a name read is the one expected, against any."""
    likely = _likelihood(name, expected)
    return float(np.log(max(likely, _LEAST_PROBABILITY) * len(NAME_CLASSES)))


def _names_after_px(features: PageFeatures, axis: TimeAxis, n_columns: int) -> float:
    """How far after the beginnings of their columns the words stand; 0 where that is not clear."""
    words = [
        name
        for name, row in zip(features.names, features.name_rows, strict=True)
        if row is not None and name.name not in STROKES and name.probability > MATCHED_PROBABILITY
    ]
    at_beginning = sum(place_of(name, axis, n_columns) is not None for name in words)
    if 2 * at_beginning >= len(words):
        return 0.0
    width = axis.width_px / n_columns
    closed = axis.gap.closed_px if axis.gap is not None else float
    after = np.array([(closed(name.left) - axis.start_px) % width for name in words])
    alike = np.abs(after[:, None] - after) <= _NAME_BEFORE_MM * PX_PER_MM
    most = alike[alike.sum(axis=1).argmax()]
    if most.sum() < max(_ALIKE_WORDS, _ALIKE_PART * len(words)):
        return 0.0
    return float(np.median(after[most]))


def _axis(features: PageFeatures, n_columns: int) -> TimeAxis:
    is_same = features.same_seconds is not None and n_columns == N_SAME
    gap = features.gap
    if gap is not None and gap.blank and len(gap.at_px) != n_columns - 1:
        gap = gap.between_halves() if n_columns % 2 == 0 else None
    return find_time_axis(
        features.lefts,
        features.rights,
        features.marks_px,
        features.names,
        n_columns,
        features.scale_known,
        features.same_seconds if is_same else gap,
        is_same,
        features.told_speed_mm_per_s,
        features.upload_px_per_mm,
    )


def _cells(features: PageFeatures, axis: TimeAxis, n_columns: int) -> tuple[Cells, ...]:
    """Cut the rows' curves into columns."""
    heights = features.tracks.heights_mm
    width = axis.width_px / n_columns / SHRINK
    later = round(axis.strips_after_px / SHRINK)
    found = []
    for column in range(n_columns):
        start = axis.start_px / SHRINK + column * width - features.tracks.left
        first, last = round(start + _INSET), round(start + width - _INSET)
        curves = _cut(heights, first + later, last + later)
        if axis.gap is not None:
            rows = sorted(axis.gap.rows)
            beyond = round(axis.gap_before_px(column, n_columns) / SHRINK)
            curves[rows] = _cut(heights[rows], first + beyond, last + beyond)
        found.append(Cells.of(curves))
    return tuple(found)


def _cut(heights: NDArray[np.float64], first: int, last: int) -> NDArray[np.float64]:
    """Cut columns out of the rows' curves; NaN beyond their ends."""
    curves = np.full((len(heights), max(1, last - first)), np.nan)
    begin, end = max(0, first), min(heights.shape[1], last)
    if end > begin:
        curves[:, begin - first : end - first] = heights[:, begin:end]
    return curves


def _placements(n_found: int, n_expected: int) -> Iterator[int]:
    """Row of the layout that the first row found may be: all rows of the shorter lie in the longer.

    At most two rows may be missing or too many.
    """
    difference = n_expected - n_found
    if abs(difference) <= 2:
        yield from range(min(0, difference), max(0, difference) + 1)


def _weigh_one(features: PageFeatures, hypothesis: Hypothesis) -> Hypothesis:
    layout, n_strips = hypothesis.layout, hypothesis.n_strips
    n_found = len(features.baselines_px)
    n_expected = layout.n_rows + n_strips - len(hypothesis.left_out)
    first_row = hypothesis.first_row
    n_shown = min(n_expected, first_row + n_found) - max(0, first_row)
    named, matched = _weigh_names(features, hypothesis)
    rest = _unexplained(hypothesis)
    score = named + _weigh_consistency(rest)
    score -= _SPURIOUS_ROW * (n_found - n_shown) + _MISSING_ROW * (n_expected - n_shown)
    score -= _RARE * layout.is_cabrera + _RARE * (layout.name in _RARE_LAYOUTS)
    score -= _LEFT_OUT * len(hypothesis.left_out)
    score -= _RUNS_ON * _limb_leads_run_on(hypothesis, rest, matched)
    score += sum(_weigh_strip(hypothesis, strip) for strip in range(n_strips))
    return replace(hypothesis, score=score, n_named=len(matched), unexplained=rest)


def expected_name(layout: Layout, row: int, column: int) -> str:
    """Name as printed at a place of a layout."""
    lead = layout.columns[column][row]
    return NEGATIVE_AVR if lead in layout.inverted else lead


def place_of(
    name: PrintedName, axis: TimeAxis, n_columns: int, after_px: float = 0.0
) -> int | None:
    """Column at whose beginning a name stands; None where it stands nowhere of the kind.

    It may stand in the room before a column that stands apart. Names may also stand alike further
    on in their columns, ``after_px`` from the beginnings.
    """
    room_mm = axis.gap.width_px / PX_PER_MM if axis.gap is not None else 0.0
    for column in range(n_columns):
        offset = (name.left - axis.column_px(column, n_columns) - after_px) / PX_PER_MM
        sure = name.probability >= MATCHED_PROBABILITY
        before = _SURE_NAME_BEFORE_MM if sure else _FIRST_NAME_BEFORE_MM
        if column or after_px:
            before = max(_NAME_BEFORE_MM, room_mm)
        if -before <= offset <= _NAME_AFTER_MM:
            return column
    return None


def _weigh_names(
    features: PageFeatures, hypothesis: Hypothesis
) -> tuple[float, set[tuple[int, int]]]:
    """Log odds of the names read where names are expected, and where they are as expected."""
    layout = hypothesis.layout
    best: dict[tuple[int, int], float] = {}
    matched: set[tuple[int, int]] = set()
    for name, page_row in zip(features.names, features.name_rows, strict=True):
        if page_row is None:
            continue
        row = hypothesis.layout_row(page_row)
        if row >= layout.n_rows:
            # Strips may begin elsewhere than the columns.
            name = replace(name, left=name.left - hypothesis.axis.strips_after_px)
        column = hypothesis.column_of(name)
        if column is None or not 0 <= row < layout.n_rows + hypothesis.n_strips:
            continue
        if row >= layout.n_rows:
            # Any lead may be a strip's, at its beginning only.
            odds = _STRIP_NAMED if column == 0 else -1.0
            odds *= name.probability * (name.name not in STROKES[:1])
        else:
            expected = expected_name(layout, row, column)
            odds = _log_odds(name, expected)
            if _is(name, expected) and _likelihood(name, expected) >= MATCHED_PROBABILITY:
                matched.add((row, column))
        # Two texts at one place: the name and something else.
        best[row, column] = max(odds, best.get((row, column), -np.inf))
    return sum(best.values()), matched


def n_misnamed(features: PageFeatures, hypothesis: Hypothesis) -> int:
    """Count the places of a layout at which another name is read surely, and its own is not.

    Parameters
    ----------
    features : PageFeatures
        What was seen.
    hypothesis : Hypothesis
        What the page is taken for.

    Returns
    -------
    int
        Strokes are not counted: many a mark looks like an I.
    """
    layout = hypothesis.layout
    surest: dict[tuple[int, int], tuple[float, float]] = {}
    for name, page_row in zip(features.names, features.name_rows, strict=True):
        column = hypothesis.column_of(name)
        row = None if page_row is None else hypothesis.layout_row(page_row)
        if row is None or column is None or not 0 <= row < layout.n_rows:
            continue
        expected = expected_name(layout, row, column)
        own, other = surest.get((row, column), (0.0, 0.0))
        own = max(own, _likelihood(name, expected))
        if name.name not in STROKES and not _is(name, expected):
            other = max(other, name.probability)
        surest[row, column] = own, other
    return sum(
        other >= MISNAMED_PROBABILITY and own < MATCHED_PROBABILITY
        for own, other in surest.values()
    )


def _unexplained(hypothesis: Hypothesis) -> float:
    """Part of the limb leads' energy that is left unexplained, 1 where it is as much as chance."""
    layout = hypothesis.layout
    parts = []
    for cells, leads in zip(hypothesis.cells, layout.columns, strict=True):
        places = [
            (hypothesis.page_row(row), lead)
            for row, lead in enumerate(leads)
            if lead in LIMB_WEIGHTS and 0 <= hypothesis.page_row(row) < len(cells.curves)
        ]
        if len(places) >= 3:
            rows, limb_leads = [row for row, _ in places], [lead for _, lead in places]
            parts.append(unexplained(cells, rows, limb_leads, layout.inverted))
    known = [part for part in parts if np.isfinite(part)]
    return float(np.mean(known)) if known else float("nan")


def _limb_leads_run_on(hypothesis: Hypothesis, rest: float, matched: set[tuple[int, int]]) -> bool:
    """Whether six rows go on being limb leads where the layout has chest leads, by no name told."""
    layout = hypothesis.layout
    if layout.n_rows != len(LIMB_LEADS) or len(layout.columns) != 2:
        return False
    if sum(column == 1 for _, column in matched) >= _CHEST_LEADS_NAMED:
        return False
    cells, leads = hypothesis.cells[1], layout.columns[0]
    rows = [hypothesis.page_row(row) for row in range(layout.n_rows)]
    if min(rows) < 0 or max(rows) >= len(cells.curves):
        return False
    beyond = unexplained(cells, rows, leads, layout.inverted)
    as_well = np.isnan(rest) or beyond <= max(_RUNS_ON_SURELY, _RUNS_ON_TIMES * rest)
    return bool(as_well and beyond < _RUNS_ON_UNEXPLAINED)


def _weigh_consistency(rest: float) -> float:
    if not np.isfinite(rest):
        return 0.0
    if rest < _NEUTRAL_UNEXPLAINED:
        halvings = np.log2(_NEUTRAL_UNEXPLAINED / max(rest, _LEAST_UNEXPLAINED))
        return float(_CONSISTENT * (1 - rest / _NEUTRAL_UNEXPLAINED) + _EACH_HALVING * halvings)
    return _INCONSISTENT * min(1.0, (rest - _NEUTRAL_UNEXPLAINED) / (1 - _NEUTRAL_UNEXPLAINED))


def strip_resemblances(hypothesis: Hypothesis, strip: int) -> dict[str, float]:
    """How much a strip agrees with each lead over the seconds that both show, from -1 to 1.

    Parameters
    ----------
    hypothesis : Hypothesis
        What the page is taken for.
    strip : int
        Number of the strip, from the top.

    Returns
    -------
    dict of str to float
        By lead; empty where the page does not show the strip.
    """
    layout = hypothesis.layout
    strip_row = hypothesis.page_row(layout.n_rows + strip)
    found: dict[str, float] = {}
    for cells, leads in zip(hypothesis.cells, layout.columns, strict=True):
        n_rows = len(cells.curves)
        for row, lead in enumerate(leads):
            lead_row = hypothesis.page_row(row)
            if 0 <= lead_row < n_rows and 0 <= strip_row < n_rows:
                sign = -1 if lead in layout.inverted else 1
                alike = float(cells.alike[strip_row, lead_row])
                if hypothesis.axis.same_seconds:
                    alike = alike_across(hypothesis.cells[0], strip_row, cells, lead_row)
                found[lead] = sign * alike
    return found


def _shows_same_seconds(hypothesis: Hypothesis) -> bool:
    """Whether all columns show the same seconds, which some machines print.

    Then the later ones have the beats of a strip's first part, and not those of their own part of
    it. Without a strip they have the first one's, which foretells their limb leads.
    """
    layout, cells = hypothesis.layout, hypothesis.cells
    if len(cells) < N_SAME or hypothesis.axis.seconds > SHEET_S:
        return False
    rows = [hypothesis.page_row(row) for row in range(layout.n_rows)]
    strip_row = hypothesis.page_row(layout.n_rows)
    shown = [*rows, strip_row] if hypothesis.n_strips else rows
    if min(rows) < 0 or max(shown) >= len(cells[0].curves):
        return False
    first, *others = (column.curves[rows] for column in cells)
    if hypothesis.n_strips:
        strip_beats = [steepness(column.curves[[strip_row]]) for column in cells]
        beats = [steepness(curves) for curves in others]
        at_first = np.mean([in_step(column, strip_beats[0]) for column in beats])
        at_own = np.mean([in_step(*both) for both in zip(beats, strip_beats[1:], strict=True)])
        less = _OTHER_BEATS if at_first < _SURELY_SAME_BEATS else _SLIGHTLY_OTHER_BEATS
        return bool(at_first >= _SAME_BEATS and at_first - at_own >= less)
    if len(cells) == N_SAME:
        return show_same_beats(first, others[0], hypothesis.axis.width_px / N_SAME / SHRINK)
    limb = [
        np.stack([row for row, lead in zip(curves, leads, strict=True) if lead in LIMB_LEADS])
        for curves, leads in zip((first, *others), layout.columns, strict=True)
        if set(leads) & set(LIMB_LEADS)
    ]
    return (
        len(limb) > 1
        and len(limb[0]) > 1
        and are_in_step([first, *others])
        and all(are_foretold(limb[0], other) for other in limb[1:])
    )


def _weigh_strip(hypothesis: Hypothesis, strip: int) -> float:
    likest = max(strip_resemblances(hypothesis, strip).values(), default=0.0)
    part = np.clip((likest - _UNLIKE) / (_ALIKE - _UNLIKE), 0, 1)
    return float(_STRIP_UNLIKE + part * (_STRIP_LIKE - _STRIP_UNLIKE))


def assign_rows(
    names: Sequence[PrintedName], baselines_px: Sequence[float]
) -> tuple[tuple[int | None, ...], ...]:
    """Row that each name belongs to: all names stand alike above or below their rows.

    Names halfway between two rows may belong to either.

    Parameters
    ----------
    names : sequence of PrintedName
        The names.
    baselines_px : sequence of float
        The rows' baselines, from the top down.

    Returns
    -------
    tuple of (tuple of int or None)
        Index of the row, name by name; None for one that stands beside no row. One such
        assignment, or two, the likelier first.
    """
    if not names:
        return ((),)
    lines = np.array(baselines_px)
    middles = np.array([(name.top + name.bottom) / 2 for name in names])
    away = middles[:, None] - lines[None]
    # Strokes of many kinds look like an I: words tell where names stand.
    words = [k for k, name in enumerate(names) if name.name not in STROKES]
    told = words if len(words) >= _ENOUGH_WORDS else list(range(len(names)))
    spacing_px = float(np.quantile(np.diff(lines), _ROWS_APART)) if len(lines) > 1 else 0.0
    reach_px = np.clip(
        _NAME_REACH_PART * spacing_px, _NAME_REACH_MM * PX_PER_MM, _FARTHEST_NAME_MM * PX_PER_MM
    )
    sure = np.array([names[k].probability for k in told])
    found = []
    for usual in _usual_offsets(away[told], sure, float(reach_px)):
        off = np.abs(away - usual)
        rows = off.argmin(axis=1)
        beside = off.min(axis=1) <= _NAME_OFF_MM * PX_PER_MM
        found.append(tuple(int(r) if near else None for r, near in zip(rows, beside, strict=True)))
    return tuple(dict.fromkeys(found))


def _usual_offsets(
    away: NDArray[np.float64], sure: NDArray[np.float64], reach_px: float
) -> list[float]:
    """Distances below their rows at which most names stand; ``away`` has shape (names, rows)."""
    near = np.abs(away) < reach_px
    offsets = away[near]
    weights = np.broadcast_to(sure[:, None], away.shape)[near]
    if not len(offsets):
        return [0.0]
    spread = _NAME_SPREAD_MM * PX_PER_MM
    support = (np.exp(-(((offsets[:, None] - offsets) / spread) ** 2)) * weights).sum(axis=1)
    # Of two offsets one row apart, the one nearer to the curve.
    support -= 0.02 * support.max() * np.abs(offsets) / PX_PER_MM
    best = offsets[support.argmax()]
    # The other one lies on the other side of the rows.
    other = np.where(offsets * best < 0, support, 0.0)
    if other.max() < _OTHER_OFFSET * support.max():
        return [float(best)]
    return [float(best), float(offsets[other.argmax()])]
