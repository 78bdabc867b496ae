"""CNN on 128x128 images of single leads; a sheet's verdict sums its leads'.

Source
------
Saqlain Ahmed, final-year project (2025). The source gives no filter size and no dropout rates:
3x3, and 0.25 after each pooling, are the usual ones.

Shapes
------
(128, 128, 1) values 0..255 -> [0, 1] -> Conv 32 -> 64x64x32 -> Conv 64 -> 32x32x64 -> 65536 ->
128 -> n. For four classes: 8,408,068 weights and 89 M multiply-adds a lead.

Cost
----
On two CPU cores 0.23 s a step of 32 leads: at most 27 minutes for the whole recipe on 940 sheets.
"""

from __future__ import annotations

import keras
from keras import layers


def build(n_classes: int) -> keras.Model:
    """Build the net, not compiled.

    Parameters
    ----------
    n_classes : int
        Length of the softmax.

    Returns
    -------
    keras.Model
        (batch, 128, 128, 1) uint8 -> (batch, n_classes) probabilities, float32.
    """
    images = keras.Input((128, 128, 1), name="images", dtype="uint8")
    x = layers.Rescaling(1 / 255)(images)
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.Dropout(0.25)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(images, probabilities, name="lead_cnn_128")
