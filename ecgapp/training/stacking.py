"""Learn from out-of-fold predictions how models make a verdict and when to rely on it."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from mapie.conformity_scores import LACConformityScore
from numpy.typing import NDArray
from scipy.optimize import minimize

from ecgapp.evaluation.calibration import (
    VERDICT_PREDICTIONS,
    JudgedVerdicts,
    expected_calibration_error,
    write_verdicts,
)
from ecgapp.evaluation.predictions import PROBABILITY_DECIMALS, Predictions, read_predictions
from ecgapp.inference.log_probabilities import log_probabilities, stack, temper
from ecgapp.inference.verdict import (
    NORMAL,
    RULE_FILE,
    SET_COVERAGE,
    TARGET_ACCURACY,
    ConfidenceRule,
)
from ecgapp.io.weights import write_checksums

ABSTENTIONS_FILE = "abstentions.csv"

# Fewer verdicts do not show that they are right often enough.
LEAST_CONFIDENT = 10
TEMPERATURES = np.geomspace(0.1, 4, 300)
MIN_PROBABILITY_STEPS = np.arange(50, 1000) / 1000
# A class of so many sheets has a quantile of its own: at 90% it then rests on four or more.
LEAST_OF_CLASS = 40
# Keeps the biases of rare classes small.
_BIAS_PENALTY = 0.01

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Abstentions:
    """Sheets whose verdict is not confident whatever its probability.

    Attributes
    ----------
    always : collection of str
    if_normal : collection of str
        Sheets of which only a verdict of normal is not confident.
    """

    always: Collection[str] = ()
    if_normal: Collection[str] = ()


def fit_rule(
    models: Mapping[str, Predictions], abstentions: Abstentions | None = None
) -> tuple[ConfidenceRule, JudgedVerdicts]:
    """Fit the models' weights, the least probability of confident verdicts, and prediction sets.

    Parameters
    ----------
    models : mapping of str to Predictions
        Out-of-fold predictions of the same sheets by each model.
    abstentions : Abstentions, optional
        None when left out.

    Returns
    -------
    rule : ConfidenceRule
        Fitted on every sheet; its figures are from rules fitted on all folds but one and judged
        on that one. One that is never confident when no threshold reaches the target.
    verdicts : JudgedVerdicts
        Every sheet's verdict by the rule that was not fitted on its fold.
    """
    sheets = {name: model.by_sheet() for name, model in models.items()}
    first = next(iter(sheets.values()))
    logs = np.stack([log_probabilities(of_model.probabilities) for of_model in sheets.values()], 1)
    true, fold = first.true, first.fold
    abstentions = abstentions or Abstentions()
    always = np.isin(first.sheet, list(abstentions.always))
    if_normal = np.isin(first.sheet, list(abstentions.if_normal))
    is_normal = np.array([name == NORMAL for name in first.classes])

    def is_free(rows: NDArray[np.bool_], some: Floats) -> NDArray[np.bool_]:
        return ~(always[rows] | (if_normal[rows] & is_normal[some.argmax(axis=1)]))

    probabilities = np.empty_like(first.probabilities)
    confident = np.zeros(len(true), dtype=bool)
    in_set = np.zeros(probabilities.shape, dtype=bool)
    for number in np.unique(fold):
        judged = fold == number
        fitted = _others(judged)
        weights, bias = fit_stack(logs[fitted], true[fitted])
        of_fitted = stack(logs[fitted], weights, bias)
        of_judged = np.round(stack(logs[judged], weights, bias), PROBABILITY_DECIMALS)
        probabilities[judged] = of_judged
        free = is_free(fitted, of_fitted)
        least = fit_min_probability(of_fitted[free], true[fitted][free])
        confident[judged] = is_free(judged, of_judged) & (of_judged.max(axis=1) >= least)
        in_set[judged] = prediction_sets(of_judged, fit_sets(of_fitted, true[fitted]))
    verdicts = JudgedVerdicts(replace(first, probabilities=probabilities), confident, in_set)
    correct = verdicts.predictions.predicted == true
    weights, bias = fit_stack(logs, true)
    of_all = stack(logs, weights, bias)
    free = is_free(np.ones(len(true), bool), of_all)
    rule = ConfidenceRule(
        weights=dict(zip(sheets, np.round(weights, 4).tolist(), strict=True)),
        bias=dict(zip(first.classes, np.round(bias, 4).tolist(), strict=True)),
        temperatures={
            name: round(fit_temperature(of_model.probabilities, true), 4)
            for name, of_model in sheets.items()
        },
        fold_temperatures={
            name: fit_fold_temperatures(of_model) for name, of_model in sheets.items()
        },
        min_probability=fit_min_probability(of_all[free], true[free]),
        set_min_probability=dict(zip(first.classes, fit_sets(of_all, true).tolist(), strict=True)),
        expected_accuracy=round(float(correct[confident].mean()), 4) if confident.any() else 0.0,
        confident_share=round(float(confident.mean()), 4),
        expected_calibration_error=round(expected_calibration_error(verdicts.predictions), 4),
    )
    return rule, verdicts


def fit_stack(logs: Floats, true: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Find the weights and biases of least cross-entropy.

    Parameters
    ----------
    logs : ndarray of float64, (n, n_models, n_classes)
        Log probabilities.
    true : ndarray of int64, (n,)

    Returns
    -------
    weights : ndarray of float64, (n_models,)
        None is negative.
    bias : ndarray of float64, (n_classes,)
    """
    n_models, n_classes = logs.shape[1:]

    def loss(parameters: Floats) -> float:
        weights, bias = parameters[:n_models], parameters[n_models:]
        likely = stack(logs, weights, bias)[np.arange(len(true)), true]
        return float(-np.log(likely + 1e-12).mean() + _BIAS_PENALTY * np.square(bias).sum())

    start = np.concatenate([np.full(n_models, 1.0), np.zeros(n_classes)])
    bounds = [(0.0, None)] * n_models + [(None, None)] * n_classes
    found = minimize(loss, start, bounds=bounds, method="L-BFGS-B").x
    return found[:n_models], found[n_models:]


def fit_temperature(probabilities: NDArray[np.float64], true: NDArray[np.int64]) -> float:
    """Find the temperature of least cross-entropy.

    Parameters
    ----------
    probabilities : ndarray of float64, (n, n_classes)
    true : ndarray of int64, (n,)

    Returns
    -------
    float
    """
    losses = [
        -np.log(temper(probabilities, t)[np.arange(len(true)), true] + 1e-12).mean()
        for t in TEMPERATURES
    ]
    return float(TEMPERATURES[int(np.argmin(losses))])


def fit_fold_temperatures(sheets: Predictions) -> dict[str, float]:
    """Fit a temperature for each fold on all others; number of the fold -> temperature."""
    temperatures = {}
    for number in np.unique(sheets.fold):
        fitted = _others(sheets.fold == number)
        temperature = fit_temperature(sheets.probabilities[fitted], sheets.true[fitted])
        temperatures[str(number)] = round(temperature, 4)
    return temperatures


def _others(judged: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark what is fitted on; with one fold only there is nothing else."""
    return judged if judged.all() else ~judged


def fit_min_probability(probabilities: Floats, true: NDArray[np.int64]) -> float:
    """Find the least probability from which on verdicts reach the target accuracy.

    Parameters
    ----------
    probabilities : ndarray of float64, (n, n_classes)
    true : ndarray of int64, (n,)

    Returns
    -------
    float
        More than 1 when no threshold reaches the target.
    """
    top = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == true
    for min_probability in MIN_PROBABILITY_STEPS:
        confident = top >= min_probability
        if confident.sum() < LEAST_CONFIDENT:
            break
        if correct[confident].mean() >= TARGET_ACCURACY:
            return float(min_probability)
    return 1.01


def fit_sets(probabilities: Floats, true: NDArray[np.int64]) -> Floats:
    """Find from which probability on each class belongs to a sheet's prediction set.

    Least ambiguous sets (Sadinle, Lei and Wasserman, JASA 2019) with a quantile for each class
    (Mondrian: Vovk, ACML 2012): one quantile for all leaves rare classes out of their own sets.

    Parameters
    ----------
    probabilities : ndarray of float64, (n, n_classes)
        Of sheets whose labels no set was fitted to.
    true : ndarray of int64, (n,)

    Returns
    -------
    ndarray of float64, (n_classes,)
        A class with too few sheets has the quantile of all sheets together.
    """
    score = LACConformityScore()
    scores = score.get_conformity_scores(true, probabilities, y_enc=true)
    minimum = np.empty(probabilities.shape[1])
    for number in range(len(minimum)):
        own = true == number
        among = scores[own] if own.sum() >= LEAST_OF_CLASS else scores
        quantile = score.get_conformity_score_quantiles(
            among, np.array([1 - SET_COVERAGE]), cv="prefit"
        )[0]
        # Rounded down, so that the sheet which the quantile comes from stays inside.
        minimum[number] = math.floor(1e4 * (1 - quantile)) / 1e4
    return minimum


def prediction_sets(probabilities: Floats, minimum: Floats) -> NDArray[np.bool_]:
    """List the classes that sheets may have, as the verdict does.

    Parameters
    ----------
    probabilities : ndarray of float64, (n, n_classes)
    minimum : ndarray of float64, (n_classes,)

    Returns
    -------
    ndarray of bool, (n, n_classes)
    """
    likeliest = probabilities.argmax(axis=1)[:, None] == np.arange(probabilities.shape[1])
    return (probabilities >= minimum) | likeliest


def write_rule(models_folder: Path, names: tuple[str, ...]) -> ConfidenceRule:
    """Fit the rule to the shipped predictions of some models and write it beside them.

    The verdicts that the rule would have given out of fold are written, too.
    """
    models = {name: read_predictions(models_folder / name / "predictions.csv") for name in names}
    rule, verdicts = fit_rule(models, read_abstentions(models_folder))
    (models_folder / RULE_FILE).write_text(json.dumps(asdict(rule), indent=2) + "\n")
    write_checksums(models_folder)
    write_verdicts(models_folder / VERDICT_PREDICTIONS, verdicts)
    return rule


def read_abstentions(models_folder: Path) -> Abstentions:
    """Read which sheets get no confident verdict; none before that was measured."""
    path = models_folder / "study" / ABSTENTIONS_FILE
    if not path.exists():
        return Abstentions()
    table = pd.read_csv(path)
    always = table[["beyond_limits", "poorly_read"]].any(axis=1)
    return Abstentions(
        table.loc[always, "sheet"].tolist(), table.loc[table["not_normal"] == 1, "sheet"].tolist()
    )
