"""How the twelve-lead network's figures grow with the number of sheets it learns from.

``ecgapp check learning-curve --data DIR`` fine-tunes the pretrained network on parts
of each fold's training sessions and writes ``models/twelve_lead/learning_curve.json``. About 20
minutes on two cores; what is trained is kept, so a stopped command goes on where it stopped.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgapp.datasets.khan import read_manifest
from ecgapp.evaluation.out_of_fold import summarize
from ecgapp.evaluation.predictions import Predictions, read_predictions
from ecgapp.training.fit import predict, train
from ecgapp.training.networks.registry import ARCHITECTURES
from ecgapp.training.run_folder import write_json
from ecgapp.training.twelve_lead_card import LEARNING_CURVE
from ecgapp.training.twelve_lead_sheets import SheetSet, build_sheets

ARCHITECTURE = "twelve_lead"
# Parts of the training sessions; the whole is what cross-validation trained on.
PARTS = (0.25, 0.5)


def some_sessions(
    sheets: SheetSet, rows: NDArray[np.int64], part: float, seed: int
) -> NDArray[np.int64]:
    """Keep the rows of a part of the sessions, drawn at random; a larger part holds a smaller."""
    sessions = np.random.default_rng(seed).permutation(np.unique(sheets.session[rows]))
    kept = sessions[: round(part * len(sessions))]
    return rows[np.isin(sheets.session[rows], kept)]


def out_of_fold(sheets: SheetSet, classes: tuple[str, ...], part: float, runs: Path) -> Predictions:
    """Cross-validate on a part of each fold's training sessions.

    Parameters
    ----------
    sheets : SheetSet
    classes : tuple of str
    part : float
    runs : Path
        Where the trainings are kept.

    Returns
    -------
    Predictions
        One entry a sheet.
    """
    recipe = ARCHITECTURES[ARCHITECTURE].recipe
    probabilities = np.zeros((len(sheets), len(classes)))
    for fold in np.unique(sheets.fold).tolist():
        tested = sheets.fold == fold
        rows = some_sessions(sheets, np.flatnonzero(~tested), part, recipe.seed + fold)
        folder = runs / f"{part:g}_fold{fold}"
        net = train(ARCHITECTURE, sheets, classes, rows, None, recipe, folder)
        probabilities[tested] = predict(net, sheets, np.flatnonzero(tested))
    return Predictions(
        classes=classes,
        sheet=sheets.sheet,
        label=sheets.label,
        layout=sheets.layout,
        session=sheets.session,
        fold=sheets.fold,
        lead=sheets.lead,
        probabilities=probabilities,
    )


def main(data: Path, runs: Path, models: Path) -> None:
    """Train on every part and write the figures.

    Parameters
    ----------
    data : Path
        Holds ``khan``.
    runs : Path
        Where the trained parts are kept.
    models : Path
        Folder of the models.
    """
    folder = models / ARCHITECTURE
    classes = tuple(json.loads((folder / "metadata.json").read_text())["classes"])
    sheets, _ = build_sheets(read_manifest(data), Path(".cache"))
    by_part = {part: out_of_fold(sheets, classes, part, runs) for part in PARTS}
    by_part[1.0] = read_predictions(folder / "predictions.csv")
    n_learnt = len(sheets) * (1 - 1 / len(np.unique(sheets.fold)))
    curve = []
    for part, predictions in by_part.items():
        summary = summarize(predictions)
        curve.append(
            {
                "part": part,
                "sheets_learnt_from": round(part * n_learnt),
                "sheets_judged": summary.n,
                "accuracy": asdict(summary.accuracy),
                "macro_f1": asdict(summary.macro_f1),
            }
        )
    write_json(folder / LEARNING_CURVE, {"curve": curve})
