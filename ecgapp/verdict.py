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
    """When a verdict counts as confident; learnt from the out-of-fold predictions.

    Attributes
    ----------
    min_probability : float
        The least probability of the verdict's class.
    expected_accuracy : float
        Out-of-fold accuracy of the verdicts that the rule calls confident.
    confident_share : float
        Share of the sheets whose verdict it calls confident.
    """

    min_probability: float
    expected_accuracy: float
    confident_share: float


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
        Class -> probability, the mean over the models.
    by_model : dict of str to dict
        Model -> class -> probability, the sum over the leads scaled to one.
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
    """Sum the leads' probabilities, model by model, and take the mean of the models.

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
    by_model = {
        model: mean_probabilities(of_lead[model] for of_lead in lead_probabilities.values())
        for model in models
    }
    probabilities = mean_probabilities(by_model.values())
    label = _likeliest(probabilities)
    reason = _doubt(label, probabilities, by_model, rule)
    return Verdict(label, reason is None, reason, probabilities, by_model)


def mean_probabilities(distributions: Iterable[dict[str, float]]) -> dict[str, float]:
    """Mean, class by class, of one or more distributions over the same classes."""
    every = list(distributions)
    return {name: sum(one[name] for one in every) / len(every) for name in every[0]}


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
        return (
            f"The leads together give this only {probabilities[label]:.0%}; below "
            f"{rule.min_probability:.0%} such verdicts were wrong too often to be relied on."
        )
    return None
