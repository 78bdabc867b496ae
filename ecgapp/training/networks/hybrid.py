"""CNN and attention LSTM: two convolution blocks, whose features are read as a sequence.

Source
------
"Hybrid network" of prantik-paul-99/Heart-Condition-Classifier-from-ECG-images (2023). A step is
one row of one feature map, as there: 128 maps of 16 rows of 16 values.

Shapes
------
(13, 64, 64) values 0..255 -> standardised -> 64x64x13 -> Conv 64 -> 32x32x64 -> Conv 128 ->
16x16x128 -> 2048 steps of 16 -> LSTM, 2048 steps of 128 -> attention, 128 -> 64 -> n.
For four classes: 213,319 weights and 258 M multiply-adds.

Cost
----
On two CPU cores 0.84 s a step of 16 sheets: 16 minutes for the whole recipe on 940 sheets.
"""

from __future__ import annotations

import keras
from keras import layers

from ecgapp.training.networks.leads13 import convolve_leads, thirteen_leads
from ecgapp.training.networks.temporal_attention import attend_in_time


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
    features = layers.Permute((3, 1, 2))(convolve_leads(x))
    channels, rows, columns = features.shape[1:]
    x = attend_in_time(layers.Reshape((channels * rows, columns))(features))
    x = layers.Dense(64, activation="relu")(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(images, probabilities, name="hybrid")
