"""model.keras -> gradient.onnx: how a class's log-odds change with what the network reads.

The ONNX converter knows the backward pass of convolutions, and not that of pools, rectifiers,
slices and roots. Theirs are written here by forward operations, and checked against TensorFlow's
own. Where several values share a pool's maximum, as empty paper does, TensorFlow follows the first
and this all alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from ecgapp.inference.shipped_models import GRADIENT_BATCH
from ecgapp.training.networks import twelve_lead

# The two add in another order, which now and then turns a rectifier on or off.
MAX_GRADIENT_DIFFERENCE = 1e-2
# So do weights that are rounded to half precision, and on noise many values are near to zero.
MAX_HALF_GRADIENT_DIFFERENCE = 1e-1
_OPSET = 15
_LEAST_PROBABILITY = 1e-7


def write_gradient(model: keras.Model, path: Path) -> None:
    """Write the graph of a model's gradient, for batches of `GRADIENT_BATCH`.

    Parameters
    ----------
    model : keras.Model
        Gives probabilities that sum to one, as its only output or by that name.
    path : Path
        ONNX file: the model's inputs, all of their numbers float32 but the leads' numbers, and
        ``target``, (batch, n_classes), 1 for the class asked for -> ``d_`` and the name of each
        float32 input, of its shape.
    """
    model = _of_numbers(model)
    signature = _signature(model)
    names = [one.name for one in signature if one.dtype == tf.float32][:-1]

    def gradient(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.compat.v1.get_default_graph().gradient_override_map(_CONVERTIBLE):
            log_odds = _log_odds(model, values)
        by_input = [v for v in values[:-1] if v.dtype == tf.float32]
        found = tf.gradients(log_odds, by_input)
        return {f"d_{name}": one for name, one in zip(names, found, strict=True)}

    tf2onnx.convert.from_function(
        tf.function(gradient, input_signature=signature),
        input_signature=signature,
        opset=_OPSET,
        output_path=str(path),
    )


def largest_gradient_difference(model: keras.Model, path: Path) -> float:
    """Compare the graph with TensorFlow's own gradient, on noise.

    Parameters
    ----------
    model : keras.Model
    path : Path
        As :func:`write_gradient` wrote it.

    Returns
    -------
    float
        Length of the difference, as a part of the gradient's, to the input where it is largest.
    """
    model = _of_numbers(model)
    rng = np.random.default_rng(0)
    values = [_noise(one, rng) for one in _signature(model)]
    values[-1] = np.eye(values[-1].shape[1], dtype=np.float32)[
        rng.integers(0, values[-1].shape[1], GRADIENT_BATCH)
    ]
    tensors = [tf.constant(value) for value in values]
    watched = [tensor for tensor in tensors[:-1] if tensor.dtype == tf.float32]
    with tf.GradientTape() as tape:
        for tensor in watched:
            tape.watch(tensor)
        log_odds = _log_odds(model, tensors)
    expected = tape.gradient(log_odds, watched)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    by_name = {one.name: value for one, value in zip(_signature(model), values, strict=True)}
    outputs = [f"d_{one.name}" for one in _signature(model)[:-1] if one.dtype == tf.float32]
    found = session.run(outputs, {name: by_name[name] for name in names})
    return max(
        float(np.linalg.norm(mine - its) / np.linalg.norm(its))
        for mine, its in zip(found, (np.asarray(one) for one in expected), strict=True)
    )


def _of_numbers(model: keras.Model) -> keras.Model:
    """Keep the labels alone, and read pixels, which have no gradient as bytes, as numbers."""
    if isinstance(model.output, dict):
        model = keras.Model(model.inputs, model.output[twelve_lead.HEAD], name=model.name)
    if all(one.dtype != "uint8" for one in model.inputs):
        return model
    inputs = [
        keras.Input(one.shape[1:], name=one.name, dtype="int32" if one.dtype == "int32" else None)
        for one in model.inputs
    ]
    twin = keras.models.clone_model(model, input_tensors=inputs)
    twin.set_weights(model.get_weights())
    return twin


def _signature(model: keras.Model) -> list[tf.TensorSpec]:
    """Describe the graph's inputs: fixed in size, so that no shape need be computed."""
    inputs = [
        tf.TensorSpec(
            (GRADIENT_BATCH, *one.shape[1:]),
            tf.int32 if one.dtype == "int32" else tf.float32,
            name=one.name,
        )
        for one in model.inputs
    ]
    shape = (GRADIENT_BATCH, model.output.shape[1])
    return [*inputs, tf.TensorSpec(shape, tf.float32, name="target")]


def _log_odds(model: keras.Model, values: Any) -> tf.Tensor:
    """Sum over the batch of the log-odds of each row's target class."""
    *inputs, target = values
    probabilities = model(list(inputs), training=False)
    wanted = tf.reduce_sum(probabilities * target, axis=1)
    others = tf.reduce_sum(probabilities * (1 - target), axis=1)
    return tf.reduce_sum(
        tf.math.log(wanted + _LEAST_PROBABILITY) - tf.math.log(others + _LEAST_PROBABILITY)
    )


def _noise(one: tf.TensorSpec, rng: np.random.Generator) -> NDArray[Any]:
    if one.dtype == tf.int32:
        return rng.integers(0, 12, one.shape, dtype=np.int32)
    scale = 255 if one.name == "windows" else 1
    return (scale * rng.random(one.shape)).astype(np.float32)


@tf.RegisterGradient("ConvertibleRelu")
def _relu(op: tf.Operation, upstream: tf.Tensor) -> tf.Tensor:
    return upstream * tf.cast(op.outputs[0] > 0, tf.float32)


@tf.RegisterGradient("ConvertibleConv2D")
def _convolution(op: tf.Operation, upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
    # TensorFlow's own asks for the input's shape when it runs, by an operation that ONNX lacks.
    options = {name: op.get_attr(name) for name in ("strides", "dilations")}
    padding = op.get_attr("padding").decode()
    shape = op.inputs[0].shape.as_list()
    return tf.raw_ops.Conv2DBackpropInput(
        input_sizes=shape, filter=op.inputs[1], out_backprop=upstream, padding=padding, **options
    ), None


@tf.RegisterGradient("ConvertibleSqrt")
def _sqrt(op: tf.Operation, upstream: tf.Tensor) -> tf.Tensor:
    return upstream * 0.5 / op.outputs[0]


@tf.RegisterGradient("ConvertibleAvgPool")
def _average(op: tf.Operation, upstream: tf.Tensor) -> tf.Tensor:
    counted = tf.nn.avg_pool2d(
        np.ones(op.inputs[0].shape, np.float32),
        op.get_attr("ksize"),
        op.get_attr("strides"),
        op.get_attr("padding").decode(),
    )
    # At the border a pool that reaches beyond it is the mean of fewer.
    _, height, width, _ = op.get_attr("ksize")
    within = [
        np.minimum(size, n - size * np.arange(m)) if m * size > n else np.full(m, size)
        for n, m, size in zip(
            op.inputs[0].shape[1:3], counted.shape[1:3], (height, width), strict=True
        )
    ]
    number = (within[0][:, None] * within[1]).astype(np.float32)
    return _spread(op, upstream / number[None, :, :, None])


@tf.RegisterGradient("ConvertibleMaxPool")
def _maximum(op: tf.Operation, upstream: tf.Tensor) -> tf.Tensor:
    highest = tf.cast(tf.equal(op.inputs[0], _spread(op, op.outputs[0])), tf.float32)
    pool = (op.get_attr("ksize"), op.get_attr("strides"), op.get_attr("padding").decode())
    _, height, width, _ = op.get_attr("ksize")
    n_highest = tf.maximum(tf.nn.avg_pool2d(highest, *pool) * (height * width), 1.0)
    return highest * _spread(op, upstream / n_highest)


@tf.RegisterGradient("ConvertibleStridedSlice")
def _slice(op: tf.Operation, upstream: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
    begin, end = (tf.get_static_value(one) for one in op.inputs[1:3])
    paddings = []
    for axis, size in enumerate(op.inputs[0].shape):
        whole = axis >= len(begin)
        first = 0 if whole or op.get_attr("begin_mask") >> axis & 1 else int(begin[axis])
        last = size if whole or op.get_attr("end_mask") >> axis & 1 else int(end[axis])
        paddings.append((first, size - last))
    return tf.pad(upstream, paddings), None, None, None


def _spread(op: tf.Operation, pooled: tf.Tensor) -> tf.Tensor:
    """Repeat each value over its pool, which does not overlap others; 0 outside of all."""
    _, height, width, _ = op.get_attr("ksize")
    n, rows, columns, channels = pooled.shape
    repeated = tf.reshape(pooled, (n, rows, 1, columns, 1, channels)) * np.ones(
        (1, 1, height, 1, width, 1), np.float32
    )
    spread = tf.reshape(repeated, (n, rows * height, columns * width, channels))
    _, wanted_rows, wanted_columns, _ = op.inputs[0].shape
    lacking = (max(0, wanted_rows - rows * height), max(0, wanted_columns - columns * width))
    padded = tf.pad(spread, ((0, 0), (0, lacking[0]), (0, lacking[1]), (0, 0)))
    return padded[:, :wanted_rows, :wanted_columns]


_CONVERTIBLE = {
    "Conv2D": "ConvertibleConv2D",
    "Relu": "ConvertibleRelu",
    "Sqrt": "ConvertibleSqrt",
    "AvgPool": "ConvertibleAvgPool",
    "MaxPool": "ConvertibleMaxPool",
    "StridedSlice": "ConvertibleStridedSlice",
}
