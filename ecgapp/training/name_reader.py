"""Train the reader of lead names on drawn pieces of pages.

Run it with ``ecgapp train-names``.

Needs TensorFlow as the Keras backend: the ONNX converter reads TensorFlow graphs. No real page is
used.
"""

from __future__ import annotations

import time
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ecgapp.sheet.detect.names import CELL_PX, NAME_CLASSES, SHRINK
from ecgapp.training.name_pictures import HEIGHT_PX, WIDTH_PX, draw_piece, find_fonts
from ecgapp.training.ship_reader import ship_reader

# Pieces drawn at a time, how often, and how often each is seen. Set by hand, as what follows: no
# search chose them.
PIECES, DRAWS, PASSES = 8000, 12, 2
BATCH = 64
LEARNING_RATE = 4e-3
# Part of the loss that the boxes are, and how much hard cells count more than easy ones.
BOX_PART = 0.1
FOCUS = 1.0

N_OUT = len(NAME_CLASSES) + 1  # the last is for no name


def build_reader() -> keras.Model:
    """Build the network: a page of any size in, class probabilities and boxes of its cells out.

    Returns
    -------
    keras.Model
        (batch, height, width, 1) uint8 to (batch, height / 4, width / 4, 14) and (..., 4).
    """
    page = keras.Input((None, None, 1), name="page", dtype="uint8")
    x = layers.Rescaling(-1 / 255, offset=1.0)(page)
    x = _block(layers.Conv2D(16, 4, strides=2, padding="same", use_bias=False), x)
    x = _block(layers.Conv2D(48, 4, strides=2, padding="same", use_bias=False), x)
    for _ in range(4):
        y = _block(layers.SeparableConv2D(48, (3, 5), padding="same", use_bias=False), x)
        x = layers.Add()([x, y])
    x = _block(layers.Conv2D(64, 1, use_bias=False), x)
    names = layers.Conv2D(N_OUT, 1, activation="softmax", name="names")(x)
    edges = layers.Conv2D(4, 1, activation="softplus", name="edges")(x)
    return keras.Model(page, [names, edges], name="name_reader")


def _block(layer: layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(layers.BatchNormalization()(layer(x)))


def names_loss(target: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """Focal cross-entropy over the cells that count, per cell that lies on a name."""
    wanted, counts = target[..., :N_OUT], target[..., N_OUT]
    right = ops.sum(wanted * ops.clip(probabilities, 1e-6, 1.0), axis=-1)
    cost = -((1 - right) ** FOCUS) * ops.log(right) * counts
    return ops.sum(cost) / _n_names(target)


def edges_loss(target: keras.KerasTensor, edges: keras.KerasTensor) -> keras.KerasTensor:
    """Mean absolute distance of the boxes' edges, cells, where a cell lies on a name."""
    on_name = 1 - target[..., N_OUT - 1 : N_OUT]
    counts = on_name * target[..., N_OUT : N_OUT + 1]
    return ops.sum(counts * ops.abs(target[..., N_OUT + 1 :] - edges)) / _n_names(target)


def _n_names(target: keras.KerasTensor) -> keras.KerasTensor:
    return ops.sum((1 - target[..., N_OUT - 1]) * target[..., N_OUT]) + 1.0


def draw_pieces(n_pieces: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw pieces and their targets, (n, height, width, 1) and (n, rows, columns, 19)."""
    rng = np.random.default_rng(seed)
    fonts = find_fonts()
    cell = CELL_PX * SHRINK
    shape = (HEIGHT_PX // SHRINK, WIDTH_PX // SHRINK)
    pictures = np.empty((n_pieces, *shape, 1), np.uint8)
    targets = np.empty((n_pieces, HEIGHT_PX // cell, WIDTH_PX // cell, N_OUT + 5), np.float32)
    for number in range(n_pieces):
        piece = draw_piece(fonts, rng)
        pictures[number, ..., 0], targets[number] = piece.gray, piece.target
    return pictures, targets


def train(n_pieces: int, n_draws: int, seed: int = 0) -> tuple[keras.Model, dict[str, float]]:
    """Train the reader.

    Parameters
    ----------
    n_pieces, n_draws : int
        Pieces drawn at a time, and how often.
    seed : int
        Seed of the pieces and of the weights.

    Returns
    -------
    keras.Model
    dict of str to float
        Figures on 1,000 other pieces: ``right``, part of the cells on a name that are read as that
        name; ``false``, cells elsewhere read as a name, per name.
    """
    keras.utils.set_random_seed(seed)
    model = build_reader()
    steps = n_draws * PASSES * (n_pieces // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE / 10, steps, warmup_target=LEARNING_RATE, warmup_steps=steps // 20
    )
    model.compile(
        keras.optimizers.Adam(schedule),
        loss=[names_loss, edges_loss],
        loss_weights=[1.0, BOX_PART],
    )
    for draw in range(n_draws):
        pictures, targets = draw_pieces(n_pieces, seed + 1 + draw)
        model.fit(pictures, [targets, targets], batch_size=BATCH, epochs=PASSES, verbose=2)
    pictures, targets = draw_pieces(1000, seed + 1_000_000)
    read = model.predict(pictures, batch_size=BATCH, verbose=0)[0]
    return model, _figures(read, targets)


def _figures(read: NDArray[np.float32], targets: NDArray[np.float32]) -> dict[str, float]:
    wanted = targets[..., :N_OUT].argmax(axis=-1)
    counts = targets[..., N_OUT] > 0
    said = read.argmax(axis=-1)
    on_name = counts & (wanted < N_OUT - 1)
    elsewhere = counts & (wanted == N_OUT - 1)
    return {
        "right": float((said == wanted)[on_name].mean()),
        "false": float((said[elsewhere] < N_OUT - 1).sum() / on_name.sum()),
    }


def main(models: Path) -> None:
    """Train and ship.

    Parameters
    ----------
    models : Path
        Folder of the models, whose ``names`` folder takes the network.
    """
    start = time.perf_counter()
    model, figures = train(PIECES, DRAWS)
    training = {
        "pieces": PIECES * DRAWS,
        "passes": PASSES,
        "fonts": len(find_fonts()) + 6,
        "parameters": model.count_params(),
        "seconds": round(time.perf_counter() - start),
        "keras_version": keras.__version__,
    }
    metadata = {
        "name": "names",
        "version": "1.0.0",
        "classes": list(NAME_CLASSES),
        "intended_use": "Reading lead names on ECG sheets. Not a medical device.",
        "training": training,
        "figures_on_drawn_pieces": figures,
    }
    ship_reader(model, models / "names", draw_pieces(4, seed=7)[0], metadata)
    print(figures)
