"""The statement network: what a sheet of any machine shows, in PTB-XL's statements.

``ecgapp statements --data DIR`` writes ``models/statements``: the body of
the twelve-lead network as it was pretrained on PTB-XL, before it was fine-tuned on one hospital's
labels, with two linear heads, one for statements and one for the four labels as
:func:`ecgapp.datasets.statements.possible_labels` defines them; calibrated, exported and judged on
fold 9. The body stays as it is: fine-tuned on both hospitals' sheets at once it forgot (see the
card). About ten minutes on two cores.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ecgapp.datasets.drawn_sheets import PTBXL, SIGNALS_FILE, DrawnSheets, write_drawn_sheets
from ecgapp.datasets.ptbxl import (
    Records,
    learnt_targets,
    load_records,
    possible_targets,
    to_signals,
)
from ecgapp.datasets.statements import LABELS, LEARNT
from ecgapp.ecg import LEADS
from ecgapp.inference.shipped_models import STATEMENT_NETWORK, TWELVE_LEAD_NETWORK
from ecgapp.inference.twelve_lead_inputs import TWELVE_LEAD_INPUTS_VERSION
from ecgapp.measure.measurements import measure
from ecgapp.training.export import export_model
from ecgapp.training.keras_archive import ship_archive
from ecgapp.training.networks import twelve_lead
from ecgapp.training.pretrained_weights import load_pretrained
from ecgapp.training.run_folder import write_json
from ecgapp.training.sheet_presentation import as_any_sheet, as_sheet, machine_filter
from ecgapp.training.statement_calibration import calibrate
from ecgapp.training.statement_learning import StatementLearning, statement_loss

MODEL_VERSION = "1.0.0"
BODY = "pretrained.npz"

# Keeps logarithms finite.
_LEAST_PROBABILITY = 1e-6
_READ_AT_ONCE = 256

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class HeadLearning(StatementLearning):
    """How the heads are learnt; ``label_weight`` is the four labels' beside the statements'."""

    epochs: int = 12
    batch_size: int = 128
    learning_rate: float = 3e-3
    label_weight: float = 0.1


def learn_heads(records: Records, body: Path, plan: HeadLearning) -> keras.Model:
    """Learn both heads on the features of a pretrained body.

    Parameters
    ----------
    records : Records
        To learn from.
    body : Path
        Weights as :func:`ecgapp.training.pretrained_weights.save_pretrained` wrote them.
    plan : HeadLearning

    Returns
    -------
    keras.Model
        As :func:`ecgapp.training.networks.twelve_lead.build_with_statements`.
    """
    keras.utils.set_random_seed(plan.seed)
    net = twelve_lead.build_with_statements(len(LABELS))
    load_pretrained(net, body)
    read = keras.Model(net.inputs, net.get_layer(twelve_lead.FEATURES).output)
    rng = np.random.default_rng(plan.seed)
    raw, filtered = records.steps, machine_filter(records.steps)
    features = []
    for start in range(0, len(records), _READ_AT_ONCE):
        rows = slice(start, start + _READ_AT_ONCE)
        steps = plan.shown(raw[rows], filtered[rows], rng)
        features.append(
            np.asarray(read.predict_on_batch(as_any_sheet(steps, rng, plan.changes).arrays()))
        )
    given = keras.Input(features[0].shape[1:])
    dropped = keras.layers.Dropout(twelve_lead.DROPOUT)(given)
    names = (twelve_lead.STATEMENTS, twelve_lead.HEAD)
    heads = keras.Model(given, {name: net.get_layer(name)(dropped) for name in names})
    n_steps = plan.epochs * -(-len(records) // plan.batch_size)
    heads.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(plan.learning_rate, n_steps)
        ),
        loss={
            twelve_lead.STATEMENTS: statement_loss(len(LEARNT), plan.superclass_weight),
            twelve_lead.HEAD: _label_loss,
        },
        loss_weights={twelve_lead.STATEMENTS: 1.0, twelve_lead.HEAD: plan.label_weight},
    )
    wanted = {
        twelve_lead.STATEMENTS: learnt_targets(records),
        twelve_lead.HEAD: possible_targets(records),
    }
    heads.fit(
        np.concatenate(features),
        wanted,
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        verbose=2,
    )
    return net


def _label_loss(possible: Any, probabilities: Any) -> Any:
    """Cross-entropy of the possible labels taken together; nothing where all are possible."""
    return -ops.log(ops.sum(possible * probabilities, axis=-1) + _LEAST_PROBABILITY)


def ship(net: keras.Model, plan: HeadLearning, n_records: int, folder: Path) -> None:
    """Write ``model.keras`` and ``metadata.json``.

    Parameters
    ----------
    net : keras.Model
    plan : HeadLearning
    n_records : int
        That it learnt from.
    folder : Path
        Made if it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    net.save(folder / "model.keras")
    ship_archive(folder / "model.keras", folder / "model.keras")
    shapes = {one.name: list(one.shape[1:]) for one in net.inputs}
    write_json(
        folder / "metadata.json",
        {
            "name": STATEMENT_NETWORK,
            "version": MODEL_VERSION,
            "classes": list(LABELS),
            "statements": list(LEARNT),
            "leads": list(LEADS),
            "input": {"shapes": shapes, "dtype": "float32", "version": TWELVE_LEAD_INPUTS_VERSION},
            "keras_version": keras.__version__,
            "data_source": "Wagner et al.: PTB-XL, PhysioNet 2020, folds 1-8, CC BY 4.0",
            "intended_use": "Research and teaching. Not a medical device; no diagnosis.",
            "training": {
                "backend": keras.backend.backend(),
                "records": n_records,
                "plan": asdict(plan),
            },
        },
    )


def measured_values(records: Records) -> list[dict[str, float]]:
    """Measure records' signals: name -> value, one dict a record."""
    return [
        {name: one.value for name, one in measure(to_signals(steps)).items()}
        for steps in records.steps
    ]


def from_signals(labels: NDArray[np.float64], records: Records) -> DrawnSheets:
    """Put what the network says of fold 9's signals, shown as sheets, into a table."""
    n = len(records)
    empty, never = np.full(n, ""), np.zeros(n, bool)
    return DrawnSheets(
        source=np.full(n, PTBXL),
        record=np.arange(n).astype(str),
        vendor=empty,
        arrangement=empty,
        defined=empty,
        photographed=never,
        abstained=never,
        possible=possible_targets(records) > 0,
        labels=np.round(labels, 5),
        codes=(),
        stated=np.zeros((n, 0), np.int64),
        statements=np.zeros((n, 0)),
    )


def main(data: Path, models: Path, only_calibrate: bool = False) -> None:
    """Make ``models/statements``, all but its card.

    Parameters
    ----------
    data : Path
        Holds ``ptbxl/``.
    models : Path
        Holds ``twelve_lead/pretrained.npz``.
    only_calibrate : bool
        Keep the network that is there.
    """
    folder = models / STATEMENT_NETWORK
    if only_calibrate:
        own_layers = {"ecgapp>LeadBias": twelve_lead.LeadBias}
        net = keras.saving.load_model(folder / "model.keras", own_layers, compile=False)
    else:
        plan = HeadLearning()
        train = load_records(data, "train")
        net = learn_heads(train, models / TWELVE_LEAD_NETWORK / BODY, plan)
        ship(net, plan, len(train), folder)
    judged = load_records(data, "val")
    found = net.predict(as_sheet(judged.steps).arrays(), batch_size=_READ_AT_ONCE, verbose=0)
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata |= calibrate(
        np.asarray(found[twelve_lead.STATEMENTS], np.float64),
        learnt_targets(judged),
        measured_values(judged),
    )
    write_json(folder / "metadata.json", metadata)
    labels = np.asarray(found[twelve_lead.HEAD], np.float64)
    write_drawn_sheets(folder / SIGNALS_FILE, from_signals(labels, judged))
    print(f"statements: exported, probabilities differ by at most {export_model(folder):.1e}")
