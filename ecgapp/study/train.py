"""Train one model on given windows; interrupted training goes on where it stopped.

Nothing but Keras (on any backend) and NumPy is needed here.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ecgapp.nets.registry import ARCHITECTURES
from ecgapp.study.augment import Augmentation
from ecgapp.study.windows import WindowSet

_BEST = "best.weights.h5"
_LAST = "last.weights.h5"
_HISTORY = "history.csv"


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes
    ----------
    epochs : int
        Upper limit with validation rows, exact number without.
    batch_size : int
    learning_rate : float
        Of Adam, in the first epoch; it falls to zero along half a cosine.
    label_smoothing : float
        Part of a label's weight that is shared among all classes.
    class_balance : float
        0 weights every sheet alike, 1 every class alike; between them, a compromise.
    patience : int
        Epochs without a lower validation loss after which training stops.
    augmented : bool
        Whether training windows are changed slightly at random (see :mod:`.augment`).
    seed : int
        Of the first weights, the order of the windows, dropout and augmentation.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    label_smoothing: float = 0.05
    class_balance: float = 0.75
    patience: int = 5
    augmented: bool = True
    seed: int = 0


def sheet_weights(
    windows: WindowSet, rows: NDArray[np.int64], class_balance: float
) -> NDArray[np.float32]:
    """Weight windows so that the sheets of one class weigh alike, and small classes more.

    Parameters
    ----------
    windows : WindowSet
    rows : ndarray of int64, (n,)
        The windows to weight.
    class_balance : float
        See :class:`Recipe`.

    Returns
    -------
    ndarray of float32, (n,)
        Mean 1.
    """
    _, sheet, n_windows = np.unique(windows.sheet[rows], return_inverse=True, return_counts=True)
    per_window = 1.0 / n_windows[sheet]
    _, label = np.unique(windows.label[rows], return_inverse=True)
    sheets_of_label = np.bincount(label, weights=per_window)
    weights = per_window / sheets_of_label[label] ** class_balance
    return (weights / weights.mean()).astype(np.float32)


def one_hot(labels: NDArray[np.str_], classes: tuple[str, ...]) -> NDArray[np.float32]:
    """One row a label, (n, n_classes); KeyError for a label that is not a class."""
    numbers = {name: number for number, name in enumerate(classes)}
    return np.eye(len(classes), dtype=np.float32)[[numbers[str(label)] for label in labels]]


def train(
    architecture: str,
    windows: WindowSet,
    classes: tuple[str, ...],
    train_rows: NDArray[np.int64],
    validation_rows: NDArray[np.int64] | None,
    recipe: Recipe,
    folder: Path,
) -> keras.Model:
    """Train one model with Adam and categorical cross-entropy, or go on training it.

    Parameters
    ----------
    architecture : str
        A name in the registry.
    windows : WindowSet
    classes : tuple of str
        Labels in the order of the model's outputs.
    train_rows : ndarray of int64
        Rows to learn from.
    validation_rows : ndarray of int64 or None
        Rows to choose the best epoch by and to stop early; None to train for all epochs.
    recipe : Recipe
    folder : Path
        Where the state, the best weights and ``history.csv`` are kept; made if it is missing.

    Returns
    -------
    keras.Model
        Not compiled, with the weights of the best epoch, or of the last one without validation
        rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    history = read_history(folder)
    # After an interruption another seed, or the first epochs' random draws would come again.
    keras.utils.set_random_seed(recipe.seed + 1000 * len(history))
    net = ARCHITECTURES[architecture](len(classes))
    model = _augmented(net, recipe.seed) if recipe.augmented else net
    model.compile(
        optimizer=keras.optimizers.Adam(recipe.learning_rate),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        weighted_metrics=[],
    )
    # The optimizer's state can only be loaded into variables that exist.
    model.optimizer.build(model.trainable_variables)
    if history:
        model.load_weights(folder / _LAST)
    schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, recipe.epochs)
    # By epoch, not by step, so that training that was interrupted goes on at the same rate.
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: float(schedule(epoch)))]
    validation = None
    if validation_rows is not None:
        past_losses = [row["val_loss"] for row in history]
        callbacks += [_best_weights(folder, past_losses), _EarlyStopping(recipe, past_losses)]
        validation = (
            windows.inputs(validation_rows),
            one_hot(windows.label[validation_rows], classes),
            sheet_weights(windows, validation_rows, recipe.class_balance),
        )
    if not is_finished(history, recipe):
        model.fit(
            windows.inputs(train_rows),
            one_hot(windows.label[train_rows], classes),
            sample_weight=sheet_weights(windows, train_rows, recipe.class_balance),
            batch_size=recipe.batch_size,
            initial_epoch=len(history),
            epochs=recipe.epochs,
            validation_data=validation,
            # The journal comes last: an epoch that it has written is complete.
            callbacks=[*callbacks, _Journal(folder)],
        )
    if validation_rows is not None:
        model.load_weights(folder / _BEST)
    return net


def _augmented(net: keras.Model, seed: int) -> keras.Model:
    """Wrap a net so that it sees changed windows while training, unchanged ones otherwise."""
    windows, leads = (keras.Input(x.shape[1:], dtype=x.dtype) for x in net.inputs)
    return keras.Model([windows, leads], net([Augmentation(seed)(windows), leads]))


def predict(net: keras.Model, windows: WindowSet, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Probabilities of some windows, (len(rows), n_classes)."""
    probabilities = net.predict(windows.inputs(rows), batch_size=256, verbose=0)
    return np.asarray(probabilities, dtype=np.float32)


def read_history(folder: Path) -> list[dict[str, float]]:
    """Read what a training run logged, one entry an epoch; empty before the first has ended."""
    path = folder / _HISTORY
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def best_epoch(history: list[dict[str, float]]) -> int:
    """Count the epochs, from 1, up to the lowest validation loss."""
    return 1 + int(np.argmin([row["val_loss"] for row in history]))


def is_finished(history: list[dict[str, float]], recipe: Recipe) -> bool:
    """Whether the epochs are used up, or early stopping has ended the run."""
    if len(history) >= recipe.epochs:
        return True
    stopped = "val_loss" in history[-1] if history else False
    return stopped and len(history) - best_epoch(history) >= recipe.patience


def _best_weights(folder: Path, past_losses: list[float]) -> keras.callbacks.ModelCheckpoint:
    return keras.callbacks.ModelCheckpoint(
        folder / _BEST,
        monitor="val_loss",
        mode="min",
        save_best_only=True,
        save_weights_only=True,
        initial_value_threshold=min(past_losses, default=None),
    )


class _EarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that counts the epochs before an interruption too."""

    def __init__(self, recipe: Recipe, past_losses: list[float]) -> None:
        super().__init__(monitor="val_loss", mode="min", patience=recipe.patience)
        self._past_losses = past_losses

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        if self._past_losses:
            self.best = min(self._past_losses)
            self.wait = len(self._past_losses) - 1 - int(np.argmin(self._past_losses))


class _Journal(keras.callbacks.Callback):
    """Keeps the last epoch's state, and one line of history an epoch."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # Replaced in one step: an interruption leaves either the old state or the new one.
        partial = self._folder / f"partial.{_LAST}"
        self.model.save_weights(partial)
        os.replace(partial, self._folder / _LAST)
        line = {"epoch": str(epoch + 1)}
        line |= {name: f"{value:.5f}" for name, value in (logs or {}).items()}
        path = self._folder / _HISTORY
        is_new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(line))
            if is_new:
                writer.writeheader()
            writer.writerow(line)
