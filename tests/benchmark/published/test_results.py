"""The shipped results of the study."""

import pytest
from paths import ROOT

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
