"""Per-lead probabilities -> one verdict, and whether to rely on it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ecgapp.runtime import MODELS_FOLDER

RULE_FILE = "verdict.json"


@dataclass(frozen=True)
class ConfidenceRule:
    """What a probability means and when to rely on it; learnt from out-of-fold predictions.

    Attributes
    ----------
    temperature : float
        A mean over leads is far from 0 and 1 even where the models are nearly always right.
        Raising it to the power of 1 / temperature makes it mean what it says (temperature
        scaling: Guo et al., On calibration of modern neural networks, ICML 2017).
    min_probability : float
        The least probability of the verdict's class.
    expected_accuracy : float
        Accuracy of the verdicts that the rule calls confident, fitted and judged on different
        folds.
    confident_share : float
        Share of the sheets whose verdict it calls confident, likewise.
    expected_calibration_error : float
        Mean distance between a verdict's probability and how often it is right, likewise.
    """

    temperature: float
    min_probability: float
    expected_accuracy: float
    confident_share: float
    expected_calibration_error: float


@dataclass(frozen=True)
class Verdict:
    """What the sheet as a whole was taken for.

    Attributes
    ----------
    label : str
        The likeliest class.
    confident : bool
    reason : str or None
        Why the verdict is not confident, in plain words; None when it is.
    probabilities : dict of str to float
        Class -> calibrated probability, from the mean over the models.
    by_model : dict of str to dict
        Model -> class -> calibrated probability, from the sum over the leads.
    """

    label: str
    confident: bool
    reason: str | None
    probabilities: dict[str, float]
    by_model: dict[str, dict[str, float]]


@cache
def shipped_rule() -> ConfidenceRule:
    """Read the rule that ships beside the models, once a process."""
    return ConfidenceRule(**json.loads((MODELS_FOLDER / RULE_FILE).read_text()))


def aggregate(
    lead_probabilities: dict[str, dict[str, dict[str, float]]], rule: ConfidenceRule | None = None
) -> Verdict:
    """Sum the leads' probabilities, take the mean of the models, calibrate it.

    Parameters
    ----------
    lead_probabilities : dict of str to dict
        Lead -> model -> class -> probability; at least one lead, and the same models and classes
        for every lead.
    rule : ConfidenceRule, optional
        The shipped rule when left out.

    Returns
    -------
    Verdict
    """
    rule = rule or shipped_rule()
    models = next(iter(lead_probabilities.values()))
    means = {
        model: mean_probabilities(of_lead[model] for of_lead in lead_probabilities.values())
        for model in models
    }
    probabilities = calibrate(mean_probabilities(means.values()), rule.temperature)
    by_model = {model: calibrate(mean, rule.temperature) for model, mean in means.items()}
    label = _likeliest(probabilities)
    reason = _doubt(label, probabilities, by_model, rule)
    return Verdict(label, reason is None, reason, probabilities, by_model)


def mean_probabilities(distributions: Iterable[dict[str, float]]) -> dict[str, float]:
    """Mean, class by class, of one or more distributions over the same classes."""
    every = list(distributions)
    return {name: sum(one[name] for one in every) / len(every) for name in every[0]}


def calibrate(probabilities: dict[str, float], temperature: float) -> dict[str, float]:
    """Raise every probability to the power of 1 / temperature and scale the sum to one."""
    powers = {name: p ** (1 / temperature) for name, p in probabilities.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}


def _likeliest(probabilities: dict[str, float]) -> str:
    return max(probabilities, key=probabilities.__getitem__)


def _doubt(
    label: str,
    probabilities: dict[str, float],
    by_model: dict[str, dict[str, float]],
    rule: ConfidenceRule,
) -> str | None:
    """Say why a verdict is not confident; None when it is."""
    if any(_likeliest(of_model) != label for of_model in by_model.values()):
        return "The models disagree about this sheet, so this verdict is not to be relied on."
    if probabilities[label] < rule.min_probability:
        likely, least = f"{probabilities[label]:.0%}", f"{rule.min_probability:.0%}"
        # Rounded, it may be the very number that it lies below.
        likely = f"just under {least}" if likely == least else f"only {likely}"
        return (
            f"The leads together make this {likely} likely; below {least} such verdicts were "
            "wrong too often to be relied on."
        )
    return None
