"""Whether curves that run on from their pulses begin where the pulses' feet end."""

from collections.abc import Sequence
from itertools import product

import pytest
from drawn_pulses import page_with_pulses

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.pulses import Pulses
from ecgapp.sheet.detect.rows import Row
from ecgapp.sheet.layout.pulse_feet import find_feet, measured_stretch

# As wide as they are drawn.
PEN_PX = 4.0


def pulses_of(rows: Sequence[Row]) -> Pulses:
    return Pulses(10.0, 76.0, 115.0, True, tuple(row.baseline_px for row in rows), 1.0)


@pytest.mark.parametrize(
    ("steps_mm", "longer_mm"),
    [
        ((0.4, None), 0.2),  # one row leaves its foot 0.4 mm further on than the other foot is long
        ((0.4, 0.1), 0.05),  # the row that leaves it first tells
        ((1.5, None), 0.0),  # what leaves it later is no foot any more
        ((None, None), 0.0),
    ],
)
def test_curves_begin_about_where_they_leave_the_height_of_the_pulses_foot(
    steps_mm: tuple[float | None, ...], longer_mm: float
) -> None:
    gray, rows = page_with_pulses(60, (76, 115), 136, 1400)
    foot_px = 76 - 60 - PEN_PX / 2
    for row, step_mm in zip(rows, steps_mm, strict=True):
        y = int(row.baseline_px - 1.5)
        gray[y : y + 4, 115:136] = 0
        if step_mm is not None:
            first = round(115 + foot_px + step_mm * PX_PER_MM)
            gray[y - 20 : y, first : first + 4] = 0
    found = find_feet(gray, rows, pulses_of(rows), PEN_PX).after_px
    assert found == pytest.approx(115 + foot_px + longer_mm * PX_PER_MM, abs=0.25 * PX_PER_MM)


@pytest.mark.parametrize(("step_mm", "longer_mm"), [(0.5, 0.6), (0.9, 0.5), (1.6, 0.0)])
def test_of_many_curves_the_first_one_to_leave_its_foot_tells_how_long_feet_are(
    step_mm: float, longer_mm: float
) -> None:
    gray, rows = page_with_pulses(60, (76, 115), 136, 1400, n_rows=6)
    foot_px = 76 - 60 - PEN_PX / 2
    for number, row in enumerate(rows):
        y = int(row.baseline_px - 1.5)
        gray[y : y + 4, 115:136] = 0
        first = round(115 + foot_px + (step_mm + 0.3 * number) * PX_PER_MM)
        gray[y - 20 : y, first : first + 4] = 0
    found = find_feet(gray, rows, pulses_of(rows), PEN_PX).after_px
    assert found == pytest.approx(115 + foot_px + longer_mm * PX_PER_MM, abs=0.25 * PX_PER_MM)


@pytest.mark.parametrize(("foot_mm", "n_rows"), [*product((1.5, 3.0), (3, 4, 12)), (4.0, 12)])
def test_curves_that_step_off_their_feet_tell_how_long_feet_are_whatever_stands_before(
    foot_mm: float, n_rows: int
) -> None:
    gray, rows = page_with_pulses(60, (76, 115), 136, 1400, n_rows)
    begin = round(115 + foot_mm * PX_PER_MM)
    for number, row in enumerate(rows):
        y = int(row.baseline_px - 1.5)
        gray[y : y + 4, 115:1400] = 255
        gray[y : y + 4, 115:begin] = 0
        # Baselines wander to either side, a few by nothing that is seen.
        curve = y + (6, -5, 1)[number % 3]
        gray[curve : curve + 4, begin:1400] = 0
    found = find_feet(gray, rows, pulses_of(rows), PEN_PX).after_px
    assert found == pytest.approx(begin, abs=0.3 * PX_PER_MM)


def test_what_some_curves_leave_sooner_is_no_foot_as_far_as_others_step_off() -> None:
    gray, rows = page_with_pulses(60, (76, 115), 136, 1400, 6)
    sooner, later = (round(115 + at * PX_PER_MM) for at in (1.5, 2.5))
    for number, row in enumerate(rows):
        y = int(row.baseline_px - 1.5)
        begin = sooner if number < 2 else later
        gray[y : y + 4, 115:1400] = 255
        gray[y : y + 4, 115:begin] = 0
        gray[y + 6 : y + 10, begin:1400] = 0
    assert find_feet(gray, rows, pulses_of(rows), PEN_PX).after_px < sooner + 0.3 * PX_PER_MM


def test_p_waves_that_begin_together_are_no_end_of_a_foot_that_one_curve_has_stepped_off() -> None:
    gray, rows = page_with_pulses(60, (76, 115), 136, 1400, 7)
    begin, wave = (round(115 + at * PX_PER_MM) for at in (1.5, 3.0))
    for number, row in enumerate(rows):
        y = int(row.baseline_px - 1.5)
        gray[y : y + 4, 115:1400] = 255
        curve = y + 4 if number == 2 else y
        gray[y : y + 4, 115:begin] = 0
        gray[curve : curve + 4, begin:wave] = 0
        gray[curve - 6 : curve - 2, wave:1400] = 0
    found = find_feet(gray, rows, pulses_of(rows), PEN_PX).after_px
    assert found == pytest.approx(begin, abs=0.3 * PX_PER_MM)


def test_a_beat_in_every_row_long_after_its_pulse_is_no_end_of_a_foot() -> None:
    gray, rows = page_with_pulses(60, (76, 115), 136, 1400, 12)
    for row in rows:
        y = int(row.baseline_px - 1.5)
        gray[y : y + 4, 115:136] = 0
        beat = round(115 + 4.5 * PX_PER_MM)
        gray[y - 60 : y, beat : beat + 8] = 0
        gray[y : y + 4, beat : beat + 8] = 255
    found = find_feet(gray, rows, pulses_of(rows), PEN_PX).after_px
    assert found == pytest.approx(115 + 76 - 60 - PEN_PX / 2, abs=0.3 * PX_PER_MM)


def test_pulses_that_fall_beside_their_place_tell_how_long_feet_are_from_where_they_fall() -> None:
    gray, rows = page_with_pulses(60, (76, 115), 136, 1400, 6)
    foot_px, aside_px = round(1.2 * PX_PER_MM), (0, 3, -3, 4, 0, -2)
    for row, aside in zip(rows, aside_px, strict=True):
        y = int(row.baseline_px - 1.5)
        gray[y - 79 : y + 4, 115:119] = 255
        gray[y : y + 4, 119:1400] = 255
        fall = 115 + aside
        gray[y - 79 : y + 4, fall : fall + 4] = 0
        gray[y : y + 4, fall : fall + foot_px] = 0
        gray[y + 6 : y + 10, fall + foot_px : 1400] = 0
    found = find_feet(gray, rows, pulses_of(rows), PEN_PX).after_px
    assert found == pytest.approx(115 + foot_px, abs=0.2 * PX_PER_MM)


def test_curves_stay_at_the_height_of_their_pulses_feet_until_they_leave_it() -> None:
    gray, rows = page_with_pulses(60, (76, 115), 136, 1400, 3)
    leaves = [round(115 + at * PX_PER_MM) for at in (1.5, 2.5, 4.0)]
    for row, leave in zip(rows, leaves, strict=True):
        y = int(row.baseline_px - 1.5)
        gray[y : y + 4, 115:1400] = 255
        gray[y : y + 4, 115:leave] = 0
        gray[y + 6 : y + 10, leave:1400] = 0
    found = find_feet(gray, rows, pulses_of(rows), PEN_PX).flat_until_px
    assert found == pytest.approx(leaves, abs=0.3 * PX_PER_MM)
    assert find_feet(gray, rows, None, PEN_PX).flat_until_px == []


@pytest.mark.parametrize(("height_px", "expected"), [(79, 1.0), (75, 0.95), (60, 1.0)])
def test_pulses_are_measured_that_are_nearly_as_high_as_those_by_which_they_were_found(
    height_px: int, expected: float
) -> None:
    gray, rows = page_with_pulses(60, (76, 115), 136, 1400, 3)
    for row in rows:
        y = int(row.baseline_px - 1.5)
        for flank in (76, 115):
            gray[y - 79 : y, flank : flank + 4] = 255
            gray[y - height_px : y + 4, flank : flank + 4] = 0
    found = measured_stretch(gray, rows, pulses_of(rows), PEN_PX)
    assert found == pytest.approx(expected, abs=0.02)
