"""``bench machines``: what was read is compared with the truth, and the reasons are named."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ecgapp.benchmark import machines
from ecgapp.ecg import LAYOUTS, Signals
from ecgapp.errors import Refusal
from ecgapp.sheet.located import LocatedSheet
from ecgapp.synthesis.draw import SheetTruth
from ecgapp.synthesis.machines import Machine, print_sheet, random_machine

# Clean sheets: a plain one; blanks of some millimetres; a pen that lifts early; five seconds; the
# same without a word of speed.
SEED, BLANKS_SEED, LIFT_SEED, FIVE_SECONDS_SEED, UNTOLD_SPEED_SEED = 53, 162, 21, 23, 398


Reading = tuple[Machine, Signals, SheetTruth, LocatedSheet, Signals]


@cache
def reading_of(seed: int) -> Reading:
    machine = random_machine(seed)
    signals = machines.recording(seed, False, None)
    drawn = print_sheet(machine, signals)
    return machine, signals, drawn.truth, *machines.read(drawn)


@pytest.fixture(scope="module")
def reading() -> Reading:
    return reading_of(SEED)


def test_a_plain_machine_is_read_rightly(reading: Reading) -> None:
    found = machines.judge(*reading)
    assert (found.outcome, found.faults) == (machines.RIGHT, ())
    assert min(found.snr_db.values()) > machines.MIN_SNR_DB
    assert machines.summarize([found])[0].startswith("right 1")
    assert machines.property_table([found]).row_count == len(found.machine.properties)


def test_a_lead_left_out_makes_the_reading_partly_right(reading: Reading) -> None:
    *known, signals = reading
    gone = Signals(500, {**signals.leads, "V3": np.full_like(signals.leads["V3"], np.nan)})
    assert machines.judge(*known, gone).outcome == machines.PARTLY


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"layout": LAYOUTS["6x2"]}, "layout 6x2"),
        ({"gain_mm_per_mv": 5.0}, "gain 5"),
        ({"speed_mm_per_s": 50.0}, "speed 50"),
        ({"to_upload": None}, "time scale off by"),
    ],
)
def test_what_is_wrong_is_named(reading: Reading, changed: dict[str, object], fault: str) -> None:
    machine, signals, truth, sheet, found = reading
    if "to_upload" in changed:
        changed = {"to_upload": sheet.to_upload @ np.diag([1.1, 1.0, 1.0])}
    judged = machines.judge(machine, signals, truth, replace(sheet, **changed), found)
    assert judged.outcome == machines.WRONG
    assert any(one.startswith(fault) for one in judged.faults)


@pytest.mark.parametrize("seed", [BLANKS_SEED, LIFT_SEED, FIVE_SECONDS_SEED])
def test_sheets_of_other_habits_are_judged_by_their_own_width(seed: int) -> None:
    machine, signals, truth, sheet, found = reading_of(seed)
    judged = machines.judge(machine, signals, truth, sheet, found)
    assert (judged.outcome, judged.faults) == (machines.RIGHT, ())
    stretched = replace(sheet, to_upload=sheet.to_upload @ np.diag([1.05, 1.0, 1.0]))
    faults = machines.judge(machine, signals, truth, stretched, found).faults
    assert faults == ("time scale off by 5%",)


def test_ten_seconds_read_of_five_are_named() -> None:
    machine, signals, truth, sheet, found = reading_of(FIVE_SECONDS_SEED)
    assert truth.seconds == 5
    as_ten = replace(
        sheet,
        seconds=10.0,
        speed_mm_per_s=25.0,
        to_upload=sheet.to_upload @ np.diag([0.5, 1.0, 1.0]),
    )
    faults = machines.judge(machine, signals, truth, as_ten, found).faults
    assert faults[:3] == ("10 seconds", "time scale off by 100%", "speed 25")


def test_a_speed_that_only_the_beats_tell_is_refused_as_a_file_would_be() -> None:
    with pytest.raises(Refusal, match="at 50 mm/s it would be"):
        reading_of(UNTOLD_SPEED_SEED)


def test_what_a_lifted_pen_does_not_show_is_not_bridged() -> None:
    machine, signals, truth, sheet, found = reading_of(LIFT_SEED)
    end = round(truth.shown_s["V2"][1] * 500)
    beyond = signals.leads["V2"].copy()
    beyond[end:] += 20.0
    moved = Signals(500, {**signals.leads, "V2": beyond})
    shown = {**found.leads, "V2": np.where(np.arange(5000) < end - 30, found.leads["V2"], np.nan)}
    judged = machines.judge(machine, moved, truth, sheet, Signals(500, shown))
    assert judged.bridged_snr_db["V2"] > machines.MIN_SNR_DB
