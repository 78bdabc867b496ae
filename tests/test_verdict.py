import numpy as np
import pytest

from ecgapp.predictions import Predictions
from ecgapp.study.confidence import fit_rule
from ecgapp.verdict import ConfidenceRule, aggregate

RULE = ConfidenceRule(1.0, 0.6, 0.95, 0.5, 0.02)


def lead(cnn: float, crnn: float) -> dict[str, dict[str, float]]:
    """Give one lead's probabilities; the numbers are those of `mi`."""
    return {
        "cnn": {"normal": 1 - cnn, "mi": cnn},
        "crnn": {"normal": 1 - crnn, "mi": crnn},
    }


def test_the_verdict_is_the_class_with_the_largest_sum_over_leads() -> None:
    # Two leads of three say normal, but weakly; the sum says mi.
    verdict = aggregate({"I": lead(0.4, 0.4), "II": lead(0.4, 0.4), "V2": lead(1, 1)}, RULE)
    assert verdict.label == "mi"
    assert verdict.probabilities["mi"] == pytest.approx(0.6)
    assert sum(verdict.probabilities.values()) == pytest.approx(1)
    assert verdict.confident
    assert verdict.reason is None


def test_models_count_alike() -> None:
    verdict = aggregate({"I": lead(0.9, 0.7), "II": lead(0.7, 0.5)}, RULE)
    assert verdict.by_model["cnn"]["mi"] == pytest.approx(0.8)
    assert verdict.by_model["crnn"]["mi"] == pytest.approx(0.6)
    assert verdict.probabilities["mi"] == pytest.approx(0.7)


def test_a_low_probability_is_not_confident_and_says_so() -> None:
    verdict = aggregate({"I": lead(0.55, 0.55)}, RULE)
    assert not verdict.confident
    assert verdict.reason is not None
    assert "55%" in verdict.reason
    assert "60%" in verdict.reason


def test_a_probability_just_below_the_limit_is_not_called_the_limit() -> None:
    reason = aggregate({"I": lead(0.598, 0.598)}, RULE).reason
    assert reason is not None
    assert "just under 60%" in reason


def test_models_that_disagree_are_not_confident() -> None:
    verdict = aggregate({"I": lead(1.0, 0.4)}, RULE)
    assert verdict.label == "mi"
    assert not verdict.confident
    assert verdict.reason is not None
    assert "disagree" in verdict.reason


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
    sure = predictions([0.9] * 20 + [0.6] * 20, [True] * 20 + [True, False] * 10)
    rule = fit_rule([sure, sure])
    temper = rule.temperature
    high, low = (
        p ** (1 / temper) / (p ** (1 / temper) + (1 - p) ** (1 / temper)) for p in (0.9, 0.6)
    )
    assert low < rule.min_probability <= high
    assert rule.expected_accuracy == 1
    assert rule.confident_share == 0.5


def test_models_that_are_never_right_often_enough_are_never_confident() -> None:
    guessing = predictions([0.9] * 20, [True, False] * 10)
    rule = fit_rule([guessing, guessing])
    assert rule.confident_share == 0
    assert not aggregate({"I": lead(0.99, 0.99)}, rule).confident


def test_the_temperature_makes_probabilities_mean_what_they_say() -> None:
    # Eight of ten are right where the mean over leads says 60%.
    timid = predictions([0.6] * 100, ([True] * 8 + [False] * 2) * 10)
    rule = fit_rule([timid, timid])
    verdict = aggregate({"I": lead(0.4, 0.4)}, rule)
    assert verdict.label == "normal"
    assert verdict.probabilities["normal"] == pytest.approx(0.8, abs=0.01)
    assert verdict.by_model["cnn"]["normal"] == pytest.approx(0.8, abs=0.01)
    assert rule.expected_calibration_error < 0.01
