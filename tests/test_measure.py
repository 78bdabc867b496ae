import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.measure import measure
from ecgapp.sheet.layouts import LAYOUT_3X4, LAYOUT_6X2, LEADS, Layout
from ecgapp.sheet.simulate import PatientModel, Rhythm, simulate
from ecgapp.signals import Signals

RECORDING_SAMPLES = 5000


def as_shown(signals: Signals, layout: Layout, strip: str | None = None) -> Signals:
    """Each lead in its own column's seconds only, the strip's lead throughout."""
    width = round(layout.seconds_per_column * signals.sampling_rate_hz)
    leads = {}
    for lead in LEADS:
        start = layout.place(lead)[1] * width
        shown = slice(None) if lead == strip else slice(start, start + width)
        leads[lead] = np.full(signals.n_samples, np.nan, np.float32)
        leads[lead][shown] = signals.leads[lead][shown]
    return Signals(signals.sampling_rate_hz, leads)


def in_every_lead(values: NDArray[np.floating]) -> Signals:
    return Signals(500, {lead: values.astype(np.float32) for lead in LEADS})


def rate_bpm(signals: Signals) -> float:
    return measure(signals)["heart_rate_bpm"].value


@pytest.mark.parametrize("bpm", [30, 45, 75, 110, 160, 200])
def test_rate_is_the_patients_on_every_layout(bpm: int) -> None:
    signals = simulate(PatientModel(heart_rate_bpm=bpm, seed=bpm))
    whole = rate_bpm(signals)
    assert whole == pytest.approx(bpm, rel=0.05)
    for layout, strip in [(LAYOUT_3X4, "II"), (LAYOUT_6X2, None), (LAYOUT_6X2, "V1")]:
        assert rate_bpm(as_shown(signals, layout, strip)) == pytest.approx(whole, rel=0.015)


@pytest.mark.parametrize(
    "rhythm", ["premature_ventricular_beats", "atrial_fibrillation", "wide_qrs"]
)
def test_rate_holds_in_other_rhythms(rhythm: Rhythm) -> None:
    for seed in range(4):
        signals = simulate(PatientModel(80, rhythm, seed=seed))
        whole = rate_bpm(signals)
        assert rate_bpm(as_shown(signals, LAYOUT_3X4, "II")) == pytest.approx(whole, rel=0.015)


def test_fibrillation_is_irregular_and_sinus_rhythm_is_not() -> None:
    def irregularity(rhythm: Rhythm, seed: int) -> float:
        signals = as_shown(simulate(PatientModel(85, rhythm, seed=seed)), LAYOUT_3X4, "II")
        return measure(signals)["rr_irregularity"].value

    sinus = [irregularity("sinus", seed) for seed in range(5)]
    fibrillation = [irregularity("atrial_fibrillation", seed) for seed in range(5)]
    assert max(sinus) < 0.08 < min(fibrillation)


def test_a_curve_turned_upside_down_has_the_same_rate() -> None:
    signals = simulate(PatientModel(heart_rate_bpm=66))
    turned = Signals(500, {lead: -values for lead, values in signals.leads.items()})
    assert rate_bpm(turned) == pytest.approx(rate_bpm(signals), rel=0.005)


def noise(kind: str) -> Signals:
    rng = np.random.default_rng(1)
    white = rng.normal(size=(12, RECORDING_SAMPLES))
    smooth = np.stack([np.convolve(row, np.ones(8) / 8, "same") for row in white])
    shapes = {
        "flat": np.zeros_like(white),
        "unknown": np.full_like(white, np.nan),
        "white noise": 0.1 * white,
        "smooth noise": 0.3 * smooth,
        "the same noise in all leads": np.tile(smooth[0], (12, 1)),
        "wander": 0.01 * np.cumsum(white, axis=1),
        "mains hum": np.tile(np.sin(2 * np.pi * 0.1 * np.arange(RECORDING_SAMPLES)), (12, 1)),
    }
    return Signals(500, dict(zip(LEADS, shapes[kind].astype(np.float32), strict=True)))


@pytest.mark.parametrize(
    "kind",
    [
        "flat",
        "unknown",
        "white noise",
        "smooth noise",
        "the same noise in all leads",
        "wander",
        "mains hum",
    ],
)
def test_nothing_is_measured_where_no_heart_beats(kind: str) -> None:
    signals = noise(kind)
    assert measure(signals) == {}
    assert measure(as_shown(signals, LAYOUT_3X4, "II")) == {}


def test_one_beat_gives_no_rate() -> None:
    time_s = np.arange(RECORDING_SAMPLES) / 500
    assert measure(in_every_lead(np.exp(-0.5 * ((time_s - 5) / 0.012) ** 2))) == {}


def test_pacing_spikes_are_no_beats() -> None:
    signals = simulate(PatientModel(heart_rate_bpm=60, seed=3))
    paced = {lead: values.copy() for lead, values in signals.leads.items()}
    for values in paced.values():
        for start in range(130, RECORDING_SAMPLES, 370):
            values[start : start + 2] += 2.0
    assert rate_bpm(Signals(500, paced)) == pytest.approx(rate_bpm(signals), abs=1)


def test_one_lead_full_of_interference_does_not_matter() -> None:
    signals = simulate(PatientModel(heart_rate_bpm=72, seed=2))
    leads = {lead: values.copy() for lead, values in signals.leads.items()}
    leads["V2"] += np.random.default_rng(0).normal(0, 0.8, RECORDING_SAMPLES).astype(np.float32)
    disturbed = as_shown(Signals(500, leads), LAYOUT_3X4, "II")
    assert rate_bpm(disturbed) == pytest.approx(rate_bpm(signals), rel=0.01)


def test_a_beat_between_two_columns_does_not_halve_the_rate() -> None:
    signals = simulate(PatientModel(heart_rate_bpm=60, seed=1))
    whole = rate_bpm(signals)
    shown = as_shown(signals, LAYOUT_6X2)
    for offset in range(0, 500, 50):
        leads = {lead: values.copy() for lead, values in shown.leads.items()}
        for values in leads.values():
            values[2200 + offset : 2260 + offset] = np.nan
        assert rate_bpm(Signals(500, leads)) == pytest.approx(whole, rel=0.04)
