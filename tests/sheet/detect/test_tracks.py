"""Whether the rows' curves are followed from end to end, in millimetres."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.sheet.detect.rows import MM, SHRINK, Row
from ecgapp.sheet.detect.tracks import Tracks, follow_rows

HEIGHT_PX, WIDTH_PX = 320, 500
BASELINES_PX = (110, 200)
LEFT_PX, RIGHT_PX = 60, 440


def row(baseline_px: int) -> Row:
    return Row(
        SHRINK * (baseline_px + 0.5) - 0.5, float(SHRINK * LEFT_PX), float(SHRINK * RIGHT_PX), 0.9
    )


ROWS = [row(baseline_px) for baseline_px in BASELINES_PX]


def draw(ink: NDArray[np.bool_], first_px: int, heights_px: NDArray[np.float64]) -> None:
    """Draw a stroke from a column on, given its height in every column, counted downwards."""
    y = np.round(heights_px).astype(int)
    for x, (before, here) in enumerate(zip(np.append(y[0], y), y, strict=False)):
        ink[min(before, here) : max(before, here) + 2, first_px + x] = True


def test_heights_are_those_drawn_in_millimetres() -> None:
    ink = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    columns = np.arange(RIGHT_PX - LEFT_PX)
    curves = [y - 5 * MM * np.exp(-(((columns - 150) / 12) ** 2)) for y in BASELINES_PX]
    for curve in curves:
        draw(ink, LEFT_PX, curve)
    tracks = follow_rows(ink, ROWS)
    drawn = slice(LEFT_PX - tracks.left, RIGHT_PX - tracks.left)
    assert tracks.known[:, drawn].all()
    assert tracks.known.sum() == 2 * len(columns)
    for found, curve in zip(tracks.heights_mm[:, drawn], curves, strict=True):
        assert found == pytest.approx(-(curve + 0.5) / MM, abs=0.5)
    assert np.isnan(tracks.heights_mm[:, : drawn.start]).all()


def test_a_curve_that_begins_in_the_middle_of_a_beat_is_followed_to_its_tip() -> None:
    ink = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    # The first columns fall from 15 mm above the baseline.
    fall_px = 15 * MM * np.clip(1 - np.arange(RIGHT_PX - LEFT_PX) / 6, 0, None)
    draw(ink, LEFT_PX, BASELINES_PX[0] - fall_px)
    draw(ink, LEFT_PX, np.full(RIGHT_PX - LEFT_PX, BASELINES_PX[1]))
    tracks = follow_rows(ink, ROWS)
    assert np.flatnonzero(tracks.known[0])[0] + tracks.left == LEFT_PX
    assert tracks.top[0, LEFT_PX - tracks.left] == pytest.approx(
        BASELINES_PX[0] - 15 * MM, abs=0.5 * MM
    )


def test_a_row_that_is_not_printed_is_not_known_where_its_chain_falls_on_another() -> None:
    ink = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    draw(ink, LEFT_PX, np.full(150, BASELINES_PX[0]))
    draw(ink, LEFT_PX, np.full(RIGHT_PX - LEFT_PX, BASELINES_PX[1]))
    tracks = follow_rows(ink, ROWS)
    upper = np.flatnonzero(tracks.known[0]) + tracks.left
    assert (upper[0], upper[-1]) == (LEFT_PX, LEFT_PX + 149)
    assert tracks.known[1].sum() == RIGHT_PX - LEFT_PX


def test_a_block_beside_a_row_and_far_below_is_not_of_it_and_a_pulse_is() -> None:
    ink = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    for baseline_px in BASELINES_PX:
        draw(ink, LEFT_PX, np.full(RIGHT_PX - LEFT_PX, baseline_px))
    block = slice(RIGHT_PX - 2, RIGHT_PX + round(7 * MM))
    ink[BASELINES_PX[1] + round(14 * MM) : BASELINES_PX[1] + round(16 * MM), block] = True
    # A pulse of 5 mm by 10 mm.
    pulse_px = np.full(round(7 * MM), BASELINES_PX[0])
    pulse_px[round(MM) : round(6 * MM)] -= round(10 * MM)
    draw(ink, LEFT_PX - len(pulse_px), pulse_px)
    tracks = follow_rows(ink, ROWS)
    shown = [np.flatnonzero(known) + tracks.left for known in tracks.known]
    assert shown[0][0] == LEFT_PX - len(pulse_px)
    assert (shown[1][0], shown[1][-1]) == (LEFT_PX, RIGHT_PX - 1)


def test_narrow_gaps_are_bridged_straight_and_wide_ones_are_left_open() -> None:
    known = np.ones((1, 120), np.bool_)
    known[0, 20:30] = known[0, 60:90] = False
    top = np.arange(120, dtype=np.int32)[None]
    heights = Tracks(0, top, top, known).heights_mm[0]
    assert heights[20:30] == pytest.approx(-np.arange(20, 30) / MM)
    assert np.isnan(heights[60:90]).all()
    assert np.isfinite(heights[90:]).all()
