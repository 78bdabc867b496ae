"""model.keras -> model.onnx, with a check that both say the same, and its metadata.

Of the models that are explained by gradients, a second graph gives these.

Needs TensorFlow as the Keras backend: the ONNX converter reads TensorFlow graphs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import tensorflow
import tf2onnx
from numpy.typing import NDArray

from ecgapp.ecg import NAMED_LEADS
from ecgapp.inference.shipped_models import GRADIENT_GRAPH
from ecgapp.io.weights import checksum_key, write_checksums
from ecgapp.training.gradient_graph import (
    MAX_GRADIENT_DIFFERENCE,
    MAX_HALF_GRADIENT_DIFFERENCE,
    largest_gradient_difference,
    write_gradient,
)
from ecgapp.training.half_precision import store_in_half_precision
from ecgapp.training.inked_convolutions import convolve_where_ink_is
from ecgapp.training.networks import twelve_lead
from ecgapp.training.networks.ensemble import first_member, members
from ecgapp.training.picture_scaling import reshape_first

# Of a probability, between Keras and ONNX Runtime: rounding of single precision, and of weights
# that are stored in half precision.
MAX_DIFFERENCE = 1e-5
MAX_HALF_DIFFERENCE = 2e-3
# The crnn's recurrence has no backward pass that ONNX Runtime could run.
WITH_GRADIENT = ("cnn", "twelve_lead", "statements")
_CHECKED_WINDOWS = 16


class ParityError(Exception):
    """The exported model does not say what the trained one says."""


def export_model(model_folder: Path) -> float:
    """Write ``model.onnx``, for some models ``gradient.onnx``, and name them in ``metadata.json``.

    Parameters
    ----------
    model_folder : Path
        Holds ``model.keras`` and ``metadata.json``.

    Returns
    -------
    float
        The largest difference between a probability of the two.

    Raises
    ------
    FileNotFoundError
        If there is no trained model.
    ParityError
        If the difference is more than 1e-5, or more than 2e-3 with weights in half precision, or
        the gradient is another; ``metadata.json`` then does not name the export.
    """
    trained = model_folder / "model.keras"
    if not trained.is_file():
        raise FileNotFoundError(f"there is no {trained}; run crossval first")
    own_layers = {"ecgapp>LeadBias": twelve_lead.LeadBias}
    model = keras.saving.load_model(trained, custom_objects=own_layers, compile=False)
    path = model_folder / "model.onnx"
    served = _with_features(model)
    # The exporter wants a model that has been called.
    served([np.zeros((1, *x.shape[1:]), x.dtype) for x in model.inputs])
    served.export(path, format="onnx", verbose=False)
    reshape_first(path)
    convolve_where_ink_is(path)
    difference = _checked_difference(model, path, MAX_DIFFERENCE)
    # Several nets in one file would be too large for a repository otherwise.
    if members(model):
        store_in_half_precision(path)
        difference = _checked_difference(model, path, MAX_HALF_DIFFERENCE)
    written = [path]
    if model.name in WITH_GRADIENT:
        written.append(_export_gradient(model, model_folder / GRADIENT_GRAPH))
    metadata_path = model_folder / "metadata.json"
    metadata = json.loads(metadata_path.read_text())
    metadata |= {
        **{checksum_key(one.name): hashlib.sha256(one.read_bytes()).hexdigest() for one in written},
        "exported_with": {
            "keras": keras.__version__,
            "tensorflow": tensorflow.__version__,
            "tf2onnx": tf2onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    }
    metadata_path.write_text(json.dumps(metadata, indent=2) + "\n")
    write_checksums(model_folder.parent)
    return difference


def _checked_difference(model: keras.Model, path: Path, limit: float) -> float:
    """Compare both, as :func:`largest_difference`; ParityError beyond the limit."""
    difference = largest_difference(model, path)
    if difference > limit:
        raise ParityError(
            f"{path}: its probabilities differ from model.keras by up to {difference:.1e}, more "
            f"than {limit:.0e}"
        )
    return difference


def _export_gradient(model: keras.Model, path: Path) -> Path:
    """Write the gradient's graph and compare it with TensorFlow's gradient."""
    write_gradient(model, path)
    _check_gradient(model, path, MAX_GRADIENT_DIFFERENCE)
    if members(model):
        store_in_half_precision(path)
        _check_gradient(model, path, MAX_HALF_GRADIENT_DIFFERENCE)
    return path


def _check_gradient(model: keras.Model, path: Path, limit: float) -> None:
    difference = largest_gradient_difference(model, path)
    if difference > limit:
        raise ParityError(
            f"{path}: it differs from TensorFlow's gradient by {difference:.1e} of it"
        )


def _with_features(model: keras.Model) -> keras.Model:
    """Let a model of one output that has a layer of features give them beside it."""
    if isinstance(model.output, dict):
        return model
    first = first_member(model)
    if twelve_lead.FEATURES not in (layer.name for layer in first.layers):
        return model
    # Of an ensemble those of its first net.
    features_of = keras.Model(first.inputs, first.get_layer(twelve_lead.FEATURES).output)
    outputs = {twelve_lead.HEAD: model.output, twelve_lead.FEATURES: features_of(model.inputs)}
    return keras.Model(model.inputs, outputs, name=model.name)


def largest_difference(model: keras.Model, onnx_path: Path) -> float:
    """Compare Keras and ONNX Runtime on noise, and on noise most of which is left out.

    Parameters
    ----------
    model : keras.Model
    onnx_path : Path

    Returns
    -------
    float
        The largest absolute difference between two probabilities, of any output.
    """
    rng = np.random.default_rng(0)
    inputs = {one.name: _noise(one, rng) for one in model.inputs}
    session = onnxruntime.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])
    outputs = [one.name for one in session.get_outputs()]
    trained = model.predict(list(inputs.values()), verbose=0)
    if not isinstance(trained, dict):
        name = twelve_lead.HEAD if twelve_lead.HEAD in outputs else outputs[0]
        trained = {name: trained}
    served = session.run(list(trained), inputs)
    return max(
        float(np.abs(one - other).max())
        for one, other in zip(served, trained.values(), strict=True)
    )


def _noise(one: keras.KerasTensor, rng: np.random.Generator) -> NDArray[Any]:
    """Make up what an input may hold: pixels, a lead's number, or millivolts."""
    shape = (_CHECKED_WINDOWS, *one.shape[1:])
    if one.dtype == "uint8":
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        sparse = rng.random(shape) < 0.04
        pixels[::2] *= sparse[::2]
        return pixels
    if one.dtype == "int32":
        return rng.integers(0, len(NAMED_LEADS), shape, dtype=np.int32)
    return rng.standard_normal(shape, dtype=np.float32)
