"""Cross-validate an architecture over the manifest's folds, then train the model that ships.

Needs Keras and NumPy only. Every fold and the final model keep their state under one run folder,
so an interrupted command goes on where it stopped, and folds may run side by side.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgapp.datasets.splits import Split, fold_split, hold_out_validation
from ecgapp.evaluation import metrics
from ecgapp.evaluation.out_of_fold import summarize
from ecgapp.evaluation.predictions import (
    Predictions,
    SheetRows,
    by_lead,
    read_predictions,
    write_predictions,
)
from ecgapp.io.weights import write_checksums
from ecgapp.training.fit import (
    TrainingSet,
    best_epoch,
    load_trained,
    predict,
    read_history,
    train,
)
from ecgapp.training.keras_archive import ship_archive
from ecgapp.training.networks.recipe import Recipe
from ecgapp.training.run_folder import (
    Stopwatch,
    claim,
    read_plan,
    require_plan,
    spent_seconds,
)

MODEL_VERSION = "1.1.0"
DATA_SOURCE = (
    "Khan, Hussain, Malik: ECG Images dataset of Cardiac and COVID-19 Patients, Data in Brief "
    "2021, Mendeley Data gwbz3fsgp8 version 1, CC BY 4.0; twelve-lead sheets of four classes"
)
INTENDED_USE = "Research and teaching. Not a medical device; no diagnosis."

_PROBABILITIES = "probabilities.npy"


class LabelledSet(TrainingSet, SheetRows, Protocol):
    """What can be cross-validated: windows of single leads, or whole sheets."""

    @property
    def lead(self) -> NDArray[np.str_]:
        """Lead of each row; empty where a row is a whole sheet."""

    @property
    def window(self) -> NDArray[np.int64]:
        """Number of each row within its lead."""

    @property
    def preprocessing_version(self) -> NDArray[np.int64]:
        """Version of the preprocessing that made the rows."""

    def __len__(self) -> int:
        """Rows."""

    def digest(self) -> str:
        """SHA-256 over all rows."""

    def describe(self) -> dict[str, Any]:
        """Say what a model that was trained on this set reads."""


def cross_validate(
    architecture: str,
    windows: LabelledSet,
    classes: tuple[str, ...],
    recipe: Recipe,
    runs: Path,
    folds: Sequence[int],
) -> None:
    """Train and test on some folds; folds that are done already are left alone.

    Parameters
    ----------
    architecture : str
    windows : LabelledSet
    classes : tuple of str
    recipe : Recipe
    runs : Path
        Run folder; made if it is missing.
    folds : sequence of int

    Raises
    ------
    StaleRunError
    ValueError
        If a fold holds no windows.
    """
    claim(runs, _plan(architecture, windows, classes, recipe))
    for fold in folds:
        folder = runs / f"fold{fold}"
        if (folder / _PROBABILITIES).exists():
            continue
        print(f"{architecture}: fold {fold}", flush=True)
        split = fold_split(windows, fold, recipe.seed)
        train_rows, validation_rows = _rows_of(split, recipe)
        with Stopwatch(folder):
            net = train(architecture, windows, classes, train_rows, validation_rows, recipe, folder)
        np.save(folder / _PROBABILITIES, predict(net, windows, split.test))


def load_fold(
    architecture: str,
    windows: LabelledSet,
    classes: tuple[str, ...],
    recipe: Recipe,
    runs: Path,
    fold: int,
) -> keras.Model:
    """Load the net that :func:`cross_validate` trained without a fold; never trains.

    Parameters
    ----------
    architecture : str
    windows : LabelledSet
    classes : tuple of str
    recipe : Recipe
    runs : Path
        Run folder.
    fold : int

    Returns
    -------
    keras.Model

    Raises
    ------
    FileNotFoundError
        If there is no such run folder.
    StaleRunError
        If the run folder is for other data, or for another recipe.
    UnfinishedRunError
        If the fold's training has not ended.
    """
    require_plan(runs, _plan(architecture, windows, classes, recipe))
    return load_trained(architecture, len(classes), recipe, runs / f"fold{fold}")


def train_final(
    architecture: str,
    windows: LabelledSet,
    classes: tuple[str, ...],
    recipe: Recipe,
    runs: Path,
    epochs: int | None,
) -> keras.Model:
    """Train the model that ships.

    Parameters
    ----------
    architecture : str
    windows : LabelledSet
    classes : tuple of str
    recipe : Recipe
    runs : Path
        Run folder; made if it is missing.
    epochs : int or None
        Train on every sheet for so many epochs; None to hold sessions out for early stopping.

    Returns
    -------
    keras.Model

    Raises
    ------
    StaleRunError
    """
    claim(runs, _plan(architecture, windows, classes, recipe))
    every = np.arange(len(windows))
    if epochs is None:
        folder = runs / "held_out"
        train_rows, validation_rows = hold_out_validation(windows, every, recipe.seed)
    else:
        folder = runs / f"final_{epochs}_epochs"
        train_rows, validation_rows = every, None
        recipe = replace(recipe, epochs=epochs)
    print(f"{architecture}: final model", flush=True)
    with Stopwatch(folder):
        net = train(architecture, windows, classes, train_rows, validation_rows, recipe, folder)
    net.save(runs / "model.keras")
    return net


def learnt_epochs(runs: Path, folds: Sequence[int]) -> int:
    """Median over the folds of the best number of epochs.

    That is, of the epochs up to the lowest validation loss, or of all where none was held out.
    """
    histories = [
        read_history(file.parent)
        for fold in folds
        for file in sorted((runs / f"fold{fold}").rglob("history.csv"))
    ]
    epochs = [best_epoch(rows) if "val_loss" in rows[0] else len(rows) for rows in histories]
    return int(np.median(epochs))


def training_seconds(runs: Path) -> float:
    """Seconds that all trainings of a run folder took together."""
    return sum(spent_seconds(folder) for folder in runs.iterdir() if folder.is_dir())


def out_of_fold(windows: LabelledSet, runs: Path, folds: Sequence[int]) -> NDArray[np.float32]:
    """Every window's probabilities from the model that never saw its session, (n, n_classes)."""
    by_fold = {fold: np.load(runs / f"fold{fold}" / _PROBABILITIES) for fold in folds}
    n_classes = next(iter(by_fold.values())).shape[1]
    result = np.zeros((len(windows), n_classes), dtype=np.float32)
    for fold, probabilities in by_fold.items():
        result[windows.fold == fold] = probabilities
    return result


def write_histories(path: Path, runs: Path) -> None:
    """Join the histories of all trainings of a run folder; column ``run`` names each."""
    histories = {
        file.parent.relative_to(runs).as_posix(): read_history(file.parent)
        for file in sorted(runs.glob("*/**/history.csv"))
    }
    columns = ["run", "epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"]
    rows = [
        {"run": run} | row | {"epoch": int(row["epoch"])}
        for run, history in histories.items()
        for row in history
    ]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False, lineterminator="\r\n")


def ship(runs: Path, windows: LabelledSet, model_folder: Path) -> None:
    """Write all of ``models/<name>`` but the ONNX file, from a finished run folder.

    Parameters
    ----------
    runs : Path
        Run folder with every fold and the final model.
    windows : LabelledSet
    model_folder : Path
        Made if it is missing.
    """
    model_folder.mkdir(parents=True, exist_ok=True)
    plan = read_plan(runs)
    folds = np.unique(windows.fold).tolist()
    ship_archive(runs / "model.keras", model_folder / "model.keras")
    write_histories(model_folder / "history.csv", runs)
    path = model_folder / "predictions.csv"
    leads, _ = by_lead(windows, out_of_fold(windows, runs, folds), plan["classes"])
    write_predictions(path, leads)
    # As they ship, rounded.
    leads = read_predictions(path)
    metadata = describe(plan, windows, runs) | {
        "metrics": {
            "all_layouts": figures(leads.by_sheet()),
            "3x4_only": figures(leads.where(leads.layout == "3x4").by_sheet()),
        }
    }
    (model_folder / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n")
    write_checksums(model_folder.parent)


def describe(plan: dict[str, Any], windows: LabelledSet, runs: Path) -> dict[str, Any]:
    """Say what a shipped model is, what it was trained on and how, for its ``metadata.json``."""
    return {
        "name": plan["architecture"],
        "version": MODEL_VERSION,
        "classes": plan["classes"],
        **windows.describe(),
        "preprocessing_version": plan["preprocessing_version"],
        "keras_version": keras.__version__,
        "data_source": DATA_SOURCE,
        "intended_use": INTENDED_USE,
        "training": {
            "backend": keras.backend.backend(),
            "recipe": plan["recipe"],
            "sheets": len(np.unique(windows.sheet)),
            "windows": len(windows),
            "sessions": len(np.unique(windows.session)),
            "data_sha256": plan["data_sha256"],
            "seconds_in_all": round(training_seconds(runs)),
        },
    }


def figures(sheets: Predictions) -> dict[str, Any]:
    """Out-of-fold figures of aggregated verdicts, with 95% intervals by session."""
    summary = summarize(sheets)
    named: dict[str, Any] = {"protocol": "grouped folds, out of fold", "sheets": summary.n}
    for name, estimate in (("accuracy", summary.accuracy), ("macro_f1", summary.macro_f1)):
        named[name] = round(estimate.value, 4)
        named[f"{name}_95"] = [round(estimate.low, 4), round(estimate.high, 4)]
    named["macro_auroc"] = round(metrics.macro_auroc(sheets.true, sheets.probabilities), 4)
    return named


def _rows_of(split: Split, recipe: Recipe) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Rows to learn from and to choose the epoch by; none where the number of epochs is fixed."""
    if recipe.patience is None:
        return np.union1d(split.train, split.validation), None
    return split.train, split.validation


def _plan(
    architecture: str, windows: LabelledSet, classes: tuple[str, ...], recipe: Recipe
) -> dict[str, Any]:
    """Put together what a run folder is for, so that a resumed run never mixes two."""
    return {
        "architecture": architecture,
        "classes": list(classes),
        "data_sha256": windows.digest(),
        "preprocessing_version": int(windows.preprocessing_version),
        "recipe": asdict(recipe),
    }
