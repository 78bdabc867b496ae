"""Weigh what an aligned page may show: which layout, with how many strips, in which rows.

Every hypothesis says which name should be printed where, which curves must obey Einthoven's law and
which strip repeats which lead. What speaks for it is added up as logarithms of odds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.consistency import LIMB_WEIGHTS, resemblance, unexplained
from ecgapp.sheet.layouts import LAYOUTS, PX_PER_MM, RHYTHM_STRIPS, Layout
from ecgapp.sheet.names import NAME_CLASSES, NEGATIVE_AVR, PrintedName
from ecgapp.sheet.rows import SHRINK
from ecgapp.sheet.timing import Ends, TimeAxis, find_time_axis
from ecgapp.sheet.tracks import Tracks

# Where a name may stand, from the beginning of its column; the first column's may stand before.
_NAME_BEFORE_MM, _NAME_AFTER_MM, _FIRST_NAME_BEFORE_MM = 3.0, 7.0, 14.0
# How far a name may stand from where the page's other names stand beside their rows.
_NAME_OFF_MM = 5.0
# A name that is read wrongly speaks against no hypothesis more than this allows.
_LEAST_PROBABILITY = 0.02
_SPURIOUS_ROW, _MISSING_ROW = 2.0, 3.0
_CABRERA = 1.0
# What leads' consistency speaks for, at none and at all of it unexplained.
_CONSISTENT, _INCONSISTENT = 2.0, -4.0
_NEUTRAL_UNEXPLAINED = 0.35
_STRIP_LIKE, _STRIP_UNLIKE = 1.5, -2.5
_ALIKE, _UNLIKE = 0.9, 0.6

MATCHED_PROBABILITY = 0.5


@dataclass(frozen=True)
class Evidence:
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
    """

    baselines_px: tuple[float, ...]
    tracks: Tracks
    lefts: Ends
    rights: Ends
    marks_px: tuple[float, ...]
    names: tuple[PrintedName, ...]
    name_rows: tuple[int | None, ...]
    scale_known: bool


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
    score : float
        Logarithm of odds.
    n_named : int
        Places in which the name expected was read.
    unexplained : float
        What consistency leaves unexplained, 1 as much as chance; NaN where it cannot be told.
    """

    layout: Layout
    n_strips: int
    first_row: int
    axis: TimeAxis
    score: float
    n_named: int
    unexplained: float

    def page_row(self, row: int) -> int:
        """Row of the page, from 0, on which a row of the layout (strips included) is printed."""
        return row - self.first_row


def weigh(evidence: Evidence, layout_name: str | None = None) -> list[Hypothesis]:
    """Weigh all hypotheses.

    Parameters
    ----------
    evidence : Evidence
        What was seen.
    layout_name : str, optional
        The only layout to consider.

    Returns
    -------
    list of Hypothesis
        The likeliest first.
    """
    layouts = [LAYOUTS[layout_name]] if layout_name else list(LAYOUTS.values())
    axes: dict[int, TimeAxis] = {}
    found = []
    for layout in layouts:
        n_columns = len(layout.columns)
        if n_columns not in axes:
            axes[n_columns] = _axis(evidence, n_columns)
        for n_strips in range(len(RHYTHM_STRIPS) + 1):
            for first_row in _placements(len(evidence.baselines_px), layout.n_rows + n_strips):
                found.append(_weigh_one(evidence, layout, n_strips, first_row, axes[n_columns]))
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def _axis(evidence: Evidence, n_columns: int) -> TimeAxis:
    return find_time_axis(
        evidence.lefts,
        evidence.rights,
        evidence.marks_px,
        evidence.names,
        n_columns,
        evidence.scale_known,
    )


def _placements(n_found: int, n_expected: int) -> Iterator[int]:
    """Row of the layout that the first row found may be: all rows of the shorter lie in the longer.

    At most two rows may be missing or too many.
    """
    difference = n_expected - n_found
    if abs(difference) <= 2:
        yield from range(min(0, difference), max(0, difference) + 1)


def _weigh_one(
    evidence: Evidence, layout: Layout, n_strips: int, first_row: int, axis: TimeAxis
) -> Hypothesis:
    n_found = len(evidence.baselines_px)
    n_expected = layout.n_rows + n_strips
    shown = range(max(0, first_row), min(n_expected, first_row + n_found))
    score = -_SPURIOUS_ROW * (n_found - len(shown)) - _MISSING_ROW * (n_expected - len(shown))
    score -= _CABRERA * bool(layout.inverted)
    hypothesis = Hypothesis(layout, n_strips, first_row, axis, 0.0, 0, float("nan"))
    named, n_named = _weigh_names(evidence, hypothesis)
    rest = _unexplained(evidence, hypothesis)
    score += named + _weigh_consistency(rest)
    score += sum(_weigh_strip(evidence, hypothesis, strip) for strip in range(n_strips))
    return Hypothesis(layout, n_strips, first_row, axis, score, n_named, rest)


def expected_name(layout: Layout, row: int, column: int) -> str:
    """Name as printed at a place of a layout."""
    lead = layout.columns[column][row]
    return NEGATIVE_AVR if lead in layout.inverted else lead


def place_of(name: PrintedName, axis: TimeAxis, n_columns: int) -> int | None:
    """Column at whose beginning a name stands; None where it stands nowhere of the kind."""
    width = axis.width_px / n_columns
    for column in range(n_columns):
        offset = (name.left - axis.start_px - column * width) / PX_PER_MM
        before = _FIRST_NAME_BEFORE_MM if column == 0 else _NAME_BEFORE_MM
        if -before <= offset <= _NAME_AFTER_MM:
            return column
    return None


def _weigh_names(evidence: Evidence, hypothesis: Hypothesis) -> tuple[float, int]:
    """Log odds of the names read where names are expected, and how many are as expected."""
    layout, axis = hypothesis.layout, hypothesis.axis
    best: dict[tuple[int, int], float] = {}
    matched: set[tuple[int, int]] = set()
    for name, page_row in zip(evidence.names, evidence.name_rows, strict=True):
        if page_row is None:
            continue
        row = page_row + hypothesis.first_row
        column = place_of(name, axis, len(layout.columns))
        if column is None or not 0 <= row < layout.n_rows + hypothesis.n_strips:
            continue
        if row >= layout.n_rows:
            # Any lead may be a strip's, at its beginning only.
            odds = 0.0 if column == 0 else -name.probability
        else:
            expected = expected_name(layout, row, column)
            chance = 1 / len(NAME_CLASSES)
            likely = float(name.by_class[NAME_CLASSES.index(expected)])
            odds = float(np.log(max(likely, _LEAST_PROBABILITY) / chance))
            if name.name == expected and likely >= MATCHED_PROBABILITY:
                matched.add((row, column))
        # Two texts at one place: the name and something else.
        best[row, column] = max(odds, best.get((row, column), -np.inf))
    return sum(best.values()), len(matched)


def cell_curves(evidence: Evidence, hypothesis: Hypothesis, column: int) -> NDArray[np.float64]:
    """Heights of a column's leads, mm, shape (n_rows, n_columns of pixels); NaN where not known."""
    layout = hypothesis.layout
    heights = evidence.tracks.heights_mm
    width = hypothesis.axis.width_px / len(layout.columns) / SHRINK
    start = hypothesis.axis.start_px / SHRINK + column * width - evidence.tracks.left
    first, last = round(start + 2), round(start + width - 2)
    cells = np.full((layout.n_rows, max(0, last - first)), np.nan)
    inside = slice(max(0, first), max(0, min(heights.shape[1], last)))
    for row in range(layout.n_rows):
        page_row = hypothesis.page_row(row)
        if 0 <= page_row < len(heights) and inside.stop > inside.start:
            at = inside.start - first
            cells[row, at : at + inside.stop - inside.start] = heights[page_row, inside]
    return cells


def _unexplained(evidence: Evidence, hypothesis: Hypothesis) -> float:
    """Part of the limb leads' energy that is left unexplained, 1 where it is as much as chance."""
    parts = []
    for column, leads in enumerate(hypothesis.layout.columns):
        n_limb = sum(lead in LIMB_WEIGHTS for lead in leads)
        if n_limb < 3:
            continue
        curves = cell_curves(evidence, hypothesis, column)
        rest = unexplained(curves, leads, hypothesis.layout.inverted)
        parts.append(rest / (1 - 2 / n_limb))
    return float(np.mean(parts)) if parts else float("nan")


def _weigh_consistency(rest: float) -> float:
    if not np.isfinite(rest):
        return 0.0
    if rest < _NEUTRAL_UNEXPLAINED:
        return _CONSISTENT * (1 - rest / _NEUTRAL_UNEXPLAINED)
    return _INCONSISTENT * min(1.0, (rest - _NEUTRAL_UNEXPLAINED) / (1 - _NEUTRAL_UNEXPLAINED))


def strip_resemblances(evidence: Evidence, hypothesis: Hypothesis, strip: int) -> dict[str, float]:
    """Correlation of a strip with each lead over the seconds that both show."""
    page_row = hypothesis.page_row(hypothesis.layout.n_rows + strip)
    heights = evidence.tracks.heights_mm
    if not 0 <= page_row < len(heights):
        return {}
    found = {}
    width = hypothesis.axis.width_px / len(hypothesis.layout.columns) / SHRINK
    for column, leads in enumerate(hypothesis.layout.columns):
        curves = cell_curves(evidence, hypothesis, column)
        start = hypothesis.axis.start_px / SHRINK + column * width - evidence.tracks.left
        first = round(start + 2)
        own = np.full(curves.shape[1], np.nan)
        inside = slice(max(0, first), max(0, min(heights.shape[1], first + len(own))))
        if inside.stop > inside.start:
            own[inside.start - first : inside.stop - first] = heights[page_row, inside]
        for lead, curve in zip(leads, curves, strict=True):
            sign = -1 if lead in hypothesis.layout.inverted else 1
            found[lead] = sign * resemblance(own, curve)
    return found


def _weigh_strip(evidence: Evidence, hypothesis: Hypothesis, strip: int) -> float:
    likest = max(strip_resemblances(evidence, hypothesis, strip).values(), default=0.0)
    part = np.clip((likest - _UNLIKE) / (_ALIKE - _UNLIKE), 0, 1)
    return float(_STRIP_UNLIKE + part * (_STRIP_LIKE - _STRIP_UNLIKE))


def assign_rows(
    names: Sequence[PrintedName], baselines_px: Sequence[float]
) -> tuple[int | None, ...]:
    """Row that each name belongs to: all names stand alike above or below their rows.

    Parameters
    ----------
    names : sequence of PrintedName
        The names.
    baselines_px : sequence of float
        The rows' baselines, from the top down.

    Returns
    -------
    tuple of int or None
        Index of the row, name by name; None for one that stands beside no row.
    """
    if not names:
        return ()
    lines = np.array(baselines_px)
    middles = np.array([(name.top + name.bottom) / 2 for name in names])
    away = middles[:, None] - lines[None]
    nearest = away[np.arange(len(names)), np.abs(away).argmin(axis=1)]
    spacing = float(np.min(np.diff(lines))) if len(lines) > 1 else np.inf
    sure = np.array([name.probability for name in names])
    close = np.abs(nearest) < min(spacing / 2, 12 * PX_PER_MM)
    usual = float(np.median(nearest[close])) if close.any() else 0.0
    if (sure > 0.6).sum() >= 3 and (close & (sure > 0.6)).any():
        usual = float(np.median(nearest[close & (sure > 0.6)]))
    off = np.abs(away - usual)
    rows = off.argmin(axis=1)
    beside = off.min(axis=1) <= _NAME_OFF_MM * PX_PER_MM
    return tuple(int(row) if near else None for row, near in zip(rows, beside, strict=True))
