"""Shipped weights: files in ``models/`` -> ONNX Runtime sessions, after a checksum."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# ONNX Runtime reports its use to its maker, and keeps a device id on disk, unless told not to
# before it is imported; its own disable_telemetry_events() comes too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

from ecgapp.io.installed import models_folder

MODELS_FOLDER = models_folder()

# Beside the models: path in their folder -> SHA-256, of the JSON files that serving reads. Those
# name the checksums of the weights.
CHECKSUMS_FILE = "checksums.json"
# What a reading asks of a model, in the model's folder.
MODEL_GRAPH = "model.onnx"

# For graphs that somebody waits for, with nothing else to do meanwhile. A reading's take one: a
# second took up to a third more processor time on a busy machine, and `ecgapp.pipeline` has other
# work for it.
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


def load_weights(
    folder: Path, graph: str = MODEL_GRAPH, *, of_pictures: bool = True
) -> ShippedWeights:
    """Load one model's weights.

    Parameters
    ----------
    folder : Path
        Holds the graph and ``metadata.json``.
    graph : str
        ``model.onnx``, or another graph of the model that its metadata names.
    of_pictures : bool
        As :func:`open_session` takes it.

    Returns
    -------
    ShippedWeights

    Raises
    ------
    ModelError
        If a file is missing, the metadata do not have the SHA-256 that `CHECKSUMS_FILE` beside the
        folder gives, or the weights the one that the metadata give.
    """
    metadata = read_json(folder.parent, f"{folder.name}/metadata.json")
    content = read_checked(folder, metadata, graph)
    n_threads = 1 if graph == MODEL_GRAPH else MAX_THREADS
    session = open_session(content, of_pictures=of_pictures, n_threads=n_threads)
    return ShippedWeights(metadata, session)


def read_json(models: Path, name: str) -> dict[str, Any]:
    """Read a JSON file that belongs to the models, if it is the one that `CHECKSUMS_FILE` names.

    Parameters
    ----------
    models : Path
        Folder of all models; holds `CHECKSUMS_FILE`.
    name : str
        The file's path in that folder, such as ``cnn/metadata.json``.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    ModelError
        If a file cannot be read, the checksums are not this file's, or it holds no JSON object.
    """
    checksums = _json_object(models, CHECKSUMS_FILE)[0]
    found, sha256 = _json_object(models, name)
    if sha256 != checksums.get(name):
        raise ModelError(
            f"{name} of the models is not the file that {CHECKSUMS_FILE} names: it was changed or "
            "damaged and is not loaded; restore the folder as released, or run "
            "python -m ecgapp export if the models are your own"
        )
    return found


def _json_object(models: Path, name: str) -> tuple[dict[str, Any], str]:
    """Read a file of the models that holds a JSON object; second is its SHA-256."""
    try:
        content = (models / name).read_bytes()
        found = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is damaged"
        raise ModelError(f"{name} of the models cannot be read: {what}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{name} of the models holds no JSON object, and should hold one")
    return found, hashlib.sha256(content).hexdigest()


def write_checksums(models: Path) -> None:
    """Write the SHA-256 of every JSON file that serving reads to `CHECKSUMS_FILE`.

    Whoever writes such a file calls this after it.

    Parameters
    ----------
    models : Path
        Folder of all models.
    """
    files = [*models.glob("*.json"), *models.glob("*/metadata.json")]
    checksums = {
        path.relative_to(models).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if path.name != CHECKSUMS_FILE
    }
    (models / CHECKSUMS_FILE).write_text(json.dumps(checksums, indent=2) + "\n")


def models_digest(models: Path = MODELS_FOLDER) -> str:
    """Name all models that serve by one number, which changes with any of them.

    Parameters
    ----------
    models : Path
        Folder of all models.

    Returns
    -------
    str
        SHA-256 of `CHECKSUMS_FILE`, hexadecimal: it names the metadata's, and those the weights'.

    Raises
    ------
    ModelError
        If the file cannot be read.
    """
    return _json_object(models, CHECKSUMS_FILE)[1]


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
        raise ModelError(f"model {folder.name}: its files cannot be read: {error}") from error
    found, expected = hashlib.sha256(content).hexdigest(), metadata.get(checksum_key(file))
    if found != expected:
        raise ModelError(
            f"model {folder.name}: {file} has SHA-256 {found}, metadata.json names {expected}: it "
            "was changed or damaged and is not loaded; restore the folder as released"
        )
    return content


def checksum_key(file: str) -> str:
    """Name the entry of ``metadata.json`` that holds a file's SHA-256."""
    return "onnx_sha256" if file == MODEL_GRAPH else f"{Path(file).stem}_sha256"


def open_session(
    weights: bytes, *, of_pictures: bool = True, n_threads: int = 1
) -> onnxruntime.InferenceSession:
    """Open the content of an ONNX file, for the CPU.

    Parameters
    ----------
    weights : bytes
    of_pictures : bool
        Whether the network reads pictures. For these weights are arranged anew, which for the
        networks that read signals takes 0.1 s of a cold start and saves 1 ms a sheet.
    n_threads : int
        As many cores as it may use at once.

    Returns
    -------
    onnxruntime.InferenceSession
    """
    _share_arena()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    if not of_pictures:
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED
    options.intra_op_num_threads = min(os.cpu_count() or 1, n_threads)
    options.inter_op_num_threads = 1
    # Planning which arrays share memory takes 0.14 s of a cold start for the twelve-lead network.
    # Without a plan each is given back as soon as nothing reads it, and no more memory is taken.
    options.enable_mem_reuse = False
    # Waiting threads that spin would take the cores from whatever runs next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


@cache
def _share_arena() -> None:
    """Let all networks of this process take their memory from one arena, once a process.

    With an arena each, a worker that reads other machines' sheets too held 550 MB and not 410 MB.
    It grows by what is asked for; by itself it would double.
    """
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    settings = onnxruntime.OrtArenaCfg(
        {
            "max_mem": 0,
            "arena_extend_strategy": 1,
            "initial_chunk_size_bytes": -1,
            "max_dead_bytes_per_chunk": -1,
        }
    )
    onnxruntime.create_and_register_allocator(memory, settings)
