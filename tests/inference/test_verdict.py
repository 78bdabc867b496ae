from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgapp.evaluation.predictions import Predictions
from ecgapp.inference.definitions import Definition
from ecgapp.inference.shipped_models import ModelError
from ecgapp.inference.verdict import (
    RULE_FILE,
    ConfidenceRule,
    ElsewhereRule,
    NotNormalRule,
    Verdict,
    aggregate,
    as_defined,
    read_rule,
)
from ecgapp.io.weights import write_checksums
from ecgapp.training.stacking import Abstentions, fit_rule

RULE = ConfidenceRule(
    weights={"cnn": 0.5, "crnn": 0.5},
    bias={"normal": 0.0, "mi": 0.0},
    temperatures={"cnn": 1.0, "crnn": 1.0},
    fold_temperatures={},
    min_probability=0.6,
    set_min_probability={"normal": 0.3, "mi": 0.05},
    expected_accuracy=0.95,
    confident_share=0.5,
    expected_calibration_error=0.02,
)


def lead(cnn: float, crnn: float) -> dict[str, dict[str, float]]:
    """Give one lead's probabilities; the numbers are those of `mi`."""
    return {
        "cnn": {"normal": 1 - cnn, "mi": cnn},
        "crnn": {"normal": 1 - crnn, "mi": crnn},
    }


def test_the_verdict_is_the_class_with_the_largest_sum_over_leads() -> None:
    # Two leads of three say normal, but weakly; the sum says mi.
    verdict = aggregate({"I": lead(0.4, 0.4), "II": lead(0.4, 0.4), "V2": lead(1, 1)}, rule=RULE)
    assert verdict.label == "mi"
    assert verdict.probabilities["mi"] == pytest.approx(0.6)
    assert sum(verdict.probabilities.values()) == pytest.approx(1)
    assert verdict.confident
    assert verdict.reason is None


def test_each_model_is_shown_by_itself() -> None:
    verdict = aggregate({"I": lead(0.9, 0.7), "II": lead(0.7, 0.5)}, rule=RULE)
    assert verdict.by_model["cnn"]["mi"] == pytest.approx(0.8)
    assert verdict.by_model["crnn"]["mi"] == pytest.approx(0.6)
    assert 0.6 < verdict.probabilities["mi"] < 0.8


def test_a_model_counts_as_its_weight_says() -> None:
    rule = replace(RULE, weights={"cnn": 0.0, "crnn": 0.0, "twelve_lead": 1.0})
    rule = replace(rule, temperatures={**RULE.temperatures, "twelve_lead": 1.0})
    whole = {"twelve_lead": {"normal": 0.9, "mi": 0.1}}
    verdict = aggregate({"I": lead(1.0, 1.0)}, whole, rule)
    assert verdict.label == "normal"
    assert verdict.probabilities["normal"] == pytest.approx(0.9)
    assert verdict.by_model["twelve_lead"]["normal"] == pytest.approx(0.9)


def test_a_low_probability_is_not_confident_and_says_so() -> None:
    verdict = aggregate({"I": lead(0.55, 0.55)}, rule=RULE)
    assert not verdict.confident
    assert verdict.reason is not None
    assert "55%" in verdict.reason
    assert "60%" in verdict.reason


def test_a_probability_just_below_the_limit_is_not_called_the_limit() -> None:
    reason = aggregate({"I": lead(0.598, 0.598)}, rule=RULE).reason
    assert reason is not None
    assert "just under 60%" in reason


def test_a_sheet_that_gives_reason_to_doubt_is_not_confident_however_sure_the_models() -> None:
    verdict = aggregate({"I": lead(1.0, 1.0)}, rule=RULE, abstention="The curve is torn.")
    assert not verdict.confident
    assert verdict.reason == "The curve is torn."


def test_a_finding_holds_back_a_verdict_of_normal_and_no_other() -> None:
    finding = "What was measured does not fit a normal ECG: 3 premature beats."
    sure = aggregate({"I": lead(0.0, 0.0)}, rule=RULE, finding=finding)
    assert sure.label == "normal"
    assert not sure.confident
    assert sure.reason == finding
    unsure = aggregate({"I": lead(0.45, 0.45)}, rule=RULE, finding=finding)
    assert unsure.reason is not None
    assert "55%" in unsure.reason
    assert unsure.reason.endswith(finding)
    assert aggregate({"I": lead(1.0, 1.0)}, rule=RULE, finding=finding).confident


def test_a_class_that_cannot_be_ruled_out_stays_in_the_set() -> None:
    # 10% is enough for the rare class, which is often missed, not for the common one.
    assert aggregate({"I": lead(0.1, 0.1)}, rule=RULE).prediction_set == ("normal", "mi")
    assert aggregate({"I": lead(0.9, 0.9)}, rule=RULE).prediction_set == ("mi",)
    nothing = replace(RULE, set_min_probability={"normal": 0.99, "mi": 0.99})
    assert aggregate({"I": lead(0.9, 0.9)}, rule=nothing).prediction_set == ("mi",)


def predictions(top: list[float], correct: list[bool]) -> Predictions:
    n = len(top)
    label = np.where(correct, "normal", "mi")
    return Predictions(
        classes=("normal", "mi"),
        sheet=np.array([f"sheet{i:03}" for i in range(n)]),
        label=label,
        layout=np.full(n, "3x4"),
        session=np.arange(n),
        fold=np.zeros(n, int),
        lead=np.full(n, "I"),
        probabilities=np.stack([np.array(top), 1 - np.array(top)], axis=1),
    )


def test_the_rule_is_the_least_probability_that_is_right_often_enough() -> None:
    sure = predictions([0.9] * 40 + [0.6] * 40, [True] * 40 + [True, True, False, False] * 10)
    rule, verdicts = fit_rule({"cnn": sure, "crnn": sure})
    high, low = np.unique(verdicts.predictions.probabilities.max(axis=1))[::-1]
    assert low < rule.min_probability <= high
    assert rule.expected_accuracy == 1
    assert rule.confident_share == 0.5


def test_sheets_of_abstention_are_not_confident_and_set_no_threshold() -> None:
    # Those that are sure and wrong would raise the threshold for all.
    wrong = np.arange(80) < 20
    sheets = predictions([0.9] * 80, (~wrong).tolist())
    strict, _ = fit_rule({"cnn": sheets, "crnn": sheets})
    assert strict.confident_share == 0
    rule, verdicts = fit_rule({"cnn": sheets, "crnn": sheets}, Abstentions(sheets.sheet[wrong]))
    np.testing.assert_array_equal(verdicts.confident, ~wrong)
    assert rule.expected_accuracy == 1


def test_of_some_sheets_only_a_verdict_of_normal_is_not_confident() -> None:
    sheets = predictions([0.9] * 80, [True] * 80)
    says_mi = np.arange(80) < 40
    p_normal = np.where(says_mi, 0.1, 0.9)
    sheets = replace(
        sheets,
        label=np.where(says_mi, "mi", "normal"),
        probabilities=np.stack([p_normal, 1 - p_normal], axis=1),
    )
    every = Abstentions(if_normal=sheets.sheet)
    _, verdicts = fit_rule({"cnn": sheets, "crnn": sheets}, every)
    np.testing.assert_array_equal(verdicts.confident, says_mi)


def test_models_that_are_never_right_often_enough_are_never_confident() -> None:
    guessing = predictions([0.9] * 20, [True, False] * 10)
    rule, _ = fit_rule({"cnn": guessing, "crnn": guessing})
    assert rule.confident_share == 0
    assert not aggregate({"I": lead(0.99, 0.99)}, rule=rule).confident


def test_probabilities_mean_what_they_say() -> None:
    # Eight of ten are right where the model says 60%.
    n = np.arange(100)
    right = n % 10 < 8
    timid = predictions([0.6 if says_normal else 0.4 for says_normal in right], [True] * 100)
    timid = replace(timid, label=np.where(n % 2 == 0, "normal", "mi"))
    normal = np.where((n % 2 == 0) == right, 0.6, 0.4)
    timid = replace(timid, probabilities=np.stack([normal, 1 - normal], axis=1))
    rule, _ = fit_rule({"cnn": timid, "crnn": timid})
    verdict = aggregate({"I": lead(0.4, 0.4)}, rule=rule)
    assert verdict.label == "normal"
    assert verdict.probabilities["normal"] == pytest.approx(0.8, abs=0.01)
    assert verdict.by_model["cnn"]["normal"] == pytest.approx(0.8, abs=0.01)
    assert rule.expected_calibration_error < 0.01


def test_a_model_that_knows_nothing_gets_no_weight() -> None:
    rng = np.random.default_rng(0)
    knows = predictions(rng.uniform(0.7, 0.9, 200).tolist(), [True] * 200)
    truth = rng.random(200) < 0.5
    knows = replace(knows, label=np.where(truth, "normal", "mi"))
    says = np.where(truth ^ (rng.random(200) < 0.1), 0.8, 0.2)
    knows = replace(knows, probabilities=np.stack([says, 1 - says], axis=1))
    noise = rng.uniform(0.1, 0.9, 200)
    guesses = replace(knows, probabilities=np.stack([noise, 1 - noise], axis=1))
    rule, _ = fit_rule({"cnn": knows, "crnn": guesses})
    assert rule.weights["cnn"] > 1
    assert rule.weights["crnn"] < 0.3


def test_sets_hold_nine_of_ten_labels_of_each_class_and_not_of_all_alone() -> None:
    rng = np.random.default_rng(0)
    n = 2000
    mi = np.arange(n) % 10 == 0
    says_mi = np.clip(np.where(mi, rng.beta(2, 4, n), rng.beta(1, 8, n)), 0.001, 0.999)
    rare = replace(
        predictions([0.9] * n, (~mi).tolist()),
        probabilities=np.stack([1 - says_mi, says_mi], axis=1),
        fold=np.arange(n) // 20 % 5,
    )
    rule, verdicts = fit_rule({"cnn": rare, "crnn": rare})
    held = verdicts.in_set[np.arange(n), verdicts.predictions.true]
    assert held[mi].mean() == pytest.approx(0.9, abs=0.06)
    assert held[~mi].mean() > 0.87
    assert rule.set_min_probability["mi"] < rule.set_min_probability["normal"]


def test_what_is_judged_was_not_fitted_on_it() -> None:
    # Sure and wrong in fold 0 alone: the threshold of the other folds lets them pass.
    n = 200
    wrong = np.arange(n) < 20
    sheets = predictions([0.9] * n, (~wrong).tolist())
    sheets = replace(sheets, fold=np.where(np.arange(n) < 40, 0, 1 + np.arange(n) % 4))
    _, verdicts = fit_rule({"cnn": sheets, "crnn": sheets})
    assert verdicts.confident[:40].all()
    assert not verdicts.confident[40:].any()


@pytest.mark.parametrize(
    "content", [None, "{", "[]", '{"weights": {}}'], ids=["none", "cut off", "list", "old"]
)
def test_a_rule_that_cannot_be_read_is_an_incomplete_installation(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / RULE_FILE).write_text(content)
    write_checksums(tmp_path)
    with pytest.raises(ModelError, match=RULE_FILE):
        read_rule(tmp_path)


CLASSES = ("normal", "abnormal_heartbeat", "mi", "history_of_mi")
TWO_RULES = ConfidenceRule(
    weights={"cnn": 1.0},
    bias=dict.fromkeys(CLASSES, 0.0),
    temperatures={"cnn": 1.0},
    fold_temperatures={},
    min_probability=0.6,
    set_min_probability=dict.fromkeys(CLASSES, 0.3),
    expected_accuracy=0.95,
    confident_share=0.5,
    expected_calibration_error=0.02,
    elsewhere=ElsewhereRule(
        weights={"statements": 1.0},
        bias=dict.fromkeys(CLASSES, 0.0),
        min_probability=0.8,
        set_min_probability=dict.fromkeys(CLASSES, 0.1),
        target_accuracy=0.95,
        judged={},
    ),
)


def of(*probabilities: float) -> dict[str, float]:
    return dict(zip(CLASSES, probabilities, strict=True))


def test_elsewhere_the_networks_of_one_machine_have_no_say() -> None:
    one_machines = {"I": {"cnn": of(0.97, 0.01, 0.01, 0.01)}}
    whole = {"statements": of(0.05, 0.85, 0.05, 0.05)}
    here = aggregate(one_machines, whole, TWO_RULES)
    there = aggregate(one_machines, whole, TWO_RULES, elsewhere=True)
    assert (here.label, here.confident, here.elsewhere) == ("normal", True, False)
    assert (there.label, there.confident, there.elsewhere) == ("abnormal_heartbeat", True, True)
    assert there.by_model["cnn"]["normal"] == pytest.approx(0.97)


def test_elsewhere_no_verdict_is_confident_that_other_hospitals_show_wrong() -> None:
    one_machines = {"I": {"cnn": of(0.9, 0.1, 0.0, 0.0)}}
    whole = {"statements": of(0.01, 0.99, 0.0, 0.0)}
    judged = {
        "one": {"sheets": 90, "confident_share": 0.4, "accuracy": 0.94},
        "other": {"sheets": 90, "confident_share": 0.4, "accuracy": 0.62},
    }
    assert TWO_RULES.elsewhere is not None
    rule = replace(TWO_RULES, elsewhere=replace(TWO_RULES.elsewhere, judged=judged))
    verdict = aggregate(one_machines, whole, rule, elsewhere=True)
    assert not verdict.confident
    assert verdict.reason is not None
    assert "62% (other)" in verdict.reason
    assert "one" not in verdict.reason.split("62%")[1].split("of the")[0]
    judged["other"]["accuracy"] = 0.93
    assert aggregate(one_machines, whole, rule, elsewhere=True).confident


def not_normal_rule(*accuracies: float) -> ConfidenceRule:
    """A rule whose labels are never confident elsewhere, and these accuracies of not normal."""
    judged = {
        str(number): {"sheets": 90, "share": 0.4, "accuracy": accuracy}
        for number, accuracy in enumerate(accuracies)
    }
    assert TWO_RULES.elsewhere is not None
    by = replace(
        TWO_RULES.elsewhere, min_probability=1.01, not_normal=NotNormalRule(0.9, 0.99, judged)
    )
    return replace(TWO_RULES, elsewhere=by)


def test_an_ecg_may_surely_be_not_normal_whose_label_is_not_sure() -> None:
    leads = {"I": {"cnn": of(0.25, 0.25, 0.25, 0.25)}}
    rule = not_normal_rule(0.99, 0.95)
    whole = {"statements": of(0.04, 0.5, 0.06, 0.4)}
    sure = aggregate(leads, whole, rule, elsewhere=True)
    assert sure.not_normal
    assert not sure.confident
    assert sure.not_normal_probability == pytest.approx(0.96)
    unsure = {"statements": of(0.15, 0.75, 0.05, 0.05)}
    assert not aggregate(leads, unsure, rule, elsewhere=True).not_normal
    poorly_read = aggregate(leads, whole, rule, elsewhere=True, abstention="It is poorly read.")
    assert not poorly_read.not_normal
    wrong_somewhere = not_normal_rule(0.99, 0.94)
    assert not aggregate(leads, whole, wrong_somewhere, elsewhere=True).not_normal
    assert not aggregate(leads, whole, not_normal_rule(), elsewhere=True).not_normal


def test_elsewhere_an_infarction_is_sure_whatever_its_stage() -> None:
    leads = {"I": {"cnn": of(0.25, 0.25, 0.25, 0.25)}}
    whole = {"statements": of(0.02, 0.08, 0.4, 0.5)}
    verdict = aggregate(leads, whole, TWO_RULES, elsewhere=True)
    assert verdict.label == "history_of_mi"
    assert verdict.confident
    assert set(verdict.prediction_set) == {"mi", "history_of_mi"}
    unsure = aggregate(leads, {"statements": of(0.15, 0.15, 0.3, 0.4)}, TWO_RULES, elsewhere=True)
    assert not unsure.confident


def test_without_a_rule_for_other_machines_nothing_is_confident_there() -> None:
    rule = replace(TWO_RULES, elsewhere=None)
    leads = {"I": {"cnn": of(0.97, 0.01, 0.01, 0.01)}}
    verdict = aggregate(leads, {"statements": of(0.9, 0.1, 0.0, 0.0)}, rule, elsewhere=True)
    assert not verdict.confident
    assert "has not been measured" in (verdict.reason or "")


def test_a_raised_st_has_its_learnt_say_on_the_known_machine() -> None:
    rule = replace(TWO_RULES, raised_st=of(-1.0, 0.0, 2.0, 0.0))
    leads = {"I": {"cnn": of(0.5, 0.1, 0.3, 0.1)}}
    assert aggregate(leads, rule=rule).label == "normal"
    assert aggregate(leads, rule=rule, raised_st=True).label == "mi"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_would_be_normal_gets_the_label_that_it_has_by_definition(elsewhere: bool) -> None:
    definition = Definition("mi", "ST is raised in V2 and V3.")
    leads = {"I": {"cnn": of(0.95, 0.03, 0.01, 0.01)}}
    whole = {"statements": of(0.95, 0.03, 0.01, 0.01)}

    def verdict_by(whole: dict[str, dict[str, float]], leads: Any) -> Verdict:
        return aggregate(leads, whole, TWO_RULES, elsewhere=elsewhere, definition=definition)

    verdict = verdict_by(whole, leads)
    assert verdict.label == "mi"
    assert sum(verdict.probabilities.values()) == pytest.approx(1)
    assert 0.3 < verdict.probabilities["normal"] < 0.5, "not more is said than is known"
    assert not verdict.confident
    assert "by definition, an acute infarction" in (verdict.reason or "")
    assert verdict.defined_by == definition.text
    ill = of(0.01, 0.95, 0.02, 0.02)
    unchanged = verdict_by({"statements": ill}, {"I": {"cnn": ill}})
    assert unchanged.label == "abnormal_heartbeat"
    assert unchanged.defined_by is None


def test_the_label_by_definition_is_the_likeliest_even_of_an_unlikely_normal() -> None:
    moved = as_defined(of(0.36, 0.35, 0.01, 0.28), "mi")
    assert max(moved, key=moved.__getitem__) == "mi"
