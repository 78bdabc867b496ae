"""Learn from out-of-fold predictions when a verdict may be called confident."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ecgapp.predictions import Predictions, read_predictions
from ecgapp.verdict import RULE_FILE, ConfidenceRule

TARGET_ACCURACY = 0.95
MIN_PROBABILITY_STEPS = np.arange(25, 100) / 100


def fit_rule(models: Sequence[Predictions]) -> ConfidenceRule:
    """Find the least probability above which verdicts that all models share reach the target.

    Parameters
    ----------
    models : sequence of Predictions
        Out-of-fold predictions of the same leads, one entry a model.

    Returns
    -------
    ConfidenceRule
        One that is never confident when no threshold reaches the target.
    """
    sheets = [model.by_sheet() for model in models]
    probabilities = np.mean([of_model.probabilities for of_model in sheets], axis=0)
    predicted = probabilities.argmax(axis=1)
    shared = np.all([of_model.predicted == predicted for of_model in sheets], axis=0)
    correct = predicted == sheets[0].true
    for min_probability in MIN_PROBABILITY_STEPS:
        confident = shared & (probabilities.max(axis=1) >= min_probability)
        if confident.any() and correct[confident].mean() >= TARGET_ACCURACY:
            accuracy = round(float(correct[confident].mean()), 4)
            share = round(float(confident.mean()), 4)
            return ConfidenceRule(float(min_probability), accuracy, share)
    return ConfidenceRule(min_probability=1.0, expected_accuracy=0.0, confident_share=0.0)


def write_rule(models_folder: Path, names: Sequence[str]) -> ConfidenceRule:
    """Fit the rule to the shipped predictions of some models and write it beside them."""
    rule = fit_rule([read_predictions(models_folder / name / "predictions.csv") for name in names])
    (models_folder / RULE_FILE).write_text(json.dumps(asdict(rule), indent=2) + "\n")
    return rule
