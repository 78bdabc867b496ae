"""Nets that are trained one by one, and whose probabilities are averaged."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers


def average(nets: Sequence[keras.Model], name: str, output: str) -> keras.Model:
    """Let several nets of one build read the same, and average what they give.

    Parameters
    ----------
    nets : sequence of keras.Model
        Each of one output.
    name : str
        Of the ensemble.
    output : str
        Name of its output.

    Returns
    -------
    keras.Model
        Not compiled; its inputs are named as those of the nets.
    """
    for number, net in enumerate(nets):
        net.name = f"member{number}"
    inputs = [keras.Input(one.shape[1:], name=one.name, dtype=one.dtype) for one in nets[0].inputs]
    given = inputs if len(inputs) > 1 else inputs[0]
    outputs = layers.Average(name=output)([net(given) for net in nets])
    return keras.Model(given, outputs, name=name)


def members(net: keras.Model) -> list[keras.Model]:
    """Find the nets that an ensemble averages; none in a net that is no ensemble."""
    return [layer for layer in net.layers if isinstance(layer, keras.Model)]


def first_member(net: keras.Model) -> keras.Model:
    """Find the first net of an ensemble; a net that is none is its own."""
    return (members(net) or [net])[0]
