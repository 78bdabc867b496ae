"""Per-lead CRNN: convolution blocks read shapes, two LSTM layers read their order in time.

Source
------
The CRNN that naseer30/ECG-CLASSIFICATION-USING-DEEP-LEARNING (2024) describes: three Conv2D blocks
from 32 to 128 filters, time-distributed flatten, LSTM 128 returning sequences, a second LSTM,
dense head. (Its code instead repeats one flattened vector 50 times, which has no time in it.)
The sequence runs along the image's width, which is time. As in the CNN the first convolution has
stride 2; the last block pools the millivolts by three and the time not at all, so that the LSTM
sees 18 steps of 0.14 s of a 2.5 s lead.

Shapes
------
(150, 150, 1) values 0..255 -> 75x75x32 -> 37x37x32 -> 18x18x64 -> 6x18x128 -> 18 steps of 768 ->
18 steps of 128 -> 64 -> 64 -> n.
For four classes: 607,892 weights (607,444 trainable) and 60 M multiply-adds a window.
"""

from __future__ import annotations

import keras
from keras import layers

from ecgapp.training.networks.blocks import INPUT_SHAPE, convolution_block, with_lead


def build(n_classes: int) -> keras.Model:
    """Build the CRNN, not compiled.

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
    x = convolution_block(x, filters=128, pool=(3, 1))
    x = layers.Permute((2, 1, 3))(x)  # time first
    x = layers.TimeDistributed(layers.Flatten())(x)
    x = layers.Dropout(0.5)(x)
    # Without cuDNN: with it, the JAX backend did not learn.
    x = layers.LSTM(128, return_sequences=True, use_cudnn=False)(x)
    x = layers.LSTM(64, use_cudnn=False)(x)
    leads, x = with_lead(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model([windows, leads], probabilities, name="crnn")
