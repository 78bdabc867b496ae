"""Tell whether curves can be the leads that a layout says they are.

Six of the twelve leads are seen from two electrodes' voltages (Einthoven, Goldberger): of any three
of them that show the same seconds, each follows from the other two. Curves that do not obey this
are other leads, or no electrocardiogram.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LIMB_WEIGHTS

# Rows of a photograph may be a little out of step, and their baselines wander; columns of half the
# canonical scale, set by hand on drawn sheets and their photographs.
_SMOOTHING = 2.0
_BASELINE = 60.0
_SHIFTS = (-4, -2, 0, 2, 4)
_MIN_COLUMNS = 60
# Ruled lines fit together, too: curves that move less than this (root mean square) tell nothing.
# Set by hand.
_MIN_MOTION_MM = 0.15


@dataclass(frozen=True)
class Cells:
    """What all rows of a page show in one column of a layout.

    Attributes
    ----------
    curves : ndarray, shape (n_rows, n_columns), float64
        Heights, mm; NaN where not known.
    detail : ndarray, shape (n_rows, n_columns), float64
        The same without baselines, smoothed a little; 0 where not known.
    alike : ndarray, shape (n_rows, n_rows), float64
        How much every two rows agree, size included, over the columns that both show: from -1 to
        1, which is the same curve; 0 with too few columns.
    """

    curves: NDArray[np.float64]
    detail: NDArray[np.float64]
    alike: NDArray[np.float64]

    @classmethod
    def of(cls, curves: NDArray[np.float64]) -> Cells:
        """Compare the rows of a column with each other.

        Parameters
        ----------
        curves : ndarray, shape (n_rows, n_columns), float64
            Heights; NaN where not known.
        """
        detail = _detail(curves)
        known = np.isfinite(curves).astype(np.float64)
        # Over the columns that both show: energy of the row, of the column, and what they share.
        energy = detail**2 @ known.T
        together = (energy + energy.T) / 2
        enough = (known @ known.T >= _MIN_COLUMNS) & (together > 0)
        shared = np.max([detail @ np.roll(detail, shift, axis=1).T for shift in _SHIFTS], axis=0)
        alike = np.where(enough, shared / np.where(enough, together, 1), 0)
        return cls(curves, detail, np.maximum(alike, alike.T))


def alike_across(one: Cells, row: int, other: Cells, other_row: int) -> float:
    """Tell how much two rows agree, each in a column of its own, as `Cells.alike` does in one.

    Parameters
    ----------
    one, other : Cells
        The columns.
    row, other_row : int
        Rows of the page in them.

    Returns
    -------
    float
        From -1 to 1; 0 with too few columns.
    """
    width = min(one.curves.shape[1], other.curves.shape[1])
    curves = np.stack([one.curves[row, :width], other.curves[other_row, :width]])
    return float(Cells.of(curves).alike[0, 1])


def unexplained(
    cells: Cells, rows: Sequence[int], leads: Sequence[str], inverted: frozenset[str]
) -> float:
    """Part of the limb leads' energy that two electrodes' voltages cannot explain.

    Parameters
    ----------
    cells : Cells
        The column that shows the leads.
    rows : sequence of int
        Row of the page on which each lead is printed.
    leads : sequence of str
        Limb leads, at least three.
    inverted : frozenset of str
        Leads printed upside down.

    Returns
    -------
    float
        From 0 to about 1, which is as much as chance leaves; NaN with too little to see.
    """
    shown = np.isfinite(cells.curves[rows]).all(axis=0)
    if shown.sum() < _MIN_COLUMNS:
        return float("nan")
    detail = cells.detail[rows][:, shown]
    weights = np.array([LIMB_WEIGHTS[lead] for lead in leads])
    weights *= np.array([-1.0 if lead in inverted else 1.0 for lead in leads])[:, None]
    explained = weights @ np.linalg.lstsq(weights, detail, rcond=None)[0]
    energy = float((detail**2).sum())
    if energy < _MIN_MOTION_MM**2 * detail.size:
        return float("nan")
    rest = float(((detail - explained) ** 2).sum()) / energy
    # Two voltages explain this much of anything.
    return rest / (1 - 2 / len(leads))


def _detail(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Curves without their baselines, smoothed a little; 0 where not known."""
    filled = np.zeros_like(curves)
    columns = np.arange(curves.shape[1])
    known = np.isfinite(curves)
    for own, curve, shown in zip(filled, curves, known, strict=True):
        if shown.any():
            own[:] = np.interp(columns, columns[shown], curve[shown])
    if not filled.size:
        return filled
    smooth = cv2.GaussianBlur(filled, (0, 1), sigmaX=_SMOOTHING, sigmaY=1)
    slow = cv2.GaussianBlur(filled, (0, 1), sigmaX=_BASELINE, sigmaY=1)
    return np.where(known, smooth - slow, 0)
