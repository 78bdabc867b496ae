"""Whether columns that stand apart are read at their own width, whatever seconds they show."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from as_printed import is_as_printed, read
from numpy.typing import NDArray

from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import LAYOUTS, LIMB_LEADS, PX_PER_MM
from ecgapp.pipeline import diagnose
from ecgapp.synthesis.draw import DrawnSheet, draw_sheet, strip_names
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS

SIGNALS = simulate(PatientModel(heart_rate_bpm=76, st_level_mv={"V2": 0.2}, seed=5))
PLAIN = replace(VENDORS["pink"], blocks=())
PULSE_MM = np.array([[0.0, 0], [1.2, 0], [1.2, -10], [6.2, -10], [6.2, 0], [7.4, 0]])


def drawn(
    layout: str,
    blank_mm: float,
    strips: tuple[str, ...] = (),
    speed_mm_per_s: float = 25.0,
    seconds: float = 10.0,
    pen_lift_s: float = 0.0,
) -> DrawnSheet:
    style = replace(PLAIN, column_blank_mm=blank_mm, pen_lift_s=pen_lift_s)
    return draw_sheet(
        SIGNALS, LAYOUTS[layout], strips, style, speed_mm_per_s, 10.0, seconds=seconds
    )


def with_pulses(sheet: DrawnSheet, blank_mm: float) -> NDArray[np.uint8]:
    """The page with a calibration pulse midway between a column and the next one, in every row."""
    page, truth = np.array(sheet.image), sheet.truth
    for name, (left, _, _, _) in truth.boxes_mm.items():
        if truth.shown_s[name][0] > 0:
            draw_pulse(page, sheet, left - (blank_mm + PULSE_MM[-1, 0]) / 2, name)
    return page


def draw_pulse(
    page: NDArray[np.uint8],
    sheet: DrawnSheet,
    left_mm: float,
    lead: str,
    line_mm: NDArray[np.float64] = PULSE_MM,
    pen_px: int = 2,
) -> None:
    """Draw a calibration pulse on a lead's baseline, in place."""
    start_mm = (left_mm, sheet.truth.baselines_mm[lead])
    points = np.round(sheet.truth.to_image(line_mm + start_mm)).astype(np.int32)
    cv2.polylines(page, [points], False, PLAIN.curve_rgb, pen_px, cv2.LINE_AA)


def room(
    page: NDArray[np.uint8], sheet: DrawnSheet, lead: str, left_mm: float, right_mm: float
) -> NDArray[np.uint8]:
    """The page's own pixels around a lead's baseline, from one place to another."""
    y = sheet.truth.baselines_mm[lead]
    corners = sheet.truth.to_image(np.array([[left_mm, y - 15], [right_mm, y + 15]]))
    (left, top), (right, bottom) = np.round(corners).astype(int).tolist()
    return page[top:bottom, left:right]


def test_frames_that_stand_unevenly_are_apart_where_a_strip_is_as_long_as_their_columns() -> None:
    strips = ("II",)
    sheet = drawn("3x4", 3, strips)
    page, as_drawn = np.array(sheet.image), np.array(sheet.image)
    shifts_mm = {0.0: 0.0, 2.5: 0.4, 5.0: 0.2, 7.5: -0.3}
    for name, (left, _, right, _) in sheet.truth.boxes_mm.items():
        if name not in strip_names(strips):
            shift_mm = shifts_mm[sheet.truth.shown_s[name][0]]
            own = room(as_drawn, sheet, name, left - 1, right + 1)
            beside = room(page, sheet, name, left - 1 + shift_mm, right + 1 + shift_mm)
            beside[:, : own.shape[1]] = own[:, : beside.shape[1]]
    found = read(page)
    assert (found.layout.name, found.rhythm_strips) == ("3x4", strips)
    is_as_printed(found, SIGNALS)
    assert np.diff(found.gaps_px) == pytest.approx([3 * PX_PER_MM] * 3, abs=0.3 * PX_PER_MM)


@pytest.mark.parametrize("pulses", [False, True])
@pytest.mark.parametrize(("layout", "seconds"), [("3x4", 8.8), ("6x2", 9.6)])
def test_columns_that_show_fewer_seconds_are_read_where_they_are_printed(
    layout: str, seconds: float, pulses: bool
) -> None:
    sheet = drawn(layout, 10, seconds=seconds)
    found = read(with_pulses(sheet, 10) if pulses else sheet.image)
    assert found.layout.name == layout
    assert found.seconds == pytest.approx(seconds, abs=0.02)
    is_as_printed(found, SIGNALS)


@pytest.mark.parametrize(("layout", "seconds"), [("3x4", 10.0), ("3x4", 8.8), ("6x2", 9.6)])
def test_columns_that_hang_together_with_all_their_pulses_are_parted_by_them(
    layout: str, seconds: float
) -> None:
    # A foot from the column before on, the pulse, and another foot up to the next column.
    line_mm = np.array([[0.0, 1], [3, 1], [3, -9], [8, -9], [8, 1], [9.4, 1]])
    room_mm = line_mm[-1, 0]
    style = replace(PLAIN, pulse="none", column_blank_mm=room_mm)
    sheet = draw_sheet(SIGNALS, LAYOUTS[layout], (), style, seconds=seconds)
    page, truth = np.array(sheet.image), sheet.truth
    for name, (left, _, _, _) in truth.boxes_mm.items():
        draw_pulse(page, sheet, left - room_mm, name, line_mm, pen_px=1)
    found = read(page)
    assert (found.layout.name, found.gain_mm_per_mv) == (layout, 10)
    assert found.seconds == pytest.approx(seconds, abs=0.05)
    is_as_printed(found, SIGNALS)


@pytest.mark.parametrize("pulse", ["left", "right"])
def test_columns_may_stand_apart_by_little(pulse: str) -> None:
    style = replace(PLAIN, pulse=pulse, column_blank_mm=5)
    found = read(draw_sheet(SIGNALS, LAYOUTS["3x4"], (), style, seconds=8.8).image)
    assert found.seconds == pytest.approx(8.8, abs=0.02)
    is_as_printed(found, SIGNALS)


def test_columns_that_hang_together_with_some_of_their_pulses_are_alike() -> None:
    sheet = drawn("3x4", 13)
    page = with_pulses(sheet, 13)
    # The pulses before the second column end in its curves, and the others a little before theirs.
    for lead in ("aVR", "aVL", "aVF"):
        left, y = sheet.truth.boxes_mm[lead][0], sheet.truth.baselines_mm[lead]
        line = sheet.truth.to_image(np.array([[left - 3, y], [left + 1, y]]))
        cv2.polylines(page, [np.round(line).astype(np.int32)], False, PLAIN.curve_rgb, 2)
    found = read(page)
    assert found.seconds == 10
    is_as_printed(found, SIGNALS)


@pytest.mark.parametrize("layout", ["3x4", "6x2"])
@pytest.mark.parametrize("foot_mm", [0, 2])
def test_half_high_pulses_between_limb_and_chest_leads_are_those_of_the_chest_leads(
    layout: str, foot_mm: int
) -> None:
    limb = {lead: 2 * SIGNALS.leads[lead] for lead in LIMB_LEADS}
    style = replace(PLAIN, pulse="between")
    twice = replace(SIGNALS, leads=SIGNALS.leads | limb)
    sheet = draw_sheet(twice, LAYOUTS[layout], ("II",), style, gain_mm_per_mv=5.0)
    page, truth = np.array(sheet.image), sheet.truth
    for names in zip(*LAYOUTS[layout].columns, strict=True):
        draw_pulse(page, sheet, truth.boxes_mm[names[0]][0] - 10, names[0])
        # Curves run on into the pulses' feet, or do not.
        end = truth.boxes_mm[names[len(names) // 2 - 1]][2]
        room(page, sheet, names[0], end, end + foot_mm)[:] = page[5, 5]
    found = read(page)
    assert (found.layout.name, found.seconds) == (layout, 10)
    assert (found.gain_mm_per_mv, found.chest_gain_mm_per_mv) == (10, 5)
    is_as_printed(found, SIGNALS)


def test_of_columns_of_more_than_ten_seconds_in_all_the_beginnings_are_read() -> None:
    # As wide as five seconds are at a higher speed, on the grid of the usual one.
    found = read(drawn("6x2", 6, speed_mm_per_s=25 * 1.06).image)
    assert (found.layout.name, found.seconds) == ("6x2", 10)
    first, second = found.boxes["I"], found.boxes["V1"]
    assert (first.right - first.left) / PX_PER_MM == pytest.approx(125, abs=3)
    assert (second.left - first.left) / PX_PER_MM == pytest.approx(125 * 1.06 + 6, abs=1)


@pytest.mark.parametrize(
    ("blank_mm", "speed_mm_per_s", "pen_lift_s"), [(0, 25.3, 0.09), (2, 24.7, 0.0)]
)
def test_columns_a_little_apart_are_told_from_such_that_end_early(
    blank_mm: float, speed_mm_per_s: float, pen_lift_s: float
) -> None:
    sheet = drawn("3x4", blank_mm, (), speed_mm_per_s, pen_lift_s=pen_lift_s)
    found = read(sheet.image)
    assert found.seconds == 10
    is_as_printed(found, SIGNALS)


def test_columns_stand_apart_on_a_sheet_without_a_grid_too() -> None:
    style = replace(VENDORS["blank"], blocks=(), column_blank_mm=6)
    sheet = draw_sheet(SIGNALS, LAYOUTS["6x2"], (), style, 25.0, 10.0)
    found = read(sheet.image)
    assert found.support is not None
    assert found.support.grid == 0
    first, second = found.boxes["I"], found.boxes["V1"]
    width, pitch = first.right - first.left, second.left - first.left
    assert pitch / width == pytest.approx((125 + 6) / 125, abs=0.01)


def test_without_a_grid_pulses_between_the_columns_tell_the_gain() -> None:
    blank_mm = 18.0
    style = replace(VENDORS["blank"], blocks=(), pulse="none", column_blank_mm=blank_mm)
    sheet = draw_sheet(SIGNALS, LAYOUTS["6x2"], (), style)
    found = read(with_pulses(sheet, blank_mm))
    assert found.support is not None
    assert (found.support.grid, found.support.n_pulses) == (0, 6)
    assert (found.gain_mm_per_mv, found.seconds) == (10, 10)
    is_as_printed(found, SIGNALS)
    traced = digitize(found, cut_leads(found))
    for name in ("II", "V2", "V5"):
        height_mv = np.ptp(traced.leads[name][np.isfinite(traced.leads[name])])
        assert height_mv == pytest.approx(np.ptp(SIGNALS.leads[name]), rel=0.05)


def test_paper_that_is_fed_a_little_too_fast_shows_ten_seconds() -> None:
    found = read(drawn("3x4", 4, speed_mm_per_s=25.25).image)
    assert (found.seconds, found.speed_mm_per_s) == (10, 25)
    is_as_printed(found, SIGNALS)


@pytest.mark.parametrize("speed_mm_per_s", [25.0, 25.25])
def test_a_strip_tells_how_wide_columns_are_whose_pen_lifts_early(speed_mm_per_s: float) -> None:
    found = read(drawn("3x4", 4, ("II",), speed_mm_per_s, pen_lift_s=0.1).image)
    assert (found.seconds, found.rhythm_strips) == (10, ("II",))
    is_as_printed(found, SIGNALS)


@pytest.mark.parametrize("seconds_a_column", [6, 8])
def test_columns_of_more_than_ten_seconds_in_all_get_no_verdict_with_a_wrong_rate(
    seconds_a_column: int,
) -> None:
    # As wide as five seconds are at a higher speed, on the grid of the usual one.
    fed_mm_per_s = 25 * seconds_a_column / 5
    file = io.BytesIO()
    drawn("6x2", 3, speed_mm_per_s=fed_mm_per_s).image.save(file, "PNG")
    found = diagnose(file.getvalue())
    if found.verdict is not None:
        rate = found.measurements["heart_rate_bpm"]
        assert rate.value == pytest.approx(76 * 25 / fed_mm_per_s, abs=1)


def test_a_strip_that_ends_at_a_pulse_of_its_own_does_not_tell_how_wide_columns_are() -> None:
    narrow_mm = np.array([[0.0, 0], [1, 0], [1, -10], [5, -10], [5, 0], [6, 0]])
    style = replace(PLAIN, pulse="none", column_blank_mm=8)
    sheet = draw_sheet(SIGNALS, LAYOUTS["6x2"], ("II",), style)
    page, truth = np.array(sheet.image), sheet.truth
    for name, (_, _, right, _) in truth.boxes_mm.items():
        if name not in LIMB_LEADS:
            draw_pulse(page, sheet, right + 0.5, name, narrow_mm)
    found = read(page)
    assert (found.layout.name, found.seconds, found.rhythm_strips) == ("6x2", 10, ("II",))
    is_as_printed(found, SIGNALS)


def test_a_strip_in_the_middle_below_columns_apart_is_read_from_its_own_beginning() -> None:
    style = replace(PLAIN, pulse="none", column_blank_mm=10)
    sheet = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style)
    page, truth = np.array(sheet.image), sheet.truth
    # The strip's row goes whole squares of the grid further to the right, within the grid.
    strip = strip_names(("II",))[0]
    left_mm = truth.boxes_mm[strip][0]
    row = room(page, sheet, strip, left_mm - 2, left_mm + 278)
    row[:] = np.roll(row, round(15 * truth.px_per_mm), axis=1)
    found = read(page)
    assert (found.layout.name, found.seconds, found.rhythm_strips) == ("3x4", 10, ("II",))
    assert found.strips_after_px / PX_PER_MM == pytest.approx(15, abs=0.3)
    is_as_printed(found, SIGNALS)


def test_without_a_grid_a_strip_shows_that_columns_a_little_apart_do_not_end_early() -> None:
    style = replace(VENDORS["blank"], blocks=(), column_blank_mm=3.5)
    found = read(draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style, 25.0, 10.0).image)
    first, second = found.boxes["I"], found.boxes["aVR"]
    width, pitch = first.right - first.left, second.left - first.left
    assert pitch / width == pytest.approx((62.5 + 3.5) / 62.5, abs=0.01)
    is_as_printed(found, SIGNALS)


@pytest.mark.parametrize("lead", ["V1", "V5"])
def test_a_column_that_is_lost_early_does_not_hide_that_all_stand_apart(lead: str) -> None:
    sheet = drawn("3x4", 3.5, speed_mm_per_s=24.75)
    page, truth = np.array(sheet.image), sheet.truth
    _, column = LAYOUTS["3x4"].place(lead)
    for name in LAYOUTS["3x4"].columns[column]:
        end = truth.boxes_mm[name][2]
        room(page, sheet, name, end - 4, end + 0.5)[:] = page[5, 5]
    found = read(page)
    assert found.seconds == 10
    is_as_printed(found, SIGNALS)


def test_without_a_grid_columns_as_long_as_their_strip_follow_each_other_after_a_blank() -> None:
    style = replace(VENDORS["blank"], blocks=(), column_blank_mm=2)
    sheet = draw_sheet(SIGNALS, LAYOUTS["6x2"], ("II",), style)
    is_as_printed(read(sheet.image), SIGNALS)


def test_without_a_grid_columns_that_end_early_follow_each_other_on_a_strip() -> None:
    style = replace(VENDORS["blank"], blocks=(), pen_lift_s=0.1)
    found = read(draw_sheet(SIGNALS, LAYOUTS["3x4"], ("II",), style).image)
    assert (found.layout.name, found.rhythm_strips, found.gaps_px) == ("3x4", ("II",), ())


def test_paper_that_is_fed_too_slowly_is_told_by_rows_that_begin_and_end_together() -> None:
    style = replace(PLAIN, pulse="none")
    sheet = draw_sheet(SIGNALS, LAYOUTS["3x4"], ("V1",), style, speed_mm_per_s=24.6)
    is_as_printed(read(sheet.image), SIGNALS)


@pytest.mark.parametrize("layout", ["3x4", "6x2"])
@pytest.mark.parametrize("apart", [False, True])
def test_without_a_grid_or_a_strip_pulses_tell_columns_apart_from_such_that_end_early(
    layout: str, apart: bool
) -> None:
    columns = len(LAYOUTS[layout].columns)
    habit = {"column_blank_mm": 3.5} if apart else {"pen_lift_s": 0.035 * 10 / columns}
    style = replace(VENDORS["blank"], blocks=(), pulse="left", **habit)
    found = read(draw_sheet(SIGNALS, LAYOUTS[layout], (), style).image)
    assert found.support is not None
    assert (found.support.grid, bool(found.support.n_pulses)) == (0, True)
    first, second = (found.boxes[names[0]] for names in LAYOUTS[layout].columns[:2])
    width, pitch = first.right - first.left, second.left - first.left
    column_mm = 250 / columns
    assert pitch / width == pytest.approx((column_mm + 3.5 * apart) / column_mm, abs=0.005)


@pytest.mark.parametrize("strips", [(), ("V1",)])
def test_without_a_grid_columns_that_end_early_begin_as_far_apart_as_they_are_long(
    strips: tuple[str, ...],
) -> None:
    style = replace(VENDORS["blank"], blocks=(), pulse="left", pen_lift_s=0.17)
    found = read(draw_sheet(SIGNALS, LAYOUTS["3x4"], strips, style).image)
    assert (found.layout.name, found.rhythm_strips, found.gaps_px) == ("3x4", strips, ())
    last = digitize(found, cut_leads(found)).leads["V5"]
    known = np.isfinite(last)
    shifts = range(-30, 31)
    alike = [
        np.corrcoef(np.roll(SIGNALS.leads["V5"], shift)[known], last[known])[0, 1]
        for shift in shifts
    ]
    # Rows' ends alone would make it 0.13 s late.
    assert abs(shifts[int(np.argmax(alike))]) <= 4
