"""What happens to a sheet between the machine and the upload: folds, pens, cameras, scanners.

Three stages, in the order in which they happen: marks on the paper (stains, handwriting), the
camera's view of it (folds, pose, framing, resolution), and the picture (light, blur, noise,
JPEG). Everything random comes from one seed; `SheetTruth.mm_to_image` stays true.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ecgapp.synthesis.draw import BoxMm, DrawnSheet, SheetTruth

Pixels = NDArray[np.uint8]
Matrix = NDArray[np.float64]
Field = NDArray[np.float32]

# Ranges of what befalls a picture are set by hand, here and below, so that drawn photographs look
# like the photographs of the development data; none was measured on those.

# The camera's distance from the page, in lengths of its longer side.
_CAMERA_DISTANCE = 1.7
# Rows that are worked on at once, which bounds the memory that a large picture takes.
_BAND_PX = 256
# A fold bends the paper by this much, within this distance.
_FOLD_BEND_MM = 0.15
_FOLD_REACH_MM = 6.0
# How far light fields and backgrounds are finer than the picture.
_FIELD_PX = 64
_PAGE_SHADOW_MM = 4.0

# Parts of the pictures that are photocopied, that a lamp shines on, that were taken of a screen,
# and that were compressed again.
_PHOTOCOPY_SHARE, _GLARE_SHARE, _SCREEN_SHARE, _SENT_ON_SHARE = 0.08, 0.12, 0.06, 0.25

# Colours of tables, of a scanner's lid, of pens and of a stain.
_TABLES_RGB = ((142, 104, 72), (92, 66, 48), (188, 186, 182), (224, 224, 220), (66, 92, 124))
_LID_RGB = (250, 250, 249)
_PENS_RGB = ((28, 44, 138), (24, 24, 30), (160, 30, 40))
_STAIN_RGB = (150, 105, 60)


@dataclass(frozen=True)
class Degradation:
    """What happens to a sheet. The default is nothing.

    Attributes
    ----------
    tilt_deg : float
        How far the sheet is turned clockwise in the picture.
    perspective_deg : float
        Angle between the camera's axis and the perpendicular to the sheet; the seed says in which
        direction.
    quarter_turns : int
        Turns of the finished picture by 90 degrees, clockwise.
    crop_mm : tuple of float or None
        Left, top, right and bottom of the part of the paper that the picture shows, in
        millimetres from the page's top left corner; beyond the page lies the background. The
        picture is the smallest upright rectangle around it. None shows the page.
    width_px : int or None
        Width of the picture before the quarter turns; None keeps the resolution.
    background : str
        What lies under the sheet: a ``table`` or a scanner's ``lid``.
    stains, handwriting, folds : int
        Number of stains, of pen marks and of folds.
    curl_mm : float
        How far the paper bulges: its parts appear up to this far from where `mm_to_image` says.
    shadow : float
        Share of the light, 0 to 1, that is missing in the darkest place.
    light_rgb : tuple of float
        Brightness and colour of the light; ones leave white paper white.
    grey : bool
        Whether the picture has no colours.
    blur_px, noise : float
        Standard deviations of the blur, pixels, and of the sensor's noise, grey levels.
    jpeg_quality : int or None
        Quality of the JPEG file that the picture has gone through; None for none.
    """

    tilt_deg: float = 0.0
    perspective_deg: float = 0.0
    quarter_turns: int = 0
    crop_mm: BoxMm | None = None
    width_px: int | None = None
    background: Literal["table", "lid"] = "table"
    stains: int = 0
    handwriting: int = 0
    folds: int = 0
    curl_mm: float = 0.0
    shadow: float = 0.0
    light_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    grey: bool = False
    blur_px: float = 0.0
    noise: float = 0.0
    jpeg_quality: int | None = None


def degrade(drawn: DrawnSheet, degradation: Degradation, seed: int) -> DrawnSheet:
    """Let a sheet go through a degradation.

    Parameters
    ----------
    drawn : DrawnSheet
        The sheet, clean or already degraded.
    degradation : Degradation
        What happens to it.
    seed : int
        Seed of everything random.

    Returns
    -------
    DrawnSheet
        The picture, and the truth with its homography brought up to date.
    """
    rng = np.random.default_rng(seed)
    pixels = np.array(drawn.image)
    _draw_marks(pixels, drawn.truth, degradation, rng)
    view = _view(drawn.truth, degradation, rng)
    pixels = _photograph_paper(pixels, drawn.truth, view, degradation, rng)
    pixels = _expose(pixels, degradation, rng)
    pixels = np.rot90(pixels, -degradation.quarter_turns)
    turn = _quarter_turns(view.width_px, view.height_px, degradation.quarter_turns)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if degradation.jpeg_quality is not None:
        image = _through_jpeg(image, degradation.jpeg_quality)
    return DrawnSheet(image, replace(drawn.truth, mm_to_image=turn @ view.mm_to_px))


def photograph(drawn: DrawnSheet, seed: int, max_width_px: int = 6000) -> DrawnSheet:
    """Take a plausible hand-held photograph of a sheet.

    Parameters
    ----------
    drawn : DrawnSheet
        The sheet.
    seed : int
        Which photograph.
    max_width_px : int
        Width of the finest camera's pictures.

    Returns
    -------
    DrawnSheet
        The photograph, 4.5 pixels a millimetre or more, and the truth about it.
    """
    rng = np.random.default_rng((seed, 1))
    left, top, right, bottom = drawn.truth.curves_mm
    width_mm, height_mm = drawn.truth.page_mm
    # Curves reach beyond their rows.
    baselines_mm, reach_mm = drawn.truth.baselines_mm.values(), 1.6 * drawn.truth.gain_mm_per_mv
    top = max(min(top, min(baselines_mm) - reach_mm), 0)
    bottom = min(max(bottom, max(baselines_mm) + reach_mm), height_mm)
    # Who cuts the margins off keeps the pulses, and the names.
    left = min([left - 15, *(box[0] for _, box in drawn.truth.names_mm)])
    margins_mm = rng.uniform(2, 25, size=4)
    crops: tuple[BoxMm, ...] = (
        (-margins_mm[0], -margins_mm[1], width_mm + margins_mm[2], height_mm + margins_mm[3]),
        (0.0, 0.0, width_mm, height_mm),
        (max(left, 0), top, min(right + 10, width_mm), bottom),
    )
    crop_mm = crops[rng.choice(3, p=(0.5, 0.2, 0.3))]
    warmth = rng.normal(0, 0.05)
    light = rng.uniform(0.72, 1.0) * np.array([1 + warmth, 1.0, 1 - warmth])
    degradation = Degradation(
        tilt_deg=float(np.clip(rng.normal(0, 4), -15, 15)),
        perspective_deg=float(rng.triangular(0, 6, 30)),
        quarter_turns=int(rng.choice(4, p=(0.85, 0.05, 0.05, 0.05))),
        crop_mm=crop_mm,
        width_px=min(
            round((crop_mm[2] - crop_mm[0]) * np.exp(rng.uniform(1.75, 2.7))), max_width_px
        ),
        stains=int(rng.random() < 0.2),
        handwriting=int(rng.choice(4, p=(0.5, 0.2, 0.2, 0.1))),
        folds=int(rng.choice(3, p=(0.6, 0.25, 0.15))),
        curl_mm=float(rng.uniform(0, 0.2)),
        shadow=float(rng.uniform(0.05, 0.5)),
        light_rgb=(float(light[0]), float(light[1]), float(light[2])),
        blur_px=float(rng.uniform(0.3, 1.1)),
        noise=float(rng.uniform(1, 6)),
        jpeg_quality=int(rng.integers(40, 93)),
        grey=bool(rng.random() < 0.06),
    )
    return degrade(drawn, degradation, seed)


def scan(drawn: DrawnSheet, seed: int) -> DrawnSheet:
    """Scan a sheet as an office does: a little askew, at 120 to 300 dpi.

    Parameters
    ----------
    drawn : DrawnSheet
        The sheet.
    seed : int
        Which scan.

    Returns
    -------
    DrawnSheet
        The scan and the truth about it.
    """
    rng = np.random.default_rng((seed, 2))
    dpi = int(rng.choice((120, 150, 200, 300)))
    degradation = Degradation(
        tilt_deg=float(np.clip(rng.normal(0, 1.5), -5, 5)),
        quarter_turns=int(rng.choice(4, p=(0.85, 0.05, 0.05, 0.05))),
        width_px=round(drawn.truth.page_mm[0] * dpi / 25.4),
        background="lid",
        stains=int(rng.random() < 0.1),
        handwriting=int(rng.choice(3, p=(0.6, 0.25, 0.15))),
        folds=int(rng.random() < 0.3),
        shadow=float(rng.uniform(0, 0.08)),
        grey=bool(rng.random() < 0.35),
        blur_px=float(rng.uniform(0.2, 0.7)),
        noise=float(rng.uniform(0.5, 2.5)),
        jpeg_quality=int(rng.integers(55, 96)),
    )
    return degrade(drawn, degradation, seed)


def wear(drawn: DrawnSheet, seed: int) -> DrawnSheet:
    """Let a picture go through what offices and messengers do to it.

    Parameters
    ----------
    drawn : DrawnSheet
        A photograph or a scan.
    seed : int
        Which fate: a photocopy, glare, a screen's moire, a second JPEG; most pictures meet none.

    Returns
    -------
    DrawnSheet
        The picture, each pixel still where it was.
    """
    rng = np.random.default_rng((seed, 3))
    pixels = np.asarray(drawn.image).astype(np.float32)
    if rng.random() < _PHOTOCOPY_SHARE:
        grey = pixels.mean(axis=2, keepdims=True)
        pixels = np.repeat(128 + rng.uniform(1.3, 2.2) * (grey - rng.uniform(110, 150)), 3, axis=2)
    if rng.random() < _GLARE_SHARE:
        pixels += _glare(pixels.shape[:2], rng)[..., None]
    if rng.random() < _SCREEN_SHARE:
        pixels *= _moire(pixels.shape[:2], rng)[..., None]
    image = Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))
    if rng.random() < _SENT_ON_SHARE:
        image = _through_jpeg(image, int(rng.integers(30, 80)))
    return replace(drawn, image=image)


def _glare(shape: tuple[int, ...], rng: np.random.Generator) -> Field:
    """Light of a lamp that the paper reflects, grey levels."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre_y, centre_x = rng.uniform(0.1, 0.9, size=2) * (height, width)
    reach = rng.uniform(0.06, 0.2) * max(shape)
    distance = ((x - centre_x) / reach) ** 2 + ((y - centre_y) / (0.6 * reach)) ** 2
    return np.asarray(rng.uniform(40, 120) * np.exp(-0.5 * distance), np.float32)


def _moire(shape: tuple[int, ...], rng: np.random.Generator) -> Field:
    """Share of the light that the lines of a screen leave between a camera's pixels."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    period_px, angle = rng.uniform(3, 14), rng.uniform(0, np.pi)
    waves = np.cos(2 * np.pi / period_px * (np.cos(angle) * x + np.sin(angle) * y))
    return np.asarray(1 + rng.uniform(0.02, 0.07) * waves, np.float32)


# ---- Marks on the paper


def _draw_marks(
    pixels: Pixels, truth: SheetTruth, degradation: Degradation, rng: np.random.Generator
) -> None:
    """Draw stains and handwriting where they fall, in place."""
    for _ in range(degradation.stains):
        _stain(pixels, truth, rng)
    for _ in range(degradation.handwriting):
        _scribble(pixels, truth, rng)


def _local_px_per_mm(mm_to_px: Matrix, at_mm: NDArray[np.float64]) -> float:
    """Resolution of a view around a point of the paper."""
    corners = at_mm + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    points = _transform(mm_to_px, corners)
    (a, b), (c, d) = points[1] - points[0], points[2] - points[0]
    return float(np.sqrt(abs(a * d - b * c)))


def _transform(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points, shape (n, 2), through a homography."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return mapped[:, :2] / mapped[:, 2:]


def _lay(pixels: Pixels, coverage: Pixels, rgb: tuple[int, int, int]) -> None:
    """Lay a transparent ink, which darkens what it covers, in place."""
    rows, columns = np.nonzero(coverage)
    share = coverage[rows, columns].astype(np.float32)[:, None] / 255
    tint = 1 - share * (1 - np.array(rgb, dtype=np.float32) / 255)
    pixels[rows, columns] = np.round(pixels[rows, columns] * tint).astype(np.uint8)


def _stain(pixels: Pixels, truth: SheetTruth, rng: np.random.Generator) -> None:
    """Draw a drop's or a cup's brown mark, darker at its rim."""
    centre_mm = rng.uniform(0, 1, size=2) * truth.page_mm
    radius_mm = rng.uniform(8, 40)
    angle = np.linspace(0, 2 * np.pi, 120)
    wobble = 1 + sum(
        rng.normal(0, 0.04) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (1, 2, 3, 4)
    )
    outline_mm = centre_mm + radius_mm * np.column_stack(
        [wobble * np.cos(angle), wobble * np.sin(angle)]
    )
    outline = np.round(_transform(truth.mm_to_image, outline_mm)).astype(np.int32)
    scale = _local_px_per_mm(truth.mm_to_image, centre_mm)
    inside = np.zeros(pixels.shape[:2], dtype=np.uint8)
    rim = np.zeros_like(inside)
    cv2.fillPoly(inside, [outline], int(rng.uniform(10, 50)))
    cv2.polylines(rim, [outline], True, int(rng.uniform(50, 110)), max(1, round(1.5 * scale)))
    coverage = cv2.GaussianBlur(np.maximum(inside, rim), (0, 0), max(0.5 * scale, 0.5))
    _lay(pixels, np.asarray(coverage, dtype=np.uint8), _STAIN_RGB)


def _scribble(pixels: Pixels, truth: SheetTruth, rng: np.random.Generator) -> None:
    """Write a word, a ring or an underline with a pen, anywhere on the page."""
    start_mm = rng.uniform(0.05, 0.85, size=2) * truth.page_mm
    draw_pen = (_word, _ring, _underline)[rng.choice(3, p=(0.6, 0.2, 0.2))]
    points = _transform(truth.mm_to_image, start_mm + draw_pen(rng))
    scale = _local_px_per_mm(truth.mm_to_image, start_mm)
    coverage = np.zeros(pixels.shape[:2], dtype=np.uint8)
    thickness = max(1, round(rng.uniform(0.35, 0.7) * scale))
    fixed = np.round(points * 16).astype(np.int32)
    cv2.polylines(coverage, [fixed], False, 230, thickness, cv2.LINE_AA, 4)
    _lay(pixels, coverage, _PENS_RGB[rng.choice(3, p=(0.6, 0.3, 0.1))])


def _word(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a word of two to nine letters, mm, shape (n_points, 2)."""
    n_knots = int(rng.integers(6, 28))
    x_mm = 1.4 * np.arange(n_knots) + rng.normal(0, 0.9, size=n_knots)
    y_mm = rng.uniform(0.3, 2.6, size=n_knots) * np.where(np.arange(n_knots) % 2, 1.0, -1.0)
    along = np.linspace(0, n_knots - 1, 12 * n_knots)
    straight = [np.interp(along, np.arange(n_knots), values) for values in (x_mm, y_mm)]
    round_off = np.hanning(13)[1:-1] / np.hanning(13).sum()
    x_mm, y_mm = (np.convolve(values, round_off, "valid") for values in straight)
    slant = rng.uniform(-0.1, 0.6)
    return np.column_stack([x_mm - slant * y_mm, y_mm - 0.05 * x_mm])


def _ring(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a ring around something, mm, shape (n_points, 2)."""
    angle = np.linspace(rng.uniform(0, 6), rng.uniform(6.5, 13), 80)
    radii_mm = rng.uniform(5, 20, size=2) * np.linspace(1, rng.uniform(0.9, 1.1), 80)[:, None]
    return np.column_stack([np.cos(angle), np.sin(angle)]) * radii_mm


def _underline(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a line drawn by hand, mm, shape (n_points, 2)."""
    along_mm = np.linspace(0, rng.uniform(6, 50), 40)
    return np.column_stack([along_mm, np.cumsum(rng.normal(0, 0.12, size=40))])


# ---- The camera's view


@dataclass(frozen=True)
class _View:
    """Size of a picture and where on it the paper lies."""

    width_px: int
    height_px: int
    mm_to_px: Matrix


def _view(truth: SheetTruth, degradation: Degradation, rng: np.random.Generator) -> _View:
    """Pose the page before the camera and frame what is to be seen of it."""
    width_mm, height_mm = truth.page_mm
    towards = rng.uniform(0, 2 * np.pi)
    pose = _pose(truth.page_mm, degradation.tilt_deg, degradation.perspective_deg, towards)
    left, top, right, bottom = degradation.crop_mm or (0.0, 0.0, width_mm, height_mm)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    seen = _transform(pose, corners)
    (seen_left, seen_top), (seen_width, seen_height) = seen.min(axis=0), np.ptp(seen, axis=0)
    if degradation.width_px is None:
        centre_mm = np.array([width_mm, height_mm]) / 2
        scale = _local_px_per_mm(truth.mm_to_image, centre_mm)
        scale /= _local_px_per_mm(pose, centre_mm)
    else:
        scale = degradation.width_px / seen_width
    frame = np.array(
        [
            [scale, 0, -scale * seen_left - 0.5],
            [0, scale, -scale * seen_top - 0.5],
            [0, 0, 1],
        ]
    )
    size = round(seen_width * scale), round(seen_height * scale)
    return _View(size[0], size[1], frame @ pose)


def _pose(
    page_mm: tuple[float, float], tilt_deg: float, perspective_deg: float, towards: float
) -> Matrix:
    """Homography from paper to a camera that stands askew above the page's centre."""
    tilt, lean = np.deg2rad(tilt_deg), np.deg2rad(perspective_deg)
    turn = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    axis = np.array([np.cos(towards), np.sin(towards), 0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    leaning = np.eye(3) + np.sin(lean) * cross + (1 - np.cos(lean)) * cross @ cross
    rotation = leaning @ turn
    distance = _CAMERA_DISTANCE * max(page_mm)
    to_camera = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, distance]])
    centred = np.array([[1, 0, -page_mm[0] / 2], [0, 1, -page_mm[1] / 2], [0, 0, 1]])
    matrix = np.diag([distance, distance, 1]) @ to_camera @ centred
    return matrix / matrix[2, 2]


def _photograph_paper(
    pixels: Pixels,
    truth: SheetTruth,
    view: _View,
    degradation: Degradation,
    rng: np.random.Generator,
) -> Pixels:
    """Look at the paper, on its background, from the view."""
    source, mm_to_source = _reduced(pixels, truth, view)
    folds = [_Fold.random(truth.page_mm, rng) for _ in range(degradation.folds)]
    curl = _Curl.random(truth.page_mm, degradation.curl_mm, rng)
    picture = _background(view, degradation.background, rng)
    px_to_mm = np.asarray(np.linalg.inv(view.mm_to_px), dtype=np.float64)
    px_per_mm = _local_px_per_mm(view.mm_to_px, np.array(truth.page_mm) / 2)
    half_width_mm, half_height_mm = truth.page_mm[0] / 2, truth.page_mm[1] / 2
    for rows, x, y in _bands(view):
        x_mm, y_mm = _map(px_to_mm, x, y)
        outside_mm = np.maximum(
            np.abs(x_mm - half_width_mm) - half_width_mm,
            np.abs(y_mm - half_height_mm) - half_height_mm,
        )
        shade = np.ones_like(x_mm)
        for fold in folds:
            shade *= fold.shade(x_mm, y_mm)
            x_mm, y_mm = fold.bend(x_mm, y_mm)
        y_mm = curl.bend(x_mm, y_mm)
        source_x, source_y = _map(mm_to_source, x_mm, y_mm)
        paper = cv2.remap(
            source,
            source_x,
            source_y,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if degradation.background == "table":
            beside = np.exp(-np.maximum(outside_mm, 0) / _PAGE_SHADOW_MM)
            picture[rows] = picture[rows] * (1 - 0.35 * beside[..., None])
        share = np.clip(0.5 - outside_mm * px_per_mm, 0, 1)[..., None]
        mixed = share * paper * shade[..., None] + (1 - share) * picture[rows]
        picture[rows] = np.clip(np.round(mixed), 0, 255)
    return picture


def _reduced(pixels: Pixels, truth: SheetTruth, view: _View) -> tuple[Pixels, Matrix]:
    """Shrink the sheet to about the view's resolution, so that sampling it leaves no moire."""
    centre_mm = np.array(truth.page_mm) / 2
    shrink = _local_px_per_mm(view.mm_to_px, centre_mm)
    shrink /= _local_px_per_mm(truth.mm_to_image, centre_mm)
    if shrink >= 1:
        return pixels, truth.mm_to_image
    height_px, width_px = pixels.shape[:2]
    size = max(1, round(width_px * shrink)), max(1, round(height_px * shrink))
    x_scale, y_scale = size[0] / width_px, size[1] / height_px
    to_reduced = np.array(
        [[x_scale, 0, x_scale / 2 - 0.5], [0, y_scale, y_scale / 2 - 0.5], [0, 0, 1]]
    )
    reduced = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, dtype=np.uint8), to_reduced @ truth.mm_to_image


def _bands(view: _View) -> Iterator[tuple[slice, Field, Field]]:
    """Yield bands of rows of a picture, with x and y of their pixels, shape (n_rows, width)."""
    for top in range(0, view.height_px, _BAND_PX):
        rows = slice(top, min(top + _BAND_PX, view.height_px))
        y, x = np.mgrid[rows, 0 : view.width_px].astype(np.float32)
        yield rows, x, y


def _map(matrix: Matrix, x: Field, y: Field) -> tuple[Field, Field]:
    """Coordinates, any shape, through a homography."""
    (xx, xy, x0), (yx, yy, y0), (wx, wy, w0) = matrix.tolist()
    w = wx * x + wy * y + w0
    return (xx * x + xy * y + x0) / w, (yx * x + yy * y + y0) / w


@dataclass(frozen=True)
class _Fold:
    """A crease across the page: where, which way, and how it takes the light."""

    point_mm: tuple[float, float]
    normal: tuple[float, float]
    contrast: float

    @staticmethod
    def random(page_mm: tuple[float, float], rng: np.random.Generator) -> _Fold:
        """Return a fold about across or along the page, anywhere but near its edges."""
        angle = rng.choice((0.0, np.pi / 2)) + rng.normal(0, 0.05)
        x, y = rng.uniform(0.2, 0.8, size=2) * page_mm
        normal = float(np.cos(angle)), float(np.sin(angle))
        return _Fold((float(x), float(y)), normal, float(rng.uniform(-0.25, 0.25)))

    def _distance_mm(self, x_mm: Field, y_mm: Field) -> Field:
        across = (x_mm - self.point_mm[0]) * self.normal[0]
        return across + (y_mm - self.point_mm[1]) * self.normal[1]

    def shade(self, x_mm: Field, y_mm: Field) -> Field:
        """Light that reaches the paper beside the fold, 1 far from it."""
        distance = self._distance_mm(x_mm, y_mm)
        crease = np.exp(-0.5 * (distance / 0.35) ** 2)
        slope = np.sign(distance) * np.exp(-np.abs(distance) / (3 * _FOLD_REACH_MM))
        return 1 - abs(self.contrast) * 0.6 * crease + 0.3 * self.contrast * slope

    def bend(self, x_mm: Field, y_mm: Field) -> tuple[Field, Field]:
        """Where the paper is that is seen beside the fold."""
        distance = self._distance_mm(x_mm, y_mm) / _FOLD_REACH_MM
        shift = _FOLD_BEND_MM * distance * np.exp(0.5 - 0.5 * distance**2)
        return x_mm + shift * self.normal[0], y_mm + shift * self.normal[1]


@dataclass(frozen=True)
class _Curl:
    """A page that does not lie flat: its rows rise and fall along the page."""

    height_mm: float
    waves_per_mm: float
    phase: float
    skew: float

    @staticmethod
    def random(page_mm: tuple[float, float], height_mm: float, rng: np.random.Generator) -> _Curl:
        """Return a curl of about half a wave to one along the page."""
        waves = float(rng.uniform(0.4, 1.1))
        phase, skew = rng.uniform(0, 2 * np.pi), rng.uniform(-1, 1)
        return _Curl(height_mm, waves / page_mm[0], float(phase), float(skew) / page_mm[1])

    def bend(self, x_mm: Field, y_mm: Field) -> Field:
        """Where down the page the paper is that is seen in a place."""
        angle = 2 * np.pi * self.waves_per_mm * x_mm + self.phase + self.skew * y_mm
        return np.asarray(y_mm + self.height_mm * np.sin(angle), dtype=np.float32)


def _background(view: _View, kind: Literal["table", "lid"], rng: np.random.Generator) -> Pixels:
    """Return what lies around the page: a table with its grain, or a scanner's white lid."""
    size = view.width_px, view.height_px
    if kind == "lid":
        return np.asarray(Image.new("RGB", size, _LID_RGB)).copy()
    # Grain needs no more than a quarter of the resolution.
    coarse = (max(1, size[0] // 4), max(1, size[1] // 4))
    grain = np.zeros((coarse[1], coarse[0]), dtype=np.float32)
    for cells, strength in ((6, 6.0), (300, 3.0)):
        n_rows = max(2, round(cells * size[1] / size[0]))
        bumps = rng.standard_normal((n_rows, cells), dtype=np.float32)
        grain += strength * cv2.resize(bumps, coarse, interpolation=cv2.INTER_CUBIC)
    table_rgb = np.array(_TABLES_RGB[rng.integers(len(_TABLES_RGB))], dtype=np.float32)
    table = np.clip(grain[..., None] + table_rgb, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(table, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


# ---- The picture


def _light(
    height_px: int, width_px: int, degradation: Degradation, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Share of the light that reaches each pixel: a slope, dim corners, a hand's shadow."""
    n_rows = max(2, round(_FIELD_PX * height_px / width_px))
    y, x = np.mgrid[0:n_rows, 0:_FIELD_PX] / (_FIELD_PX - 1)
    y -= y.max() / 2
    x -= 0.5
    angle = rng.uniform(0, 2 * np.pi)
    dark = 0.8 * (np.cos(angle) * x + np.sin(angle) * y + 0.5)
    dark += 0.6 * (x**2 + y**2)
    dark += 0.8 * _hand(x, y, rng)
    dark = np.clip(dark, 0, None)
    field = 1 - degradation.shadow * dark / max(float(dark.max()), 1e-6)
    # Paper is never quite flat; its slopes take the light differently.
    field *= 1 + 0.025 * degradation.shadow * rng.standard_normal(field.shape)
    size = (width_px, height_px)
    smooth = cv2.resize(field.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(smooth, 0, 1), dtype=np.float32)


def _hand(x: Matrix, y: Matrix, rng: np.random.Generator) -> Matrix:
    """Shadow of a hand that holds the camera: an arm from an edge with a blob at its end."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = -np.sin(angle) * x + np.cos(angle) * y - rng.uniform(-0.3, 0.3)
    reach = rng.uniform(0.0, 0.35)
    width = rng.uniform(0.06, 0.2)
    softness = rng.uniform(0.02, 0.08)
    arm = np.abs(across) - width
    blob = np.hypot(along - reach, across) - 1.6 * width
    inside = np.minimum(np.where(along > reach, arm, 1.0), blob)
    return 1 / (1 + np.exp(np.clip(inside / softness, -30, 30)))


def _expose(pixels: Pixels, degradation: Degradation, rng: np.random.Generator) -> Pixels:
    """Light, blur, noise and loss of colour, in this order."""
    height_px, width_px = pixels.shape[:2]
    lit = degradation.shadow > 0 or degradation.light_rgb != (1.0, 1.0, 1.0)
    if lit:
        light = _light(height_px, width_px, degradation, rng)
        gain = np.array(degradation.light_rgb, dtype=np.float32)
        for top in range(0, height_px, _BAND_PX):
            rows = slice(top, top + _BAND_PX)
            bright = pixels[rows] * light[rows, :, None] * gain
            pixels[rows] = np.clip(np.round(bright), 0, 255)
    if degradation.blur_px > 0:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), degradation.blur_px), dtype=np.uint8)
    if degradation.noise > 0:
        for top in range(0, height_px, _BAND_PX):
            rows = slice(top, top + _BAND_PX)
            noise = rng.standard_normal(pixels[rows].shape, dtype=np.float32)
            noisy = pixels[rows] + degradation.noise * noise
            pixels[rows] = np.clip(np.round(noisy), 0, 255)
    if degradation.grey:
        pixels = np.asarray(Image.fromarray(pixels).convert("L").convert("RGB")).copy()
    return pixels


def _quarter_turns(width_px: int, height_px: int, turns: int) -> Matrix:
    """Homography from a picture's pixels to those of the picture turned clockwise."""
    matrix = np.eye(3)
    for turn in range(turns % 4):
        last_row = (height_px if turn % 2 == 0 else width_px) - 1
        matrix = np.array([[0, -1, last_row], [1, 0, 0], [0, 0, 1]], dtype=float) @ matrix
    return matrix


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")
