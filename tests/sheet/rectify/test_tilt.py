"""Whether print tells how a sheet without a grid lies."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.sheet.rectify.tilt import Strokes, level_by_print

HEIGHT_PX, WIDTH_PX = 1000, 1400
ROWS_PX = np.array([300.0, 450, 600, 750])
N_BEATS = 12


def scanned_strokes(seed: int) -> Strokes:
    """Of four rows of curves on a flat page, whose beats lie two pixels beside each other."""
    chance = np.random.default_rng(seed)
    level = ROWS_PX[chance.integers(0, 4, 6000)] + chance.normal(0, 4, 6000)
    across = np.column_stack([chance.uniform(50, 1350, 6000), level])
    places = chance.uniform(60, 1340, N_BEATS)[:, None] + chance.normal(0, 2, (N_BEATS, 4))
    beat, row = chance.integers(0, N_BEATS, 1500), chance.integers(0, 4, 1500)
    up = chance.uniform(-60, 60, 1500)
    lean = 0.05 * chance.choice([-1, 1], 1500)
    return across, np.column_stack([places[beat, row] + lean * up, ROWS_PX[row] - up])


def larger_side(to_level: NDArray[np.float64]) -> float:
    """How many times as long as the opposite one a side of the levelled picture is."""
    corners = np.array([[[0, 0]], [[WIDTH_PX, 0]], [[WIDTH_PX, HEIGHT_PX]], [[0, HEIGHT_PX]]])
    levelled = cv2.perspectiveTransform(corners.astype(np.float64), to_level)[:, 0]
    top, right, bottom, left = np.hypot(*(np.roll(levelled, -1, axis=0) - levelled).T)
    return float(max(top / bottom, bottom / top, left / right, right / left))


@pytest.mark.parametrize("seed", [4, 7, 8])
def test_a_scan_whose_beats_lean_stays_flat(seed: int) -> None:
    found = level_by_print(scanned_strokes(seed), (HEIGHT_PX, WIDTH_PX, 3))
    assert found is not None
    assert larger_side(found[0]) < 1.01
