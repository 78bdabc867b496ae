"""Time-distributed CNN: the stack of leads cut into eight steps, each read by the same filters.

Source
------
"Time distributed CNN" of prantik-paul-99/Heart-Condition-Classifier-from-ECG-images (2023): the
13 x 64 rows cut into 8 steps of 104 rows (so a step holds one lead and part of the next), two
convolution blocks that all steps share. A 3-D filter that reaches over one step only is just
that: the same 2-D filter in every step.

Shapes
------
(13, 64, 64) values 0..255 -> standardised -> 8x104x64x1 -> Conv 64 -> 8x52x32x64 -> Conv 128 ->
8x26x16x128 -> 425984 -> 64 -> n. For four classes: 27,337,799 weights and 1.0 G
multiply-adds.

Cost
----
On two CPU cores 1.7 s a step of 16 sheets: 34 minutes for the whole recipe on 940 sheets.
"""

from __future__ import annotations

import keras
from keras import layers

from ecgapp.training.networks.leads13 import N_LEADS, SIDE_PX, thirteen_leads

STEPS = 8  # the source's


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
    x = layers.Reshape((STEPS, N_LEADS * SIDE_PX // STEPS, SIDE_PX, 1))(x)
    for filters in (64, 128):
        x = layers.Conv3D(filters, (1, 3, 3), padding="same", activation="relu")(x)
        x = layers.MaxPooling3D((1, 2, 2))(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(images, probabilities, name="time_distributed_cnn")
