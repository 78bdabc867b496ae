"""Whether the ten seconds are found from rows' ends, marks, names and the calibration pulse."""

import io
from dataclasses import replace

import numpy as np
import pytest
from as_printed import is_as_printed, read
from drawn_pulses import page_with_pulses
from PIL import Image

from ecgapp.ecg import LAYOUTS, PX_PER_MM
from ecgapp.pipeline import diagnose
from ecgapp.sheet.detect.names import NAME_CLASSES, PrintedName
from ecgapp.sheet.detect.pulses import Pulses
from ecgapp.sheet.detect.rows import SHRINK, Row
from ecgapp.sheet.detect.tracks import Tracks, follow_rows
from ecgapp.sheet.layout.time_axis import Ends, Gap, find_time_axis, row_ends
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS, Separators

START_PX, WIDTH_PX = 120.0, 250 * PX_PER_MM
# A tenth of a millimetre.
NEAR_PX = 0.1 * PX_PER_MM
SIGNALS = simulate(PatientModel(heart_rate_bpm=76, seed=5))
# Rows far enough apart that their curves do not cross.
PORTRAIT = replace(VENDORS["red"], page_mm=(285, 297))


def ends(*places_px: float) -> Ends:
    return Ends([(place, 1.0) for place in places_px])


def name(lead: str, left_px: float) -> PrintedName:
    by_class = np.zeros(len(NAME_CLASSES) + 1, np.float32)
    by_class[NAME_CLASSES.index(lead)] = 1
    return PrintedName(lead, left_px, 100.0, left_px + 30, 124.0, 1.0, by_class)


@pytest.mark.parametrize("speed", [25.0, 50.0])
def test_rows_that_begin_and_end_together_are_the_ten_seconds(speed: float) -> None:
    width_px = 10 * speed * PX_PER_MM
    # One row begins late.
    lefts = ends(START_PX, START_PX + 1, START_PX - 1, START_PX + 60)
    rights = ends(*[START_PX + width_px] * 4)
    axis = find_time_axis(lefts, rights, (), (), 4, True)
    assert axis.speed_mm_per_s == speed
    assert axis.start_px == pytest.approx(START_PX, abs=NEAR_PX)
    assert axis.width_px == pytest.approx(width_px, abs=NEAR_PX)
    assert axis.sureness > 0.9


def test_marks_and_names_of_columns_outvote_rows_that_are_cut_off() -> None:
    column_px = WIDTH_PX / 4
    lefts = ends(START_PX + 40, START_PX + 75, START_PX, START_PX + 110)
    rights = Ends([(START_PX + 0.9 * WIDTH_PX + 20 * k, 0.0) for k in range(4)])
    marks = [START_PX + k * column_px for k in (1, 2, 3)]
    leads = LAYOUTS["3x4"].columns
    names = [
        name(lead, START_PX + k * column_px + PX_PER_MM) for k in range(1, 4) for lead in leads[k]
    ]
    axis = find_time_axis(lefts, rights, marks, names, 4, True)
    assert axis.start_px == pytest.approx(START_PX, abs=NEAR_PX)
    assert axis.width_px == pytest.approx(WIDTH_PX)


def test_paper_that_was_printed_too_narrow_is_as_wide_as_its_rows() -> None:
    narrow_px = 0.98 * WIDTH_PX
    lefts, rights = ends(*[START_PX] * 4), ends(*[START_PX + narrow_px] * 4)
    axis = find_time_axis(lefts, rights, (), (), 4, True)
    assert axis.width_px == pytest.approx(narrow_px, abs=NEAR_PX)
    unknown = find_time_axis(ends(50, 50, 50), ends(950, 950, 950), (), (), 4, False)
    # A stroke's tips are too pale to be seen.
    assert (unknown.start_px, unknown.width_px) == pytest.approx((50, 900), abs=0.2 * PX_PER_MM)


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "lowest_is_longer", "is_whole"),
    [
        (4, 4, True, True),
        (7, 2, True, True),
        (4, 4, False, False),
        # Without a strip the lowest row shows leads, too.
        (3, 4, True, False),
        (6, 2, True, False),
        (12, 1, True, False),
    ],
)
def test_columns_that_lift_their_pen_early_are_as_wide_as_the_strip_below_them(
    n_rows: int, n_columns: int, lowest_is_longer: bool, is_whole: bool
) -> None:
    early_px = 0.8 * PX_PER_MM
    short, whole = START_PX + WIDTH_PX - early_px, START_PX + WIDTH_PX
    rights = ends(*[short] * (n_rows - 1), whole if lowest_is_longer else short)
    axis = find_time_axis(ends(*[START_PX] * n_rows), rights, (), (), n_columns, True)
    width_px = WIDTH_PX if is_whole else WIDTH_PX - early_px
    assert axis.width_px == pytest.approx(width_px, abs=NEAR_PX)


@pytest.mark.parametrize(
    ("column_s", "fed", "told_s"),
    [
        (2.2, 1.012, 2.2),  # the paper is fed faster than its grid tells
        (4.8, 0.994, 4.8),
        (2.25, 1.0, 2.25),  # a twentieth of a second counts where it is so just to a hair
    ],
)
def test_columns_that_stand_apart_show_round_seconds(
    column_s: float, fed: float, told_s: float
) -> None:
    n_columns = 2 if column_s > 3 else 4
    column_px, between_px = column_s * fed * 25 * PX_PER_MM, 12 * PX_PER_MM
    at_px = tuple(START_PX + k * column_px for k in range(1, n_columns))
    gap = Gap(at_px, between_px, frozenset(range(3)), blank=True, column_px=column_px)
    end_px = START_PX + n_columns * column_px + (n_columns - 1) * between_px
    lefts, rights = ends(*[START_PX] * 3), ends(*[end_px] * 3)
    axis = find_time_axis(lefts, rights, (), (), n_columns, True, gap)
    assert axis.seconds == pytest.approx(n_columns * told_s)
    assert axis.width_px == pytest.approx(n_columns * column_px)


@pytest.mark.parametrize(("pitch_s", "slot_s"), [(2.7, 2.5), (2.45, 2.4)])
def test_columns_that_lose_a_tenth_of_a_second_are_ten_seconds_all_the_same(
    pitch_s: float, slot_s: float
) -> None:
    # Where the next column begins before the tenth is over, nothing is lost.
    shown_px, slot_px, pitch_px = (s * 1.008 * 25 * PX_PER_MM for s in (2.4, slot_s, pitch_s))
    at_px = tuple(START_PX + k * shown_px for k in (1, 2, 3))
    gap = Gap(at_px, pitch_px - shown_px, frozenset(range(3)), blank=True, column_px=shown_px)
    # The rows run on from their pulses.
    lefts = Ends([(START_PX, 0.3)] * 3)
    rights = ends(*[START_PX + 3 * pitch_px + shown_px] * 3)
    names = [
        name(lead, START_PX + k * pitch_px + PX_PER_MM)
        for k in range(4)
        for lead in LAYOUTS["3x4"].columns[k]
    ]
    axis = find_time_axis(lefts, rights, (), names, 4, True, gap)
    assert axis.seconds == pytest.approx(4 * slot_s)
    begins_px = [axis.column_px(column, 4) for column in range(4)]
    assert begins_px == pytest.approx([START_PX + k * pitch_px for k in range(4)], abs=2 * NEAR_PX)
    assert axis.width_px == pytest.approx(4 * slot_px)


@pytest.mark.parametrize(("column_s", "seconds"), [(10 / 3, 10), (3.3, 9.9)])
def test_three_columns_that_stand_apart_are_as_wide_as_they_are(
    column_s: float, seconds: float
) -> None:
    column_px, between_px = column_s * 25 * PX_PER_MM, 12 * PX_PER_MM
    at_px = tuple(START_PX + k * column_px for k in (1, 2))
    gap = Gap(at_px, between_px, frozenset(range(4)), blank=True, column_px=column_px)
    end_px = START_PX + 3 * column_px + 2 * between_px
    axis = find_time_axis(ends(*[START_PX] * 4), ends(*[end_px] * 4), (), (), 3, True, gap)
    assert axis.seconds == pytest.approx(seconds)
    assert axis.width_px == pytest.approx(3 * column_px)


@pytest.mark.parametrize(("n_as_told", "as_told"), [(0, False), (5, True)])
def test_rows_that_all_end_further_on_are_believed(n_as_told: int, as_told: bool) -> None:
    wide_px = WIDTH_PX + 0.45 * PX_PER_MM
    lefts = ends(*[START_PX] * 12)
    rights = ends(*[START_PX + WIDTH_PX] * n_as_told, *[START_PX + wide_px] * (12 - n_as_told))
    axis = find_time_axis(lefts, rights, (), (), 1, True, upload_px_per_mm=8)
    assert axis.width_px == pytest.approx(WIDTH_PX if as_told else wide_px, abs=NEAR_PX)


def test_rows_that_run_on_from_their_pulses_confirm_where_the_grid_begins() -> None:
    # Most rows have lost their first millimetre.
    lefts = Ends([(START_PX, 0.3)] * 5 + [(START_PX + PX_PER_MM, 1.0)] * 7)
    axis = find_time_axis(lefts, ends(*[START_PX + WIDTH_PX] * 12), (), (), 1, True)
    assert axis.width_px == pytest.approx(WIDTH_PX, abs=NEAR_PX)


def test_ends_that_differ_by_a_pixel_of_a_coarse_upload_do_not_change_the_width() -> None:
    # 0.5 mm are little more than a pixel at 2.5 px/mm, and five at 10 px/mm.
    narrow_px = WIDTH_PX - 0.5 * PX_PER_MM
    lefts, rights = ends(*[START_PX] * 4), ends(*[START_PX + narrow_px] * 4)
    coarse = find_time_axis(lefts, rights, (), (), 4, True, upload_px_per_mm=2.5)
    fine = find_time_axis(lefts, rights, (), (), 4, True, upload_px_per_mm=10)
    assert coarse.width_px == pytest.approx(WIDTH_PX)
    assert fine.width_px == pytest.approx(narrow_px, abs=NEAR_PX)


def test_the_ten_seconds_begin_after_the_pulse() -> None:
    start_px = 136
    stop_px = round(start_px + WIDTH_PX)
    gray, rows = page_with_pulses(60, (76, 115), start_px, stop_px)
    tracks = follow_rows(gray[::SHRINK, ::SHRINK] < 128, rows)
    pulses = Pulses(10.0, 76.0, 118.0, True, (161.5, 321.5), 1.0)
    lefts, rights = row_ends(gray, tracks, rows, pulses)
    axis = find_time_axis(lefts, rights, (), (), 4, True)
    assert axis.start_px == pytest.approx(start_px, abs=0.5 * PX_PER_MM)
    assert axis.start_px + axis.width_px == pytest.approx(stop_px, abs=0.5 * PX_PER_MM)
    # Without knowing of the pulse, the rows seem to begin before it.
    unaware, _ = row_ends(gray, tracks, rows, None)
    assert max(place for place, _ in unaware.places) < 118


@pytest.mark.parametrize("n_seen", [1, 2])
def test_rows_that_run_on_into_a_pulse_do_not_tell_where_ten_seconds_begin(n_seen: int) -> None:
    run_on = [(START_PX - 2 * PX_PER_MM, 0.3)] * (6 - n_seen)
    lefts = Ends([(START_PX, 1.0)] * n_seen + run_on)
    rights = ends(*[START_PX + WIDTH_PX] * 6)
    axis = find_time_axis(lefts, rights, (), (), 4, False)
    assert axis.start_px == pytest.approx(START_PX, abs=0.2 * PX_PER_MM)
    assert axis.width_px == pytest.approx(WIDTH_PX, abs=0.3 * PX_PER_MM)


@pytest.mark.parametrize("blank_px", [0, 6])
def test_a_beat_beside_its_pulse_does_not_hide_where_a_row_begins(blank_px: int) -> None:
    foot_px, lost_px = 130, 160
    gray, rows = page_with_pulses(60, (76, 115), foot_px, 2000, n_rows=4)
    for row in rows:
        gray[round(row.baseline_px) - 1 : round(row.baseline_px) + 2, foot_px - 6 : foot_px] = 0
    # Where a row is blank, its curve begins.
    upper = round(rows[1].baseline_px)
    gray[upper - 10 : upper + 10, lost_px - blank_px : lost_px] = 255
    tracks = follow_rows(gray[::SHRINK, ::SHRINK] < 128, rows)
    known = tracks.known.copy()
    known[1, : lost_px // SHRINK - tracks.left] = False
    pulses = Pulses(10.0, 76.0, 118.0, True, tuple(row.baseline_px for row in rows), 1.0)
    lefts, _ = row_ends(gray, replace(tracks, known=known), rows, pulses)
    (first, _), (second, _), *_ = lefts.places
    expected = first if not blank_px else lost_px
    assert second == pytest.approx(expected, abs=0.5 * PX_PER_MM)


def test_rows_that_are_lost_in_a_beat_do_not_make_ten_seconds_shorter() -> None:
    lefts = ends(*[START_PX] * 8)
    rights = ends(*[START_PX + WIDTH_PX] * 3, *[START_PX + WIDTH_PX - 16] * 5)
    axis = find_time_axis(lefts, rights, (), (), 2, True)
    assert axis.start_px == pytest.approx(START_PX, abs=NEAR_PX)
    assert axis.width_px == pytest.approx(WIDTH_PX, abs=NEAR_PX)


def test_rows_that_run_on_into_other_ink_do_not_make_ten_seconds_longer() -> None:
    lefts = ends(*[START_PX] * 4)
    # Half the rows end 5 mm further on, where something is left of a grid.
    further = START_PX + WIDTH_PX + 5 * PX_PER_MM
    rights = Ends([(further, 1.0)] * 2 + [(START_PX + WIDTH_PX, 1.0), (further + 120, 0.0)])
    marks = [START_PX + k * WIDTH_PX / 4 for k in (1, 2, 3)]
    axis = find_time_axis(lefts, rights, marks, (), 4, True)
    assert axis.width_px == pytest.approx(WIDTH_PX, abs=NEAR_PX)


def test_a_frame_hides_where_curves_end() -> None:
    left_px, right_px = 100, round(100 + WIDTH_PX)
    gray = np.full((400, right_px + 80), 255, np.uint8)
    lines = (100, 200, 300)
    for line in lines:
        gray[line : line + 4, left_px:right_px] = 0
    for x in (left_px, right_px):
        gray[20:380, x - 2 : x + 2] = 0
    rows = [Row(line + 1.5, left_px + 7.0, right_px - 7.0, 1.0) for line in lines]
    ink = gray[::SHRINK, ::SHRINK] < 128
    # Upright lines are taken out before rows are followed, and the curves' ends with them.
    for x in (left_px, right_px):
        ink[:, (x - 6) // SHRINK : (x + 6) // SHRINK] = False
    lefts, rights = row_ends(gray, follow_rows(ink, rows), rows, None)
    axis = find_time_axis(lefts, rights, (), (), 4, True)
    assert axis.start_px == pytest.approx(left_px, abs=2 * NEAR_PX)
    assert axis.width_px == pytest.approx(WIDTH_PX, abs=NEAR_PX)


def test_a_beat_that_was_lost_in_every_row_is_no_gap_before_a_pulse() -> None:
    gray = np.full((400, 1000), 255, np.uint8)
    lines = (100, 200, 300)
    rows = [Row(float(line), 20.0, 980.0, 1.0) for line in lines]
    for line in lines:
        gray[line - 2 : line + 3, 20:980] = 0
        # Paler between the beat's flanks than a stroke.
        gray[line - 2 : line + 3, 916:936] = 255
        gray[line - 30 : line + 3, 914:918] = gray[line - 30 : line + 3, 934:938] = 0
    blank, beats = gray.copy(), gray.copy()
    for line in lines:
        beats[line - 30 : line - 26, 914:938] = 0
    tops = np.array([[line // SHRINK - 1] * 500 for line in lines], np.int32)
    known = np.ones((3, 500), np.bool_)
    known[:, :10], known[:, 490:], known[:, 456:470] = False, False, False
    tracks = Tracks(0, tops, tops + 2, known)
    assert len(row_ends(blank, tracks, rows, None)[1].inner) == 3
    assert not row_ends(beats, tracks, rows, None)[1].inner


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_a_portrait_page_of_seven_seconds_gets_a_verdict() -> None:
    page = draw_sheet(SIGNALS, LAYOUTS["12x1"], (), PORTRAIT, seconds=7).image
    sheet = read(page)
    assert (sheet.layout.name, sheet.speed_mm_per_s) == ("12x1", 25)
    assert sheet.seconds == pytest.approx(7, abs=0.02)
    is_as_printed(sheet, SIGNALS)
    diagnosis = diagnose(png(page))
    assert diagnosis.verdict is not None
    assert diagnosis.measurements["heart_rate_bpm"].value == pytest.approx(76, abs=1)


@pytest.mark.parametrize("separators", ["through", "none"])
@pytest.mark.parametrize(("layout", "seconds"), [("6x2", 7.0), ("3x4", 8.0)])
def test_marks_or_names_that_part_rows_evenly_tell_how_many_seconds_they_show(
    layout: str, seconds: float, separators: Separators
) -> None:
    style = replace(VENDORS["pink"], separators=separators, pulse="none", blocks=())
    sheet = read(draw_sheet(SIGNALS, LAYOUTS[layout], ("II",), style, seconds=seconds).image)
    assert (sheet.layout.name, sheet.rhythm_strips) == (layout, ("II",))
    assert sheet.seconds == pytest.approx(seconds, abs=0.02)
    is_as_printed(sheet, SIGNALS)


@pytest.mark.parametrize("named_mm", [90, 125])
def test_names_tell_the_seconds_of_rows_that_begin_at_their_pulses_feet(named_mm: int) -> None:
    lefts = Ends([(START_PX, 0.3)] * 6)
    rights = ends(*[START_PX + 180 * PX_PER_MM] * 6)
    names = [name(lead, START_PX + (named_mm + 1) * PX_PER_MM) for lead in ("V1", "V2", "V3")]
    axis = find_time_axis(lefts, rights, (), names, 2, True)
    # Else the sheet is cut off.
    assert axis.seconds == pytest.approx(7.2 if named_mm == 90 else 10)


def test_pulses_that_run_into_each_other_are_none_of_the_seconds() -> None:
    # Pulses 10 mm high stand in rows 13 mm apart.
    sheet = read(draw_sheet(SIGNALS, LAYOUTS["12x1"], (), VENDORS["pink"], seconds=7).image)
    assert sheet.seconds == pytest.approx(7, abs=0.02)
    is_as_printed(sheet, SIGNALS)


def test_a_sheet_of_too_few_seconds_is_told_how_many_it_shows() -> None:
    page = draw_sheet(SIGNALS, LAYOUTS["12x1"], (), PORTRAIT, 50.0, seconds=3.5).image
    is_as_printed(read(page), SIGNALS)
    refusal = diagnose(png(page)).refusal
    assert refusal is not None
    assert refusal.code == "too_few_seconds"
    assert "the sheet shows 3.5 seconds in all" in refusal.message


@pytest.mark.parametrize(
    ("stretched", "by_names", "n_together", "followed"),
    [
        (1.008, 1.008, 4, True),
        # What is longer by little may be the end of a pulse's foot.
        (1.002, 1.0, 4, False),
        (1.008, None, 4, True),
        (1.0035, 1.0, 4, False),
        (1.004, 1.0, 4, False),
        (1.008, 1.0, 4, False),
        (1.013, 1.013, 2, False),
    ],
)
def test_rows_that_run_on_into_their_pulses_tell_of_paper_that_is_fed_too_fast(
    stretched: float, by_names: float | None, n_together: int, followed: bool
) -> None:
    begin_px, column_px = START_PX - 0.5 * PX_PER_MM, WIDTH_PX / 4
    lefts = Ends([(begin_px, 0.3)] * 4)
    elsewhere = [begin_px + WIDTH_PX - 30 - 8 * k for k in range(4 - n_together)]
    rights = ends(*[begin_px + stretched * WIDTH_PX] * n_together, *elsewhere)
    names = [
        replace(name(lead, START_PX + k * by_names * column_px), top=y, bottom=y + 24.0)
        for k, leads in enumerate(LAYOUTS["3x4"].columns)
        for lead, y in zip(leads, (100.0, 300.0, 500.0), strict=True)
        if by_names is not None
    ]
    axis = find_time_axis(lefts, rights, (), names, 4, True)
    expected_px = stretched * WIDTH_PX if followed else WIDTH_PX
    assert axis.width_px == pytest.approx(expected_px, abs=NEAR_PX)


@pytest.mark.parametrize(
    ("n_rows", "n_flat", "followed"),
    [
        (12, 0, True),
        (12, 8, True),
        (12, 9, False),
        (4, 4, False),
        # Three rows may begin between two beats.
        (3, 3, True),
    ],
)
def test_rows_that_stay_at_their_pulses_feet_until_the_grids_ten_seconds_begin_are_no_longer(
    n_rows: int, n_flat: int, followed: bool
) -> None:
    longer_px = 0.006 * WIDTH_PX
    flat_until = [START_PX + longer_px + NEAR_PX] * n_flat + [START_PX + NEAR_PX] * (
        n_rows - n_flat
    )
    lefts = Ends([(START_PX, 0.3)] * n_rows, flat_until=flat_until)
    rights = ends(*[START_PX + WIDTH_PX + longer_px] * n_rows)
    axis = find_time_axis(lefts, rights, (), (), 2, True)
    expected_px = WIDTH_PX + followed * longer_px
    assert axis.width_px == pytest.approx(expected_px, abs=NEAR_PX)
    assert axis.start_px + axis.width_px == pytest.approx(rights.places[0][0], abs=3 * NEAR_PX)


@pytest.mark.parametrize("fed", [0.99, 1.0, 1.006])
def test_a_single_column_that_runs_on_into_its_pulses_shows_round_seconds(fed: float) -> None:
    width_px = 7 * fed * 25 * PX_PER_MM
    lefts = ends(*[START_PX] * 12)
    rights = Ends([(START_PX + width_px, 0.3)] * 12)
    axis = find_time_axis(lefts, rights, (), (), 1, True)
    assert axis.seconds == pytest.approx(7)
    assert axis.width_px == pytest.approx(
        width_px, abs=4 * NEAR_PX if fed == 1 else 1.2 * PX_PER_MM
    )
