"""What the CNN and the CRNN share: the convolution block, and the input that names the lead."""

from __future__ import annotations

import keras
from keras import layers

from ecgapp.ecg import NAMED_LEADS

# Of a lead's window; and the numbers that a lead's name becomes, set by hand.
INPUT_SHAPE = (150, 150, 1)
LEAD_EMBEDDING = 16


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


def with_lead(features: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Put which lead it is beside what was seen in it.

    A Q wave means one thing in aVR, and another in V4.

    Parameters
    ----------
    features : KerasTensor
        (batch, n).

    Returns
    -------
    leads : KerasTensor
        A new input, (batch,) int32: the lead's number in ``NAMED_LEADS``.
    features : KerasTensor
        (batch, n + 16).
    """
    leads = keras.Input((), name="leads", dtype="int32")
    names = layers.Embedding(len(NAMED_LEADS), LEAD_EMBEDDING)(leads)
    return leads, layers.Concatenate()([features, names])
