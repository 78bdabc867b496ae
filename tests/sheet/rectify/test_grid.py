"""Whether the millimetre grid is found on drawn paper, and nothing is taken for one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.io.pages import PageImage
from ecgapp.sheet.rectify.align import align
from ecgapp.sheet.rectify.grid import (
    WINDOW_PX,
    find_grid,
    jacobian,
    lines_cross,
    miscounted_waves,
    off_the_plane,
    smooth_bend,
)

HEIGHT_PX, WIDTH_PX = 600, 800
FINE, COARSE = 0.3, 0.8


def lines(mm: NDArray[np.float64], every_mm: float) -> NDArray[np.float64]:
    """Darkness of lines so many millimetres apart, as wide as a lens and a pixel make them."""
    away = np.abs(mm - every_mm * np.round(mm / every_mm))
    return np.exp(-((away / 0.2) ** 2))


def paper(to_mm: NDArray[np.float64], fine: bool = True) -> NDArray[np.float32]:
    """Draw a grid as a picture whose homography to millimetres is given, with a little noise."""
    y, x = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    across, down, nearness = to_mm @ points
    mm = np.stack([across / nearness, down / nearness])
    darkness = COARSE * lines(mm, 5.0).max(axis=0)
    if fine:
        darkness = np.maximum(darkness, FINE * lines(mm, 1.0).max(axis=0))
    noise = np.random.default_rng(0).normal(0, 0.05, darkness.shape)
    return (darkness + noise).reshape(HEIGHT_PX, WIDTH_PX).astype(np.float32)


def tilted(px_per_mm: float, degrees: float) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.vstack([np.column_stack([turn / px_per_mm, [0.3, 0.6]]), [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("px_per_mm", "degrees", "fine"), [(4.3, 6.0, True), (3.6, -11.0, True), (4.3, 2.0, False)]
)
def test_scale_and_tilt_of_a_grid_are_found(px_per_mm: float, degrees: float, fine: bool) -> None:
    grid = find_grid(paper(tilted(px_per_mm, degrees), fine))
    assert grid is not None
    assert grid.sureness > 0.8
    assert grid.px_per_mm == pytest.approx(px_per_mm, rel=0.005)
    along_x, along_y = jacobian(grid.to_mm, np.array([WIDTH_PX / 2, HEIGHT_PX / 2])).T
    assert np.degrees(np.arctan2(-along_x[1], along_x[0])) == pytest.approx(degrees, abs=0.1)
    assert np.degrees(np.arctan2(along_y[0], along_y[1])) == pytest.approx(degrees, abs=0.1)


def test_lines_lie_at_whole_millimetres_though_the_camera_looks_askew() -> None:
    askew = tilted(4.0, 3.0)
    askew[2, :2] = 2e-4, 1e-4
    grid = find_grid(paper(askew))
    assert grid is not None
    crossings_mm = np.array([[x, y, 1.0] for x in (30.0, 80.0, 130.0) for y in (20.0, 60.0, 100.0)])
    px = np.linalg.inv(askew) @ crossings_mm.T
    x, y, nearness = grid.to_mm @ (px / px[2])
    found = np.stack([x, y] / nearness)
    assert np.abs(found - np.round(found)).max() < 0.1
    # As many lines lie between two places as were drawn there.
    assert np.round(found[:, -1] - found[:, 0]).tolist() == [100.0, 80.0]


def test_a_grid_of_dashes_that_ends_on_a_white_page_is_found() -> None:
    # Where grid and curves end, windows of white paper have waves far above their next to no noise.
    dash = np.random.default_rng(2)
    page = np.full((1232, 952), 255, np.uint8)
    for x in 113 + np.round(13.88 * np.arange(53)).astype(int):
        page[114:546, x] = np.where(dash.random(432) < 0.55, 170, 255)
    for y in 114 + np.round(13.88 * np.arange(32)).astype(int):
        page[y, 113:836] = np.where(dash.random(723) < 0.55, 170, 255)
    for y in (170, 282, 394, 506):
        page[y : y + 2, 113:835] = 0
    found = align(PageImage(np.repeat(page[..., None], 3, axis=2), page, "PNG"))
    assert found.scale_known
    assert found.px_per_mm == pytest.approx(13.88 / 5, rel=0.01)


def test_noise_and_ruled_paper_show_no_grid() -> None:
    noise = np.random.default_rng(1).normal(0, 1, (3 * WINDOW_PX, 4 * WINDOW_PX))
    assert find_grid(noise.astype(np.float32)) is None
    ruled = lines(np.arange(3 * WINDOW_PX) / 4.0, 5.0)[:, None] + 0.05 * noise
    assert find_grid(ruled.astype(np.float32)) is None


@pytest.mark.parametrize(("side_px", "is_grid"), [(136, False), (220, True)])
def test_a_few_crossing_lines_on_a_page_are_no_grid(side_px: int, is_grid: bool) -> None:
    page = np.random.default_rng(0).normal(0, 0.05, (HEIGHT_PX, WIDTH_PX)).astype(np.float32)
    page[100 : 100 + side_px, 200 : 200 + side_px] = paper(tilted(4.3, 0.0))[:side_px, :side_px]
    assert (find_grid(page) is not None) == is_grid


def test_lines_of_a_grid_cross_and_those_of_a_chart_need_not() -> None:
    turned = tilted(5.0, 12.0)[:2, :2]
    assert lines_cross(turned)
    assert lines_cross(turned @ np.array([[1.0, 0.2], [0.0, 0.8]]))
    # Ticks and letters that repeat downwards, taken for both: no page can be flattened by them.
    assert not lines_cross(np.array([[0.002, 0.134], [-0.001, 0.145]]))


def test_a_bend_is_smoothed_without_its_outlier_and_filled_where_it_is_not_known() -> None:
    rows, columns = np.mgrid[:8, :10]
    true = np.stack([0.02 * (columns - 4.0) ** 2, 0.1 * rows], axis=-1)
    seen = true.copy()
    seen[3, 4] += 4.0
    seen[5, 6] = np.nan
    assert np.abs(smooth_bend(seen) - true)[1:-1, 1:-1].max() < 0.1


def test_a_part_of_the_windows_that_was_miscounted_by_a_wave_is_counted_anew() -> None:
    # Curved paper, whose pitch changes from window to window, by half a wave in all.
    row, column = np.mgrid[:8, :12].reshape(2, -1)
    centres = 64.0 * np.stack([column, row], axis=-1)
    pitch = 25.0 + 0.1 * column
    frequencies = np.zeros((len(row), 2, 2))
    frequencies[:, 0, 0], frequencies[:, 1, 1] = pitch, 25.0
    right = np.stack([12.5 * column + 0.025 * column**2, 12.5 * row], axis=-1)
    slipped = (row >= 4) & (column < 7)
    waves = right.copy()
    waves[slipped, 0] -= 1
    # Where noise led astray, a window lies between the two.
    waves[(row == 5) & (column == 7), 0] -= 0.5
    found = miscounted_waves(np.stack([row, column], axis=-1), centres, waves, frequencies)
    assert (found[slipped] == [-1, 0]).all()
    assert not found[~slipped].any()


def test_a_corner_that_a_step_parts_from_a_flat_page_was_followed_wrongly() -> None:
    nodes = np.stack(np.mgrid[:8, :12], axis=-1).reshape(-1, 2)
    row, column = nodes.T
    corner = (row < 3) & (column > 9)
    slipped = np.where(corner[:, None], [2.5, 0.0], 0.02)
    assert (off_the_plane(nodes, slipped, 4.0) == corner).all()
    # Paper that curls leaves the plane by degrees.
    curled = np.stack([0.05 * np.maximum(column - 8, 0) ** 2, 0.0 * row], axis=-1)
    assert not off_the_plane(nodes, curled, 4.0).any()
