"""A trained reader of pages -> ``model.onnx`` and ``metadata.json``, once both runtimes agree.

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
from numpy.typing import NDArray

from ecgapp.io.weights import write_checksums
from ecgapp.training.picture_scaling import reshape_first


def ship_reader(
    model: keras.Model,
    folder: Path,
    inputs: NDArray[np.uint8] | NDArray[np.float32],
    metadata: dict[str, Any],
    max_difference: float,
) -> None:
    """Write ``model.onnx`` and ``metadata.json``.

    Parameters
    ----------
    model : keras.Model
        With one input.
    folder : Path
        Made when it does not exist.
    inputs : ndarray, uint8 or float32
        What both runtimes are compared on, as the model takes it.
    metadata : dict
        What to put into the metadata, beside the checksum.
    max_difference : float
        Largest difference of an answer between Keras and ONNX Runtime: what rounding to single
        precision costs over the model's layers.

    Raises
    ------
    RuntimeError
        When an answer differs by more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    model.export(path, format="onnx", verbose=False)
    reshape_first(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    served = session.run(None, {model.inputs[0].name: inputs})
    trained = model.predict(inputs, verbose=0)
    trained = trained if isinstance(trained, list) else [trained]
    pairs = zip(served, trained, strict=True)
    difference = max(float(np.abs(one - other).max()) for one, other in pairs)
    if difference > max_difference:
        raise RuntimeError(f"{path}: its answers differ from Keras' by up to {difference:.1e}")
    metadata = {**metadata, "onnx_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n")
    write_checksums(folder.parent)
