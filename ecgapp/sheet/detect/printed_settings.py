"""Read the paper speed and the gain that a page's header or footer prints.

A small convolutional network reads lines of print letter by letter (connectionist temporal
classification, Graves et al. 2006); it knows the letters that speed and gain are written with, and
takes all others for one. It was trained on drawn lines only (`ecgapp.training.settings_reader`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.io.weights import MODELS_FOLDER, ModelError, ShippedWeights, load_weights
from ecgapp.sheet.detect.rows import MM, SHRINK, shrink

# What the reader tells apart, small letters and capitals alike; the last stands for all others.
# The network's class after these is no letter.
LETTERS = " .0123456789/mvsec?"
# Height of a line as the reader sees it, and of its ink in it, pixels.
LINE_PX, TEXT_PX = 32, 24

# Letters' sizes and the gap within a line, mm, set by hand; so is what follows. None was searched.
_LETTER_MM, _LETTER_WIDTH_MM = (0.7, 6.0), 8.0
_GAP_MM, _LEAST_LINE_MM, _MAX_LINE_MM = 3.0, 8.0, 7.0
_MOST_LINES = 40
_INK_BELOW, _ROOM_PX = 160, 4
# A reading that is less sure, letter by letter, is none.
_LEAST_SURE = 0.7
# Gains and speeds of electrocardiographs (IEC 60601-2-25), and others that some print.
_GAINS_MM_PER_MV = (2.5, 5.0, 10.0, 20.0)
_SPEEDS_MM_PER_S = (12.5, 25.0, 50.0)
# A gain may be two, of limb and of chest leads: 10/5 mm/mV.
_VALUE = r"(?<![\d.])(?<!\d\?)(?:(\d+(?:\.\d+)?) ?/ ?)?(\d+(?:\.\d+)?)"
_GAIN = re.compile(_VALUE + r"\s?mm?\s?/\s?mv")
_SPEED = re.compile(_VALUE + r" ?mm ?/ ?se?c?(?![\w?])")

_FOLDER = MODELS_FOLDER / "settings"


@dataclass(frozen=True)
class PrintedSettings:
    """What a page says of its scales.

    Attributes
    ----------
    speed_mm_per_s, gain_mm_per_mv : float or None
        None where nothing is read surely, or more values than one gain a group of leads.
    chest_gain_mm_per_mv : float or None
        Gain of the chest leads where the page prints two, the smaller one, half the other.
    """

    speed_mm_per_s: float | None
    gain_mm_per_mv: float | None
    chest_gain_mm_per_mv: float | None = None


def read_settings(gray: NDArray[np.uint8]) -> PrintedSettings:
    """Read the speed and the gain that a page prints.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        Page at canonical scale, ink dark on white.

    Returns
    -------
    PrintedSettings
    """
    gains: set[float] = set()
    speeds: set[float] = set()
    for line in _lines(gray):
        answers = load_settings_reader().session.run(None, {"line": line[None, ..., None]})
        text, sureness = read_letters(np.asarray(answers[0])[0])
        for found, pattern, known in (
            (gains, _GAIN, _GAINS_MM_PER_MV),
            (speeds, _SPEED, _SPEEDS_MM_PER_S),
        ):
            for match in pattern.finditer(text):
                values = [_as_known(float(value), known) for value in match.groups() if value]
                if sureness[slice(*match.span())].min() >= _LEAST_SURE and all(values):
                    found.update(value for value in values if value is not None)
    speed = speeds.pop() if len(speeds) == 1 else None
    if len(gains) == 2 and max(gains) == 2 * min(gains):
        return PrintedSettings(speed, max(gains), min(gains))
    return PrintedSettings(speed, gains.pop() if len(gains) == 1 else None)


def _as_known(value: float, known: Sequence[float]) -> float | None:
    """Take a value for the known one that it is, or is without its point, as 50 for 5.0."""
    found = [one for one in known if value == one] or [one for one in known if value == 10 * one]
    return found[0] if found else None


def line_picture(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a line of print to the height that the reader knows.

    Parameters
    ----------
    ink : ndarray, shape (height, width), uint8
        Gray, cut to the print's bounds.

    Returns
    -------
    ndarray, shape (LINE_PX, any), uint8
        Gray, with white around.
    """
    height, width = ink.shape
    size = max(1, round(width * TEXT_PX / height)), TEXT_PX
    way = cv2.INTER_AREA if height > TEXT_PX else cv2.INTER_LINEAR
    text = cv2.resize(ink, size, interpolation=way)
    above = (LINE_PX - TEXT_PX) // 2
    return np.asarray(np.pad(text, ((above, above), (8, 8)), constant_values=255), np.uint8)


def _lines(gray: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Lines of print as the reader sees them, the lowest first: footers have the settings."""
    ink = (shrink(gray) < _INK_BELOW).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    height, width = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_WIDTH]
    letter = (height >= _LETTER_MM[0] * MM) & (height <= _LETTER_MM[1] * MM)
    letter &= width <= _LETTER_WIDTH_MM * MM
    # Dots and dashes are parts of a line, too, but begin none.
    small = (height < _LETTER_MM[0] * MM) & (width <= _LETTER_MM[0] * MM)
    letter[0] = small[0] = False
    letters = np.asarray(letter[labels], np.uint8)
    beside = np.ones((1, round(_GAP_MM * MM)), np.uint8)
    joined = np.asarray(cv2.morphologyEx(letters, cv2.MORPH_CLOSE, beside), np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    print_only = gray.copy()
    shown = cv2.dilate((letter | small)[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    size = gray.shape[1], gray.shape[0]
    print_only[cv2.resize(shown, size, interpolation=cv2.INTER_NEAREST) == 0] = 255
    found = [box for box in boxes[1:] if box[cv2.CC_STAT_WIDTH] >= _LEAST_LINE_MM * MM]
    found = [box for box in found if box[cv2.CC_STAT_HEIGHT] <= _MAX_LINE_MM * MM]
    for left, top, wide, high, _ in sorted(found, key=lambda box: -box[1])[:_MOST_LINES]:
        room = _ROOM_PX
        rows = slice(max(0, SHRINK * top - room), SHRINK * (top + high) + room)
        columns = slice(max(0, SHRINK * left - room), SHRINK * (left + wide) + room)
        piece = cut_to_print(print_only[rows, columns])
        if piece is not None:
            yield line_picture(piece)


def cut_to_print(gray: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Cut a piece of a page to its print's bounds.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8

    Returns
    -------
    ndarray or None
        None without print.
    """
    ys, xs = np.nonzero(gray < _INK_BELOW)
    if not len(ys):
        return None
    return gray[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def read_letters(probabilities: NDArray[np.float32]) -> tuple[str, NDArray[np.float64]]:
    """Read a line from what the network says of its columns.

    Parameters
    ----------
    probabilities : ndarray, shape (n_columns, len(LETTERS) + 1), float32

    Returns
    -------
    text : str
        In `LETTERS`.
    sureness : ndarray, shape (len(text),), float64
        Of each letter, from 0 to 1.
    """
    best = probabilities.argmax(axis=1)
    before = np.concatenate(([len(LETTERS)], best[:-1]))
    begins = np.flatnonzero((best < len(LETTERS)) & (best != before))
    text, sureness = [], []
    for start in begins:
        after = np.flatnonzero(best[start:] != best[start])
        stop = start + int(after[0]) if len(after) else len(best)
        text.append(LETTERS[best[start]])
        sureness.append(float(probabilities[start:stop, best[start]].max()))
    return "".join(text), np.array(sureness)


@cache
def load_settings_reader(folder: Path = _FOLDER) -> ShippedWeights:
    """Load the network that reads printed settings, once a process.

    Raises
    ------
    ModelError
        If it is missing or damaged, or was trained on other letters.
    """
    weights = load_weights(folder)
    if weights.metadata["letters"] != LETTERS:
        raise ModelError(f"model {folder.name}: it was trained on other letters than are known")
    return weights
