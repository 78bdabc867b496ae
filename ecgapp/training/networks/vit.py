"""Vision transformer on the whole page, grid, header and all.

Source
------
MahsaBakhtiari/ECG_image_classification (2023). Pages are grey, so the three channels that it
reads hold the same values.

Shapes
------
(182, 256, 1) values 0..255 -> [0, 1] -> 182x256x3 -> patches of 7x8: 832 tokens of 512, with
learned positions -> 8 blocks (32 heads of 16; 2048-512) -> layer norm, mean of all tokens -> n.
For four classes: 25,734,660 weights and 26.7 G multiply-adds.

Cost
----
On two CPU cores 1.1 s a page (whose attention weights alone take 0.7 GB): 10 hours for the
whole recipe on 940 sheets.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

# All the source's.
HEIGHT_PX, WIDTH_PX = 182, 256
PATCH = (7, 8)
WIDTH = 512
BLOCKS = 8
HEADS = 32
MLP_WIDTH = 2048


@keras.saving.register_keras_serializable(package="ecgapp")
class LearnedPositions(layers.Layer):
    """Adds to every token a vector of its place, learned; (batch, tokens, width) -> the same."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the vectors, (tokens, width)."""
        self._positions = self.add_weight(input_shape[1:], "random_normal", name="positions")

    def call(self, tokens: Any) -> Any:
        """Add the vectors."""
        return tokens + self._positions

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Keep the shape."""
        return input_shape


def _transform(tokens: keras.KerasTensor) -> keras.KerasTensor:
    x = layers.LayerNormalization(epsilon=1e-6)(tokens)
    x = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(x, x)
    tokens = layers.Add()([tokens, x])
    x = layers.LayerNormalization(epsilon=1e-6)(tokens)
    x = layers.Dense(MLP_WIDTH, activation="gelu")(x)
    x = layers.Dense(WIDTH)(x)
    return layers.Add()([tokens, x])


def build(n_classes: int) -> keras.Model:
    """Build the net, not compiled.

    Parameters
    ----------
    n_classes : int
        Length of the softmax.

    Returns
    -------
    keras.Model
        (batch, 182, 256, 1) uint8 -> (batch, n_classes) probabilities, float32.
    """
    images = keras.Input((HEIGHT_PX, WIDTH_PX, 1), name="images", dtype="uint8")
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Concatenate()([x, x, x])
    x = layers.Conv2D(WIDTH, PATCH, strides=PATCH)(x)
    x = LearnedPositions()(layers.Reshape((-1, WIDTH))(x))
    for _ in range(BLOCKS):
        x = _transform(x)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.GlobalAveragePooling1D()(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(images, probabilities, name="vit")
