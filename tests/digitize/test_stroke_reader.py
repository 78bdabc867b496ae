"""Whether what a pen hides of a curve is read from its stroke's edges."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ecgapp.digitize.leads import NamedLead
from ecgapp.digitize.stroke_reader import Stroke, read_stroke, stroke_of_lead
from ecgapp.digitize.trace import trace
from ecgapp.ecg import PX_PER_MV

PEN_PX, MID_HEIGHT_PX, WIDTH_PX = 4, 120, 500
COLUMNS = np.arange(WIDTH_PX)


def stroke_of(heights_px: NDArray[np.float64]) -> Stroke:
    """Draw a curve, its heights given five a column, and look at its stroke."""
    picture = np.full((2 * MID_HEIGHT_PX, WIDTH_PX), 255, np.uint8)
    x = np.linspace(0, WIDTH_PX - 1, len(heights_px))
    points = np.column_stack([x, MID_HEIGHT_PX - 0.5 - heights_px])
    fixed = np.round(points * 16).astype(np.int32)
    cv2.polylines(picture, [fixed], False, 0, PEN_PX, cv2.LINE_AA, 4)
    stroke = stroke_of_lead(lead_of(picture))
    assert stroke is not None
    assert np.array_equal(stroke.columns, COLUMNS)
    return stroke


def lead_of(picture: NDArray[np.uint8]) -> NamedLead:
    return NamedLead("I", Image.fromarray(picture), picture, pen_half_width_px=PEN_PX / 2)


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


@pytest.mark.parametrize("inked", [[], [7], [7, 8], [7, 300]])
def test_next_to_no_ink_is_read_as_next_to_nothing(inked: list[int]) -> None:
    picture = np.full((2 * MID_HEIGHT_PX, WIDTH_PX), 255, np.uint8)
    picture[118:122, inked] = 0
    traced = trace(lead_of(picture))
    known = np.flatnonzero(np.isfinite(traced))
    assert all(min(abs(x - near) for near in inked) <= 3 for x in known)
    assert (np.abs(traced[known]) * PX_PER_MV < 3).all()
