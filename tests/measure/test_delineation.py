"""Where the waves of the typical beat begin and end."""

import numpy as np
import pytest

from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ
from ecgapp.measure.average_beat import mean_beats
from ecgapp.measure.delineation import Waves, find_waves, p_peaks_mv, rest_levels, t_peaks_mv
from ecgapp.measure.r_peaks import find_beats
from ecgapp.synthesis.simulate import PatientModel, simulate

MS = 1000 / SAMPLING_RATE_HZ


def delineate(patient: PatientModel) -> tuple[Waves, np.ndarray]:
    """Waves and typical beats of a simulated patient, whose leads all are shown together."""
    signals = simulate(patient)
    means = mean_beats(signals, find_beats(signals))
    (waves,) = find_waves(means, 60 / patient.heart_rate_bpm)
    return waves, means.millivolts


def test_the_waves_come_in_their_order_and_last_as_simulated() -> None:
    waves, _ = delineate(PatientModel(66, seed=1))
    assert waves.p is not None
    assert waves.p[0] < waves.p[1] < waves.qrs_onset < waves.qrs_offset < min(waves.t_ends.values())
    assert (waves.qrs_onset - waves.p[0]) * MS == pytest.approx(155, abs=20)
    assert (waves.qrs_offset - waves.qrs_onset) * MS == pytest.approx(105, abs=12)


def test_a_bundle_branch_block_makes_qrs_wide() -> None:
    narrow, _ = delineate(PatientModel(66, seed=1))
    wide, _ = delineate(PatientModel(66, bundle_branch_block="left", seed=1))
    widths = [waves.qrs_offset - waves.qrs_onset for waves in (narrow, wide)]
    assert widths[1] * MS > 140 > widths[0] * MS


def test_p_and_t_are_upright_in_ii_and_turned_over_in_avr() -> None:
    waves, millivolts = delineate(PatientModel(66, seed=1))
    rows = millivolts[waves.leads]
    level = rows - rest_levels(rows, waves.qrs_onset)[:, None]
    p, t = p_peaks_mv(rows, waves), t_peaks_mv(level, waves, 60 / 66)
    for lead, sign in (("II", 1), ("aVR", -1)):
        row = waves.leads.tolist().index(LEADS.index(lead))
        assert p[row] * sign > 0.05
        assert t[row] * sign > 0.15
