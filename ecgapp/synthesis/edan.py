"""Draws signals as a page, in the manner of the machine that printed the public data set.

A page is drawn in layers, each one function that adds its ink to a palette image: grid, curves,
pulses, separators, names, header, footer. `geometry.Template` says where; `PageStyle` says what
may vary from page to page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ecgapp.ecg import PX_PER_MV, PX_PER_S, RHYTHM_STRIP_LEAD, Box, Signals
from ecgapp.synthesis.edan_geometry import (
    CURVE_STROKE_PX,
    GRID_PX_PER_MM,
    NAME_BOTTOM_PX,
    NAME_LEFT_PX,
    PAGE_HEIGHT_PX,
    PAGE_WIDTH_PX,
    PULSE_FALL_PX,
    PULSE_FOOT_LEFT_PX,
    PULSE_FOOT_RIGHT_PX,
    PULSE_HEIGHT_PX,
    PULSE_RISE_PX,
    SEPARATOR_OVERHANG_PX,
    TEMPLATE_STROKE_PX,
    TEMPLATES,
    Template,
)

DPI = 200  # of the public sheets

Inks = NDArray[np.uint8]

# Palette indices; grid dots are single pixels, hence darker than they look.
_PAPER, _INK, _FRAME, _FINE_DOT, _COARSE_DOT, _COARSE_LINE = range(6)
_PALETTE = np.array(
    [
        (255, 255, 255),
        (0, 0, 0),
        (250, 164, 172),
        (140, 84, 84),
        (114, 62, 64),
        (255, 218, 216),
    ],
    dtype=np.uint8,
)

# Where the known machine's header and footer stand, measured on its development sheets.
_MARGIN_LEFT_PX = 69
_RULES = ((136, 139), (142, 145))
_RULE_RIGHT_PX = 2154
# Baseline of the first line of text below the rules, and from one line to the next.
_BODY_TOP_PX = 170
_LINE_HEIGHT_PX = 33.3
_TITLE_SIZE_PX = 42
_TEXT_SIZE_PX = 27
_FOOTER_SIZE_PX = 22

# Rows of the fitted template keep at least this far from the frame and reach this far up, for
# their name and pulse. Set by hand.
_ROW_MARGIN_PX = 12
_MIN_ROW_UP_PX = 60
_MIN_ROW_DOWN_PX = 12
# Further from the paper than the pen is wide.
_BEYOND_PAPER_PX = 10


@dataclass(frozen=True)
class PageStyle:
    """What varies between pages of one template.

    Attributes
    ----------
    grid : bool or None
        Whether to print the frame and its grid; None for the template's own way.
    title, patient_id, recorded_at : str
        Text of the header and of the footer's right end.
    filter_band : str
        The machine's filter, as its footer prints it.
    heart_rate_bpm : float or None
        Rate in the footer (and in the table of the template that has one); not printed when None.
    """

    grid: bool | None = None
    title: str = "ECG REPORT"
    patient_id: str = "000000"
    recorded_at: str = ""
    filter_band: str = "0.67~25Hz"
    heart_rate_bpm: float | None = None


def render(signals: Signals, layout_name: str, style: PageStyle | None = None) -> Image.Image:
    """Draw the first ten seconds of the signals as a page.

    Every column shows the seconds that pass while the machine prints it: the first column of 3x4
    shows 0 to 2.5 s, the second 2.5 to 5 s. Where a lead has no value the pen is lifted.

    Parameters
    ----------
    signals : Signals
        Twelve leads, mV.
    layout_name : str
        Name of a template in `geometry.TEMPLATES`: ``3x4`` (with rhythm strip), ``6x2`` (without),
        ``6x2+rhythm``.
    style : PageStyle, optional
        What else to print, and whether on a grid.

    Returns
    -------
    PIL.Image.Image
        RGB, 2213 x 1572 px, 200 dpi.

    Raises
    ------
    KeyError
        For the name of no template.
    """
    style = style or PageStyle()
    template = TEMPLATES[layout_name]
    if template.rows_fit_curves:
        template = replace(template, baselines_px=_fitted_baselines(signals, template))

    has_grid = template.has_grid if style.grid is None else style.grid
    inks = _grid(template.frame).copy() if has_grid else _blank()
    for curve in _curves(signals, template):
        _stroke(inks, curve.x_px, curve.y_px)
    for baseline_px in template.baselines_px:
        _draw_pulse(inks, baseline_px)
    _draw_separators(inks, template)

    page = Image.fromarray(inks)
    pen = ImageDraw.Draw(page)
    pen.fontmode = "1"
    _draw_names(pen, template)
    _draw_header(pen, template, style)
    _draw_footer(pen, template, style)
    page.putpalette(_PALETTE.tobytes())
    return page.convert("RGB")


@dataclass(frozen=True)
class _Curve:
    """One lead in one place on the page: x and y of its samples, NaN where the pen is lifted."""

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]


@dataclass(frozen=True)
class _Cell:
    """Where a lead is drawn and which seconds of it."""

    lead: str
    row: int
    left_px: float
    start_s: float
    end_s: float


def _cells(template: Template) -> Iterator[_Cell]:
    """All places of a template that hold a curve, the rhythm strip last."""
    seconds = template.layout.seconds_per_column
    for column, leads in enumerate(template.layout.columns):
        left_px = template.column_edges_px[column]
        for row, lead in enumerate(leads):
            yield _Cell(lead, row, left_px, column * seconds, (column + 1) * seconds)
    if template.has_rhythm_strip:
        left_px = template.column_edges_px[0]
        yield _Cell(RHYTHM_STRIP_LEAD, template.layout.n_rows, left_px, 0.0, 10.0)


def _shown(signals: Signals, cell: _Cell) -> NDArray[np.float64]:
    """Voltages that a cell shows, mV, its end included so that neighbouring curves meet."""
    start = round(cell.start_s * signals.sampling_rate_hz)
    end = round(cell.end_s * signals.sampling_rate_hz) + 1
    return signals.leads[cell.lead][start:end].astype(np.float64)


def _curves(signals: Signals, template: Template) -> Iterator[_Curve]:
    for cell in _cells(template):
        millivolts = _shown(signals, cell)
        after_s = np.arange(len(millivolts)) / signals.sampling_rate_hz
        y_px = template.baselines_px[cell.row] - millivolts * PX_PER_MV
        yield _Curve(
            x_px=cell.left_px + after_s * PX_PER_S,
            # What leaves the paper is not drawn, and must not cost as if it were.
            y_px=np.clip(y_px, -_BEYOND_PAPER_PX, PAGE_HEIGHT_PX + _BEYOND_PAPER_PX),
        )


def _fitted_baselines(signals: Signals, template: Template) -> tuple[float, ...]:
    """Rows spaced so that each has the room that its curves take, as the machine does it."""
    up_px = np.full(template.layout.n_rows, float(_MIN_ROW_UP_PX))
    down_px = np.full(template.layout.n_rows, float(_MIN_ROW_DOWN_PX))
    for cell in _cells(template):
        millivolts = _shown(signals, cell)
        known = millivolts[np.isfinite(millivolts)]
        if known.size:
            up_px[cell.row] = max(up_px[cell.row], known.max() * PX_PER_MV)
            down_px[cell.row] = max(down_px[cell.row], -known.min() * PX_PER_MV)
    room_px = template.frame.bottom - template.frame.top - 2 * _ROW_MARGIN_PX
    needed_px = float(up_px.sum() + down_px.sum())
    scale = min(1.0, room_px / needed_px)
    gap_px = (room_px - scale * needed_px) / template.layout.n_rows
    tops_px = np.concatenate([[0.0], np.cumsum(scale * (up_px + down_px) + gap_px)[:-1]])
    baselines_px = template.frame.top + _ROW_MARGIN_PX + gap_px / 2 + tops_px + scale * up_px
    return tuple(float(y) for y in np.round(baselines_px))


def _blank() -> Inks:
    return np.full((PAGE_HEIGHT_PX, PAGE_WIDTH_PX), _PAPER, dtype=np.uint8)


@lru_cache(maxsize=2)
def _grid(frame: Box) -> Inks:
    """Draw the frame and its grid on a blank page: millimetre dots, dotted lines every five."""
    inks = _blank()
    fine_x = _grid_px(frame.left, frame.right, 1.0)
    fine_y = _grid_px(frame.top, frame.bottom, 1.0)
    inks[np.ix_(fine_y, fine_x)] = _FINE_DOT
    half_mm = round(GRID_PX_PER_MM / 2)
    for line_x in _grid_px(frame.left, frame.right, 5.0):
        inks[frame.top : frame.bottom, line_x - 1 : line_x + 2] = _PAPER
        inks[frame.top : frame.bottom, line_x] = _COARSE_LINE
        inks[fine_y[:-1] + half_mm, line_x] = _COARSE_DOT
    for line_y in _grid_px(frame.top, frame.bottom, 5.0):
        inks[line_y - 1 : line_y + 2, frame.left : frame.right] = _PAPER
        inks[line_y, frame.left : frame.right] = _COARSE_LINE
        inks[line_y, fine_x[:-1] + half_mm] = _COARSE_DOT
    for x in (frame.left, frame.right):
        inks[frame.top - 1 : frame.bottom + 2, x - 1 : x + 2] = _FRAME
    for y in (frame.top, frame.bottom):
        inks[y - 1 : y + 2, frame.left - 1 : frame.right + 2] = _FRAME
    inks.setflags(write=False)
    return inks


def _grid_px(start: int, end: int, every_mm: float) -> NDArray[np.intp]:
    """Pixels of grid lines between a frame's two sides; the first line is the frame itself."""
    count = int((end - start - 2) / (every_mm * GRID_PX_PER_MM))
    return np.round(start + np.arange(1, count + 1) * every_mm * GRID_PX_PER_MM).astype(np.intp)


def _stroke(
    inks: Inks,
    x_px: NDArray[np.float64],
    y_px: NDArray[np.float64],
    thickness_px: int = CURVE_STROKE_PX,
) -> None:
    """Draw a connected line with a round pen, without anti-aliasing; NaN lifts the pen."""
    x_px, y_px = _dense(x_px, y_px)
    if not len(x_px):
        return
    offset = (thickness_px - 1) / 2
    left = np.round(x_px - offset).astype(np.intp)
    top = np.round(y_px - offset).astype(np.intp)
    # Each place once: a curve that zigzags passes through most of them many times.
    first_left, first_top = left.min(), top.min()
    touched = np.zeros((top.max() - first_top + 1, left.max() - first_left + 1), dtype=bool)
    touched[top - first_top, left - first_left] = True
    top, left = np.nonzero(touched)
    top, left = top + first_top, left + first_left
    for dy in range(thickness_px):
        for dx in range(thickness_px):
            # A pen of 4 px lacks its corners; a thinner one is square.
            if thickness_px > 3 and {dx, dy} <= {0, thickness_px - 1}:
                continue
            y, x = top + dy, left + dx
            inside = (y >= 0) & (y < inks.shape[0]) & (x >= 0) & (x < inks.shape[1])
            inks[y[inside], x[inside]] = _INK


def _dense(
    x_px: NDArray[np.float64], y_px: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points along a line no further than half a pixel apart, without those next to a NaN."""
    step_px = np.hypot(np.diff(x_px), np.diff(y_px))
    known = np.isfinite(step_px)
    pieces = np.where(known, np.ceil(2 * np.where(known, step_px, 0)), 0).astype(np.intp)
    segment = np.repeat(np.arange(len(pieces)), pieces)
    first = np.cumsum(pieces) - pieces
    part = (np.arange(len(segment)) - first[segment]) / pieces[segment]
    dense_x_px = x_px[segment] + np.diff(x_px)[segment] * part
    dense_y_px = y_px[segment] + np.diff(y_px)[segment] * part
    return dense_x_px, dense_y_px


def _draw_pulse(inks: Inks, baseline_px: float) -> None:
    """Draw the calibration pulse of 1 mV at the left of a row."""
    inset = (TEMPLATE_STROKE_PX - 1) / 2
    x_px = (
        PULSE_FOOT_LEFT_PX + inset,
        PULSE_RISE_PX,
        PULSE_RISE_PX,
        PULSE_FALL_PX,
        PULSE_FALL_PX,
        PULSE_FOOT_RIGHT_PX - inset,
    )
    top_px = baseline_px - PULSE_HEIGHT_PX
    y_px = (baseline_px, baseline_px, top_px, top_px, baseline_px, baseline_px)
    _stroke(inks, np.array(x_px, dtype=float), np.array(y_px), TEMPLATE_STROKE_PX)


def _draw_separators(inks: Inks, template: Template) -> None:
    """Draw the lines between columns, from above the first row to below the last lead's row."""
    top_px = template.baselines_px[0] - SEPARATOR_OVERHANG_PX
    bottom_px = template.baselines_px[template.layout.n_rows - 1] + SEPARATOR_OVERHANG_PX
    for x_px in template.separators_px:
        _stroke(inks, np.array([x_px, x_px]), np.array([top_px, bottom_px]), TEMPLATE_STROKE_PX)


@lru_cache(maxsize=4)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    """Pillow's own typeface, so that pages look alike on every machine."""
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, which the text on pages needs")
    return font


def _draw_names(pen: ImageDraw.ImageDraw, template: Template) -> None:
    font = _font(_TEXT_SIZE_PX)
    for cell in _cells(template):
        position = (cell.left_px + NAME_LEFT_PX, template.baselines_px[cell.row] + NAME_BOTTOM_PX)
        pen.text(position, cell.lead, _INK, font, anchor="ls")


def _draw_header(pen: ImageDraw.ImageDraw, template: Template, style: PageStyle) -> None:
    pen.text((1135, 62), style.title, _INK, _font(_TITLE_SIZE_PX), anchor="ms")
    font = _font(_TEXT_SIZE_PX)
    first_line = {
        _MARGIN_LEFT_PX: f"ID : {style.patient_id}",
        325: "Years",
        620: "cm",
        770: "kg",
        905: "/",
        955: "mmHg",
        1095: "Race:",
        1330: "Room No.:",
        1525: "Department:",
    }
    for x_px, text in first_line.items():
        pen.text((x_px, 93), text, _INK, font, anchor="ls")
    pen.text((_MARGIN_LEFT_PX, 127), "Exam.Room:", _INK, font, anchor="ls")
    pen.text((278, 127), "Medication:", _INK, font, anchor="ls")
    for top_px, bottom_px in _RULES:
        pen.rectangle((_MARGIN_LEFT_PX - 1, top_px, _RULE_RIGHT_PX, bottom_px), fill=_INK)

    # The template whose frame begins low has a table of measurements above it.
    has_table = template.frame.top > 300
    diagnosis_x_px = 514 if has_table else _MARGIN_LEFT_PX
    pen.text((diagnosis_x_px, _BODY_TOP_PX), "Diagnosis Information:", _INK, font, anchor="ls")
    if has_table:
        _draw_table(pen, style)
    signatures = ("Technician :", "Ref-Phys. :", "Report Confirmed by:")
    for line, text in enumerate(signatures, start=4 if has_table else 1):
        pen.text((1556, _BODY_TOP_PX + line * _LINE_HEIGHT_PX), text, _INK, font, anchor="ls")


def _draw_table(pen: ImageDraw.ImageDraw, style: PageStyle) -> None:
    """Draw the table of measurements, of which only the rate is ever filled in."""
    font = _font(_TEXT_SIZE_PX)
    names = ("HR", "P", "PR", "QRS", "QT/QTc", "P/QRS/T", "RV5/SV1")
    units = ("bpm", "ms", "ms", "ms", "ms", "°", "mV")
    for line, (name, unit) in enumerate(zip(names, units, strict=True)):
        y_px = _BODY_TOP_PX + line * _LINE_HEIGHT_PX
        pen.text((_MARGIN_LEFT_PX, y_px), name, _INK, font, anchor="ls")
        pen.text((254, y_px), ":", _INK, font, anchor="ls")
        pen.text((342, y_px), unit, _INK, font, anchor="ls")
    if style.heart_rate_bpm is not None:
        pen.text((275, _BODY_TOP_PX), f"{style.heart_rate_bpm:.0f}", _INK, font, anchor="ls")


def _draw_footer(pen: ImageDraw.ImageDraw, template: Template, style: PageStyle) -> None:
    layout = template.layout
    columns = f"{len(layout.columns)}*{layout.seconds_per_column:g}s"
    if template.has_rhythm_strip:
        columns += "+1r"
    parts = [style.filter_band, "AC50", "25mm/s", "10mm/mV", columns]
    if style.heart_rate_bpm is not None:
        parts.append(f"HR {style.heart_rate_bpm:.0f}")
    font = _font(_FOOTER_SIZE_PX)
    pen.text((_MARGIN_LEFT_PX, 1553), "  ".join(parts), _INK, font, anchor="ls")
    pen.text((1793, 1553), style.recorded_at, _INK, font, anchor="ls")
