"""The finished runs of the study -> the figures that ship, and the table the field lacks.

Needs no inputs: every part of a run has left its predictions.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgapp.benchmark.published.run import PART_FILE, PREDICTIONS_FILE, StudyRun
from ecgapp.datasets.splits import LEAKY_PROTOCOLS, VALIDATION_PARTS
from ecgapp.evaluation import metrics
from ecgapp.evaluation.calibration import VERDICT_PREDICTIONS
from ecgapp.evaluation.out_of_fold import read_histories, summarize
from ecgapp.evaluation.predictions import Predictions, from_table, read_predictions
from ecgapp.inference.shipped_models import MODEL_NAMES, TWELVE_LEAD_NETWORK
from ecgapp.io.text_table import read_rows
from ecgapp.training.networks.registry import ARCHITECTURES
from ecgapp.training.run_folder import read_plan, write_json

RESULTS_FILE = "results.json"
HISTORY_FILE = "history.csv"
PREDICTIONS_FOLDER = "predictions"
LAYOUT_ALONE = "3x4"
VERDICT_NAME = "verdict"
COVID_NOTE = (
    "nearly all COVID sheets come from other devices, so that telling them apart says little "
    "about COVID"
)

Rows = list[dict[str, str]]
Entry = dict[str, Any]


def collect(runs: Path, shipped: Path) -> list[Entry]:
    """Put every run that has a finished part into one file of results, and ship its predictions.

    The cross-validation of the models that the app serves is taken from their own folders.

    Parameters
    ----------
    runs : Path
        Where all runs are kept.
    shipped : Path
        ``results.json``, ``history.csv`` and ``predictions/<run>.csv.gz`` are written there; made
        if it is missing. Runs that were shipped earlier and are not in `runs` stay. The folder
        above it holds the served models.

    Returns
    -------
    list of dict
        The entries of ``results.json``.
    """
    (shipped / PREDICTIONS_FOLDER).mkdir(parents=True, exist_ok=True)
    results = shipped / RESULTS_FILE
    entries = {_key(entry): entry for entry in read_results(results)} if results.exists() else {}
    histories: dict[str, Rows] = {}
    for row in _read_csv(shipped / HISTORY_FILE):
        histories.setdefault(row["run"], []).append(row)
    for plan_file in sorted(runs.glob("*/plan.json")):
        folder = plan_file.parent
        parts = [
            part for part in read_plan(folder)["parts"] if (folder / part / PART_FILE).exists()
        ]
        if not parts:
            continue
        rows = [row for part in parts for row in _read_csv(folder / part / PREDICTIONS_FILE)]
        _write_gzip(shipped / PREDICTIONS_FOLDER / f"{folder.name}.csv.gz", rows)
        entry = describe(folder, parts, rows)
        entries[_key(entry)] = entry
        histories[folder.name] = _history(folder, parts)
    for folder in (shipped.parent / name for name in (*MODEL_NAMES, TWELVE_LEAD_NETWORK)):
        if (folder / "predictions.csv").exists():
            entry = describe_shipped(folder)
            entries[_key(entry)] = entry
    if (shipped.parent / VERDICT_PREDICTIONS).exists():
        entry = describe_verdict(shipped.parent)
        entries[_key(entry)] = entry
        for one in entries.values():
            one["to_verdict"] = _difference_to_verdict(one, shipped)
    ordered = sorted(entries.values(), key=_place)
    write_json(results, {"runs": ordered})
    _write_history(shipped / HISTORY_FILE, histories)
    return ordered


def read_results(path: Path) -> list[Entry]:
    """Read the entries of a ``results.json``; OSError when it is missing."""
    entries: list[Entry] = json.loads(path.read_text())["runs"]
    return entries


def describe(folder: Path, parts: Sequence[str], rows: Rows) -> Entry:
    """Say all about one run.

    Parameters
    ----------
    folder : Path
        The run's folder.
    parts : sequence of str
        Its finished parts.
    rows : list of dict
        Their predictions, one a lead or a sheet.

    Returns
    -------
    dict
        An entry of ``results.json``.
    """
    plan = read_plan(folder)
    names = ("name", "protocol", "n_classes", "seed", "schedule")
    run = StudyRun(**{name: plan[name] for name in names})
    found = [json.loads((folder / part / PART_FILE).read_text()) for part in parts]
    sheets, copies = _by_sheet(rows)
    in_layout = sheets.layout == LAYOUT_ALONE
    return {
        "name": run.name,
        "title": run.entry.title,
        "kind": "confounder" if run.recipe is None else "model",
        "protocol": run.protocol,
        "leaky": any(part["leaky"] for part in found),
        "classes": list(run.classes),
        "schedule": run.schedule,
        "seed": run.seed,
        "parts": list(parts),
        "epochs": int(np.median([part["epochs"] for part in found])),
        # Classical learners and confounders have no epochs to plan.
        "recipe": plan["recipe"] if run.entry.library == "keras" else None,
        "n_train": round(float(np.mean([part["n_train"] for part in found]))),
        "n_test": sum(part["n_test"] for part in found),
        "n_test_different": len(sheets),
        "n_test_in_training": sum(part["n_test_in_training"] for part in found),
        "n_by_class": plan["n_by_class"],
        "all": figures(sheets, copies),
        "only_3x4": figures(sheets.where(in_layout), copies[in_layout]),
        "published": [asdict(figure) for figure in getattr(run.entry, "published", ())],
        "cost": {
            "seconds": round(sum(part["seconds"] for part in found), 1),
            "device": "; ".join(sorted({part["device"] for part in found})),
        },
        "environment": found[0]["environment"],
        "data_sha256": plan["data_sha256"],
        "note": _note(run, plan, parts, found),
    }


def describe_shipped(folder: Path) -> Entry:
    """Describe the cross-validation that ships beside a served model.

    Parameters
    ----------
    folder : Path
        Holds ``metadata.json``, ``predictions.csv`` and ``history.csv``.

    Returns
    -------
    dict
        An entry of ``results.json``, protocol ``grouped``.
    """
    metadata = json.loads((folder / "metadata.json").read_text())
    training = metadata["training"]
    architecture = ARCHITECTURES[metadata["name"]]
    sheets = read_predictions(folder / "predictions.csv").by_sheet()
    histories = read_histories(folder / HISTORY_FILE)
    n_trained = [
        len(sheets) - np.count_nonzero(sheets.fold == fold) for fold in np.unique(sheets.fold)
    ]
    held_out = 1 / VALIDATION_PARTS if any("val_loss" in run for run in histories.values()) else 0.0
    return {
        "name": architecture.name,
        "title": architecture.title,
        "kind": "model",
        "protocol": "grouped",
        "leaky": False,
        "classes": metadata["classes"],
        "schedule": "full",
        "seed": training["recipe"]["seed"],
        "parts": list(histories),
        "epochs": int(np.median([len(run["epoch"]) for run in histories.values()])),
        "recipe": training["recipe"],
        # An eighth of the sessions chooses the epoch, where no number of epochs is fixed.
        "n_train": round(float(np.mean(n_trained)) * (1 - held_out)),
        **_out_of_fold(sheets),
        "published": [asdict(figure) for figure in architecture.published],
        "cost": {"seconds": training["seconds_in_all"], "device": training["backend"]},
        "environment": {"keras": metadata["keras_version"]},
        "data_sha256": training["data_sha256"],
        "note": "the cross-validation of the served model",
    }


def _out_of_fold(sheets: Predictions) -> Entry:
    """Count and judge sheets that are each tested once, in the fold that holds them."""
    copies = np.ones(len(sheets), dtype=np.int64)
    in_layout = sheets.layout == LAYOUT_ALONE
    return {
        "n_test": len(sheets),
        "n_test_different": len(sheets),
        "n_test_in_training": 0,
        "n_by_class": {name: int((sheets.label == name).sum()) for name in sheets.classes},
        "all": figures(sheets, copies),
        "only_3x4": figures(sheets.where(in_layout), copies[in_layout]),
    }


def describe_verdict(models: Path) -> Entry:
    """Describe what the app's verdict does out of fold.

    Parameters
    ----------
    models : Path
        Holds ``verdict_predictions.csv``.

    Returns
    -------
    dict
        An entry of ``results.json``, protocol ``grouped``.
    """
    sheets = read_predictions(models / VERDICT_PREDICTIONS).by_sheet()
    folds = np.unique(sheets.fold)
    return {
        "name": VERDICT_NAME,
        "title": "The app's verdict",
        "kind": "model",
        "protocol": "grouped",
        "leaky": False,
        "classes": list(sheets.classes),
        "schedule": "full",
        "seed": 0,
        "parts": [f"fold{fold}" for fold in folds.tolist()],
        "epochs": 0,
        "recipe": None,
        "n_train": round(len(sheets) * (1 - 1 / len(folds))),
        **_out_of_fold(sheets),
        "published": [],
        "cost": {"seconds": None, "device": ""},
        "environment": {},
        "data_sha256": None,
        "note": "CNN, CRNN and twelve-lead network weighed, and what is measured; weights fitted "
        "on the other folds, limits of measurements chosen on all of them",
    }


def _difference_to_verdict(entry: Entry, shipped: Path) -> Entry | None:
    """Work out the difference of accuracies to the verdict's, on the same sheets by session.

    None for other protocols and classes, and for the verdict itself.
    """
    if entry["protocol"] != "grouped" or entry["name"] == VERDICT_NAME:
        return None
    verdict = read_predictions(shipped.parent / VERDICT_PREDICTIONS).by_sheet()
    run = f"{entry['name']}-grouped-{len(entry['classes'])}.csv.gz"
    path = shipped / PREDICTIONS_FOLDER / run
    if not path.exists():
        path = shipped.parent / entry["name"] / "predictions.csv"
    if tuple(entry["classes"]) != verdict.classes or not path.exists():
        return None
    sheets = read_predictions(path).by_sheet()
    if not np.array_equal(sheets.sheet, verdict.sheet):
        return None
    gain = (sheets.predicted == sheets.true).astype(float)
    gain -= verdict.predicted == verdict.true
    sums = metrics.bootstrap_sums(np.stack([gain, np.ones(len(gain))], axis=1), verdict.session)
    low, high = metrics.interval(sums[:, 0] / sums[:, 1])
    return {"accuracy": _rounded(gain.mean()), "accuracy_95": [_rounded(low), _rounded(high)]}


def figures(sheets: Predictions, copies: NDArray[np.int64]) -> Entry | None:
    """Work out the figures of verdicts on sheets, with 95% intervals by session.

    Parameters
    ----------
    sheets : Predictions
        One entry a sheet.
    copies : ndarray of int64, (n,)
        How often each counts.

    Returns
    -------
    dict or None
        None without a sheet. A figure that is not defined is None.
    """
    if not len(sheets):
        return None
    counted = sheets.where(np.repeat(np.arange(len(sheets)), copies))
    summary = summarize(counted)
    named: Entry = {"sheets": summary.n}
    for name, estimate in (("accuracy", summary.accuracy), ("macro_f1", summary.macro_f1)):
        named[name] = _rounded(estimate.value)
        named[f"{name}_95"] = [_rounded(estimate.low), _rounded(estimate.high)]
    named["macro_auroc"] = _rounded(metrics.macro_auroc(counted.true, counted.probabilities))
    named["per_class"] = {
        label: {name: _rounded(estimate.value) for name, estimate in of_class.items()}
        | {"support": int(summary.confusion[k].sum())}
        for k, (label, of_class) in enumerate(summary.by_class.items())
    }
    named["confusion"] = summary.confusion.tolist()
    return named


def to_markdown(entries: Sequence[Entry]) -> str:
    """Write the table: published, ours under the leaky protocol, ours under the honest one.

    Parameters
    ----------
    entries : sequence of dict
        Of ``results.json``.

    Returns
    -------
    str
        One table for each number of classes, models first, then the confounders.
    """
    tables = []
    for n_classes in sorted({len(entry["classes"]) for entry in entries}):
        own = [entry for entry in entries if len(entry["classes"]) == n_classes]
        lines = [
            f"### {_WORDS[n_classes]} classes",
            "",
            "| | published | ours, leaky split | ours, honest split | honest macro-F1 | "
            "honest, 3x4 sheets alone |",
            "|---|---|---|---|---|---|",
            *(_table_row(of_name) for of_name in _by_name(own).values()),
        ]
        tables.append("\n".join(lines))
    return "\n\n".join([*tables, _legend(entries)]) + "\n"


# Numbers of classes in words.
_WORDS = {4: "Four", 5: "Five"}


def _table_row(of_name: Mapping[str, Entry]) -> str:
    leaky = of_name.get("random")
    honest = of_name.get("grouped") or of_name.get("holdout")
    shown = [entry for entry in (leaky, honest) if entry]
    title = shown[0]["title"]
    if shown[0]["kind"] == "confounder":
        title = f"*{title}*"
    mark = " (shortened schedule)"
    shortened = [entry for entry in shown if entry["schedule"] == "shortened"]
    if len(shortened) == len(shown):
        title, shortened = title + mark, []
    accuracies = [
        _figure(entry, "all", "accuracy") + mark * (entry in shortened) for entry in (leaky, honest)
    ]
    cells = [title, _published(shown[0]), accuracies[0], accuracies[1] + _kind_of_split(honest)]
    cells += [_figure(honest, "all", "macro_f1", n=False), _figure(honest, LAYOUT_KEY, "accuracy")]
    return f"| {' | '.join(cells)} |"


LAYOUT_KEY = "only_3x4"


def _figure(entry: Entry | None, part: str, name: str, n: bool = True) -> str:
    """Write one figure with its interval and n: ``92.1% (88.0-95.3), n 114``."""
    if not entry or not entry[part]:
        return "-"
    found = entry[part]
    value, (low, high) = found[name], found[f"{name}_95"]
    if name == "macro_f1":
        return f"{value:.2f} ({low:.2f}-{high:.2f})"
    text = f"{value:.1%} ({100 * low:.1f}-{100 * high:.1f})"
    if not n:
        return text
    different = entry["n_test_different"]
    copies = f", {different} different" if part == "all" and different < found["sheets"] else ""
    return f"{text}, n {found['sheets']}{copies}"


def _kind_of_split(entry: Entry | None) -> str:
    if not entry:
        return ""
    return {"grouped": f", {len(entry['parts'])} folds", "holdout": ", hold-out"}[entry["protocol"]]


def _published(entry: Entry) -> str:
    """Write the published accuracy, and how many classes it is for where that differs."""
    for figure in entry["published"]:
        if figure["metric"] == "accuracy":
            other = figure["n_classes"] != len(entry["classes"])
            words = f" ({_WORDS[figure['n_classes']].lower()} classes)" if other else ""
            return f"{figure['value']:.1%}{words}"
    return "-"


def _legend(entries: Sequence[Entry]) -> str:
    lines = [
        "Accuracy per sheet with its 95% interval by recording session; n is the number of test "
        "sheets. *Honest*: no session on both sides. *Leaky*: file copies split at random, as in "
        "the published studies, so that a test file's copies, and other sheets of its session, "
        "lie in the training part.",
    ]
    leaky = [entry for entry in entries if entry["leaky"]]
    if leaky:
        shares = {
            f"{entry['n_test_in_training']} of {entry['n_test']} ({len(entry['classes'])} classes)"
            for entry in leaky
        }
        lines.append(
            "Test files of the leaky split that also lie in its training or validation part: "
            f"{'; '.join(sorted(shares))}."
        )
    if any(entry["kind"] == "confounder" for entry in entries):
        lines.append("In italics: what can be told without reading a heartbeat.")
    if any("covid_19" in entry["classes"] for entry in entries):
        lines.append(f"Five classes: {COVID_NOTE}.")
    return "\n\n".join(lines)


def _note(run: StudyRun, plan: Entry, parts: Sequence[str], found: Sequence[Entry]) -> str:
    notes = []
    if run.recipe is None:
        notes.append(str(getattr(run.entry, "note", "")))
    if run.protocol in LEAKY_PROTOCOLS:
        seen = sum(part["n_test_in_training"] for part in found)
        n_test = sum(part["n_test"] for part in found)
        notes.append(
            f"leaky: {seen} of {n_test} test files also lie in the training or validation part"
        )
    if len(parts) < len(plan["parts"]):
        notes.append(f"only {', '.join(parts)} of {len(plan['parts'])} parts")
    if run.n_classes > 4:
        counts = plan["n_by_class"]
        notes.append(f"{counts['covid_19']} COVID sheets; {COVID_NOTE}")
    return "; ".join(notes)


def _by_sheet(rows: Rows) -> tuple[Predictions, NDArray[np.int64]]:
    """Verdicts, and how often each counts."""
    table = pd.DataFrame(rows)
    leads = from_table(table)
    # Both are in the order of np.unique.
    _, first = np.unique(leads.sheet, return_index=True)
    return leads.by_sheet(), table["copies"].to_numpy(np.int64)[first]


def _key(entry: Entry) -> tuple[str, str, int]:
    return entry["name"], entry["protocol"], len(entry["classes"])


def _place(entry: Entry) -> tuple[Any, ...]:
    from ecgapp.benchmark.published.run import names

    order = names()
    place = order.index(entry["name"]) if entry["name"] in order else len(order)
    return len(entry["classes"]), place, entry["protocol"]


def _by_name(entries: Sequence[Entry]) -> dict[str, dict[str, Entry]]:
    found: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        found.setdefault(entry["name"], {})[entry["protocol"]] = entry
    return found


def _rounded(value: Any) -> float | None:
    number = float(value)
    return None if np.isnan(number) else round(number, 4)


def _read_csv(path: Path) -> Rows:
    return read_rows(path) if path.exists() else []


def _history(folder: Path, parts: Sequence[str]) -> Rows:
    """One row an epoch of every part, and of every member of an ensemble."""
    return [
        {"run": folder.name, "part": path.parent.relative_to(folder).as_posix(), **row}
        for part in parts
        for path in sorted((folder / part).rglob(HISTORY_FILE))
        for row in _read_csv(path)
    ]


def _write_history(path: Path, histories: Mapping[str, Rows]) -> None:
    columns = ["run", "part", "epoch", "learning_rate"]
    columns += ["loss", "accuracy", "val_loss", "val_accuracy"]
    rows = [row for _, rows in sorted(histories.items()) for row in rows]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)


def _write_gzip(path: Path, rows: Rows) -> None:
    # Without a time stamp, so that equal predictions make equal files.
    path.write_bytes(gzip.compress(pd.DataFrame(rows).to_csv(index=False).encode(), mtime=0))
