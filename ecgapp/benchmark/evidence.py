"""Whether what is shown as evidence depends on what the networks learnt, and is found twice.

``ecgapp check evidence --data DIR`` explains some development sheets, writes
``models/twelve_lead/explain_check.json`` and takes about five minutes. Two questions: how often
occlusion and integrated gradients point to the same stretches; and whether both find something else
once the weights are shuffled (Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018). A map
that stays the same shows the sheet, not the network.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ecgapp.datasets.khan import read_manifest
from ecgapp.explain.evidence import (
    AGREE,
    AGREE_IN_PART,
    LeadWindows,
    attribute_sheet,
    attribute_windows,
    explain,
    find_places,
    log_odds,
    occlude_sheet,
    occlude_windows,
    rank_correlation,
)
from ecgapp.inference.shipped_models import (
    GRADIENT_GRAPH,
    MODELS_FOLDER,
    TWELVE_LEAD_NETWORK,
    ShippedModel,
    TwelveLeadNetwork,
)
from ecgapp.inference.twelve_lead_inputs import twelve_lead_inputs
from ecgapp.io.weights import onnxruntime, open_session
from ecgapp.pipeline import Diagnosis, diagnose
from ecgapp.report.evidence_plots import CHECK_FILE
from ecgapp.training.run_folder import write_json

# Sheets that are explained, and networks with shuffled weights, by the time that they take.
N_SHEETS = 60
N_SHUFFLED = 5
METHODS = ("occlusion", "integrated_gradients")


def shuffle_weights(graph: bytes, rng: np.random.Generator) -> bytes:
    """Permute the numbers of every matrix and kernel of an ONNX file.

    Parameters
    ----------
    graph : bytes
    rng : numpy.random.Generator

    Returns
    -------
    bytes
        The same network with weights of the same sizes that have learnt nothing.
    """
    model = onnx.load_from_string(graph)
    for one in model.graph.initializer:
        values = onnx.numpy_helper.to_array(one)
        if np.issubdtype(values.dtype, np.floating) and values.ndim > 1:
            mixed = rng.permutation(values.ravel()).reshape(values.shape)
            one.CopyFrom(onnx.numpy_helper.from_array(mixed, one.name))
    return bytes(model.SerializeToString())


def load_networks(rng: np.random.Generator | None) -> dict[str, dict[str, Any]]:
    """Load the graphs of the networks that have gradients, as shipped or shuffled.

    Parameters
    ----------
    rng : numpy.random.Generator or None
        None for the weights as shipped.

    Returns
    -------
    dict of str to dict
        Model -> its ``metadata``, and ``model`` and ``gradient``, onnxruntime sessions.
    """
    return {
        name: {
            "metadata": json.loads((MODELS_FOLDER / name / "metadata.json").read_text()),
            "model": _open(MODELS_FOLDER / name / "model.onnx", rng),
            "gradient": _open(MODELS_FOLDER / name / GRADIENT_GRAPH, rng),
        }
        for name in (TWELVE_LEAD_NETWORK, "cnn")
    }


def _open(path: Path, rng: np.random.Generator | None) -> onnxruntime.InferenceSession:
    content = path.read_bytes() if rng is None else shuffle_weights(path.read_bytes(), rng)
    return open_session(content)


def maps(reading: Diagnosis, networks: dict[str, dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    """Find the evidence for a reading's verdict in each network alone.

    Parameters
    ----------
    reading : Diagnosis
        With a verdict.
    networks : dict of str to dict
        As :func:`load_networks` gives them.

    Returns
    -------
    dict of str to ndarray of float64, (n_stretches,)
        ``twelve_lead_occlusion`` and so on; of the stretches that the network reads.
    """
    assert reading.sheet is not None
    assert reading.signals is not None
    assert reading.verdict is not None
    places = find_places(reading.sheet, reading.leads)
    windows, inputs = LeadWindows.of(reading.leads), twelve_lead_inputs(reading.signals)
    number = networks["cnn"]["metadata"]["classes"].index(reading.verdict.label)
    whole, single = networks[TWELVE_LEAD_NETWORK], networks["cnn"]
    network = TwelveLeadNetwork(whole["metadata"], whole["model"])
    cnn = ShippedModel("cnn", single["metadata"], single["model"])
    said = {
        TWELVE_LEAD_NETWORK: occlude_sheet(network, inputs, places, network.predict(inputs)[0]),
        "cnn": occlude_windows(cnn, windows, places),
    }
    shares = {
        TWELVE_LEAD_NETWORK: attribute_sheet(whole["gradient"], inputs, places, number),
        "cnn": attribute_windows(single["gradient"], windows, places, number),
    }
    read = {
        TWELVE_LEAD_NETWORK: np.array([p.samples.stop > p.samples.start for p in places]),
        "cnn": np.full(len(places), True),
    }
    found = {}
    for name, probabilities in said.items():
        odds = log_odds(probabilities, number)
        found[f"{name}_occlusion"] = (odds[0] - odds[1 : len(places) + 1])[read[name]]
        found[f"{name}_integrated_gradients"] = shares[name][read[name]]
    return found


def check(data: Path) -> dict[str, Any]:
    """Explain development sheets, and again with shuffled weights.

    Parameters
    ----------
    data : Path
        As for ``crossval``.

    Returns
    -------
    dict
        Medians over the sheets, their 10th and 90th percentiles, and shares.
    """
    rows = read_manifest(data)
    chosen = [rows[k] for k in np.linspace(0, len(rows) - 1, N_SHEETS).astype(int)]
    readings = [diagnose(row.path.read_bytes()) for row in chosen]
    readings = [reading for reading in readings if reading.verdict is not None]
    learnt = load_networks(None)
    agreement, seconds = [], []
    by_model: dict[str, list[float]] = {name: [] for name in learnt}
    kept: dict[str, list[float]] = {}
    shuffled = [load_networks(np.random.default_rng(seed)) for seed in range(N_SHUFFLED)]
    for number, reading in enumerate(readings):
        start = time.perf_counter()
        agreement.append(explain(reading).agreement)
        seconds.append(time.perf_counter() - start)
        both = (learnt, shuffled[number % N_SHUFFLED])
        true, random = (maps(reading, networks) for networks in both)
        for name in learnt:
            pair = [true[f"{name}_{method}"] for method in METHODS]
            by_model[name].append(rank_correlation(*pair))
        for name, values in true.items():
            kept.setdefault(name, []).append(rank_correlation(values, random[name]))
    return {
        "sheets": len(readings),
        "agreement": _summary(agreement),
        "agree": round(float(np.mean(np.array(agreement) >= AGREE)), 3),
        "disagree": round(float(np.mean(np.array(agreement) < AGREE_IN_PART)), 3),
        "agreement_by_model": {name: _summary(values) for name, values in by_model.items()},
        "with_shuffled_weights": {name: _summary(values) for name, values in kept.items()},
        "seconds": _summary(seconds),
    }


def _summary(values: list[float]) -> dict[str, float]:
    low, middle, high = np.percentile(values, (10, 50, 90)).tolist()
    return {"median": round(middle, 2), "p10": round(low, 2), "p90": round(high, 2)}


def main(data: Path, models: Path) -> None:
    """Check the shipped models and write what was found.

    Parameters
    ----------
    data : Path
        Holds ``khan``.
    models : Path
        Folder that takes the file.
    """
    write_json(models / TWELVE_LEAD_NETWORK / CHECK_FILE, check(data))
