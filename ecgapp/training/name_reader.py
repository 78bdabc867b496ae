"""Train the reader of lead names on drawn pieces of pages and on pieces of whole drawn sheets.

Run it with ``ecgapp train-names``. It goes on from the network that ships, where there is one.

Needs TensorFlow as the Keras backend: the ONNX converter reads TensorFlow graphs. No real page is
used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import onnx
from keras import layers, ops
from numpy.typing import NDArray
from onnx import numpy_helper

from ecgapp.io.weights import load_weights
from ecgapp.sheet.detect.names import CELL_PX, NAME_CLASSES, SHRINK
from ecgapp.training.name_pages import draw_page_pieces
from ecgapp.training.name_pictures import HEIGHT_PX, WIDTH_PX, Piece, draw_piece, find_fonts
from ecgapp.training.ship_reader import ship_reader

# Pieces drawn at a time, how often, and how often each is seen; and how often they are drawn for a
# network that has learnt before. Set by hand, as what follows: no search chose them.
PIECES, DRAWS, PASSES = 7000, 12, 3
DRAWS_TO_GO_ON = 3
# Part of the pieces that are cut from whole sheets, and how many from one.
PAGE_PART, PIECES_OF_PAGE = 0.24, 64
# Sheets that a draw takes at most, so that no two draws share one.
PAGES_OF_DRAW = 1000
BATCH = 64
LEARNING_RATE, LEARNING_RATE_TO_GO_ON = 4e-3, 2e-3
# Pieces by which the normalizations of a network that ships are told.
PIECES_TO_TELL = 256
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


def parts_of(exported: Path) -> list[list[NDArray[np.float32]]]:
    """Take the convolutions out of an exported network, normalizations folded in.

    Parameters
    ----------
    exported : Path
        A ``model.onnx``.

    Returns
    -------
    list of list of ndarray
        Of each convolution its kernel, and its offsets where it has any.
    """
    graph = onnx.load(exported).graph
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    return [
        [values[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"
    ]


def take_over(
    model: keras.Model,
    parts: Sequence[Sequence[NDArray[np.float32]]],
    pictures: NDArray[np.uint8],
) -> None:
    """Give a network the weights of an exported one.

    Parameters
    ----------
    model : keras.Model
        As from `build_reader`; changed in place.
    parts : sequence of sequences of ndarray
        As from `parts_of`.
    pictures : ndarray, shape (n, height, width, 1), uint8
        Drawn pieces; what the convolutions answer to them tells the normalizations.
    """
    left = list(parts)
    for layer in model.layers:
        if isinstance(layer, layers.SeparableConv2D):
            (apart, *_), (together, *bias) = left.pop(0), left.pop(0)
            layer.set_weights([apart.transpose(2, 3, 0, 1), together.transpose(2, 3, 1, 0)])
        elif isinstance(layer, layers.Conv2D):
            kernel, *bias = left.pop(0)
            own = [bias[0]] if layer.use_bias else []
            layer.set_weights([kernel.transpose(2, 3, 1, 0), *own])
        elif isinstance(layer, layers.BatchNormalization):
            answers = keras.Model(model.inputs, layer.input).predict(pictures, verbose=0)
            mean, variance = answers.mean(axis=(0, 1, 2)), answers.var(axis=(0, 1, 2))
            scale = np.sqrt(variance + layer.epsilon)
            layer.set_weights([scale, bias[0] + mean, mean, variance])


def mean_of(model: keras.Model, shipped: Path, pictures: NDArray[np.uint8]) -> None:
    """Bring a network half the way back to the one that it went on from.

    The mean of both networks' weights keeps what the first read well, and reads most of what the
    second learnt (Wortsman 2022, Robust fine-tuning).

    Parameters
    ----------
    model : keras.Model
        Trained on from the shipped one; changed in place.
    shipped : Path
        The ``model.onnx`` that it went on from.
    pictures : ndarray
        As for `take_over`.
    """
    with TemporaryDirectory() as folder:
        exported = Path(folder) / "model.onnx"
        model.export(exported, format="onnx", verbose=False)
        after = parts_of(exported)
    halves = [
        [np.asarray((one + other) / 2, np.float32) for one, other in zip(old, new, strict=True)]
        for old, new in zip(parts_of(shipped), after, strict=True)
    ]
    take_over(model, halves, pictures)


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
    """Draw pieces and their targets, (n, height, width, 1) and (n, rows, columns, 18).

    Those of whole sheets come first: `fit` shuffles.
    """
    rng = np.random.default_rng(seed)
    fonts = find_fonts()
    cell = CELL_PX * SHRINK
    shape = (HEIGHT_PX // SHRINK, WIDTH_PX // SHRINK)
    pictures = np.empty((n_pieces, *shape, 1), np.uint8)
    targets = np.empty((n_pieces, HEIGHT_PX // cell, WIDTH_PX // cell, N_OUT + 5), np.float32)
    n_of_pages, page = round(PAGE_PART * n_pieces), PAGES_OF_DRAW * seed
    pieces: list[Piece] = []
    while len(pieces) < n_of_pages:
        pieces += draw_page_pieces(page, min(PIECES_OF_PAGE, n_of_pages - len(pieces)))
        page += 1
    for number in range(n_pieces):
        piece = pieces[number] if number < n_of_pages else draw_piece(fonts, rng)
        pictures[number, ..., 0], targets[number] = piece.gray, piece.target
    return pictures, targets


def train(
    n_pieces: int, n_draws: int, seed: int = 0, shipped: Path | None = None
) -> tuple[keras.Model, dict[str, float]]:
    """Train the reader.

    Parameters
    ----------
    n_pieces, n_draws : int
        Pieces drawn at a time, and how often.
    seed : int
        Seed of the pieces and of the weights.
    shipped : Path, optional
        A ``model.onnx`` to go on from.

    Returns
    -------
    keras.Model
    dict of str to float
        Figures on 1,000 other pieces: ``right``, part of the cells on a name that are read as that
        name; ``false``, cells elsewhere read as a name, per name.
    """
    keras.utils.set_random_seed(seed)
    model = build_reader()
    told_by = draw_pieces(PIECES_TO_TELL, seed + 2_000_000)[0]
    if shipped is not None:
        take_over(model, parts_of(shipped), told_by)
    rate = LEARNING_RATE if shipped is None else LEARNING_RATE_TO_GO_ON
    steps = n_draws * PASSES * (n_pieces // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10, steps, warmup_target=rate, warmup_steps=steps // 20
    )
    model.compile(
        keras.optimizers.Adam(schedule),
        loss=[names_loss, edges_loss],
        loss_weights=[1.0, BOX_PART],
    )
    for draw in range(n_draws):
        pictures, targets = draw_pieces(n_pieces, seed + 1 + draw)
        model.fit(pictures, [targets, targets], batch_size=BATCH, epochs=PASSES, verbose=2)
    if shipped is not None:
        mean_of(model, shipped, told_by)
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
    shipped = models / "names" / "model.onnx"
    before: dict[str, Any] | None = None
    if shipped.exists():
        before = dict(load_weights(models / "names").metadata)
    n_draws = DRAWS if before is None else DRAWS_TO_GO_ON
    model, figures = train(PIECES, n_draws, shipped=None if before is None else shipped)
    training = {
        "pieces": PIECES * n_draws,
        "passes": PASSES,
        "fonts": len(find_fonts()) + 6,
        "part_of_whole_sheets": PAGE_PART,
        "parameters": model.count_params(),
        "seconds": round(time.perf_counter() - start),
        "keras_version": keras.__version__,
    }
    if before is not None:
        training["mean_with_version"] = before["version"]
        training["after"] = {"version": before["version"], **before["training"]}
    metadata = {
        "name": "names",
        "version": "2.0.0",
        "classes": list(NAME_CLASSES),
        "intended_use": "Reading lead names on ECG sheets. Not a medical device.",
        "training": training,
        "figures_on_drawn_pieces": figures,
    }
    ship_reader(model, models / "names", draw_pieces(4, seed=7)[0], metadata, max_difference=1e-4)
    print(figures)
