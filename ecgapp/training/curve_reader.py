"""Train the network that tells crossing curves apart, on drawn windows of pages.

Run it with ``ecgapp train-curves``.

Needs TensorFlow as the Keras backend: the ONNX converter reads TensorFlow graphs. No real page is
used; the signals are PTB-XL's training folds.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ecgapp.datasets.ptbxl import load_records
from ecgapp.digitize.curve_reader import BIN_PX, N_BINS, N_CHANNELS, WIDTH_PX, expected_extents
from ecgapp.training.curve_windows import Windows, draw_windows
from ecgapp.training.ship_reader import ship_reader

# Windows drawn at a time, how often, and how often each is seen. Set by hand, as what follows: no
# search chose them.
WINDOWS, DRAWS, PASSES = 1024, 28, 2
BATCH = 16
# Windows of other records that the figures are of.
JUDGED_WINDOWS = 500
LEARNING_RATE = 3e-3
# Filters at full size, a half, a quarter and an eighth.
FILTERS = (8, 24, 40, 56)


def build_reader(width: int | None = WIDTH_PX) -> keras.Model:
    """Build the network: windows in, probabilities of the own stroke's edges out.

    Returns
    -------
    keras.Model
        (batch, N_BINS, width, N_CHANNELS) uint8 to (batch, N_BINS, width, 2), a softmax over the
        heights of each column, for the upper and the lower edge.
    """
    window = keras.Input((N_BINS, width, N_CHANNELS), name="window", dtype="uint8")
    x = layers.Rescaling(1 / 255)(window)
    levels = []
    x = _block(x, FILTERS[0])
    for filters in FILTERS[1:]:
        levels.append(x)
        x = _block(layers.MaxPooling2D(2)(x), filters)
        x = _block(x, filters)
    for dilation in (2, 4, 1):
        x = layers.Add()([x, _block(x, FILTERS[-1], dilation)])
    for level, filters in zip(reversed(levels), reversed(FILTERS[:-1]), strict=True):
        narrowed = layers.Conv2D(filters, 1)(x)
        x = layers.Add()([layers.UpSampling2D(2)(narrowed), level])
        x = _block(x, filters)
    edges = layers.Conv2D(2, 3, padding="same", dtype="float32")(x)
    probabilities = layers.Softmax(axis=1, dtype="float32", name="edges")(edges)
    return keras.Model(window, probabilities, name="curve_reader")


def _block(x: keras.KerasTensor, filters: int, dilation: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same", dilation_rate=dilation, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def edges_loss(extents: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """Cross-entropy of both edges, shared between the two nearest bins, per column that counts."""
    bins = ops.arange(N_BINS, dtype="float32")[None, :, None, None]
    wanted = ops.relu(1 - ops.abs(bins - extents[:, None, :, :2]))
    cost = -ops.sum(wanted * ops.log(probabilities + 1e-7), axis=1)
    counts = extents[..., 2:]
    return ops.sum(cost * counts) / (ops.sum(counts) + 1.0)


def train(
    steps: NDArray[np.int16], n_windows: int, n_draws: int, unfinished: Path, seed: int = 0
) -> tuple[keras.Model, dict[str, float]]:
    """Train the reader.

    Parameters
    ----------
    steps : ndarray, shape (n_records, 1000, 8), int16
        Records to draw; the last hundredth is kept for the figures.
    n_windows, n_draws : int
        Windows drawn at a time, and how often.
    unfinished : Path
        File that keeps an unfinished training (``.keras``), which is gone on with if it exists.
    seed : int
        Seed of the windows and of the weights.

    Returns
    -------
    keras.Model
    dict of str to float
        Figures on 500 windows of other records: see `edge_errors`.
    """
    keras.utils.set_random_seed(seed)
    kept = max(1, len(steps) // 100)
    batches = -(-n_windows // BATCH)
    total = n_draws * PASSES * batches
    if unfinished.exists():
        model = keras.models.load_model(unfinished, custom_objects={"edges_loss": edges_loss})
    else:
        model = build_reader()
        schedule = keras.optimizers.schedules.CosineDecay(
            LEARNING_RATE / 10, total, warmup_target=LEARNING_RATE, warmup_steps=total // 20
        )
        model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss=edges_loss)
    done = int(model.optimizer.iterations) // (PASSES * batches)
    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(draw_windows, steps[:-kept], n_windows, seed + 1 + done)
        for draw in range(done, n_draws):
            windows = drawing.result()
            if draw + 1 < n_draws:
                drawing = pool.submit(draw_windows, steps[:-kept], n_windows, seed + 2 + draw)
            model.fit(windows.pictures, windows.extents, batch_size=BATCH, epochs=PASSES, verbose=2)
            model.save(unfinished)
    return model, edge_errors(model, draw_windows(steps[-kept:], JUDGED_WINDOWS, seed + 1_000_000))


def edge_errors(model: keras.Model, windows: Windows) -> dict[str, float]:
    """Say how far edges are off in pixels, and the part that is beyond a millimetre."""
    read = model.predict(windows.pictures, batch_size=BATCH, verbose=0)
    away = np.abs(expected_extents(read)[..., :2] / BIN_PX - windows.extents[..., :2])
    away = away[windows.extents[..., 2] > 0] * BIN_PX
    return {
        "median_px": float(np.median(away)),
        "p95_px": float(np.quantile(away, 0.95)),
        "beyond_8_px": float((away > 8).mean()),
    }


def main(data: Path, models: Path) -> None:
    """Train and ship.

    Parameters
    ----------
    data : Path
        The data folder, for PTB-XL's training folds.
    models : Path
        Folder of the models, whose ``curves`` folder takes the network.
    """
    start = time.perf_counter()
    folder = models / "curves"
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "unfinished.keras"
    steps = load_records(data, "train").steps
    model, figures = train(steps, WINDOWS, DRAWS, unfinished)
    training = {
        "windows": WINDOWS * DRAWS,
        "passes": PASSES,
        "parameters": model.count_params(),
        "seconds": round(time.perf_counter() - start),
        "keras_version": keras.__version__,
    }
    metadata = {
        "name": "curves",
        "version": "1.0.0",
        "intended_use": "Telling crossing curves of ECG sheets apart. Not a medical device.",
        "training": training,
        "figures_on_drawn_windows": figures,
    }
    pictures = draw_windows(steps, 2, seed=7).pictures
    ship_reader(model, folder, pictures, metadata, max_difference=1e-3)
    unfinished.unlink()
    print(figures)
