"""Small changes that leave an ECG's meaning as it is, for training only.

Never a flip: a mirrored lead is another finding. Whatever a change moves in from outside is paper.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

# At most so much is changed while training: pixels of a window, parts and degrees. Set by hand as
# part of recipes, of which the cards say among how many they were chosen.
MAX_TIME_SHIFT_PX = 8.0
MAX_VOLTAGE_SHIFT_PX = 3.0
MAX_TIME_STRETCH = 0.02
MAX_GAIN_CHANGE = 0.06
MAX_PAGE_ROTATION_DEGREES = 5.0


def augmentation_layer(kind: Literal["lead", "page"], seed: int) -> keras.layers.Layer:
    """Make the layer that changes training images: leads as below, pages by small rotations.

    Parameters
    ----------
    kind : str
        ``lead`` for bright ink on 0, ``page`` for dark ink on white.
    seed : int

    Returns
    -------
    keras.layers.Layer
        (batch, height, width, 1) values 0..255 -> the same shape, float32.
    """
    if kind == "lead":
        return Augmentation(seed)
    return keras.layers.RandomRotation(
        MAX_PAGE_ROTATION_DEGREES / 360, fill_mode="constant", fill_value=255.0, seed=seed
    )


class Augmentation(keras.layers.Layer):
    """Shifts and stretches every window at random while training.

    (batch, height, width, 1) ink 0..255 -> the same shape, float32; not training, it only
    converts to float32.
    """

    def __init__(self, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._seeds = keras.random.SeedGenerator(seed)

    def call(self, windows: Any, training: bool = False) -> Any:
        """Apply a change of its own to every window of the batch."""
        windows = ops.cast(windows, "float32")
        if not training:
            return windows
        images = ops.squeeze(windows, axis=-1)
        batch, height, width = ops.shape(images)
        rows = self._resampling(batch, height, MAX_GAIN_CHANGE, MAX_VOLTAGE_SHIFT_PX)
        columns = self._resampling(batch, width, MAX_TIME_STRETCH, MAX_TIME_SHIFT_PX)
        images = ops.matmul(ops.matmul(rows, images), ops.transpose(columns, (0, 2, 1)))
        return ops.expand_dims(images, axis=-1)

    def _resampling(self, batch: Any, length: Any, max_stretch: float, max_shift: float) -> Any:
        """Matrices (batch, length, length) of linear interpolation along one axis."""
        stretch = 1 + self._uniform((batch, 1), -max_stretch, max_stretch)
        shift = self._uniform((batch, 1), -max_shift, max_shift)
        middle = (length - 1) / 2
        target = ops.arange(length, dtype="float32")
        source = (target - middle - shift) / stretch + middle
        return ops.relu(1 - ops.abs(ops.expand_dims(source, -1) - target))

    def _uniform(self, shape: tuple[Any, ...], low: float, high: float) -> Any:
        return keras.random.uniform(shape, low, high, seed=self._seeds)
