"""What each lead contributes to a verdict, and other rules for adding the leads up.

Everything is counted on out-of-fold predictions: no lead is read by a model that saw its session.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import NAMED_LEADS
from ecgapp.evaluation import metrics
from ecgapp.evaluation.out_of_fold import Estimate, estimate
from ecgapp.evaluation.predictions import Predictions

Floats = NDArray[np.float64]

RULES = ("sum", "vote", "learned")

# Probabilities below it count as it: one lead's near-zero must not decide alone. Set by
# hand, as are the values below.
_LEAST_PROBABILITY = 1e-3
# Pull of the learned weights towards all alike; without it rare classes make them wild.
_PENALTY = 1.0
_NEWTON_STEPS = 15
_RESAMPLES = 2000


@dataclass(frozen=True)
class LeadTable:
    """Every lead of every sheet.

    Attributes
    ----------
    sheets : Predictions
        One entry a sheet, in the order of `probabilities`; its own probabilities are the sum rule.
    leads : tuple of str
        In the order of ``NAMED_LEADS``.
    probabilities : ndarray of float64, (n_sheets, n_leads, n_classes)
        Not a number where a sheet does not show the lead.
    """

    sheets: Predictions
    leads: tuple[str, ...]
    probabilities: Floats


@dataclass(frozen=True)
class LeadEffect:
    """What one lead does to the verdict.

    Attributes
    ----------
    alone : Estimate
        Accuracy of verdicts from this lead alone, on the sheets that show it.
    change_without : Estimate
        Change of accuracy when the lead is left out of the sum; negative when it is missed.
    recall : dict of str to Estimate
        Class -> share of its sheets that are found from this lead alone.
    n_sheets : int
        Sheets that show the lead.
    """

    alone: Estimate
    change_without: Estimate
    recall: dict[str, Estimate]
    n_sheets: int


@dataclass(frozen=True)
class RuleResult:
    """What verdicts by one rule amount to.

    Attributes
    ----------
    accuracy, macro_f1 : Estimate
    confusion : ndarray of int64, shape (n_classes, n_classes)
        Row: label; column: verdict.
    change : Estimate
        Accuracy less that of the sum, on the same sheets.
    """

    accuracy: Estimate
    macro_f1: Estimate
    confusion: NDArray[np.int64]
    change: Estimate


def tabulate(predictions: Predictions) -> LeadTable:
    """Arrange predictions of single leads by sheet and lead.

    Parameters
    ----------
    predictions : Predictions
        One entry a lead; several windows of one lead are averaged.

    Returns
    -------
    LeadTable
    """
    sheets = predictions.by_sheet()
    found = set(predictions.lead.tolist())
    leads = tuple(lead for lead in NAMED_LEADS if lead in found)
    row = np.searchsorted(sheets.sheet, predictions.sheet)
    column = np.array([leads.index(lead) for lead in predictions.lead])
    sums = np.zeros((len(sheets), len(leads), len(sheets.classes)))
    counts = np.zeros((len(sheets), len(leads), 1))
    np.add.at(sums, (row, column), predictions.probabilities)
    np.add.at(counts, (row, column), 1)
    with np.errstate(invalid="ignore"):
        return LeadTable(sheets, leads, sums / counts)


def lead_effects(table: LeadTable) -> dict[str, LeadEffect]:
    """Judge every lead on its own, and the verdict without it.

    Parameters
    ----------
    table : LeadTable

    Returns
    -------
    dict of str to LeadEffect
        Lead -> what it does.
    """
    classes = table.sheets.classes
    effects = {}
    for number, lead in enumerate(table.leads):
        shown = ~np.isnan(table.probabilities[:, number, 0])
        alone = replace(table.sheets.where(shown), probabilities=table.probabilities[shown, number])
        confusion, resampled = _confusions(alone)
        recall, recalls = metrics.recall(confusion), metrics.recall(resampled)
        without = np.delete(table.probabilities, number, axis=1)
        effects[lead] = LeadEffect(
            alone=estimate(metrics.accuracy(confusion), metrics.accuracy(resampled)),
            change_without=_change(replace(table.sheets, probabilities=_sum(without)), table),
            recall={name: estimate(recall[i], recalls[:, i]) for i, name in enumerate(classes)},
            n_sheets=int(shown.sum()),
        )
    return effects


def rule_results(table: LeadTable) -> dict[str, RuleResult]:
    """Judge the verdicts by each of `RULES` on the same sheets.

    Parameters
    ----------
    table : LeadTable

    Returns
    -------
    dict of str to RuleResult
        ``sum`` adds the leads' probabilities, as the app does; ``vote`` gives every lead one vote;
        ``learned`` weighs the leads as four folds teach it and is judged on the fifth.
    """
    scores = {"sum": _sum(table.probabilities), "vote": _vote(table), "learned": _learned(table)}
    results = {}
    for rule in RULES:
        verdicts = replace(table.sheets, probabilities=scores[rule])
        confusion, resampled = _confusions(verdicts)
        results[rule] = RuleResult(
            accuracy=estimate(metrics.accuracy(confusion), metrics.accuracy(resampled)),
            macro_f1=estimate(metrics.macro_f1(confusion), metrics.macro_f1(resampled)),
            confusion=confusion,
            change=_change(verdicts, table),
        )
    return results


def learned_weights(table: LeadTable) -> dict[str, float]:
    """Mean over the folds of the weights that the learned rule gives each lead.

    Parameters
    ----------
    table : LeadTable
        Of at least two folds.

    Returns
    -------
    dict of str to float
        Lead -> weight; ``1 / len(table.leads)`` each where all leads count alike.
    """
    evidence, true = _evidence(table), table.sheets.true
    fits = [
        _fit(evidence[table.sheets.fold != fold], true[table.sheets.fold != fold])
        for fold in np.unique(table.sheets.fold)
    ]
    weights = np.mean(fits, axis=0)[: len(table.leads)]
    return dict(zip(table.leads, weights.tolist(), strict=True))


def _sum(probabilities: Floats) -> Floats:
    """Add up what the leads say, whichever leads there are; (n_sheets, n_classes)."""
    return np.nansum(probabilities, axis=1)


def _vote(table: LeadTable) -> Floats:
    """Votes for every class; the sum breaks ties."""
    shown = ~np.isnan(table.probabilities[:, :, 0])
    votes = np.zeros((len(table.sheets), len(table.sheets.classes)))
    sheet, lead = np.nonzero(shown)
    np.add.at(votes, (sheet, table.probabilities[sheet, lead].argmax(axis=1)), 1)
    return votes + _sum(table.probabilities) / (len(table.leads) + 1)


def _learned(table: LeadTable) -> Floats:
    """Scores of every sheet by weights that its own fold had no part in."""
    evidence, true, fold = _evidence(table), table.sheets.true, table.sheets.fold
    scores = np.zeros((len(true), len(table.sheets.classes)))
    for one in np.unique(fold):
        scores[fold == one] = evidence[fold == one] @ _fit(evidence[fold != one], true[fold != one])
    return scores


def _evidence(table: LeadTable) -> Floats:
    """Each lead's log-probability of each class, then a constant of each class.

    A lead that a sheet does not show says nothing, which is zero. (n_sheets, n_classes, n_terms)
    """
    logs = np.log(np.maximum(table.probabilities, _LEAST_PROBABILITY))
    leads = np.nan_to_num(logs).transpose(0, 2, 1)
    n_classes = leads.shape[1]
    constants = np.broadcast_to(np.eye(n_classes), (len(leads), n_classes, n_classes))
    return np.concatenate([leads, constants], axis=2)


def _fit(evidence: Floats, true: NDArray[np.int64]) -> Floats:
    """Weights of the terms that make the labels likeliest (conditional logit), (n_terms,)."""
    n_terms = evidence.shape[2]
    chosen = np.eye(evidence.shape[1])[true]
    n_leads = n_terms - evidence.shape[1]
    alike = np.where(np.arange(n_terms) < n_leads, 1 / n_leads, 0.0)
    weights = alike.copy()
    for _ in range(_NEWTON_STEPS):
        scores = evidence @ weights
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        slope = np.einsum("nc,nct->t", shares - chosen, evidence) + _PENALTY * (weights - alike)
        expected = np.einsum("nc,nct->nt", shares, evidence)
        curvature = np.einsum("nc,nct,ncu->tu", shares, evidence, evidence, optimize=True)
        curvature += _PENALTY * np.eye(n_terms) - expected.T @ expected
        weights -= np.linalg.solve(curvature, slope)
    return weights


def _change(verdicts: Predictions, table: LeadTable) -> Estimate:
    """Accuracy of verdicts less that of the sum over all leads, with a paired interval."""
    (new, new_draws), (old, old_draws) = (_confusions(one) for one in (verdicts, table.sheets))
    return estimate(
        metrics.accuracy(new) - metrics.accuracy(old),
        # The same seed draws the same sessions for both.
        metrics.accuracy(new_draws) - metrics.accuracy(old_draws),
    )


def _confusions(verdicts: Predictions) -> tuple[NDArray[np.int64], Floats]:
    """Count verdicts, and count them in every resample."""
    n_classes = len(verdicts.classes)
    true, predicted = verdicts.true, verdicts.predicted
    return (
        metrics.confusion_matrix(true, predicted, n_classes),
        metrics.bootstrap_confusions(true, predicted, verdicts.session, n_classes, _RESAMPLES),
    )
