"""Make statements' probabilities mean what they say, and choose which ship and from when on.

The network has learnt from PTB-XL's folds 1 to 8 and is surer there than elsewhere (macro AUROC of
the superclasses 0.956 on training records, 0.934 on fold 9), so the two to three numbers a
statement are fitted on fold 9: for every figure on one half of it and judged on the other, for
the app on all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ecgapp.datasets.statements import LEARNT
from ecgapp.evaluation import metrics
from ecgapp.inference.statements import (
    LEAST_PROBABILITY,
    Calibration,
    Measured,
    calibrated,
)

# What a measurement defines: statement -> its name, the limit, and a width about as large as the
# error with which it is measured on drawn sheets. A weight of 0 is fitted. Spikes cannot be seen in
# PTB-XL's 100 samples a second: theirs is chosen so that spikes before most beats decide.
DEFINED_BY: Mapping[str, Measured] = {
    "SBRAD": Measured("heart_rate_bpm", 60, 6, 0),
    "STACH": Measured("heart_rate_bpm", 100, 6, 0),
    "1AVB": Measured("pr_ms", 200, 25, 0),
    "LPR": Measured("pr_ms", 200, 25, 0),
    "AFIB": Measured("rr_irregularity", 0.12, 0.05, 0),
    "SARRH": Measured("rr_sd_ms", 50, 30, 0),
    "PAC": Measured("premature_atrial_beats", 0.5, 0.5, 0),
    "PVC": Measured("premature_beats", 0.5, 0.5, 0),
    "CLBBB": Measured("qrs_ms", 120, 15, 0),
    "CRBBB": Measured("qrs_ms", 120, 15, 0),
    "LAFB": Measured("axis_deg", -45, 15, 0),
    "LNGQT": Measured("qtc_bazett_ms", 470, 25, 0),
    "PACE": Measured("paced_part", 0.5, 0.15, 5.0),
}

# Ships what is true of so many of fold 9's records, is ranked so well, and is right so often
# when it is called present, all with calibration and threshold from the other half. Set by us.
LEAST_POSITIVES = 5
LEAST_AUROC = 0.8
LEAST_PRECISION = 0.3
# These ship whatever the precision, since programs rely on their names: where the highest F1 would
# be right too seldom, they count as present from a higher probability on, which few sheets reach.
NAMED = frozenset(
    {
        *("NORM", "MI", "STTC", "CD", "HYP"),
        *("AFIB", "AFLT", "SBRAD", "STACH", "SARRH", "PAC", "PVC", "PACE"),
        *("1AVB", "CLBBB", "CRBBB", "IRBBB", "LAFB"),
        *("LVH", "INVT", "IMI", "AMI"),
    }
)
# Known of a part of the records that was chosen by its rhythm, and nothing that a reader misses.
_NO_FINDINGS = frozenset({"SR"})
WANTED_PRECISION = 0.5
_LEAST_CALLED = 3
# Pulls a scale towards 1 and a weight towards 0, in records. Set by hand.
_PENALTY = 2.0

Floats = NDArray[np.float64]


def calibrate(
    probabilities: Floats, targets: NDArray[np.float32], measured: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    """Fit every statement that is good enough.

    Parameters
    ----------
    probabilities : ndarray of float64, (n, len(LEARNT))
        As the network gives them.
    targets : ndarray of float32, (n, len(LEARNT))
        1, 0, or -1 where it is not known.
    measured : sequence of mapping
        Of each record, name -> value.

    Returns
    -------
    dict
        For ``metadata.json``: ``shipped``, code -> calibration, threshold and its figures on fold
        9; ``left_out``, name -> why.
    """
    shipped: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for column, name in enumerate(LEARNT):
        if ":" in name or name in _NO_FINDINGS:
            left_out[name] = "helps to learn the others; no finding of its own"
            continue
        known = np.flatnonzero(targets[:, column] >= 0).tolist()
        true = targets[known, column] > 0
        if true.sum() < LEAST_POSITIVES:
            left_out[name] = f"true of {int(true.sum())} of {len(known)} records only"
            continue
        found = probabilities[known, column]
        values = [measured[row] for row in known]
        crossed, present = _crossed(found, true, values, DEFINED_BY.get(name))
        auroc = metrics.auroc(true, crossed)
        precision = float(true[present].mean()) if present.any() else 0.0
        if auroc < LEAST_AUROC or (precision < LEAST_PRECISION and name not in NAMED):
            left_out[name] = f"AUROC {auroc:.2f}, right {precision:.0%} of the times it is called"
            continue
        calibration = fit(found, true, values, DEFINED_BY.get(name))
        shipped[name] = {
            **_plain(calibration),
            "fold_9": {
                "records": len(known),
                "positives": int(true.sum()),
                "auroc": round(auroc, 4),
                "precision": round(precision, 4),
                "sensitivity": round(float(present[true].mean()), 4),
                "calibration_error": round(_calibration_error(crossed, true), 4),
            },
        }
    return {"shipped": shipped, "left_out": left_out}


def _crossed(
    probabilities: Floats,
    true: NDArray[np.bool_],
    measured: Sequence[Mapping[str, float]],
    defined_by: Measured | None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Calibrate each half by the other: probabilities, and whether they count as present."""
    result = np.zeros(len(true))
    present = np.zeros(len(true), bool)
    half = np.arange(len(true)) % 2
    for part in (0, 1):
        fitted = np.flatnonzero(half != part).tolist()
        judged = np.flatnonzero(half == part).tolist()
        calibration = fit(
            probabilities[fitted], true[fitted], [measured[row] for row in fitted], defined_by
        )
        result[judged] = [
            calibrated(probabilities[row], calibration, measured[row]) for row in judged
        ]
        present[judged] = result[judged] >= calibration.threshold
    return result, present


def fit(
    probabilities: Floats,
    true: NDArray[np.bool_],
    measured: Sequence[Mapping[str, float]],
    defined_by: Measured | None,
) -> Calibration:
    """Fit one statement's calibration, and its threshold.

    Parameters
    ----------
    probabilities : ndarray of float64, (n,)
        As the network gives them.
    true : ndarray of bool, (n,)
    measured : sequence of mapping, length n
    defined_by : Measured or None
        The measurement that defines it; a weight other than 0 stays as it is.

    Returns
    -------
    Calibration
    """
    bounded = np.clip(probabilities, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    log_odds = np.log(bounded / (1 - bounded))
    is_fitted = defined_by is not None and not defined_by.weight
    unit = replace(defined_by, weight=1.0) if defined_by is not None and is_fitted else None
    says = np.array([unit.log_odds(values) if unit else 0.0 for values in measured])

    def loss(parameters: Floats) -> float:
        scale, offset, weight = parameters
        found = scale * log_odds + offset + weight * says
        likelihood = np.where(true, np.logaddexp(0, -found), np.logaddexp(0, found)).sum()
        return float(likelihood + _PENALTY * ((scale - 1) ** 2 + weight**2))

    scale, offset, weight = minimize(
        loss, np.array([1.0, 0.0, 0.0]), bounds=[(0.05, None), (None, None), (None, None)]
    ).x
    calibration = Calibration(
        scale=round(float(scale), 4),
        offset=round(float(offset), 4),
        threshold=0.5,
        measured=replace(defined_by, weight=round(float(weight), 4))
        if defined_by is not None and is_fitted
        else defined_by,
    )
    found = np.array(
        [
            calibrated(p, calibration, values)
            for p, values in zip(probabilities, measured, strict=True)
        ]
    )
    return replace(calibration, threshold=_threshold(found, true))


def _threshold(probabilities: Floats, true: NDArray[np.bool_]) -> float:
    """Find the probability from which on calling it present gives the highest F1.

    Where that is right in less than half, the lowest from which on it is right in half, or the
    highest that anything reaches.
    """
    steps = np.arange(5, 96) / 100
    called = probabilities[None] >= steps[:, None]
    n_called, hits = called.sum(axis=1), (called & true).sum(axis=1)
    best = int(np.argmax(2 * hits / np.maximum(n_called + true.sum(), 1)))
    precision = hits / np.maximum(n_called, 1)
    if precision[best] >= WANTED_PRECISION:
        return float(steps[best])
    enough = np.flatnonzero((precision >= WANTED_PRECISION) & (n_called >= _LEAST_CALLED))
    return float(
        steps[enough[0]] if len(enough) else steps[max(int(n_called.astype(bool).sum()), 1) - 1]
    )


def _plain(calibration: Calibration) -> dict[str, Any]:
    content = asdict(calibration)
    return (
        content if calibration.measured else {k: v for k, v in content.items() if k != "measured"}
    )


def _calibration_error(probabilities: Floats, true: NDArray[np.bool_]) -> float:
    """Mean distance between probability and frequency over ten bins of equal width."""
    bins = np.minimum((probabilities * 10).astype(int), 9)
    return float(
        sum(
            np.mean(bins == number)
            * abs(true[bins == number].mean() - probabilities[bins == number].mean())
            for number in np.unique(bins)
        )
    )
