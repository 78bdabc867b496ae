"""Train the reader of printed settings on drawn lines.

Run it with ``ecgapp train-settings``. Needs TensorFlow as the Keras backend: the ONNX converter
reads TensorFlow graphs. No real page is used.
"""

from __future__ import annotations

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from ecgapp.sheet.detect.print_lines import LINE_PX
from ecgapp.sheet.detect.printed_settings import LETTERS, read_letters
from ecgapp.training.name_pictures import find_fonts
from ecgapp.training.settings_lines import WIDTH_PX, draw_line
from ecgapp.training.ship_reader import ship_reader

# Lines drawn at a time, how often, and how often each is seen. Set by hand, as what follows.
LINES, DRAWS, PASSES = 6000, 12, 2
BATCH = 32
LEARNING_RATE = 3e-3
N_JUDGED = 1000
# Letters that a line of WIDTH_PX may hold.
_MOST_LETTERS = 80


def build_reader() -> keras.Model:
    """Build the network: a line of any width in, letter probabilities of every second column out.

    Returns
    -------
    keras.Model
        (batch, 32, width, 1) uint8 to (batch, width / 2, len(LETTERS) + 1).
    """
    line = keras.Input((LINE_PX, None, 1), name="line", dtype="uint8")
    x = layers.Rescaling(-1 / 255, offset=1.0)(line)
    x = _block(layers.Conv2D(16, 3, strides=(2, 1), padding="same", use_bias=False), x)
    x = _block(layers.Conv2D(32, 4, strides=2, padding="same", use_bias=False), x)
    x = _block(layers.Conv2D(48, 3, strides=(2, 1), padding="same", use_bias=False), x)
    x = _block(layers.Conv2D(96, (LINE_PX // 8, 1), use_bias=False), x)
    for _ in range(3):
        y = _block(layers.SeparableConv2D(96, (1, 7), padding="same", use_bias=False), x)
        x = layers.Add()([x, y])
    x = layers.Conv2D(len(LETTERS) + 1, 1, activation="softmax")(x)
    letters = layers.Reshape((-1, len(LETTERS) + 1), name="letters")(x)
    return keras.Model(line, letters, name="settings_reader")


def _block(layer: layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(layers.BatchNormalization()(layer(x)))


def text_loss(target: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Negative log-likelihood of the texts (Graves et al. 2006); targets are padded with 0."""
    # TensorFlow's own loss: of Keras' only a slow one, of dense texts, can be had.
    padded = tf.sparse.from_dense(tf.cast(target, tf.int32))
    texts = tf.SparseTensor(padded.indices, padded.values - 1, padded.dense_shape)
    logits = tf.math.log(tf.clip_by_value(probabilities, 1e-7, 1.0))
    columns = tf.fill([tf.shape(probabilities)[0]], tf.shape(probabilities)[1])
    return tf.nn.ctc_loss(texts, logits, None, columns, logits_time_major=False, blank_index=-1)


def draw_lines(n_lines: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw lines, (n, 32, WIDTH_PX, 1), and their texts' letters by number, padded with 0."""
    rng = np.random.default_rng(seed)
    fonts = find_fonts()
    pictures = np.empty((n_lines, LINE_PX, WIDTH_PX, 1), np.uint8)
    texts = np.zeros((n_lines, _MOST_LETTERS), np.int32)
    for number in range(n_lines):
        pictures[number, ..., 0], text = draw_line(fonts, rng)
        letters = [LETTERS.index(letter) + 1 for letter in text[:_MOST_LETTERS]]
        texts[number, : len(letters)] = letters
    return pictures, texts


def train(n_lines: int, n_draws: int, seed: int = 0) -> tuple[keras.Model, dict[str, float]]:
    """Train the reader.

    Parameters
    ----------
    n_lines, n_draws : int
        Lines drawn at a time, and how often.
    seed : int
        Seed of the lines and of the weights.

    Returns
    -------
    keras.Model
    dict of str to float
        Of 1,000 other lines: ``right``, part of which every letter is read.
    """
    keras.utils.set_random_seed(seed)
    model = build_reader()
    steps = n_draws * PASSES * (n_lines // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE / 10, steps, warmup_target=LEARNING_RATE, warmup_steps=steps // 20
    )
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss=text_loss)
    for draw in range(n_draws):
        pictures, texts = draw_lines(n_lines, seed + 1 + draw)
        model.fit(pictures, texts, batch_size=BATCH, epochs=PASSES, verbose=2)
    pictures, texts = draw_lines(N_JUDGED, seed + 1_000_000)
    read = model.predict(pictures, batch_size=BATCH, verbose=0)
    right = [
        read_letters(one)[0] == "".join(LETTERS[letter - 1] for letter in text if letter)
        for one, text in zip(read, texts, strict=True)
    ]
    return model, {"right": float(np.mean(right))}


def main(models: Path) -> None:
    """Train and ship.

    Parameters
    ----------
    models : Path
        Folder of the models, whose ``settings`` folder takes the network.
    """
    start = time.perf_counter()
    model, figures = train(LINES, DRAWS)
    metadata = {
        "name": "settings",
        "version": "1.2.0",
        "letters": LETTERS,
        "intended_use": "Reading paper speed and gain on ECG sheets. Not a medical device.",
        "training": {
            "lines": LINES * DRAWS,
            "passes": PASSES,
            "fonts": len(find_fonts()) + 6,
            "parameters": model.count_params(),
            "seconds": round(time.perf_counter() - start),
            "keras_version": keras.__version__,
        },
        "figures_on_drawn_lines": figures,
    }
    pictures = draw_lines(4, seed=7)[0]
    ship_reader(model, models / "settings", pictures, metadata, max_difference=1e-4)
    print(figures)
