"""Figures of a classifier from its predictions, with intervals.

Confusion matrices have the true class in the row and the predicted one in the column. Every
function of a confusion matrix also takes a stack of them, such as one a bootstrap resample.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

Floats = NDArray[np.float64]


def confusion_matrix(
    true: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    """Count each pair of true and predicted class.

    Parameters
    ----------
    true, predicted : ndarray of int64, (n,)
        Class numbers from 0.
    n_classes : int

    Returns
    -------
    ndarray of int64, (n_classes, n_classes)
        Row: true class; column: predicted class.
    """
    pairs = np.bincount(true * n_classes + predicted, minlength=n_classes**2)
    return pairs.reshape(n_classes, n_classes)


def accuracy(confusion: NDArray[Any]) -> Floats:
    """Share of correct predictions, (...)."""
    return _ratio(_hits(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)))


def precision(confusion: NDArray[Any]) -> Floats:
    """Per class, the share of predictions of the class that are right, (..., n_classes).

    Not a number for a class that was never predicted.
    """
    return _ratio(_hits(confusion), confusion.sum(axis=-2))


def recall(confusion: NDArray[Any]) -> Floats:
    """Per class, the share of its members that were found (sensitivity), (..., n_classes).

    Not a number for a class without members.
    """
    return _ratio(_hits(confusion), confusion.sum(axis=-1))


def specificity(confusion: NDArray[Any]) -> Floats:
    """Per class, the share of the others that were not taken for it, (..., n_classes)."""
    hits = _hits(confusion)
    others = confusion.sum(axis=(-2, -1))[..., None] - confusion.sum(axis=-1)
    false_alarms = confusion.sum(axis=-2) - hits
    return _ratio(others - false_alarms, others)


def f1(confusion: NDArray[Any]) -> Floats:
    """Per class, the harmonic mean of precision and recall, (..., n_classes).

    Zero for a class with members or predictions but no hit; not a number without either.
    """
    return _ratio(2 * _hits(confusion), confusion.sum(axis=-1) + confusion.sum(axis=-2))


def macro_f1(confusion: NDArray[Any]) -> Floats:
    """Mean F1 over the classes that have members or predictions, (...)."""
    return np.nanmean(f1(confusion), axis=-1)


def auroc(positive: NDArray[np.bool_], score: Floats) -> float:
    """Area under the receiver operating characteristic.

    Parameters
    ----------
    positive : ndarray of bool, (n,)
        Whether each is a member of the class.
    score : ndarray of float, (n,)
        Higher where membership is thought likelier; ties count half.

    Returns
    -------
    float
        Not a number when there are only members, or none.
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    rank_sum = rankdata(score)[positive].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def macro_auroc(true: NDArray[np.int64], probabilities: Floats) -> float:
    """Mean over the classes of each class's AUROC against the rest.

    Parameters
    ----------
    true : ndarray of int64, (n,)
    probabilities : ndarray of float, (n, n_classes)
    """
    n_classes = probabilities.shape[1]
    return float(np.mean([auroc(true == k, probabilities[:, k]) for k in range(n_classes)]))


def bootstrap_confusions(
    true: NDArray[np.int64],
    predicted: NDArray[np.int64],
    sessions: NDArray[np.int64],
    n_classes: int,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Floats:
    """Confusion matrices of resamples, which draw whole sessions with replacement.

    Sheets of one session resemble each other: drawing single sheets would give intervals that are
    too narrow.

    Parameters
    ----------
    true, predicted, sessions : ndarray of int64, (n,)
    n_classes : int
    n_resamples : int
    seed : int

    Returns
    -------
    ndarray of float64, (n_resamples, n_classes, n_classes)
    """
    pairs = np.eye(n_classes**2)[true * n_classes + predicted]
    sums = bootstrap_sums(pairs, sessions, n_resamples, seed)
    return sums.reshape(n_resamples, n_classes, n_classes)


def bootstrap_sums(
    values: Floats, sessions: NDArray[np.int64], n_resamples: int = 2000, seed: int = 0
) -> Floats:
    """Sum over resamples, which draw whole sessions with replacement.

    Parameters
    ----------
    values : ndarray of float64, (n, k)
    sessions : ndarray of int64, (n,)
    n_resamples : int
    seed : int

    Returns
    -------
    ndarray of float64, (n_resamples, k)
    """
    _, session = np.unique(sessions, return_inverse=True)
    n_sessions = int(session.max()) + 1
    per_session = np.zeros((n_sessions, values.shape[1]))
    np.add.at(per_session, session, values)
    return _draw_sessions(n_sessions, n_resamples, seed) @ per_session


def bootstrap_auroc(
    positive: NDArray[np.bool_],
    score: Floats,
    sessions: NDArray[np.int64],
    n_resamples: int = 2000,
    seed: int = 0,
) -> Floats:
    """Areas under the receiver operating characteristic of resamples of whole sessions.

    Parameters
    ----------
    positive, score : ndarray, (n,)
        As for `auroc`.
    sessions : ndarray of int64, (n,)
    n_resamples : int
    seed : int

    Returns
    -------
    ndarray of float64, (n_resamples,)
        Not a number for a resample with members alone, or none.
    """
    members, others = _weights_by_score(positive, score, sessions, n_resamples, seed)
    # Each member passes the others of a lower score, and half of those of its own.
    passed = np.cumsum(others, axis=1) - others / 2
    pairs = members.sum(axis=1) * others.sum(axis=1)
    return _ratio((members * passed).sum(axis=1), pairs)


def recall_at_specificity(
    positive: NDArray[np.bool_],
    score: Floats,
    sessions: NDArray[np.int64],
    least_specificity: float,
    n_resamples: int = 2000,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Share of the members found when as many others as allowed are taken for members.

    Parameters
    ----------
    positive, score : ndarray, (n,)
        As for `auroc`.
    sessions : ndarray of int64, (n,)
    least_specificity : float
    n_resamples : int
    seed : int

    Returns
    -------
    value : ndarray of float64, ()
    draws : ndarray of float64, (n_resamples,)
        Of resamples of whole sessions, each with a threshold of its own.
    """

    def recalls(members: Floats, others: Floats) -> Floats:
        falsely = np.cumsum(others[:, ::-1], axis=1)
        allowed = falsely <= (1 - least_specificity) * falsely[:, -1:] + 1e-9
        found = (members[:, ::-1] * allowed).sum(axis=1)
        return _ratio(found, members.sum(axis=1))

    return _of_all_and_resamples(recalls, positive, score, sessions, n_resamples, seed)


def average_precision(
    positive: NDArray[np.bool_],
    score: Floats,
    sessions: NDArray[np.int64],
    n_resamples: int = 2000,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Mean precision over the members, from the highest score down.

    Parameters
    ----------
    positive, score : ndarray, (n,)
        As for `auroc`; what has the same score is called together.
    sessions : ndarray of int64, (n,)
    n_resamples : int
    seed : int

    Returns
    -------
    value : ndarray of float64, ()
    draws : ndarray of float64, (n_resamples,)
        Of resamples of whole sessions; not a number for one without members.
    """

    def average(members: Floats, others: Floats) -> Floats:
        found, falsely = (np.cumsum(counts[:, ::-1], axis=1) for counts in (members, others))
        precision = np.nan_to_num(_ratio(found, found + falsely))
        return _ratio((members[:, ::-1] * precision).sum(axis=1), members.sum(axis=1))

    return _of_all_and_resamples(average, positive, score, sessions, n_resamples, seed)


def _of_all_and_resamples(
    figure: Callable[[Floats, Floats], Floats],
    positive: NDArray[np.bool_],
    score: Floats,
    sessions: NDArray[np.int64],
    n_resamples: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Work out a figure of members and others by score: of all, each once, and of resamples."""
    draws = figure(*_weights_by_score(positive, score, sessions, n_resamples, seed))
    each_once = _weights_by_score(positive, score, np.zeros_like(sessions), 1, seed)
    return np.asarray(figure(*each_once)[0]), draws


def _weights_by_score(
    positive: NDArray[np.bool_],
    score: Floats,
    sessions: NDArray[np.int64],
    n_resamples: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """How many members and others of each score resamples hold, (n_resamples, n_scores) each.

    Scores ascend.
    """
    _, session = np.unique(sessions, return_inverse=True)
    drawn = _draw_sessions(int(session.max()) + 1, n_resamples, seed)[:, session]
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    members, others = (
        np.add.reduceat((drawn * of_kind)[:, order], starts, axis=1)
        for of_kind in (positive, ~positive)
    )
    return members, others


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """95% interval of a share from counts (Wilson 1927), low and high.

    Parameters
    ----------
    hits, n : int
        `n` is 1 or more.
    """
    share, z = hits / n, 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return float(middle - half), float(middle + half)


def exact_interval(hits: int, n: int) -> tuple[float, float]:
    """95% interval of a share from counts (Clopper and Pearson 1934), low and high.

    It holds for however few, where a bootstrap of all right or all wrong has no width.

    Parameters
    ----------
    hits, n : int
        Not a number where `n` is 0.
    """
    if not n:
        return float("nan"), float("nan")
    tail = 0.025
    low = beta.ppf(tail, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(1 - tail, hits + 1, n - hits) if hits < n else 1.0
    return float(low), float(high)


def interval(values: Floats, coverage: float = 0.95) -> tuple[float, float]:
    """Percentile interval of a figure's bootstrap values, low and high."""
    tail = (1 - coverage) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


@lru_cache(maxsize=4)
def _draw_sessions(n_sessions: int, n_resamples: int, seed: int) -> Floats:
    """How often each resample draws each session, (n_resamples, n_sessions)."""
    rng = np.random.default_rng(seed)
    even = np.full(n_sessions, 1 / n_sessions)
    return rng.multinomial(n_sessions, even, size=n_resamples).astype(float)


def _hits(confusion: NDArray[Any]) -> NDArray[Any]:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.true_divide(part, whole))
