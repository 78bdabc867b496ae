"""Lines of print with paper speed and gain, drawn to train the reader of printed settings on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.print_lines import LINE_PX, cut_to_print, line_picture
from ecgapp.sheet.detect.printed_settings import LETTERS
from ecgapp.sheet.detect.rows import INK_BELOW
from ecgapp.synthesis.settings_text import FILTERS, GAIN_FORMS, SPEED_FORMS
from ecgapp.training.name_pictures import TextFont, see_ink

# Width of a picture, pixels; what is longer is not drawn.
WIDTH_PX = 640
# Resolution of the uploads, px/mm, at which a capital has at least so many pixels, and blur, pixels
# of theirs: as for lead names, but that print which nobody can read teaches nothing.
_PX_PER_MM, _LEAST_CAPITAL_PX, _BLUR_PX = (3.5, 16.0), 6.0, (0.3, 1.0)
# Shares, set by hand: of the lines with settings, of speeds and gains that are usual, of lines in
# capitals, and how much less a line is turned than a name; darkness of the palest print.
_SETTINGS_PART, _USUAL_PART, _CAPITALS_PART, _TURN = 0.75, 0.6, 0.1, 0.3
_PALEST = 0.4
# Shares, set by hand: of the lines that have lost their points, which are that small beside a
# capital, and of those that the paper's edge cuts off below, by how much at most.
_NO_POINTS_PART, _POINT, _CUT_PART, _MOST_CUT = 0.12, 0.3, 0.08, 0.25
# What is drawn around a line, of which so much may be seen, pixels.
_ROOM_PX, _MOST_AROUND_PX = 14, 2
# Shares of gains that are two, of limb and of chest leads, and of other words made up of letters.
_TWO_GAINS_PART, _MADE_UP_PART = 0.2, 0.3
_MADE_UP_LETTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZmmmsv0123456789./-:x=()01259"
)

_SPEEDS = ("25", "50", "12.5", "25.0", "50.0", "10", "100", "5", "6.25")
_GAINS = ("10", "5", "20", "2.5", "10.0", "5.0", "20.0", "40")
_FACTORS = ("1.0", "0.5", "2.0", "1", "2", "0.25", "4")
# Forms of the gain that the drawn sheets do not have, and of two gains; set by hand.
_OTHER_GAIN_FORMS = (
    "1 mV = {} mm", "1mV={}mm", "1 mV={} mm", "{} mm = 1 mV", "{} mm=1mV", "1mV/{}mm",
    "{} mm / 1 mV", "{}mm/1mV", "{} cm/mV",
)  # fmt: skip
_FACTOR_FORMS = ("x{}", "x{}", "X{}", "x {}", "\N{MULTIPLICATION SIGN}{}", "Gain x{}", "Size: x{}")
_FACTORS_PART = 0.12
_TWO_GAINS_FORMS = (
    "{}/{} mm/mV", "{}/{} mm/mV", "{}/{}mm/mV", "{} / {} mm/mV", "{}(limb) {}(chest) mm/mV",
    "{} (limb) / {} (chest) mm/mV", "{}(Limb)/{}(Chest)mm/mV", "L: {} C: {} mm/mV",
    "Limb: {} mm/mV   Chest: {} mm/mV", "Limb {}mm/mV  Chest {}mm/mV",
    "Limb: {} mm/mV       Chest: {} mm/mV", "I-aVF {} mm/mV  V1-V6 {} mm/mV",
    "Limbs: {} mm/mV Prec.: {} mm/mV", "L={}mm/mV C={}mm/mV",
)  # fmt: skip
_BEFORE = (
    "", "", "", "", "", "Speed: ", "Paper ", "V=", "Vel: ", "Limb: ", "Chest: ", "Gain ", "Gain: ",
    "x1 ", "I: ", "Ampl. ", "Sens.: ", "Chart Speed: ", "Precordial: ",
)  # fmt: skip
_OTHERS = (
    *FILTERS, "W",
    "BDR", "EMG", "ADS", "V2.2", "12SL 241", "CID: 15", "005E", "II", "SN 4711", "Auto",
    "100 ms", "72 bpm", "HR 64 /min", "QRS 92 ms", "QT/QTc 390/410 ms", "PR 160ms", "1.0 mV",
    "Sinus rhythm", "Normal ECG", "12-Mar-2019", "14:32:05", "Room: 3", "ID 0012345", "mmHg",
    "120/80", "General Hospital", "Page 1 of 1", "10 s", "mm", "65 years", "male", "170cm 70 kg",
    "Filter: 0.05-150Hz", "Filter: H50", "Notch 50 Hz", "0.15-100Hz", "(limb)", "1 mV", "10 mm",
    "(50 Hz)", "x", "=", "axes 45 60 30", "QTcB = 410 ms", "RR 850 ms", "No. 27", "baseline",
    "1 x 10 s", "3x4", "12x1", "S/N 20311", "V5/V6", "mains 60 Hz", "SDN", "EMG 35 Hz",
)  # fmt: skip
# Share of the lines in Cyrillic letters, set by hand, and what these print. Of the reader's letters
# some look the same; м is read wherever it stands, в after it.
_CYRILLIC_PART = 0.12
_CYRILLIC_SPEEDS = ("{} мм/с", "{}мм/с", "{} мм/сек", "{}мм/сек", "{} мм / с")
_CYRILLIC_GAINS = ("{} мм/мВ", "{}мм/мВ", "{} мм / мВ", "{} мм/мв")
_CYRILLIC_BEFORE = (
    "", "", "", "", "Скорость: ", "Скорость ", "V=", "Усиление: ", "Усиление ", "Масштаб ", "Ск. ",
    "Чувствительность: ", "Швидкість: ", "Скорост: ",
)  # fmt: skip
_CYRILLIC_OTHERS = (
    "ЧСС 72 уд/мин", "ЧСС 64", "RR 850 мс", "PQ 160 мс", "QRS 92 мс", "QT 390 мс", "ФВЧ 0,05 Гц",
    "ФНЧ 75 Гц", "ФНЧ 35 Гц", "Режекторный 50 Гц", "Фильтр 50 Гц", "0,05-150 Гц", "Пациент: Иванов",
    "Возраст: 59 лет", "Пол: М", "Дата: 12.03.2019", "Ритм синусовый", "ЭОС 45", "Заключение",
    "Врач", "Больница № 15", "Антитремор", "Изолиния", "10 мм", "1 мВ", "170 см 70 кг", "25 с",
)  # fmt: skip
# So many fonts in a row without Cyrillic letters mean that there is none with them.
_MOST_FONTS_TRIED = 500
_CYRILLIC = re.compile("[а-яії]", re.IGNORECASE)
_CYRILLIC_UNITS = re.compile("м+в?")
_AS_LATIN, _LIKE_LATIN = str.maketrans("мв", "mv"), str.maketrans("сех", "cex")


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
        font = _font_of(text, fonts, rng)
        font.turn_deg *= _TURN
        stamp = np.pad(font.stamp(text), _ROOM_PX)
        if min(stamp.shape) <= 2 * _ROOM_PX + 3:
            continue
        darkness = rng.uniform(_PALEST, 1.0)
        least = max(_PX_PER_MM[0], _LEAST_CAPITAL_PX * PX_PER_MM / font.capital_px)
        px_per_mm = least, max(least, _PX_PER_MM[1])
        gray = see_ink((stamp * darkness).astype(np.uint8), rng, px_per_mm, _BLUR_PX)
        gray = _without_surroundings(gray, int(rng.integers(0, _MOST_AROUND_PX + 1)))
        letters = as_letters(text)
        if rng.random() < _NO_POINTS_PART:
            gray = _without_points(gray, font.capital_px)
            letters = " ".join(letters.replace(".", " ").split())
        piece = cut_to_print(gray)
        if piece is not None and rng.random() < _CUT_PART:
            piece = piece[: round(len(piece) * rng.uniform(1 - _MOST_CUT, 1))]
        if piece is None or min(piece.shape) < 3:
            continue
        line = line_picture(piece)
        if line.shape[1] <= WIDTH_PX:
            picture = np.full((LINE_PX, WIDTH_PX), 255, np.uint8)
            picture[:, : line.shape[1]] = line
            return picture, letters


def _font_of(text: str, fonts: list[Path], rng: np.random.Generator) -> TextFont:
    """Choose a font that has a text's letters, if they are Cyrillic."""
    for _ in range(_MOST_FONTS_TRIED):
        font = TextFont(fonts, rng)
        if not _CYRILLIC.search(text) or (font.face is not None and _has_cyrillic(font.face)):
            return font
    raise RuntimeError("No font with Cyrillic letters was found. Install one, such as DejaVu.")


def _has_cyrillic(face: ImageFont.FreeTypeFont) -> bool:
    # What no font has is drawn as what this one lacks.
    return bytes(face.getmask("м")) != bytes(face.getmask("\uffff"))


def _without_surroundings(gray: NDArray[np.uint8], around_px: int) -> NDArray[np.uint8]:
    """Take away what is seen beside a line of print, as only its letters are cut from a page."""
    beside = _ROOM_PX - around_px
    inner = gray[beside:-beside, beside:-beside]
    return np.pad(inner, beside, constant_values=255)


def _without_points(gray: NDArray[np.uint8], capital_px: float) -> NDArray[np.uint8]:
    """Take away the marks that cleaning a page takes for dirt."""
    ink = (gray < INK_BELOW).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    size = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    points = (size <= _POINT * capital_px)[labels].astype(np.uint8)
    cleaned = gray.copy()
    cleaned[cv2.dilate(points, np.ones((3, 3), np.uint8)) > 0] = 255
    return cleaned


def as_letters(text: str) -> str:
    """Spell a text in the letters that the reader tells apart.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    small = text.lower().replace(",", ".").replace("\N{MULTIPLICATION SIGN}", "x")
    small = _CYRILLIC_UNITS.sub(lambda unit: unit[0].translate(_AS_LATIN), small)
    small = " ".join(small.translate(_LIKE_LATIN).split())
    return "".join(letter if letter in LETTERS else "?" for letter in small)


def _text(rng: np.random.Generator) -> str:
    other, *kinds = [_other, _speed, _gain]
    if rng.random() < _CYRILLIC_PART:
        other, *kinds = [_cyrillic_other, _cyrillic_speed, _cyrillic_gain]
    parts = [other(rng) for _ in range(int(rng.integers(0, 3)))]
    if rng.random() < _SETTINGS_PART:
        rng.shuffle(kinds)
        for kind in kinds[: int(rng.choice([1, 2, 2]))]:
            parts.insert(int(rng.integers(0, len(parts) + 1)), kind(rng))
    if not parts:
        parts = [other(rng)]
    text = str(rng.choice([" ", " ", "  ", "   ", "    ", "       ", ", "])).join(parts)
    return text.upper() if rng.random() < _CAPITALS_PART else text


def _speed(rng: np.random.Generator) -> str:
    return _setting(_BEFORE, SPEED_FORMS, _SPEEDS, rng)


def _gain(rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < _TWO_GAINS_PART:
        return str(rng.choice(_TWO_GAINS_FORMS)).format(_value(_GAINS, rng), _value(_GAINS, rng))
    if kind < _TWO_GAINS_PART + _FACTORS_PART:
        return str(rng.choice(_FACTOR_FORMS)).format(_value(_FACTORS, rng))
    forms = GAIN_FORMS if rng.random() < _USUAL_PART else _OTHER_GAIN_FORMS
    return _setting(_BEFORE, forms, _GAINS, rng)


def _cyrillic_speed(rng: np.random.Generator) -> str:
    return _setting(_CYRILLIC_BEFORE, _CYRILLIC_SPEEDS, _SPEEDS, rng)


def _cyrillic_gain(rng: np.random.Generator) -> str:
    return _setting(_CYRILLIC_BEFORE, _CYRILLIC_GAINS, _GAINS, rng)


def _cyrillic_other(rng: np.random.Generator) -> str:
    return str(rng.choice(_CYRILLIC_OTHERS))


def _setting(
    before: Sequence[str], forms: Sequence[str], usual: tuple[str, ...], rng: np.random.Generator
) -> str:
    """Write a value in one of several forms, after one of several words or none."""
    form = str(rng.choice(before)) + str(rng.choice(forms))
    return form.format(_value(usual, rng))


def _value(usual: tuple[str, ...], rng: np.random.Generator) -> str:
    """Choose a usual value, or any other."""
    return (
        str(rng.choice(usual)) if rng.random() < _USUAL_PART else f"{rng.integers(1, 1000) / 10:g}"
    )


def _other(rng: np.random.Generator) -> str:
    if rng.random() >= _MADE_UP_PART:
        return str(rng.choice(_OTHERS))
    return "".join(rng.choice(list(_MADE_UP_LETTERS), int(rng.integers(2, 10))))
