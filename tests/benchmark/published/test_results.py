"""The shipped results of the study."""

import pytest
from paths import ROOT

from ecgapp.evaluation.predictions import read_predictions
from ecgapp.evaluation.published import read_study


def test_what_ships_sets_every_model_beside_the_verdict() -> None:
    runs = {
        (run.name, run.protocol, len(run.classes)): run
        for run in read_study(ROOT / "models" / "study" / "results.json")
    }
    verdict = runs["verdict", "grouped", 4]
    assert verdict.to_verdict is None
    twelve_lead = runs["twelve_lead", "grouped", 4]
    assert twelve_lead.to_verdict is not None
    gain = twelve_lead.scores["all"].accuracy.value - verdict.scores["all"].accuracy.value
    assert twelve_lead.to_verdict.value == pytest.approx(gain, abs=2e-4)
    assert twelve_lead.to_verdict.low < gain < twelve_lead.to_verdict.high
    svm = runs["svm", "grouped", 4]
    assert svm.to_verdict is not None
    assert svm.to_verdict.high < 0
    assert runs["svm", "holdout", 4].to_verdict is None


@pytest.mark.parametrize(
    ("name", "file"),
    [("verdict", "verdict_predictions.csv"), ("twelve_lead", "twelve_lead/predictions.csv")],
)
def test_the_study_says_of_what_is_served_what_its_predictions_say(name: str, file: str) -> None:
    sheets = read_predictions(ROOT / "models" / file).by_sheet()
    (run,) = (
        one
        for one in read_study(ROOT / "models" / "study" / "results.json")
        if (one.name, one.protocol, len(one.classes)) == (name, "grouped", 4)
    )
    right = (sheets.predicted == sheets.true).mean()
    assert run.scores["all"].accuracy.value == pytest.approx(right, abs=1e-4)
