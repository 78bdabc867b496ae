"""Calibration pulses tell the gain; waves that look like them do not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.pulses import (
    Pulses,
    find_pulses,
    find_pulses_again,
    with_chest_height,
    with_two_heights,
)
from ecgapp.sheet.detect.rows import MM, SHRINK, Row

LEFT_MM, RIGHT_MM, SPACING_MM = 40.0, 240.0, 25.0


def page(n_rows: int) -> tuple[NDArray[np.bool_], list[Row]]:
    """Rows of flat curves on a page at half the canonical scale."""
    ink = np.zeros((round((n_rows + 1) * SPACING_MM * MM), round(260 * MM)), np.bool_)
    rows = []
    for number in range(n_rows):
        y = round((number + 1) * SPACING_MM * MM)
        ink[y - 1 : y + 2, round(LEFT_MM * MM) : round(RIGHT_MM * MM)] = True
        rows.append(Row(SHRINK * y, SHRINK * LEFT_MM * MM, SHRINK * RIGHT_MM * MM, 1.0))
    return ink, rows


def draw_pulse(
    ink: NDArray[np.bool_], row: Row, left_mm: float, width_mm: float, height_mm: float
) -> None:
    y = round(row.baseline_px / SHRINK)
    left, right = round(left_mm * MM), round((left_mm + width_mm) * MM)
    top = y - round(height_mm * MM)
    ink[top : y + 1, left - 1 : left + 1] = True
    ink[top : y + 1, right - 1 : right + 1] = True
    ink[top - 1 : top + 2, left : right + 1] = True
    ink[y - 1 : y + 2, left + 1 : right - 1] = False


@pytest.mark.parametrize("width_mm", [3.0, 3.6, 4.8, 5.3])
def test_pulses_are_as_wide_as_they_are_drawn(width_mm: float) -> None:
    ink, rows = page(6)
    for row in rows:
        draw_pulse(ink, row, LEFT_MM + 2, width_mm, 10.0)
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    found = pulses.left_px / PX_PER_MM, pulses.right_px / PX_PER_MM
    assert found == pytest.approx((LEFT_MM + 2, LEFT_MM + 2 + width_mm), abs=0.2)


@pytest.mark.parametrize("n_with_print", [2, 3])
def test_pulses_are_found_where_print_stands_before_rows(n_with_print: int) -> None:
    ink, rows = page(3)
    for row in rows:
        draw_pulse(ink, row, LEFT_MM + 2, 5.0, 10.0)
    for number, row in enumerate(rows[:n_with_print]):
        y = round(row.baseline_px / SHRINK)
        ink[y - 4 : y + 4, round(4 * MM) : round(24 * MM) : 3] = True
        rows[number] = replace(row, left_px=SHRINK * 4 * MM)
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    assert pulses.left_px / PX_PER_MM == pytest.approx(LEFT_MM + 2, abs=0.2)


@pytest.mark.parametrize("height_mm", [5.0, 10.0])
def test_pulses_of_50_mm_per_s_are_seen_after_feet_twice_as_long(height_mm: float) -> None:
    ink, rows = page(6)
    for row in rows:
        draw_pulse(ink, row, LEFT_MM + 3, 10.0, height_mm)
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    found = pulses.height_mm, (pulses.right_px - pulses.left_px) / PX_PER_MM
    assert found == pytest.approx((height_mm, 10), abs=0.2)


def test_what_stands_as_far_in_and_is_narrower_is_no_pulse() -> None:
    ink, rows = page(6)
    for row in rows:
        draw_pulse(ink, row, LEFT_MM + 9, 5.0, 5.0)
    assert find_pulses(ink, rows) is None


def test_half_height_pulses_count_though_two_rows_of_seven_show_none() -> None:
    ink, rows = page(7)
    for row in rows[1:6]:
        draw_pulse(ink, row, LEFT_MM + 2, 5.0, 5.0)
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    assert pulses.height_mm == 5


def test_one_pulse_counts_more_than_waves_of_half_its_height_in_every_row() -> None:
    ink, rows = page(3)
    for row in rows:
        draw_pulse(ink, row, RIGHT_MM - 9, 2.1, 5.0)
        y = round(row.baseline_px / SHRINK)
        ink[y - 9 : y - 4] = False
    draw_pulse(ink, rows[2], LEFT_MM - 6, 3.2, 10.0)
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    assert pulses.height_mm == 10


def test_one_high_pulse_counts_though_its_curve_and_others_beginnings_wander() -> None:
    ink, rows = page(4)
    rows[2] = replace(rows[2], left_px=rows[2].left_px - SHRINK * 9 * MM)
    rows[3] = replace(rows[3], left_px=rows[3].left_px - SHRINK * 8 * MM)
    above = replace(rows[3], baseline_px=rows[3].baseline_px - SHRINK * 3 * MM)
    draw_pulse(ink, above, LEFT_MM - 7, 5.0, 20.0)
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    assert pulses.height_mm == 20


def test_one_pulse_of_two_heights_is_seen() -> None:
    ink, rows = page(3)
    y, x = round(rows[2].baseline_px / SHRINK), round((LEFT_MM - 9) * MM)
    corners = [(0, 0), (0, 10), (3, 10), (3, 5), (6, 5), (6, 0)]
    places = [(round(x + across * MM), round(y - up * MM)) for across, up in corners]
    drawn = ink.astype(np.uint8)
    cv2.polylines(drawn, [np.array(places)], False, 1, 2)
    pulses = find_pulses(drawn > 0, rows)
    assert pulses is not None
    both = with_two_heights(drawn > 0, pulses)
    assert (both.height_mm, both.chest_height_mm) == (10, 5)


@pytest.mark.parametrize("chest_height_mm", [5.0, 10.0])
def test_pulses_before_the_chest_leads_may_be_half_as_high(chest_height_mm: float) -> None:
    ink, rows = page(3)
    for row in rows:
        for column, height_mm in enumerate((10.0, 10.0, chest_height_mm, chest_height_mm)):
            draw_pulse(ink, row, LEFT_MM + 2 + 55 * column, 5.0, height_mm)
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    further_px = [55 * column * PX_PER_MM for column in range(4)]
    found = with_chest_height(ink, pulses, further_px)
    assert found.height_mm == 10
    assert found.chest_height_mm == (5 if chest_height_mm == 5 else None)


def test_names_where_pulses_of_the_chest_leads_would_begin_are_none_of_half_their_height() -> None:
    ink, rows = page(3)
    for row in rows:
        draw_pulse(ink, row, LEFT_MM + 2, 5.0, 10.0)
        y, x = round(row.baseline_px / SHRINK), round((LEFT_MM + 112) * MM)
        ink[y - round(5 * MM) : y, x : x + 2] = True
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    found = with_chest_height(ink, pulses, [0, 110 * PX_PER_MM])
    assert found.chest_height_mm is None


def test_what_stands_in_every_beat_is_no_pulse() -> None:
    # The first beat of each row, of 0.5 mV and with a flat top, as behind a pacing spike.
    ink, rows = page(4)
    for row in rows:
        for beat in range(8):
            draw_pulse(ink, row, LEFT_MM + 7 + 20.0 * beat, 2.1, 5.0)
    assert find_pulses(ink, rows) is None


def test_a_frame_beside_pulses_is_no_second_height() -> None:
    ink, rows = page(5)
    for row in rows:
        draw_pulse(ink, row, LEFT_MM + 4, 5.0, 5.0)
    frame = round((LEFT_MM - 1) * MM)
    ink[:, frame - 1 : frame + 2] = True
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    assert pulses.height_mm == 5
    assert with_two_heights(ink, pulses).chest_height_mm is None


def test_the_same_pulses_further_on_are_found_and_no_others() -> None:
    ink, rows = page(6)
    for row in rows:
        for left_mm in (LEFT_MM + 2, LEFT_MM + 70, LEFT_MM + 138):
            draw_pulse(ink, row, left_mm, 5.0, 10.0)
        draw_pulse(ink, row, LEFT_MM + 100, 5.0, 5.0)
    pulses = find_pulses(ink, rows)
    assert pulses is not None
    further_mm = np.array(find_pulses_again(ink, rows, pulses)) / PX_PER_MM
    assert further_mm == pytest.approx([68, 136], abs=0.3)


@pytest.mark.parametrize("width_mm", [0.2, 0.8, 1.6])
def test_what_is_narrower_than_any_pulse_is_looked_for_like_the_narrowest(width_mm: float) -> None:
    ink, rows = page(6)
    for row in rows:
        draw_pulse(ink, row, LEFT_MM + 70, 5.0, 10.0)
    left_px = LEFT_MM * PX_PER_MM
    feet = tuple(row.baseline_px for row in rows)
    narrow = Pulses(10.0, left_px, left_px + width_mm * PX_PER_MM, True, feet, 1.0)
    assert find_pulses_again(ink, rows, narrow) == []
