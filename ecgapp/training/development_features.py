"""The features of the development sheets, by which the app says what a sheet is most like.

``ecgapp development-features --data DIR`` writes ``models/twelve_lead/development_features.npz``
and names it in ``metadata.json``. Run it after ``export``; needs the sheets, traced or in the
cache, and then ten seconds.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgapp.explain.nearest_cases import (
    DEVELOPMENT_FILE,
    N_NEAREST,
    pairwise_distances,
    unit_length,
)
from ecgapp.inference.shipped_models import (
    TWELVE_LEAD_NETWORK,
    load_twelve_lead_network,
)
from ecgapp.io.weights import checksum_key, write_checksums

if TYPE_CHECKING:
    from ecgapp.training.twelve_lead_sheets import SheetSet


def distance_to_other_sessions(
    features: NDArray[np.float32], session: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Mean distance of each sheet to the nearest sheets of other sessions.

    Parameters
    ----------
    features : ndarray of float32, (n, 192)
        Of unit length.
    session : ndarray of int64, (n,)

    Returns
    -------
    ndarray of float32, (n,)
    """
    distances = pairwise_distances(features, features)
    distances[session[:, None] == session] = np.inf
    nearest = np.sort(distances, axis=1)[:, :N_NEAREST]
    return np.asarray(nearest.mean(axis=1))


def write_features(sheets: SheetSet, features: NDArray[np.float32], folder: Path) -> None:
    """Write the development features and name them in ``metadata.json``.

    Parameters
    ----------
    sheets : SheetSet
    features : ndarray of float32, (n, 192)
        Of every sheet.
    folder : Path
        The network's folder.
    """
    scaled = unit_length(features)
    path = folder / DEVELOPMENT_FILE
    np.savez_compressed(
        path,
        features=scaled.astype(np.float16),
        sheet=sheets.sheet.astype(np.bytes_),
        label=sheets.label,
        layout=sheets.layout,
        session=sheets.session.astype(np.int16),
        fold=sheets.fold.astype(np.int8),
        distance=distance_to_other_sessions(scaled, sheets.session).astype(np.float16),
    )
    metadata_path = folder / "metadata.json"
    metadata = json.loads(metadata_path.read_text())
    metadata[checksum_key(path.name)] = hashlib.sha256(path.read_bytes()).hexdigest()
    metadata_path.write_text(json.dumps(metadata, indent=2) + "\n")
    write_checksums(folder.parent)


def main(data: Path, models: Path) -> None:
    """Write the features of all sheets that the manifest lists.

    Parameters
    ----------
    data : Path
        Holds ``khan``.
    models : Path
        Folder of the models.
    """
    # Late: Keras, which it needs, takes seconds to load.
    from ecgapp.datasets.khan import read_manifest
    from ecgapp.training.twelve_lead_sheets import build_sheets

    sheets, _ = build_sheets(read_manifest(data), Path(".cache"))
    _, features = load_twelve_lead_network().predict_with_features(sheets.traced)
    write_features(sheets, features, models / TWELVE_LEAD_NETWORK)
