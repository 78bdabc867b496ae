"""2-D CNN on thirteen leads: the leads are the channels of one image.

Source
------
"CNN 2D" of prantik-paul-99/Heart-Condition-Classifier-from-ECG-images (2023).

Shapes
------
(13, 64, 64) values 0..255 -> standardised -> 64x64x13 -> Conv 64 -> 32x32x64 -> Conv 128 ->
16x16x128 -> 32768 -> 64 -> n. For four classes: 2,178,887 weights and 108 M multiply-adds.

Cost
----
On two CPU cores 0.09 s a step of 16 sheets: 2 minutes for the whole recipe on 940 sheets.
"""

from __future__ import annotations

import keras
from keras import layers

from ecgapp.training.networks.leads13 import convolve_leads, thirteen_leads


def build(n_classes: int) -> keras.Model:
    """Build the net, not compiled.

    Parameters
    ----------
    n_classes : int
        Length of the softmax.

    Returns
    -------
    keras.Model
        (batch, 13, 64, 64) uint8 -> (batch, n_classes) probabilities, float32.
    """
    images, x = thirteen_leads()
    x = layers.Flatten()(convolve_leads(x))
    x = layers.Dense(64, activation="relu")(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(images, probabilities, name="cnn2d")
