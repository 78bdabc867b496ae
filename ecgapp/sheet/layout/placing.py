"""Turn what an aligned page is taken for into a located sheet: boxes, baselines, a scaled page."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import (
    LEADS,
    MM_PER_MV,
    PX_PER_MM,
    PX_PER_S,
    RHYTHM_STRIP,
    RHYTHM_STRIP_LEAD,
    RHYTHM_STRIPS,
    SHEET_S,
    Box,
)
from ecgapp.sheet.detect.name_removal import (
    ERASED_PROBABILITY,
    erase_marks,
    erase_touching_names,
)
from ecgapp.sheet.detect.names import NAME_CLASSES, STROKES, PrintedName
from ecgapp.sheet.detect.rows import INK_BELOW
from ecgapp.sheet.layout.hypotheses import Hypothesis, strip_resemblances
from ecgapp.sheet.layout.page_contents import PageContents
from ecgapp.sheet.layout.time_axis import TimeAxis
from ecgapp.sheet.located import LocatedSheet, LocatingStep, column_seconds, lead_box

# Shares, probabilities and millimetres of paper, set by hand on drawn sheets of made-up vendors and
# on other machines' sheets of the development data; none was measured on its own.

# Part of a lead's width that its curve must cover, and how much of either end may be missing.
_COVERAGE = 0.6
_MISSING_END = 0.2
# Names of strips that are believed, and how alike a strip and the lead that it repeats are.
_NAME_PROBABILITY = 0.5
_SAME_LEAD = 0.9
# Likelihood that a name is not read, and how unlike a strip and its lead usually are.
_UNREAD, _ALIKE_SPREAD, _UNLIKE = 0.05, 0.05, 0.25
# Logarithm of odds that a strip shows the lead that strips usually show.
_USUAL = 1.0
# How far from the columns' edge a mark between columns may stand.
_MARK_OFF_MM = 2.0
# A page is not warped for less than this part of its scale.
_SAME_SCALE = 0.001
# Pulses that are so much higher or lower than ten seconds tell are as they should be.
_SAME_HEIGHT = 0.03


def pulse_stretch(contents: PageContents, axis: TimeAxis) -> float:
    """Tell how many times as high as they should be pulses are, by the width of the seconds.

    Parameters
    ----------
    contents : PageContents
    axis : TimeAxis
        Which seconds the page shows, and where.

    Returns
    -------
    float
        1 without pulses, or on paper whose grid tells its scale.
    """
    if contents.pulses is None or contents.page.scale_known:
        return 1.0
    return contents.pulses.stretch * axis.seconds * PX_PER_S / axis.width_px


def place_leads(
    contents: PageContents, hypothesis: Hypothesis, steps: tuple[LocatingStep, ...]
) -> LocatedSheet:
    """Place the leads on a page.

    Parameters
    ----------
    contents : PageContents
        The page and what was seen on it.
    hypothesis : Hypothesis
        What it is taken for.
    steps : tuple of LocatingStep
        What to tell people about it.

    Returns
    -------
    LocatedSheet
        Its page is stretched to 25 mm/s and 10 mm/mV.
    """
    page, axis = contents.page, hypothesis.axis
    told_gain, chest_gain = contents.gains_mm_per_mv
    gain = told_gain or MM_PER_MV
    across = axis.seconds * PX_PER_S / axis.width_px
    down = MM_PER_MV / gain
    if not page.scale_known:
        # The width of ten seconds tells the scale either way, unless pulses tell another height.
        stretch = pulse_stretch(contents, axis)
        down *= across / (stretch if abs(stretch - 1) > _SAME_HEIGHT else 1.0)
    tracks = contents.features.tracks
    placed = _placed_names(contents, hypothesis)
    gray = erase_touching_names(page.gray, [name for name, _ in placed], tracks)
    gray = erase_marks(gray, _marks_px(contents, hypothesis), tracks)
    removed = _removed(contents.printed, gray)
    _doubt(removed, gray, _hidden_names(placed))
    removed, _ = _stretched(removed, across, down)
    gray, back = _stretched(gray, across, down)
    start_px = (axis.start_px + 0.5) / back[0, 0] - 0.5

    baselines = [(y + 0.5) / back[1, 1] - 0.5 for y in _baselines_px(contents)]
    shown = _shown(contents, hypothesis)
    boxes: dict[str, Box] = {}
    baselines_px: dict[str, float] = {}

    def place(
        name: str, page_row: int, start_s: float, seconds: float, gap_px: float = 0.0
    ) -> None:
        baseline = baselines[page_row]
        left = start_px + start_s * PX_PER_S + gap_px
        boxes[name] = lead_box(baseline, left, seconds, gray.shape)
        baselines_px[name] = baseline

    layout = hypothesis.layout
    gaps_px = _gaps_px(hypothesis, across)
    for column, names in enumerate(layout.columns):
        begin_s, end_s = column_seconds(layout, column, axis.seconds, axis.same_seconds)
        for row, name in enumerate(names):
            if name in shown:
                page_row = hypothesis.page_row(row)
                place(name, page_row, begin_s, end_s - begin_s, gaps_px[column])
    strips = [strip for strip in range(hypothesis.n_strips) if strip in shown]
    strip_leads = tuple(_strip_lead(contents, hypothesis, strip) for strip in strips)
    strips_after_px = across * axis.strips_after_px
    for strip, name in zip(strips, _strip_names(strip_leads), strict=True):
        page_row = hypothesis.page_row(layout.n_rows + strip)
        place(name, page_row, 0.0, min(SHEET_S, axis.seconds), strips_after_px)
    return LocatedSheet(
        layout=layout,
        rhythm_strips=strip_leads,
        aligned=True,
        px_per_mm=page.px_per_mm,
        gray=gray,
        boxes=boxes,
        baselines_px=baselines_px,
        start_px=start_px,
        to_upload=page.to_upload @ back,
        speed_mm_per_s=axis.speed_mm_per_s,
        gain_mm_per_mv=gain,
        chest_gain_mm_per_mv=chest_gain,
        steps=steps,
        missing=tuple(lead for lead in LEADS if lead not in shown),
        removed=removed,
        gaps_px=gaps_px if any(gaps_px) else (),
        strips_after_px=strips_after_px,
        seconds=axis.seconds,
        same_seconds=axis.same_seconds,
    )


def _gaps_px(hypothesis: Hypothesis, across: float) -> tuple[float, ...]:
    """How far each column lies from its seconds, on a page so many times as wide."""
    layout, axis = hypothesis.layout, hypothesis.axis
    n_columns = len(layout.columns)
    width_px = axis.seconds / n_columns * PX_PER_S
    begins_s = (
        column_seconds(layout, k, axis.seconds, axis.same_seconds)[0] for k in range(n_columns)
    )
    return tuple(
        across * axis.gap_before_px(k, n_columns) + k * width_px - begin_s * PX_PER_S
        for k, begin_s in enumerate(begins_s)
    )


def _removed(printed: NDArray[np.uint8], gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink that was taken for a name or a mark: 255 on 0."""
    gone = (printed < INK_BELOW) & (gray >= INK_BELOW)
    return np.where(gone, np.uint8(255), np.uint8(0))


def _placed_names(
    contents: PageContents, hypothesis: Hypothesis
) -> list[tuple[PrintedName, tuple[int, int]]]:
    """Names that stand where the layout has one, and its row and column there."""
    features = contents.features
    return [
        (name, (row, column))
        for name, row in zip(features.names, features.name_rows, strict=True)
        if row is not None and (column := hypothesis.column_of(name)) is not None
    ]


def _hidden_names(placed: list[tuple[PrintedName, tuple[int, int]]]) -> list[PrintedName]:
    """Find what may be names that beats cross: in places whose names were not read surely."""
    sure = {place for name, place in placed if name.probability >= ERASED_PROBABILITY}
    return [name for name, place in placed if place not in sure and name.name not in STROKES]


def _doubt(removed: NDArray[np.uint8], gray: NDArray[np.uint8], names: list[PrintedName]) -> None:
    """Mark, in place, the ink that may be names'."""
    for name in names:
        box = np.s_[int(name.top) : int(name.bottom) + 1, int(name.left) : int(name.right) + 1]
        removed[box][gray[box] < INK_BELOW] = 255


def _marks_px(contents: PageContents, hypothesis: Hypothesis) -> list[float]:
    """Places of the marks that stand between columns."""
    n_columns = len(hypothesis.layout.columns)
    edges = [hypothesis.axis.column_px(k, n_columns) for k in range(1, n_columns)]
    reach = _MARK_OFF_MM * PX_PER_MM
    return [
        mark
        for mark in contents.features.marks_px
        if any(abs(mark - edge) <= reach for edge in edges)
    ]


def _stretched(
    gray: NDArray[np.uint8], across: float, down: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Stretch a page; second is the way back, from pixels of the stretched page to the page's."""
    across = 1.0 if abs(across - 1) < _SAME_SCALE else across
    down = 1.0 if abs(down - 1) < _SAME_SCALE else down
    if across == down == 1:
        return gray, np.eye(3)
    back = np.array(
        [[1 / across, 0, (1 / across - 1) / 2], [0, 1 / down, (1 / down - 1) / 2], [0, 0, 1]]
    )
    way = cv2.INTER_AREA if min(across, down) < 0.6 else cv2.INTER_CUBIC
    stretched = cv2.resize(gray, None, fx=across, fy=down, interpolation=way)
    return np.asarray(stretched, np.uint8), back


def _baselines_px(contents: PageContents) -> list[float]:
    """Height of 0 mV of each row: its pulse's foot, or where its curve stays most of the time."""
    lines = [row.baseline_px for row in contents.rows]
    if contents.pulses is None:
        return lines
    feet = contents.pulses.feet_px
    off = [foot - line for foot, line in zip(feet, lines, strict=True) if foot is not None]
    # One pulse tells nothing about the other rows.
    usual = float(np.median(off)) if len(off) > 1 else 0.0
    return [line + usual if foot is None else foot for foot, line in zip(feet, lines, strict=True)]


def _shown(contents: PageContents, hypothesis: Hypothesis) -> set[str | int]:
    """Leads, and numbers of strips, whose curves the page shows from end to end."""
    layout = hypothesis.layout
    found: set[str | int] = set()
    for cells, names in zip(hypothesis.cells, layout.columns, strict=True):
        for row, name in enumerate(names):
            page_row = hypothesis.page_row(row)
            if 0 <= page_row < len(cells.curves) and _is_whole(cells.curves[page_row]):
                found.add(name)
    for strip in range(hypothesis.n_strips):
        page_row = hypothesis.page_row(layout.n_rows + strip)
        if 0 <= page_row < len(contents.rows) and _is_whole(
            np.concatenate([cells.curves[page_row] for cells in hypothesis.cells])
        ):
            found.add(strip)
    return found


def _is_whole(curve: NDArray[np.float64]) -> bool:
    """Whether a curve covers enough of its width, both ends included."""
    known = np.flatnonzero(np.isfinite(curve))
    if len(known) < _COVERAGE * len(curve):
        return False
    missing = max(int(known[0]), len(curve) - 1 - int(known[-1]))
    return missing <= _MISSING_END * len(curve)


def _strip_lead(contents: PageContents, hypothesis: Hypothesis, strip: int) -> str | None:
    """Lead that a strip shows: by its name and by the lead that it repeats; None if unsure."""
    page_row = hypothesis.page_row(hypothesis.layout.n_rows + strip)
    features, axis = contents.features, hypothesis.axis
    alike = strip_resemblances(hypothesis, strip)
    printed = dict.fromkeys(LEADS, 0.0)
    for name, row in zip(features.names, features.name_rows, strict=True):
        if row == page_row and name.left < axis.strips_start_px + axis.width_px / len(LEADS):
            for lead in LEADS:
                likely = float(name.by_class[NAME_CLASSES.index(lead)])
                printed[lead] = max(printed[lead], likely)
    evident = {
        lead: np.log(printed[lead] + _UNREAD)
        - min(1 - alike.get(lead, 0.0), _UNLIKE) / _ALIKE_SPREAD
        + _USUAL * (lead == RHYTHM_STRIP_LEAD)
        for lead in LEADS
    }
    likest = max(evident, key=evident.__getitem__)
    sure = printed[likest] >= _NAME_PROBABILITY or alike.get(likest, 0.0) >= _SAME_LEAD
    return likest if sure else None


def _strip_names(leads: tuple[str | None, ...]) -> list[str]:
    """Names of the strips' boxes, from the top down; lead II's, or the lowest, is the first."""
    if not leads:
        return []
    first = leads.index(RHYTHM_STRIP_LEAD) if RHYTHM_STRIP_LEAD in leads else len(leads) - 1
    others = iter(RHYTHM_STRIPS[1:])
    return [RHYTHM_STRIP if place == first else next(others) for place in range(len(leads))]
