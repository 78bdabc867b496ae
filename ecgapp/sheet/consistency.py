"""Tell whether curves can be the leads that a layout says they are.

Six of the twelve leads are seen from two electrodes' voltages (Einthoven, Goldberger): of any three
of them that show the same seconds, each follows from the other two. Curves that do not obey this
are other leads, or no electrocardiogram.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

# Each limb lead from I and II.
LIMB_WEIGHTS = {
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}

# Rows of a photograph may be a little out of step.
_SMOOTHING = 2.0
_BASELINE = 60.0
_MIN_COLUMNS = 60


def unexplained(
    curves: NDArray[np.float64], leads: Sequence[str], inverted: frozenset[str]
) -> float:
    """Part of the curves' energy that two electrodes' voltages cannot explain.

    Parameters
    ----------
    curves : ndarray, shape (n_leads, n_columns), float64
        Heights of curves that show the same seconds; NaN where one is not known.
    leads : sequence of str
        Which leads they are taken for; those that are no limb leads are left out.
    inverted : frozenset of str
        Leads printed upside down.

    Returns
    -------
    float
        From 0 to 1; NaN with fewer than three limb leads or too little to see.
    """
    limb = [k for k, lead in enumerate(leads) if lead in LIMB_WEIGHTS]
    if len(limb) < 3:
        return float("nan")
    shown = curves[limb]
    shown = shown[:, np.isfinite(shown).all(axis=0)]
    if shown.shape[1] < _MIN_COLUMNS:
        return float("nan")
    detail = _detail(shown)
    weights = np.array([LIMB_WEIGHTS[leads[k]] for k in limb])
    weights *= np.array([-1.0 if leads[k] in inverted else 1.0 for k in limb])[:, None]
    explained = weights @ np.linalg.lstsq(weights, detail, rcond=None)[0]
    energy = float((detail**2).sum())
    # Any curves agree in part: only what goes beyond the leads' degrees of freedom counts.
    return float(((detail - explained) ** 2).sum()) / max(energy, 1e-9)


def resemblance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Correlation of two curves over the columns that show both; 0 with too few.

    Parameters
    ----------
    one, other : ndarray, shape (n_columns,), float64
        Heights; NaN where not known.

    Returns
    -------
    float
        From -1 to 1.
    """
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < _MIN_COLUMNS:
        return 0.0
    detail = _detail(np.stack([one[both], other[both]]))
    scale = np.sqrt((detail**2).sum(axis=1))
    if scale.min() < 1e-9:
        return 0.0
    return float((detail[0] * detail[1]).sum() / scale.prod())


def _detail(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Curves without their baselines, smoothed a little; shape as given."""
    smooth = cv2.GaussianBlur(curves, (0, 1), sigmaX=_SMOOTHING, sigmaY=1)
    slow = cv2.GaussianBlur(curves, (0, 1), sigmaX=_BASELINE, sigmaY=1)
    return np.asarray(smooth - slow)
