"""Whether each row keeps its own curve where curves cross, touch or break off."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.sheet.detect.curves import CurveRuns, follow_curves, follow_roughly

HEIGHT_PX, WIDTH_PX = 240, 300
BASELINES_PX = np.array([70.0, 150.0])
PEN_PX = 3


def drawn(*curves: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Draw curves, given as a height in every column, as connected strokes."""
    ink = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    for curve in curves:
        for x in range(WIDTH_PX):
            near = curve[max(0, x - 1) : x + 1]
            ink[int(near.min()) - PEN_PX // 2 : int(near.max()) + PEN_PX // 2 + 1, x] = True
    return ink


def spike(height_px: float, at: int, half_width: int = 15) -> NDArray[np.float64]:
    away = np.abs(np.arange(WIDTH_PX) - at)
    return height_px * np.clip(1 - away / half_width, 0, None)


def followed(ink: NDArray[np.bool_], may_have_gaps: bool = False) -> CurveRuns:
    runs = follow_curves(ink[None], BASELINES_PX, may_have_gaps)
    return CurveRuns(runs.top_px[0], runs.bottom_px[0])


@pytest.mark.parametrize("may_have_gaps", [False, True])
def test_a_wave_that_crosses_the_next_row_changes_rows_for_neither(may_have_gaps: bool) -> None:
    upper, lower = BASELINES_PX[0] + spike(120, 150), np.full(WIDTH_PX, BASELINES_PX[1])
    runs = followed(drawn(upper, lower), may_have_gaps)
    middle = (runs.top_px + runs.bottom_px) / 2
    # Down to the row that it crosses the wave is the upper row's, and beside it each its own.
    assert runs.bottom_px[0, 150] >= BASELINES_PX[1] - 10
    aside = np.abs(np.arange(WIDTH_PX) - 150) > 20
    assert np.abs(middle[0] - upper)[aside].max() <= PEN_PX
    assert np.abs(middle[1] - lower)[aside].max() <= PEN_PX


def test_a_broken_peak_of_a_thick_pen_stays_with_its_curve() -> None:
    ink = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    for baseline in BASELINES_PX.astype(int):
        ink[baseline - 3 : baseline + 4] = True
    ink[95:142, 180:190] = True
    runs = followed(ink, may_have_gaps=True)
    assert (runs.top_px[1, 180:190] == 95).all()


def test_ink_that_joins_two_rows_is_cut_at_its_waist() -> None:
    up, down = BASELINES_PX[0] + spike(38, 150, 8), BASELINES_PX[1] - spike(38, 150, 8)
    ink = drawn(up, down)
    # A thin bridge between the two tips.
    ink[105:116, 150] = True
    runs = followed(ink)
    assert runs.bottom_px[0, 150] == pytest.approx(110, abs=6)
    assert runs.top_px[1, 150] == pytest.approx(110, abs=6)


def test_a_curve_is_missing_where_it_is_not_printed() -> None:
    upper, lower = (np.full(WIDTH_PX, baseline) for baseline in BASELINES_PX)
    ink = drawn(upper, lower)
    ink[:110, 100:160] = False
    top, bottom = follow_roughly(ink, BASELINES_PX)
    shown = bottom >= top
    assert not shown[0, 100:160].any()
    assert shown[0, :100].all()
    assert shown[0, 160:].all()
    assert shown[1].all()


def test_specks_beside_a_curve_do_not_draw_it_away() -> None:
    upper, lower = BASELINES_PX[0] - spike(50, 150), np.full(WIDTH_PX, BASELINES_PX[1])
    ink = drawn(upper, lower)
    clean = followed(ink)
    # Dots of a grid, none of them on a curve.
    dots = np.zeros_like(ink)
    dots[5::20, ::7] = True
    near = drawn(upper + 4, upper - 4, lower + 4, lower - 4) | ink
    runs = followed(ink | (dots & ~near))
    assert np.array_equal(runs.top_px, clean.top_px)
    assert np.array_equal(runs.bottom_px, clean.bottom_px)
