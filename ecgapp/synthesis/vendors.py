"""How the sheets of different machines look: paper, grid, pens, letters, marks.

The styles are modelled on printouts of common machines, not copies of any one of them. They say
how a sheet looks; `draw` says where things lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Rgb = tuple[int, int, int]
Typeface = Literal["sans", "sans-bold", "serif", "serif-bold", "mono", "plain"]
NamePlace = Literal["above", "below", "on", "margin", "none"]
NameStyle = Literal["usual", "capitals", "spaced", "D1", "DI", "C1"]
Separators = Literal["lines", "dotted", "dashed", "ticks", "short", "bars", "through", "none"]
PulsePlace = Literal["left", "right", "between", "one", "none"]

# ISO 216 and ANSI/ASME Y14.1, across and down.
A4_MM = (297.0, 210.0)
LETTER_MM = (279.4, 215.9)


@dataclass(frozen=True)
class GridStyle:
    """How a millimetre grid is printed.

    Attributes
    ----------
    fine_rgb, coarse_rgb : tuple of int
        Colours of the grid of one and of five millimetres.
    fine_mm, coarse_mm : float
        Widths of their lines, or diameters of their dots; 0 for none.
    fine_dots : bool
        Whether the fine grid is one dot per square millimetre instead of lines.
    coarse_dashes_mm : tuple of float or None
        Period and length of the dashes that the coarse lines are made of; None for whole lines.
    margins_mm : tuple of float
        Paper left blank around the grid: left, top, right, bottom.
    """

    fine_rgb: Rgb
    coarse_rgb: Rgb
    fine_mm: float = 0.1
    coarse_mm: float = 0.2
    fine_dots: bool = False
    coarse_dashes_mm: tuple[float, float] | None = None
    margins_mm: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


class Print(NamedTuple):
    """One line of text.

    ``x_mm`` and ``y_mm`` place the left end of its writing line; negative values count from the
    page's right and bottom edge. ``text`` may hold ``{speed:g}``, ``{gain:g}`` and ``{layout}``.
    ``rgb`` is its own colour, if it is not the vendor's; ``behind`` puts it under the curves.
    """

    x_mm: float
    y_mm: float
    size_mm: float
    text: str
    rgb: Rgb | None = None
    behind: bool = False


class Block(NamedTuple):
    """A rectangle on the page, millimetres; negative edges count from the page's far edges.

    ``line_mm`` is the width of its outline; 0 fills it.
    """

    left_mm: float
    top_mm: float
    right_mm: float
    bottom_mm: float
    rgb: Rgb
    line_mm: float = 0.0


@dataclass(frozen=True)
class VendorStyle:
    """How the sheets of one machine look.

    Attributes
    ----------
    page_mm : tuple of float
        Width and height of the page that shows ten seconds at 25 mm/s; it is as much longer or
        shorter as the curves of another sheet are.
    paper_rgb : tuple of int
        Colour of the paper.
    grid : GridStyle or None
        The grid; None for blank paper.
    curve_rgb : tuple of int
        Colour of curves, pulses and separators.
    curve_mm : float
        Width of the pen.
    curves_left_mm, curves_top_mm, curves_bottom_mm : float
        Where the curves begin, and the band in which their rows are spread evenly; the last one
        counts from the page's bottom edge.
    typeface : str
        Kind of letters. Where the system has no such font Pillow's own takes its place.
    text_rgb : tuple of int
        Colour of all text.
    name_size_mm : float
        Size of the lead names.
    name_place : str
        Where a lead's name stands: ``above`` the curve's beginning, ``below`` it, ``on`` it, or in
        the ``margin`` left of the first column and above the curves of the others; ``none`` where
        no name is printed.
    name_style : str
        How names are written: the ``usual`` way, in ``capitals`` (AVR), ``spaced`` (a V R), ``D1``
        or ``DI`` for I, ``C1`` for V1.
    separators : str
        What parts neighbouring columns: ``lines`` over the rows of leads, ``dotted`` and ``dashed``
        ones, ``through`` lines from the page's top to its bottom, ``ticks`` above and below each
        row, ``short`` ones upon it, ``bars`` across each row, ``none``.
    separator_mm : float
        Width of the separators.
    pulse : str
        Where each row's calibration pulse of 1 mV stands: ``left`` or ``right`` of the curves, or
        ``between`` the limb and the chest leads' columns, which it moves apart; ``one`` stands
        left of the lowest row only.
    pulse_s : float
        Width of its top, seconds.
    prints : tuple of Print
        Header and footer.
    blocks : tuple of Block
        Bars, boxes and tables.
    column_blank_mm : float
        Blank between neighbouring columns; strips run on.
    pen_lift_s : float
        How much earlier than its seconds each column's curves end; strips' do not.
    names_left_mm : float or None
        How far left of the first column's curves names in the ``margin`` begin; None where they
        end just left of them.
    """

    page_mm: tuple[float, float]
    paper_rgb: Rgb
    grid: GridStyle | None
    curve_rgb: Rgb
    curve_mm: float
    curves_left_mm: float
    curves_top_mm: float
    curves_bottom_mm: float
    typeface: Typeface
    text_rgb: Rgb
    name_size_mm: float
    name_place: NamePlace
    separators: Separators
    pulse: PulsePlace
    prints: tuple[Print, ...]
    separator_mm: float = 0.3
    pulse_s: float = 0.2
    name_style: NameStyle = "usual"
    blocks: tuple[Block, ...] = ()
    column_blank_mm: float = 0.0
    pen_lift_s: float = 0.0
    names_left_mm: float | None = None


# Made-up machines: sizes, colours and words set by hand after pictures of machines' sheets, so that
# no two are alike.
_BLACK = (20, 20, 22)

# By name; sizes in millimetres, negative places from the far edge.
VENDORS: dict[str, VendorStyle] = {
    "pink": VendorStyle(
        page_mm=LETTER_MM,
        paper_rgb=(255, 255, 255),
        grid=GridStyle((250, 214, 220), (238, 160, 172), margins_mm=(5, 40, 5, 12)),
        curve_rgb=_BLACK,
        curve_mm=0.25,
        curves_left_mm=19,
        curves_top_mm=42,
        curves_bottom_mm=16,
        typeface="serif",
        text_rgb=_BLACK,
        name_size_mm=3.6,
        name_place="below",
        separators="none",
        pulse="left",
        prints=(
            Print(8, 10, 4.2, "ID: 000000"),
            Print(120, 10, 4.2, "Recorded:"),
            Print(8, 18, 3.4, "Vent. rate"),
            Print(8, 22.5, 3.4, "PR interval"),
            Print(8, 27, 3.4, "QRS duration"),
            Print(8, 31.5, 3.4, "QT/QTc"),
            Print(8, 36, 3.4, "P-R-T axes"),
            Print(40, 18, 3.4, "BPM"),
            Print(40, 22.5, 3.4, "ms"),
            Print(40, 27, 3.4, "ms"),
            Print(40, 31.5, 3.4, "ms"),
            Print(85, 18, 3.4, "Unconfirmed report"),
            Print(190, 27, 3.4, "Referred by:"),
            Print(8, -5, 3.4, "{speed:g}mm/s    {gain:g}mm/mV    40Hz    005E    12SL 241"),
        ),
    ),
    "orange": VendorStyle(
        page_mm=A4_MM,
        paper_rgb=(255, 238, 228),
        grid=GridStyle((252, 202, 180), (240, 138, 108), 0.12, 0.3, margins_mm=(10, 35, 12, 15)),
        curve_rgb=(70, 70, 74),
        curve_mm=0.2,
        curves_left_mm=14,
        curves_top_mm=37,
        curves_bottom_mm=17,
        typeface="sans",
        text_rgb=(40, 40, 44),
        name_size_mm=3.8,
        name_place="above",
        separators="ticks",
        separator_mm=0.6,
        pulse="right",
        prints=(
            Print(12, 12, 4.6, "RESTING 12-LEAD"),
            Print(12, 19, 3.4, "Name:"),
            Print(12, 24, 3.4, "ID: 000000"),
            Print(12, 29, 3.4, "Sex:        Age:"),
            Print(100, 19, 3.4, "Unconfirmed Diagnosis"),
            Print(12, -7, 3.6, "ELI 000"),
            Print(80, -7, 3.6, "{speed:g} mm/sec"),
            Print(160, -7, 3.6, "{gain:g} mm/mV"),
            Print(-58, -7, 3.6, "60~ 0.05 - 150 Hz"),
        ),
    ),
    "dotted": VendorStyle(
        page_mm=A4_MM,
        paper_rgb=(252, 251, 248),
        grid=GridStyle((150, 122, 122), (205, 160, 160), 0.26, 0.24, fine_dots=True),
        curve_rgb=_BLACK,
        curve_mm=0.42,
        curves_left_mm=22,
        curves_top_mm=26,
        curves_bottom_mm=14,
        typeface="serif-bold",
        text_rgb=_BLACK,
        name_size_mm=4.6,
        name_place="on",
        separators="dotted",
        pulse="left",
        pulse_s=0.08,
        prints=(
            Print(10, 8, 4.0, "ID : 000000        Years        cm       kg       /     mmHg"),
            Print(10, 13.5, 4.0, "HR          :          bpm"),
            Print(10, 19, 4.0, "P/PR      :          ms"),
            Print(90, 13.5, 4.0, "Diagnosis Information:"),
            Print(-75, 19, 4.0, "Report Confirmed by:"),
            Print(10, -4, 3.4, "0.67~100Hz  AC50  {speed:g}mm/s  {gain:g}mm/mV  {layout}  V2.2"),
        ),
    ),
    "red": VendorStyle(
        page_mm=A4_MM,
        paper_rgb=(253, 232, 230),
        grid=GridStyle((240, 158, 162), (222, 82, 96), 0.12, 0.26, margins_mm=(0, 8, 0, 4)),
        curve_rgb=_BLACK,
        curve_mm=0.3,
        curves_left_mm=24,
        curves_top_mm=16,
        curves_bottom_mm=12,
        typeface="sans-bold",
        text_rgb=_BLACK,
        name_size_mm=3.2,
        name_place="above",
        separators="lines",
        separator_mm=0.15,
        pulse="left",
        prints=(
            Print(8, 5.5, 3.2, "000000   --/--/----   --:--   HR ---   P --- PQ --- QRS ---"),
            Print(8, -6, 3.2, "{speed:g} mm/s  {gain:g} mm/mV  F 35 Hz  50 Hz  SBS"),
        ),
    ),
    "green": VendorStyle(
        page_mm=A4_MM,
        paper_rgb=(243, 248, 241),
        grid=GridStyle((206, 224, 206), (150, 184, 156), 0.12, 0.24, margins_mm=(6, 26, 6, 14)),
        curve_rgb=(26, 34, 96),
        curve_mm=0.3,
        curves_left_mm=25,
        curves_top_mm=28,
        curves_bottom_mm=18,
        typeface="mono",
        text_rgb=(26, 34, 96),
        name_size_mm=3.6,
        name_place="above",
        separators="none",
        pulse="left",
        prints=(
            Print(10, 9, 3.6, "PAT-ID 000000          M/F        Y"),
            Print(10, 14, 3.6, "HR     /min  PQ     ms  QRS     ms  QT     ms"),
            Print(10, 19, 3.6, "AXIS"),
            Print(-90, 9, 3.6, "WARD             ROOM"),
            Print(10, -7, 3.4, "SPEED {speed:g}MM/S   SENS {gain:g}MM/MV   FILTER 0.05-150HZ"),
        ),
    ),
    "blue": VendorStyle(
        page_mm=LETTER_MM,
        paper_rgb=(255, 255, 255),
        grid=GridStyle(
            (186, 196, 220),
            (134, 148, 192),
            0.2,
            0.2,
            fine_dots=True,
            coarse_dashes_mm=(0.5, 0.2),
            margins_mm=(4, 30, 4, 12),
        ),
        curve_rgb=(34, 36, 48),
        curve_mm=0.28,
        curves_left_mm=14,
        curves_top_mm=34,
        curves_bottom_mm=16,
        typeface="serif",
        text_rgb=(34, 36, 48),
        name_size_mm=3.8,
        name_place="below",
        separators="none",
        pulse="left",
        prints=(
            Print(6, 9, 4.4, "Name:                           ID: 000000"),
            Print(6, 15, 3.4, "Technician:"),
            Print(6, 20, 3.4, "Test ind:"),
            Print(110, 15, 3.4, "Electrocardiogram, not reviewed"),
            Print(5, -5, 3.6, "{speed:g}mm/s      {gain:g}mm/mV      40Hz      005E      CID: 15"),
        ),
    ),
    "faint": VendorStyle(
        page_mm=A4_MM,
        paper_rgb=(255, 255, 255),
        grid=GridStyle((244, 244, 244), (228, 228, 228), 0.1, 0.15, margins_mm=(8, 32, 8, 18)),
        curve_rgb=(58, 58, 60),
        curve_mm=0.25,
        curves_left_mm=16,
        curves_top_mm=34,
        curves_bottom_mm=20,
        typeface="plain",
        text_rgb=(58, 58, 60),
        name_size_mm=3.6,
        name_place="above",
        separators="ticks",
        separator_mm=0.25,
        pulse="right",
        prints=(
            Print(10, 12, 5.0, "12-Lead ECG"),
            Print(10, 19, 3.4, "Patient 000000"),
            Print(10, 24, 3.4, "Date of birth"),
            Print(90, 19, 3.4, "Rate"),
            Print(90, 24, 3.4, "Intervals"),
            Print(-80, 19, 3.4, "Comment"),
            Print(10, -10, 3.2, "Paper {speed:g} mm/s, limb {gain:g} mm/mV, chest {gain:g} mm/mV"),
            Print(-70, -10, 3.2, "Page 1 of 1"),
        ),
    ),
    "blank": VendorStyle(
        page_mm=A4_MM,
        paper_rgb=(255, 255, 255),
        grid=None,
        curve_rgb=(0, 0, 0),
        curve_mm=0.45,
        curves_left_mm=20,
        curves_top_mm=36,
        curves_bottom_mm=14,
        typeface="serif",
        text_rgb=(0, 0, 0),
        name_size_mm=4.0,
        name_place="on",
        separators="lines",
        separator_mm=0.35,
        pulse="left",
        pulse_s=0.08,
        prints=(
            Print(130, 9, 5.4, "ECG REPORT"),
            Print(10, 14, 3.6, "ID : 000000      Years      cm      kg      /     mmHg"),
            Print(10, 20, 3.6, "Diagnosis Information:"),
            Print(-100, 26, 3.6, "Technician :"),
            Print(10, -4, 3.2, "0.67~25Hz  AC50  {speed:g}mm/s  {gain:g}mm/mV  {layout}"),
        ),
    ),
    "bars": VendorStyle(
        page_mm=LETTER_MM,
        paper_rgb=(255, 240, 248),
        grid=GridStyle((252, 214, 230), (255, 160, 176), 0.3, 0.5, margins_mm=(0, 24, 0, 10)),
        curve_rgb=(0, 0, 0),
        curve_mm=0.18,
        curves_left_mm=15,
        curves_top_mm=28,
        curves_bottom_mm=12,
        typeface="sans",
        text_rgb=(0, 0, 0),
        name_size_mm=5.2,
        name_place="below",
        separators="bars",
        separator_mm=0.8,
        pulse="none",
        prints=(
            Print(8, 9, 4.2, "Patient ID 000000"),
            Print(8, 16, 4.2, "Unconfirmed"),
            Print(-90, 9, 4.2, "Requested by:"),
            Print(8, -4, 3.8, "{speed:g} mm/s   {gain:g} mm/mV   0.5-40 Hz   60 Hz"),
        ),
    ),
    "beige": VendorStyle(
        page_mm=A4_MM,
        paper_rgb=(250, 244, 230),
        grid=GridStyle((238, 214, 190), (214, 168, 140), 0.12, 0.28, margins_mm=(4, 18, 4, 12)),
        curve_rgb=(30, 30, 64),
        curve_mm=0.35,
        curves_left_mm=20,
        curves_top_mm=20,
        curves_bottom_mm=14,
        typeface="sans",
        text_rgb=(60, 50, 46),
        name_size_mm=3.0,
        name_place="margin",
        separators="dotted",
        separator_mm=0.2,
        pulse="right",
        prints=(
            Print(8, 8, 3.8, "Name                              Born"),
            Print(8, 14, 3.8, "Pat. no. 000000"),
            Print(140, 8, 3.8, "P     PQ     QRS     QT     QTc     HR"),
            Print(8, -5, 3.4, "{speed:g} mm/s"),
            Print(40, -5, 3.4, "{gain:g} mm/mV"),
            Print(-70, -5, 3.4, "0.05 - 35 Hz F50 SSF"),
        ),
    ),
}
