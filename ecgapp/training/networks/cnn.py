"""Per-lead CNN: three convolution blocks and a dense head.

Source
------
The CNN of naseer30/ECG-CLASSIFICATION-USING-DEEP-LEARNING (2024): Conv2D 32, 64, 128 (3x3, ReLU,
max pool 2), flatten, Dense 512, dropout 0.5, softmax. Two changes make it cheap without changing
what it is:

- the first convolution has stride 2: a lead is a thin line on empty paper, and at full resolution
  two thirds of the work was spent on the paper;
- instead of flattening 18x18x128 values into Dense 512 (21 M weights), the last feature map is
  averaged on a 3x3 grid (three parts of the time, three of the voltage; an average keeps how often
  a beat occurs) beside its overall maximum (whether a shape occurs at all).

Shapes
------
(150, 150, 1) values 0..255 -> 75x75x32 -> 37x37x32 -> 18x18x64 -> 9x9x128 -> 1152 + 128 -> 128
-> n. For four classes: 272,052 weights (271,604 trainable) and 51 M multiply-adds a window; the
published one has 21 M weights and about 230 M multiply-adds.
"""

from __future__ import annotations

import keras
from keras import layers

from ecgapp.training.networks.blocks import INPUT_SHAPE, convolution_block, with_lead


def build(n_classes: int) -> keras.Model:
    """Build the CNN, not compiled.

    Parameters
    ----------
    n_classes : int
        Length of the softmax.

    Returns
    -------
    keras.Model
        (batch, 150, 150, 1) ink 0..255, uint8, and (batch,) lead numbers, int32 ->
        (batch, n_classes) probabilities, float32.
    """
    windows = keras.Input(INPUT_SHAPE, name="windows", dtype="uint8")
    x = layers.Rescaling(1 / 255)(windows)
    x = convolution_block(x, filters=32, strides=2)
    x = convolution_block(x, filters=64)
    x = convolution_block(x, filters=128)
    x = layers.Concatenate()(
        [
            layers.Flatten()(layers.AveragePooling2D(3)(x)),
            layers.GlobalMaxPooling2D()(x),
        ]
    )
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(128, activation="relu")(x)
    leads, x = with_lead(x)
    x = layers.Dense(96, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model([windows, leads], probabilities, name="cnn")
