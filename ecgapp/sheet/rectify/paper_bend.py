"""How paper that does not lie flat departs from the one plane that a homography describes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.rectify.grid import Grid, smooth_bend

# Smaller bends are measuring errors. Set by hand on drawn photographs.
_MIN_BEND_MM = 0.08


@dataclass(frozen=True)
class PaperBend:
    """Departure of bent paper from a grid's homography.

    Attributes
    ----------
    shift_mm : ndarray, shape (n_rows, n_columns, 2), float32
        How far the paper at each node lies, on the paper, from where the homography puts it.
    first_px, step_px : ndarray, shape (2,), float64
        x and y of the first node, and from one node to the next, in pixels of the picture.
    """

    shift_mm: NDArray[np.float32]
    first_px: NDArray[np.float64]
    step_px: NDArray[np.float64]

    def at(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Look up the departure.

        Parameters
        ----------
        points_px : ndarray, shape (height, width, 2)
            x and y in pixels of the picture that the grid was found in.

        Returns
        -------
        ndarray, shape (height, width, 2), float64
            Departure, millimetres; beyond the nodes that of the nearest.
        """
        x, y = np.moveaxis((points_px - self.first_px) / self.step_px, -1, 0).astype(np.float32)
        shift = cv2.remap(self.shift_mm, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(shift, np.float64)


def find_paper_bend(grid: Grid) -> PaperBend | None:
    """Work out how the paper under a grid is bent.

    Parameters
    ----------
    grid : Grid
        The grid.

    Returns
    -------
    PaperBend or None
        None for paper that lies flat.
    """
    shift = smooth_bend(grid.bend_mm)
    if min(shift.shape[:2]) < 2 or np.abs(shift).max() < _MIN_BEND_MM:
        return None
    first, last = grid.centres_px[0, 0], grid.centres_px[-1, -1]
    step = (last - first) / (np.array(shift.shape[1::-1]) - 1)
    # From the last windows' centres to the picture's edge the bend goes on as it was.
    wider = np.pad(shift, ((1, 1), (1, 1), (0, 0)), mode="reflect", reflect_type="odd")
    return PaperBend(wider.astype(np.float32), first - step, step)
