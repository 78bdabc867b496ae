"""Read the paper speed and the gain that a page's header or footer prints.

A small convolutional network reads lines of print letter by letter (connectionist temporal
classification, Graves et al. 2006); it knows the letters that speed and gain are written with, and
takes all others for one. It was trained on drawn lines only (`ecgapp.training.settings_reader`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgapp.io.weights import MODELS_FOLDER, ModelError, ShippedWeights, load_weights
from ecgapp.sheet.detect.print_lines import find_lines
from ecgapp.sheet.detect.settings_grammar import ReadLine, settings_in

# What the reader tells apart, small letters and capitals alike; the last stands for all others.
# The network's class after these is no letter.
LETTERS = " .0123456789/mvsecx=()?"

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

    def filled_from(self, other: PrintedSettings) -> PrintedSettings:
        """Take from another reading of the page what this one lacks, both gains from one.

        Parameters
        ----------
        other : PrintedSettings

        Returns
        -------
        PrintedSettings
        """
        speed = self.speed_mm_per_s if self.speed_mm_per_s is not None else other.speed_mm_per_s
        gains = self if self.gain_mm_per_mv is not None else other
        return PrintedSettings(speed, gains.gain_mm_per_mv, gains.chest_gain_mm_per_mv)


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
    return PrintedSettings(*settings_in(_read_lines(gray)))


def _read_lines(gray: NDArray[np.uint8]) -> Iterator[ReadLine]:
    for line in find_lines(gray):
        answers = load_settings_reader().session.run(None, {"line": line[None, ..., None]})
        yield read_letters(np.asarray(answers[0])[0])


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
