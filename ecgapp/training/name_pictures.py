"""Pieces of pages with lead names on them, drawn to train the name reader on.

A piece shows what a page shows where names are printed: curves that cross the names, separators
beside them, other words, what is left of a grid, at the sharpness of scans and photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ecgapp.ecg import PX_PER_MM
from ecgapp.sheet.detect.names import CELL_PX, NAME_CLASSES, SHRINK

# Left, top, right and bottom of a text, pixels.
TextBox = tuple[float, float, float, float]

# A piece at canonical scale, before it is shrunk to what the reader sees.
HEIGHT_PX, WIDTH_PX = 128, 224
MAX_NAMES = 4

FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
CAPITAL_MM = (1.8, 4.4)  # height of a name's capitals; set by hand
# Part of the names that are printed with a capital A, as some machines do. Set by hand.
CAPITAL_A_PART = 0.1
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
    font = _Font(fonts, rng)
    marks = rng.choice(["none", "line", "bar", "dashes"], p=[0.35, 0.25, 0.25, 0.15])
    for _ in range(int(rng.integers(1, MAX_NAMES + 1))):
        is_name = rng.random() < 0.8
        name = str(rng.choice(NAME_CLASSES)) if is_name else None
        text = name or str(rng.choice(OTHER_WORDS))
        if is_name and rng.random() < CAPITAL_A_PART:
            text = text.replace("a", "A")
        if rng.random() < 0.1:
            font = _Font(fonts, rng)
        stamp = font.stamp(text, rng)
        box = _place(stamp, rows, [b for _, b in placed], rng)
        if box is None:
            continue
        left, top, right, bottom = (int(v) for v in box)
        patch = ink[top:bottom, left:right]
        np.maximum(patch, (stamp * (darkness / 255)).astype(np.uint8), out=patch)
        placed.append((name, box))
        if is_name and marks != "none" and rng.random() < 0.7:
            _draw_mark(ink, str(marks), left, (top + bottom) // 2, darkness, rng)
    size = (WIDTH_PX // SHRINK, HEIGHT_PX // SHRINK)
    gray = cv2.resize(see_ink(ink, rng), size, interpolation=cv2.INTER_AREA)
    return Piece(np.asarray(gray, np.uint8), _target(placed))


class _Font:
    """One typeface at one size; the same for most of a piece."""

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

    def stamp(self, text: str, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Ink of a text, cut to its bounds, 0 to 255."""
        width, height = int(self.capital_px * (len(text) + 2)) + 30, int(self.capital_px * 3) + 30
        if self.face is None:
            assert self.hershey is not None
            canvas = np.zeros((height, width), np.uint8)
            scale = self.capital_px / 21
            origin = (12, int(self.capital_px * 2))
            cv2.putText(canvas, text, origin, self.hershey, scale, 255, self.thickness, cv2.LINE_AA)
        else:
            picture = Image.new("L", (width, height), 0)
            origin = (12, int(self.capital_px * 2))
            ImageDraw.Draw(picture).text(origin, text, 255, self.face, anchor="ls")
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


def see_ink(ink: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """See ink as a scanner or a camera does, and clean it.

    Parameters
    ----------
    ink : ndarray, shape (height, width), uint8
        Darkness at canonical scale, 0 is paper; remains of a grid may be drawn into it.
    rng : numpy.random.Generator
        Source of everything random.

    Returns
    -------
    ndarray, shape (height, width), uint8
        Gray, ink dark on 255.
    """
    height, width = ink.shape
    # Pixels a millimetre of the upload.
    scale = float(np.exp(rng.uniform(np.log(3.2), np.log(11)))) / PX_PER_MM
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    if rng.random() < 0.4:
        _draw_grid_remains(ink, rng)
    shrunk = cv2.resize(ink, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    if rng.random() < 0.5:
        blurred = cv2.GaussianBlur(shrunk, (0, 0), float(rng.uniform(0.3, 0.9)))
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


def _target(
    placed: list[tuple[str | None, TextBox]],
) -> NDArray[np.float32]:
    """Say of each cell what the reader should say of it."""
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
