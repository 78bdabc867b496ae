"""Whether names, curves and strips speak for the layout that shows them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.ecg import LAYOUTS, LEADS, LIMB_WEIGHTS, PX_PER_MM
from ecgapp.sheet.detect.names import NAME_CLASSES, PrintedName
from ecgapp.sheet.detect.rows import MM, SHRINK
from ecgapp.sheet.detect.tracks import Tracks
from ecgapp.sheet.layout.hypotheses import (
    Hypothesis,
    PageFeatures,
    assign_rows,
    expected_name,
    n_misnamed,
    place_of,
    rank_hypotheses,
    strip_resemblances,
)
from ecgapp.sheet.layout.time_axis import Ends, TimeAxis

START_PX, WIDTH_PX = 120.0, 250 * PX_PER_MM
SPACING_PX, ABOVE_PX = 240.0, 90.0
N_COLUMNS = round((START_PX + WIDTH_PX) / SHRINK) + 20


def baselines_px(n_rows: int) -> tuple[float, ...]:
    return tuple(200.0 + SPACING_PX * row for row in range(n_rows))


def name(lead: str, left_px: float, middle_px: float, probability: float = 0.99) -> PrintedName:
    by_class = np.full(len(NAME_CLASSES) + 1, (1 - probability) / len(NAME_CLASSES), np.float32)
    by_class[NAME_CLASSES.index(lead)] = probability
    box = (left_px, middle_px - 12, left_px + 30, middle_px + 12)
    return PrintedName(lead, *box, probability, by_class)


def names_of(layout_name: str, n_strips: int = 0) -> list[PrintedName]:
    """Names as printed above the beginning of each lead, and of each strip."""
    layout = LAYOUTS[layout_name]
    n_columns = len(layout.columns)
    lines = baselines_px(layout.n_rows + n_strips)
    found = [
        name(
            expected_name(layout, row, column),
            START_PX + column * WIDTH_PX / n_columns + PX_PER_MM,
            lines[row] - ABOVE_PX,
        )
        for row in range(layout.n_rows)
        for column in range(n_columns)
    ]
    found += [name("II", START_PX + PX_PER_MM, y - ABOVE_PX) for y in lines[layout.n_rows :]]
    return found


def tracks_of(curves_mm: NDArray[np.float64]) -> Tracks:
    """Tracks that show curves, given as heights above their baselines from column 0 on."""
    lines = np.array(baselines_px(len(curves_mm)))[:, None] / SHRINK
    y = np.round(lines - MM * np.nan_to_num(curves_mm)).astype(np.int32)
    return Tracks(0, y, y, np.isfinite(curves_mm))


def features_of(names: Sequence[PrintedName], tracks: Tracks) -> PageFeatures:
    n_rows = len(tracks.known)
    lines = baselines_px(n_rows)
    return PageFeatures(
        lines,
        tracks,
        Ends([(START_PX, 1.0)] * n_rows),
        Ends([(START_PX + WIDTH_PX, 1.0)] * n_rows),
        (),
        tuple(names),
        assign_rows(names, lines)[0],
        True,
    )


def unseen(n_rows: int) -> Tracks:
    return tracks_of(np.full((n_rows, N_COLUMNS), np.nan))


def voltages_mm() -> dict[str, NDArray[np.float64]]:
    """Draw beats of two electrodes' voltages and six other leads, in every column of a page."""
    phase = np.arange(N_COLUMNS) % 77
    rng = np.random.default_rng(3)
    waves = np.exp(-(((phase - np.array([[15.0], [30.0], [36.0], [55.0]])) / 4) ** 2))
    sources = rng.uniform(-12, 12, (8, 4)) @ waves
    limb = {lead: sources[0] * a + sources[1] * b for lead, (a, b) in LIMB_WEIGHTS.items()}
    return limb | dict(zip(LEADS[6:], sources[2:], strict=True))


def printed(layout_name: str, strips: Sequence[str] = ()) -> Tracks:
    """Tracks of a page that prints the leads of a layout, and strips below."""
    layout, leads = LAYOUTS[layout_name], voltages_mm()
    column_of = np.arange(N_COLUMNS) - START_PX / SHRINK
    column_of = column_of // (WIDTH_PX / SHRINK / len(layout.columns))
    curves = np.full((layout.n_rows + len(strips), N_COLUMNS), np.nan)
    for column, names in enumerate(layout.columns):
        here = column_of == column
        for row, lead in enumerate(names):
            sign = -1 if lead in layout.inverted else 1
            curves[row, here] = sign * leads[lead][here]
    shown = (column_of >= 0) & (column_of < len(layout.columns))
    for strip, lead in enumerate(strips):
        curves[layout.n_rows + strip, shown] = leads[lead][shown]
    return tracks_of(curves)


def best_of(hypotheses: Sequence[Hypothesis], layout_name: str) -> Hypothesis:
    return next(found for found in hypotheses if found.layout.name == layout_name)


@pytest.mark.parametrize(
    ("layout_name", "n_strips"),
    [("3x4", 1), ("6x2", 0), ("3x4-cabrera", 2), ("12x1", 0), ("4x3", 1), ("2x6", 1)],
)
def test_names_in_the_places_of_a_layout_speak_for_it(layout_name: str, n_strips: int) -> None:
    n_rows = LAYOUTS[layout_name].n_rows
    features = features_of(names_of(layout_name, n_strips), unseen(n_rows + n_strips))
    likeliest = rank_hypotheses(features)[0]
    assert (likeliest.layout.name, likeliest.n_strips) == (layout_name, n_strips)
    assert (likeliest.n_named, likeliest.first_row) == (len(LEADS), 0)
    assert n_misnamed(features, likeliest) == 0


def test_names_in_3x4_places_weigh_it_above_the_others_and_are_wrong_for_them() -> None:
    features = features_of(names_of("3x4"), unseen(3))
    hypotheses = rank_hypotheses(features)
    right, cabrera = best_of(hypotheses, "3x4"), best_of(hypotheses, "3x4-cabrera")
    assert right is hypotheses[0]
    assert right.score > cabrera.score + 10
    # aVL, I, -aVR, II, aVF and III stand where I to aVF are printed; strokes are not counted.
    assert n_misnamed(features, cabrera) == 3
    assert rank_hypotheses(features, "3x4-cabrera")[0].score == cabrera.score


def test_curves_without_names_speak_for_the_leads_that_they_can_be() -> None:
    features = features_of((), printed("6x2", ["II"]))
    hypotheses = rank_hypotheses(features)
    assert (hypotheses[0].layout.name, hypotheses[0].n_strips) == ("6x2", 1)
    assert hypotheses[0].unexplained < 0.05
    assert best_of(hypotheses, "6x2-cabrera").unexplained > 0.3
    alike = strip_resemblances(hypotheses[0], 0)
    assert max(alike, key=lambda lead: alike[lead]) == "II"
    assert alike["II"] > 0.9


def test_names_belong_to_the_row_beside_which_all_names_stand() -> None:
    names = names_of("3x4")
    # A word far from where the others stand, and the same names below their rows.
    stray = name("V3", 900.0, baselines_px(3)[1] + 30)
    assert assign_rows([*names, stray], baselines_px(3))[0] == (*[0] * 4, *[1] * 4, *[2] * 4, None)
    below = [replace(n, top=n.top + 150, bottom=n.bottom + 150) for n in names]
    assert assign_rows(below, baselines_px(3))[0] == (*[0] * 4, *[1] * 4, *[2] * 4)


def test_names_halfway_to_the_row_above_belong_to_the_row_below_them() -> None:
    # As a scanned machine prints them: 15 mm above rows that are 30 mm apart.
    away = 15 * PX_PER_MM - ABOVE_PX
    names = [replace(n, top=n.top - away, bottom=n.bottom - away) for n in names_of("3x4")]
    assert assign_rows(names, baselines_px(3))[0] == (*[0] * 4, *[1] * 4, *[2] * 4)


def test_a_line_of_text_below_the_rows_moves_no_name_to_the_row_above_it() -> None:
    # Rows, and names above them, as on a scanned sheet whose last line of text was taken for a row.
    lines = (386.0, 586.0, 768.0, 872.0)
    rows = zip((276.0, 475.0, 672.0), zip(*LAYOUTS["3x4"].columns, strict=True), strict=True)
    names = [
        name(lead, left, middle)
        for middle, leads in rows
        for left, lead in zip((91.0, 590.0, 1079.0, 1576.0), leads, strict=True)
    ]
    assert assign_rows(names, lines)[0] == (*[0] * 4, *[1] * 4, *[2] * 4)


def test_names_that_stand_further_on_in_their_columns_are_read_as_their_columns() -> None:
    names = [replace(n, left=n.left + 150, right=n.right + 150) for n in names_of("3x4")]
    likeliest = rank_hypotheses(features_of(names, unseen(3)))[0]
    assert (likeliest.layout.name, likeliest.n_named) == ("3x4", len(LEADS))


def test_names_just_as_far_from_two_rows_are_tried_as_either_rows() -> None:
    lines = baselines_px(3)
    # Midway between two rows each; the names of the last row are not read.
    names = [
        name(lead, START_PX, lines[row] + SPACING_PX / 2) for row, lead in ((0, "V1"), (1, "V2"))
    ]
    names += [
        name(lead, START_PX + 100, n.top + 12) for lead, n in zip(("V4", "V5"), names, strict=True)
    ]
    either = assign_rows(names, lines)
    assert {rows[:2] for rows in either} == {(0, 1), (1, 2)}


@pytest.mark.parametrize(
    "shown",
    [("I", "II", *LEADS[6:]), LEADS[:6], ("I", "II", "III", "aVR", "aVF", "V1", "V5", "V6")],
)
def test_a_page_of_some_leads_is_read_as_those_that_its_names_tell(shown: tuple[str, ...]) -> None:
    lines = baselines_px(len(shown))
    names = [name(lead, START_PX, y - ABOVE_PX) for lead, y in zip(shown, lines, strict=True)]
    curves = np.stack([voltages_mm()[lead] for lead in shown])
    likeliest = rank_hypotheses(features_of(names, tracks_of(curves)))[0]
    assert (likeliest.layout.name, likeliest.n_named) == ("12x1", len(shown))
    rows = [likeliest.page_row(LEADS.index(lead)) for lead in shown]
    assert rows == list(range(len(shown)))
    assert all(likeliest.page_row(row) < 0 for row in likeliest.left_out)
    assert [LEADS[likeliest.layout_row(row)] for row in rows] == list(shown)


def test_leads_that_no_name_tells_are_not_guessed() -> None:
    lines = baselines_px(8)
    names = [
        name(lead, START_PX, y - ABOVE_PX) for lead, y in zip(LEADS[6:], lines[2:], strict=True)
    ]
    # Two limb leads without names may be any two.
    assert all(not found.left_out for found in rank_hypotheses(features_of(names, unseen(8))))


def test_eight_leads_are_the_usual_ones_where_the_strokes_of_ii_are_not_surely_counted() -> None:
    shown = ("I", "II", *LEADS[6:])
    names = [
        name(lead, START_PX, y - ABOVE_PX)
        for lead, y in zip(shown, baselines_px(len(shown)), strict=True)
    ]
    by_class = np.zeros_like(names[1].by_class)
    by_class[[NAME_CLASSES.index(lead) for lead in ("III", "II", "I")]] = 0.4, 0.35, 0.2
    names[1] = replace(names[1], name="III", probability=0.4, by_class=by_class)
    likeliest = rank_hypotheses(features_of(names, unseen(len(shown))))[0]
    assert [LEADS[likeliest.layout_row(row)] for row in range(len(shown))] == list(shown)


@pytest.mark.parametrize(
    ("before_mm", "probability", "column"),
    [
        (-2, 0.3, 0),
        (20, 0.3, 0),
        (36, 0.3, None),
        (36, 0.9, 0),
        (44, 0.9, None),
        (-64.5, 0.9, 1),
    ],
)
def test_names_of_the_first_column_may_stand_left_of_its_pulses(
    before_mm: float, probability: float, column: int | None
) -> None:
    axis = TimeAxis(60 * PX_PER_MM, 250 * PX_PER_MM, 25.0, 1.0, 1.0)
    left = (60 - before_mm) * PX_PER_MM
    read = replace(name("V2", left, 100), probability=probability)
    assert place_of(read, axis, 4) == column


@pytest.mark.parametrize("likeness", [0.0, 0.75])
def test_chest_leads_that_look_a_little_like_limb_leads_are_none_that_run_on(
    likeness: float,
) -> None:
    """Cabrera's order with -aVR, few of whose chest leads' names are read."""
    layout, leads = LAYOUTS["6x2-cabrera"], voltages_mm()
    limb, chest = layout.columns
    column_of = (np.arange(N_COLUMNS) - START_PX / SHRINK) // (WIDTH_PX / SHRINK / 2)
    curves = np.full((layout.n_rows, N_COLUMNS), np.nan)
    for row, (first, second) in enumerate(zip(limb, chest, strict=True)):
        sign = -1 if first in layout.inverted else 1
        curves[row, column_of == 0] = sign * leads[first][column_of == 0]
        mixed = likeness * sign * leads[first] + (1 - likeness) * leads[second]
        curves[row, column_of == 1] = mixed[column_of == 1]
    names = [one for one in names_of("6x2-cabrera") if not one.name.startswith("V")]
    likeliest = rank_hypotheses(features_of(names, tracks_of(curves)))[0]
    assert (likeliest.layout.name, likeliest.layout.inverted) == ("6x2-cabrera", layout.inverted)
