"""Learn from PTB-XL's training folds which electrodes were put in each other's place.

A swap only renames leads and turns some over, so it is done to the measurements: of each record
they are taken once, and the leads' names are exchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from ecgapp.datasets.ptbxl import load_records, to_signals
from ecgapp.measure.electrode_swap import SWAPS, WEIGHTS_FILE, swap_features
from ecgapp.measure.finding import Values
from ecgapp.measure.measurements import Measurement, measure
from ecgapp.measure.r_peaks import Floats
from ecgapp.synthesis.electrode_swaps import SHOWN_LEADS

_AMPLITUDES = ("p_mv", "t_mv", "r_mv", "s_mv", "q_mv")

# Part of the records as they stand that may be called swapped, by each model alone; nine models
# together stay near one in a hundred.
FALSE_ALARMS = {"arms": 0.003, "chest_reversed": 0.0004}
_OTHER_FALSE_ALARMS = 0.001
# Ridge penalty on standardized features, in records. Set by hand, as what follows.
_PENALTY = 20.0
_NEWTON_STEPS = 25


# Every so many records of the training folds are enough for so few weights.
_EVERY = 7


def main(data: Path) -> dict[str, float]:
    """Measure PTB-XL's training records and learn from them; as :func:`learn`."""
    records = load_records(data, "train")
    measured = [measure(to_signals(steps)) for steps in records.steps[::_EVERY]]
    return learn(measured, Path(str(files("ecgapp.measure"))))


def exchange(measurements: Mapping[str, Measurement], swap: str) -> dict[str, Measurement]:
    """Measure what the sheet would show after a swap.

    Parameters
    ----------
    measurements : mapping of str to Measurement
    swap : str
        Name of one of :data:`ecgapp.measure.electrode_swap.SWAPS`.

    Returns
    -------
    dict of str to Measurement
        Heights of P, QRS and T under the leads' new names; the rest as it was.
    """
    changed = dict(measurements)
    for lead, shown in SHOWN_LEADS[swap].items():
        source = shown.removeprefix("-")
        of_source = {
            name: measurements[f"{name}_{source}"].value
            for name in _AMPLITUDES
            if f"{name}_{source}" in measurements
        }
        for name in _AMPLITUDES:
            changed.pop(f"{name}_{lead}", None)
        if shown.startswith("-") and "r_mv" in of_source:
            of_source = {
                name: -of_source[name] for name in ("p_mv", "t_mv") if name in of_source
            } | {
                "r_mv": max(of_source["s_mv"], of_source["q_mv"]),
                "s_mv": of_source["r_mv"],
                "q_mv": 0.0,
            }
        for name, value in of_source.items():
            changed[f"{name}_{lead}"] = Measurement(value, "mV", lead)
    return changed


def learn(records: Sequence[Mapping[str, Measurement]], folder: Path) -> dict[str, float]:
    """Learn all models and write them.

    Parameters
    ----------
    records : sequence of mapping
        Measurements of each record.
    folder : Path
        Where the weights are written: ``ecgapp/measure``.

    Returns
    -------
    dict of str to float
        Swap -> part of the swapped training records that its model finds.
    """
    usable = [(one, f) for one in records if (f := swap_features(Values(one))) is not None]
    plain = np.array([f for _, f in usable])
    swapped = {
        swap.name: np.array([swap_features(Values(exchange(one, swap.name))) for one, _ in usable])
        for swap in SWAPS
    }
    models: dict[str, dict[str, float | list[float]]] = {}
    found: dict[str, float] = {}
    for name, positive in swapped.items():
        weights, bias = _logistic(plain, positive)
        allowed = FALSE_ALARMS.get(name, _OTHER_FALSE_ALARMS)
        threshold = float(np.quantile(plain @ weights + bias, 1 - allowed))
        found[name] = float((positive @ weights + bias > threshold).mean())
        models[name] = {
            "weights": [round(weight, 5) for weight in weights.tolist()],
            "bias": round(bias, 5),
            "threshold": round(threshold, 5),
        }
    artefact = {
        "learnt_from": "PTB-XL 1.0.1, folds 1 to 8, CC BY 4.0, each record as it stands and with "
        "its leads exchanged",
        "n_records": len(usable),
        "command": "ecgapp train-swaps --data DIR",
        "models": models,
    }
    (folder / WEIGHTS_FILE).write_text(json.dumps(artefact, indent=1) + "\n")
    return found


def _logistic(negative: Floats, positive: Floats) -> tuple[Floats, float]:
    """Fit a ridge logistic regression by Newton's method."""
    features = np.concatenate([negative, positive])
    label = np.repeat([0.0, 1.0], [len(negative), len(positive)])
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    design = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    penalty = np.diag([*[_PENALTY] * features.shape[1], 0.0])
    coefficients = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(design @ coefficients, -30, 30)))
        slope = design.T @ (label - probability) - penalty @ coefficients
        curvature = (design.T * (probability * (1 - probability) + 1e-9)) @ design + penalty
        coefficients = coefficients + np.linalg.solve(curvature, slope)
    weights = coefficients[:-1] / spread
    return weights, float(coefficients[-1] - mean @ weights)
