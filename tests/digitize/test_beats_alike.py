"""Whether one lead's beat that other ink spoilt is not known, and every true beat stays."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from as_printed import read
from numpy.typing import NDArray

from ecgapp.digitize.beats_alike import unlike_beats
from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import LAYOUTS, LEADS, PX_PER_S, SAMPLING_RATE_HZ, Signals
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.simulate import PatientModel, Rhythm, simulate
from ecgapp.synthesis.vendors import VENDORS

LIMB = simulate(PatientModel(heart_rate_bpm=76, seed=5)).leads
CHEST_COLUMN = slice(5 * SAMPLING_RATE_HZ, 10 * SAMPLING_RATE_HZ)


def beat_of(lead: NDArray[np.float32]) -> slice:
    """The samples of a stroke just after the steepest beat of the column's middle."""
    middle = slice(len(lead) // 3, 2 * len(lead) // 3)
    steepest = middle.start + int(np.abs(np.gradient(lead[middle])).argmax())
    return slice(steepest + 20, steepest + 36)


def column(leads: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    return {name: leads[name][CHEST_COLUMN].copy() for name in LEADS[6:]}


@pytest.mark.parametrize(
    "rhythm",
    ["sinus", "premature_ventricular_beats", "premature_atrial_beats", "atrial_fibrillation"],
)
def test_nothing_is_left_out_of_what_all_leads_show(rhythm: Rhythm) -> None:
    for seed in range(4):
        leads = simulate(PatientModel(heart_rate_bpm=80, rhythm=rhythm, seed=seed)).leads
        unlike = unlike_beats(column(leads), SAMPLING_RATE_HZ)
        assert not any(found.any() for found in unlike.values()), seed


def test_another_leads_stroke_in_one_beat_is_found_there_only() -> None:
    leads = column(LIMB)
    spoilt = beat_of(leads["V5"])
    leads["V5"][spoilt] += 0.8
    unlike = unlike_beats(leads, SAMPLING_RATE_HZ)
    assert unlike["V5"][spoilt].all()
    # And 20 ms beside it.
    assert unlike["V5"].sum() <= spoilt.stop - spoilt.start + 20
    assert not any(found.any() for name, found in unlike.items() if name != "V5")


@pytest.mark.parametrize("beside_other_ink", [True, False])
def test_a_beat_that_is_unlike_the_others_is_not_known_only_beside_other_ink(
    beside_other_ink: bool,
) -> None:
    signals = Signals(SAMPLING_RATE_HZ, {name: lead.copy() for name, lead in LIMB.items()})
    spoilt = beat_of(signals.leads["V5"][CHEST_COLUMN])
    spoilt = slice(spoilt.start + CHEST_COLUMN.start, spoilt.stop + CHEST_COLUMN.start)
    signals.leads["V5"][spoilt] += 0.8
    sheet = read(draw_sheet(signals, LAYOUTS["6x2"], (), VENDORS["red"]).image)
    leads = cut_leads(sheet)
    first, stop = (
        round((at / SAMPLING_RATE_HZ - sheet.seconds_of("V5")[0]) * PX_PER_S)
        for at in (spoilt.start, spoilt.stop)
    )
    sureness = np.ones(leads["V5"].curve.shape[1])
    if beside_other_ink:
        # As where another curve touches it, and the reader is neither sure nor lost.
        sureness[first : stop + 1] = 0.8
    leads["V5"] = replace(leads["V5"], sureness=sureness)
    found = digitize(sheet, leads).leads
    known = np.isfinite(found["V5"][spoilt])
    assert not known.any() if beside_other_ink else known.all()
    assert np.isfinite(found["V4"][spoilt]).all()
