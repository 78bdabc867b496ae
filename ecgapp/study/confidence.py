"""Learn from out-of-fold predictions how models make a verdict and when to rely on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ecgapp.predictions import Predictions, read_predictions, write_predictions
from ecgapp.verdict import LEAST_PROBABILITY, RULE_FILE, ConfidenceRule

TARGET_ACCURACY = 0.97
# Fewer verdicts do not show that they are right often enough.
LEAST_CONFIDENT = 10
TEMPERATURES = np.geomspace(0.1, 4, 300)
MIN_PROBABILITY_STEPS = np.arange(50, 1000) / 1000
CALIBRATION_BINS = 15
# Keeps the biases of rare classes small.
_BIAS_PENALTY = 0.01

VERDICT_PREDICTIONS = "verdict_predictions.csv"

Floats = NDArray[np.float64]


def fit_rule(models: Mapping[str, Predictions]) -> tuple[ConfidenceRule, Predictions]:
    """Fit the models' weights, and the least probability from which on verdicts are confident.

    Parameters
    ----------
    models : mapping of str to Predictions
        Out-of-fold predictions of the same sheets by each model.

    Returns
    -------
    rule : ConfidenceRule
        Fitted on every sheet; its figures are from rules fitted on all folds but one and judged
        on that one. One that is never confident when no threshold reaches the target.
    verdicts : Predictions
        Every sheet's verdict by the rule that was not fitted on its fold.
    """
    sheets = {name: model.by_sheet() for name, model in models.items()}
    first = next(iter(sheets.values()))
    logs = np.stack([log_probabilities(of_model.probabilities) for of_model in sheets.values()], 1)
    true, fold = first.true, first.fold
    verdicts = np.empty_like(first.probabilities)
    confident = np.zeros(len(verdicts), dtype=bool)
    for judged in (fold == number for number in np.unique(fold)):
        # With one fold only there is nothing else to fit on.
        fitted = ~judged if not judged.all() else judged
        weights, bias = fit_stack(logs[fitted], true[fitted])
        minimum = fit_min_probability(stack(logs[fitted], weights, bias), true[fitted])
        verdicts[judged] = stack(logs[judged], weights, bias)
        confident[judged] = verdicts[judged].max(axis=1) >= minimum
    correct = verdicts.argmax(axis=1) == true
    weights, bias = fit_stack(logs, true)
    rule = ConfidenceRule(
        weights=dict(zip(sheets, np.round(weights, 4).tolist(), strict=True)),
        bias=dict(zip(first.classes, np.round(bias, 4).tolist(), strict=True)),
        temperatures={
            name: round(fit_temperature(of_model.probabilities, true), 4)
            for name, of_model in sheets.items()
        },
        min_probability=fit_min_probability(stack(logs, weights, bias), true),
        expected_accuracy=round(float(correct[confident].mean()), 4) if confident.any() else 0.0,
        confident_share=round(float(confident.mean()), 4),
        expected_calibration_error=round(calibration_error(verdicts, correct), 4),
    )
    return rule, replace(first, probabilities=verdicts)


def log_probabilities(probabilities: Floats) -> Floats:
    """Take logarithms as the verdict does."""
    return np.asarray(np.log(np.maximum(probabilities, LEAST_PROBABILITY)))


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


def stack(logs: Floats, weights: Floats, bias: Floats) -> Floats:
    """Combine log probabilities, (n, n_models, n_classes), as the verdict does."""
    logits = np.einsum("nmc,m->nc", logs, weights) + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


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
        -np.log(scale(probabilities, t)[np.arange(len(true)), true] + 1e-12).mean()
        for t in TEMPERATURES
    ]
    return float(TEMPERATURES[int(np.argmin(losses))])


def scale(probabilities: Floats, temperature: float) -> Floats:
    """Scale distributions, (n, n_classes), by a temperature, as the verdict does."""
    logs = log_probabilities(probabilities)[:, None]
    return stack(logs, np.array([1 / temperature]), np.zeros(probabilities.shape[1]))


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


def calibration_error(probabilities: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Compute the expected calibration error over 15 equal bins (Guo et al. 2017)."""
    top = probabilities.max(axis=1)
    bins = np.minimum((top * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        abs(correct[bins == number].mean() - top[bins == number].mean()) * (bins == number).mean()
        for number in np.unique(bins)
    ]
    return float(sum(gaps))


def write_rule(models_folder: Path, names: tuple[str, ...]) -> ConfidenceRule:
    """Fit the rule to the shipped predictions of some models and write it beside them.

    The verdicts that the rule would have given out of fold are written, too.
    """
    models = {name: read_predictions(models_folder / name / "predictions.csv") for name in names}
    rule, verdicts = fit_rule(models)
    (models_folder / RULE_FILE).write_text(json.dumps(asdict(rule), indent=2) + "\n")
    write_predictions(models_folder / VERDICT_PREDICTIONS, verdicts)
    return rule
