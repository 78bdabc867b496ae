"""The shipped models: weights in ``models/`` -> ONNX Runtime sessions, after a checksum."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.leads import PREPROCESSING_VERSION

# ONNX Runtime reports its use to its maker, and keeps a device id on disk, unless told not to
# before it is imported; its own disable_telemetry_events() comes too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

MODELS_FOLDER = Path(__file__).resolve().parent.parent / "models"
MODEL_NAMES = ("cnn", "crnn")

# Two threads take about half the time of one on a batch of 13 to 25 windows; a server that reads
# several sheets at once needs its other cores for them.
MAX_THREADS = 2


class ModelError(Exception):
    """A shipped model is missing, is not the one its metadata names, or does not fit this code."""


@dataclass(frozen=True)
class ShippedModel:
    """A model that has passed its checks.

    Attributes
    ----------
    name : str
    metadata : dict
        The content of its ``metadata.json``; ``classes`` is the order of the outputs.
    session : onnxruntime.InferenceSession
    """

    name: str
    metadata: dict[str, Any]
    session: onnxruntime.InferenceSession

    def predict(self, windows: NDArray[np.uint8], leads: Sequence[str]) -> NDArray[np.float32]:
        """Read windows.

        Parameters
        ----------
        windows : ndarray of uint8, (n, 150, 150)
            Ink 255 on 0.
        leads : sequence of str, length n
            Which lead each window is of.

        Returns
        -------
        ndarray of float32, (n, n_classes)
            Each row sums to one.
        """
        numbers = [self.metadata["leads"].index(lead) for lead in leads]
        inputs = {"windows": windows[..., None], "leads": np.array(numbers, dtype=np.int32)}
        return np.asarray(self.session.run(None, inputs)[0])


@cache
def load_models() -> dict[str, ShippedModel]:
    """Load every shipped model, once a process.

    Returns
    -------
    dict of str to ShippedModel
        ``cnn`` and ``crnn``.

    Raises
    ------
    ModelError
    """
    return {name: load_model(MODELS_FOLDER / name) for name in MODEL_NAMES}


def load_model(folder: Path) -> ShippedModel:
    """Load one model.

    Parameters
    ----------
    folder : Path
        Holds ``model.onnx`` and ``metadata.json``.

    Returns
    -------
    ShippedModel

    Raises
    ------
    ModelError
        If a file is missing, the weights do not have the SHA-256 that the metadata gives, or the
        model was trained on another version of the preprocessing.
    """
    name = folder.name
    try:
        metadata = json.loads((folder / "metadata.json").read_text())
        weights = (folder / "model.onnx").read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"model {name}: its files cannot be read: {error}") from error
    found, expected = hashlib.sha256(weights).hexdigest(), metadata.get("onnx_sha256")
    if found != expected:
        raise ModelError(
            f"model {name}: model.onnx has SHA-256 {found}, metadata.json names {expected}: the "
            "weights were changed or damaged and are not loaded; restore the folder as released"
        )
    version = metadata.get("preprocessing_version")
    if version != PREPROCESSING_VERSION:
        raise ModelError(
            f"model {name}: it was trained on preprocessing version {version}, this is version "
            f"{PREPROCESSING_VERSION}; train it again with: python -m ecgapp crossval {name}"
        )
    return ShippedModel(name, metadata, _open_session(weights))


def _open_session(weights: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(os.cpu_count() or 1, MAX_THREADS)
    options.inter_op_num_threads = 1
    # Waiting threads that spin would take the cores from whatever runs next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
