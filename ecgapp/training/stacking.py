"""Learn from out-of-fold predictions how models make a verdict and when to rely on it."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from mapie.conformity_scores import LACConformityScore
from numpy.typing import NDArray
from scipy.optimize import minimize

from ecgapp.datasets.drawn_sheets import (
    DRAWN_FILE,
    PTBXL,
    SIGNALS_FILE,
    DrawnSheets,
    read_drawn_sheets,
)
from ecgapp.datasets.statements import LABELS
from ecgapp.evaluation.calibration import (
    VERDICT_PREDICTIONS,
    JudgedVerdicts,
    expected_calibration_error,
    write_verdicts,
)
from ecgapp.evaluation.predictions import PROBABILITY_DECIMALS, Predictions, read_predictions
from ecgapp.inference.log_probabilities import log_probabilities, stack, temper
from ecgapp.inference.shipped_models import STATEMENT_NETWORK
from ecgapp.inference.verdict import (
    INFARCTIONS,
    NORMAL,
    RULE_FILE,
    SET_COVERAGE,
    TARGET_ACCURACY,
    ConfidenceRule,
    ElsewhereRule,
    NotNormalRule,
    as_defined,
    read_rule,
)
from ecgapp.io.weights import write_checksums

ABSTENTIONS_FILE = "abstentions.csv"

# Fewer verdicts do not show that they are right often enough.
LEAST_CONFIDENT = 10
TEMPERATURES = np.geomspace(0.1, 4, 300)
MIN_PROBABILITY_STEPS = np.arange(50, 1000) / 1000
# A class of so many sheets has a quantile of its own: at 90% it then rests on four or more.
LEAST_OF_CLASS = 40
# Keeps the biases of rare classes small. Set by hand.
_BIAS_PENALTY = 0.01
# Of the two tried (0.005, 0.002) the weaker: few sheets show ST elevation, and half of all acute
# infarctions do.
_RAISED_ST_PENALTY = 0.002
# On sheets of other machines, how many of the confident verdicts should be right.
ELSEWHERE_ACCURACY = 0.95
# The same of ECGs that are confidently not normal. Where fewer are normal than in PTB-XL such a
# statement is right more often, so it is to be nearly always right there. Our aim.
NOT_NORMAL_ELSEWHERE_ACCURACY = 0.99
_IS_NORMAL = np.array([name == NORMAL for name in LABELS])

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Abstentions:
    """Sheets whose verdict is not confident whatever its probability.

    Attributes
    ----------
    always : collection of str
    if_normal : collection of str
        Sheets of which only a verdict of normal is not confident.
    raised_st : collection of str
        Sheets on which ST elevation was measured.
    defined : mapping of str to str
        Sheet -> the label that it has by definition if it is not normal.
    """

    always: Collection[str] = ()
    if_normal: Collection[str] = ()
    raised_st: Collection[str] = ()
    defined: Mapping[str, str] = field(default_factory=dict)


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
    raised = np.isin(first.sheet, list(abstentions.raised_st))
    is_normal = np.array([name == NORMAL for name in first.classes])

    def is_free(rows: NDArray[np.bool_], some: Floats) -> NDArray[np.bool_]:
        return ~(always[rows] | (if_normal[rows] & is_normal[some.argmax(axis=1)]))

    defined = np.array([abstentions.defined.get(name, "") for name in first.sheet])

    probabilities = np.empty_like(first.probabilities)
    confident = np.zeros(len(true), dtype=bool)
    not_normal = np.zeros(len(true), dtype=bool)
    in_set = np.zeros(probabilities.shape, dtype=bool)
    for number in np.unique(fold):
        judged = fold == number
        fitted = _others(judged)
        weights, bias, of_raised = fit_stack(logs[fitted], true[fitted], raised[fitted])
        biases = bias + raised[:, None] * of_raised
        of_fitted, moved = move_defined(
            stack(logs[fitted], weights, biases[fitted]), defined[fitted], first.classes
        )
        of_judged, moved_judged = move_defined(
            np.round(stack(logs[judged], weights, biases[judged]), PROBABILITY_DECIMALS),
            defined[judged],
            first.classes,
        )
        probabilities[judged] = of_judged
        free = is_free(fitted, of_fitted) & ~moved
        least = fit_min_probability(of_fitted[free], true[fitted][free])
        confident[judged] = (
            is_free(judged, of_judged) & ~moved_judged & (of_judged.max(axis=1) >= least)
        )
        free = ~always[fitted] & ~moved
        least = _fit_not_normal(of_fitted[free], ~is_normal[true[fitted][free]], is_normal)
        not_normal[judged] = (
            ~always[judged] & ~moved_judged & (_not_normal(of_judged, is_normal) >= least)
        )
        in_set[judged] = prediction_sets(of_judged, fit_sets(of_fitted, true[fitted]))
    verdicts = JudgedVerdicts(replace(first, probabilities=probabilities), confident, in_set)
    correct = verdicts.predictions.predicted == true
    weights, bias, of_raised = fit_stack(logs, true, raised)
    of_all, moved = move_defined(
        stack(logs, weights, bias + raised[:, None] * of_raised), defined, first.classes
    )
    free = is_free(np.ones(len(true), bool), of_all) & ~moved
    free_or_normal = ~always & ~moved
    rule = ConfidenceRule(
        weights=dict(zip(sheets, np.round(weights, 4).tolist(), strict=True)),
        bias=dict(zip(first.classes, np.round(bias, 4).tolist(), strict=True)),
        raised_st=dict(zip(first.classes, np.round(of_raised, 4).tolist(), strict=True)),
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
        not_normal=NotNormalRule(
            _fit_not_normal(of_all[free_or_normal], ~is_normal[true[free_or_normal]], is_normal),
            TARGET_ACCURACY,
            {"other folds": _judge_not_normal(not_normal, ~is_normal[true])},
        ),
    )
    return rule, verdicts


def fit_stack(
    logs: Floats,
    true: NDArray[np.int64] | NDArray[np.bool_],
    raised: NDArray[np.bool_] | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Find the weights and biases of least cross-entropy.

    Parameters
    ----------
    logs : ndarray of float64, (n, n_models, n_classes)
        Log probabilities.
    true : ndarray of int64, (n,), or of bool, (n, n_classes)
        The class, or which classes it may be.
    raised : ndarray of bool, (n,), optional
        On which sheets ST elevation was measured; on none when left out.

    Returns
    -------
    weights : ndarray of float64, (n_models,)
        None is negative.
    bias : ndarray of float64, (n_classes,)
    of_raised : ndarray of float64, (n_classes,)
        What ST elevation adds; zeros where it is on no sheet.
    """
    n_models, n_classes = logs.shape[1:]
    shown = np.zeros(len(logs)) if raised is None else raised.astype(np.float64)
    possible = true if true.ndim == 2 else np.arange(n_classes) == true[:, None]

    def parts(parameters: Floats) -> tuple[Floats, Floats, Floats]:
        weights, bias, of_raised = np.split(parameters, [n_models, n_models + n_classes])
        return weights, bias, of_raised

    def loss(parameters: Floats) -> float:
        weights, bias, of_raised = parts(parameters)
        likely = (stack(logs, weights, bias + shown[:, None] * of_raised) * possible).sum(axis=1)
        penalty = _BIAS_PENALTY * np.square(bias).sum()
        penalty += _RAISED_ST_PENALTY * np.square(of_raised).sum()
        return float(-np.log(likely + 1e-12).mean() + penalty)

    start = np.concatenate([np.full(n_models, 1.0), np.zeros(2 * n_classes)])
    bounds = [(0.0, None)] * n_models + [(None, None)] * (2 * n_classes)
    return parts(minimize(loss, start, bounds=bounds, method="L-BFGS-B").x)


def move_defined(
    probabilities: Floats, defined: NDArray[np.str_], classes: Sequence[str]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Give what looks normal the label that it has by definition, as the verdict does.

    Parameters
    ----------
    probabilities : ndarray of float64, (n, n_classes)
    defined : ndarray of str, (n,)
        Empty where a sheet has no such label.
    classes : sequence of str

    Returns
    -------
    moved : ndarray of float64, (n, n_classes)
    is_moved : ndarray of bool, (n,)
    """
    is_moved = np.zeros(len(probabilities), bool)
    if NORMAL in classes:
        is_moved = (defined != "") & (probabilities.argmax(axis=1) == classes.index(NORMAL))
    moved = probabilities.copy()
    for row in np.flatnonzero(is_moved):
        of_row = dict(zip(classes, probabilities[row].tolist(), strict=True))
        moved[row] = list(as_defined(of_row, str(defined[row])).values())
    return moved, is_moved


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
    return _fit_threshold(
        probabilities.max(axis=1), probabilities.argmax(axis=1) == true, TARGET_ACCURACY
    )


def _not_normal(probabilities: Floats, is_normal: NDArray[np.bool_]) -> Floats:
    """Probability of all classes but normal together, (n,)."""
    return np.asarray(probabilities[:, ~is_normal].sum(axis=1))


def _fit_not_normal(
    probabilities: Floats,
    true: NDArray[np.bool_],
    is_normal: NDArray[np.bool_],
    target_accuracy: float = TARGET_ACCURACY,
) -> float:
    return _fit_threshold(_not_normal(probabilities, is_normal), true, target_accuracy)


def _judge_not_normal(called: NDArray[np.bool_], true: NDArray[np.bool_]) -> dict[str, float]:
    return {
        "sheets": len(true),
        "share": round(float(called.mean()), 4) if len(called) else 0.0,
        "accuracy": round(float(true[called].mean()), 4) if called.any() else 0.0,
    }


def _fit_threshold(sure: Floats, right: NDArray[np.bool_], target_accuracy: float) -> float:
    for min_probability in MIN_PROBABILITY_STEPS:
        confident = sure >= min_probability
        if confident.sum() < LEAST_CONFIDENT:
            break
        if right[confident].mean() >= target_accuracy:
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

    The verdicts that the rule would have given out of fold are written, too, and the rule for
    other machines' sheets is fitted again.
    """
    models = {name: read_predictions(models_folder / name / "predictions.csv") for name in names}
    rule, verdicts = fit_rule(models, read_abstentions(models_folder))
    (models_folder / RULE_FILE).write_text(json.dumps(asdict(rule), indent=2) + "\n")
    write_checksums(models_folder)
    write_verdicts(models_folder / VERDICT_PREDICTIONS, verdicts)
    if (models_folder / STATEMENT_NETWORK / DRAWN_FILE).exists():
        write_elsewhere(models_folder)
    return rule


def read_abstentions(models_folder: Path) -> Abstentions:
    """Read which sheets get no confident verdict; none before that was measured."""
    path = models_folder / "study" / ABSTENTIONS_FILE
    if not path.exists():
        return Abstentions()
    table = pd.read_csv(path)
    always = table[["beyond_limits", "poorly_read"]].any(axis=1)
    return Abstentions(
        table.loc[always, "sheet"].tolist(),
        table.loc[table["not_normal"] == 1, "sheet"].tolist(),
        table.loc[table["raised_st"] == 1, "sheet"].tolist(),
        table.set_index("sheet")["defined"].dropna().to_dict(),
    )


@dataclass(frozen=True)
class JudgedElsewhere:
    """Verdicts on sheets of other machines; every array has one row a sheet.

    Attributes
    ----------
    probabilities : ndarray of float64, (n, 4)
    right : ndarray of bool, (n,)
        Whether the likeliest label is one that the record may have.
    confident : ndarray of bool, (n,)
    not_normal : ndarray of bool, (n,)
        Whether it is to be relied on that the ECG is not normal.
    """

    probabilities: Floats
    right: NDArray[np.bool_]
    confident: NDArray[np.bool_]
    not_normal: NDArray[np.bool_]

    def where(self, rows: NDArray[np.bool_]) -> JudgedElsewhere:
        """Keep those of some sheets."""
        return JudgedElsewhere(
            self.probabilities[rows],
            self.right[rows],
            self.confident[rows],
            self.not_normal[rows],
        )


def fit_elsewhere(sheets: DrawnSheets) -> ElsewhereRule:
    """Fit how a verdict on another machine's sheet is made and when it is confident.

    Parameters
    ----------
    sheets : DrawnSheets
        To fit on.

    Returns
    -------
    ElsewhereRule
        Not judged yet.
    """
    logs = log_probabilities(sheets.labels)[:, None]
    weights, bias, _ = fit_stack(logs, sheets.possible)
    probabilities = stack(logs, weights, bias)
    free = ~sheets.abstained & ~sheets.possible.all(axis=1)
    settled = sheets.possible.sum(axis=1) == 1
    sets = fit_sets(probabilities[settled], sheets.possible[settled].argmax(axis=1))
    known = ~sheets.abstained & known_if_normal(sheets.possible)
    return ElsewhereRule(
        weights={STATEMENT_NETWORK: round(float(weights[0]), 4)},
        bias=dict(zip(LABELS, np.round(bias, 4).tolist(), strict=True)),
        min_probability=_fit_threshold(
            sureness(probabilities[free]),
            _is_right(probabilities, sheets.possible)[free],
            ELSEWHERE_ACCURACY,
        ),
        set_min_probability=dict(zip(LABELS, sets.tolist(), strict=True)),
        target_accuracy=ELSEWHERE_ACCURACY,
        judged={},
        not_normal=NotNormalRule(
            _fit_not_normal(
                probabilities[known],
                ~sheets.possible[known][:, LABELS.index(NORMAL)],
                _IS_NORMAL,
                NOT_NORMAL_ELSEWHERE_ACCURACY,
            ),
            NOT_NORMAL_ELSEWHERE_ACCURACY,
            {},
        ),
    )


def known_if_normal(possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether what is stated of records settles that they are normal, or that they are not.

    Parameters
    ----------
    possible : ndarray of bool, (n, 4)
        Which of `LABELS` a record may have.

    Returns
    -------
    ndarray of bool, (n,)
    """
    may_be = possible[:, LABELS.index(NORMAL)]
    return np.asarray(~may_be | (possible.sum(axis=1) == 1))


def judge_elsewhere(
    sheets: DrawnSheets, rule: ConfidenceRule, fitted_on: DrawnSheets
) -> JudgedElsewhere:
    """Make verdicts on sheets of other machines.

    Parameters
    ----------
    sheets : DrawnSheets
        Those of PTB-XL are judged by a rule that was fitted on every second record, theirs not
        among them.
    rule : ConfidenceRule
        Has a rule for such sheets.
    fitted_on : DrawnSheets
        PTB-XL's fold 9, on which that rule was fitted.

    Returns
    -------
    JudgedElsewhere
    """
    assert rule.elsewhere is not None  # the caller's to see to
    probabilities = np.zeros(sheets.labels.shape)
    confident = np.zeros(len(sheets), bool)
    not_normal = np.zeros(len(sheets), bool)
    half = np.array([int(name) % 2 for name in fitted_on.record])
    part = np.array(
        [
            int(name) % 2 if source == PTBXL else -1
            for source, name in zip(sheets.source, sheets.record, strict=True)
        ]
    )
    for number in np.unique(part):
        rows = part == number
        by = rule.elsewhere if number < 0 else fit_elsewhere(fitted_on.where(half != number))
        logs = log_probabilities(sheets.labels[rows])[:, None]
        bias = np.array([by.bias[name] for name in LABELS])
        found, is_moved = move_defined(
            stack(logs, np.array([by.weights[STATEMENT_NETWORK]]), bias),
            sheets.defined[rows],
            LABELS,
        )
        probabilities[rows] = found
        free = ~sheets.abstained[rows] & ~is_moved
        confident[rows] = free & (sureness(found) >= by.min_probability)
        assert by.not_normal is not None  # it was fitted with the rest
        not_normal[rows] = free & (_not_normal(found, _IS_NORMAL) >= by.not_normal.min_probability)
    right = _is_right(probabilities, sheets.possible)
    return JudgedElsewhere(probabilities, right, confident, not_normal)


def sureness(probabilities: Floats) -> Floats:
    """Work out the likeliest label's probability, infarctions of any age taken together, (n,)."""
    pair = [LABELS.index(name) for name in INFARCTIONS]
    likeliest = probabilities.argmax(axis=1)
    together = probabilities[:, pair].sum(axis=1)
    return np.where(np.isin(likeliest, pair), together, probabilities.max(axis=1))


def _is_right(probabilities: Floats, possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the likeliest label is a possible one."""
    return np.asarray(possible[np.arange(len(possible)), probabilities.argmax(axis=1)])


def write_elsewhere(models_folder: Path) -> ElsewhereRule:
    """Fit the rule for other machines' sheets to the statement network's shipped tables.

    It is fitted on PTB-XL's fold 9 alone, from its signals, judged on drawn sheets of every
    source, and written into ``verdict.json``.
    """
    folder = models_folder / STATEMENT_NETWORK
    sheets = read_drawn_sheets(folder / DRAWN_FILE)
    fitted_on = read_drawn_sheets(folder / SIGNALS_FILE)
    is_own = sheets.source == PTBXL
    rule = replace(read_rule(models_folder), elsewhere=fit_elsewhere(fitted_on))
    assert rule.elsewhere is not None
    judged, judged_not_normal = {}, {}
    for name, rows in (
        (f"{PTBXL}, other half", is_own),
        ("LUDB", sheets.source == "LUDB"),
        ("five other collections", ~is_own & (sheets.source != "LUDB")),
    ):
        some = sheets.where(rows)
        settled = ~some.possible.all(axis=1)
        if not settled.any():
            continue
        verdicts = judge_elsewhere(some, rule, fitted_on)
        confident = verdicts.confident & settled
        judged[name] = {
            "sheets": int(settled.sum()),
            "confident_share": round(float(confident.sum() / settled.sum()), 4),
            "accuracy": round(float(verdicts.right[confident].mean()), 4)
            if confident.any()
            else 0.0,
        }
        known = known_if_normal(some.possible)
        judged_not_normal[name] = _judge_not_normal(
            verdicts.not_normal[known], ~some.possible[known][:, LABELS.index(NORMAL)]
        )
    assert rule.elsewhere.not_normal is not None  # it was fitted with the rest
    not_normal = replace(rule.elsewhere.not_normal, judged=judged_not_normal)
    elsewhere = replace(rule.elsewhere, judged=judged, not_normal=not_normal)
    temperature = 1 / max(elsewhere.weights[STATEMENT_NETWORK], 1e-3)
    temperatures = rule.temperatures | {STATEMENT_NETWORK: round(temperature, 4)}
    content = asdict(replace(rule, elsewhere=elsewhere, temperatures=temperatures))
    (models_folder / RULE_FILE).write_text(json.dumps(content, indent=2) + "\n")
    write_checksums(models_folder)
    return elsewhere
