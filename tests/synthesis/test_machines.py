"""Machines without end: they differ, they repeat, and what is told about them is true."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from ecgapp.ecg import LAYOUTS, LEADS, MM_PER_MV
from ecgapp.synthesis import habits
from ecgapp.synthesis.draw import draw_sheet, printed_name
from ecgapp.synthesis.machines import print_sheet, random_machine
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS, GridStyle

SIGNALS = simulate(PatientModel(heart_rate_bpm=70))
DARK = 110


def test_a_seed_is_one_machine_and_seeds_differ() -> None:
    assert random_machine(3) == random_machine(3)
    seen = [dict(random_machine(seed).properties) for seed in range(200)]
    for name in ("layout", "grid", "dividers", "pulses", "names", "speed", "gain", "condition"):
        assert len({properties[name] for properties in seen}) > 1
    assert {p["layout"] for p in seen} <= set(LAYOUTS)


def test_values_kept_for_judging_are_never_built_on() -> None:
    built_on = [random_machine(seed) for seed in range(300)]
    judging = [random_machine(seed, judging=True) for seed in range(300)]
    old = ("grid ink", "typeface", "dividers", "name style", "strips")
    for name in (*old, "blanks", "pen lift", "names far left", "settings", "settings at"):
        kept = {m.properties[name] for m in judging} - {m.properties[name] for m in built_on}
        assert kept, name


# Clean sheets with dark pens: a plain one, and two that have each habit.
PLAIN_SEED, LIFT_SEEDS, FIVE_SECONDS_SEEDS = 53, (21, 114), (6, 23)
BLANK_SEEDS, FAR_LEFT_SEEDS = (50, 59), (78, 123)


@pytest.mark.parametrize(
    "seed", [PLAIN_SEED, *LIFT_SEEDS, *FIVE_SECONDS_SEEDS, *BLANK_SEEDS, *FAR_LEFT_SEEDS]
)
def test_the_truth_lies_on_the_ink(seed: int) -> None:
    machine = random_machine(seed)
    assert machine.condition == "clean"
    drawn = print_sheet(machine, SIGNALS)
    truth, gray = drawn.truth, np.asarray(drawn.image.convert("L"))
    for lead in LEADS:
        first, end = (round(second * 500) for second in truth.shown_s[lead])
        for place in (int(np.abs(SIGNALS.leads[lead][first:end]).argmax()), end - first - 5):
            value = float(SIGNALS.leads[lead][first + place])
            gain = truth.chest_gain_mm_per_mv if lead[0] == "V" else truth.gain_mm_per_mv
            x_mm = truth.x_mm(lead, (first + place) / 500)
            y_mm = truth.baselines_mm[lead] - value * gain
            x, y = np.round(truth.to_image(np.array([[x_mm, y_mm]]))[0]).astype(int)
            assert gray[y - 2 : y + 3, x - 2 : x + 3].min() < DARK, (lead, place)


def has_habit(properties: Mapping[str, str]) -> bool:
    """Whether anything is printed as machines did not print before there were habits."""
    return (
        properties["seconds"] != "10"
        or any(properties[name] != "none" for name in ("blanks", "pen lift", "names far left"))
        or properties["settings"] not in ("usual", "none")
        or properties["settings at"] not in ("footer", "none")
    )


@pytest.mark.parametrize("judging", [False, True])
def test_habits_change_nothing_else(judging: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [random_machine(seed, judging) for seed in range(150)]
    monkeypatch.setattr(habits, "_SHARE", 0.0)
    plain = [random_machine(seed, judging) for seed in range(150)]
    assert not any(has_habit(machine.properties) for machine in plain)
    for machine, other in zip(drawn, plain, strict=True):
        if not has_habit(machine.properties):
            assert machine == other
        same = ("grid", "curve_rgb", "typeface", "pulse", "separators", "blocks", "curves_top_mm")
        assert all(getattr(machine.style, k) == getattr(other.style, k) for k in same)
        assert (machine.layout, machine.rhythm_strips) == (other.layout, other.rhythm_strips)
        assert (machine.px_per_mm, machine.condition) == (other.px_per_mm, other.condition)


def test_each_habit_is_some_machines_and_no_machine_has_three() -> None:
    seen = [random_machine(seed) for seed in range(400)]
    has = {
        "blanks": [m.style.column_blank_mm > 0 for m in seen],
        "pen lift": [m.style.pen_lift_s > 0 for m in seen],
        "names far left": [m.style.names_left_mm is not None for m in seen],
        "five seconds": [m.seconds == 5 for m in seen],
        "settings": [m.properties["settings"] in ("respelled", "labelled") for m in seen],
    }
    shares = {name: np.mean(values) for name, values in has.items()}
    assert all(0.05 < share < 0.14 for share in shares.values()), shares
    assert np.sum(list(has.values()), axis=0).max() == 2
    for machine in seen:
        one_column = len(machine.layout.columns) == 1
        assert not (one_column and (machine.style.column_blank_mm or machine.style.pen_lift_s))
        assert machine.seconds * machine.speed_mm_per_s in (250, 500)


@pytest.mark.parametrize("seed", FAR_LEFT_SEEDS)
def test_names_far_left_stand_before_the_pulses_on_the_page(seed: int) -> None:
    machine = random_machine(seed)
    truth = print_sheet(machine, SIGNALS).truth
    left = truth.curves_mm[0]
    first = {*machine.layout.columns[0], *machine.rhythm_strips}
    names = [(name, box) for name, box in truth.names_mm if box[0] < left]
    assert {name for name, _ in names} == first
    pulses = left - 8.2 if machine.properties["pulses"] == "left" else left
    assert all(box[0] > 2 and left - 24 <= box[0] and box[2] < pulses for _, box in names)


def test_five_seconds_are_printed_with_their_speed() -> None:
    machines = [random_machine(seed) for seed in range(400)]
    five = [machine for machine in machines if machine.seconds == 5]
    places = [machine.properties["settings at"] for machine in five]
    assert places.count("footer") > len(five) / 2
    assert {"header", "none"} <= set(places)
    for machine in five:
        told = [line for line in machine.style.prints if line.text.lower().find("50") >= 0]
        told = [line for line in told if "mm" in line.text.lower()]
        assert len(told) == (machine.properties["settings at"] != "none")


def test_a_grid_of_coarse_lines_only_has_no_fine_ones() -> None:
    grid = GridStyle((250, 0, 0), (0, 0, 250), fine_mm=0.0, coarse_mm=0.4)
    style = replace(VENDORS["blank"], grid=grid, prints=())
    pixels = np.asarray(draw_sheet(SIGNALS, LAYOUTS["3x4"], vendor=style).image)
    blue = (pixels[..., 2] > 150) & (pixels[..., 0] < 120)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 120)
    assert blue.sum() > 1000
    assert not red.any()


def test_mixed_gains_show_in_curves_and_pulses() -> None:
    style = replace(VENDORS["blank"], name_place="none", prints=(), separators="none")
    same = draw_sheet(SIGNALS, LAYOUTS["3x4"], vendor=style)
    mixed = draw_sheet(SIGNALS, LAYOUTS["3x4"], vendor=style, chest_gain_mm_per_mv=5.0)
    assert (mixed.truth.gain_mm_per_mv, mixed.truth.chest_gain_mm_per_mv) == (MM_PER_MV, 5.0)
    differs = np.asarray(same.image) != np.asarray(mixed.image)
    middle = differs.shape[1] // 2
    limb = differs[:, round(0.15 * differs.shape[1]) : middle - 30]
    assert not limb.any()
    assert differs[:, middle + 30 :].any()


@pytest.mark.parametrize(
    ("style", "lead", "expected"),
    [
        ("usual", "aVR", "aVR"),
        ("capitals", "aVR", "AVR"),
        ("spaced", "aVR", "a V R"),
        ("D1", "II", "D2"),
        ("DI", "III", "DIII"),
        ("C1", "V4", "C4"),
        ("C1", "aVL", "aVL"),
    ],
)
def test_names_are_written_in_the_machines_way(style: str, lead: str, expected: str) -> None:
    assert printed_name(lead, style) == expected


def test_pulses_between_the_columns_move_them_apart() -> None:
    style = replace(VENDORS["blank"], pulse="between")
    truth = draw_sheet(SIGNALS, LAYOUTS["3x4"], vendor=style).truth
    assert truth.boxes_mm["V1"][0] - truth.boxes_mm["aVR"][2] > 3
    assert truth.boxes_mm["aVR"][0] == pytest.approx(truth.boxes_mm["I"][2])
