"""Draws signals as sheets of many machines, and says where on them everything lies.

Unlike `render`, which draws the pages of the one machine that printed the public data set, this
module draws any layout in any vendor's style, speed, gain and resolution, anti-aliased. It is the
test bench of everything that reads sheets: what it returns beside the picture is the truth.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ecgapp.ecg import (
    CHEST_LEADS,
    MM_PER_MV,
    MM_PER_S,
    PX_PER_MM,
    RHYTHM_STRIP_LEAD,
    RHYTHM_STRIPS,
    SHEET_S,
    Layout,
    Signals,
)
from ecgapp.synthesis.vendors import (
    VENDORS,
    GridStyle,
    NameStyle,
    Rgb,
    Typeface,
    VendorStyle,
)

BoxMm = tuple[float, float, float, float]
PointsMm = NDArray[np.float64]

# Lines are drawn at least this fine, so that pens thinner than a pixel come out right.
_STROKE_PX_PER_MM = 20
# Fractional bits of cv2's coordinates.
_SHIFT = 6
# Beside and around pulses and names; set by hand after pictures of machines' sheets.
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
    chest_gain_mm_per_mv : float
        Scale of V1 to V6.
    names_mm : tuple of (str, tuple of float)
        Each name that is printed, whatever its style, as ``V1`` or ``-aVR``, and its box.
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
    shown_s : dict of str to tuple of (float, float)
        From when until when, in seconds of the signals, each named lead's curve is drawn. A box
        begins with the first of them; it may be wider than the curve.
    seconds : float
        What the columns show together, and each strip alone.
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
    chest_gain_mm_per_mv: float = MM_PER_MV
    names_mm: tuple[tuple[str, BoxMm], ...] = ()
    shown_s: dict[str, tuple[float, float]] = field(default_factory=dict)
    seconds: float = SHEET_S

    @property
    def curves_mm(self) -> BoxMm:
        """Left, top, right and bottom of the room that all leads take together."""
        boxes = np.array(list(self.boxes_mm.values()))
        left, top = boxes[:, :2].min(axis=0).tolist()
        right, bottom = boxes[:, 2:].max(axis=0).tolist()
        return left, top, right, bottom

    def x_mm(self, name: str, time_s: float) -> float:
        """Where on the paper a named lead's curve shows a second of the signals.

        Parameters
        ----------
        name : str
            A name of `boxes_mm`.
        time_s : float

        Returns
        -------
        float
            Millimetres from the page's left edge.
        """
        return self.boxes_mm[name][0] + (time_s - self.shown_s[name][0]) * self.speed_mm_per_s

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


def as_png(picture: Image.Image) -> bytes:
    """Write a picture as a PNG file, in little time rather than space.

    Parameters
    ----------
    picture : PIL.Image.Image

    Returns
    -------
    bytes
    """
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def pulse_room_mm(vendor: VendorStyle, speed_mm_per_s: float) -> float:
    """Width of a pulse with its two feet, and of the gap between it and the curves.

    Parameters
    ----------
    vendor : VendorStyle
    speed_mm_per_s : float

    Returns
    -------
    float
    """
    return _PULSE_GAP_MM + 2 * _PULSE_FOOT_MM + vendor.pulse_s * speed_mm_per_s


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
    chest_gain_mm_per_mv: float | None = None,
    seconds: float = SHEET_S,
) -> DrawnSheet:
    """Draw the first seconds of the signals, ten mostly, as a sheet.

    Every column shows the seconds that pass while the machine prints it. Where a lead has no
    value the pen is lifted. The page is longer or shorter where the curves are.

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
    chest_gain_mm_per_mv : float, optional
        Scale of V1 to V6 where it is another: pulses then have a step of either height.
    seconds : float
        What all columns show together, at most ten.

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
    chest_gain = gain_mm_per_mv if chest_gain_mm_per_mv is None else chest_gain_mm_per_mv
    plan = _Plan(layout, rhythm_strips, vendor, speed_mm_per_s, gain_mm_per_mv, chest_gain, seconds)
    canvas = _Canvas(plan.page_mm, px_per_mm, vendor.paper_rgb)
    if vendor.grid:
        _draw_grid(canvas, plan.page_mm, vendor.grid)
    _draw_prints(canvas, plan, behind=True)
    curves = [line for cell in plan.cells() for line in _curve(signals, plan, cell)]
    canvas.stroke([*curves, *_pulses(plan)], vendor.curve_mm, vendor.curve_rgb)
    canvas.stroke(list(_separators(plan)), vendor.separator_mm, vendor.curve_rgb)
    names_mm = _draw_names(canvas, plan)
    _draw_prints(canvas, plan, behind=False)
    _draw_blocks(canvas, plan)
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
        chest_gain_mm_per_mv=chest_gain,
        names_mm=names_mm,
        shown_s={cell.name: (cell.start_s, cell.pen_up_s) for cell in plan.cells()},
        seconds=seconds,
    )
    return DrawnSheet(canvas.image, truth)


@dataclass(frozen=True)
class _Cell:
    """One named lead's place: its row from the top, the seconds of its room, and the last shown."""

    name: str
    lead: str
    row: int
    start_s: float
    end_s: float
    pen_up_s: float
    column: int = 0


@dataclass(frozen=True)
class _Plan:
    """Where things lie on a sheet, in millimetres of paper."""

    layout: Layout
    rhythm_strips: tuple[str, ...]
    vendor: VendorStyle
    speed_mm_per_s: float
    gain_mm_per_mv: float
    chest_gain_mm_per_mv: float
    seconds: float

    @property
    def page_mm(self) -> tuple[float, float]:
        width_mm, height_mm = self.vendor.page_mm
        width_mm += self.seconds * self.speed_mm_per_s - SHEET_S * MM_PER_S
        blanks_mm = (len(self.layout.columns) - 1) * self.vendor.column_blank_mm
        return width_mm + self.gap_mm + blanks_mm, height_mm

    @property
    def seconds_per_column(self) -> float:
        return self.seconds / len(self.layout.columns)

    @property
    def gap_mm(self) -> float:
        """Width of the room for pulses between the limb and the chest leads' columns."""
        if self.vendor.pulse != "between" or len(self.layout.columns) == 1:
            return 0.0
        return self.pulse_mm + 2 * _PULSE_GAP_MM

    @property
    def chest_column(self) -> int:
        """First column that shows chest leads only; the number of columns where none does."""
        columns = self.layout.columns
        chest = (k for k, names in enumerate(columns) if set(names) <= set(CHEST_LEADS))
        return next(chest, len(columns))

    def gain_of(self, lead: str) -> float:
        """Scale of a lead's curve, mm/mV."""
        return self.chest_gain_mm_per_mv if lead in CHEST_LEADS else self.gain_mm_per_mv

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
        return pulse_room_mm(self.vendor, self.speed_mm_per_s) - _PULSE_GAP_MM

    def x_mm(
        self, time_s: NDArray[np.float64] | float, column: int = 0
    ) -> NDArray[np.float64] | float:
        """Place of a time in one of the layout's columns; strips count as the first one does."""
        gap_mm = self.gap_mm if column >= self.chest_column else 0.0
        left_mm = self.vendor.curves_left_mm + gap_mm + column * self.vendor.column_blank_mm
        return left_mm + time_s * self.speed_mm_per_s

    def cells(self) -> Iterator[_Cell]:
        """All named leads, the rhythm strips last."""
        seconds = self.seconds_per_column
        for column, leads in enumerate(self.layout.columns):
            start_s, end_s = column * seconds, (column + 1) * seconds
            pen_up_s = end_s - self.vendor.pen_lift_s
            for row, lead in enumerate(leads):
                yield _Cell(lead, lead, row, start_s, end_s, pen_up_s, column)
        names = strip_names(self.rhythm_strips)
        for row, (name, lead) in enumerate(zip(names, self.rhythm_strips, strict=True)):
            yield _Cell(name, lead, self.layout.n_rows + row, 0.0, self.seconds, self.seconds)

    def box_mm(self, cell: _Cell) -> BoxMm:
        baseline_mm, half_mm = self.row_baselines_mm[cell.row], self.row_height_mm / 2
        left_mm = float(self.x_mm(cell.start_s, cell.column))
        right_mm = float(self.x_mm(cell.end_s, cell.column))
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
    dashes = grid.coarse_dashes_mm
    along_x, along_y = lines(*dashes) if dashes else (frame_x, frame_y)
    coarse = np.maximum(np.outer(along_y, coarse_x), np.outer(coarse_y, along_x))
    canvas.ink(Image.fromarray(np.round(255 * fine).astype(np.uint8)), grid.fine_rgb)
    canvas.ink(Image.fromarray(np.round(255 * coarse).astype(np.uint8)), grid.coarse_rgb)


def _curve(signals: Signals, plan: _Plan, cell: _Cell) -> Iterator[PointsMm]:
    """Yield a lead's curve in its cell, one line between any two places where it is not known."""
    rate_hz = signals.sampling_rate_hz
    first, end = round(cell.start_s * rate_hz), round(cell.pen_up_s * rate_hz) + 1
    millivolts = signals.leads[cell.lead][first:end].astype(np.float64)
    if cell.lead in plan.layout.inverted:
        millivolts = -millivolts
    time_s = (first + np.arange(len(millivolts))) / rate_hz
    y_mm = plan.row_baselines_mm[cell.row] - millivolts * plan.gain_of(cell.lead)
    # What leaves the paper is not drawn; cv2 counts in 32 bits.
    y_mm = np.clip(y_mm, -_BEYOND_PAPER_MM, plan.page_mm[1] + _BEYOND_PAPER_MM)
    points = np.column_stack([plan.x_mm(time_s, cell.column), y_mm])
    known = np.isfinite(y_mm)
    for piece in np.split(np.arange(len(points)), np.flatnonzero(np.diff(known)) + 1):
        if len(piece) and known[piece[0]]:
            yield points[piece]


def _pulses(plan: _Plan) -> list[PointsMm]:
    """Return the calibration pulses, as many as the vendor prints."""
    place, rows_mm = plan.vendor.pulse, plan.row_baselines_mm
    if place == "none":
        return []
    if place == "right":
        last = len(plan.layout.columns) - 1
        left = float(plan.x_mm(plan.seconds, last)) + _PULSE_GAP_MM
    elif place == "between" and plan.gap_mm:
        left = float(plan.x_mm(plan.chest_column * plan.seconds_per_column)) + _PULSE_GAP_MM
        rows_mm = rows_mm[: plan.layout.n_rows]
    else:
        left = plan.vendor.curves_left_mm - pulse_room_mm(plan.vendor, plan.speed_mm_per_s)
    if place == "one":
        rows_mm = rows_mm[-1:]
    return [_pulse(plan, left, baseline_mm) for baseline_mm in rows_mm]


def _pulse(plan: _Plan, left_mm: float, baseline_mm: float) -> PointsMm:
    """Return one pulse, of two heights where the chest leads' scale is another."""
    right_mm = left_mm + plan.pulse_mm
    rise, fall = left_mm + _PULSE_FOOT_MM, right_mm - _PULSE_FOOT_MM
    middle = (rise + fall) / 2
    limb, chest = plan.gain_mm_per_mv, plan.chest_gain_mm_per_mv
    x_mm, height_mm = [left_mm, rise, rise, fall, fall, right_mm], [0, 0, limb, limb, 0, 0]
    if chest != limb:
        x_mm = [left_mm, rise, rise, middle, middle, fall, fall, right_mm]
        height_mm = [0, 0, limb, limb, chest, chest, 0, 0]
    return np.column_stack([x_mm, baseline_mm - np.array(height_mm)])


def _separators(plan: _Plan) -> Iterator[PointsMm]:
    """Yield the lines that part the columns, over the rows of leads only."""
    kind = plan.vendor.separators
    rows_mm = plan.row_baselines_mm[: plan.layout.n_rows]
    top_mm, bottom_mm = rows_mm[0] - 7, rows_mm[-1] + 7
    pieces: list[tuple[float, float]] = []
    if kind == "lines":
        pieces = [(top_mm, bottom_mm)]
    elif kind == "through":
        pieces = [(plan.vendor.curves_top_mm - 5, plan.page_mm[1] - 5)]
    elif kind == "dotted":
        pieces = [(y, y + 0.4) for y in np.arange(top_mm, bottom_mm, 1.0)]
    elif kind == "dashed":
        pieces = [(y, y + 1.5) for y in np.arange(top_mm, bottom_mm, 2.5)]
    elif kind == "short":
        pieces = [(y - 1.5, y + 1.5) for y in rows_mm]
    elif kind == "ticks":
        pieces = [part for y in rows_mm for part in ((y - 6, y - 3), (y + 3, y + 6))]
    elif kind == "bars":
        pieces = [(y - 5, y + 5) for y in rows_mm]
    for column in range(1, len(plan.layout.columns)):
        begin_mm = float(plan.x_mm(column * plan.seconds_per_column, column))
        x_mm = begin_mm - plan.vendor.column_blank_mm / 2
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


def printed_name(lead: str, style: NameStyle) -> str:
    """Write a lead's name as a machine prints it.

    Parameters
    ----------
    lead : str
        One of the twelve leads, or ``-aVR``.
    style : str
        See `VendorStyle.name_style`.

    Returns
    -------
    str
    """
    limb = {"I": 1, "II": 2, "III": 3}
    if style == "capitals":
        return lead.upper()
    if style == "spaced":
        return lead if lead in limb else " ".join(lead)
    if style == "D1" and lead in limb:
        return f"D{limb[lead]}"
    if style == "DI" and lead in limb:
        return f"D{lead}"
    return lead.replace("V", "C") if style == "C1" and lead in CHEST_LEADS else lead


class _Writer:
    """Collects text of one colour and lays it on a canvas."""

    def __init__(self, canvas: _Canvas, typeface: Typeface) -> None:
        self._canvas, self._typeface = canvas, typeface
        self._mask = Image.new("L", canvas.image.size)
        self._pen = ImageDraw.Draw(self._mask)

    def write(self, x_mm: float, y_mm: float, size_mm: float, text: str, anchor: str) -> BoxMm:
        """Write a text where a point of it (Pillow's anchor) lies; returns its box."""
        scale = self._canvas.px_per_mm
        font = _font(self._typeface, max(1, round(size_mm * scale)))
        place = x_mm * scale, y_mm * scale
        self._pen.text(place, text, 255, font, anchor)
        left, top, right, bottom = self._pen.textbbox(place, text, font, anchor)
        return left / scale, top / scale, right / scale, bottom / scale

    def lay(self, rgb: Rgb) -> None:
        self._canvas.ink(self._mask, rgb)


def _draw_names(canvas: _Canvas, plan: _Plan) -> tuple[tuple[str, BoxMm], ...]:
    """Print the leads' names; returns which, and where."""
    if plan.vendor.name_place == "none":
        return ()
    writer = _Writer(canvas, plan.vendor.typeface)
    printed = []
    for cell in plan.cells():
        lead = f"-{cell.lead}" if cell.lead in plan.layout.inverted else cell.lead
        x_mm, y_mm, anchor = _name_place(plan, cell)
        name = printed_name(lead, plan.vendor.name_style)
        box_mm = writer.write(x_mm, y_mm, plan.vendor.name_size_mm, name, anchor)
        printed.append((lead, box_mm))
    writer.lay(plan.vendor.text_rgb)
    return tuple(printed)


def _draw_prints(canvas: _Canvas, plan: _Plan, behind: bool) -> None:
    """Draw the header, the footer and whatever else is written, by colour."""
    lines = [line for line in plan.vendor.prints if line.behind == behind]
    for rgb in dict.fromkeys(line.rgb for line in lines):
        writer = _Writer(canvas, plan.vendor.typeface)
        for line in lines:
            if line.rgb == rgb:
                text = line.text.format(
                    speed=plan.speed_mm_per_s, gain=plan.gain_mm_per_mv, layout=plan.layout.name
                )
                x_mm, y_mm = _on_page(plan, line.x_mm, line.y_mm)
                writer.write(x_mm, y_mm, line.size_mm, text, "ls")
        writer.lay(rgb or plan.vendor.text_rgb)


def _on_page(plan: _Plan, x_mm: float, y_mm: float) -> tuple[float, float]:
    """Count negative places from the page's right and bottom edge."""
    width_mm, height_mm = plan.page_mm
    return x_mm if x_mm >= 0 else width_mm + x_mm, y_mm if y_mm >= 0 else height_mm + y_mm


def _draw_blocks(canvas: _Canvas, plan: _Plan) -> None:
    for block in plan.vendor.blocks:
        left, top = _on_page(plan, block.left_mm, block.top_mm)
        right, bottom = _on_page(plan, block.right_mm, block.bottom_mm)
        box = [edge * canvas.px_per_mm for edge in (left, top, right, bottom)]
        pen = ImageDraw.Draw(canvas.image)
        if block.line_mm:
            width_px = max(1, round(block.line_mm * canvas.px_per_mm))
            pen.rectangle(box, outline=block.rgb, width=width_px)
        else:
            pen.rectangle(box, fill=block.rgb)


def _name_place(plan: _Plan, cell: _Cell) -> tuple[float, float, str]:
    """Return x and y of a lead's name, and which point of the text lies there (Pillow's anchor)."""
    left_mm, _, _, bottom_mm = plan.box_mm(cell)
    baseline_mm = plan.row_baselines_mm[cell.row]
    size_mm = plan.vendor.name_size_mm
    place = plan.vendor.name_place
    if place == "margin" and cell.start_s == 0:
        if plan.vendor.names_left_mm is not None:
            return left_mm - plan.vendor.names_left_mm, baseline_mm, "lm"
        return left_mm - _NAME_GAP_MM, baseline_mm, "rm"
    if place == "on":
        return left_mm, baseline_mm - 0.6, "ls"
    if place == "below":
        return left_mm + 0.3, min(baseline_mm + 3 + size_mm, bottom_mm), "ls"
    room_mm = min(5.0, plan.row_height_mm / 3)
    return left_mm + _NAME_GAP_MM, baseline_mm - room_mm, "ls"
