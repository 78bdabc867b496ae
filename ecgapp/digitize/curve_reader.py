"""Tell a lead's curve from the curves that cross it, by a small fully convolutional network.

Where strokes of neighbouring rows cross, no rule of touching ink says whose ink goes up and whose
goes down. The network looks at a window around one row's baseline and says of every pixel column
between which heights that row's own stroke lies: per-column soft-argmax over heights, as the
digitisers of the George B. Moody PhysioNet Challenge 2024 follow curves. It was trained on drawn
windows only (`ecgapp.training.curve_windows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgapp.io.weights import MODELS_FOLDER, ShippedWeights, load_weights

# What the reader sees of a row: pixels of the canonical scale above and below its baseline, in bins
# of some pixels. A curve rarely leaves its row by more than 3 mV.
HALF_HEIGHT_PX, BIN_PX = 256, 4
N_BINS = 2 * HALF_HEIGHT_PX // BIN_PX
# Columns seen at once: a beat and what is beside it (1.3 s).
WIDTH_PX = 256
# Ink's mean and maximum in each bin, the other rows' baselines, and the distance from one's own.
N_CHANNELS = 4
# Bins around the likeliest one that the mean height is taken of.
_NEAR_BINS = 2

_FOLDER = MODELS_FOLDER / "curves"


@cache
def load_curve_reader(folder: Path = _FOLDER) -> ShippedWeights:
    """Load the network that tells curves apart, once a process.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_weights(folder)


def window_of_row(
    ink: NDArray[np.uint8], baseline_px: float, others_px: Sequence[float], left: int
) -> NDArray[np.uint8]:
    """Lay out what the reader sees of one row.

    Parameters
    ----------
    ink : ndarray, shape (height, width), uint8
        Darkness of the page at canonical scale, 0 is paper.
    baseline_px : float
        The row's own baseline, in rows of `ink`.
    others_px : sequence of float
        The other rows' baselines.
    left : int
        First column; beyond the page's edges is paper.

    Returns
    -------
    ndarray, shape (N_BINS, WIDTH_PX, N_CHANNELS), uint8
    """
    top = round(baseline_px) - HALF_HEIGHT_PX
    seen = np.zeros((2 * HALF_HEIGHT_PX, WIDTH_PX), np.uint8)
    rows = slice(max(0, top), min(ink.shape[0], top + len(seen)))
    columns = slice(max(0, left), min(ink.shape[1], left + WIDTH_PX))
    if rows.start < rows.stop and columns.start < columns.stop:
        seen[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = ink[
            rows, columns
        ]
    bins = seen.reshape(N_BINS, BIN_PX, WIDTH_PX)
    heights = (np.arange(N_BINS) + 0.5) * BIN_PX + top
    window = np.empty((N_BINS, WIDTH_PX, N_CHANNELS), np.uint8)
    window[..., 0] = bins.mean(axis=1)
    window[..., 1] = bins.max(axis=1)
    near = np.zeros(N_BINS)
    for other in others_px:
        near = np.maximum(near, np.exp(-(((heights - other) / (1.5 * BIN_PX)) ** 2)))
    window[..., 2] = (255 * near)[:, None]
    window[..., 3] = np.abs(np.arange(N_BINS) * 2 - N_BINS + 1)[:, None]
    return window


def read_extents(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Read between which heights each window's own stroke lies.

    Parameters
    ----------
    windows : ndarray, shape (n, N_BINS, WIDTH_PX, N_CHANNELS), uint8

    Returns
    -------
    ndarray, shape (n, WIDTH_PX, 3), float32
        Upper and lower edge in pixels from the window's top, and the smaller of both edges'
        probabilities.
    """
    (probabilities,) = load_curve_reader().session.run(None, {"window": windows})
    return expected_extents(np.asarray(probabilities))


def expected_extents(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the mean height around the likeliest bin of each edge.

    Parameters
    ----------
    probabilities : ndarray, shape (n, N_BINS, WIDTH_PX, 2), float32

    Returns
    -------
    ndarray, shape (n, WIDTH_PX, 3), float32
        As `read_extents`.
    """
    likeliest = probabilities.argmax(axis=1)
    bins = np.arange(N_BINS, dtype=np.float32)[None, :, None, None]
    near = np.abs(bins - likeliest[:, None]) <= _NEAR_BINS
    weights = probabilities * near
    total = weights.sum(axis=1)
    edges = (weights * bins).sum(axis=1) / np.maximum(total, 1e-6) * BIN_PX
    return np.concatenate([edges, total.min(axis=2, keepdims=True)], axis=2).astype(np.float32)
