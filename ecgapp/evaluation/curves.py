"""Receiver operating characteristic and precision over recall, with their figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgapp.evaluation import metrics
from ecgapp.evaluation.out_of_fold import Estimate, estimate
from ecgapp.evaluation.predictions import Predictions

Floats = NDArray[np.float64]

# Specificities at which the sensitivity is told.
SPECIFICITIES = (0.90, 0.95, 0.97, 0.99)


@dataclass(frozen=True)
class Curve:
    """How well a score finds the members of a class.

    Attributes
    ----------
    n, n_members : int
        Sheets, and how many of them are members.
    false_alarms, sensitivity : ndarray of float64, (k,)
        Share of the others, and of the members, from each score on, from the highest down; both
        begin with 0 and end with 1.
    precision : ndarray of float64, (k,)
        Share of members among these; 1 where there are none.
    auroc, average_precision : Estimate
        With 95% bootstrap intervals.
    sensitivity_at : dict of float to Estimate
        Specificity -> sensitivity, a threshold for each resample.
    """

    n: int
    n_members: int
    false_alarms: Floats
    sensitivity: Floats
    precision: Floats
    auroc: Estimate
    average_precision: Estimate
    sensitivity_at: dict[float, Estimate]


def curve(positive: NDArray[np.bool_], score: Floats, groups: NDArray[np.int64]) -> Curve:
    """Draw up one curve.

    Parameters
    ----------
    positive : ndarray of bool, (n,)
        Members; some, but not all.
    score : ndarray of float64, (n,)
        Higher where membership is thought likelier.
    groups : ndarray of int64, (n,)
        What a resample draws as a whole, such as recording sessions.
    """
    order = np.argsort(-score, kind="stable")
    members, others = np.cumsum(positive[order]), np.cumsum(~positive[order])
    # Equal scores are told from each other by nothing.
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found, falsely = (np.append(0, counts[last]) for counts in (members, others))
    precision = np.append(1.0, found[1:] / (found[1:] + falsely[1:]))
    areas, average_precision, recalls = metrics.curve_figures(
        positive, score, groups, SPECIFICITIES
    )
    return Curve(
        n=len(score),
        n_members=int(members[-1]),
        false_alarms=falsely / others[-1],
        sensitivity=found / members[-1],
        precision=precision,
        auroc=estimate(np.asarray(metrics.auroc(positive, score)), areas),
        average_precision=estimate(*average_precision),
        sensitivity_at={least: estimate(*found) for least, found in recalls.items()},
    )


def class_curves(predictions: Predictions) -> dict[str, Curve]:
    """Draw up each class's curve against the rest, by recording session.

    Parameters
    ----------
    predictions : Predictions
        One entry a sheet.

    Returns
    -------
    dict of str to Curve
        Of every class that some sheets have and some have not.
    """
    true, sessions = predictions.true, predictions.session
    return {
        name: curve(true == number, predictions.probabilities[:, number], sessions)
        for number, name in enumerate(predictions.classes)
        if 0 < (true == number).sum() < len(true)
    }
