"""What was measured and does not fit a normal ECG."""

import io

import pytest
from fakes import install

from ecgapp import diagnose
from ecgapp.measure.findings import against_normal
from ecgapp.measure.measurements import Measurement, measure
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, Rhythm, simulate

NORMAL = {
    "heart_rate_bpm": Measurement(72, "bpm"),
    "rr_irregularity": Measurement(0.03, ""),
    "premature_beats": Measurement(0, ""),
    "qrs_ms": Measurement(92, "ms"),
}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("heart_rate_bpm", 49, "a heart rate of 49 per minute"),
        ("heart_rate_bpm", 112.4, "a heart rate of 112 per minute"),
        ("rr_irregularity", 0.2, "an irregular rhythm"),
        ("premature_beats", 1, "1 premature beat."),
        ("premature_beats", 3, "3 premature beats."),
        ("qrs_ms", 128, "a QRS complex of 128 ms"),
    ],
)
def test_each_finding_is_named(name: str, value: float, said: str) -> None:
    sentence = against_normal(NORMAL | {name: Measurement(value, "")})
    assert sentence is not None
    assert said in sentence


def test_what_fits_or_was_not_measured_is_no_finding() -> None:
    assert against_normal(NORMAL) is None
    assert against_normal({}) is None
    borderline = {"heart_rate_bpm": Measurement(100.3, "bpm"), "qrs_ms": Measurement(119, "ms")}
    assert against_normal(borderline) is None


@pytest.mark.parametrize("seed", range(3))
def test_a_simulated_healthy_heart_has_no_finding(seed: int) -> None:
    assert against_normal(measure(simulate(PatientModel(70, "sinus", seed=seed)))) is None


@pytest.mark.parametrize(
    ("rhythm", "said"),
    [("premature_ventricular_beats", "premature beats"), ("atrial_fibrillation", "irregular")],
)
def test_a_sure_verdict_of_normal_is_held_back_on_a_sheet_that_shows_otherwise(
    rhythm: Rhythm, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = [0.97, 0.01, 0.01, 0.01]
    install(monkeypatch, sure, sure, sure)
    page = io.BytesIO()
    render(simulate(PatientModel(80, rhythm)), "3x4").save(page, "PNG", compress_level=1)
    verdict = diagnose(page.getvalue()).verdict
    assert verdict is not None
    assert verdict.label == "normal"
    assert not verdict.confident
    assert said in str(verdict.reason)
