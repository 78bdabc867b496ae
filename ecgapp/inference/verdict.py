"""Probabilities of the models -> one verdict, and whether to rely on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgapp.inference.log_probabilities import log_probabilities, stack, temper
from ecgapp.io.weights import MODELS_FOLDER, ModelError, read_json

if TYPE_CHECKING:
    from ecgapp.inference.definitions import Definition

RULE_FILE = "verdict.json"
NORMAL = "normal"
# Of any age.
INFARCTIONS = ("mi", "history_of_mi")

# How many of the confident verdicts should be right. Our aim, as are the next two shares.
TARGET_ACCURACY = 0.97
_NOT_MEASURED = (
    "The models learnt from one machine's scans at one size, and how often they are right on other "
    "sheets and photographs has not been measured."
)
# The labels in words that follow "it is".
_IN_WORDS = {
    "abnormal_heartbeat": "an abnormal heartbeat",
    "mi": "an acute infarction",
    "history_of_mi": "an old infarction",
}
# Of what speaks for normal so much speaks for the label that a sheet has by definition: four in ten
# such labels are right on the known machine's sheets, so no more is said than that it is likelier.
_DEFINED_PART = 0.55
# How many of the sheets of each class should have it in their prediction set.
SET_COVERAGE = 0.9
# How far below their target confident verdicts may be at a source that nothing was fitted on.
TOLERATED_SHORTFALL = 0.03
# How many of the ECGs that are confidently not normal should not be, at each source that nothing
# was fitted on. Our aim.
LEAST_NOT_NORMAL_ACCURACY = 0.95


@dataclass(frozen=True)
class NotNormalRule:
    """When to rely on it that an ECG is not normal, whichever of the other labels it has.

    Attributes
    ----------
    min_probability : float
        The least probability of all labels but normal together.
    target_accuracy : float
        How many of these were to be right where the rule was fitted.
    judged : dict of str to dict
        Sheets that it was not fitted on -> ``sheets``, and ``share`` and ``accuracy`` of those that
        are confidently not normal.
    """

    min_probability: float
    target_accuracy: float
    judged: dict[str, dict[str, float]]

    def holds(self, probability: float) -> bool:
        """Whether an ECG that is not normal with a probability is confidently so."""
        accuracies = [one["accuracy"] for one in self.judged.values()]
        least = min(accuracies, default=0.0)
        return probability >= self.min_probability and least >= LEAST_NOT_NORMAL_ACCURACY


@dataclass(frozen=True)
class ElsewhereRule:
    """How a verdict on a sheet of another machine is made, and when to rely on it.

    The networks that learnt from one machine's sheets have no say there. Elsewhere the stage of an
    infarction mostly is not known, so `min_probability` is of an infarction of any age where the
    verdict is one.

    Attributes
    ----------
    weights, bias, min_probability, set_min_probability
        As in :class:`ConfidenceRule`, of the statement network alone.
    target_accuracy : float
        How many of the confident verdicts were to be right where the rule was fitted.
    judged : dict of str to dict
        Source that nothing was fitted on -> ``sheets``, ``confident_share`` and ``accuracy`` of the
        confident verdicts.
    not_normal : NotNormalRule or None
        None calls no ECG confidently not normal.
    """

    weights: dict[str, float]
    bias: dict[str, float]
    min_probability: float
    set_min_probability: dict[str, float]
    target_accuracy: float
    judged: dict[str, dict[str, float]]
    not_normal: NotNormalRule | None = None


@dataclass(frozen=True)
class ConfidenceRule:
    """How models make a verdict and when to rely on it; learnt from out-of-fold predictions.

    Attributes
    ----------
    weights : dict of str to float
        Model -> weight of its log probabilities in the verdict (stacking: Wolpert 1992).
    bias : dict of str to float
        Class -> what is added to its weighted sum.
    temperatures : dict of str to float
        Model -> temperature that makes its own probabilities mean what they say (Guo et al., On
        calibration of modern neural networks, ICML 2017).
    fold_temperatures : dict of str to dict
        Model -> number of a fold -> the temperature that was fitted on the other folds.
    min_probability : float
        The least probability of the verdict's class.
    set_min_probability : dict of str to float
        Class -> probability from which on it belongs to a sheet's prediction set, so that 90% of
        the sheets of each class have it in theirs.
    expected_accuracy : float
        Accuracy of the verdicts that the rule calls confident, fitted and judged on different
        folds.
    confident_share : float
        Share of the sheets whose verdict it calls confident, likewise.
    expected_calibration_error : float
        Mean distance between a verdict's probability and how often it is right, likewise.
    raised_st : dict of str to float
        Class -> what a measured ST elevation (:mod:`ecgapp.measure.findings`) adds to its sum.
    elsewhere : ElsewhereRule or None
        For sheets of other machines; None calls no verdict on these confident.
    not_normal : NotNormalRule or None
        None calls no ECG confidently not normal.
    """

    weights: dict[str, float]
    bias: dict[str, float]
    temperatures: dict[str, float]
    fold_temperatures: dict[str, dict[str, float]]
    min_probability: float
    set_min_probability: dict[str, float]
    expected_accuracy: float
    confident_share: float
    expected_calibration_error: float
    raised_st: dict[str, float] = field(default_factory=dict)
    elsewhere: ElsewhereRule | None = None
    not_normal: NotNormalRule | None = None


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
        Class -> calibrated probability, from all models.
    by_model : dict of str to dict
        Model -> class -> calibrated probability; of models that read lead by lead, from the mean
        over the leads.
    prediction_set : tuple of str
        Classes that are not to be ruled out, the likeliest first: nine of ten development sheets
        of each class had it in their set.
    elsewhere : bool
        Whether it was made by the rule for other machines' sheets.
    defined_by : str or None
        What was measured that makes it so by definition, where the models would say normal.
    not_normal : bool
        Whether it is to be relied on that the ECG is not normal, though perhaps not on `label`.
    """

    label: str
    confident: bool
    reason: str | None
    probabilities: dict[str, float]
    by_model: dict[str, dict[str, float]]
    prediction_set: tuple[str, ...]
    elsewhere: bool = False
    defined_by: str | None = None
    not_normal: bool = False

    @property
    def not_normal_probability(self) -> float:
        """Probability of all labels but normal together."""
        return 1 - self.probabilities[NORMAL]


@cache
def shipped_rule() -> ConfidenceRule:
    """Read the rule that ships beside the models, once a process."""
    return read_rule(MODELS_FOLDER)


def read_rule(folder: Path) -> ConfidenceRule:
    """Read the rule that lies beside models.

    Parameters
    ----------
    folder : Path
        Holds ``verdict.json``.

    Returns
    -------
    ConfidenceRule

    Raises
    ------
    ModelError
        If the file is missing, was changed, or is not such a rule.
    """
    try:
        content = dict(read_json(folder, RULE_FILE))
        elsewhere = content.pop("elsewhere", None)
        return ConfidenceRule(
            **_with_not_normal(content),
            elsewhere=ElsewhereRule(**_with_not_normal(elsewhere)) if elsewhere else None,
        )
    except TypeError as error:
        raise ModelError(f"{RULE_FILE} beside the models cannot be read: {error}") from error


def _with_not_normal(content: dict[str, Any]) -> dict[str, Any]:
    found = content.get("not_normal")
    return content | {"not_normal": NotNormalRule(**found) if found else None}


def aggregate(
    lead_probabilities: Mapping[str, Mapping[str, dict[str, float]]],
    sheet_probabilities: Mapping[str, dict[str, float]] | None = None,
    rule: ConfidenceRule | None = None,
    abstention: str | None = None,
    finding: str | None = None,
    elsewhere: bool = False,
    raised_st: bool = False,
    definition: Definition | None = None,
) -> Verdict:
    """Weigh what the models say of the leads, and of the sheet as a whole.

    Parameters
    ----------
    lead_probabilities : mapping of str to mapping
        Lead -> model -> class -> probability; at least one lead, and the same models and classes
        for every lead.
    sheet_probabilities : mapping of str to dict, optional
        Model -> class -> probability, of models that read all leads together.
    rule : ConfidenceRule, optional
        The shipped rule when left out.
    abstention : str, optional
        Why the sheet's verdict is not to be relied on, whatever the probabilities.
    finding : str, optional
        Why a verdict of normal is not to be relied on.
    elsewhere : bool
        Whether the sheet is another machine's than the one that the rule was learnt on, or a
        photograph.
    raised_st : bool
        Whether ST elevation was measured.
    definition : Definition, optional
        What the sheet is by definition where the models would call it normal.

    Returns
    -------
    Verdict
    """
    rule = rule or shipped_rule()
    by: ConfidenceRule | ElsewhereRule = rule
    if elsewhere and rule.elsewhere is not None:
        by = rule.elsewhere
    elif elsewhere:
        abstention = abstention or _NOT_MEASURED
    models = next(iter(lead_probabilities.values()))
    by_model = {
        model: mean_probabilities(of_lead[model] for of_lead in lead_probabilities.values())
        for model in models
    }
    by_model |= sheet_probabilities or {}
    probabilities = weigh(by_model, by, raised_st)
    defined_by = None
    if definition is not None and _likeliest(probabilities) == NORMAL:
        defined_by = definition.text
        probabilities = as_defined(probabilities, definition.label)
        abstention = abstention or (
            "The models alone would find this sheet most like normal; with what was measured it "
            f"is, by definition, {_IN_WORDS[definition.label]}. Too few such sheets were tried to "
            "rely on that."
        )
    label = _likeliest(probabilities)
    calibrated = {
        name: calibrate(p, rule.temperatures.get(name, 1.0)) for name, p in by_model.items()
    }
    weighed = [by_model[name] for name, weight in by.weights.items() if weight]
    disagree = any(p[label] < max(p.values()) for p in weighed)
    sureness = probabilities[label]
    if by is not rule and label in INFARCTIONS:
        sureness = sum(probabilities[name] for name in INFARCTIONS)
    reason = abstention or _low_probability_reason(sureness, disagree, by)
    if reason is None and isinstance(by, ElsewhereRule):
        reason = _wrong_elsewhere_reason(by)
    if label == NORMAL and finding:
        reason = f"{reason} {finding}" if reason else finding
    sets = prediction_set(probabilities, by)
    not_normal = False
    if abstention is None and by.not_normal is not None:
        not_normal = by.not_normal.holds(1 - probabilities[NORMAL])
    return Verdict(
        label,
        reason is None,
        reason,
        probabilities,
        calibrated,
        sets,
        elsewhere=by is not rule,
        defined_by=defined_by,
        not_normal=not_normal,
    )


def prediction_set(
    probabilities: Mapping[str, float], rule: ConfidenceRule | ElsewhereRule
) -> tuple[str, ...]:
    """List the classes that are not to be ruled out, the likeliest, which always is one, first."""
    likeliest_first = sorted(probabilities, key=probabilities.__getitem__, reverse=True)
    others = (
        name
        for name in likeliest_first[1:]
        if probabilities[name] >= rule.set_min_probability[name]
    )
    return (likeliest_first[0], *others)


def _likeliest(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=probabilities.__getitem__)


def as_defined(probabilities: Mapping[str, float], label: str) -> dict[str, float]:
    """Let part of what speaks for normal speak for the label that a sheet has by definition.

    Parameters
    ----------
    probabilities : mapping of str to float
        Class -> probability, normal the likeliest.
    label : str
        Another one.

    Returns
    -------
    dict of str to float
        `label` the likeliest: where the part is not enough for that, all of it speaks for `label`.
    """
    moved = {}
    for part in (_DEFINED_PART, 1.0):
        moved = dict(probabilities)
        moved[label] += part * probabilities[NORMAL]
        moved[NORMAL] -= part * probabilities[NORMAL]
        if _likeliest(moved) == label:
            break
    return moved


def weigh(
    by_model: Mapping[str, dict[str, float]],
    rule: ConfidenceRule | ElsewhereRule,
    raised_st: bool = False,
) -> dict[str, float]:
    """Combine what the models say of one sheet as a rule weighs them.

    Parameters
    ----------
    by_model : mapping of str to dict
        Model -> class -> probability, of every model that the rule weighs.
    rule : ConfidenceRule or ElsewhereRule
    raised_st : bool
        Whether ST elevation was measured; a rule for other machines leaves it aside.

    Returns
    -------
    dict of str to float
        Class -> probability.
    """
    said = [[by_model[model][name] for name in rule.bias] for model in rule.weights]
    bias = dict(rule.bias)
    if raised_st and isinstance(rule, ConfidenceRule):
        bias = {name: value + rule.raised_st.get(name, 0.0) for name, value in bias.items()}
    stacked = stack(log_probabilities(said), list(rule.weights.values()), list(bias.values()))
    return dict(zip(rule.bias, stacked.tolist(), strict=True))


def calibrate(probabilities: dict[str, float], temperature: float) -> dict[str, float]:
    """Scale one distribution by a temperature; see :func:`temper`."""
    tempered = temper(list(probabilities.values()), temperature)
    return dict(zip(probabilities, tempered.tolist(), strict=True))


def mean_probabilities(distributions: Iterable[dict[str, float]]) -> dict[str, float]:
    """Mean, class by class, of one or more distributions over the same classes."""
    every = list(distributions)
    return {name: sum(one[name] for one in every) / len(every) for name in every[0]}


def _wrong_elsewhere_reason(rule: ElsewhereRule) -> str | None:
    """Say where confident verdicts were not as right as they were meant to be; None where all were.

    A threshold that one hospital's records give is relied on only if it holds at the others.
    """
    least = rule.target_accuracy - TOLERATED_SHORTFALL
    short = {name: one["accuracy"] for name, one in rule.judged.items() if one["accuracy"] < least}
    if not short:
        return None
    where = " and ".join(f"{accuracy:.0%} ({name})" for name, accuracy in short.items())
    return (
        "On sheets of other machines and hospitals labels as sure as this were right in only "
        f"{where} of the sheets that were tried, so none is relied on."
    )


def _low_probability_reason(
    probability: float, disagree: bool, rule: ConfidenceRule | ElsewhereRule
) -> str | None:
    """Say why a verdict is not confident; None when it is."""
    if probability >= rule.min_probability:
        return None
    likely, least = f"{probability:.0%}", f"{rule.min_probability:.0%}"
    # Rounded, it may be the very number that it lies below.
    likely = f"just under {least}" if likely == least else f"only {likely}"
    why = "The models disagree about this sheet and together" if disagree else "The models together"
    return (
        f"{why} make this {likely} likely; below {least} such verdicts were "
        "wrong too often to be relied on."
    )
