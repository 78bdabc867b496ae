"""Whether what a pen hides of a curve is read from its stroke's edges."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.digitize.stroke_reader import Pen, Stroke, look_at_stroke, read_stroke
from ecgapp.digitize.strokes import flat_height_px, stroke_edges

PEN_PX, MID_HEIGHT_PX, WIDTH_PX = 4, 120, 500
COLUMNS = np.arange(WIDTH_PX)


def stroke_of(heights_px: NDArray[np.float64]) -> Stroke:
    """Draw a curve, its heights given five a column, and look at its stroke."""
    picture = np.full((2 * MID_HEIGHT_PX, WIDTH_PX), 255, np.uint8)
    x = np.linspace(0, WIDTH_PX - 1, len(heights_px))
    points = np.column_stack([x, MID_HEIGHT_PX - 0.5 - heights_px])
    fixed = np.round(points * 16).astype(np.int32)
    cv2.polylines(picture, [fixed], False, 0, PEN_PX, cv2.LINE_AA, 4)
    columns, upper, lower = stroke_edges(picture)
    assert np.array_equal(columns, COLUMNS)
    darkest = 255 - picture.min(axis=0)
    pen = Pen(flat_height_px(upper - lower), PEN_PX / 2, 1.0)
    return look_at_stroke(upper, lower, darkest, pen)


def beats(width_px: float, height_px: float) -> NDArray[np.float64]:
    """Gaussian beats, half a second apart."""
    x = np.linspace(0, WIDTH_PX - 1, 5 * WIDTH_PX)
    return np.asarray(height_px * np.exp(-(((x % 100 - 50) / width_px) ** 2)))


@pytest.mark.parametrize("side", [1, -1])
def test_narrow_beats_are_read_as_high_as_they_are(side: int) -> None:
    heights = side * beats(width_px=2.5, height_px=60)
    read = side * read_stroke(stroke_of(heights))
    tops = read.reshape(5, 100)[:, 45:56].max(axis=1)
    assert tops == pytest.approx(60, abs=5)


def test_a_tremor_is_read_better_than_by_the_middle_of_its_edges() -> None:
    # Waves of 10 to 30 Hz, where a column is 5 ms.
    waves = np.fft.rfft(np.random.default_rng(0).normal(size=5 * WIDTH_PX))
    per_column = np.fft.rfftfreq(5 * WIDTH_PX, 1 / 5)
    waves[(per_column < 0.05) | (per_column > 0.15)] = 0
    tremor = np.fft.irfft(waves, 5 * WIDTH_PX)
    heights = beats(width_px=6, height_px=50) + 3 * tremor / tremor.std()
    stroke = stroke_of(heights)
    true = np.interp(COLUMNS, np.linspace(0, WIDTH_PX - 1, len(heights)), heights)
    read = read_stroke(stroke)
    assert np.std(read - true) < 0.85 * np.std(stroke.middle_px - true)


def test_a_smooth_curve_is_read_along_the_middle_of_its_stroke() -> None:
    x = np.linspace(0, WIDTH_PX - 1, 5 * WIDTH_PX)
    heights = 20 * np.sin(2 * np.pi * x / 160)
    read = read_stroke(stroke_of(heights))
    error = np.abs(read - np.interp(COLUMNS, x, heights))
    assert np.median(error) < 0.25
    assert error.max() < 1


def test_what_is_read_lies_within_what_both_edges_leave() -> None:
    rng = np.random.default_rng(1)
    stroke = stroke_of(rng.normal(0, 15, 5 * WIDTH_PX))
    assert (np.abs(read_stroke(stroke) - stroke.middle_px) <= stroke.room_px + 1e-4).all()
