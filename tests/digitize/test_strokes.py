"""Whether a curve is found where the middle of the pen went."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.digitize.strokes import (
    flat_height_px,
    round_pen_half_width_px,
    round_pen_middles,
    stroke_edges,
)

# Beats of many widths, pixels from one to the next corner, and how high they are.
HALF_BEATS_PX, BEAT_PX = (3, 4, 6, 9), 60


def beats(pen_px: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A curve of narrow beats, drawn by a round pen, and its corners: x and height in pixels."""
    corners = [(0.0, 0.0)]
    for half in HALF_BEATS_PX * 3:
        start = corners[-1][0] + 20
        corners += [(start, 0), (start + half, BEAT_PX), (start + 2 * half, 0)]
    corners.append((corners[-1][0] + 20, 0))
    points = np.array(corners)
    curve = np.full((200, int(points[-1, 0])), 255, np.uint8)
    fixed = np.round(16 * np.column_stack([points[:, 0], 99.5 - points[:, 1]])).astype(np.int32)
    cv2.polylines(curve, [fixed], False, 0, pen_px, cv2.LINE_AA, 4)
    return curve, points


@pytest.mark.parametrize(("pen_px", "half_width"), [(3, 2.6), (5, 3.8)])
def test_narrow_beats_keep_their_height_and_place(pen_px: int, half_width: float) -> None:
    curve, points = beats(pen_px)
    columns, upper, lower = stroke_edges(curve)
    height_px = flat_height_px(upper - lower)
    half_width_px = round_pen_half_width_px([(upper, lower)], [height_px])
    # As wide as such steep strokes look in columns of whole pixels, soft edges included.
    assert half_width_px == pytest.approx(half_width, abs=0.4)
    peaks, troughs = round_pen_middles(upper, lower, height_px, half_width_px)
    tops = np.flatnonzero(points[:, 1] == BEAT_PX)
    for x, height in points[tops]:
        near = np.abs(columns - x) <= 3
        assert columns[near][peaks[near].argmax()] == pytest.approx(x, abs=1)
        assert peaks[near].max() == pytest.approx(height, abs=4.5)
    true = np.interp(columns, *points.T)
    assert np.median(np.abs([peaks - true, troughs - true])) < 0.5


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_a_pen_without_steep_strokes_is_as_wide_as_high(aspect: float) -> None:
    curve = np.full((60, 300), 255, np.uint8)
    curve[28:32] = 0
    _, upper, lower = stroke_edges(curve)
    half_width_px = round_pen_half_width_px([(upper, lower)], [4.0], aspect)
    assert half_width_px == pytest.approx(2.0 / aspect, abs=0.2)
