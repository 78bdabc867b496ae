"""Attention VGG: a deep CNN whose verdict is drawn from where it looked, not from its last layer.

Source
------
"AttentionVGG" of prantik-paul-99/Heart-Condition-Classifier-from-ECG-images (2023), after Jetley
et al., Learn to pay attention (ICLR 2018). Batch normalisation forgets as fast as there (a tenth
a step).

Shapes
------
(13, 64, 64) values 0..255 -> standardised -> 64x64x13 -> 2 Conv 64, 2 Conv 128, 3 Conv 256:
64x64x256 (A) -> pool, 3 Conv 512: 32x32x512 (B) -> pool, 3 Conv 512: 16x16x512 (C) -> pool,
Conv 512, pool, Conv 512, pool: 2x2x512 -> Conv 2x2: 512 (g). A (projected to 512), B and C are
each averaged with the weights that g gives their positions: 3 x 512 -> n.
For four classes: 20,643,655 weights and 15.7 G multiply-adds.

Cost
----
On two CPU cores 4.4 s a step of 16 sheets in bfloat16 (7.6 s in float32): an hour and a half for
the whole recipe on 940 sheets. Cores that cannot multiply in bfloat16 take longer.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from ecgapp.training.networks.leads13 import thirteen_leads

WIDTH = 512  # channels, the source's


@keras.saving.register_keras_serializable(package="ecgapp")
class SpatialAttention(layers.Layer):
    """Averages features over positions, weighted by how well each goes with a global vector.

    Score: a linear map, without bias, of the sum of feature and global vector; the weights are
    its softmax over all positions.

    [(batch, height, width, channels), (batch, 1, 1, channels)] -> (batch, channels).
    """

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Make the weights of the score, (channels, 1)."""
        channels = input_shape[0][-1]
        self._score = self.add_weight((channels, 1), "glorot_uniform", name="score")

    def call(self, inputs: list[Any]) -> Any:
        """Attend to the positions."""
        features, overall = inputs
        score = ops.matmul(features + overall, self._score)
        height, width, channels = features.shape[1:]
        weights = ops.softmax(ops.reshape(score, (-1, height * width, 1)), axis=1)
        return ops.sum(weights * ops.reshape(features, (-1, height * width, channels)), axis=1)

    def compute_output_shape(
        self, input_shape: list[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        """Leave the positions out."""
        return (input_shape[0][0], input_shape[0][-1])


def _convolve(x: keras.KerasTensor, filters: int, times: int) -> keras.KerasTensor:
    for _ in range(times):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        x = layers.ReLU()(x)
    return x


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
    x = layers.Permute((2, 3, 1))(x)
    x = _convolve(x, 64, times=2)
    x = _convolve(x, 128, times=2)
    fine = _convolve(x, 256, times=3)
    middle = _convolve(layers.MaxPooling2D(2)(fine), WIDTH, times=3)
    coarse = _convolve(layers.MaxPooling2D(2)(middle), WIDTH, times=3)
    x = layers.MaxPooling2D(2)(coarse)
    for _ in range(2):
        x = layers.MaxPooling2D(2)(_convolve(x, WIDTH, times=1))
    overall = layers.Conv2D(WIDTH, 2)(x)
    fine = layers.Conv2D(WIDTH, 1, use_bias=False)(fine)
    seen = [SpatialAttention()([features, overall]) for features in (fine, middle, coarse)]
    x = layers.Concatenate()(seen)
    probabilities = layers.Dense(
        n_classes, activation="softmax", name="probabilities", dtype="float32"
    )(x)
    return keras.Model(images, probabilities, name="attention_vgg")
