"""What the nets on thirteen lead images share: their input, its scaling, and two conv blocks."""

from __future__ import annotations

import keras
from keras import layers

# Twelve leads and the strip, each this high and wide, as in the source of the nets.
N_LEADS = 13
SIDE_PX = 64


def thirteen_leads() -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Make the input and standardise it.

    Returns
    -------
    images : KerasTensor
        A new input, (batch, 13, 64, 64) uint8: leads, rows, columns; ink is bright.
    standardized : KerasTensor
        The same shape, float32, less the mean and divided by the deviation of all pixels that
        the Normalization layer was adapted to.
    """
    images = keras.Input((N_LEADS, SIDE_PX, SIDE_PX), name="images", dtype="uint8")
    return images, layers.Normalization(axis=None)(images)


def convolve_leads(x: keras.KerasTensor) -> keras.KerasTensor:
    """Read the leads as channels in two blocks: Conv2D 64, then 128, 3x3, ReLU, max pool 2.

    Parameters
    ----------
    x : KerasTensor
        (batch, 13, 64, 64).

    Returns
    -------
    KerasTensor
        (batch, 16, 16, 128): rows, columns, channels.
    """
    x = layers.Permute((2, 3, 1))(x)
    for filters in (64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    return x
