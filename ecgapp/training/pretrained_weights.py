"""Pretrained weights, as one ``.npz`` file: everything of a network but its heads."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np


def save_pretrained(net: keras.Model, path: Path) -> None:
    """Write a network's weights, those of its heads left out.

    Parameters
    ----------
    net : keras.Model
    path : Path
    """
    # Replaced in one step, so that no reader ever finds half of it.
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with partial.open("wb") as file:
        arrays = {one.path: keras.ops.convert_to_numpy(one) for one in _body(net)}
        np.savez_compressed(file, allow_pickle=False, **arrays)
    os.replace(partial, path)


def load_pretrained(net: keras.Model, path: Path) -> None:
    """Give a network the weights of one that differs from it at most in its heads.

    Parameters
    ----------
    net : keras.Model
    path : Path

    Raises
    ------
    OSError
        If the file cannot be read.
    KeyError, ValueError
        If it is of a network of another build.
    """
    with np.load(path, allow_pickle=False) as weights:
        for one in _body(net):
            one.assign(weights[one.path])


def _body(net: keras.Model) -> list[keras.Variable]:
    """All weights but those of the head, or heads."""
    heads = {id(tensor) for tensor in net.outputs}
    return [
        weights
        for layer in net.layers
        if id(layer.output) not in heads
        for weights in layer.weights
    ]
