"""Preprocessing step by step: what the sliders change, and that nothing changes by itself."""

import numpy as np
import pytest
from fakes import install

from ecgapp.digitize.leads import cut_leads, model_windows
from ecgapp.explain import preprocessing_steps
from ecgapp.explain.preprocessing_steps import Settings, preprocess, with_settings
from ecgapp.io.pages import read_page
from ecgapp.pipeline import Diagnosis, diagnose
from ecgapp.sheet.locate import locate
from ecgapp.synthesis.samples import draw_sample


@pytest.fixture(scope="module", params=["Normal rhythm", "Irregular rhythm, six rows"])
def sheet(request):
    return locate(read_page(draw_sample(request.param)))


def test_untouched_settings_give_exactly_what_the_models_read(sheet):
    for name, lead in cut_leads(sheet).items():
        assert np.array_equal(preprocess(sheet, name, Settings()).windows, model_windows(lead))


def test_otsus_own_threshold_changes_nothing(sheet):
    by_otsu = preprocess(sheet, "V2", Settings())
    by_hand = preprocess(sheet, "V2", Settings(threshold=by_otsu.otsu_threshold))
    assert np.array_equal(by_otsu.binary, by_hand.binary)


def test_higher_threshold_takes_more_for_ink(sheet):
    ink = [(preprocess(sheet, "II", Settings(threshold=t)).binary == 0).sum() for t in (60, 200)]
    assert ink[0] < ink[1]


def test_wider_gaussian_leaves_less_contrast(sheet):
    plain, blurred = (preprocess(sheet, "II", Settings(sigma_px=s)).smooth for s in (0, 4))
    assert blurred.min() > plain.min()


def test_lower_window_shows_the_curve_larger(sheet):
    heights = []
    for half_height_mv in (2.4, 1.2):
        window = preprocess(sheet, "I", Settings(half_height_mv=half_height_mv)).windows[0]
        rows = np.flatnonzero(window.any(axis=1))
        heights.append(rows[-1] - rows[0])
    assert heights[1] > 1.6 * heights[0]


def test_shipped_models_read_the_result(sheet, monkeypatch):
    install(monkeypatch)
    readings = preprocessing_steps.read_windows("V2", preprocess(sheet, "V2", Settings()).windows)
    assert set(readings) == {"cnn", "crnn"}
    assert readings["cnn"]["mi"] == pytest.approx(0.9)


def test_standard_settings_give_the_very_verdict_and_others_another_one():
    diagnosis = diagnose(draw_sample("Raised ST in V1 to V4"))
    same = with_settings(diagnosis, Settings())
    assert same.verdict == diagnosis.verdict
    other = with_settings(diagnosis, Settings(half_height_mv=0.4))
    assert other.verdict.probabilities != diagnosis.verdict.probabilities
    assert other.verdict.by_model["twelve_lead"] == diagnosis.verdict.by_model["twelve_lead"]
    with pytest.raises(ValueError, match="no verdict"):
        with_settings(Diagnosis(), Settings())
