"""Lines of print with paper speed and gain, drawn to train the reader of printed settings on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.detect.printed_settings import LETTERS, LINE_PX, cut_to_print, line_picture
from ecgapp.synthesis.settings_text import FILTERS, GAIN_FORMS, SPEED_FORMS
from ecgapp.training.name_pictures import TextFont, see_ink

# Width of a picture, pixels; what is longer is not drawn.
WIDTH_PX = 640
# Resolution of the uploads, px/mm, and blur, pixels of theirs: as for lead names, but that print
# which nobody can read teaches nothing.
_PX_PER_MM, _BLUR_PX = (3.5, 16.0), (0.3, 1.0)
# Shares, set by hand: of the lines with settings, of speeds and gains that are usual, of lines in
# capitals, and how much less a line is turned than a name.
_SETTINGS_PART, _USUAL_PART, _CAPITALS_PART, _TURN = 0.7, 0.6, 0.12, 0.15
_ROOM_PX = 14
# Shares of gains that are two, of limb and of chest leads, and of other words made up of letters.
_TWO_GAINS_PART, _MADE_UP_PART = 0.08, 0.3
_MADE_UP_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZmmmsv0123456789./-:"

_SPEEDS = ("25", "50", "12.5", "25.0", "50.0", "10", "100", "5", "6.25")
_GAINS = ("10", "5", "20", "2.5", "10.0", "5.0", "20.0", "40")
_BEFORE = (
    "",
    "",
    "",
    "Speed: ",
    "Paper ",
    "V=",
    "Vel: ",
    "Limb: ",
    "Chest: ",
    "Gain ",
    "x1 ",
    "I: ",
)
_OTHERS = (
    *FILTERS, "W",
    "BDR", "EMG", "ADS", "V2.2", "12SL 241", "CID: 15", "005E", "II", "SN 4711", "Auto",
    "100 ms", "72 bpm", "HR 64 /min", "QRS 92 ms", "QT/QTc 390/410 ms", "PR 160ms", "1.0 mV",
    "Sinus rhythm", "Normal ECG", "12-Mar-2019", "14:32:05", "Room: 3", "ID 0012345", "mmHg",
    "120/80", "General Hospital", "Page 1 of 1", "10 s", "mm", "65 years", "male", "170cm 70 kg",
)  # fmt: skip


def draw_line(fonts: list[Path], rng: np.random.Generator) -> tuple[NDArray[np.uint8], str]:
    """Draw one line.

    Parameters
    ----------
    fonts : list of Path
        As from `find_fonts`.
    rng : numpy.random.Generator
        Source of everything random.

    Returns
    -------
    picture : ndarray, shape (LINE_PX, WIDTH_PX), uint8
        Gray, ink dark on white.
    text : str
        What it says, in `LETTERS`.
    """
    while True:
        text = _text(rng)
        font = TextFont(fonts, rng)
        font.turn_deg *= _TURN
        stamp = np.pad(font.stamp(text), _ROOM_PX)
        if min(stamp.shape) <= 2 * _ROOM_PX + 3:
            continue
        darkness = rng.uniform(0.45, 1.0)
        gray = see_ink((stamp * darkness).astype(np.uint8), rng, _PX_PER_MM, _BLUR_PX)
        piece = cut_to_print(gray)
        if piece is None or min(piece.shape) < 3:
            continue
        line = line_picture(piece)
        if line.shape[1] <= WIDTH_PX:
            picture = np.full((LINE_PX, WIDTH_PX), 255, np.uint8)
            picture[:, : line.shape[1]] = line
            return picture, as_letters(text)


def as_letters(text: str) -> str:
    """Spell a text in the letters that the reader tells apart.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    small = " ".join(text.lower().replace(",", ".").split())
    return "".join(letter if letter in LETTERS else "?" for letter in small)


def _text(rng: np.random.Generator) -> str:
    parts = [_other(rng) for _ in range(int(rng.integers(0, 3)))]
    if rng.random() < _SETTINGS_PART:
        kinds = [(_SPEEDS, SPEED_FORMS), (_GAINS, GAIN_FORMS)]
        rng.shuffle(kinds)
        for values, forms in kinds[: int(rng.choice([1, 2, 2]))]:
            usual = rng.random() < _USUAL_PART
            value = str(rng.choice(values)) if usual else f"{rng.integers(1, 1000) / 10:g}"
            if forms is GAIN_FORMS and rng.random() < _TWO_GAINS_PART:
                value = f"{value}/{rng.choice(_GAINS)}"
            written = str(rng.choice(forms)).format(value)
            parts.insert(int(rng.integers(0, len(parts) + 1)), str(rng.choice(_BEFORE)) + written)
    if not parts:
        parts = [_other(rng)]
    text = str(rng.choice([" ", " ", "  ", "   ", ", "])).join(parts)
    return text.upper() if rng.random() < _CAPITALS_PART else text


def _other(rng: np.random.Generator) -> str:
    if rng.random() >= _MADE_UP_PART:
        return str(rng.choice(_OTHERS))
    return "".join(rng.choice(list(_MADE_UP_LETTERS), int(rng.integers(2, 10))))
