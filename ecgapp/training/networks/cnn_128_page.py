"""CNN on the whole page at 128x128, grid, header and all.

Source
------
The closing chapter of the step-by-step guide to ECG images (blog): a CNN on 128x128 pages with
augmentation. Its layers are not given; these are the plain three blocks of such guides. Of its
augmentation the small rotations are kept; flips are left out, since a flipped ECG is another
finding (see :mod:`ecgapp.training.augment`).

Shapes
------
(128, 128, 1) values 0..255 -> ink 1, paper 0 -> Conv 32 -> 64x64x32 -> Conv 64 -> 32x32x64 ->
Conv 128 -> 16x16x128 -> 32768 -> 128 -> n. For four classes: 4,287,620 weights,
160 M multiply-adds.

Cost
----
On two CPU cores 0.31 s a step of 32 pages: at most 3 minutes for the whole recipe on 940 sheets.
"""

from __future__ import annotations

import keras
from keras import layers


def build(n_classes: int) -> keras.Model:
    """Build the net, not compiled.

    Parameters
    ----------
    n_classes : int
        Length of the softmax.

    Returns
    -------
    keras.Model
        (batch, 128, 128, 1) uint8 -> (batch, n_classes) probabilities, float32.
    """
    images = keras.Input((128, 128, 1), name="images", dtype="uint8")
    # Ink high, paper zero: the other way round the net never left the largest class.
    x = layers.Rescaling(-1 / 255, offset=1.0)(images)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    probabilities = layers.Dense(n_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(images, probabilities, name="cnn_128_page")
