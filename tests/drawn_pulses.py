"""Rows of flat curves after calibration pulses, drawn at canonical scale."""

import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.detect.rows import Row


def page_with_pulses(
    foot_px: int, pulse_px: tuple[int, int], start_px: int, stop_px: int, n_rows: int = 2
) -> tuple[NDArray[np.uint8], list[Row]]:
    """Draw flat rows, each after a pulse whose foot runs on into it, at canonical scale."""
    gray = np.full((160 * n_rows + 100, stop_px + 120), 255, np.uint8)
    rows = []
    for y in range(160, 160 * n_rows + 1, 160):
        left_px, right_px = pulse_px
        gray[y : y + 4, foot_px:stop_px] = 0
        gray[y : y + 4, left_px + 4 : right_px] = 255
        gray[y - 79 : y + 4, [*range(left_px, left_px + 4), *range(right_px, right_px + 4)]] = 0
        gray[y - 79 : y - 75, left_px : right_px + 4] = 0
        # A white column between the pulse and the first sample.
        gray[y : y + 4, start_px - 6 : start_px] = 255
        rows.append(Row(y + 1.5, float(foot_px), float(stop_px), 0.9))
    return gray, rows
