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

from ecgapp.io.installed import models_folder

MODELS_FOLDER = models_folder()

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


def load_weights(folder: Path, graph: str = "model.onnx") -> ShippedWeights:
    """Load one model's weights.

    Parameters
    ----------
    folder : Path
        Holds the graph and ``metadata.json``.
    graph : str
        ``model.onnx``, or another graph of the model that its metadata names.

    Returns
    -------
    ShippedWeights

    Raises
    ------
    ModelError
        If a file is missing, or the weights do not have the SHA-256 that the metadata gives.
    """
    try:
        metadata = json.loads((folder / "metadata.json").read_text())
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    return ShippedWeights(metadata, open_session(read_checked(folder, metadata, graph)))


def read_checked(folder: Path, metadata: dict[str, Any], file: str) -> bytes:
    """Read a file of a model, if it is the one that the model's metadata names.

    Parameters
    ----------
    folder : Path
        The model's folder.
    metadata : dict
        The content of its ``metadata.json``.
    file : str
        Name of the file.

    Returns
    -------
    bytes

    Raises
    ------
    ModelError
        If the file cannot be read, or does not have the SHA-256 that the metadata gives.
    """
    try:
        content = (folder / file).read_bytes()
    except OSError as error:
        raise _unreadable(folder, error) from error
    found, expected = hashlib.sha256(content).hexdigest(), metadata.get(checksum_key(file))
    if found != expected:
        raise ModelError(
            f"model {folder.name}: {file} has SHA-256 {found}, metadata.json names {expected}: it "
            "was changed or damaged and is not loaded; restore the folder as released"
        )
    return content


def checksum_key(file: str) -> str:
    """Name the entry of ``metadata.json`` that holds a file's SHA-256."""
    return "onnx_sha256" if file == "model.onnx" else f"{Path(file).stem}_sha256"


def _unreadable(folder: Path, error: Exception) -> ModelError:
    return ModelError(f"model {folder.name}: its files cannot be read: {error}")


def open_session(weights: bytes) -> onnxruntime.InferenceSession:
    """Open the content of an ONNX file, for the CPU and no more than `MAX_THREADS` of it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(os.cpu_count() or 1, MAX_THREADS)
    options.inter_op_num_threads = 1
    # Waiting threads that spin would take the cores from whatever runs next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
