"""Windows of drawn pages in which rows' curves cross, to train the curve reader on.

A window shows what a cleaned page shows around one row: the row's own curve, those of its
neighbours in the same seconds of the same patient, and what is left of names, dividers, tables
and the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.datasets.ptbxl import to_signals
from ecgapp.digitize.curve_reader import (
    BIN_PX,
    HALF_HEIGHT_PX,
    N_BINS,
    N_CHANNELS,
    WIDTH_PX,
    window_of_row,
)
from ecgapp.ecg import LAYOUTS, PX_PER_MM, PX_PER_MV, PX_PER_S, SAMPLING_RATE_HZ, Signals
from ecgapp.training.name_pictures import OTHER_WORDS, see_ink

# All of what follows was set by hand, after the machines of `ecgapp.synthesis.machines`.

# Rows are this far apart, mm at 10 mm/mV; close ones are drawn more often, since they cross more.
_SPACING_MM = (8.0, 40.0)
# Factor on a record's voltages, which makes small curves cross too.
_VOLTAGE_FACTOR = (0.6, 1.8)
# Where a row's baseline is found, beside where it is, and rows beside each other in time, pixels.
_BASELINE_ERROR_PX, _ROW_SHIFT_PX = 5.0, 1.5
_PEN_PX = (1, 7)
# Part of the windows in which nothing touches the own stroke that are kept.
_EASY_PART = 0.15
_STRIP_LEADS = ("II", "V1", "V5")
# Sub-pixel bits of OpenCV's polylines.
_SHIFT = 4


@dataclass(frozen=True)
class Windows:
    """Windows and where the own stroke lies in each.

    Attributes
    ----------
    pictures : ndarray, shape (n, N_BINS, WIDTH_PX, N_CHANNELS), uint8
    extents : ndarray, shape (n, WIDTH_PX, 3), float32
        Upper and lower edge of the own stroke in bins, and 1 where the column counts.
    """

    pictures: NDArray[np.uint8]
    extents: NDArray[np.float32]


def draw_windows(steps: NDArray[np.int16], n_windows: int, seed: int) -> Windows:
    """Draw windows of records.

    Parameters
    ----------
    steps : ndarray, shape (n_records, 1000, 8), int16
        Records, as `ecgapp.datasets.ptbxl.Records` holds them.
    n_windows : int
    seed : int

    Returns
    -------
    Windows
    """
    rng = np.random.default_rng(seed)
    pictures = np.empty((n_windows, N_BINS, WIDTH_PX, N_CHANNELS), np.uint8)
    extents = np.empty((n_windows, WIDTH_PX, 3), np.float32)
    number = 0
    while number < n_windows:
        signals = to_signals(steps[int(rng.integers(len(steps)))])
        page = _Page(signals, rng)
        for row in rng.permutation(len(page.points))[:3].tolist():
            if number < n_windows and (page.touches(row) or rng.random() < _EASY_PART):
                pictures[number], extents[number] = page.window(row, rng)
                number += 1
    return Windows(pictures, extents)


class _Page:
    """A second or so of some rows, and the ink around them."""

    def __init__(self, signals: Signals, rng: np.random.Generator) -> None:
        names = _stacked_leads(rng)
        spacing_px = float(np.exp(rng.uniform(*np.log(_SPACING_MM)))) * PX_PER_MM
        margin = HALF_HEIGHT_PX
        self.baselines = margin + spacing_px * np.arange(len(names))
        self.baselines += rng.uniform(-0.05, 0.05, len(names)) * spacing_px
        height = round(self.baselines[-1]) + margin
        self.pen_px = int(rng.integers(*_PEN_PX))
        start_s = rng.uniform(0, 10 - WIDTH_PX / PX_PER_S - 0.1)
        factor = float(np.exp(rng.uniform(*np.log(_VOLTAGE_FACTOR)))) * PX_PER_MV
        first = round(start_s * SAMPLING_RATE_HZ)
        n_samples = int(WIDTH_PX / PX_PER_S * SAMPLING_RATE_HZ) + 12
        x = np.arange(n_samples) * PX_PER_S / SAMPLING_RATE_HZ - 2.0
        self.points = []
        for name, baseline in zip(names, self.baselines, strict=True):
            voltages = signals.leads[name][first : first + n_samples]
            places = x[: len(voltages)] + rng.normal(0, _ROW_SHIFT_PX)
            self.points.append(np.column_stack([places, baseline - factor * voltages]))
        ink = np.zeros((height, WIDTH_PX), np.uint8)
        darkness = int(rng.integers(170, 256))
        for points in self.points:
            _draw_curve(ink, points, darkness, self.pen_px)
        _draw_remains(ink, self.baselines, darkness, rng)
        self.ink = 255 - see_ink(ink, rng)
        _lose_ink(self.ink, rng)

    def touches(self, row: int) -> bool:
        """Tell whether another row's stroke touches this row's."""
        others = np.zeros_like(self.ink)
        for k, points in enumerate(self.points):
            if k != row:
                _draw_curve(others, points, 255, self.pen_px + 2)
        return bool((others & self._stroke(row)).any())

    def _stroke(self, row: int) -> NDArray[np.uint8]:
        stroke = np.zeros_like(self.ink)
        _draw_curve(stroke, self.points[row], 255, self.pen_px)
        return stroke

    def window(
        self, row: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Cut one row's window, and where its own stroke lies in it."""
        found = float(self.baselines[row] + rng.normal(0, _BASELINE_ERROR_PX))
        others = np.delete(self.baselines, row) + rng.normal(0, 3, len(self.points) - 1)
        left, right = 0, WIDTH_PX
        if rng.random() < 0.25:
            # The lead begins or ends here; what is beside it is not shown.
            left, right = sorted(rng.integers(0, WIDTH_PX, 2).tolist())
            left, right = (left, WIDTH_PX) if rng.random() < 0.5 else (0, right)
        shown = np.zeros_like(self.ink)
        shown[:, left:right] = self.ink[:, left:right]
        picture = window_of_row(shown, found, others.tolist(), 0)
        stroke = self._stroke(row) > 127
        columns = np.arange(WIDTH_PX)
        inside = stroke.any(axis=0) & (columns >= left) & (columns < right)
        top = round(found) - HALF_HEIGHT_PX
        upper = stroke.argmax(axis=0) - top
        lower = len(stroke) - 1 - stroke[::-1].argmax(axis=0) - top
        # Bin k reaches from k to k + 1; its middle is where the reader says k.
        bins = (np.stack([upper, lower], axis=1) + 0.5) / BIN_PX - 0.5
        extents = np.empty((WIDTH_PX, 3), np.float32)
        extents[:, :2] = np.clip(bins, 0, N_BINS - 1)
        extents[:, 2] = inside
        return picture, extents


def _stacked_leads(rng: np.random.Generator) -> list[str]:
    """Leads that some layout prints below each other in the same seconds."""
    layout = LAYOUTS[str(rng.choice(list(LAYOUTS)))]
    column = layout.columns[int(rng.integers(len(layout.columns)))]
    n_strips = 0 if len(column) == 12 else int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.1, 0.2]))
    names = [*column, *rng.permutation(_STRIP_LEADS)[:n_strips].tolist()]
    most = int(rng.integers(3, 7))
    first = int(rng.integers(0, max(1, len(names) - most + 1)))
    return names[first : first + most]


def _draw_curve(
    ink: NDArray[np.uint8], points: NDArray[np.float64], darkness: int, pen_px: int
) -> None:
    stroke = np.zeros_like(ink)
    fixed = np.round(points * 2**_SHIFT).astype(np.int32)
    cv2.polylines(stroke, [fixed], False, darkness, pen_px, cv2.LINE_AA, _SHIFT)
    np.maximum(ink, stroke, out=ink)


def _draw_remains(
    ink: NDArray[np.uint8],
    baselines: NDArray[Any],
    darkness: int,
    rng: np.random.Generator,
) -> None:
    """Draw, in place, what cleaning may leave: dividers, words, table lines, dots."""
    height, width = ink.shape
    if rng.random() < 0.15:
        x = int(rng.integers(0, width))
        for line in baselines:
            half = int(rng.uniform(10, 90))
            if rng.random() < 0.8:
                span = (x, round(line) - half), (x, round(line) + half)
                cv2.line(ink, *span, darkness, int(rng.integers(1, 4)))
    for _ in range(int(rng.choice(4, p=[0.5, 0.25, 0.15, 0.1]))):
        word = str(rng.choice([*OTHER_WORDS, "aVR", "V1", "V5", "II", "I"]))
        place = int(rng.integers(-20, width)), int(rng.integers(30, height))
        font, size = int(rng.choice([0, 2, 3, 4])), float(rng.uniform(0.6, 1.6))
        cv2.putText(ink, word, place, font, size, darkness, int(rng.integers(1, 5)), cv2.LINE_AA)
    if rng.random() < 0.2:
        y = int(baselines[0] - rng.uniform(20, 180))
        for k in range(int(rng.integers(1, 4))):
            cv2.line(ink, (0, y - 40 * k), (width, y - 40 * k), darkness, int(rng.integers(1, 4)))
    if rng.random() < 0.3:
        specks = rng.random((height, width)) < rng.uniform(0, 0.003)
        np.putmask(ink, specks, int(rng.integers(60, 256)))


def _lose_ink(ink: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Clear, in place, what print or cleaning may have lost."""
    height, width = ink.shape
    for _ in range(int(rng.choice(4, p=[0.6, 0.2, 0.1, 0.1]))):
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        ink[y : y + int(rng.integers(4, 60)), x : x + int(rng.integers(2, 40))] = 0
    if rng.random() < 0.15:
        # Steep strokes are paler: print and grid removal break them.
        pale = np.asarray(rng.random(ink.shape) < rng.uniform(0, 0.3))
        ink[pale] //= 3
