"""Whether the rows of curves are found on drawn ink, and text and rules are not taken for some."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.print_beside_rows import without_frames
from ecgapp.sheet.detect.rows import MM, SHRINK, Row, find_rows, without_separators

HEIGHT_PX, WIDTH_PX = 420, 1060
LEFT_PX, RIGHT_PX = 40, 1000
ROWS_PX = (60, 140, 220, 300, 380)


def beats(beat_px: int = 75) -> NDArray[np.float64]:
    """Height above the baseline, in every column between left and right: an R and a T wave."""
    phase = np.arange(RIGHT_PX - LEFT_PX) % beat_px
    r = 38 * np.clip(1 - np.abs(phase - 30) / 3, 0, None)
    return r + 8 * np.exp(-(((phase - 52) / 6) ** 2))


def draw(ink: NDArray[np.bool_], baseline_px: int, heights: NDArray[np.float64]) -> None:
    y = np.round(baseline_px - heights).astype(int)
    for x, (before, here) in enumerate(zip(np.append(y[0], y), y, strict=False)):
        ink[min(before, here) : max(before, here) + 2, LEFT_PX + x] = True


def page(*rows_px: int) -> NDArray[np.bool_]:
    ink = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    for baseline_px in rows_px:
        draw(ink, baseline_px, beats())
    return ink


def test_rows_are_found_with_their_baselines_and_ends() -> None:
    rows = find_rows(page(*ROWS_PX))
    assert len(rows) == len(ROWS_PX)
    for row, y in zip(rows, ROWS_PX, strict=True):
        assert row.baseline_px / SHRINK == pytest.approx(y + 0.5, abs=0.5 * MM)
        assert (row.left_px, row.right_px) == pytest.approx(
            (SHRINK * LEFT_PX, SHRINK * RIGHT_PX), abs=0.5 * PX_PER_MM
        )
        assert row.coverage > 0.9


@pytest.mark.parametrize(("room_mm", "together"), [(16, True), (30, False)])
def test_two_columns_with_room_between_are_one_row_and_what_is_far_off_is_none(
    room_mm: int, together: bool
) -> None:
    ink = page(*ROWS_PX)
    middle = (LEFT_PX + RIGHT_PX) // 2
    room_px = round(room_mm * MM)
    ink[:, middle - room_px // 2 : middle + room_px // 2] = False
    widths_px = [row.right_px - row.left_px for row in find_rows(ink)]
    whole_px = SHRINK * (RIGHT_PX - LEFT_PX)
    expected_px = whole_px if together else (whole_px - SHRINK * room_px) / 2
    assert widths_px == pytest.approx([expected_px] * len(ROWS_PX), abs=2 * PX_PER_MM)


def test_what_stands_beside_a_row_and_is_narrower_than_a_column_is_not_of_it() -> None:
    ink = page(*ROWS_PX)
    room_px, beside_px = round(16 * MM), round(30 * MM)
    ink[:, RIGHT_PX - beside_px - room_px : RIGHT_PX - beside_px] = False
    for row in find_rows(ink):
        assert row.right_px < SHRINK * (RIGHT_PX - beside_px - room_px) + PX_PER_MM


def test_a_line_of_text_and_a_ruled_line_are_no_rows() -> None:
    ink = page(*ROWS_PX[1:])
    # Letters as high and wide as two millimetres, above the curves.
    for x in range(60, 400, 12):
        ink[60:68, x : x + 8 : 3] = True
        ink[64, x : x + 8] = True
    ink[30:32, LEFT_PX:RIGHT_PX] = True
    found = [row.baseline_px / SHRINK for row in find_rows(ink)]
    assert found == pytest.approx([y + 0.5 for y in ROWS_PX[1:]], abs=0.5 * MM)


@pytest.mark.parametrize("broken_px", [0, 12])
def test_a_frame_that_beats_and_a_header_touch_is_no_row(broken_px: int) -> None:
    ink = page(*ROWS_PX[1:])
    frame = ROWS_PX[1] - 36
    ink[frame : frame + 3, LEFT_PX:RIGHT_PX] = True
    ink[frame : frame + 3, 600 : 600 + broken_px] = False
    for x in range(60, 400, 12):
        ink[frame - 14 : frame - 6, x : x + 6] = True
    found = [row.baseline_px / SHRINK for row in find_rows(ink)]
    assert found == pytest.approx([y + 0.5 for y in ROWS_PX[1:]], abs=0.5 * MM)


@pytest.mark.parametrize("shows_beats", [False, True])
def test_a_boxs_line_that_goes_on_beyond_the_rows_is_none_and_a_strip_is(shows_beats: bool) -> None:
    ink = page(*ROWS_PX[1:])
    if shows_beats:
        draw(ink, ROWS_PX[0], beats())
    # A line of dashes, five millimetres longer than the rows at either side.
    ink[ROWS_PX[0] : ROWS_PX[0] + 2, LEFT_PX - 40 : RIGHT_PX + 40] = True
    ink[ROWS_PX[0] : ROWS_PX[0] + 2, LEFT_PX:RIGHT_PX:40] = False
    ends = [(LEFT_PX - 40, RIGHT_PX + 40)] + [(LEFT_PX, RIGHT_PX)] * 4
    rows = [
        Row(SHRINK * y, SHRINK * left, SHRINK * right, 0.9)
        for y, (left, right) in zip(ROWS_PX, ends, strict=True)
    ]
    assert without_frames(rows, ink) == (rows if shows_beats else rows[1:])


@pytest.mark.parametrize(("coverage", "is_kept"), [(0.6, False), (0.9, True)])
def test_lines_of_print_above_rows_are_none(coverage: float, is_kept: bool) -> None:
    ends = [RIGHT_PX - 400, *[RIGHT_PX] * 4]
    coverages = [coverage, *[0.9] * 4]
    rows = [
        Row(SHRINK * y, SHRINK * LEFT_PX, SHRINK * right, part)
        for y, right, part in zip(ROWS_PX, ends, coverages, strict=True)
    ]
    assert without_frames(rows, page(*ROWS_PX)) == (rows if is_kept else rows[1:])


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("step_px", [40, 80])
@pytest.mark.parametrize(
    "kind", ["beats", "low beats", "a frame's line", "words", "words on a line"]
)
def test_lines_of_a_table_are_none_and_short_rows_with_beats_are_kept(
    kind: str, step_px: int, below: bool
) -> None:
    room_px = 100
    ink = np.vstack([np.zeros((room_px, WIDTH_PX), np.bool_), page(*ROWS_PX[1:])])
    heights = [room_px + y for y in (*(ROWS_PX[1] - step_px * k for k in (2, 1)), *ROWS_PX[1:])]
    rights = [RIGHT_PX - 400] * 2 + [RIGHT_PX] * 4
    for y in heights[:2]:
        short = np.zeros_like(ink)
        if kind.endswith("beats"):
            draw(short, y, beats() * (0.4 if kind == "low beats" else 1))
        if kind.startswith("words"):
            for x in range(LEFT_PX, RIGHT_PX, 12):
                short[max(0, y - 10) : y + 2, x : x + 3] = True
                short[y : y + 2, x : x + 6] = True
        if kind.endswith("line"):
            short[y : y + 2] = True
        ink[:, LEFT_PX : rights[0]] |= short[:, LEFT_PX : rights[0]]
    if below:
        ink = ink[::-1]
        heights = [len(ink) - 1 - y for y in heights[::-1]]
        rights.reverse()
    rows = [
        Row(SHRINK * y, SHRINK * LEFT_PX, SHRINK * right, 0.9)
        for y, right in zip(heights, rights, strict=True)
    ]
    curves = rows[:4] if below else rows[2:]
    # What is so near to each other is no row even if it has beats.
    is_kept = kind.endswith("beats") and step_px == 80
    assert without_frames(rows, ink) == (rows if is_kept else curves)


@pytest.mark.parametrize(("step_px", "is_kept"), [(36, False), (80, True)])
def test_a_ruled_line_with_print_on_it_is_none_if_it_is_nearer_than_rows_are(
    step_px: int, is_kept: bool
) -> None:
    ink = page(*ROWS_PX[1:])
    line_px = ROWS_PX[1] - step_px
    ink[line_px : line_px + 2, LEFT_PX:RIGHT_PX] = True
    for x in range(LEFT_PX, LEFT_PX + 300, 10):
        ink[line_px - 8 : line_px, x : x + 2] = True
    rows = [
        Row(SHRINK * y, SHRINK * LEFT_PX, SHRINK * RIGHT_PX, 0.9) for y in (line_px, *ROWS_PX[1:])
    ]
    assert without_frames(rows, ink) == (rows if is_kept else rows[1:])


@pytest.mark.parametrize("place", ["below a ruled line", "a strip nearer than rows are"])
def test_rows_without_beats_that_begin_and_end_with_the_others_are_kept(place: str) -> None:
    first = place == "below a ruled line"
    ink = page(*ROWS_PX[1:] if first else ROWS_PX[:4])
    still_px = ROWS_PX[0] if first else ROWS_PX[3] + 52
    draw(ink, still_px, 3 * np.sin(np.arange(RIGHT_PX - LEFT_PX) / 9))
    heights = sorted([still_px, *(ROWS_PX[1:] if first else ROWS_PX[:4])])
    if first:
        heights.insert(0, still_px - 36)
        ink[heights[0] : heights[0] + 2, LEFT_PX:RIGHT_PX] = True
    rows = [Row(SHRINK * y, SHRINK * LEFT_PX, SHRINK * RIGHT_PX, 0.9) for y in heights]
    assert without_frames(rows, ink) == (rows[1:] if first else rows)


@pytest.mark.parametrize("shows_beats", [False, True])
def test_rows_that_begin_with_print_and_end_with_the_others_are_no_frames(
    shows_beats: bool,
) -> None:
    further_px = round(30 * MM)
    ink = np.pad(page(*ROWS_PX if shows_beats else ROWS_PX[2:]), ((0, 0), (further_px, 0)))
    lefts = [LEFT_PX] * 2 + [LEFT_PX + further_px] * 3
    rows = [
        Row(SHRINK * y, SHRINK * left, SHRINK * (RIGHT_PX + further_px), 0.9)
        for y, left in zip(ROWS_PX, lefts, strict=True)
    ]
    assert without_frames(rows, ink) == (rows if shows_beats else rows[2:])


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize(("away_px", "is_kept"), [(80, True), (125, False)])
def test_a_forms_line_with_print_before_it_is_none_if_it_is_far_from_the_rows(
    away_px: int, is_kept: bool, below: bool
) -> None:
    heights = [140, 220, 300, 380]
    ink = np.vstack([page(*heights), np.zeros((120, WIDTH_PX), np.bool_)])
    line_px = 380 + away_px if below else 140 - away_px
    ink[line_px : line_px + 2, LEFT_PX:RIGHT_PX] = True
    for x in range(LEFT_PX, LEFT_PX + 100, 8):
        ink[line_px - 8 : line_px + 2, x : x + 2] = True
    rows = [
        Row(SHRINK * y, SHRINK * LEFT_PX, SHRINK * RIGHT_PX, 0.9)
        for y in sorted([*heights, line_px])
    ]
    curves = rows[:4] if below else rows[1:]
    assert without_frames(rows, ink) == (rows if is_kept else curves)


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("kind", ["large print", "beats", "a lead without beats"])
def test_lines_as_long_as_rows_are_none_without_their_beats_or_distance(
    kind: str, below: bool
) -> None:
    heights = list(ROWS_PX[:3])
    ink = np.vstack([page(*heights), np.zeros((80, WIDTH_PX), np.bool_)])
    further = {"large print": (62, 124), "beats": (62, 140), "a lead without beats": (82, 164)}
    for y in (ROWS_PX[2] + more for more in further[kind]):
        if kind == "large print":
            for x in np.random.default_rng(y).integers(LEFT_PX, RIGHT_PX - 8, 160):
                ink[y - 20 : y, x : x + 2] = True
                ink[y - 1 : y + 1, x : x + 8] = True
        else:
            draw(ink, y, beats() * (kind == "beats"))
        heights.append(y)
    if below:
        ink = ink[::-1]
        heights = [len(ink) - 1 - y for y in heights[::-1]]
    rows = [Row(SHRINK * y, SHRINK * LEFT_PX, SHRINK * RIGHT_PX, 0.9) for y in heights]
    curves = rows if kind != "large print" else rows[2:] if below else rows[:3]
    assert without_frames(rows, ink) == curves


def test_a_row_that_runs_on_into_print_is_no_frame() -> None:
    further_px = round(30 * MM)
    ink = np.pad(page(*ROWS_PX), ((0, 0), (0, further_px)))
    rows = [
        Row(SHRINK * y, SHRINK * LEFT_PX, SHRINK * (RIGHT_PX + further), 0.9)
        for y, further in zip(ROWS_PX, [further_px, 0, 0, 0, 0], strict=True)
    ]
    assert without_frames(rows, ink) == rows


def test_a_frames_line_beside_the_rows_is_no_end_of_theirs() -> None:
    ink = page(*ROWS_PX)
    ink[:, RIGHT_PX + 55 : RIGHT_PX + 57] = True
    rows = find_rows(ink)
    assert [row.right_px for row in rows] == pytest.approx(
        [SHRINK * RIGHT_PX] * len(ROWS_PX), abs=0.5 * PX_PER_MM
    )


def test_a_long_line_of_text_close_below_the_last_row_is_none() -> None:
    ink = page(*ROWS_PX[:4])
    # Letters over two thirds of the width, some of which run flat.
    for x in range(LEFT_PX, LEFT_PX + 640, 20):
        ink[335:347, x : x + 3] = True
        ink[340:342, x + 5 : x + 17 if x % 40 else x + 5] = True
    found = [row.baseline_px / SHRINK for row in find_rows(ink)]
    assert found == pytest.approx([y + 0.5 for y in ROWS_PX[:4]], abs=0.5 * MM)


def test_a_row_that_is_noise_throughout_is_found_between_even_neighbours() -> None:
    ink = page(*ROWS_PX[:3], ROWS_PX[4])
    rng = np.random.default_rng(0)
    draw(ink, ROWS_PX[3], rng.normal(0, 9, RIGHT_PX - LEFT_PX))
    found = [row.baseline_px / SHRINK for row in find_rows(ink)]
    assert found == pytest.approx(ROWS_PX, abs=MM)


def test_lines_between_columns_are_taken_out_and_curves_are_kept() -> None:
    ink = page(*ROWS_PX)
    lined = ink.copy()
    separators = [300, 560, 800]
    lined[:, separators] = True
    cleaned = without_separators(lined)
    assert not cleaned[:, separators].any()
    beside = np.ones(WIDTH_PX, np.bool_)
    beside[[x + step for x in separators for step in (-1, 0, 1)]] = False
    assert np.array_equal(cleaned[:, beside], ink[:, beside])
