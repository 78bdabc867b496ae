"""Tells whether the curves of a page run across it or up and down."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Reduction before looking, and the grey of ink then. Set by hand, as what follows, on drawn and
# real sheets turned by quarters.
_REDUCTION = 4
_INK_BELOW = 180
# Share of the columns that may meet few strokes, between the leads for instance, and how much the
# columns that meet any count.
_FEW_SHARE = 0.2
_COVERAGE_WEIGHT = 2.0


def is_sideways(gray: NDArray[np.uint8]) -> bool:
    """Tell whether the curves of a cleaned page run up and down.

    A curve has one value at every instant, so that every column of an upright page meets about as
    many strokes as there are rows of curves. Rows of pixels meet none between two curves, and
    hundreds where QRS complexes stand.

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
    ink = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA)) < _INK_BELOW
    return _evenness(ink) < _evenness(ink.T)


def _evenness(ink: NDArray[np.bool_]) -> float:
    """How alike the numbers of strokes are that the columns meet."""
    counts = (np.diff(ink.astype(np.int8), axis=0) == 1).sum(axis=0)
    mean = float(counts.mean()) + 0.1
    covered = float(np.quantile(counts, _FEW_SHARE)) / mean
    return _COVERAGE_WEIGHT * covered - float(np.log((counts.std() + 1e-3) / mean))
