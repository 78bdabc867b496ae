"""``bench machines``: what was read is compared with the truth, and the reasons are named."""

from dataclasses import replace

import numpy as np
import pytest

from ecgapp.benchmark import machines
from ecgapp.ecg import LAYOUTS, Signals
from ecgapp.sheet.located import LocatedSheet
from ecgapp.synthesis.draw import SheetTruth
from ecgapp.synthesis.machines import Machine, print_sheet, random_machine

SEED = 4


@pytest.fixture(scope="module")
def reading() -> tuple[Machine, Signals, SheetTruth, LocatedSheet, Signals]:
    machine = random_machine(SEED)
    signals = machines.recording(SEED, False, None)
    drawn = print_sheet(machine, signals)
    return machine, signals, drawn.truth, *machines.read(drawn)


Reading = tuple[Machine, Signals, SheetTruth, LocatedSheet, Signals]


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
