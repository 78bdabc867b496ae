"""The architectures that `train` and `crossval` know, by name."""

from __future__ import annotations

from collections.abc import Callable

import keras

from ecgapp.nets import cnn, crnn

ARCHITECTURES: dict[str, Callable[[int], keras.Model]] = {
    "cnn": cnn.build,
    "crnn": crnn.build,
}
