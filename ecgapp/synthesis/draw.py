"""Draws signals as sheets of many machines, and says where on them everything lies.

Unlike `render`, which draws the pages of the one machine that printed the public data set, this
module draws any layout in any vendor's style, speed, gain and resolution, anti-aliased. It is the
test bench of everything that reads sheets: what it returns beside the picture is the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ecgapp.ecg import (
    MM_PER_MV,
    MM_PER_S,
    PX_PER_MM,
    RHYTHM_STRIP_LEAD,
    RHYTHM_STRIPS,
    Layout,
    Signals,
)
from ecgapp.synthesis.vendors import VENDORS, GridStyle, Rgb, Typeface, VendorStyle

SHEET_S = 10.0

BoxMm = tuple[float, float, float, float]
PointsMm = NDArray[np.float64]

# Lines are drawn at least this fine, so that pens thinner than a pixel come out right.
_STROKE_PX_PER_MM = 20
# Fractional bits of cv2's coordinates.
_SHIFT = 6
_PULSE_FOOT_MM = 1.2
_PULSE_GAP_MM = 0.8
_NAME_GAP_MM = 1.0
# Further from the paper than a pen is wide.
_BEYOND_PAPER_MM = 10.0

_FONT_FILES: dict[Typeface, tuple[str, ...]] = {
    "sans": ("LiberationSans-Regular.ttf", "DejaVuSans.ttf"),
    "sans-bold": ("LiberationSans-Bold.ttf", "DejaVuSans-Bold.ttf"),
    "serif": ("LiberationSerif-Regular.ttf", "DejaVuSerif.ttf"),
    "serif-bold": ("LiberationSerif-Bold.ttf", "DejaVuSerif-Bold.ttf"),
    "mono": ("LiberationMono-Regular.ttf", "DejaVuSansMono.ttf"),
    "plain": (),
}


@dataclass(frozen=True)
class SheetTruth:
    """What is known about a drawn sheet.

    Attributes
    ----------
    layout : Layout
        Which leads lie where.
    rhythm_strips : tuple of str
        Leads that the ten-second strips below the rows show, from the top down.
    speed_mm_per_s, gain_mm_per_mv : float
        Scale of the curves.
    px_per_mm : float
        Resolution of the picture before any degradation.
    boxes_mm : dict of str to tuple of float
        Left, top, right and bottom of each named lead's room, in millimetres of paper from the
        page's top left corner. Strips have the names that `strip_names` gives them.
    baselines_mm : dict of str to float
        y of 0 mV of each named lead.
    page_mm : tuple of float
        Width and height of the page, whole pixels before any degradation.
    mm_to_image : ndarray of float64, shape (3, 3)
        Homography from millimetres of paper to pixel centres of the picture.
    """

    layout: Layout
    rhythm_strips: tuple[str, ...]
    speed_mm_per_s: float
    gain_mm_per_mv: float
    px_per_mm: float
    boxes_mm: dict[str, BoxMm]
    baselines_mm: dict[str, float]
    page_mm: tuple[float, float]
    mm_to_image: NDArray[np.float64]

    @property
    def curves_mm(self) -> BoxMm:
        """Left, top, right and bottom of the room that all leads take together."""
        boxes = np.array(list(self.boxes_mm.values()))
        left, top = boxes[:, :2].min(axis=0).tolist()
        right, bottom = boxes[:, 2:].max(axis=0).tolist()
        return left, top, right, bottom

    def to_image(self, points_mm: PointsMm) -> NDArray[np.float64]:
        """Pixel centres of the picture, shape (n, 2), of points of the paper, shape (n, 2)."""
        homogeneous = np.column_stack([points_mm, np.ones(len(points_mm))]) @ self.mm_to_image.T
        return homogeneous[:, :2] / homogeneous[:, 2:]


@dataclass(frozen=True)
class DrawnSheet:
    """A picture of a sheet and what is known about it.

    Attributes
    ----------
    image : PIL.Image.Image
        The picture, RGB.
    truth : SheetTruth
        What it shows, and where.
    """

    image: Image.Image
    truth: SheetTruth


def strip_names(rhythm_strips: Sequence[str]) -> tuple[str, ...]:
    """Names of the boxes of ten-second strips, from the top down.

    Parameters
    ----------
    rhythm_strips : sequence of str
        Leads that the strips show, from the top down, at most three.

    Returns
    -------
    tuple of str
        ``rhythm`` for the strip that shows lead II, else for the lowest; ``rhythm_2`` and
        ``rhythm_3`` for the others.
    """
    if not rhythm_strips:
        return ()
    shows_ii = RHYTHM_STRIP_LEAD in rhythm_strips
    first = rhythm_strips.index(RHYTHM_STRIP_LEAD) if shows_ii else len(rhythm_strips) - 1
    others = iter(RHYTHM_STRIPS[1:])
    return tuple(
        RHYTHM_STRIPS[0] if place == first else next(others) for place in range(len(rhythm_strips))
    )


def draw_sheet(
    signals: Signals,
    layout: Layout,
    rhythm_strips: tuple[str, ...] = (),
    vendor: VendorStyle = VENDORS["pink"],
    speed_mm_per_s: float = MM_PER_S,
    gain_mm_per_mv: float = MM_PER_MV,
    px_per_mm: float = PX_PER_MM,
) -> DrawnSheet:
    """Draw the first ten seconds of the signals as a sheet.

    Every column shows the seconds that pass while the machine prints it. Where a lead has no
    value the pen is lifted. At another speed than 25 mm/s the page is longer or shorter.

    Parameters
    ----------
    signals : Signals
        Twelve leads, mV.
    layout : Layout
        Which leads to print where.
    rhythm_strips : tuple of str
        Leads to print over ten seconds below the rows, from the top down; at most three.
    vendor : VendorStyle
        How the sheet looks.
    speed_mm_per_s, gain_mm_per_mv : float
        Scale of the curves.
    px_per_mm : float
        Resolution of the picture, 4 to 24.

    Returns
    -------
    DrawnSheet
        The picture and the truth about it.

    Raises
    ------
    ValueError
        For more than three strips.
    """
    if len(rhythm_strips) > len(RHYTHM_STRIPS):
        raise ValueError(f"{len(rhythm_strips)} rhythm strips; at most {len(RHYTHM_STRIPS)}")
    plan = _Plan(layout, rhythm_strips, vendor, speed_mm_per_s, gain_mm_per_mv)
    canvas = _Canvas(plan.page_mm, px_per_mm, vendor.paper_rgb)
    if vendor.grid:
        _draw_grid(canvas, plan.page_mm, vendor.grid)
    curves = [line for cell in plan.cells() for line in _curve(signals, plan, cell)]
    pulses = [_pulse(plan, baseline_mm) for baseline_mm in plan.row_baselines_mm]
    canvas.stroke([*curves, *(p for p in pulses if len(p))], vendor.curve_mm, vendor.curve_rgb)
    canvas.stroke(list(_separators(plan)), vendor.separator_mm, vendor.curve_rgb)
    _draw_text(canvas, plan)
    truth = SheetTruth(
        layout=layout,
        rhythm_strips=rhythm_strips,
        speed_mm_per_s=speed_mm_per_s,
        gain_mm_per_mv=gain_mm_per_mv,
        px_per_mm=px_per_mm,
        boxes_mm={cell.name: plan.box_mm(cell) for cell in plan.cells()},
        baselines_mm={cell.name: plan.row_baselines_mm[cell.row] for cell in plan.cells()},
        page_mm=canvas.page_mm,
        mm_to_image=canvas.mm_to_px,
    )
    return DrawnSheet(canvas.image, truth)


@dataclass(frozen=True)
class _Cell:
    """One named lead's place: its row from the top, and the seconds that it shows."""

    name: str
    lead: str
    row: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class _Plan:
    """Where things lie on a sheet, in millimetres of paper."""

    layout: Layout
    rhythm_strips: tuple[str, ...]
    vendor: VendorStyle
    speed_mm_per_s: float
    gain_mm_per_mv: float

    @property
    def page_mm(self) -> tuple[float, float]:
        width_mm, height_mm = self.vendor.page_mm
        return width_mm + SHEET_S * (self.speed_mm_per_s - MM_PER_S), height_mm

    @property
    def row_height_mm(self) -> float:
        bottom_mm = self.page_mm[1] - self.vendor.curves_bottom_mm
        n_rows = self.layout.n_rows + len(self.rhythm_strips)
        return (bottom_mm - self.vendor.curves_top_mm) / n_rows

    @property
    def row_baselines_mm(self) -> tuple[float, ...]:
        n_rows = self.layout.n_rows + len(self.rhythm_strips)
        top_mm = self.vendor.curves_top_mm
        return tuple(top_mm + (row + 0.5) * self.row_height_mm for row in range(n_rows))

    @property
    def pulse_mm(self) -> float:
        """Width of a pulse with its two feet."""
        return 2 * _PULSE_FOOT_MM + self.vendor.pulse_s * self.speed_mm_per_s

    def x_mm(self, time_s: NDArray[np.float64] | float) -> NDArray[np.float64] | float:
        return self.vendor.curves_left_mm + time_s * self.speed_mm_per_s

    def cells(self) -> Iterator[_Cell]:
        """All named leads, the rhythm strips last."""
        seconds = self.layout.seconds_per_column
        for column, leads in enumerate(self.layout.columns):
            for row, lead in enumerate(leads):
                yield _Cell(lead, lead, row, column * seconds, (column + 1) * seconds)
        names = strip_names(self.rhythm_strips)
        for row, (name, lead) in enumerate(zip(names, self.rhythm_strips, strict=True)):
            yield _Cell(name, lead, self.layout.n_rows + row, 0.0, SHEET_S)

    def box_mm(self, cell: _Cell) -> BoxMm:
        baseline_mm, half_mm = self.row_baselines_mm[cell.row], self.row_height_mm / 2
        left_mm, right_mm = float(self.x_mm(cell.start_s)), float(self.x_mm(cell.end_s))
        return left_mm, baseline_mm - half_mm, right_mm, baseline_mm + half_mm


class _Canvas:
    """A picture that takes ink by millimetres of paper."""

    def __init__(self, page_mm: tuple[float, float], px_per_mm: float, paper_rgb: Rgb) -> None:
        size = round(page_mm[0] * px_per_mm), round(page_mm[1] * px_per_mm)
        self.px_per_mm = px_per_mm
        self.image = Image.new("RGB", size, paper_rgb)

    @property
    def page_mm(self) -> tuple[float, float]:
        """Width and height of the page, rounded to whole pixels."""
        return self.image.width / self.px_per_mm, self.image.height / self.px_per_mm

    @property
    def mm_to_px(self) -> NDArray[np.float64]:
        """Homography from millimetres of paper to pixel centres, shape (3, 3)."""
        scale = self.px_per_mm
        return np.array([[scale, 0, -0.5], [0, scale, -0.5], [0, 0, 1]])

    def ink(self, coverage: Image.Image, rgb: Rgb) -> None:
        """Lay ink where coverage, in mode "L", is above 0; 255 covers wholly."""
        self.image.paste(rgb, mask=coverage)

    def stroke(self, lines_mm: Sequence[PointsMm], width_mm: float, rgb: Rgb) -> None:
        """Draw connected lines, each of shape (n_points, 2), with a round pen."""
        if not lines_mm:
            return
        fineness = int(np.ceil(_STROKE_PX_PER_MM / self.px_per_mm))
        width_px, height_px = self.image.size
        fine = np.zeros((height_px * fineness, width_px * fineness), dtype=np.uint8)
        scale = self.px_per_mm * fineness
        # cv2 draws anti-aliased lines of an even thickness about 1.44 px wider than told.
        thickness = max(1, 2 * round((width_mm * scale - 1.44) / 2))
        for line_mm in lines_mm:
            points = np.round((line_mm * scale - 0.5) * 2**_SHIFT).astype(np.int32)
            cv2.polylines(fine, [points], False, 255, thickness, cv2.LINE_AA, _SHIFT)
        if fineness > 1:
            shrunk = cv2.resize(fine, (width_px, height_px), interpolation=cv2.INTER_AREA)
            fine = np.asarray(shrunk, dtype=np.uint8)
        self.ink(Image.fromarray(fine), rgb)

    def bands(
        self, centres_mm: NDArray[np.float64], width_mm: float, axis: int
    ) -> NDArray[np.float32]:
        """Share of each pixel column (axis 0) or row (axis 1) that bands cover, 0 to 1."""
        edges_mm = np.arange(self.image.size[axis] + 1) / self.px_per_mm
        after_mm = edges_mm[:, None] - (centres_mm - width_mm / 2)
        covered_mm = np.clip(after_mm, 0, width_mm).sum(axis=1)
        share = np.diff(covered_mm) * self.px_per_mm
        return np.clip(share, 0, 1).astype(np.float32)


def _draw_grid(canvas: _Canvas, page_mm: tuple[float, float], grid: GridStyle) -> None:
    """Draw the millimetre grid, the coarse one over the fine one."""
    left, top, right, bottom = grid.margins_mm
    width_mm, height_mm = page_mm[0] - left - right, page_mm[1] - top - bottom
    # The coarse grid ends with a whole square, or at the edge of the paper.
    width_mm = width_mm // 5 * 5 if right else width_mm
    height_mm = height_mm // 5 * 5 if bottom else height_mm
    frame_x = canvas.bands(np.array([left + width_mm / 2]), width_mm + grid.coarse_mm, axis=0)
    frame_y = canvas.bands(np.array([top + height_mm / 2]), height_mm + grid.coarse_mm, axis=1)

    def lines(every_mm: float, width: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        across = canvas.bands(left + np.arange(0, width_mm + 0.1, every_mm), width, axis=0)
        down = canvas.bands(top + np.arange(0, height_mm + 0.1, every_mm), width, axis=1)
        return across * frame_x, down * frame_y

    fine_x, fine_y = lines(1.0, grid.fine_mm)
    coarse_x, coarse_y = lines(5.0, grid.coarse_mm)
    if grid.fine_dots:
        fine = np.outer(fine_y, fine_x)
    else:
        fine = np.maximum(np.outer(frame_y, fine_x), np.outer(fine_y, frame_x))
    along_x, along_y = lines(0.5, grid.coarse_mm) if grid.coarse_dots else (frame_x, frame_y)
    coarse = np.maximum(np.outer(along_y, coarse_x), np.outer(coarse_y, along_x))
    canvas.ink(Image.fromarray(np.round(255 * fine).astype(np.uint8)), grid.fine_rgb)
    canvas.ink(Image.fromarray(np.round(255 * coarse).astype(np.uint8)), grid.coarse_rgb)


def _curve(signals: Signals, plan: _Plan, cell: _Cell) -> Iterator[PointsMm]:
    """Yield a lead's curve in its cell, one line between any two places where it is not known."""
    rate_hz = signals.sampling_rate_hz
    first, end = round(cell.start_s * rate_hz), round(cell.end_s * rate_hz) + 1
    millivolts = signals.leads[cell.lead][first:end].astype(np.float64)
    if cell.lead in plan.layout.inverted:
        millivolts = -millivolts
    time_s = (first + np.arange(len(millivolts))) / rate_hz
    y_mm = plan.row_baselines_mm[cell.row] - millivolts * plan.gain_mm_per_mv
    # What leaves the paper is not drawn; cv2 counts in 32 bits.
    y_mm = np.clip(y_mm, -_BEYOND_PAPER_MM, plan.page_mm[1] + _BEYOND_PAPER_MM)
    points = np.column_stack([plan.x_mm(time_s), y_mm])
    known = np.isfinite(y_mm)
    for piece in np.split(np.arange(len(points)), np.flatnonzero(np.diff(known)) + 1):
        if len(piece) and known[piece[0]]:
            yield points[piece]


def _pulse(plan: _Plan, baseline_mm: float) -> PointsMm:
    """Return a row's calibration pulse; without points where the vendor prints none."""
    if plan.vendor.pulse == "none":
        return np.empty((0, 2))
    if plan.vendor.pulse == "left":
        left = plan.vendor.curves_left_mm - _PULSE_GAP_MM - plan.pulse_mm
    else:
        left = float(plan.x_mm(SHEET_S)) + _PULSE_GAP_MM
    right = left + plan.pulse_mm
    rise, fall = left + _PULSE_FOOT_MM, right - _PULSE_FOOT_MM
    x_mm = np.array([left, rise, rise, fall, fall, right])
    height_mm = plan.gain_mm_per_mv * np.array([0, 0, 1, 1, 0, 0])
    return np.column_stack([x_mm, baseline_mm - height_mm])


def _separators(plan: _Plan) -> Iterator[PointsMm]:
    """Yield the lines that part the columns, over the rows of leads only."""
    kind = plan.vendor.separators
    seconds = plan.layout.seconds_per_column
    rows_mm = plan.row_baselines_mm[: plan.layout.n_rows]
    top_mm, bottom_mm = rows_mm[0] - 7, rows_mm[-1] + 7
    pieces: list[tuple[float, float]] = []
    if kind == "lines":
        pieces = [(top_mm, bottom_mm)]
    elif kind == "dotted":
        pieces = [(y, y + 0.4) for y in np.arange(top_mm, bottom_mm, 1.0)]
    elif kind == "ticks":
        pieces = [part for y in rows_mm for part in ((y - 6, y - 3), (y + 3, y + 6))]
    elif kind == "bars":
        pieces = [(y - 5, y + 5) for y in rows_mm]
    for column in range(1, len(plan.layout.columns)):
        x_mm = float(plan.x_mm(column * seconds))
        for start_mm, end_mm in pieces:
            yield np.array([[x_mm, start_mm], [x_mm, end_mm]])


@lru_cache(maxsize=64)
def _font(typeface: Typeface, size_px: int) -> ImageFont.FreeTypeFont:
    """Return the first font of a kind that the system has, Pillow's own where it has none."""
    for file in _FONT_FILES[typeface]:
        try:
            return ImageFont.truetype(file, size_px)
        except OSError:
            continue
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, which the text on sheets needs")
    return font


def _draw_text(canvas: _Canvas, plan: _Plan) -> None:
    """Draw the lead names, the header and the footer."""
    mask = Image.new("L", canvas.image.size)
    pen = ImageDraw.Draw(mask)

    def write(x_mm: float, y_mm: float, size_mm: float, text: str, anchor: str) -> None:
        font = _font(plan.vendor.typeface, max(1, round(size_mm * canvas.px_per_mm)))
        pen.text((x_mm * canvas.px_per_mm, y_mm * canvas.px_per_mm), text, 255, font, anchor)

    size_mm = plan.vendor.name_size_mm
    for cell in plan.cells():
        name = f"-{cell.lead}" if cell.lead in plan.layout.inverted else cell.lead
        x_mm, y_mm, anchor = _name_place(plan, cell)
        write(x_mm, y_mm, size_mm, name, anchor)
    width_mm, height_mm = plan.page_mm
    for line in plan.vendor.prints:
        text = line.text.format(
            speed=plan.speed_mm_per_s, gain=plan.gain_mm_per_mv, layout=plan.layout.name
        )
        x_mm = line.x_mm if line.x_mm >= 0 else width_mm + line.x_mm
        y_mm = line.y_mm if line.y_mm >= 0 else height_mm + line.y_mm
        write(x_mm, y_mm, line.size_mm, text, "ls")
    canvas.ink(mask, plan.vendor.text_rgb)


def _name_place(plan: _Plan, cell: _Cell) -> tuple[float, float, str]:
    """Return x and y of a lead's name, and which point of the text lies there (Pillow's anchor)."""
    left_mm, _, _, bottom_mm = plan.box_mm(cell)
    baseline_mm = plan.row_baselines_mm[cell.row]
    size_mm = plan.vendor.name_size_mm
    place = plan.vendor.name_place
    if place == "margin" and cell.start_s == 0:
        return left_mm - _NAME_GAP_MM, baseline_mm, "rm"
    if place == "on":
        return left_mm, baseline_mm - 0.6, "ls"
    if place == "below":
        return left_mm + 0.3, min(baseline_mm + 3 + size_mm, bottom_mm), "ls"
    room_mm = min(5.0, plan.row_height_mm / 3)
    return left_mm + _NAME_GAP_MM, baseline_mm - room_mm, "ls"
