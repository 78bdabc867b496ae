"""model.keras -> model.onnx, with a check that both say the same, and its metadata.

Needs TensorFlow as the Keras backend: the ONNX converter reads TensorFlow graphs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import tensorflow
import tf2onnx

from ecgapp.sheet.layouts import NAMED_LEADS

MAX_DIFFERENCE = 1e-5
_CHECKED_WINDOWS = 16


class ParityError(Exception):
    """The exported model does not say what the trained one says."""


def export_model(model_folder: Path) -> float:
    """Write ``model.onnx`` and name it in ``metadata.json``.

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
        If the difference is more than 1e-5; ``metadata.json`` then does not name the export.
    """
    trained = model_folder / "model.keras"
    if not trained.is_file():
        raise FileNotFoundError(f"there is no {trained}; run crossval first")
    model = keras.saving.load_model(trained, compile=False)
    path = model_folder / "model.onnx"
    # The exporter wants a model that has been called.
    model([np.zeros((1, *x.shape[1:]), x.dtype) for x in model.inputs])
    model.export(path, format="onnx", verbose=False)
    difference = largest_difference(model, path)
    if difference > MAX_DIFFERENCE:
        raise ParityError(
            f"{path}: its probabilities differ from model.keras by up to {difference:.1e}, more "
            f"than {MAX_DIFFERENCE:.0e}"
        )
    metadata_path = model_folder / "metadata.json"
    metadata = json.loads(metadata_path.read_text())
    metadata |= {
        "onnx_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "exported_with": {
            "keras": keras.__version__,
            "tensorflow": tensorflow.__version__,
            "tf2onnx": tf2onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    }
    metadata_path.write_text(json.dumps(metadata, indent=2) + "\n")
    return difference


def largest_difference(model: keras.Model, onnx_path: Path) -> float:
    """Compare Keras and ONNX Runtime on random thin lines and on noise.

    Parameters
    ----------
    model : keras.Model
    onnx_path : Path

    Returns
    -------
    float
        The largest absolute difference between two probabilities.
    """
    rng = np.random.default_rng(0)
    shape = (_CHECKED_WINDOWS, *model.inputs[0].shape[1:])
    windows = rng.integers(0, 256, shape, dtype=np.uint8)
    sparse = rng.random(windows.shape) < 0.04
    windows[::2] *= sparse[::2]
    session = onnxruntime.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])
    leads = rng.integers(0, len(NAMED_LEADS), _CHECKED_WINDOWS, dtype=np.int32)
    served = session.run(None, {"windows": windows, "leads": leads})[0]
    return float(np.abs(served - model.predict([windows, leads], verbose=0)).max())
