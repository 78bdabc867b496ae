"""Whether probabilities mean what they say, and which verdicts can be relied on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgapp.evaluation import metrics
from ecgapp.evaluation.out_of_fold import Estimate, estimate
from ecgapp.evaluation.predictions import Predictions, read_predictions, write_predictions
from ecgapp.inference.log_probabilities import temper

# Of the expected calibration error (Guo et al. 2017), and of the diagram, whose bins need more.
CALIBRATION_BINS = 15
DIAGRAM_BINS = 10
# Shares of the sheets at which the curve of accuracy over coverage is drawn.
COVERAGES = np.linspace(0.02, 1, 50)

# Beside the models, out of fold.
VERDICT_PREDICTIONS = "verdict_predictions.csv"
_CONFIDENT = "confident"
_SET_PREFIX = "set_"

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class JudgedVerdicts:
    """Out-of-fold verdicts on sheets, and what a rule fitted on the other folds made of them.

    Attributes
    ----------
    predictions : Predictions
        One entry a sheet.
    confident : ndarray of bool, (n,)
        Whether the rule calls the verdict confident.
    in_set : ndarray of bool, (n, n_classes)
        Which classes the sheet's prediction set holds.
    """

    predictions: Predictions
    confident: Bools
    in_set: Bools

    def where(self, kept: Bools) -> JudgedVerdicts:
        """Keep some sheets."""
        return JudgedVerdicts(self.predictions.where(kept), self.confident[kept], self.in_set[kept])


@dataclass(frozen=True)
class ReliabilityBin:
    """Verdicts of about the same probability.

    Attributes
    ----------
    low, high : float
        Bounds of the probability of the likeliest class.
    n : int
        Sheets.
    probability : float
        Mean probability of the likeliest class.
    accuracy : Estimate
        Share of them that are right.
    """

    low: float
    high: float
    n: int
    probability: float
    accuracy: Estimate


@dataclass(frozen=True)
class RiskCoverage:
    """Accuracy of the surest verdicts, over how many of all they are (El-Yaniv & Wiener 2010).

    Attributes
    ----------
    coverage : ndarray of float64, (m,)
        Share of the sheets, the surest first.
    probability : ndarray of float64, (m,)
        The least probability among them.
    accuracy : list of Estimate, length m
    """

    coverage: Floats
    probability: Floats
    accuracy: list[Estimate]


@dataclass(frozen=True)
class Coverage:
    """How many verdicts of a group of sheets are confident, and how many of those are right.

    Attributes
    ----------
    n, n_confident : int
        Sheets.
    share, accuracy : Estimate
        Of confident verdicts among the group's, and of right ones among the confident; the
        latter is not a number where none is confident.
    """

    n: int
    n_confident: int
    share: Estimate
    accuracy: Estimate


@dataclass(frozen=True)
class SetCoverage:
    """How well prediction sets hold the label of a group of sheets.

    Attributes
    ----------
    n : int
        Sheets.
    coverage : Estimate
        Share of the sets that hold the label.
    mean_size : float
        Classes in a set.
    single : float
        Share of the sets that hold one class alone.
    """

    n: int
    coverage: Estimate
    mean_size: float
    single: float


def read_verdicts(path: Path) -> JudgedVerdicts:
    """Read the verdicts that `write_verdicts` wrote.

    Raises
    ------
    OSError
        If the file cannot be read.
    KeyError, ValueError
        If it is not such a file.
    """
    predictions = read_predictions(path)
    names = [_SET_PREFIX + name for name in predictions.classes]
    table = pd.read_csv(path, usecols=[_CONFIDENT, *names]).eq(1)
    return JudgedVerdicts(predictions, table[_CONFIDENT].to_numpy(), table[names].to_numpy())


def write_verdicts(path: Path, verdicts: JudgedVerdicts) -> None:
    """Write predictions with the columns ``confident`` and ``set_<class>``, 1 for yes."""
    names = [_SET_PREFIX + name for name in verdicts.predictions.classes]
    columns = [verdicts.confident, *verdicts.in_set.T]
    more = {
        name: column.astype(int).tolist()
        for name, column in zip([_CONFIDENT, *names], columns, strict=True)
    }
    write_predictions(path, verdicts.predictions, more)


def calibrated(predictions: Predictions, by_fold: Mapping[str, float]) -> Predictions:
    """Scale each sheet's probabilities by the temperature that was not fitted on its fold.

    Parameters
    ----------
    predictions : Predictions
        One entry a sheet.
    by_fold : mapping of str to float
        Number of the fold -> temperature.
    """
    temperatures = np.array([[by_fold[str(fold)]] for fold in predictions.fold])
    return replace(predictions, probabilities=temper(predictions.probabilities, temperatures))


def reliability(predictions: Predictions) -> list[ReliabilityBin]:
    """Compare the likeliest class's probability with how often it is right.

    Parameters
    ----------
    predictions : Predictions
        One entry a sheet.

    Returns
    -------
    list of ReliabilityBin
        Ten of equal width, without those that are empty; intervals by session.
    """
    top = predictions.probabilities.max(axis=1)
    number = _bins(top, DIAGRAM_BINS)
    found = np.unique(number)
    among = number[:, None] == found
    accuracies = shares(_correct(predictions)[:, None], among, predictions.session)
    return [
        ReliabilityBin(
            low=float(one / DIAGRAM_BINS),
            high=float((one + 1) / DIAGRAM_BINS),
            n=int(inside.sum()),
            probability=float(top[inside].mean()),
            accuracy=accuracy,
        )
        for one, inside, accuracy in zip(found, among.T, accuracies, strict=True)
    ]


def calibration_error(top: Floats, correct: Bools) -> float:
    """Compute the expected calibration error over 15 equal bins (Guo et al. 2017).

    Parameters
    ----------
    top : ndarray of float64, (n,)
        Probability of the likeliest class.
    correct : ndarray of bool, (n,)
    """
    sums = np.zeros(CALIBRATION_BINS)
    np.add.at(sums, _bins(top, CALIBRATION_BINS), correct - top)
    return float(np.abs(sums).sum() / len(top))


def expected_calibration_error(predictions: Predictions) -> float:
    """Compute the error of one prediction a sheet."""
    return calibration_error(predictions.probabilities.max(axis=1), _correct(predictions))


def calibration_error_with_interval(predictions: Predictions) -> Estimate:
    """Compute the expected calibration error, with a bootstrap interval over sessions.

    Resampling adds chance gaps to every bin, so the interval lies above rather than around a
    small error.
    """
    top = predictions.probabilities.max(axis=1)
    correct = _correct(predictions)
    sums = np.zeros((len(top), CALIBRATION_BINS))
    sums[np.arange(len(top)), _bins(top, CALIBRATION_BINS)] = correct - top
    draws = metrics.bootstrap_sums(np.column_stack([sums, np.ones(len(top))]), predictions.session)
    errors = np.abs(draws[:, :-1]).sum(axis=1) / draws[:, -1]
    return estimate(np.array(expected_calibration_error(predictions)), errors)


def risk_coverage(predictions: Predictions) -> RiskCoverage:
    """Follow the accuracy of the surest verdicts from few of them to all.

    Parameters
    ----------
    predictions : Predictions
        One entry a sheet.
    """
    top = predictions.probabilities.max(axis=1)
    order = np.argsort(-top, kind="stable")
    rank = np.empty(len(top), dtype=np.int64)
    rank[order] = np.arange(len(top))
    counts = np.maximum(np.round(COVERAGES * len(top)).astype(np.int64), 1)
    among = rank[:, None] < counts
    return RiskCoverage(
        coverage=counts / len(top),
        probability=top[order][counts - 1],
        accuracy=shares(_correct(predictions)[:, None], among, predictions.session),
    )


def confident_coverage(verdicts: JudgedVerdicts, groups: Bools) -> list[Coverage]:
    """Count the confident verdicts of groups of sheets, and the right ones among them.

    Parameters
    ----------
    verdicts : JudgedVerdicts
    groups : ndarray of bool, (n, n_groups)

    Returns
    -------
    list of Coverage, length n_groups
    """
    session, confident = verdicts.predictions.session, verdicts.confident[:, None]
    of_all = shares(confident, groups, session)
    right = shares(_correct(verdicts.predictions)[:, None], groups & confident, session)
    return [
        Coverage(int(group.sum()), int((group & verdicts.confident).sum()), *estimates)
        for group, *estimates in zip(groups.T, of_all, right, strict=True)
    ]


def set_coverage(verdicts: JudgedVerdicts, groups: Bools) -> list[SetCoverage]:
    """Count how many prediction sets of groups of sheets hold the label, and their sizes.

    Parameters
    ----------
    verdicts : JudgedVerdicts
    groups : ndarray of bool, (n, n_groups)

    Returns
    -------
    list of SetCoverage, length n_groups
        An empty group's figures are not numbers.
    """
    sizes = verdicts.in_set.sum(axis=1)
    held = verdicts.in_set[np.arange(len(sizes)), verdicts.predictions.true]
    covered = shares(held[:, None], groups, verdicts.predictions.session)
    with np.errstate(invalid="ignore"):
        n = groups.sum(axis=0)
        mean_size = (sizes[:, None] * groups).sum(axis=0) / n
        single = ((sizes[:, None] == 1) & groups).sum(axis=0) / n
    return [
        SetCoverage(int(count), of_group, float(size), float(alone))
        for count, of_group, size, alone in zip(n, covered, mean_size, single, strict=True)
    ]


def shares(holds: Bools, among: Bools, session: NDArray[np.int64]) -> list[Estimate]:
    """Shares of groups of sheets of which something holds, with bootstrap intervals over sessions.

    Where it holds of all of a group, or of none, no resample differs; the interval then reaches as
    far as Hanley and Lippman-Hand's (JAMA 1983), 3 / n at 95%, with sessions for n.

    Parameters
    ----------
    holds : ndarray of bool, (n, 1) or (n, n_groups)
    among : ndarray of bool, (n, n_groups)
        Who belongs to each group.
    session : ndarray of int64, (n,)

    Returns
    -------
    list of Estimate, length n_groups
        Not a number for an empty group.
    """
    counted = np.concatenate([holds & among, among], axis=1).astype(float)
    n_groups = among.shape[1]
    draws = metrics.bootstrap_sums(counted, session)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = counted[:, :n_groups].sum(axis=0) / counted[:, n_groups:].sum(axis=0)
        resampled = draws[:, :n_groups] / draws[:, n_groups:]
    found = []
    for group, value in enumerate(values):
        if value in (0.0, 1.0):
            reach = min(1.0, 3 / len(np.unique(session[among[:, group]])))
            low, high = max(0.0, float(value) - reach), min(1.0, float(value) + reach)
            found.append(Estimate(float(value), low, high))
        else:
            found.append(estimate(value, resampled[:, group]))
    return found


def groups_of(predictions: Predictions, called: bool) -> Bools:
    """Part sheets by class, (n, n_classes): by their label, or by what they are called."""
    number = predictions.predicted if called else predictions.true
    return np.asarray(number[:, None] == np.arange(len(predictions.classes)))


def _correct(predictions: Predictions) -> Bools:
    return predictions.predicted == predictions.true


def _bins(top: Floats, n_bins: int) -> NDArray[np.int64]:
    """Find the bin of equal width that each probability falls into."""
    return np.minimum((top * n_bins).astype(np.int64), n_bins - 1)
