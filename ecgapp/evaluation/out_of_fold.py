"""What the out-of-fold predictions that ship beside the weights amount to."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgapp.evaluation import metrics
from ecgapp.evaluation.predictions import Predictions
from ecgapp.io.text_table import read_rows

PROTOCOL = (
    "Out-of-fold: five folds, whole recording sessions kept together; every sheet is read by a "
    "model that saw no sheet of its session."
)

# Least and most sheets of the sessions that are counted together.
SESSION_SIZES = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 10_000))

# Fold -> column of the history -> one value an epoch.
Histories = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% bootstrap interval over sessions; not a number where undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """What predictions amount to.

    Attributes
    ----------
    n : int
        Rows counted: sheets, or leads.
    n_sessions : int
        Recording sessions they come from.
    confusion : ndarray of int64, shape (n_classes, n_classes)
        Row: label; column: predicted class.
    accuracy, macro_f1 : Estimate
        Over all classes.
    by_class : dict of str to dict of str to Estimate
        Class -> ``precision``, ``recall``, ``f1`` and ``specificity``.
    """

    n: int
    n_sessions: int
    confusion: NDArray[np.int64]
    accuracy: Estimate
    macro_f1: Estimate
    by_class: dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class SizeAccuracy:
    """How verdicts fare in sessions of about the same size.

    Attributes
    ----------
    size : str
        Sheets in each of these sessions, such as ``1`` or ``5-9``.
    n, n_sessions : int
        Sheets and sessions.
    accuracy : Estimate
    """

    size: str
    n: int
    n_sessions: int
    accuracy: Estimate


@dataclass(frozen=True)
class SessionErrors:
    """Where wrong verdicts lie.

    Attributes
    ----------
    n_sessions : int
    by_size : list of SizeAccuracy
    with_error : Estimate
        Share of the sessions that have any wrong verdict.
    n_several_labels : int
        Sessions whose sheets carry several labels.
    confusion_there : list of list of int
        Their sheets; row: label, column: verdict.
    n_errors_there : int
        Wrong verdicts on their sheets.
    n_label_of_session : int
        How many of those name another label that the session carries.
    """

    n_sessions: int
    by_size: list[SizeAccuracy]
    with_error: Estimate
    n_several_labels: int
    confusion_there: list[list[int]]
    n_errors_there: int
    n_label_of_session: int


def read_histories(path: Path) -> Histories:
    """Read ``history.csv`` of a model folder.

    Parameters
    ----------
    path : Path
        Columns ``run``, ``epoch`` and the logged quantities; of runs those of folds are read, of a
        network that is the mean of several one a member.

    Returns
    -------
    dict of str to dict of str to list of float
        Run -> column -> one value an epoch; nothing of a column that is left empty.
    """
    histories: Histories = {}
    for row in read_rows(path):
        run = row.pop("run")
        if re.fullmatch(r"fold\d+(?:/member\d+)?", run):
            columns = histories.setdefault(run, {})
            for name, value in row.items():
                if value:
                    columns.setdefault(name, []).append(float(value))
    return histories


def average_models(several: list[Predictions]) -> Predictions:
    """Average what several models say of the same leads.

    Parameters
    ----------
    several : list of Predictions
        With the same rows in the same order.

    Raises
    ------
    ValueError
        If their rows or classes differ.
    """
    first = several[0]
    for other in several[1:]:
        same_rows = np.array_equal(first.sheet, other.sheet) and np.array_equal(
            first.lead, other.lead
        )
        if not same_rows or first.classes != other.classes:
            raise ValueError("the models' predictions are not of the same leads and classes")
    mean = np.mean([one.probabilities for one in several], axis=0)
    return replace(first, probabilities=mean)


def estimate(value: NDArray[np.float64], draws: NDArray[np.float64]) -> Estimate:
    """Put a figure and its bootstrap values together.

    Parameters
    ----------
    value : ndarray of float64, shape ()
    draws : ndarray of float64, (n_resamples,)
        Those that are not a number are left out of the interval.
    """
    if np.isnan(draws).all():
        return Estimate(float(value), float("nan"), float("nan"))
    low, high = metrics.interval(draws)
    return Estimate(float(value), low, high)


def summarize(predictions: Predictions) -> Summary:
    """Count and rate predictions, with bootstrap intervals over recording sessions.

    Parameters
    ----------
    predictions : Predictions
        One row a sheet, or one row a sheet of a single lead.

    Raises
    ------
    ValueError
        If there are no rows.
    """
    if not len(predictions):
        raise ValueError("there are no predictions to summarize")
    n_classes = len(predictions.classes)
    true, predicted = predictions.true, predictions.predicted
    confusion = metrics.confusion_matrix(true, predicted, n_classes)
    resampled = metrics.bootstrap_confusions(true, predicted, predictions.session, n_classes)
    # A resample may hold no member of a rare class; its figure is then not a number and is left
    # out of the interval.
    per_class = {
        "precision": metrics.precision,
        "recall": metrics.recall,
        "f1": metrics.f1,
        "specificity": metrics.specificity,
    }
    values = {name: (figure(confusion), figure(resampled)) for name, figure in per_class.items()}
    return Summary(
        n=len(predictions),
        n_sessions=len(np.unique(predictions.session)),
        confusion=confusion,
        accuracy=estimate(metrics.accuracy(confusion), metrics.accuracy(resampled)),
        macro_f1=estimate(metrics.macro_f1(confusion), metrics.macro_f1(resampled)),
        by_class={
            name: {
                figure: estimate(value[number], draws[:, number])
                for figure, (value, draws) in values.items()
            }
            for number, name in enumerate(predictions.classes)
        },
    )


def with_exact_intervals(summary: Summary) -> Summary:
    """Give the shares of a summary exact intervals, for sheets that stand each for itself.

    Parameters
    ----------
    summary : Summary
        Of sheets that are not copies of one another.

    Returns
    -------
    Summary
        Accuracy, precision, recall and specificity with Clopper and Pearson's intervals; F1, which
        is no share of anything, keeps its bootstrap interval.
    """
    matrix = summary.confusion
    hits, members, called = np.diagonal(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    total = int(matrix.sum())
    others = total - members
    counts = {
        "precision": (hits, called),
        "recall": (hits, members),
        "specificity": (others - called + hits, others),
    }
    by_class = {
        name: figures
        | {figure: _exact(of[number], all_[number]) for figure, (of, all_) in counts.items()}
        for number, (name, figures) in enumerate(summary.by_class.items())
    }
    return replace(summary, accuracy=_exact(hits.sum(), total), by_class=by_class)


def _exact(hits: np.int64, n: np.int64 | int) -> Estimate:
    value = float(hits / n) if n else float("nan")
    return Estimate(value, *metrics.exact_interval(int(hits), int(n)))


def summarize_leads(predictions: Predictions) -> dict[str, Summary]:
    """Summarize each lead on its own, as if it were all there is of a sheet.

    Parameters
    ----------
    predictions : Predictions
        One row a lead.

    Returns
    -------
    dict of str to Summary
        Lead -> summary.
    """
    return {
        str(lead): summarize(predictions.where(predictions.lead == lead))
        for lead in np.unique(predictions.lead)
    }


def labels_of_sessions(predictions: Predictions) -> NDArray[np.bool_]:
    """Say which labels the sheets of each session carry; shape (n_sessions, n_classes)."""
    sessions, session = np.unique(predictions.session, return_inverse=True)
    carries = np.zeros((len(sessions), len(predictions.classes)), dtype=bool)
    carries[session, predictions.true] = True
    return carries


def sheets_of_several_labels(predictions: Predictions) -> Predictions:
    """Choose the sheets of sessions that carry several labels."""
    session = np.unique(predictions.session, return_inverse=True)[1]
    return predictions.where(labels_of_sessions(predictions).sum(axis=1)[session] > 1)


def session_errors(predictions: Predictions) -> SessionErrors:
    """Find out whether wrong verdicts gather in some sessions.

    Parameters
    ----------
    predictions : Predictions
        One entry a sheet.
    """
    _, session, sizes = np.unique(predictions.session, return_inverse=True, return_counts=True)
    n_sessions = len(sizes)
    wrong = predictions.predicted != predictions.true
    by_size = []
    for least, most in SESSION_SIZES:
        chosen = (sizes >= least) & (sizes <= most)
        inside = chosen[session]
        if inside.any():
            name = str(least) if least == most else f"{least}-{min(most, int(sizes.max()))}"
            accuracy = summarize(predictions.where(inside)).accuracy
            by_size.append(SizeAccuracy(name, int(inside.sum()), int(chosen.sum()), accuracy))
    any_wrong = np.bincount(session, wrong, minlength=n_sessions) > 0
    draws = metrics.bootstrap_sums(any_wrong[:, None].astype(float), np.arange(n_sessions))
    carries = labels_of_sessions(predictions)
    several = carries.sum(axis=1) > 1
    wrong_there = wrong & several[session]
    there = sheets_of_several_labels(predictions)
    confusion_there = metrics.confusion_matrix(
        there.true, there.predicted, len(predictions.classes)
    )
    return SessionErrors(
        n_sessions=n_sessions,
        by_size=by_size,
        with_error=estimate(any_wrong.mean(), draws[:, 0] / n_sessions),
        n_several_labels=int(several.sum()),
        confusion_there=confusion_there.tolist(),
        n_errors_there=int(wrong_there.sum()),
        n_label_of_session=int((wrong_there & carries[session, predictions.predicted]).sum()),
    )
