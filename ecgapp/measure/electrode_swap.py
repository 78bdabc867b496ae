"""Measurements -> electrodes that were probably put in each other's place.

A logistic model for each swap, on the heights of P, QRS and T in the leads that the swap moves;
learnt on PTB-XL's training folds, whose records stand as they are for "none" and with their leads
exchanged as the swap does for "swapped" (:mod:`ecgapp.training.electrode_swaps`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from ecgapp.ecg import LEADS
from ecgapp.measure.finding import Finding, Values
from ecgapp.measure.r_peaks import Floats

ELECTRODE_SWAP = "ELECTRODE_SWAP"
WEIGHTS_FILE = "electrode_swap.json"
SOURCE = "Measured on PTB-XL with simulated swaps (ecgapp bench findings)"

# Set by hand before the weights were fitted (`ecgapp train-swaps`): P and T of this height count in
# full, mV.
_P_SCALE_MV = 0.1
_T_SCALE_MV = 0.3
# QRS lower than this has no shape, mV.
_LEAST_QRS_MV = 0.1


@dataclass(frozen=True)
class Swap:
    """Two electrodes, or more, in each other's place.

    Attributes
    ----------
    name : str
        Key of the weights.
    text : str
        Which electrodes.
    leads : tuple of str
        Leads that it changes.
    """

    name: str
    text: str
    leads: tuple[str, ...]


# Left arm and left leg (9% found) and V5 and V6 (17%) look too much like another healthy heart.
SWAPS = (
    Swap("arms", "the right and the left arm", ("I", "II", "III", "aVR", "aVL")),
    Swap("right_arm_left_leg", "the right arm and the left leg", ("I", "II", "III", "aVR", "aVF")),
    Swap("V1_V2", "V1 and V2", ("V1", "V2")),
    Swap("V2_V3", "V2 and V3", ("V2", "V3")),
    Swap("V3_V4", "V3 and V4", ("V3", "V4")),
    Swap("V4_V5", "V4 and V5", ("V4", "V5")),
    Swap("chest_reversed", "V1 to V6 in reverse", ("V1", "V2", "V3", "V4", "V5", "V6")),
)


def swap_features(values: Values) -> Floats | None:
    """Describe P, QRS and T of all leads for the models.

    Parameters
    ----------
    values : Values

    Returns
    -------
    ndarray of float, shape (n_features,), or None
        None where QRS of a lead could not be measured. A P or T that could not counts as 0.
    """
    r, s, q = ([values.at(name, lead) for lead in LEADS] for name in ("r_mv", "s_mv", "q_mv"))
    if any(value is None for value in (*r, *s, *q)):
        return None
    up, down = np.array(r, np.float64), np.maximum(np.array(s), np.array(q)).astype(np.float64)
    net = (up - down) / np.maximum(up + down, _LEAST_QRS_MV)
    size = np.log(np.maximum(up + down, _LEAST_QRS_MV))
    p, t = (
        np.tanh(np.array([values.at(name, lead) or 0.0 for lead in LEADS]) / scale)
        for name, scale in (("p_mv", _P_SCALE_MV), ("t_mv", _T_SCALE_MV))
    )
    one, v6 = LEADS.index("I"), LEADS.index("V6")
    # I looks from where V6 does, unless the arms are exchanged.
    alike = [net[one] * net[v6], t[one] * t[v6], p[one] * p[v6]]
    chest = slice(LEADS.index("V1"), None)
    steps = [np.abs(np.diff(part[chest])) for part in (net, size, t)]
    skips = [np.abs(part[chest][2:] - part[chest][:-2]) for part in (net, size, t)]
    return np.concatenate([net, size, p, t, alike, *steps, *skips])


def find_swap(values: Values) -> Finding | None:
    """Find the swap that is likeliest, when one is likely.

    Parameters
    ----------
    values : Values

    Returns
    -------
    Finding or None
        ``ELECTRODE_SWAP`` with the leads that it changes; its value is the probability over the
        model's threshold.
    """
    features = swap_features(values)
    if features is None:
        return None
    best: tuple[float, Swap, float] | None = None
    for swap in SWAPS:
        model = _models().get(swap.name)
        if model is None:
            continue
        score = float(features @ np.array(model["weights"]) + model["bias"])
        excess = score - model["threshold"]
        if excess > 0 and (best is None or excess > best[0]):
            best = (excess, swap, 1 / (1 + np.exp(-score)))
    if best is None:
        return None
    _, swap, probability = best
    text = (
        f"The electrodes of {swap.text} look exchanged; {len(swap.leads)} leads then show "
        "something else than their names say."
    )
    return Finding(ELECTRODE_SWAP, text, swap.leads, probability, "", None, SOURCE)


@cache
def _models() -> dict[str, Any]:
    stored = json.loads((files("ecgapp.measure") / WEIGHTS_FILE).read_text())
    return dict(stored["models"])
