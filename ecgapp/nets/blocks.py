"""The convolution block that the CNN and the CRNN share."""

from __future__ import annotations

import keras
from keras import layers

INPUT_SHAPE = (150, 150, 1)


def convolution_block(
    x: keras.KerasTensor, filters: int, strides: int = 1, pool: tuple[int, int] = (2, 2)
) -> keras.KerasTensor:
    """Conv2D 3x3, ReLU, max pool, batch normalisation.

    The normalisation comes after the pooling because it costs a quarter there.

    Parameters
    ----------
    x : KerasTensor
        (batch, height, width, channels).
    filters : int
        Output channels.
    strides : int
        Stride of the convolution along both axes.
    pool : tuple of int
        Pooling window (rows = millivolts, columns = time).

    Returns
    -------
    KerasTensor
        (batch, height / strides / pool[0], width / strides / pool[1], filters), rounded down.
    """
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(pool)(x)
    return layers.BatchNormalization()(x)
