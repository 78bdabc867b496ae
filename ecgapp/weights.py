"""Shipped weights: files in ``models/`` -> ONNX Runtime sessions, after a checksum."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# ONNX Runtime reports its use to its maker, and keeps a device id on disk, unless told not to
# before it is imported; its own disable_telemetry_events() comes too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

MODELS_FOLDER = Path(__file__).resolve().parent.parent / "models"

# Two threads take about half the time of one on a batch of 13 to 25 windows; a server that reads
# several sheets at once needs its other cores for them.
MAX_THREADS = 2


class ModelError(Exception):
    """A shipped model is missing, is not the one its metadata names, or does not fit this code."""


@dataclass(frozen=True)
class ShippedWeights:
    """Weights that have the checksum they should have.

    Attributes
    ----------
    metadata : dict
        The content of the model's ``metadata.json``.
    session : onnxruntime.InferenceSession
    """

    metadata: dict[str, Any]
    session: onnxruntime.InferenceSession


def load_weights(folder: Path) -> ShippedWeights:
    """Load one model's weights.

    Parameters
    ----------
    folder : Path
        Holds ``model.onnx`` and ``metadata.json``.

    Returns
    -------
    ShippedWeights

    Raises
    ------
    ModelError
        If a file is missing, or the weights do not have the SHA-256 that the metadata gives.
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
    return ShippedWeights(metadata, _open_session(weights))


def _open_session(weights: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(os.cpu_count() or 1, MAX_THREADS)
    options.inter_op_num_threads = 1
    # Waiting threads that spin would take the cores from whatever runs next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
