"""Attention LSTM: the pixel rows of all thirteen leads, read one after the other.

Source
------
"Attention LSTM" of prantik-paul-99/Heart-Condition-Classifier-from-ECG-images (2023). A step is
one row of a lead, from its top to its bottom: the sequence runs over voltage, not over time.

Shapes
------
(13, 64, 64) values 0..255 -> standardised -> 832 steps of 64 -> LSTM, 832 steps of 128 ->
attention, 128 -> n. For four classes: 148,487 weights and 82 M multiply-adds.

Cost
----
On two CPU cores 0.22 s a step of 16 sheets: 4 minutes for the whole recipe on 940 sheets.
"""

from __future__ import annotations

import keras
from keras import layers

from ecgapp.training.networks.leads13 import N_LEADS, SIDE_PX, thirteen_leads
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
    x = attend_in_time(layers.Reshape((N_LEADS * SIDE_PX, SIDE_PX))(x))
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(images, probabilities, name="attention_lstm")
