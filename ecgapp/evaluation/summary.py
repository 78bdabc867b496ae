"""The shipped models' out-of-fold figures as JSON and as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ecgapp.evaluation import metrics
from ecgapp.evaluation.calibration import (
    VERDICT_PREDICTIONS,
    calibrated,
    calibration_error_with_interval,
    confident_coverage,
    groups_of,
    read_verdicts,
    set_coverage,
)
from ecgapp.evaluation.out_of_fold import (
    PROTOCOL,
    Estimate,
    SessionErrors,
    estimate,
    session_errors,
    summarize,
)
from ecgapp.evaluation.predictions import Predictions, read_predictions
from ecgapp.inference.verdict import read_rule
from ecgapp.io.text_table import read_text_table

if TYPE_CHECKING:
    from rich.table import Table

    from ecgapp.evaluation.calibration import Bools, JudgedVerdicts

VERDICT = "verdict"
SUSPICIOUS = Path("study", "suspicious_sheets.csv")
# Specificity at which the recall of infarction is told, and the columns that a terminal holds.
MI_SPECIFICITY = 0.97
_MOST_COLUMNS = 3

# How notes on what a person saw begin where it speaks against the label.
DOUBTFUL = "label doubtful"

EVERY, ONLY_3X4 = "all", "3x4"
WITHOUT_DOUBTFUL, WITHOUT_SUSPICIOUS = "without_doubtful", "without_suspicious"
PART_NAMES = {
    EVERY: "all sheets",
    ONLY_3X4: "3x4 alone",
    WITHOUT_DOUBTFUL: "labels that look doubtful left out",
    WITHOUT_SUSPICIOUS: "suspicious labels left out",
}


@dataclass(frozen=True)
class PartFigures:
    """Figures of one model on one part of the sheets.

    Attributes
    ----------
    n, n_sessions : int
    figures : dict of str to Estimate
        Name -> figure; names of a single class's figures end in the class.
    n_by_class : dict of str to int
        Sheets by label.
    counts : dict of str to int
        Name of a figure -> sheets that it is of, where these are not all of the part.
    """

    n: int
    n_sessions: int
    figures: dict[str, Estimate]
    n_by_class: dict[str, int]
    counts: dict[str, int]


@dataclass(frozen=True)
class Evaluation:
    """All shipped figures.

    Attributes
    ----------
    models : dict of str to dict
        ``verdict`` or a model -> part of the sheets -> its figures.
    sessions : SessionErrors
        Where the verdict's errors lie.
    """

    models: dict[str, dict[str, PartFigures]]
    sessions: SessionErrors

    def to_dict(self) -> dict[str, Any]:
        """Of plain Python types, what is not a number as None."""
        return {
            "protocol": PROTOCOL,
            "models": {
                model: {name: _part_to_dict(part) for name, part in parts.items()}
                for model, parts in self.models.items()
            },
            "sessions": asdict(self.sessions),
        }


def evaluate_shipped(models_folder: Path) -> Evaluation:
    """Compute the figures of what lies in a models folder.

    Parameters
    ----------
    models_folder : Path
        Holds ``verdict.json``, ``verdict_predictions.csv`` and a folder a model.

    Returns
    -------
    Evaluation

    Raises
    ------
    OSError
        If predictions are missing.
    ModelError
        If ``verdict.json`` is missing, or is not the rule of a verdict.
    """
    verdicts = read_verdicts(models_folder / VERDICT_PREDICTIONS)
    rule = read_rule(models_folder)
    suspicious = read_seen(models_folder / SUSPICIOUS)
    found = {
        VERDICT: {
            name: _verdict_figures(verdicts.where(kept))
            for name, kept in _parts(verdicts.predictions, suspicious).items()
        }
    }
    for name, by_fold in rule.fold_temperatures.items():
        sheets = read_predictions(models_folder / name / "predictions.csv").by_sheet()
        sheets = calibrated(sheets, by_fold)
        found[name] = {
            part: _figures(sheets.where(kept)) for part, kept in _parts(sheets, suspicious).items()
        }
    return Evaluation(found, session_errors(verdicts.predictions))


def read_seen(path: Path) -> dict[str, str]:
    """Read what a person saw, sheet by sheet; nothing where there is no such table.

    Raises
    ------
    KeyError
        If the table lacks a column.
    """
    if not path.exists():
        return {}
    table = read_text_table(path)
    return dict(zip(table["sheet"], table["seen"], strict=True))


def _parts(predictions: Predictions, suspicious: dict[str, str]) -> dict[str, Bools]:
    """Mark the sheets of each part that is judged; one that leaves out none is left out."""
    doubtful = [sheet for sheet, seen in suspicious.items() if seen.startswith(DOUBTFUL)]
    every = np.ones(len(predictions), dtype=bool)
    parts = {EVERY: every, ONLY_3X4: predictions.layout == "3x4"}
    for name, left_out in ((WITHOUT_DOUBTFUL, doubtful), (WITHOUT_SUSPICIOUS, list(suspicious))):
        if left_out:
            parts[name] = ~np.isin(predictions.sheet, left_out)
    return parts


def _figures(sheets: Predictions) -> PartFigures:
    summary = summarize(sheets)
    figures = {"accuracy": summary.accuracy, "macro_f1": summary.macro_f1}
    figures["calibration_error"] = calibration_error_with_interval(sheets)
    classes = list(sheets.classes)
    mi, history = classes.index("mi"), classes.index("history_of_mi")
    infarction = np.isin(sheets.true, (mi, history))
    scores = {
        **{f"auroc_{name}": (sheets.true == k, [k]) for k, name in enumerate(classes)},
        "auroc_mi_or_history": (infarction, [mi, history]),
    }
    for name, (positive, columns) in scores.items():
        score = sheets.probabilities[:, columns].sum(axis=1)
        draws = metrics.bootstrap_auroc(positive, score, sheets.session)
        figures[name] = estimate(np.array(metrics.auroc(positive, score)), draws)
    figures["mi_recall_at_97_specificity"] = estimate(
        *metrics.recall_at_specificity(
            sheets.true == mi, sheets.probabilities[:, mi], sheets.session, MI_SPECIFICITY
        )
    )
    for name, by_class in summary.by_class.items():
        figures |= {f"{figure}_{name}": found for figure, found in by_class.items()}
    n_by_class = dict(zip(classes, summary.confusion.sum(axis=1).tolist(), strict=True))
    return PartFigures(summary.n, summary.n_sessions, figures, n_by_class, {})


def _verdict_figures(verdicts: JudgedVerdicts) -> PartFigures:
    """Those of any model, with the confident verdicts' and the prediction sets'."""
    found = _figures(verdicts.predictions)
    by_label, by_call = (groups_of(verdicts.predictions, called) for called in (False, True))
    every = np.ones((len(by_label), 1), dtype=bool)
    classes = verdicts.predictions.classes
    names = ["", *(f"_{name}" for name in classes), *(f"_called_{name}" for name in classes)]
    groups = np.column_stack([every, by_label, by_call])
    for name, one in zip(names, confident_coverage(verdicts, groups), strict=True):
        found.figures[f"confident_share{name}"] = one.share
        found.figures[f"confident_accuracy{name}"] = one.accuracy
        found.counts[f"confident_share{name}"] = one.n
        found.counts[f"confident_accuracy{name}"] = one.n_confident
    sets = set_coverage(verdicts, np.column_stack([every, by_label]))
    for name, of_set in zip(names, sets, strict=False):
        found.figures[f"set_coverage{name}"] = of_set.coverage
        found.counts[f"set_coverage{name}"] = of_set.n
    return found


def to_text(evaluation: Evaluation) -> list[str | Table]:
    """Lay the figures out for a terminal.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    list of str and rich.table.Table
        In the order in which they are printed.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown: list[str | Table] = [PROTOCOL, "In brackets: 95% bootstrap interval over sessions."]
    further = [PART_NAMES[name] for name in list(evaluation.models[VERDICT])[_MOST_COLUMNS:]]
    if further:
        shown.append(f"Only with --json: {', '.join(further)}.")
    shown.append("")
    for model, every_part in evaluation.models.items():
        # No more fit into 80 columns; the JSON has all.
        parts = dict(islice(every_part.items(), _MOST_COLUMNS))
        table = Table(title=model, title_justify="left", box=SIMPLE_HEAD)
        table.add_column("")
        for name, part in parts.items():
            table.add_column(f"{PART_NAMES[name]}\n{part.n} sheets, {part.n_sessions} sessions")
        for figure in parts[EVERY].figures:
            cells = [_cell(part, figure) for part in parts.values()]
            table.add_row(figure.replace("_", " "), *cells)
        shown.append(table)
    return [*shown, *_session_text(evaluation.sessions)]


def _session_text(found: SessionErrors) -> list[str | Table]:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = "The verdict by size of session"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("sheets in a session", "sessions", "sheets", "right"):
        table.add_column(column)
    for size in found.by_size:
        table.add_row(size.size, str(size.n_sessions), str(size.n), _text(size.accuracy))
    return [
        table,
        f"Sessions with any wrong verdict: {_text(found.with_error)} of {found.n_sessions}. "
        f"{found.n_several_labels} sessions carry several labels; of the {found.n_errors_there} "
        f"wrong verdicts on their sheets {found.n_label_of_session} name another of the session's "
        "labels.",
    ]


def _cell(part: PartFigures, figure: str) -> str:
    count = f", n {part.counts[figure]}" if figure in part.counts else ""
    return _text(part.figures[figure]) + count


def _text(found: Estimate) -> str:
    if np.isnan(found.value):
        return "not defined"
    return f"{found.value:.3f} ({found.low:.3f}-{found.high:.3f})"


def _part_to_dict(part: PartFigures) -> dict[str, Any]:
    return {
        "n": part.n,
        "n_sessions": part.n_sessions,
        "n_by_class": part.n_by_class,
        "figures": {
            name: {bound: None if np.isnan(x) else round(x, 4) for bound, x in vars(found).items()}
            | ({"n": part.counts[name]} if name in part.counts else {})
            for name, found in part.figures.items()
        },
    }
