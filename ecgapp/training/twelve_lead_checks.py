"""What can be measured of the twelve-lead network beside its out-of-fold figures.

``ecgapp check twelve-lead --data DIR`` writes
``models/twelve_lead/checks.json``: how well the pretrained network reads PTB-XL from signals and
from drawn and traced sheets, and whether its features tell the layout of a sheet. Needs the run
folder of crossval; about ten minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ecgapp.datasets.khan import read_manifest
from ecgapp.datasets.ptbxl import Records, load_records, to_signals
from ecgapp.digitize.leads import cut_leads
from ecgapp.digitize.trace import digitize
from ecgapp.ecg import Signals
from ecgapp.errors import Refusal
from ecgapp.evaluation import metrics
from ecgapp.inference.twelve_lead_inputs import TwelveLeadInputs, twelve_lead_inputs
from ecgapp.io.pages import read_page
from ecgapp.sheet.edan import locate_native
from ecgapp.synthesis.draw import as_png
from ecgapp.synthesis.edan import render
from ecgapp.training.crossval import load_fold
from ecgapp.training.fit import read_history
from ecgapp.training.networks import twelve_lead
from ecgapp.training.networks.ensemble import first_member
from ecgapp.training.networks.registry import ARCHITECTURES
from ecgapp.training.pretrain import superclass_auroc
from ecgapp.training.run_folder import UnfinishedRunError, read_plan, write_json
from ecgapp.training.sheet_presentation import as_sheet
from ecgapp.training.twelve_lead_sheets import SheetSet, build_sheets

DRAWN_RECORDS = 310  # of fold 9, by the time that drawing takes
LAYOUT = "3x4"


def draw_and_read(signals: Signals, layout: str = LAYOUT) -> TwelveLeadInputs:
    """Draw signals as a sheet, and read them back from its pixels.

    Raises
    ------
    Refusal
        If the sheet that was drawn cannot be read.
    """
    sheet = locate_native(read_page(as_png(render(signals, layout))))
    return twelve_lead_inputs(digitize(sheet, cut_leads(sheet)))


def check_drawn(net: keras.Model, records: Records) -> dict[str, Any]:
    """Compare the superclasses' AUROC on signals and on the same signals drawn and traced."""
    drawn: list[TwelveLeadInputs] = []
    rows: list[int] = []
    for row in np.linspace(0, len(records) - 1, DRAWN_RECORDS).astype(int).tolist():
        try:
            drawn.append(draw_and_read(to_signals(records.steps[row])))
        except Refusal:
            continue
        rows.append(row)
    read = [np.concatenate(arrays) for arrays in zip(*(one.arrays() for one in drawn), strict=True)]
    true = records.superclasses
    return {
        "signals": {
            "records": len(records),
            **superclass_auroc(net, as_sheet(records.steps).arrays(), true),
        },
        "drawn_and_traced": {"records": len(rows), **superclass_auroc(net, read, true[rows])},
        "the_same_from_signals": {
            "records": len(rows),
            **superclass_auroc(net, as_sheet(records.steps[rows]).arrays(), true[rows]),
        },
    }


def check_groups(net: keras.Model, records: Records) -> dict[str, Any]:
    """Compare the superclasses' AUROC between women and men, and between ages.

    Returns
    -------
    dict
        Group -> its ``records``, ``macro`` and each superclass's AUROC, from the signals.
    """
    age = records.age_years
    groups = {
        "women": records.sex == "Female",
        "men": records.sex == "Male",
        "under 50 years": age < 50,
        "50 to 69 years": (age >= 50) & (age < 70),
        "70 years and over": age >= 70,
    }
    inputs = as_sheet(records.steps).arrays()
    return {
        name: {
            "records": int(of_group.sum()),
            **superclass_auroc(
                net, [array[of_group] for array in inputs], records.superclasses[of_group]
            ),
        }
        for name, of_group in groups.items()
    }


def probe_layout(sheets: SheetSet, runs: Path, classes: tuple[str, ...]) -> dict[str, Any]:
    """Ask a linear classifier for the layout, from features that no fold's own sheets taught.

    Returns
    -------
    dict
        Label -> AUROC of 6x2 against 3x4 among its sheets, sessions kept together; 0.5 is chance.

    Raises
    ------
    UnfinishedRunError
        If the training of a fold has not ended.
    """
    recipe = ARCHITECTURES["twelve_lead"].recipe
    features = np.zeros((len(sheets), twelve_lead.HIDDEN))
    for fold in np.unique(sheets.fold):
        rows = np.flatnonzero(sheets.fold == fold)
        net = load_fold("twelve_lead", sheets, classes, recipe, runs, int(fold))
        net = first_member(net)
        features_of = keras.Model(net.inputs, net.get_layer(twelve_lead.FEATURES).output)
        found = np.asarray(features_of.predict(sheets.inputs(rows), verbose=0))
        # Each fold's network has features of its own, alike only in their mean.
        features[rows] = found - found.mean(axis=0)
    result: dict[str, Any] = {}
    for label in np.unique(sheets.label):
        rows = np.flatnonzero(sheets.label == label)
        is_6x2 = sheets.layout[rows] == "6x2"
        if not is_6x2.any():
            continue
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        score = cross_val_predict(
            probe,
            features[rows],
            is_6x2,
            groups=sheets.session[rows],
            cv=GroupKFold(5),
            method="predict_proba",
        )[:, 1]
        result[str(label)] = {
            "3x4": int((~is_6x2).sum()),
            "6x2": int(is_6x2.sum()),
            "auroc": metrics.auroc(is_6x2, score),
        }
    return result


def load_pretraining(folder: Path) -> keras.Model:
    """Load the network of a pretraining that has ended.

    Parameters
    ----------
    folder : Path
        Run folder of :func:`ecgapp.training.pretrain.pretrain`.

    Raises
    ------
    FileNotFoundError
        If there is no such run folder.
    UnfinishedRunError
        If the pretraining has not ended.
    """
    plan = read_plan(folder)
    done, epochs = len(read_history(folder)), plan["pretraining"]["epochs"]
    if done < epochs:
        raise UnfinishedRunError(
            f"Loading the pretrained network: {folder} holds {done} of {epochs} epochs; run the "
            "pretraining again to end it."
        )
    net = twelve_lead.build_for_statements(len(plan["statements"]))
    net.load_weights(folder / "last.weights.h5")
    return net


def main(data: Path, runs: Path, models: Path) -> None:
    """Measure everything and write it.

    Parameters
    ----------
    data : Path
        Holds ``khan`` and ``ptbxl``.
    runs : Path
        Holds the run folders of ``pretrain`` and ``crossval``.
    models : Path
        Folder of the models.
    """
    pretraining = runs / "twelve_lead-pretrained"
    net = load_pretraining(pretraining)
    sheets, _ = build_sheets(read_manifest(data), Path(".cache"))
    folds = runs / "twelve_lead"
    records = load_records(data, "val")
    checks = {
        "ptbxl_val_auroc": check_drawn(net, records),
        "ptbxl_val_auroc_by_group": check_groups(net, records),
        "layout_probe": probe_layout(sheets, folds, tuple(read_plan(folds)["classes"])),
    }
    write_json(models / "twelve_lead" / "checks.json", checks)
