import numpy as np
import pytest

from ecgapp.ecg import LEADS
from ecgapp.synthesis.simulate import PatientModel, simulate


def r_peaks_s(lead_mv: np.ndarray, above_mv: float = 0.6) -> np.ndarray:
    """Times of the peaks that rise above a threshold, at least 0.2 s apart, seconds."""
    above = np.flatnonzero(lead_mv > above_mv)
    beats = np.split(above, np.flatnonzero(np.diff(above) > 100) + 1)
    return np.array([beat[np.argmax(lead_mv[beat])] for beat in beats]) / 500


def beat_windows(leads: dict[str, np.ndarray], lead: str, start_s: float, end_s: float):
    """A lead around each beat of lead V5, shape (n_beats, n_samples)."""
    start, end = round(start_s * 500), round(end_s * 500)
    peaks = np.round(r_peaks_s(leads["V5"]) * 500).astype(int)
    inside = peaks[(peaks + start >= 0) & (peaks + end < 5000)]
    return np.stack([leads[lead][peak + start : peak + end] for peak in inside])


def test_ten_seconds_of_twelve_leads_at_500_hz():
    signals = simulate(PatientModel())
    assert signals.sampling_rate_hz == 500
    assert tuple(signals.leads) == LEADS
    for values in signals.leads.values():
        assert values.shape == (5000,)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()


@pytest.mark.parametrize(
    "rhythm", ["sinus", "premature_ventricular_beats", "atrial_fibrillation", "atrial_flutter"]
)
def test_limb_leads_obey_einthoven_and_goldberger(rhythm):
    patient = PatientModel(rhythm=rhythm, st_level_mv={"II": 0.2}, q_waves=frozenset({"inferior"}))
    leads = simulate(patient).leads
    one, two = leads["I"].astype(float), leads["II"].astype(float)
    for lead, expected in {
        "III": two - one,
        "aVR": -(one + two) / 2,
        "aVL": one - two / 2,
        "aVF": two - one / 2,
    }.items():
        np.testing.assert_allclose(leads[lead], expected, atol=1e-6)


def test_a_seed_fixes_the_signals():
    first, again, other = (simulate(PatientModel(seed=s)).leads["V2"] for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("rate_bpm", [40, 70, 120, 180])
def test_sinus_rhythm_has_the_rate_asked_for(rate_bpm):
    peaks = r_peaks_s(simulate(PatientModel(heart_rate_bpm=rate_bpm)).leads["V5"])
    assert 60 / np.diff(peaks).mean() == pytest.approx(rate_bpm, rel=0.04)


def test_atrial_fibrillation_is_irregular_and_has_no_p_wave():
    sinus = simulate(PatientModel(seed=5)).leads
    fibrillating = simulate(PatientModel(rhythm="atrial_fibrillation", seed=5)).leads

    def variation(leads):
        intervals = np.diff(r_peaks_s(leads["V5"]))
        return intervals.std() / intervals.mean()

    assert variation(fibrillating) > 3 * variation(sinus)
    p_wave = [
        beat_windows(leads, "II", -0.19, -0.10).mean(axis=0).max()
        - beat_windows(leads, "II", -0.26, -0.23).mean()
        for leads in (sinus, fibrillating)
    ]
    assert p_wave[0] > 0.08
    assert p_wave[1] < p_wave[0] / 2


def test_premature_beats_come_early_and_a_pause_follows():
    patient = PatientModel(heart_rate_bpm=75, rhythm="premature_ventricular_beats", seed=1)
    intervals = np.diff(r_peaks_s(simulate(patient).leads["II"]))
    early = np.flatnonzero(intervals < 0.75 * 0.8)
    assert 2 <= len(early) <= 5
    for index in early[early + 1 < len(intervals)]:
        assert intervals[index + 1] > 1.2 * 0.8


def test_wide_qrs_is_wide():
    def width_s(block):
        lead = simulate(PatientModel(bundle_branch_block=block)).leads["V6"]
        beats = np.flatnonzero(np.diff((lead > 0.3).astype(int)))
        return np.median(np.diff(beats)[:: 2 if lead[0] <= 0.3 else 1]) / 500

    assert width_s("left") > 2 * width_s(None)


def test_st_level_rises_in_the_leads_asked_for_only():
    # Far enough after the QRS, far enough before the top of T.
    plain = simulate(PatientModel(heart_rate_bpm=60)).leads
    raised = simulate(PatientModel(heart_rate_bpm=60, st_level_mv={"V2": 0.3, "II": -0.1})).leads

    def rise(lead):
        return (
            beat_windows(raised, lead, 0.09, 0.13) - beat_windows(plain, lead, 0.09, 0.13)
        ).mean()

    assert rise("V2") == pytest.approx(0.3, abs=0.02)
    assert rise("V3") == pytest.approx(0.0, abs=0.001)
    assert rise("II") == pytest.approx(-0.1, abs=0.01)
    assert rise("aVF") == pytest.approx(-0.1, abs=0.01)


@pytest.mark.parametrize(
    ("wall", "with_q", "without_q"),
    [
        ("inferior", ("II", "III", "aVF"), ("V2", "V3", "V5")),
        ("anterior", ("V2", "V3"), ("II", "III", "aVF")),
    ],
)
def test_q_waves_lie_in_the_leads_of_their_wall(wall, with_q, without_q):
    plain = simulate(PatientModel()).leads
    scarred = simulate(PatientModel(q_waves=frozenset({wall}))).leads

    def deeper_by(lead):
        before_r = [beat_windows(leads, lead, -0.05, 0.0).min() for leads in (plain, scarred)]
        return before_r[0] - before_r[1]

    assert all(deeper_by(lead) > 0.25 for lead in with_q)
    assert all(deeper_by(lead) < 0.1 for lead in without_q)


@pytest.mark.parametrize("rate_bpm", [0, 29, 201, float("nan")])
def test_a_rate_out_of_range_is_an_error_that_gives_the_rate(rate_bpm):
    with pytest.raises(ValueError, match=f"heart_rate_bpm is {rate_bpm}"):
        PatientModel(heart_rate_bpm=rate_bpm)


def test_the_st_level_of_a_derived_lead_cannot_be_set():
    with pytest.raises(ValueError, match="aVF"):
        PatientModel(st_level_mv={"aVF": 0.1})


def test_flutter_waves_come_about_300_a_minute_and_the_ventricles_keep_time():
    leads = simulate(PatientModel(75, "atrial_flutter", seed=1)).leads
    intervals = np.diff(r_peaks_s(leads["V5"]))
    assert intervals == pytest.approx(0.8, rel=0.03)
    spectrum = np.abs(np.fft.rfft(leads["III"] - leads["III"].mean()))
    beat_hz = np.arange(len(spectrum)) / 10
    # Between the harmonics of a rate of 75 that QRS has, the flutter stands alone at 5 Hz.
    assert spectrum[50] > 2 * spectrum[(beat_hz > 3) & (beat_hz < 4.9)].max()


def test_pr_grows_until_a_beat_is_dropped():
    patient = PatientModel(60, "second_degree_av_block", seed=1)
    intervals = np.diff(r_peaks_s(simulate(patient).leads["V5"]))
    assert 60 / intervals.mean() == pytest.approx(60, rel=0.12)
    # The pause is shorter than two of the intervals between P, since PR is short again after it.
    assert 1.15 < intervals.max() / np.median(intervals) < 2


def test_in_a_complete_block_p_and_qrs_go_their_own_ways():
    leads = simulate(PatientModel(38, "third_degree_av_block", seed=1)).leads
    intervals = np.diff(r_peaks_s(leads["V6"]))
    assert intervals == pytest.approx(60 / 38, rel=0.08)
    before_r = beat_windows({"V5": leads["V6"], "II": leads["II"]}, "II", -0.45, -0.10)
    # P stands at another place before each QRS.
    assert before_r.std(axis=0).max() > 0.04


def test_an_early_p_brings_a_beat_of_the_usual_shape():
    leads = simulate(PatientModel(75, "premature_atrial_beats", seed=1)).leads
    beats = beat_windows(leads, "II", -0.03, 0.05)
    assert np.abs(beats - np.median(beats, axis=0)).max() < 0.1


def test_muscles_add_noise():
    quiet, noisy = (simulate(PatientModel(noise_mv=mv)).leads["V2"] for mv in (0.0, 0.08))
    assert (noisy - quiet).std() == pytest.approx(0.08, rel=0.1)
