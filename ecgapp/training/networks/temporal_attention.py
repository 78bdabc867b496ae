"""An LSTM whose last state looks back over all states: shared by two of the nets."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

UNITS = 128  # the source's


@keras.saving.register_keras_serializable(package="ecgapp")
class TemporalAttention(layers.Layer):
    """Weighs a sequence's states by how well they go with the last one.

    Score: the bilinear product of a state and the last state; its softmax over time weighs the
    states to one context; output: tanh of a linear map of context and last state. No biases.

    (batch, steps, units) -> (batch, units).
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Make the weights: (units, units) to score with, (2 units, units) to map with."""
        units = input_shape[-1]
        self._score = self.add_weight((units, units), "glorot_uniform", name="score")
        self._map = self.add_weight((2 * units, units), "glorot_uniform", name="map")

    def call(self, states: Any) -> Any:
        """Attend to the states."""
        last = states[:, -1]
        # The scoring matrix is applied to the last state rather than to all of them: the product
        # is the same.
        query = ops.matmul(last, ops.transpose(self._score))
        weights = ops.softmax(ops.sum(states * query[:, None], axis=-1), axis=1)
        context = ops.sum(weights[..., None] * states, axis=1)
        return ops.tanh(ops.matmul(ops.concatenate([context, last], axis=-1), self._map))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Leave the steps out."""
        return (input_shape[0], input_shape[-1])


def attend_in_time(sequence: keras.KerasTensor) -> keras.KerasTensor:
    """Read a sequence with one LSTM of 128 units and temporal attention.

    Parameters
    ----------
    sequence : KerasTensor
        (batch, steps, values).

    Returns
    -------
    KerasTensor
        (batch, 128).
    """
    # Without cuDNN: with it, the JAX backend did not learn.
    states = layers.LSTM(UNITS, return_sequences=True, use_cudnn=False)(sequence)
    return TemporalAttention()(states)
