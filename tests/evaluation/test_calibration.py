"""Whether probabilities mean what they say, and which verdicts can be relied on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgapp.evaluation import calibration
from ecgapp.evaluation.calibration import JudgedVerdicts
from ecgapp.evaluation.predictions import Predictions
from ecgapp.report import calibration_plots


def sheets(top: list[float], right: list[bool], session: list[int] | None = None) -> Predictions:
    """Sheets that are called normal with some probability, rightly or not."""
    n = len(top)
    return Predictions(
        classes=("normal", "mi"),
        sheet=np.array([f"{i:03}" for i in range(n)]),
        label=np.where(right, "normal", "mi"),
        layout=np.full(n, "3x4"),
        session=np.arange(n) if session is None else np.array(session),
        fold=np.arange(n) % 5,
        lead=np.full(n, ""),
        probabilities=np.stack([top, 1 - np.array(top)], axis=1),
    )


def judged(right: list[bool], confident: list[bool]) -> JudgedVerdicts:
    of = sheets([0.8] * len(right), right)
    return JudgedVerdicts(of, np.array(confident), np.tile([True, False], (len(right), 1)))


def test_honest_probabilities_have_no_calibration_error_and_boastful_ones_have_theirs() -> None:
    right = ([True] * 8 + [False] * 2) * 30
    honest, boastful = sheets([0.8] * 300, right), sheets([0.95] * 300, right)
    assert calibration.calibration_error_with_interval(honest).value == pytest.approx(0)
    error = calibration.calibration_error_with_interval(boastful)
    assert error.value == pytest.approx(0.15)
    assert error.low < 0.15 < error.high


def test_a_reliability_bin_holds_what_was_said_and_what_was_right() -> None:
    found = calibration.reliability(
        sheets([0.62] * 10 + [0.68] * 10 + [1.0] * 5, [True] * 10 + [False] * 10 + [True] * 5)
    )
    assert [(one.low, one.high, one.n) for one in found] == [(0.6, 0.7, 20), (0.9, 1.0, 5)]
    assert found[0].probability == pytest.approx(0.65)
    assert found[0].accuracy.low < found[0].accuracy.value == 0.5 < found[0].accuracy.high


def test_five_of_five_is_no_certainty() -> None:
    (only,) = calibration.reliability(sheets([0.95] * 5, [True] * 5))
    assert only.accuracy.value == 1
    assert only.accuracy.low == pytest.approx(1 - 3 / 5)


def test_the_surest_come_first() -> None:
    curve = calibration.risk_coverage(sheets([0.9] * 50 + [0.6] * 50, [True] * 50 + [False] * 50))
    half = int(np.argmin(np.abs(curve.coverage - 0.5)))
    assert curve.accuracy[half].value == 1
    assert curve.probability[half] == 0.9
    assert curve.accuracy[-1].value == 0.5


def test_sheets_of_one_session_count_as_one_for_the_interval() -> None:
    right = [i % 20 < 16 for i in range(400)]
    alone = calibration.reliability(sheets([0.8] * 400, right))[0].accuracy
    session = [i // 20 * 2 + (i % 20 < 16) for i in range(400)]
    together = calibration.reliability(sheets([0.8] * 400, right, session))[0].accuracy
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_confident_verdicts_are_counted_by_label_and_by_verdict() -> None:
    verdicts = judged([True, True, True, False], [True, True, False, True])
    by_label = calibration_plots.coverage_rows(verdicts, called=False)
    by_call = calibration_plots.coverage_rows(verdicts, called=True)
    assert [row["n confident"] for row in by_label] == ["2", "1", "3"]
    assert by_label[0]["Of these right"].startswith("100%")
    assert by_label[1]["Of these right"].startswith("0%")
    assert by_call[0]["Of these right"].startswith("67%")
    # None is called an infarction: nothing is said of such verdicts.
    assert by_call[1] | {"Read as": ""} == {
        "Read as": "", "n": "0", "Confident": "not defined", "n confident": "0",
        "Of these right": "not defined",
    }  # fmt: skip


def test_a_set_is_counted_when_it_holds_the_label() -> None:
    rows = calibration_plots.set_rows(judged([True, True, True, False], [True] * 4))
    assert [row["Set holds the label"].split(" (")[0] for row in rows] == ["100%", "0%", "75%"]
    assert rows[-1]["One class alone"] == "100%"


def test_each_fold_is_calibrated_by_its_own_temperature() -> None:
    of = replace(sheets([0.8] * 4, [True] * 4), fold=np.array([0, 0, 1, 1]))
    top = calibration.calibrated(of, {"0": 1.0, "1": 0.5}).probabilities[:, 0]
    assert top[:2] == pytest.approx(0.8)
    assert top[2:] == pytest.approx(0.64 / (0.64 + 0.04))


def test_verdicts_are_read_as_they_were_written(tmp_path: Path) -> None:
    verdicts = judged([True, False], [True, False])
    calibration.write_verdicts(tmp_path / "verdicts.csv", verdicts)
    again = calibration.read_verdicts(tmp_path / "verdicts.csv")
    assert again.confident.tolist() == [True, False]
    assert again.in_set.tolist() == verdicts.in_set.tolist()
    assert again.predictions.label.tolist() == ["normal", "mi"]


def test_figures_give_the_number_of_sheets_and_mark_the_shipped_threshold() -> None:
    verdicts = judged([True] * 30 + [False] * 10, [True] * 20 + [False] * 20)
    bins = calibration.reliability(verdicts.predictions)
    diagram = calibration_plots.reliability_figure(bins)
    assert [note.text for note in diagram.layout.annotations] == ["40"]
    curve = calibration.risk_coverage(verdicts.predictions)
    marked = calibration_plots.risk_coverage_figure(curve, calibration_plots.of_all(verdicts), 0.97)
    diamond = marked.data[-1]
    assert (diamond.x[0], diamond.y[0]) == (0.5, 1.0)
    assert len(calibration_plots.risk_coverage_figure(curve).data) == len(marked.data) - 1
