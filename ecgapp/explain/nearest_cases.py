"""How far a sheet lies from the development sheets, as the twelve-lead network sees them.

Distance is that of Sun et al., Out-of-distribution detection with deep nearest neighbors (ICML
2022): between the features before the last layer, scaled to unit length, so from 0 to 1.41 for
features that are never negative. The shipped network learnt from the very sheets that it is
compared with, so that a sheet it has not seen lies somewhat further off than they do from each
other.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ecgapp.inference.shipped_models import (
    MODELS_FOLDER,
    TWELVE_LEAD_NETWORK,
    load_twelve_lead_network,
)
from ecgapp.io.weights import ModelError, read_checked

DEVELOPMENT_FILE = "development_features.npz"
N_NEAREST = 5  # sheets; as many as fit beside one
# Between these percentiles lie nine of ten development sheets.
TYPICAL_PERCENTILES = (5, 95)


@dataclass(frozen=True)
class DevelopmentSheets:
    """What is shipped of the sheets that the twelve-lead network was developed on.

    Attributes
    ----------
    features : ndarray of float32, (n, 192)
        Of unit length.
    sheet : ndarray of bytes, (n,)
        SHA-256 of the original sheet file, as in ``predictions.csv``.
    label, layout : ndarray of str, (n,)
    session, fold : ndarray of int64, (n,)
    distance : ndarray of float32, (n,)
        Each sheet's mean distance to the five nearest sheets of other sessions.
    """

    features: NDArray[np.float32]
    sheet: NDArray[np.bytes_]
    label: NDArray[np.str_]
    layout: NDArray[np.str_]
    session: NDArray[np.int64]
    fold: NDArray[np.int64]
    distance: NDArray[np.float32]

    @property
    def typical_distance(self) -> tuple[float, float]:
        """Range in which nine of ten development sheets' own mean distance lies."""
        low, high = np.percentile(self.distance, TYPICAL_PERCENTILES)
        return float(low), float(high)


@dataclass(frozen=True)
class Neighbours:
    """The development sheets that are most like a sheet.

    Attributes
    ----------
    rows : ndarray of int64, (5,)
        Row numbers among the development sheets, the nearest first.
    labels : dict of str to int
        Label -> how many of them carry it, the most frequent first.
    distance : float
        Their mean distance.
    nearest : float
        Distance of the nearest.
    """

    rows: NDArray[np.int64]
    labels: dict[str, int]
    distance: float
    nearest: float


@cache
def load_development_sheets() -> DevelopmentSheets:
    """Load the shipped development features, once a process.

    Returns
    -------
    DevelopmentSheets

    Raises
    ------
    ModelError
        If the file is missing, or is not the one that the network's metadata names.
    """
    folder = MODELS_FOLDER / TWELVE_LEAD_NETWORK
    content = read_checked(folder, load_twelve_lead_network().metadata, DEVELOPMENT_FILE)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return DevelopmentSheets(
                features=arrays["features"].astype(np.float32),
                sheet=arrays["sheet"],
                label=arrays["label"],
                layout=arrays["layout"],
                session=arrays["session"].astype(np.int64),
                fold=arrays["fold"].astype(np.int64),
                distance=arrays["distance"].astype(np.float32),
            )
    except (KeyError, ValueError) as error:
        raise ModelError(f"model {folder.name}: {DEVELOPMENT_FILE} is damaged: {error}") from error


def find_neighbours(features: NDArray[np.float32], development: DevelopmentSheets) -> Neighbours:
    """Find the development sheets nearest to a sheet.

    Parameters
    ----------
    features : ndarray of float32, (192,)
        As :meth:`ecgapp.inference.shipped_models.TwelveLeadNetwork.predict_with_features` gives
        them.
    development : DevelopmentSheets

    Returns
    -------
    Neighbours
    """
    distances = pairwise_distances(unit_length(features[None]), development.features)[0]
    rows = np.argsort(distances)[:N_NEAREST]
    labels = dict(Counter(development.label[rows].tolist()).most_common())
    return Neighbours(rows, labels, float(distances[rows].mean()), float(distances[rows[0]]))


def unit_length(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale features, (n, 192), to unit length; those of nothing but zeros stay zeros."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.maximum(length, 1e-6)).astype(np.float32)


def pairwise_distances(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances, (n, m), between features of unit length, (n, 192) and (m, 192)."""
    return np.sqrt(np.maximum(2 - 2 * one @ other.T, 0)).astype(np.float32)
