"""Learn from out-of-fold predictions what a verdict's probability means and when to rely on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgapp.predictions import Predictions, read_predictions
from ecgapp.verdict import RULE_FILE, ConfidenceRule

TARGET_ACCURACY = 0.95
TEMPERATURES = np.geomspace(0.1, 4, 300)
MIN_PROBABILITY_STEPS = np.arange(25, 100) / 100
CALIBRATION_BINS = 15


def fit_rule(models: Sequence[Predictions]) -> ConfidenceRule:
    """Fit the temperature, and the least probability from which on verdicts are confident.

    Parameters
    ----------
    models : sequence of Predictions
        Out-of-fold predictions of the same leads, one entry a model.

    Returns
    -------
    ConfidenceRule
        Fitted on every sheet; its figures are from rules fitted on all folds but one and judged
        on that one. One that is never confident when no threshold reaches the target.
    """
    sheets = [model.by_sheet() for model in models]
    mean = np.mean([of_model.probabilities for of_model in sheets], axis=0)
    agreed = np.all([of_model.predicted == mean.argmax(axis=1) for of_model in sheets], axis=0)
    true, fold = sheets[0].true, sheets[0].fold

    calibrated = np.empty_like(mean)
    confident = np.zeros(len(mean), dtype=bool)
    for judged in (fold == number for number in np.unique(fold)):
        # With one fold only there is nothing else to fit on.
        fitted = ~judged if not judged.all() else judged
        temperature = fit_temperature(mean[fitted], true[fitted])
        minimum = fit_min_probability(
            scale(mean[fitted], temperature), true[fitted], agreed[fitted]
        )
        calibrated[judged] = scale(mean[judged], temperature)
        confident[judged] = agreed[judged] & (calibrated[judged].max(axis=1) >= minimum)
    correct = mean.argmax(axis=1) == true
    temperature = fit_temperature(mean, true)
    return ConfidenceRule(
        temperature=round(temperature, 4),
        min_probability=fit_min_probability(scale(mean, temperature), true, agreed),
        expected_accuracy=round(float(correct[confident].mean()), 4) if confident.any() else 0.0,
        confident_share=round(float(confident.mean()), 4),
        expected_calibration_error=round(calibration_error(calibrated, correct), 4),
    )


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


def scale(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Scale distributions, (n, n_classes), by a temperature, as the verdict does."""
    powers = probabilities ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_min_probability(
    probabilities: NDArray[np.float64], true: NDArray[np.int64], agreed: NDArray[np.bool_]
) -> float:
    """Find the least probability from which on verdicts that all models share reach the target.

    Parameters
    ----------
    probabilities : ndarray of float64, (n, n_classes)
    true : ndarray of int64, (n,)
    agreed : ndarray of bool, (n,)
        Where the models share the verdict.

    Returns
    -------
    float
        More than 1 when no threshold reaches the target.
    """
    correct = probabilities.argmax(axis=1) == true
    for min_probability in MIN_PROBABILITY_STEPS:
        confident = agreed & (probabilities.max(axis=1) >= min_probability)
        if confident.any() and correct[confident].mean() >= TARGET_ACCURACY:
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


def write_rule(models_folder: Path, names: Sequence[str]) -> ConfidenceRule:
    """Fit the rule to the shipped predictions of some models and write it beside them."""
    rule = fit_rule([read_predictions(models_folder / name / "predictions.csv") for name in names])
    (models_folder / RULE_FILE).write_text(json.dumps(asdict(rule), indent=2) + "\n")
    return rule
