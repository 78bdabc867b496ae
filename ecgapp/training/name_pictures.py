"""Pieces of pages with lead names on them, drawn to train the name reader on.

A piece shows what a page shows where names are printed: curves that cross the names, separators
beside them, other words, what is left of a grid, at the sharpness of scans and photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.names import CELL_PX, NAME_CLASSES, SHRINK
from ecgapp.synthesis.draw import printed_name
from ecgapp.synthesis.vendors import NameStyle

# Left, top, right and bottom of a text, pixels.
TextBox = tuple[float, float, float, float]

# A piece at canonical scale, before it is shrunk to what the reader sees.
HEIGHT_PX, WIDTH_PX = 128, 224
MAX_NAMES = 4

FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
# Height of a name's capitals: small ones stand where twelve rows share a page. Set by hand, as the
# shares below are, after the looks of other machines' sheets; none was counted.
CAPITAL_MM = (1.1, 4.8)
_STYLE_SHARES: dict[NameStyle, float] = {
    "usual": 0.6,
    "capitals": 0.14,
    "spaced": 0.08,
    "D1": 0.05,
    "DI": 0.05,
    "C1": 0.08,
}
# Parts of the pieces whose names end in a smaller, lowered letter, as in books, or in a colon, or
# begin with a small v; and whose names are paler or darker than their curves, as coloured ones are.
_LOWERED_PART, _COLON_PART, _SMALL_V_PART, _OTHER_INK_PART = 0.06, 0.04, 0.03, 0.3
# Part of the typefaces whose letters stand apart, as typewriters' do, and how far, of the capitals'
# height.
_APART_PART, _APART_BY = 0.12, (0.15, 0.9)
# Size and drop of a lowered letter, of the capitals' height.
_LOWERED_SIZE, _LOWERED_BY = 0.65, 0.2
# Part of the pieces with lines of a header, and how many lines at most.
_LINES_PART, _MOST_LINES = 0.3, 3
# Resolution of the uploads, from 66 to 410 dpi, px/mm, and blur, pixels of theirs.
_NAMES_PX_PER_MM = (2.6, 16.0)
_NAMES_BLUR_PX = (0.3, 1.3)
# What headers, footers and tables are written with.
_LETTERS = "IVIVaRLFVDCNSTPEMO123456789.:/-l|"
_MONTHS = (
    "JAN",
    "FEV",
    "FEB",
    "MAR",
    "AVR",
    "APR",
    "MAI",
    "Jul",
    "AGO",
    "OCT",
    "NOV",
    "Dec",
    "DIC",
)
_LINES = (
    "ID: 000000    Name:           Age: 54   Sex: M",
    "Vent. rate 72 bpm  PR 160 ms  QRS 92 ms",
    "QT/QTc 380/412 ms   P-R-T axes 54 12 48",
    "Sinus rhythm. Normal ECG. Unconfirmed.",
    "RV5/SV1 1.20/0.85 mV   RV5+SV1 2.05 mV",
    "Inferior infarct (II, III, aVF), old",
    "ST elevation in V1-V3, T inversion I, aVL",
    "25 mm/s  10 mm/mV  0.05-150 Hz  50 Hz  F 35",
    "25mm/s 10mm/mV ADS 50Hz LP 40Hz V3.02",
    "Lead: I II III aVR aVL aVF V1 V2 V3 V4 V5 V6",
    "Referred by:     Technician:     Room: 12",
)
OTHER_WORDS = (
    *("ID", "HR", "PR", "QRS", "QT/QTc", "bpm", "ms", "mV", "mm", "Male", "Vent. rate", "Name"),
    *("25mm/s", "10mm/mV", "25 mm/sec", "0.05-40Hz", "AC50", "P-R-T axes", "Sinus rhythm"),
    *("V7", "V8", "V9", "V3R", "V4R", "VI", "IV", "V", "R", "a", "aV", "1", "4", "12", "60", "L"),
    *(
        "IIII",
        "Dx",
        "aVR aVL",
        "V1-V6",
        "II/III",
        "F",
        "Diagnosis",
        "01-02-2021",
        "14:05",
        "-V",
        "X",
    ),
)


@dataclass(frozen=True)
class Piece:
    """A piece of a page and what is printed on it.

    Attributes
    ----------
    gray : ndarray, shape (HEIGHT_PX / SHRINK, WIDTH_PX / SHRINK), uint8
        What the reader sees.
    target : ndarray, shape (rows, columns, len(NAME_CLASSES) + 1 + 1 + 4), float32
        A cell: which class it is (one-hot, ``other`` last), how much it counts, and from its
        centre to the name's left, top, right and bottom, in cells.
    """

    gray: NDArray[np.uint8]
    target: NDArray[np.float32]


def find_fonts() -> list[Path]:
    """Text fonts on this machine, by path."""
    found = {path for folder in FONT_FOLDERS for path in folder.rglob("*.ttf")}
    return sorted(path for path in found if "Math" not in path.name)


def draw_piece(fonts: list[Path], rng: np.random.Generator) -> Piece:
    """Draw one piece.

    Parameters
    ----------
    fonts : list of Path
        Of which to print; Pillow's own and OpenCV's plotter fonts are printed too.
    rng : numpy.random.Generator
        Source of everything random.

    Returns
    -------
    Piece
    """
    ink = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    darkness = int(rng.integers(130, 256))
    rows = _draw_curves(ink, darkness, rng)
    placed: list[tuple[str | None, TextBox]] = []
    font = TextFont(fonts, rng)
    spelling = _Spelling.random(rng)
    text_darkness = int(rng.integers(90, 256)) if rng.random() < _OTHER_INK_PART else darkness
    marks = rng.choice(["none", "line", "bar", "dashes"], p=[0.35, 0.25, 0.25, 0.15])
    if rng.random() < _LINES_PART:
        for _ in range(int(rng.integers(1, _MOST_LINES + 1))):
            placed += _draw_line(ink, font, text_darkness, rng)
    for _ in range(int(rng.integers(1, MAX_NAMES + 1))):
        is_name = rng.random() < 0.8
        name = str(rng.choice(NAME_CLASSES)) if is_name else None
        if rng.random() < 0.1:
            font = TextFont(fonts, rng)
        stamp = font.stamp(*(spelling.write(name) if name else (_other_word(rng), "")))
        box = _place(stamp, rows, [b for _, b in placed], rng)
        if box is None:
            continue
        left, top, right, bottom = (int(v) for v in box)
        patch = ink[top:bottom, left:right]
        np.maximum(patch, (stamp * (text_darkness / 255)).astype(np.uint8), out=patch)
        placed.append((name, box))
        if is_name and marks != "none" and rng.random() < 0.7:
            _draw_mark(ink, str(marks), left, (top + bottom) // 2, darkness, rng)
    size = (WIDTH_PX // SHRINK, HEIGHT_PX // SHRINK)
    seen = see_ink(ink, rng, _NAMES_PX_PER_MM, _NAMES_BLUR_PX)
    gray = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    return Piece(np.asarray(gray, np.uint8), target_of(placed))


@dataclass(frozen=True)
class _Spelling:
    """How one machine writes its names."""

    style: NameStyle
    lowered: bool
    colon: bool
    small_v: bool

    @classmethod
    def random(cls, rng: np.random.Generator) -> _Spelling:
        shares = np.array(list(_STYLE_SHARES.values()))
        style = list(_STYLE_SHARES)[int(rng.choice(len(shares), p=shares / shares.sum()))]
        parts = (_LOWERED_PART, _COLON_PART, _SMALL_V_PART)
        return cls(style, *(bool(rng.random() < part) for part in parts))

    def write(self, name: str) -> tuple[str, str]:
        """Spell a name: its letters on the line, and those below it."""
        text = printed_name(name, self.style)
        if self.small_v and name.startswith("V") and self.style == "usual":
            text = text.lower()
        if self.lowered and "V" in name and self.style in ("usual", "C1"):
            return text[:-1], text[-1]
        return text + (":" if self.colon else ""), ""


def _other_word(rng: np.random.Generator) -> str:
    """Write a word that is no lead's name."""
    choice = rng.random()
    if choice < 0.5:
        return str(rng.choice(OTHER_WORDS))
    if choice < 0.65:
        return f"{rng.integers(1, 32):02d}-{rng.choice(_MONTHS)}-{rng.integers(1998, 2027)}"
    word = "".join(rng.choice(list(_LETTERS), int(rng.integers(1, 7))))
    capitals = word.upper().strip(":.-|")
    names = {printed_name(name, style).upper() for name in NAME_CLASSES for style in _STYLE_SHARES}
    # A name by chance is one, and a stroke alone may be.
    return "No" if capitals in names or not capitals.replace("L", "") else word


def _draw_line(
    ink: NDArray[np.uint8], font: TextFont, darkness: int, rng: np.random.Generator
) -> list[tuple[None, TextBox]]:
    """Draw, in place, a line of a header that may run beyond the piece; returns its box."""
    text = str(rng.choice(_LINES))
    if rng.random() < 0.3:
        text = " ".join(_other_word(rng) for _ in range(6))
    stamp = font.stamp(text)
    height, width = stamp.shape
    left = int(rng.integers(-width + 20, WIDTH_PX - 20))
    top = int(rng.integers(0, max(1, HEIGHT_PX - height)))
    first, last = max(0, -left), min(width, WIDTH_PX - left)
    patch = ink[top : top + height, left + first : left + last]
    shown = (stamp[: patch.shape[0], first:last] * (darkness / 255)).astype(np.uint8)
    np.maximum(patch, shown, out=patch)
    return [(None, (left, top, left + width, top + height))]


class TextFont:
    """One typeface at one size; the same for most of a piece.

    Parameters
    ----------
    fonts : list of Path
        As from `find_fonts`; Pillow's own and OpenCV's plotter fonts are chosen, too.
    rng : numpy.random.Generator
        Source of everything random.
    """

    def __init__(self, fonts: list[Path], rng: np.random.Generator) -> None:
        self.capital_px = float(np.exp(rng.uniform(*np.log(CAPITAL_MM)))) * PX_PER_MM
        choice = rng.random()
        self.hershey = int(rng.choice([0, 1, 2, 3, 4])) if choice < 0.2 else None
        self.face: ImageFont.FreeTypeFont | None = None
        if self.hershey is None:
            size = self.capital_px / 0.72
            if choice < 0.35 or not fonts:
                default = ImageFont.load_default(size)
                assert isinstance(default, ImageFont.FreeTypeFont)
                self.face = default
            else:
                self.face = ImageFont.truetype(str(fonts[int(rng.integers(len(fonts)))]), size)
        self.thickness = max(1, round(self.capital_px * rng.uniform(0.05, 0.18)))
        self.stretch = rng.uniform(0.8, 1.25)
        self.slant = rng.normal(0, 0.04)
        self.turn_deg = rng.normal(0, 1.5)
        self.fatten = int(rng.choice([0, 0, 0, 1]))
        is_apart = rng.random() < _APART_PART
        self.apart_px = self.capital_px * float(rng.uniform(*_APART_BY)) if is_apart else 0.0

    def stamp(self, text: str, below: str = "") -> NDArray[np.uint8]:
        """Ink of a text and of smaller letters below its line, cut to its bounds, 0 to 255."""
        if self.face is None:
            text, below = text + below, ""
        width, height = (
            int(self.capital_px * (len(text + below) + 2) + self.apart_px * len(text)) + 30,
            int(self.capital_px * 3) + 30,
        )
        if self.face is None:
            assert self.hershey is not None
            canvas = np.zeros((height, width), np.uint8)
            scale = self.capital_px / 21
            origin = (12, int(self.capital_px * 2))
            cv2.putText(canvas, text, origin, self.hershey, scale, 255, self.thickness, cv2.LINE_AA)
        else:
            picture = Image.new("L", (width, height), 0)
            origin = (12, int(self.capital_px * 2))
            pen = ImageDraw.Draw(picture)
            x, y = float(origin[0]), float(origin[1])
            for part in text if self.apart_px else [text]:
                pen.text((x, y), part, 255, self.face, anchor="ls")
                x += pen.textlength(part, self.face) + self.apart_px
            if below:
                small = self.face.font_variant(size=_LOWERED_SIZE * self.face.size)
                pen.text((x, y + _LOWERED_BY * self.capital_px), below, 255, small, anchor="ls")
            canvas = np.array(picture)
        centre = (width / 2, height / 2)
        matrix = cv2.getRotationMatrix2D(centre, self.turn_deg, 1.0)
        matrix[0, 1] += self.slant
        matrix[0] *= self.stretch
        size = (int(width * self.stretch) + 20, height)
        canvas = np.asarray(cv2.warpAffine(canvas, matrix, size), np.uint8)
        if self.fatten:
            canvas = np.asarray(cv2.dilate(canvas, np.ones((2, 2), np.uint8)), np.uint8)
        ys, xs = np.nonzero(canvas > 60)
        if not len(ys):
            return np.zeros((1, 1), np.uint8)
        return canvas[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def _place(
    stamp: NDArray[np.uint8],
    rows: list[float],
    taken: list[TextBox],
    rng: np.random.Generator,
) -> TextBox | None:
    """Find room for a text: near a row's baseline more often than anywhere; None without room."""
    height, width = stamp.shape
    if width >= WIDTH_PX - 8 or height >= HEIGHT_PX - 8:
        return None
    for _ in range(6):
        left = int(rng.integers(2, WIDTH_PX - width - 2))
        top = int(rng.integers(2, HEIGHT_PX - height - 2))
        if rows and rng.random() < 0.8:
            centre = rows[int(rng.integers(len(rows)))] + rng.uniform(-8, 8) * PX_PER_MM
            top = int(np.clip(centre - height / 2, 2, HEIGHT_PX - height - 2))
        box = (left, top, left + width, top + height)
        gap = 0.8 * PX_PER_MM
        if all(
            box[2] + gap < b[0] or b[2] + gap < box[0] or box[3] + gap < b[1] or b[3] + gap < box[1]
            for b in taken
        ):
            return box
    return None


def _draw_curves(ink: NDArray[np.uint8], darkness: int, rng: np.random.Generator) -> list[float]:
    """Draw one to three rows of beats; returns their baselines."""
    n_rows = int(rng.choice([1, 1, 2]))
    rows = sorted(rng.uniform(15, HEIGHT_PX - 15, n_rows).tolist())
    # Four times finer than pixels, as OpenCV draws it.
    shift = 4
    thickness = int(rng.integers(1, 5))
    for row in rows:
        x = np.arange(0, WIDTH_PX, 0.5)
        y = np.full_like(x, row) + 6 * np.sin(x / rng.uniform(60, 300) + rng.uniform(0, 6))
        height_px = rng.choice([1, 1, 2, 4]) * rng.normal(0, 0.6) * 10 * PX_PER_MM
        beat_px = rng.uniform(70, 260)
        for centre in np.arange(rng.uniform(-50, beat_px), WIDTH_PX + 50, beat_px):
            width = rng.uniform(2, 9)
            y -= height_px * np.exp(-(((x - centre) / width) ** 2))
            y += 0.35 * height_px * rng.normal() * np.exp(-(((x - centre - 8) / width) ** 2))
            y -= 0.15 * height_px * np.exp(-(((x - centre + 35) / 14) ** 2))
            y -= 0.3 * height_px * np.exp(-(((x - centre - 60) / 22) ** 2))
        y += rng.normal(0, rng.choice([0.2, 0.2, 1.5]), x.shape)
        start = rng.uniform(0, WIDTH_PX) if rng.random() < 0.3 else 0
        points = np.column_stack([x, y])[x >= start]
        fixed = np.round(points * 2**shift).astype(np.int32)
        cv2.polylines(ink, [fixed], False, darkness, thickness, cv2.LINE_AA, shift)
    return rows


def _draw_mark(
    ink: NDArray[np.uint8],
    kind: str,
    left: int,
    middle: int,
    darkness: int,
    rng: np.random.Generator,
) -> None:
    """Draw a separator a little left of a name."""
    x = int(left - rng.uniform(0.1, 2.5) * PX_PER_MM)
    thickness = int(rng.integers(1, 4))
    if kind == "line":
        cv2.line(ink, (x, 0), (x, HEIGHT_PX), darkness, thickness)
    elif kind == "bar":
        half = int(rng.uniform(1.5, 6) * PX_PER_MM)
        middle += int(rng.uniform(-5, 5) * PX_PER_MM)
        cv2.line(ink, (x, middle - half), (x, middle + half), darkness, thickness + 2)
    else:
        for top in range(middle - 60, middle + 60, 16):
            cv2.line(ink, (x, top), (x, top + 8), darkness, thickness)


def see_ink(
    ink: NDArray[np.uint8],
    rng: np.random.Generator,
    px_per_mm: tuple[float, float] = (3.2, 11.0),
    blur_px: tuple[float, float] = (0.3, 0.9),
) -> NDArray[np.uint8]:
    """See ink as a scanner or a camera does, and clean it.

    Parameters
    ----------
    ink : ndarray, shape (height, width), uint8
        Darkness at canonical scale, 0 is paper; remains of a grid may be drawn into it.
    rng : numpy.random.Generator
        Source of everything random.
    px_per_mm : tuple of float
        Range of the uploads' resolutions.
    blur_px : tuple of float
        Range of their blur (standard deviation), pixels of theirs; half of them have one.

    Returns
    -------
    ndarray, shape (height, width), uint8
        Gray, ink dark on 255.
    """
    height, width = ink.shape
    scale = float(np.exp(rng.uniform(*np.log(px_per_mm)))) / PX_PER_MM
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    if rng.random() < 0.4:
        _draw_grid_remains(ink, rng)
    shrunk = cv2.resize(ink, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    if rng.random() < 0.5:
        blurred = cv2.GaussianBlur(shrunk, (0, 0), float(rng.uniform(*blur_px)))
        shrunk = np.asarray(blurred, np.float32)
    shrunk += rng.normal(0, rng.choice([0, 2, 8, 16]), shrunk.shape).astype(np.float32)
    gray = np.clip(255 - shrunk, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(30, 90))
        _, coded = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])
        gray = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    way = cv2.INTER_AREA if scale > 1 else rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])
    gray = np.asarray(cv2.resize(gray, (width, height), interpolation=int(way)), np.uint8)
    ink_now = 255 - gray.astype(np.float32)
    if rng.random() < 0.5:
        # Cleaning stretches the ink to black and clears what is faint.
        floor, ceiling = rng.uniform(10, 60), rng.uniform(90, 220)
        ink_now = np.clip((ink_now - floor) / (ceiling - floor), 0, 1) * 255
    return np.asarray(255 - np.clip(ink_now, 0, 255), np.float32).astype(np.uint8)


def _draw_grid_remains(ink: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Draw, in place, faint lines or dots a millimetre or five apart, with gaps."""
    strength = int(rng.integers(20, 90))
    step = PX_PER_MM * int(rng.choice([1, 5]))
    grid = np.zeros_like(ink)
    ys = np.arange(rng.uniform(0, step), len(ink), step).astype(int)
    xs = np.arange(rng.uniform(0, step), ink.shape[1], step).astype(int)
    if rng.random() < 0.5:
        grid[ys], grid[:, xs] = strength, strength
    else:
        grid[np.ix_(ys, xs)] = min(255, 2 * strength)
    grid[rng.random(grid.shape) < rng.uniform(0, 0.7)] = 0
    np.maximum(ink, grid, out=ink)


def target_of(placed: Sequence[tuple[str | None, TextBox]]) -> NDArray[np.float32]:
    """Say of each cell of a piece what the reader should say of it.

    Parameters
    ----------
    placed : sequence of (str or None, tuple of float)
        Names, None for other words, and their boxes, pixels of the canonical scale.

    Returns
    -------
    ndarray, shape (rows, columns, len(NAME_CLASSES) + 6), float32
        As `Piece.target`.
    """
    cell = CELL_PX * SHRINK
    rows, columns = HEIGHT_PX // cell, WIDTH_PX // cell
    n_classes = len(NAME_CLASSES)
    target = np.zeros((rows, columns, n_classes + 6), np.float32)
    target[..., n_classes] = 1
    target[..., n_classes + 1] = 1
    y = (np.arange(rows)[:, None] + 0.5) * cell
    x = (np.arange(columns)[None] + 0.5) * cell
    for name, (left, top, right, bottom) in placed:
        if name is None:
            continue
        middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
        away_x = np.abs(x - middle_x) + 0 * y
        away_y = np.abs(y - middle_y) + 0 * x
        near = (away_x < max(0.2 * (right - left), 0.51 * cell)) & (away_y < 0.51 * cell)
        around = (away_x < (right - left) / 2 + cell / 2) & (away_y < (bottom - top) / 2 + cell / 2)
        target[around, n_classes + 1] = 0
        target[near] = 0
        target[near, NAME_CLASSES.index(name)] = 1
        target[near, n_classes + 1] = 1
        edges = np.stack([x - left + 0 * y, y - top + 0 * x, right - x + 0 * y, bottom - y + 0 * x])
        target[near, n_classes + 2 :] = (edges / cell).transpose(1, 2, 0)[near]
    return target
