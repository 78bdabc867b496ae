"""Read the leads' names where they are printed on a page.

A small fully convolutional network looks at the whole page at half the canonical scale and says of
each cell of about a millimetre which name it lies on, and how far the name's box reaches from
there. It was trained on drawn pieces of pages only (`ecgapp.training.name_reader`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from ecgapp.ecg import LEADS
from ecgapp.io.weights import MAX_THREADS, MODELS_FOLDER, ModelError, ShippedWeights, load_weights

NEGATIVE_AVR = "-aVR"
NAME_CLASSES = (*LEADS, NEGATIVE_AVR)
# Names that are upright strokes and nothing else, the simplest first.
STROKES = ("I", "II", "III")

# The reader sees the page this many times smaller than the canonical scale; a side of its cells.
SHRINK = 2
CELL_PX = 4

# Rows of cells that the reader sees at once, to spare memory: half of an A4 page that lies on its
# side. And how far up and down from a cell it looks: its convolutions reach 5 cells.
BAND_CELLS, MARGIN_CELLS = 104, 6

# Set by hand on drawn pages; the reader's figures with them are in models/names/README.md.
# A cell below this probability shows no name.
MIN_PROBABILITY = 0.3
# Boxes that share more than this part of the smaller one are the same text.
MAX_OVERLAP = 0.3

_FOLDER = MODELS_FOLDER / "names"


@dataclass(frozen=True)
class PrintedName:
    """A lead's name on a page.

    Attributes
    ----------
    name : str
        One of `NAME_CLASSES`.
    left, top, right, bottom : float
        Its box, in pixels of the page given.
    probability : float
        How sure the reader is.
    by_class : ndarray, shape (len(NAME_CLASSES) + 1,), float32
        Probability of each class, and last of no name.
    """

    name: str
    left: float
    top: float
    right: float
    bottom: float
    probability: float
    by_class: NDArray[np.float32]


def read_names(gray: NDArray[np.uint8]) -> list[PrintedName]:
    """Read all lead names on a page.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        Page at canonical scale, ink dark on white.

    Returns
    -------
    list of PrintedName
        The surest first.
    """
    # Whole cells, so that the network pads nothing unevenly.
    block = SHRINK * CELL_PX
    height, width = (-(-side // block) * block for side in gray.shape)
    padded = np.full((height, width), 255, np.uint8)
    padded[: gray.shape[0], : gray.shape[1]] = gray
    size = (width // SHRINK, height // SHRINK)
    small = np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.uint8)
    read = partial(_read_band, load_name_reader().session, small)
    # On two cores, each with a band of its own.
    with ThreadPoolExecutor(MAX_THREADS) as cores:
        bands = list(cores.map(read, range(0, height // block, BAND_CELLS)))
    probabilities, edges = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    return _pick(probabilities, edges, block)


def merged(known: Sequence[PrintedName], others: Sequence[PrintedName]) -> tuple[PrintedName, ...]:
    """Add names that were read on another picture of a page.

    Parameters
    ----------
    known : sequence of PrintedName
        All of these are kept.
    others : sequence of PrintedName
        Added where they share no place with a known one.

    Returns
    -------
    tuple of PrintedName
    """
    added = [
        name for name in others if all(_overlap(name, other) <= MAX_OVERLAP for other in known)
    ]
    return (*known, *added)


def _read_band(
    session: InferenceSession, small: NDArray[np.uint8], first: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read some rows of cells: probabilities of the classes, and where the text's edges are."""
    above = max(0, first - MARGIN_CELLS)
    seen = small[above * CELL_PX : (first + BAND_CELLS + MARGIN_CELLS) * CELL_PX]
    probabilities, edges = session.run(None, {"page": seen[None, ..., None]})
    kept = slice(first - above, first - above + BAND_CELLS)
    return np.asarray(probabilities)[0, kept], np.asarray(edges)[0, kept]


@cache
def load_name_reader(folder: Path = _FOLDER) -> ShippedWeights:
    """Load the network that reads lead names, once a process.

    Raises
    ------
    ModelError
        If it is missing or damaged, or was trained on other names.
    """
    weights = load_weights(folder)
    if tuple(weights.metadata["classes"]) != NAME_CLASSES:
        raise ModelError(f"model {folder.name}: it was trained on other names than this code knows")
    return weights


def _pick(
    probabilities: NDArray[np.float32], edges: NDArray[np.float32], cell_px: int
) -> list[PrintedName]:
    """Keep the surest cell of each text."""
    names = probabilities[..., :-1]
    sureness = names.max(axis=2)
    rows, columns = np.nonzero(sureness >= MIN_PROBABILITY)
    order = np.argsort(-sureness[rows, columns])
    found: list[PrintedName] = []
    for row, column in zip(rows[order], columns[order], strict=True):
        x, y = (column + 0.5) * cell_px, (row + 0.5) * cell_px
        left, top, right, bottom = (float(v) * cell_px for v in edges[row, column])
        candidate = PrintedName(
            NAME_CLASSES[int(names[row, column].argmax())],
            x - left,
            y - top,
            x + right,
            y + bottom,
            float(sureness[row, column]),
            probabilities[row, column],
        )
        if all(_overlap(candidate, other) <= MAX_OVERLAP for other in found):
            found.append(candidate)
    return found


def _overlap(one: PrintedName, other: PrintedName) -> float:
    """Part of the smaller box that both share."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    areas = ((n.right - n.left) * (n.bottom - n.top) for n in (one, other))
    return width * height / max(min(areas), 1e-6)
