"""Train one model on given rows; interrupted training goes on where it stopped.

Nothing but Keras (on any backend) and NumPy is needed here, except that the classical learners
need scikit-learn.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgapp.io.text_table import read_rows
from ecgapp.training import classical
from ecgapp.training.augment import augmentation_layer
from ecgapp.training.networks.ensemble import members
from ecgapp.training.networks.recipe import Recipe
from ecgapp.training.networks.registry import ARCHITECTURES, Architecture
from ecgapp.training.pretrained_weights import load_pretrained
from ecgapp.training.run_folder import UnfinishedRunError

_BEST = "best.weights.h5"
_LAST = "last.weights.h5"
_HISTORY = "history.csv"
# More would save little time, and the vision transformer needs 90 MB for every page.
_PREDICTED_AT_ONCE = 32


class TrainingSet(Protocol):
    """What can be trained on: a window set, or study inputs of any kind.

    Attributes
    ----------
    sheet, label : ndarray of str, (n,)
    """

    @property
    def sheet(self) -> NDArray[np.str_]:
        """Name of each row's sheet."""

    @property
    def label(self) -> NDArray[np.str_]:
        """Label of each row's sheet."""

    def inputs(self, rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        """Take what a net reads of some rows, one array an input."""


@runtime_checkable
class ChangingSet(TrainingSet, Protocol):
    """A training set whose rows are changed at random by itself, anew in every epoch."""

    def batches(
        self,
        rows: NDArray[np.int64],
        wanted: NDArray[np.float32],
        weights: NDArray[np.float32],
        recipe: Recipe,
        epoch: int,
    ) -> keras.utils.PyDataset:
        """Take batches of some rows' inputs, targets and weights, from an epoch on."""


def sheet_weights(
    windows: TrainingSet, rows: NDArray[np.int64], class_balance: float
) -> NDArray[np.float32]:
    """Weight windows so that the sheets of one class weigh alike, and small classes more.

    Parameters
    ----------
    windows : TrainingSet
    rows : ndarray of int64, (n,)
        The windows to weight. A window that is named twice counts twice, as a second copy of its
        sheet would.
    class_balance : float
        See :class:`Recipe`.

    Returns
    -------
    ndarray of float32, (n,)
        Mean 1.
    """
    sheets, sheet = np.unique(windows.sheet[rows], return_inverse=True)
    _, first = np.unique(rows, return_index=True)
    n_windows = np.bincount(sheet[first], minlength=len(sheets))
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
    windows: TrainingSet,
    classes: tuple[str, ...],
    train_rows: NDArray[np.int64],
    validation_rows: NDArray[np.int64] | None,
    recipe: Recipe,
    folder: Path,
) -> Any:
    """Train one model as its recipe says, or go on training it.

    Parameters
    ----------
    architecture : str
        A name in the registry.
    windows : TrainingSet
        Of the kind that the architecture reads.
    classes : tuple of str
        Labels in the order of the model's outputs.
    train_rows : ndarray of int64
        Rows to learn from; a row may be named more than once.
    validation_rows : ndarray of int64 or None
        Rows to choose the best epoch by and to stop early; None to train for all epochs.
    recipe : Recipe
    folder : Path
        Where the state, the best weights and ``history.csv`` are kept; made if it is missing.

    Returns
    -------
    keras.Model or scikit-learn estimator
        Nets are not compiled, and have the weights of the best epoch, or of the last one without
        validation rows. Both are for :func:`predict`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entry = ARCHITECTURES[architecture]
    if entry.library == "scikit-learn":
        estimator = entry.build(len(classes))
        images, labels = windows.inputs(train_rows), windows.label[train_rows]
        return classical.fit(estimator, images, labels, classes)
    # After an interruption another seed, or the first epochs' random draws would come again.
    n_done = sum(len(read_history(file.parent)) for file in folder.rglob(_HISTORY))
    keras.utils.set_random_seed(recipe.seed + 1000 * n_done)
    net = _build(entry, len(classes), recipe)
    for number, (member, member_folder) in enumerate(_by_folder(net, folder)):
        if entry.pretrained is not None:
            load_pretrained(member, entry.pretrained)
        seed = recipe.seed + number
        rows = _draw_sheets(windows, train_rows, recipe.subset, seed)
        member_folder.mkdir(exist_ok=True)
        member_recipe = replace(recipe, seed=seed)
        _fit(member, windows, classes, rows, validation_rows, member_recipe, member_folder)
    return net


def _build(entry: Architecture, n_classes: int, recipe: Recipe) -> keras.Model:
    """Build a net whose layers compute as precisely as its recipe says."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.bfloat16 else "float32")
    try:
        return entry.build(n_classes)
    finally:
        keras.config.set_dtype_policy(usual)


def _by_folder(net: keras.Model, folder: Path) -> list[tuple[keras.Model, Path]]:
    """List the nets that are trained one by one, each with the folder of its state."""
    of_ensemble = members(net)
    if not of_ensemble:
        return [(net, folder)]
    return [(one, folder / one.name) for one in of_ensemble]


def load_trained(architecture: str, n_classes: int, recipe: Recipe, folder: Path) -> keras.Model:
    """Load the net of a training that has ended; never trains.

    Parameters
    ----------
    architecture : str
        Name of a net in the registry.
    n_classes : int
    recipe : Recipe
        That the net was trained by.
    folder : Path
        What :func:`train` was given.

    Returns
    -------
    keras.Model
        As :func:`train` returned it.

    Raises
    ------
    UnfinishedRunError
        If the folder holds no training, or one that has not ended.
    """
    net = _build(ARCHITECTURES[architecture], n_classes, recipe)
    for member, member_folder in _by_folder(net, folder):
        history = read_history(member_folder)
        if not is_finished(history, recipe):
            raise UnfinishedRunError(
                f"Loading a trained model: {member_folder} holds {len(history)} of up to "
                f"{recipe.epochs} epochs and no training that has ended; run the training again "
                "to end it."
            )
        is_validated = "val_loss" in history[-1]
        _compiled(member, recipe).load_weights(member_folder / (_BEST if is_validated else _LAST))
    return net


def _fit(
    net: keras.Model,
    windows: TrainingSet,
    classes: tuple[str, ...],
    train_rows: NDArray[np.int64],
    validation_rows: NDArray[np.int64] | None,
    recipe: Recipe,
    folder: Path,
) -> None:
    """Train one net in place; see :func:`train`."""
    history = read_history(folder)
    if recipe.standardized:
        _adapt(net, windows.inputs(train_rows)[0])
    model = _compiled(net, recipe)
    if history:
        model.load_weights(folder / _LAST)
    # By epoch, not by step, so that training that was interrupted goes on at the same rate.
    callbacks = [keras.callbacks.LearningRateScheduler(lambda epoch: learning_rate(recipe, epoch))]
    validation = None
    if validation_rows is not None:
        past_losses = [row["val_loss"] for row in history]
        callbacks.append(_best_weights(folder, past_losses))
        if recipe.patience is not None:
            callbacks.append(_EarlyStopping(recipe.patience, past_losses))
        validation = (
            windows.inputs(validation_rows),
            one_hot(windows.label[validation_rows], classes),
            sheet_weights(windows, validation_rows, recipe.class_balance),
        )
    if not is_finished(history, recipe):
        model.fit(
            **_examples(windows, train_rows, classes, recipe, len(history)),
            initial_epoch=len(history),
            epochs=recipe.epochs,
            validation_data=validation,
            # The journal comes last: an epoch that it has written is complete.
            callbacks=[*callbacks, _Journal(folder)],
        )
    if validation_rows is not None:
        model.load_weights(folder / _BEST)


def _examples(
    windows: TrainingSet,
    rows: NDArray[np.int64],
    classes: tuple[str, ...],
    recipe: Recipe,
    epoch: int,
) -> dict[str, Any]:
    """Put together what Keras is to fit, from an epoch on."""
    wanted = one_hot(windows.label[rows], classes)
    weights = sheet_weights(windows, rows, recipe.class_balance)
    if isinstance(windows, ChangingSet):
        return {"x": windows.batches(rows, wanted, weights, recipe, epoch), "shuffle": False}
    return {
        "x": windows.inputs(rows),
        "y": wanted,
        "sample_weight": weights,
        "batch_size": recipe.batch_size,
    }


def _draw_sheets(
    windows: TrainingSet, rows: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.int64]:
    """Keep the rows of a part of the sheets, drawn without replacement."""
    sheets = np.unique(windows.sheet[rows])
    n_drawn = round(share * len(sheets))
    drawn = np.random.default_rng(seed).choice(sheets, n_drawn, replace=False)
    return rows[np.isin(windows.sheet[rows], drawn)]


def _adapt(net: keras.Model, images: NDArray[np.uint8]) -> None:
    """Teach a net's Normalization layer mean and deviation of the training images."""
    for layer in net.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt(images)


def _optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    options: dict[str, Any] = {
        "learning_rate": recipe.learning_rate,
        "beta_2": recipe.beta_2,
        "global_clipnorm": recipe.gradient_norm,
    }
    if recipe.optimizer == "adamw":
        return keras.optimizers.AdamW(weight_decay=recipe.weight_decay, **options)
    if recipe.optimizer == "adamax":
        return keras.optimizers.Adamax(**options)
    return keras.optimizers.Adam(**options)


def learning_rate(recipe: Recipe, epoch: int) -> float:
    """Learning rate of an epoch, counted from 0."""
    if recipe.schedule == "cosine":
        cosine = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, recipe.epochs)
        return float(cosine(epoch))
    if recipe.schedule == "halved":
        return recipe.learning_rate / 2 ** sum(epoch >= last for last in recipe.halve_after)
    return recipe.learning_rate


def _compiled(net: keras.Model, recipe: Recipe) -> keras.Model:
    """Wrap a net for training; what is saved of the wrapped one can be loaded into it again."""
    model = _augmented(net, recipe)
    model.compile(
        optimizer=_optimizer(recipe),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        weighted_metrics=[],
    )
    # The optimizer's state can only be loaded into variables that exist.
    model.optimizer.build(model.trainable_variables)
    return model


def _augmented(net: keras.Model, recipe: Recipe) -> keras.Model:
    """Wrap a net so that it sees changed images while training, unchanged ones otherwise."""
    images, *others = (keras.Input(x.shape[1:], dtype=x.dtype) for x in net.inputs)
    changed = images
    if recipe.augmentation != "none":
        changed = augmentation_layer(recipe.augmentation, recipe.seed)(images)
    return keras.Model([images, *others], net([changed, *others] if others else changed))


def predict(model: Any, windows: TrainingSet, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Probabilities of some rows, (len(rows), n_classes), from what :func:`train` returned."""
    if not isinstance(model, keras.Model):
        return classical.predict(model, windows.inputs(rows))
    inputs = windows.inputs(rows)
    probabilities = model.predict(
        inputs if len(inputs) > 1 else inputs[0], batch_size=_PREDICTED_AT_ONCE, verbose=0
    )
    return np.asarray(probabilities, dtype=np.float32)


def read_history(folder: Path) -> list[dict[str, float]]:
    """Read what a training run logged, one entry an epoch; empty before the first has ended."""
    path = folder / _HISTORY
    if not path.exists():
        return []
    return [{name: float(value) for name, value in row.items()} for row in read_rows(path)]


def best_epoch(history: list[dict[str, float]]) -> int:
    """Count the epochs, from 1, up to the lowest validation loss."""
    return 1 + int(np.argmin([row["val_loss"] for row in history]))


def is_finished(history: list[dict[str, float]], recipe: Recipe) -> bool:
    """Whether the epochs are used up, or early stopping has ended the run."""
    if len(history) >= recipe.epochs:
        return True
    stopped = "val_loss" in history[-1] if history else False
    if recipe.patience is None or not stopped:
        return False
    return len(history) - best_epoch(history) >= recipe.patience


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

    def __init__(self, patience: int, past_losses: list[float]) -> None:
        super().__init__(monitor="val_loss", mode="min", patience=patience)
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
        pd.DataFrame([line]).to_csv(path, mode="a", header=not path.exists(), index=False)
