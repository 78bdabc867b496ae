"""Curves that cross are told apart, and what cannot be told is not known."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgapp.digitize import crossings
from ecgapp.digitize.crossings import tell_apart
from ecgapp.sheet.detect.curves import CurveRuns, follow_curves

HEIGHT, WIDTH, PEN_PX = 700, 400, 3
BASELINES = np.array([250.0, 400.0])
BEATS_PX = (100, 300)


def spiky(baseline: float, peak_px: float, later_px: int) -> NDArray[np.float64]:
    """Heights of a curve with one peak a beat."""
    x = np.arange(WIDTH)
    return baseline - sum(
        peak_px * np.exp(-(((x - beat - later_px) / 6) ** 2)) for beat in BEATS_PX
    )


def drawn(curves: list[NDArray[np.float64]]) -> NDArray[np.uint8]:
    """Darkness of a page with these curves."""
    page = np.zeros((HEIGHT, WIDTH), np.uint8)
    for heights in curves:
        points = np.column_stack([np.arange(WIDTH), heights])
        fixed = np.round(points * 16).astype(np.int32)
        cv2.polylines(page, [fixed], False, 255, PEN_PX, cv2.LINE_AA, 4)
    return page


def followed(darkness: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], CurveRuns]:
    ink = darkness[None] > 127
    return ink, follow_curves(ink, BASELINES, may_have_gaps=True)


def test_a_peak_that_reaches_through_the_row_above_stays_with_its_own_row() -> None:
    # The lower row's peaks are higher than the rows are apart; the upper row dips into them.
    curves = [spiky(BASELINES[0], -60, 14), spiky(BASELINES[1], 190, 0)]
    darkness = drawn(curves)
    ink, runs = followed(darkness)
    told, sureness = tell_apart(darkness[None], ink, runs, BASELINES)
    before = abs(runs.top_px[0, 1, list(BEATS_PX)] - (BASELINES[1] - 190)).max()
    after = abs(told.top_px[0, 1, list(BEATS_PX)] - (BASELINES[1] - 190)).max()
    assert after < 20 < before
    middle = (told.top_px[0] + told.bottom_px[0]) / 2
    sure = sureness[0] > 0.5
    flat = abs(np.gradient(np.array(curves), axis=1)) < 1
    assert np.median(abs(middle - np.array(curves))[sure & flat]) < 2


def test_where_nothing_touches_nothing_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    darkness = drawn([spiky(BASELINES[0], 60, 0), spiky(BASELINES[1], 60, 0)])
    ink, runs = followed(darkness)
    monkeypatch.setattr(crossings, "read_extents", None)
    told, sureness = tell_apart(darkness[None], ink, runs, BASELINES)
    assert (told.top_px == runs.top_px).all()
    assert (told.bottom_px == runs.bottom_px).all()
    assert (sureness == 1).all()


def test_another_rows_stroke_is_not_read_for_a_curve_that_stands_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The upper curve has wandered by more than half the way to the next row.
    curves = [np.full(WIDTH, BASELINES[0] - 90), np.full(WIDTH, BASELINES[1])]
    darkness = drawn(curves)
    ink, runs = followed(darkness)
    row_below = crossings.HALF_HEIGHT_PX + BASELINES[1] - BASELINES[0]

    def read_below(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        edges = np.array([row_below - 1, row_below + 1, 0.9], np.float32)
        return np.tile(edges, (len(pictures), crossings.WIDTH_PX, 1))

    monkeypatch.setattr(crossings, "read_extents", read_below)
    told, sureness = tell_apart(darkness[None], ink, runs, BASELINES)
    middle = (told.top_px[0, 0] + told.bottom_px[0, 0]) / 2
    assert abs(middle - curves[0]).max() < 2
    assert (sureness[0, 0] == 1).all()
