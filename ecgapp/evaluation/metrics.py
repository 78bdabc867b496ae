"""Figures of a classifier from its predictions, with intervals.

Confusion matrices have the true class in the row and the predicted one in the column. Every
function of a confusion matrix also takes a stack of them, such as one a bootstrap resample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

Floats = NDArray[np.float64]
# By trial on 1,343 sheets: an array of so many resamples of them has a third of a megabyte.
_RESAMPLES_AT_ONCE = 32


class _Counts(NamedTuple):
    """What resamples hold of each score, from the highest down; (n, n_scores) each."""

    members: Floats
    others: Floats
    # Members and others of this score or a higher one.
    found: Floats
    falsely: Floats


_Figure = Callable[[_Counts], Floats]


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
    return _of_resamples([_areas], positive, score, sessions, n_resamples, seed)[0]


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
    recalls = _recalls_at(least_specificity)
    return _of_all_and_resamples([recalls], positive, score, sessions, n_resamples, seed)[0]


def curve_figures(
    positive: NDArray[np.bool_],
    score: Floats,
    sessions: NDArray[np.int64],
    specificities: Sequence[float],
    n_resamples: int = 2000,
    seed: int = 0,
) -> tuple[Floats, tuple[Floats, Floats], dict[float, tuple[Floats, Floats]]]:
    """Work out all figures of a curve on the same resamples, each of which is drawn once.

    Parameters
    ----------
    positive, score : ndarray, (n,)
        As for `auroc`.
    sessions : ndarray of int64, (n,)
    specificities : sequence of float
    n_resamples : int
    seed : int

    Returns
    -------
    areas : ndarray of float64, (n_resamples,)
        As `bootstrap_auroc` gives them.
    average_precision : tuple
        Mean precision over the members, from the highest score down, and of resamples; what has
        the same score is called together. Not a number for a resample without members.
    recalls : dict of float to tuple
        Specificity -> as `recall_at_specificity` gives it.
    """
    figures = [_areas, _average_precisions, *map(_recalls_at, specificities)]
    (_, areas), precision, *recalls = _of_all_and_resamples(
        figures, positive, score, sessions, n_resamples, seed
    )
    return areas, precision, dict(zip(specificities, recalls, strict=True))


def _areas(counts: _Counts) -> Floats:
    # Each member passes the others of a lower score, and half of those of its own.
    passed = counts.falsely[:, -1:] - counts.falsely + counts.others / 2
    pairs = counts.found[:, -1] * counts.falsely[:, -1]
    return _ratio((counts.members * passed).sum(axis=1), pairs)


def _average_precisions(counts: _Counts) -> Floats:
    precision = np.nan_to_num(_ratio(counts.found, counts.found + counts.falsely))
    return _ratio((counts.members * precision).sum(axis=1), counts.found[:, -1])


def _recalls_at(least_specificity: float) -> _Figure:
    def recalls(counts: _Counts) -> Floats:
        allowed = counts.falsely <= (1 - least_specificity) * counts.falsely[:, -1:] + 1e-9
        return _ratio((counts.found * allowed).max(axis=1), counts.found[:, -1])

    return recalls


def _of_all_and_resamples(
    figures: Sequence[_Figure],
    positive: NDArray[np.bool_],
    score: Floats,
    sessions: NDArray[np.int64],
    n_resamples: int,
    seed: int,
) -> list[tuple[Floats, Floats]]:
    """Work out figures of members and others by score: of all, each once, and of resamples."""
    draws = _of_resamples(figures, positive, score, sessions, n_resamples, seed)
    each_once = _of_resamples(figures, positive, score, np.zeros_like(sessions), 1, seed)
    return [(np.asarray(whole[0]), drawn) for whole, drawn in zip(each_once, draws, strict=True)]


def _of_resamples(
    figures: Sequence[_Figure],
    positive: NDArray[np.bool_],
    score: Floats,
    sessions: NDArray[np.int64],
    n_resamples: int,
    seed: int,
) -> list[Floats]:
    """Work out figures of how many members and others of each score resamples hold.

    A figure gets some of the resamples at a time, so that what it computes stays in the
    processor's cache.
    """
    _, session = np.unique(sessions, return_inverse=True)
    drawn = _draw_sessions(int(session.max()) + 1, n_resamples, seed)
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.inf))
    columns, of_members = session[order], positive[order].astype(float)
    found: list[list[Floats]] = [[] for _ in figures]
    for start in range(0, n_resamples, _RESAMPLES_AT_ONCE):
        each = drawn[start : start + _RESAMPLES_AT_ONCE, columns]
        of_kinds = (each * of_members, each * (1 - of_members))
        members, others = (np.add.reduceat(kind, starts, axis=1) for kind in of_kinds)
        counts = _Counts(members, others, members.cumsum(axis=1), others.cumsum(axis=1))
        for figure, parts in zip(figures, found, strict=True):
            parts.append(figure(counts))
    return [np.concatenate(parts) for parts in found]


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
