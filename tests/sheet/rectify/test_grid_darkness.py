"""What repeats every five millimetres is the grid; curves that do so for a while are not."""

import numpy as np
import pytest

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.rectify.grid_darkness import grid_darkness

GRID, INK = 0.25, 0.8


@pytest.mark.parametrize("apart_mm", [15.0, 20.0])
def test_beats_as_far_apart_as_grid_lines_are_no_grid(apart_mm: float) -> None:
    y, x = np.mgrid[: round(120 * PX_PER_MM), : round(250 * PX_PER_MM)] / PX_PER_MM
    on_line = np.minimum(x % 5, y % 5) < 0.25
    darkness = np.where(on_line, GRID, 0).astype(np.float32)
    # Upright strokes of all rows at one instant, of every beat.
    beats = (x - 2.5) % apart_mm < 0.4
    darkness[beats] = INK
    found = grid_darkness(darkness, (0.0, 0.0))
    assert found is not None
    inside = (x > 10) & (x < 240) & (y > 10) & (y < 110)
    off_line = np.minimum(np.minimum(x % 5, 5 - x % 5), np.minimum(y % 5, 5 - y % 5)) > 0.8
    assert np.median(found[inside & on_line & ~beats]) == pytest.approx(GRID, abs=0.02)
    assert found[inside & beats & off_line].max() < 2 * GRID
