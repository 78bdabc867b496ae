"""The shipped models: weights in ``models/`` -> ONNX Runtime sessions, after a checksum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgapp.digitize.leads import PREPROCESSING_VERSION
from ecgapp.inference.twelve_lead_inputs import TWELVE_LEAD_INPUTS_VERSION, TwelveLeadInputs
from ecgapp.io.weights import (
    MODELS_FOLDER,
    ModelError,
    ShippedWeights,
    load_weights,
    onnxruntime,
)

__all__ = [
    "GRADIENT_BATCH",
    "GRADIENT_GRAPH",
    "MODELS_FOLDER",
    "MODEL_NAMES",
    "STATEMENT_NETWORK",
    "TWELVE_LEAD_NETWORK",
    "ModelError",
    "ShippedModel",
    "StatementNetwork",
    "TwelveLeadNetwork",
    "load_gradient",
    "load_model",
    "load_models",
    "load_statement_network",
    "load_twelve_lead_network",
]

# Models that read each lead by itself, and the one that reads all of them together.
MODEL_NAMES = ("cnn", "crnn")
TWELVE_LEAD_NETWORK = "twelve_lead"
# Of the same build, but learnt from other hospitals' recordings: what a sheet of any machine shows.
STATEMENT_NETWORK = "statements"

# Beside the weights of some models: how the log-odds of a class change with what they read.
GRADIENT_GRAPH = "gradient.onnx"
# Windows or sheets that such a graph takes at once.
GRADIENT_BATCH = 16


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
    weights = load_weights(folder)
    metadata = weights.metadata
    version = metadata.get("preprocessing_version")
    if version != PREPROCESSING_VERSION:
        raise ModelError(
            f"model {name}: it was trained on preprocessing version {version}, this is version "
            f"{PREPROCESSING_VERSION}; train it again with: python -m ecgapp crossval {name}"
        )
    return ShippedModel(name, metadata, weights.session)


@dataclass(frozen=True)
class TwelveLeadNetwork:
    """The network that reads a sheet's leads together, having passed its checks.

    Attributes
    ----------
    metadata : dict
        The content of its ``metadata.json``; ``classes`` is the order of the outputs.
    session : onnxruntime.InferenceSession
    """

    metadata: dict[str, Any]
    session: onnxruntime.InferenceSession

    def predict(self, inputs: TwelveLeadInputs) -> NDArray[np.float32]:
        """Read sheets.

        Parameters
        ----------
        inputs : TwelveLeadInputs
            One sheet, or a batch of them.

        Returns
        -------
        ndarray of float32, (n, n_classes)
            Each row sums to one.
        """
        return self.predict_with_features(inputs)[0]

    def predict_with_features(
        self, inputs: TwelveLeadInputs
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read sheets, and say by what the network tells them apart.

        Parameters
        ----------
        inputs : TwelveLeadInputs
            One sheet, or a batch of them.

        Returns
        -------
        probabilities : ndarray of float32, (n, n_classes)
            Each row sums to one.
        features : ndarray of float32, (n, 192)
            What the last layer reads; none is negative.
        """
        names = (one.name for one in self.session.get_inputs())
        probabilities, features = self.session.run(
            ["probabilities", "features"], {name: getattr(inputs, name) for name in names}
        )
        return np.asarray(probabilities), np.asarray(features)


@cache
def load_twelve_lead_network() -> TwelveLeadNetwork:
    """Load the shipped twelve-lead network, once a process.

    Returns
    -------
    TwelveLeadNetwork

    Raises
    ------
    ModelError
        As :func:`load_model`.
    """
    weights = _load_reader_of_signals(
        TWELVE_LEAD_NETWORK, f"python -m ecgapp crossval {TWELVE_LEAD_NETWORK}"
    )
    return TwelveLeadNetwork(weights.metadata, weights.session)


@dataclass(frozen=True)
class StatementNetwork:
    """The network that states what a sheet shows, having passed its checks.

    Attributes
    ----------
    metadata : dict
        The content of its ``metadata.json``; ``classes`` and ``statements`` are the orders of the
        outputs.
    session : onnxruntime.InferenceSession
    """

    metadata: dict[str, Any]
    session: onnxruntime.InferenceSession

    def predict(self, inputs: TwelveLeadInputs) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read sheets.

        Parameters
        ----------
        inputs : TwelveLeadInputs
            One sheet, or a batch of them.

        Returns
        -------
        probabilities : ndarray of float32, (n, n_classes)
            Of the four labels; each row sums to one.
        statements : ndarray of float32, (n, n_statements)
            Not calibrated yet; each stands for itself.
        """
        names = (one.name for one in self.session.get_inputs())
        probabilities, statements = self.session.run(
            ["probabilities", "statements"], {name: getattr(inputs, name) for name in names}
        )
        return np.asarray(probabilities), np.asarray(statements)


@cache
def load_statement_network() -> StatementNetwork:
    """Load the shipped statement network, once a process.

    Returns
    -------
    StatementNetwork

    Raises
    ------
    ModelError
        As :func:`load_model`.
    """
    weights = _load_reader_of_signals(STATEMENT_NETWORK, "python -m ecgapp pretrain")
    return StatementNetwork(weights.metadata, weights.session)


def _load_reader_of_signals(name: str, remedy: str) -> ShippedWeights:
    weights = load_weights(MODELS_FOLDER / name, of_pictures=False)
    version = weights.metadata.get("input", {}).get("version")
    if version != TWELVE_LEAD_INPUTS_VERSION:
        raise ModelError(
            f"model {name}: it was trained on inputs of version {version}, this is version "
            f"{TWELVE_LEAD_INPUTS_VERSION}; train it again with: {remedy}"
        )
    return weights


@cache
def load_gradient(name: str) -> onnxruntime.InferenceSession:
    """Load the graph of a shipped model's gradient, once a process.

    Parameters
    ----------
    name : str
        ``cnn`` or ``twelve_lead``.

    Returns
    -------
    onnxruntime.InferenceSession
        Takes `GRADIENT_BATCH` rows of the model's inputs, in float32, and ``target``, 1 for the
        class asked for; gives ``d_`` and the input's name, of its shape.

    Raises
    ------
    ModelError
        If a file is missing, or is not the one that the model's metadata names.
    """
    return load_weights(MODELS_FOLDER / name, GRADIENT_GRAPH).session
