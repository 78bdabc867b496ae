"""Electrodes in each other's place: simulated, found and said."""

import numpy as np
import pytest

from ecgapp.ecg import LEADS, Signals
from ecgapp.measure.findings import against_any_verdict, against_normal, find_findings
from ecgapp.measure.measurements import measure
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.training.electrode_swaps import exchange


def exchanged_arms(signals: Signals) -> Signals:
    """Record again with the arm electrodes in each other's place."""
    old = signals.leads
    new = {
        "I": -old["I"],
        "II": old["III"],
        "III": old["II"],
        "aVR": old["aVL"],
        "aVL": old["aVR"],
    }
    return Signals(signals.sampling_rate_hz, old | new)


def test_exchanging_measurements_is_exchanging_leads() -> None:
    signals = simulate(PatientModel(70, seed=1))
    again, renamed = measure(exchanged_arms(signals)), exchange(measure(signals), "arms")
    for lead in LEADS:
        for name in ("t_mv", "p_mv"):
            key = f"{name}_{lead}"
            assert renamed[key].value == pytest.approx(again[key].value, abs=0.01), key
        net = [
            found[f"r_mv_{lead}"].value
            - max(found[f"s_mv_{lead}"].value, found[f"q_mv_{lead}"].value)
            for found in (again, renamed)
        ]
        assert np.sign(net[0]) == np.sign(net[1])


@pytest.mark.parametrize("seed", range(3))
def test_exchanged_arms_are_said_and_no_verdict_is_relied_on(seed: int) -> None:
    signals = simulate(PatientModel(70, seed=seed))
    assert against_any_verdict(find_findings(measure(signals))) is None
    found = find_findings(measure(exchanged_arms(signals)))
    swap = next(finding for finding in found if finding.code == "ELECTRODE_SWAP")
    assert swap.leads == ("I", "II", "III", "aVR", "aVL")
    assert "right and the left arm" in swap.text
    assert "not to be relied on" in str(against_any_verdict(found))
    assert swap.text not in str(against_normal(found))
