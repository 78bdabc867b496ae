"""Named lead images -> signals in millivolts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgapp.leads import INK, NamedLead
from ecgapp.sheet.layouts import PX_PER_MV

# Thickness of the curve where it runs flat, with the edges that the Gaussian adds.
STROKE_PX = 5


def trace(lead: NamedLead) -> NDArray[np.float32]:
    """Trace a lead's curve, one value a pixel column.

    A column's ink is the stretch that the curve passes through there. Where the curve runs
    through, its middle is taken; at a peak or a trough, its outer end less half a stroke, so that
    a steep R or S wave keeps its height.

    Parameters
    ----------
    lead : NamedLead
        A lead at canonical scale, its baseline at mid-height.

    Returns
    -------
    ndarray, shape (width,), float32
        Millivolts; NaN where the column has no ink.
    """
    ink = np.asarray(lead.image) == INK
    height = ink.shape[0]
    shown = ink.any(axis=0)
    top = np.where(shown, ink.argmax(axis=0), 0).astype(np.float32)
    bottom = np.where(shown, height - 1 - ink[::-1].argmax(axis=0), 0).astype(np.float32)
    middle = (top + bottom) / 2
    beside = np.stack([np.roll(middle, 1), np.roll(middle, -1)])
    half_stroke = (STROKE_PX - 1) / 2
    steep = bottom - top >= 2 * STROKE_PX
    row = np.where(steep & (beside > middle).all(axis=0), top + half_stroke, middle)
    row = np.where(steep & (beside < middle).all(axis=0), bottom - half_stroke, row)
    # The image's middle row is 0 mV.
    millivolts = (height / 2 - row) / PX_PER_MV
    return np.where(shown, millivolts, np.nan).astype(np.float32)
