"""Curves of classes and statements."""

import numpy as np
import pytest
from paths import ROOT

from ecgapp.datasets.drawn_curves import codes_with_curves, statement_curves
from ecgapp.datasets.drawn_sheets import DRAWN_FILE, read_drawn_sheets
from ecgapp.evaluation.calibration import VERDICT_PREDICTIONS
from ecgapp.evaluation.curves import class_curves, curve
from ecgapp.evaluation.predictions import read_predictions
from ecgapp.report.curve_plots import curve_rows, precision_recall_figure, roc_figure

MODELS = ROOT / "models"


def test_a_perfect_score_finds_all_before_any_false_alarm() -> None:
    positive = np.arange(20) < 5
    perfect = curve(positive, positive.astype(float), np.arange(20))
    assert perfect.sensitivity.tolist() == [0, 1, 1]
    assert perfect.false_alarms.tolist() == [0, 0, 1]
    assert perfect.precision.tolist() == [1, 1, 0.25]
    assert perfect.auroc.value == perfect.average_precision.value == 1
    assert perfect.sensitivity_at[0.97].value == 1


def test_a_score_that_says_nothing_lies_on_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(2000) < 0.3
    found = curve(positive, rng.random(2000), np.arange(2000))
    assert found.auroc.low < 0.5 < found.auroc.high
    assert found.average_precision.value == pytest.approx(0.3, abs=0.03)
    assert found.sensitivity_at[0.9].value == pytest.approx(0.1, abs=0.04)
    assert np.all(np.diff(found.sensitivity) >= 0)


def test_equal_scores_are_one_step() -> None:
    found = curve(np.array([True, False, True, False]), np.array([1.0, 1, 0, 0]), np.arange(4))
    assert found.sensitivity.tolist() == [0, 0.5, 1]
    assert found.auroc.value == pytest.approx(0.5)


def test_what_ships_has_curves_of_every_class_and_source() -> None:
    verdict = class_curves(read_predictions(MODELS / VERDICT_PREDICTIONS).by_sheet())
    assert list(verdict) == ["normal", "abnormal_heartbeat", "mi", "history_of_mi"]
    assert verdict["normal"].auroc.value > 0.9
    sheets = read_drawn_sheets(MODELS / "statements" / DRAWN_FILE)
    assert codes_with_curves(sheets)[0] in sheets.codes
    by_source = statement_curves(sheets, "AFIB")
    assert list(by_source) == ["PTB-XL fold 9", "LUDB", "five other collections"]
    rows = curve_rows(verdict)
    assert [row[""] for row in rows][2] == "Myocardial infarction"
    assert len(roc_figure(verdict).data) == 5
    assert len(precision_recall_figure(by_source).data) == 3
