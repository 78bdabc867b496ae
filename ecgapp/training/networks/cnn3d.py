"""3-D CNN on thirteen leads: the leads are a stack, and filters reach from lead to lead.

Source
------
"CNN 3D" of prantik-paul-99/Heart-Condition-Classifier-from-ECG-images (2023). Filters of side 2
are padded by 1 on every side, as there, so that they enlarge their input by one.

Shapes
------
(13, 64, 64) values 0..255 -> standardised -> 13x64x64x1 -> Conv 64 -> 6x32x32x64 -> Conv 128 ->
3x16x16x128 -> Conv 256 -> 2x8x8x256 -> Conv 512 -> 1x4x4x512 -> 8192 -> 128 -> 64 -> n.
For four classes: 2,591,815 weights and 2.0 G multiply-adds.

Cost
----
On two CPU cores 1.8 s a step of 16 sheets: 35 minutes for the whole recipe on 940 sheets.
"""

from __future__ import annotations

import keras
from keras import layers

from ecgapp.training.networks.leads13 import thirteen_leads


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
    x = layers.Reshape((*images.shape[1:], 1))(x)
    for filters, side in ((64, 3), (128, 3), (256, 2), (512, 2)):
        x = layers.ZeroPadding3D(1)(x)
        x = layers.Conv3D(filters, side, activation="relu")(x)
        x = layers.MaxPooling3D(2)(x)
    x = layers.Flatten()(x)
    for units in (128, 64):
        x = layers.Dense(units, activation="relu")(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(images, probabilities, name="cnn3d")
