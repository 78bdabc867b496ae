"""Read where the pen's middle ran inside a stroke, by a small convolutional network.

A stroke's upper edge gives one reading of the curve and its lower edge another; they agree where
the curve turns no more sharply than the pen. Where they do not, of a narrow peak the upper one is
right, of a narrow trough the lower one, and of tremor neither: the network sees the edges beside
a column and says between the two where the pen's middle was. It was trained on sheets of drawn
machines, read from their pictures (`ecgapp.training.stroke_segments`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.digitize.leads import PAPER, NamedLead
from ecgapp.digitize.strokes import flat_height_px, round_pen_middles, stroke_edges
from ecgapp.io.weights import MODELS_FOLDER, ShippedWeights, load_weights

# What the network sees of each column: see `Stroke.features`.
N_FEATURES = 9
# Columns of ink that have a slope.
_LEAST_COLUMNS = 2
# Columns whose mean height tells what lies above and below its surroundings: 157 ms.
_AROUND_PX = 31
# Usual darkness, and height and half a width of a pen, pixels of the canonical scale: features are
# about 1 there.
_DARKEST, _PEN_PX, _HALF_WIDTH_PX = 255.0, 4.0, 2.0
# How far from the mean of both readings the pen's middle may have been: so large a part of what
# they differ by, which is beyond either, and so many pixels. Narrow peaks are pale, and their edges
# are seen too low.
_ROOM_PART, _ROOM_PX = 0.65, 0.5

_FOLDER = MODELS_FOLDER / "strokes"


@dataclass(frozen=True)
class Stroke:
    """What a stroke's edges tell of its curve.

    Attributes
    ----------
    columns : ndarray, shape (n,), intp
        Those that hold ink.
    upper_px, lower_px : ndarray, shape (n,), float32
        Its edges, pixels above mid-height.
    middle_px : ndarray, shape (n,), float32
        Mean of both readings.
    room_px : ndarray, shape (n,), float32
        How far from it the pen's middle may have been.
    features : ndarray, shape (n, N_FEATURES), float32
        Of each column: how far the upper edge is above the middle and the middle above the lower
        edge, by how much the two readings differ, the middle's slope and its height above its
        surroundings, each as its signed logarithm; the darkest ink; and the pen.
    """

    columns: NDArray[np.intp]
    upper_px: NDArray[np.float32]
    lower_px: NDArray[np.float32]
    middle_px: NDArray[np.float32]
    room_px: NDArray[np.float32]
    features: NDArray[np.float32]


@cache
def load_stroke_reader(folder: Path = _FOLDER) -> ShippedWeights:
    """Load the network that reads strokes, once a process.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    return load_weights(folder)


def stroke_of_lead(lead: NamedLead) -> Stroke | None:
    """Lay out what the network sees of a lead's stroke.

    Parameters
    ----------
    lead : NamedLead

    Returns
    -------
    Stroke or None
        None where there is next to no ink, or the pen's width is not known.
    """
    columns, upper, lower = stroke_edges(lead.curve)
    half_width_px = lead.pen_half_width_px
    if len(columns) < _LEAST_COLUMNS or half_width_px is None:
        return None
    height_px = min(flat_height_px(upper - lower), lead.pen_px)
    peaks, troughs = round_pen_middles(upper, lower, height_px, half_width_px)
    middle, apart = np.asarray((peaks + troughs) / 2, np.float32), peaks - troughs
    around = cv2.blur(middle[None], (_AROUND_PX, 1))[0]
    heights = (upper - middle, middle - lower, apart, np.gradient(middle), middle - around)
    features = np.empty((len(middle), N_FEATURES), np.float32)
    for number, height in enumerate(heights):
        features[:, number] = np.sign(height) * np.log1p(np.abs(height))
    features[:, 5] = (PAPER - lead.curve.min(axis=0)[columns]) / _DARKEST
    features[:, 6] = height_px / _PEN_PX
    features[:, 7] = half_width_px / _HALF_WIDTH_PX
    features[:, 8] = np.log(lead.pen_aspect)
    room = np.float32(_ROOM_PART) * np.maximum(apart, 0) + np.float32(_ROOM_PX)
    return Stroke(columns, upper, lower, middle, room, features)


def read_stroke(stroke: Stroke) -> NDArray[np.float32]:
    """Read where the pen's middle was.

    Parameters
    ----------
    stroke : Stroke

    Returns
    -------
    ndarray, shape (n,), float32
        Pixels above mid-height.
    """
    (between,) = load_stroke_reader().session.run(None, {"stroke": stroke.features[None]})
    return stroke.middle_px + stroke.room_px * np.asarray(between)[0, :, 0]
