"""Machines without end: every seed is another printer of twelve-lead sheets, and its operator.

Each property of a sheet is drawn on its own, so that a reader meets combinations that no vendor in
`vendors` has. Some values are kept for judging: no machine that a reader may be built on has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ecgapp.ecg import LAYOUTS, MM_PER_MV, MM_PER_S, RHYTHM_STRIP_LEAD, SHEET_S, Layout, Signals
from ecgapp.synthesis.chance import one_of, pick
from ecgapp.synthesis.degrade import photograph, scan, wear
from ecgapp.synthesis.draw import DrawnSheet, draw_sheet
from ecgapp.synthesis.habits import JUDGED_SHARE, with_habits
from ecgapp.synthesis.settings_text import USUAL_SETTINGS
from ecgapp.synthesis.vendors import (
    A4_MM,
    LETTER_MM,
    Block,
    GridStyle,
    NamePlace,
    NameStyle,
    Print,
    PulsePlace,
    Rgb,
    Separators,
    Typeface,
    VendorStyle,
)

# Shares of what machines print and ranges of how: set by hand, after the looks of `VENDORS` and of
# pictures of machines' sheets. How often machines print so was not counted.

# How a sheet comes into the computer; half of them are photographed.
CONDITIONS = ("clean", "scanned", "photographed")
_CONDITION_SHARES = (0.35, 0.15, 0.5)

# Layouts, and leads of strips.
_LAYOUT_SHARES = {
    "3x4": 0.48,
    "6x2": 0.18,
    "12x1": 0.14,
    "3x4-cabrera": 0.06,
    "6x2-cabrera": 0.04,
    "12x1-cabrera": 0.02,
    "4x3": 0.04,
    "2x6": 0.04,
}
_STRIP_SHARES: dict[tuple[str, ...], float] = {
    (): 0.3,
    (RHYTHM_STRIP_LEAD,): 0.4,
    ("V1",): 0.06,
    ("V1", "II"): 0.06,
    ("II", "V5"): 0.06,
    ("V1", "II", "V5"): 0.12,
}
_JUDGED_STRIPS: tuple[tuple[str, ...], ...] = (("aVF",), ("V5", "II"), ("II", "V1", "V5"))

# Of column marks, pulses, places and styles of names, and grids.
_SEPARATOR_SHARES: dict[Separators, float] = {
    "none": 0.35,
    "ticks": 0.15,
    "lines": 0.12,
    "dotted": 0.1,
    "short": 0.08,
    "bars": 0.08,
    "through": 0.12,
}
_PULSE_SHARES: dict[PulsePlace, float] = {
    "left": 0.55,
    "right": 0.16,
    "between": 0.05,
    "one": 0.1,
    "none": 0.14,
}
_NAME_PLACE_SHARES: dict[NamePlace, float] = {
    "above": 0.5,
    "below": 0.15,
    "on": 0.17,
    "margin": 0.13,
    "none": 0.05,
}
_NAME_STYLE_SHARES: dict[NameStyle, float] = {
    "usual": 0.72,
    "capitals": 0.1,
    "spaced": 0.06,
    "D1": 0.06,
    "C1": 0.06,
}
_GRID_SHARES = {
    "full": 0.58,
    "5 mm": 0.12,
    "dots": 0.12,
    "dashes": 0.06,
    "none": 0.12,
}
# Hue of the grid's ink in full strength; it is mixed with the paper.
_GRID_INKS: dict[str, Rgb] = {
    "red": (214, 48, 64),
    "orange": (222, 110, 60),
    "green": (60, 140, 80),
    "grey": (90, 90, 90),
    "brown": (160, 110, 70),
}
_JUDGED_GRID_INKS: dict[str, Rgb] = {"blue": (60, 90, 190), "violet": (150, 70, 170)}
_TYPEFACES: tuple[Typeface, ...] = ("sans", "sans-bold", "serif", "serif-bold", "plain")
_JUDGED_TYPEFACES: tuple[Typeface, ...] = ("mono",)
_PAPERS: tuple[Rgb, ...] = ((255, 255, 255), (252, 250, 245), (255, 240, 236), (246, 248, 240))
_PENS: tuple[Rgb, ...] = ((0, 0, 0), (20, 20, 22), (60, 60, 64), (24, 30, 90))
_NOTES = ("ST", "VES", "N", "sinus", "*", "R1", "68", "confirm", "cal")
_HEADERS = (
    "ID: 000000",
    "Name:                Age:      Sex:",
    "HR      bpm    PR      ms    QRS      ms",
    "QT/QTc     /     ms    P-R-T axes",
    "Unconfirmed report",
    "Resting ECG    Dept:      Room:",
    "Recorded 00-00-0000  00:00",
    "Sinus rhythm. Normal ECG.",
    "Referred by:        Technician:",
)
# Machines that print another scale, and those that do so without a pulse to tell it.
_RARE_GAIN_SHARE, _UNTOLD_GAIN_SHARE = 0.15, 0.03
_MIXED_GAIN_SHARE = 0.04
_FAST_PAPER_SHARE = 0.12
# Rows may be this close; at 12x1 curves then overlap, mm.
_CLOSEST_ROWS_MM, _CLOSEST_TWELVE_MM = 17.0, 11.0
_WIDEST_ROWS_MM, _WIDEST_TWELVE_MM = 44.0, 18.0
_DPI = (72.0, 400.0)
# Width of a photograph: the reader sees no more of larger ones.
_PHOTOGRAPH_PX = 3000
# Resolution at which what is photographed or scanned is drawn first, px/mm.
_PRINTED_PX_PER_MM = 8.0


@dataclass(frozen=True)
class Machine:
    """One drawn machine and how its sheet reaches the computer.

    Attributes
    ----------
    seed : int
        The seed that it was drawn with.
    style : VendorStyle
        How its sheets look.
    layout : Layout
        Which leads are printed where; of `ecg.LAYOUTS`.
    rhythm_strips : tuple of str
        Leads of the ten-second strips, from the top down.
    speed_mm_per_s, gain_mm_per_mv, chest_gain_mm_per_mv : float
        Scale.
    px_per_mm : float
        Resolution of the drawn page.
    condition : str
        One of `CONDITIONS`.
    properties : mapping of str to str
        What a benchmark counts by.
    seconds : float
        What all columns of a sheet show together.
    """

    seed: int
    style: VendorStyle
    layout: Layout
    rhythm_strips: tuple[str, ...]
    speed_mm_per_s: float
    gain_mm_per_mv: float
    chest_gain_mm_per_mv: float
    px_per_mm: float
    condition: str
    properties: Mapping[str, str]
    seconds: float = SHEET_S


def random_machine(seed: int, judging: bool = False) -> Machine:
    """Draw a machine.

    Parameters
    ----------
    seed : int
        Which one.
    judging : bool
        Whether it may have values that are kept for judging. Machines with and without have
        nothing in common for the same seed.

    Returns
    -------
    Machine
    """
    stream = (seed, 11 if judging else 10)
    rng = np.random.default_rng(stream)

    def judged() -> bool:
        return judging and rng.random() < JUDGED_SHARE

    name = pick(rng, _LAYOUT_SHARES)
    layout = LAYOUTS[name]
    strips = one_of(rng, _JUDGED_STRIPS) if judged() else pick(rng, _STRIP_SHARES)
    strips = () if layout.n_rows == 12 else strips
    ink = one_of(rng, list(_JUDGED_GRID_INKS)) if judged() else one_of(rng, list(_GRID_INKS))
    typeface = one_of(rng, _JUDGED_TYPEFACES if judged() else _TYPEFACES)
    separators = "dashed" if judged() else pick(rng, _SEPARATOR_SHARES)
    name_style: NameStyle = "DI" if judged() else pick(rng, _NAME_STYLE_SHARES)
    name_place = pick(rng, _NAME_PLACE_SHARES)
    pulse = pick(rng, _PULSE_SHARES)
    if pulse == "between" and len(layout.columns) == 1:
        pulse = "left"
    if name_place == "margin" and pulse in ("left", "one"):
        # The pulses stand there.
        name_place = "above"
    grid_kind = pick(rng, _GRID_SHARES)
    speed = 50.0 if rng.random() < _FAST_PAPER_SHARE else MM_PER_S
    gain, chest_gain = _gains(rng, pulse)
    dpi = float(np.exp(rng.uniform(*np.log(_DPI))))
    style = _style(rng, layout, strips, typeface, separators, name_style, name_place, pulse)
    style = replace(style, grid=_grid(rng, grid_kind, ink, style))
    own_rng = np.random.default_rng((*stream, 1))
    printing = with_habits(style, layout, speed, (gain, chest_gain), own_rng, judging)
    condition = str(rng.choice(CONDITIONS, p=_CONDITION_SHARES))
    n_rows = layout.n_rows + len(strips)
    spacing = (style.page_mm[1] - style.curves_bottom_mm - style.curves_top_mm) / n_rows
    properties = {
        "condition": condition,
        "layout": layout.name,
        "strips": " ".join(strips) or "none",
        "grid": grid_kind,
        "grid ink": ink if grid_kind != "none" else "none",
        "dividers": separators,
        "pulses": pulse,
        "gain": f"{gain:g}" if gain == chest_gain else "mixed",
        "speed": f"{printing.speed_mm_per_s:g}",
        "names": printing.style.name_place,
        "name style": name_style if printing.style.name_place != "none" else "none",
        "typeface": typeface,
        "rows": "close" if spacing < (14 if layout.n_rows == 12 else 22) else "usual",
        "resolution": "below 110 dpi" if dpi < 110 else "110 to 250" if dpi < 250 else "above 250",
        "pen": "thin" if style.curve_mm < 0.22 else "bold" if style.curve_mm > 0.45 else "usual",
    }
    return Machine(
        seed,
        printing.style,
        layout,
        strips,
        printing.speed_mm_per_s,
        gain,
        chest_gain,
        dpi / 25.4,
        condition,
        {**properties, **printing.properties},
        printing.seconds,
    )


def print_sheet(machine: Machine, signals: Signals) -> DrawnSheet:
    """Print signals on a machine, and bring the sheet into the computer as its operator does.

    Parameters
    ----------
    machine : Machine
    signals : Signals
        Twelve leads, mV, ten seconds; a sheet of five shows the first.

    Returns
    -------
    DrawnSheet
        The picture and the truth about it.
    """
    # A camera sees what was printed finely; a clean picture is drawn at its own resolution.
    px_per_mm = machine.px_per_mm if machine.condition == "clean" else _PRINTED_PX_PER_MM
    drawn = draw_sheet(
        signals,
        machine.layout,
        machine.rhythm_strips,
        machine.style,
        machine.speed_mm_per_s,
        machine.gain_mm_per_mv,
        px_per_mm,
        machine.chest_gain_mm_per_mv,
        machine.seconds,
    )
    if machine.condition == "photographed":
        return wear(photograph(drawn, machine.seed, _PHOTOGRAPH_PX), machine.seed)
    if machine.condition == "scanned":
        return wear(scan(drawn, machine.seed), machine.seed)
    return drawn


def _gains(rng: np.random.Generator, pulse: PulsePlace) -> tuple[float, float]:
    """Scale of the limb and of the chest leads; pulses tell nearly all rarer ones."""
    rare = _UNTOLD_GAIN_SHARE if pulse == "none" else _RARE_GAIN_SHARE
    gain = float(rng.choice((5.0, 20.0), p=(0.7, 0.3))) if rng.random() < rare else MM_PER_MV
    mixed = gain == MM_PER_MV and pulse != "none" and rng.random() < _MIXED_GAIN_SHARE
    return gain, gain / 2 if mixed else gain


def _mixed(ink: Rgb, paper: Rgb, strength: float) -> Rgb:
    red, green, blue = (
        round(strength * i + (1 - strength) * p) for i, p in zip(ink, paper, strict=True)
    )
    return red, green, blue


def _grid(rng: np.random.Generator, kind: str, ink: str, style: VendorStyle) -> GridStyle | None:
    """Draw a grid of one kind in one ink, of any contrast."""
    if kind == "none":
        return None
    strength = float(rng.uniform(0.12, 0.85))
    rgb = (_GRID_INKS | _JUDGED_GRID_INKS)[ink]
    coarse = _mixed(rgb, style.paper_rgb, strength)
    fine = _mixed(rgb, style.paper_rgb, strength * float(rng.uniform(0.45, 0.9)))
    wide = bool(rng.random() < 0.4)
    margins = (0.0, 0.0, 0.0, 0.0) if wide else _grid_margins(rng, style)
    coarse_mm = float(rng.uniform(0.15, 0.4))
    return GridStyle(
        fine,
        coarse,
        fine_mm=0.0 if kind == "5 mm" else float(rng.uniform(0.08, 0.2)) * (1 + (kind == "dots")),
        coarse_mm=coarse_mm,
        fine_dots=kind == "dots",
        coarse_dashes_mm=(1.0, 0.6)
        if kind == "dashes"
        else (0.5, coarse_mm)
        if kind == "dots" and rng.random() < 0.5
        else None,
        margins_mm=margins,
    )


def _grid_margins(
    rng: np.random.Generator, style: VendorStyle
) -> tuple[float, float, float, float]:
    """Blank paper around the grid, none of it under the curves."""
    left = float(rng.uniform(0, style.curves_left_mm - 3))
    top = max(0.0, style.curves_top_mm - float(rng.uniform(2, 8)))
    return left, top, 0.0, float(rng.uniform(0, style.curves_bottom_mm))


def _style(
    rng: np.random.Generator,
    layout: Layout,
    strips: tuple[str, ...],
    typeface: Typeface,
    separators: Separators,
    name_style: NameStyle,
    name_place: NamePlace,
    pulse: PulsePlace,
) -> VendorStyle:
    """Draw how the sheets look, without their grid."""
    page_width, page_height = one_of(rng, (A4_MM, LETTER_MM))
    n_rows = layout.n_rows + len(strips)
    twelve = layout.n_rows == 12
    closest, widest = (
        (_CLOSEST_TWELVE_MM, _WIDEST_TWELVE_MM) if twelve else (_CLOSEST_ROWS_MM, _WIDEST_ROWS_MM)
    )
    least_header = 14.0
    room = page_height - least_header - 10.0
    spacing = float(rng.uniform(closest, max(closest, min(widest, room / n_rows))))
    curves = min(spacing * n_rows, room)
    top = float(rng.uniform(least_header, max(least_header, page_height - curves - 10.0)))
    left = (
        float(rng.uniform(12.0, 16.0))
        if pulse in ("left", "one")
        else float(rng.uniform(6.0, 20.0))
    )
    # Ten seconds and the pulses beside them stay on the page.
    needed = left + 250.0 + (12.0 if pulse == "right" else 3.0)
    page_width = max(page_width, needed)
    paper = one_of(rng, _PAPERS)
    pen = one_of(rng, _PENS)
    prints, blocks = _surroundings(rng, top, page_height - top - curves)
    return VendorStyle(
        page_mm=(page_width, page_height),
        paper_rgb=paper,
        grid=None,
        curve_rgb=pen,
        curve_mm=float(rng.uniform(0.13, 0.6)),
        curves_left_mm=left,
        curves_top_mm=top,
        curves_bottom_mm=page_height - top - curves,
        typeface=typeface,
        text_rgb=pen if rng.random() < 0.8 else (40, 40, 140),
        name_size_mm=float(rng.uniform(2.4, 5.2)) * min(1.0, spacing / 16),
        name_place=name_place,
        separators=separators,
        pulse=pulse,
        prints=prints,
        separator_mm=float(rng.uniform(0.15, 0.6)),
        pulse_s=float(rng.choice((0.2, 0.1, 0.08), p=(0.7, 0.15, 0.15))),
        name_style=name_style,
        blocks=blocks,
    )


def _surroundings(
    rng: np.random.Generator, header_mm: float, footer_mm: float
) -> tuple[tuple[Print, ...], tuple[Block, ...]]:
    """Header, footer, tables, logos, watermarks, coloured notes, bars over a patient's data."""
    prints: list[Print] = []
    blocks: list[Block] = []
    size = float(rng.uniform(2.4, 4.4))
    columns = (8.0, 100.0, 190.0)[: int(rng.integers(1, 4))]
    for x_mm in columns:
        for y_mm in np.arange(7.0, header_mm - 4, 1.5 * size):
            if rng.random() < 0.7:
                prints.append(Print(x_mm, float(y_mm), size, one_of(rng, _HEADERS)))
    if footer_mm > 8 and rng.random() < 0.85:
        prints.append(Print(float(rng.uniform(6, 60)), -4.0, min(size, 3.6), USUAL_SETTINGS))
    if rng.random() < 0.15:
        blocks.append(Block(7.0, 4.0, 80.0, min(12.0, header_mm - 3), (0, 0, 0)))
    if rng.random() < 0.2 and header_mm > 22:
        bottom = header_mm - 4
        for row in np.linspace(5.0, bottom, 4)[:-1]:
            step = (bottom - 5.0) / 3
            blocks.append(Block(180.0, float(row), 250.0, float(row + step), (60, 60, 60), 0.3))
    if rng.random() < 0.1:
        blocks.append(Block(-38.0, 3.0, -24.0, min(12.0, header_mm - 2), (30, 80, 160)))
    if rng.random() < 0.08:
        prints.append(Print(60.0, 125.0, 26.0, "COPY 000000", (232, 232, 236), behind=True))
    for _ in range(int(rng.choice(4, p=(0.75, 0.1, 0.1, 0.05)))):
        x_mm, y_mm = float(rng.uniform(30, 230)), float(rng.uniform(header_mm + 4, 195))
        prints.append(Print(x_mm, y_mm, 3.0, one_of(rng, _NOTES), (200, 40, 60)))
    return tuple(prints), tuple(blocks)
