"""Train the network that reads where the pen's middle ran inside a stroke.

Run it with ``ecgapp train-strokes``.

Needs TensorFlow as the Keras backend: the ONNX converter reads TensorFlow graphs. No real page is
used; the signals are PTB-XL's training folds and simulated ones.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from rich.progress import track

from ecgapp.datasets.khan import image_workers
from ecgapp.datasets.ptbxl import load_records
from ecgapp.datasets.reading_cache import Arrays, kept_arrays
from ecgapp.digitize.stroke_reader import N_FEATURES
from ecgapp.training.ship_reader import ship_reader
from ecgapp.training.stroke_segments import Segments, join, segments_of_machine

# Machines whose segments are drawn and kept on disk together, how many such chunks there are, and
# how many of the last ones the figures are of. Half as many read strangers' sheets no worse.
CHUNK, CHUNKS, JUDGED_CHUNKS = 40, 14, 2
# Set by hand, as what follows: no search chose them.
FILTERS, KERNEL, DILATIONS = 24, 5, (1, 2, 4)
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 12, 16, 2e-3, 1e-3
# What an error's square is at least, pixels: that of a perfect pen on paper.
_LEAST_ERROR_PX2 = 0.02
# Features that stand for the upper and the lower edge, and those that change their sign when a
# stroke is seen upside down, and from its end.
_EDGES, _UPSIDE_DOWN, _FROM_ITS_END = (0, 1), (3, 4), (3,)


def build_reader() -> keras.Model:
    """Build the network: features of a stroke's columns in, from -1 to 1 out.

    Returns
    -------
    keras.Model
        (batch, n, N_FEATURES) to (batch, n, 1): where between the lowest and the highest place
        that both edges leave it the pen's middle was.
    """
    x = stroke = keras.Input((None, N_FEATURES), name="stroke")
    for dilation in DILATIONS:
        x = layers.Conv1D(
            FILTERS, KERNEL, padding="same", dilation_rate=dilation, activation="relu"
        )(x)
    x = layers.Conv1D(FILTERS, 1, activation="relu")(x)
    return keras.Model(stroke, layers.Conv1D(1, 1, activation="tanh")(x), name="stroke_reader")


def error_db(truth: keras.KerasTensor, between: keras.KerasTensor) -> keras.KerasTensor:
    """Error of each segment in dB of a pixel, its columns being weighed alike.

    Parameters
    ----------
    truth : tensor, shape (batch, n, 3)
        How far the true curve is from the middle, how far it may be, and 1 where a column counts.
    between : tensor, shape (batch, n, 1)
        What the network says.

    Returns
    -------
    tensor, shape (batch,)
    """
    off_px, room_px, counts = truth[..., 0], truth[..., 1], truth[..., 2]
    error = (room_px * between[..., 0] - off_px) * counts
    mean = ops.sum(error**2, axis=1) / ops.maximum(ops.sum(counts, axis=1), 1)
    return 10 * ops.log10(mean + _LEAST_ERROR_PX2)


def _truth(segments: Segments) -> NDArray[np.float32]:
    parts = (segments.off_px, segments.room_px, segments.counts)
    return np.stack(parts, axis=-1).astype(np.float32)


def _all_ways(segments: Segments) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Segments as they are, upside down, from their ends, and both: a pen draws alike each way."""
    features, truth = segments.features, _truth(segments)
    below = features.copy()
    below[..., list(_EDGES)] = features[..., list(_EDGES[::-1])]
    below[..., list(_UPSIDE_DOWN)] *= -1
    ways = [(features, truth), (below, truth * np.array([-1, 1, 1], np.float32))]
    for seen, wanted in tuple(ways):
        backwards = seen[:, ::-1].copy()
        backwards[..., list(_FROM_ITS_END)] *= -1
        ways.append((backwards, wanted[:, ::-1]))
    return np.concatenate([way[0] for way in ways]), np.concatenate([way[1] for way in ways])


def train(
    segments: Segments, judged: Segments, seed: int = 0
) -> tuple[keras.Model, dict[str, float]]:
    """Train the reader.

    Parameters
    ----------
    segments : Segments
        To learn from.
    judged : Segments
        Other machines', for the figures.
    seed : int
        Of the weights and of the order.

    Returns
    -------
    keras.Model
    dict of str to float
        Mean error in dB of a pixel on the judged segments, and that of the mean of both readings.
    """
    keras.utils.set_random_seed(seed)
    seen, truth = _all_ways(segments)
    schedule = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE, EPOCHS * -(-len(seen) // BATCH)
    )
    model = build_reader()
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY), loss=error_db)
    model.fit(seen, truth, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    wanted = _truth(judged)
    read = model.predict(judged.features, batch_size=BATCH, verbose=0)
    figures = {
        "error_db": float(ops.mean(error_db(wanted, read))),
        "error_of_the_mean_reading_db": float(ops.mean(error_db(wanted, 0 * read))),
    }
    return model, figures


def draw_segments(steps: NDArray[np.int16], n_chunks: int, folder: Path) -> Iterator[Segments]:
    """Draw and read machines; what the same code drew before is taken from disk.

    Parameters
    ----------
    steps : ndarray, shape (n_records, 1000, 8), int16
        Recordings, one for each machine, from the first on.
    n_chunks : int
    folder : Path
        Keeps what is drawn.

    Yields
    ------
    Segments
        Of `CHUNK` machines.
    """
    with image_workers() as pool:
        for chunk in track(range(n_chunks), description="Drawing and reading machines"):
            machines = np.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
            records = steps[machines % len(steps)]
            content = hashlib.sha256(machines.tobytes() + records.tobytes()).hexdigest()
            module = segments_of_machine.__module__
            draw = partial(_draw_machines, pool, machines.tolist(), records)
            yield Segments(**kept_arrays(content, folder, module, draw))


def _draw_machines(pool: Executor, numbers: list[int], records: NDArray[np.int16]) -> Arrays:
    return vars(join([*pool.map(segments_of_machine, numbers, records)]))


def main(data: Path, models: Path, unfinished: Path) -> None:
    """Train and ship.

    Parameters
    ----------
    data : Path
        The data folder, for PTB-XL's training folds.
    models : Path
        Folder of the models, whose ``strokes`` folder takes the network.
    unfinished : Path
        Folder that keeps what was drawn.
    """
    steps = load_records(data, "train").steps
    # Neighbours in the file are often one person's.
    steps = steps[:: max(1, len(steps) // (CHUNKS * CHUNK))]
    drawn = [*draw_segments(steps, CHUNKS, unfinished)]
    segments, judged = join(drawn[:-JUDGED_CHUNKS]), join(drawn[-JUDGED_CHUNKS:])
    start = time.perf_counter()
    model, figures = train(segments, judged)
    training = {
        "machines": (CHUNKS - JUDGED_CHUNKS) * CHUNK,
        "segments": len(segments.features),
        "epochs": EPOCHS,
        "parameters": model.count_params(),
        "training_seconds": round(time.perf_counter() - start),
        "keras_version": keras.__version__,
    }
    metadata = {
        "name": "strokes",
        "version": "1.0.0",
        "intended_use": "Tracing the curves of ECG sheets. Not a medical device.",
        "training": training,
        "figures_on_other_machines": figures,
    }
    ship_reader(model, models / "strokes", judged.features[:2], metadata, max_difference=1e-4)
    print(figures)
