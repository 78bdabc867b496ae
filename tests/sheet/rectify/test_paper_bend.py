"""Whether bent paper is flattened by its grid alone."""

import numpy as np
import pytest

from ecgapp.sheet.rectify.grid import Grid
from ecgapp.sheet.rectify.paper_bend import find_paper_bend


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_windows_on_the_papers_edge_do_not_bend_it(side: str) -> None:
    row, column = np.mgrid[:10, :14].astype(float)
    centres = 64.0 * np.stack([column + 1, row + 1], axis=-1)
    curled = np.stack([0.0 * row, 0.02 * (column - 6) ** 2], axis=-1)
    seen = curled.copy()
    edge = {"left": column < 1, "right": column > 12, "top": row < 1, "bottom": row > 8}[side]
    # The edge runs at an angle to the grid.
    seen[edge, 1] += 3.0 + 0.7 * (row + column)[edge]
    bend = find_paper_bend(Grid(np.eye(3), centres, seen, 1.0))
    assert bend is not None
    inner = np.abs(bend.at(centres) - curled)[1:-1, 1:-1]
    assert inner.max() < 0.1
    assert np.abs(bend.at(centres) - curled).max() < 0.6


def test_paper_that_curls_up_to_its_last_window_is_flattened_there() -> None:
    row, column = np.mgrid[:10, :14].astype(float)
    centres = 64.0 * np.stack([column + 1, row + 1], axis=-1)
    curled = np.stack([0.0 * row, 0.06 * np.maximum(column - 8, 0) ** 2], axis=-1)
    bend = find_paper_bend(Grid(np.eye(3), centres, curled, 1.0))
    assert bend is not None
    assert np.abs(bend.at(centres) - curled)[1:-1].max() < 0.15
