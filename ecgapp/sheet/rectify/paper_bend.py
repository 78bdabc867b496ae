"""How paper that does not lie flat departs from the one plane that a homography describes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.rectify.grid import Grid, smooth_bend

# Smaller bends are measuring errors. Set by hand on drawn photographs.
_MIN_BEND_MM = 0.08
# Outermost windows that depart by so many millimetres from where the two before them lead hold the
# paper's edge; so many of them may follow each other.
_TORN_MM, _MOST_BEYOND = 2.0, 2


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
    on_paper = np.where(_beyond_paper(grid.bend_mm)[..., None], np.nan, grid.bend_mm)
    shift = smooth_bend(on_paper)
    if min(shift.shape[:2]) < 2 or np.abs(shift).max() < _MIN_BEND_MM:
        return None
    first, last = grid.centres_px[0, 0], grid.centres_px[-1, -1]
    step = (last - first) / (np.array(shift.shape[1::-1]) - 1)
    # From the last windows' centres to the picture's edge the bend goes on as it was.
    wider = np.pad(shift, ((1, 1), (1, 1), (0, 0)), mode="reflect", reflect_type="odd")
    return PaperBend(wider.astype(np.float32), first - step, step)


def _beyond_paper(bend_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which of the outermost windows follow the paper's edge, and not its grid.

    They depart otherwise than the two before them in their row or column let expect.
    """
    left_in = np.pad(bend_mm, ((2, 2), (2, 2), (0, 0)), constant_values=np.nan)
    height, width = bend_mm.shape[:2]
    beyond = np.zeros((height, width), np.bool_)

    def moved(down: int, right: int) -> NDArray[np.float64]:
        rows, columns = (
            slice(2 + step, 2 + step + n) for step, n in ((down, height), (right, width))
        )
        return left_in[rows, columns]

    for _ in range(_MOST_BEYOND):
        found = np.zeros_like(beyond)
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            expected = 2 * moved(-down, -right) - moved(-2 * down, -2 * right)
            departs = np.abs(moved(0, 0) - expected).max(axis=2) > _TORN_MM
            found |= departs & np.isnan(moved(down, right)[..., 0])
        if not found.any():
            break
        beyond |= found
        left_in[2:-2, 2:-2][found] = np.nan
    return beyond
