"""Edges of a curve's stroke, finer than pixels, and how wide the pen was."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

# Pixels of the canonical scale and grey from 0 to 255, set by hand while drawn recordings with
# known signals were traced (`ecgapp bench trace`; docs/reading.md has the figures).

# A stroke's edges are where it is half as dark as in its middle, once noise is smoothed; paler
# columns hold no curve.
SMOOTHING_SIGMA_PX = 0.7
MIN_DARKNESS = 20
# Rows of paper beyond which smoothing spreads no ink, pixels: more than four standard deviations.
_SMOOTHED_REACH_PX = 4
# Part of a curve that surely runs flat, and the thinnest stroke whose edges can be told apart.
FLAT_PERCENT = 15
MIN_STROKE_PX = 1.5
_WHITE = 255
# Part of a curve's columns beyond whose edges only steep strokes reach, and how far beyond, pixels.
_STEEP_PERCENT, _BEYOND_PX = 10, 3
# How dark ink of a steep stroke is at least.
_STEEP_DARKNESS = 60
# How far apart places across a pen are looked at, pixels.
_ACROSS_PX = 0.5
# A stroke's edges rise, or fall, together by so much a column where it is steep and no peak; so
# many such columns tell half a pen's width, which lies between these, pixels.
_STEEP_PX, _ENOUGH_STEEP, _HALF_WIDTHS_PX = 0.8, 20, (0.5, 7.0)
# By how much less than that half a pen's width is best, pixels, and halvings that find it to 0.01.
# On 139 sheets of five other renderers 53 instead of 62 of 1,654 leads are below 8 dB with it, and
# the median lead has 19.7 instead of 18.8 dB; 0.05 more or less costs 0.1 dB.
_NARROWER_PX, _HALVINGS = 0.15, 10
# What smoothing adds to a stroke's height: the full width at half maximum of a Gaussian.
_SMOOTHED_PX = float(np.sqrt(8 * np.log(2))) * SMOOTHING_SIGMA_PX


def stroke_edges(
    curve: NDArray[np.uint8],
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Find where a lead's ink begins and ends in each column.

    Parameters
    ----------
    curve : ndarray, shape (height, width), uint8
        Ink dark on white, the baseline at mid-height.

    Returns
    -------
    columns : ndarray, shape (n,), intp
        Those that hold ink.
    upper, lower : ndarray, shape (n,), float32
        Its edges, pixels above mid-height.
    """
    height = len(curve)
    # Most of a lead's height is paper, which needs no smoothing.
    inked = np.flatnonzero(curve.min(axis=1) < _WHITE)
    if not len(inked):
        return np.zeros(0, np.intp), np.zeros(0, np.float32), np.zeros(0, np.float32)
    first = max(0, int(inked[0]) - _SMOOTHED_REACH_PX)
    stop = min(height, int(inked[-1]) + 1 + _SMOOTHED_REACH_PX)
    darkness = _WHITE - curve[first:stop].astype(np.float32)
    ink = np.asarray(cv2.GaussianBlur(darkness, (0, 0), SMOOTHING_SIGMA_PX), np.float32)
    darkest = ink.max(axis=0)
    columns = np.flatnonzero(darkest >= MIN_DARKNESS)
    half = darkest[columns] / 2
    if len(columns) < ink.shape[1]:
        ink = ink[:, columns]
    upper = _first_crossing(ink, half, first)
    lower = _first_crossing(ink[::-1], half, height - stop)
    return columns, height / 2 - upper, lower - height / 2


def _first_crossing(
    ink: NDArray[np.float32], level: NDArray[np.float32], n_before: int
) -> NDArray[np.float32]:
    """Row at which each column first reaches its level, from the outermost row's outer edge on.

    So many rows lie before the first one given.
    """
    first = (ink >= level).argmax(axis=0)
    columns = np.arange(len(level))
    here, before = ink[first, columns], ink[np.maximum(first - 1, 0), columns]
    passed = (here - level) / np.maximum(here - before, 1e-3)
    return np.asarray(n_before + first + 0.5 - np.where(first > 0, passed, 0.5), dtype=np.float32)


def flat_height_px(heights_px: NDArray[np.float32]) -> float:
    """How high ink is where a curve runs flat: as high as the pen is wide.

    Parameters
    ----------
    heights_px : ndarray, shape (n,), float32
        Of the ink in each column that holds some.

    Returns
    -------
    float
    """
    return max(MIN_STROKE_PX, float(np.percentile(heights_px, FLAT_PERCENT)))


def steep_widths_px(
    curve: NDArray[np.uint8], upper: NDArray[np.float32], lower: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Measure how wide a curve's steep strokes are, as `stroke_edges` would see them upright.

    Tremor makes strokes higher wherever a curve runs flat, and steep ones no wider.

    Parameters
    ----------
    curve : ndarray, shape (height, width), uint8
        As for :func:`stroke_edges`.
    upper, lower : ndarray, shape (n,), float32
        That it gave.

    Returns
    -------
    ndarray, shape (n,), float64
        One width a stroke and row, of rows above and below all that runs flat.
    """
    middle = len(curve) / 2
    top = middle - np.percentile(upper, 100 - _STEEP_PERCENT) - _BEYOND_PX
    bottom = middle - np.percentile(lower, _STEEP_PERCENT) + _BEYOND_PX
    rows = np.arange(len(curve))
    darkness = _WHITE - curve[(rows < top) | (rows > bottom)].astype(np.int64)
    # A pixel of paper at either end of each row parts it from the next.
    line = np.pad(darkness, ((0, 0), (1, 1))).ravel()
    edges = np.flatnonzero(np.diff(line > _STEEP_DARKNESS)) + 1
    if not len(edges):
        return np.zeros(0)
    darkest = np.maximum.reduceat(line, edges)[::2]
    begins, ends = edges[::2], edges[1::2]
    # The soft edges count as far as they are dark.
    ink = np.concatenate([[0], np.cumsum(line)])
    widths = (ink[ends + 1] - ink[begins - 1]) / darkest
    return np.asarray(np.hypot(widths, _SMOOTHED_PX))


def round_pen_middles(
    upper: NDArray[np.float32],
    lower: NDArray[np.float32],
    height_px: float,
    half_width_px: float,
    at: NDArray[np.intp] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Take a stroke's edges back to where the middle of a round pen went (a rolling ball).

    The two agree wherever the curve turns no more sharply than the pen. Of a narrower peak the
    first is right, of a narrower trough the second.

    Parameters
    ----------
    upper, lower : ndarray, shape (n,), float32
        As :func:`stroke_edges` gives them.
    height_px, half_width_px : float
        Of the pen, on paper that may have been stretched.
    at : ndarray of intp, optional
        Columns to give it for; all, if not given.

    Returns
    -------
    peaks, troughs : ndarray of float32
        Pixels above mid-height.
    """
    columns = np.arange(len(upper))
    wanted = columns if at is None else at
    n_places = 2 * max(1, int(np.ceil(half_width_px / _ACROSS_PX))) + 1
    peaks = np.full(len(wanted), np.inf)
    troughs = np.full(len(wanted), -np.inf)
    for across in np.linspace(-1, 1, n_places):
        half_px = height_px / 2 * np.sqrt(1 - across**2)
        places = wanted + across * half_width_px
        peaks = np.minimum(peaks, np.interp(places, columns, upper) - half_px)
        troughs = np.maximum(troughs, np.interp(places, columns, lower) + half_px)
    return peaks.astype(np.float32), troughs.astype(np.float32)


def round_pen_half_width_px(
    edges: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
    heights_px: Sequence[float],
    aspect: float = 1.0,
) -> float:
    """Measure half a round pen's width where strokes are steep: there both edges tell one middle.

    Where too little is steep, or that lies beyond all usual pens' widths, its height tells.

    Parameters
    ----------
    edges : sequence of (ndarray, ndarray)
        Upper and lower edges, as :func:`stroke_edges` gives them, of curves of one pen.
    heights_px : sequence of float
        The pen's height on each of them.
    aspect : float
        The pen's height over its width, on paper that may have been stretched.

    Returns
    -------
    float
    """
    low, high = _HALF_WIDTHS_PX
    by_height = float(np.median(heights_px)) / aspect / 2 - _NARROWER_PX
    by_height = min(max(by_height, low), high)
    steep = [_steep(upper, lower) for upper, lower in edges]
    if sum(map(len, steep)) < _ENOUGH_STEEP:
        return by_height

    def too_narrow(half_width_px: float) -> bool:
        off = []
        for (upper, lower), height_px, at in zip(edges, heights_px, steep, strict=True):
            peaks, troughs = round_pen_middles(upper, lower, height_px, half_width_px, at)
            off.append(peaks - troughs)
        return bool(np.median(np.concatenate(off)) > 0)

    if too_narrow(high) or not too_narrow(low):
        return by_height
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_narrow(middle) else (low, middle)
    return max(_HALF_WIDTHS_PX[0], (low + high) / 2 - _NARROWER_PX)


def _steep(upper: NDArray[np.float32], lower: NDArray[np.float32]) -> NDArray[np.intp]:
    """Columns in which a stroke goes on rising, or falling."""
    steep = np.zeros(len(upper), np.bool_)
    for up, down in ((np.diff(upper), np.diff(lower)), (-np.diff(upper), -np.diff(lower))):
        goes_on = (up > _STEEP_PX) & (down > _STEEP_PX)
        steep[1:-1] |= goes_on[:-1] & goes_on[1:]
    return np.flatnonzero(steep)
