"""``python -m ecgapp evaluate``: the shipped models' figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from ecgapp.cli.main import main
from ecgapp.evaluation import summary
from ecgapp.evaluation.calibration import read_verdicts
from ecgapp.evaluation.summary import Evaluation
from ecgapp.inference.shipped_models import MODELS_FOLDER
from ecgapp.inference.verdict import shipped_rule

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shipped() -> dict:
    script = (
        "import sys; from ecgapp.cli.main import main; status = main(['evaluate', '--json']);"
        "sys.exit(status or 9 * bool({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_figure_has_its_interval_and_the_number_of_sheets(shipped: dict) -> None:
    assert list(shipped["models"]) == ["verdict", "cnn", "crnn", "twelve_lead"]
    for parts in shipped["models"].values():
        assert parts["all"]["n"] == 1343
        assert parts["all"]["n_by_class"]["mi"] == 60
        assert parts["3x4"]["n_sessions"] < parts["all"]["n_sessions"]
        for name in ("accuracy", "macro_f1", "auroc_normal", "recall_mi"):
            figure = parts["all"]["figures"][name]
            assert 0 <= figure["low"] < figure["value"] < figure["high"] <= 1


def test_the_shipped_rule_says_what_is_counted(shipped: dict) -> None:
    rule, figures = shipped_rule(), shipped["models"]["verdict"]["all"]["figures"]
    assert figures["confident_share"]["value"] == rule.confident_share
    assert figures["confident_accuracy"]["value"] == rule.expected_accuracy
    assert figures["calibration_error"]["value"] == rule.expected_calibration_error
    confident = read_verdicts(MODELS_FOLDER / "verdict_predictions.csv").confident
    assert figures["confident_accuracy"]["n"] == confident.sum()


def test_sets_hold_the_label_as_often_as_they_say(shipped: dict) -> None:
    figures = shipped["models"]["verdict"]["all"]["figures"]
    for name in ("normal", "abnormal_heartbeat", "mi", "history_of_mi"):
        figure = figures[f"set_coverage_{name}"]
        assert figure["low"] < 0.9 < figure["high"]


def test_labels_are_changed_nowhere_and_suspicious_ones_left_out_in_a_part_of_their_own(
    shipped: dict,
) -> None:
    parts = shipped["models"]["verdict"]
    without = parts["without_suspicious"]
    assert without["n"] < parts["all"]["n"]
    assert all(without["n_by_class"][name] <= n for name, n in parts["all"]["n_by_class"].items())


def test_text_is_for_reading(
    shipped_evaluation: Evaluation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    counted = {MODELS_FOLDER: shipped_evaluation}
    monkeypatch.setattr(summary, "evaluate_shipped", counted.__getitem__)
    assert main(["evaluate", "--models", str(MODELS_FOLDER)]) == 0
    shown = capsys.readouterr().out
    for expected in ("1343 sheets", "672", "accuracy", "confident share", "Sessions with any"):
        assert expected in shown
    assert "Only with --json: suspicious labels left out." in " ".join(shown.split())


def test_missing_models_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--models", str(tmp_path)]) == 2
    assert "verdict_predictions.csv" in capsys.readouterr().err
