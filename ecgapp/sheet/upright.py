"""Tells whether the curves of a page run across it or up and down."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_REDUCTION = 4
_INK_BELOW = 180
# Baselines are narrower than this, in pixels of the reduced page.
_SMOOTH_PX = 21
_RUNS_WEIGHT = 2.0


def is_sideways(gray: NDArray[np.uint8]) -> bool:
    """Tell whether the curves of a cleaned page run up and down.

    A curve has one value at every instant, so that across the curves every line of pixels meets
    as many strokes as there are rows, while along them it meets none or hundreds. And the rows of
    pixels that baselines lie in hold far more ink than their neighbours.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The page, level or turned by 90 degrees, dark on white.

    Returns
    -------
    bool
        True when it has to be turned by 90 degrees.
    """
    size = max(1, gray.shape[1] // _REDUCTION), max(1, gray.shape[0] // _REDUCTION)
    ink = 255 - np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    evidence_upright = _RUNS_WEIGHT * np.log(_unevenness(ink.T) / _unevenness(ink))
    evidence_upright += np.log(_peakiness(ink.sum(axis=1)) / _peakiness(ink.sum(axis=0)))
    return bool(evidence_upright < 0)


def _unevenness(ink: NDArray[np.uint8]) -> float:
    """How much the number of strokes differs from column to column, relative to its mean."""
    strokes = np.diff((ink > 255 - _INK_BELOW).astype(np.int8), axis=0) == 1
    counts = strokes.sum(axis=0)
    return float(counts.std() + 1e-3) / float(counts.mean() + 1e-1)


def _peakiness(profile: NDArray[np.uint64]) -> float:
    """Power of the narrow peaks of a profile."""
    heights = profile.astype(np.float64)
    wide = np.convolve(heights, np.full(_SMOOTH_PX, 1 / _SMOOTH_PX), mode="same")
    return float(np.square(heights - wide).sum()) + 1.0
