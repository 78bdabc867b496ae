"""Sheets that are noisier than the development sheets, or whose baseline wanders."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import install

from ecgapp import Diagnosis, diagnose
from ecgapp.ecg import LEADS, Layout, Signals
from ecgapp.inference import abstention
from ecgapp.inference.abstention import drift_mv, ink_px, read_limits, shipped_limits
from ecgapp.inference.shipped_models import MODELS_FOLDER, ModelError
from ecgapp.inference.twelve_lead_inputs import present, twelve_lead_inputs
from ecgapp.io.weights import write_checksums
from ecgapp.synthesis.draw import draw_sheet
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate
from ecgapp.synthesis.vendors import VENDORS


@pytest.fixture(scope="module")
def clean() -> Signals:
    return simulate(PatientModel())


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[[Signals], Diagnosis]:
    """Give the verdict of models that are sure of everything on drawn signals."""
    install(monkeypatch)

    def draw_and_read(signals: Signals) -> Diagnosis:
        page = io.BytesIO()
        render(signals, "3x4").save(page, "PNG", compress_level=1)
        return diagnose(page.getvalue())

    return draw_and_read


def with_added(signals: Signals, added: np.ndarray) -> Signals:
    return replace(
        signals, leads={name: (mv + added).astype("f4") for name, mv in signals.leads.items()}
    )


def test_clean_curves_are_like_the_development_sheets(clean: Signals, read) -> None:
    verdict = read(clean).verdict
    assert verdict.confident
    assert verdict.reason is None


def test_a_sure_verdict_on_a_noisy_sheet_is_not_confident(clean: Signals, read) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, clean.n_samples)
    found = read(with_added(clean, noise))
    assert ink_px(found.leads) > 1.5 * shipped_limits().ink_px
    assert not found.verdict.confident
    assert "Noise makes them so" in found.verdict.reason
    assert max(found.verdict.probabilities.values()) > 0.6


def test_a_fast_rhythm_of_broad_waves_is_not_called_noise_alone(clean: Signals, read) -> None:
    seconds = np.arange(clean.n_samples) / clean.sampling_rate_hz
    wave = 0.7 * np.sin(2 * np.pi * 3.3 * seconds).astype("f4")
    found = read(Signals(clean.sampling_rate_hz, dict.fromkeys(clean.leads, wave)))
    assert not found.verdict.confident
    assert "a fast rhythm of broad waves" in found.verdict.reason


def test_nor_is_one_on_a_sheet_whose_baseline_wanders(clean: Signals, read) -> None:
    seconds = np.arange(clean.n_samples) / clean.sampling_rate_hz
    found = read(with_added(clean, 0.5 * np.sin(2 * np.pi * 0.4 * seconds)))
    assert not found.verdict.confident
    assert "baseline wanders" in found.verdict.reason


def test_leads_that_are_not_shown_do_not_count(clean: Signals) -> None:
    inputs = twelve_lead_inputs(clean)
    wandering = inputs.leads.copy()
    wandering[..., 7:] += np.linspace(0, 3, wandering.shape[1])[None, :, None]
    shown = np.ones((1, 12), "f4")
    shown[:, 4:] = 0
    assert drift_mv(present(wandering, shown)) == drift_mv(present(inputs.leads, shown))
    assert drift_mv(present(wandering, np.zeros((1, 12), "f4"))) == 0
    assert ink_px({}) == 0


def test_the_limits_that_are_applied_are_those_that_were_measured(
    clean: Signals, read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = json.loads((MODELS_FOLDER / "abstention.json").read_text())
    measured["limits"]["ink_px"] = ink_px(read(clean).leads) - 0.5
    (tmp_path / "abstention.json").write_text(json.dumps(measured))
    write_checksums(tmp_path)
    monkeypatch.setattr(abstention, "shipped_limits", lambda: read_limits(tmp_path))
    assert "Noise makes them so" in read(clean).verdict.reason


@pytest.mark.parametrize(
    "content", ["", "{}", '{"limits": {"ink_px": 9}}', '{"limits": {"ink_px": 9, "drift_mv": NaN}}']
)
def test_limits_that_are_missing_or_damaged_are_not_made_up(tmp_path: Path, content: str) -> None:
    write_checksums(tmp_path)
    with pytest.raises(ModelError, match=r"abstention\.json"):
        read_limits(tmp_path)
    (tmp_path / "abstention.json").write_text(content)
    write_checksums(tmp_path)
    with pytest.raises(ModelError, match=r"abstention\.json"):
        read_limits(tmp_path)


def test_few_development_sheets_and_most_spoilt_ones_lie_beyond_the_limits() -> None:
    measured = json.loads((MODELS_FOLDER / "abstention.json").read_text())
    assert measured["held_out"]["beyond"] < 0.04
    kinds = measured["kinds"]
    assert kinds["ptbxl"]["beyond"] < 0.05
    for kind in ("noise_0.05_mv", "noise_0.15_mv", "muscle_0.05_mv", "wander_0.6_mv"):
        assert kinds[f"ptbxl_with_{kind}"]["beyond"] > 0.9


def test_leads_that_the_sheet_does_not_show_are_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    shown = ("I", "II", *LEADS[6:])
    sheet = draw_sheet(simulate(PatientModel()), Layout("8x1", (shown,)), (), VENDORS["red"])
    page = io.BytesIO()
    sheet.image.save(page, "PNG", compress_level=1)
    verdict = diagnose(page.getvalue()).verdict
    assert verdict is not None
    assert not verdict.confident
    assert verdict.reason == (
        "III, aVR, aVL, aVF cannot be read, so this verdict is not to be relied on."
    )
