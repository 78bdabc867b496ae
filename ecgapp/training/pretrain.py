"""Teach the twelve-lead network what PTB-XL states about its records, presented as sheets."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgapp.datasets.ptbxl import SUPERCLASSES, Records, statement_names, targets
from ecgapp.evaluation import metrics
from ecgapp.inference.twelve_lead_inputs import TWELVE_LEAD_INPUTS_VERSION
from ecgapp.io.text_table import read_rows
from ecgapp.training.networks import twelve_lead
from ecgapp.training.pretrained_weights import save_pretrained
from ecgapp.training.run_folder import Stopwatch, claim, read_plan, spent_seconds, write_json
from ecgapp.training.sheet_presentation import as_any_sheet, as_sheet, machine_filter
from ecgapp.training.statement_learning import StatementLearning, statement_loss

_LAST = "last.weights.h5"
_HISTORY = "history.csv"


@dataclass(frozen=True, kw_only=True)
class Pretraining(StatementLearning):
    """How the network is pretrained; the first twentieth of all steps leads up to the rate."""

    epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.02


def pretrain(
    train: Records,
    choose: Records,
    plan: Pretraining,
    folder: Path,
    build: Callable[[int], keras.Model] = twelve_lead.build_for_statements,
) -> keras.Model:
    """Pretrain the network, or go on after an interruption.

    Parameters
    ----------
    train : Records
        To learn from.
    choose : Records
        To report the superclasses' AUROC on after every epoch.
    plan : Pretraining
    folder : Path
        Where the state and ``history.csv`` are kept; made if it is missing.
    build : callable, optional
        Number of statements -> network.

    Returns
    -------
    keras.Model

    Raises
    ------
    StaleRunError
        If the folder holds another run.
    """
    names = statement_names(train)
    claim(
        folder,
        {
            "pretraining": asdict(plan),
            "statements": names,
            "records": len(train),
            "inputs_version": TWELVE_LEAD_INPUTS_VERSION,
        },
    )
    done = len(_read_history(folder))
    keras.utils.set_random_seed(plan.seed + 1000 * done)
    net = build(len(names))
    batches = _Sheets(train, targets(train, names), plan, done)
    n_steps = plan.epochs * len(batches)
    warm_up = n_steps // 20
    net.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(
                0.0,
                max(1, n_steps - warm_up),
                warmup_target=plan.learning_rate,
                warmup_steps=max(1, warm_up),
            ),
            weight_decay=plan.weight_decay,
            global_clipnorm=1.0,
        ),
        loss=statement_loss(len(names), plan.superclass_weight),
    )
    net.optimizer.build(net.trainable_variables)
    if done:
        net.load_weights(folder / _LAST)
    if done < plan.epochs:
        with Stopwatch(folder):
            net.fit(
                batches,
                initial_epoch=done,
                epochs=plan.epochs,
                shuffle=False,
                verbose=2,
                callbacks=[_Journal(folder, choose)],
            )
    return net


def ship_pretrained(net: keras.Model, runs: Path, folder: Path) -> None:
    """Write what fine-tuning begins from, and how it came about.

    Parameters
    ----------
    net : keras.Model
        From :func:`pretrain`.
    runs : Path
        Its run folder.
    folder : Path
        Made if it is missing; gets ``pretrained.npz``, ``pretrained.json`` and
        ``pretrained_history.csv``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_pretrained(net, folder / "pretrained.npz")
    shutil.copyfile(runs / _HISTORY, folder / "pretrained_history.csv")
    last = {name: float(value) for name, value in _read_history(runs)[-1].items()}
    content = read_plan(runs) | {"val": last, "seconds": round(spent_seconds(runs))}
    write_json(folder / "pretrained.json", content)


def superclass_auroc(
    net: keras.Model, inputs: list[NDArray[Any]], superclasses: NDArray[np.int8]
) -> dict[str, float]:
    """Work out the AUROC of each superclass, and their mean as ``macro``.

    Parameters
    ----------
    net : keras.Model
        Its first outputs are the superclasses.
    inputs : list of ndarray
    superclasses : ndarray of int8, (n, 5)

    Returns
    -------
    dict of str to float
    """
    scores = np.asarray(net.predict(inputs, batch_size=256, verbose=0), np.float64)
    found = {
        name: metrics.auroc(superclasses[:, k] > 0, scores[:, k])
        for k, name in enumerate(SUPERCLASSES)
    }
    return {"macro": float(np.mean(list(found.values()))), **found}


class _Sheets(keras.utils.PyDataset):
    """Batches of records, presented as sheets anew in every epoch."""

    def __init__(
        self, records: Records, wanted: NDArray[np.float32], plan: Pretraining, epoch: int
    ) -> None:
        super().__init__(workers=1, max_queue_size=8)
        self._epoch = epoch
        self._plan = plan
        self._wanted = wanted
        self._steps = (records.steps, machine_filter(records.steps))
        self._order = self._shuffled()

    def __len__(self) -> int:
        return math.ceil(len(self._wanted) / self._plan.batch_size)

    def __getitem__(self, number: int) -> tuple[tuple[NDArray[Any], ...], NDArray[Any]]:
        size = self._plan.batch_size
        rows = self._order[number * size : (number + 1) * size]
        rng = np.random.default_rng((self._plan.seed, self._epoch, number))
        raw, filtered = self._steps
        steps = self._plan.shown(raw[rows], filtered[rows], rng)
        inputs = as_any_sheet(steps, rng, self._plan.changes)
        return tuple(inputs.arrays()), self._wanted[rows]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._order = self._shuffled()

    def _shuffled(self) -> NDArray[np.int64]:
        rng = np.random.default_rng((self._plan.seed, self._epoch))
        return rng.permutation(len(self._wanted))


def _read_history(folder: Path) -> list[dict[str, str]]:
    path = folder / _HISTORY
    return read_rows(path) if path.exists() else []


class _Journal(keras.callbacks.Callback):
    """Keeps the last epoch's state, and one line of history an epoch."""

    def __init__(self, folder: Path, choose: Records) -> None:
        super().__init__()
        self._folder = folder
        self._inputs = as_sheet(choose.steps).arrays()
        self._superclasses = choose.superclasses

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        partial = self._folder / f"partial.{_LAST}"
        self.model.save_weights(partial)
        os.replace(partial, self._folder / _LAST)
        line = {"epoch": epoch + 1.0, "loss": float((logs or {})["loss"])}
        line |= superclass_auroc(self.model, self._inputs, self._superclasses)
        print(json.dumps({name: round(value, 4) for name, value in line.items()}), flush=True)
        path = self._folder / _HISTORY
        table = pd.DataFrame([line])
        table.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.5f")
