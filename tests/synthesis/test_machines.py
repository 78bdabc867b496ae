"""Machines without end: they differ, they repeat, and what is told about them is true."""

from dataclasses import replace

import numpy as np
import pytest

from ecgapp.ecg import LAYOUTS, MM_PER_MV
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
    for name in ("grid ink", "typeface", "dividers", "name style", "strips"):
        kept = {m.properties[name] for m in judging} - {m.properties[name] for m in built_on}
        assert kept, name


@pytest.mark.parametrize("seed", [4, 6])
def test_the_truth_lies_on_the_ink(seed: int) -> None:
    machine = random_machine(seed)
    assert machine.condition == "clean"
    drawn = print_sheet(machine, SIGNALS)
    gray = np.asarray(drawn.image.convert("L"))
    box, baseline = drawn.truth.boxes_mm["V2"], drawn.truth.baselines_mm["V2"]
    start = machine.layout.place("V2")[1] * machine.layout.seconds_per_column
    peak = int(np.abs(SIGNALS.leads["V2"][round(start * 500) : round(start * 500) + 900]).argmax())
    value = float(SIGNALS.leads["V2"][round(start * 500) + peak])
    x_mm = box[0] + peak / 500 * machine.speed_mm_per_s
    y_mm = baseline - value * machine.chest_gain_mm_per_mv
    x, y = np.round(drawn.truth.to_image(np.array([[x_mm, y_mm]]))[0]).astype(int)
    assert gray[y - 2 : y + 3, x - 2 : x + 3].min() < DARK


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
