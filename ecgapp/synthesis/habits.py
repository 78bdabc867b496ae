"""What few machines do, as sheets drawn by others than us showed: habits, drawn machine by machine.

They are drawn from a random stream of their own, so that a machine without any is what it was
before there were habits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ecgapp.ecg import LEADS, SHEET_S, Layout
from ecgapp.synthesis.chance import one_of, pick
from ecgapp.synthesis.draw import printed_name, pulse_room_mm
from ecgapp.synthesis.settings_text import USUAL_SETTINGS, Spelling, settings_text
from ecgapp.synthesis.vendors import Print, VendorStyle

Habit = Literal["blanks", "pen lift", "names far left", "five seconds", "settings"]
SettingsPlace = Literal["footer", "header", "right", "none"]
Band = tuple[float, float]

# Parts of machines that judge and have a value that is kept for judging, property by property.
JUDGED_SHARE = 0.3
# Part of the machines that have a habit, where their layout allows it, and how many habits one
# has at most; set by hand.
_SHARE, _MOST_HABITS = 0.1, 2
HABITS: tuple[Habit, ...] = ("blanks", "pen lift", "names far left", "five seconds", "settings")

# From how much to how much: blanks between columns, mm; how early the pen lifts, seconds; how far
# left of the curves names begin, mm. As seen on sheets of renderers that others wrote
# (docs/reading.md); second are bands that are kept for judging.
_BLANKS_MM: tuple[Band, ...] = ((1, 3), (5, 8))
_JUDGED_BLANKS_MM: tuple[Band, ...] = ((3, 5),)
_LIFTS_S: tuple[Band, ...] = ((0.02, 0.08), (0.13, 0.2))
_JUDGED_LIFTS_S: tuple[Band, ...] = ((0.08, 0.13),)
_NAMES_LEFT_MM: tuple[Band, ...] = ((10, 16), (16, 20), (22, 24))
_JUDGED_NAMES_LEFT_MM: tuple[Band, ...] = ((20, 22),)
# Five seconds are printed as wide as ten at 25 mm/s. Columns of 2x6 would not show a beat.
_FIVE_SECONDS_MM_PER_S, _MOST_COLUMNS_OF_FIVE_S = 50.0, 4
# Where speed and gain stand on sheets of five seconds, and on others that have a habit of theirs.
_FIVE_SECONDS_PLACES: dict[SettingsPlace, float] = {"footer": 0.7, "header": 0.2, "none": 0.1}
_SETTINGS_PLACES: dict[SettingsPlace, float] = {"footer": 0.7, "header": 0.3}
_SPELLINGS: dict[Spelling, float] = {"respelled": 0.7, "labelled": 0.3}
# Blank paper beside pulses and at the page's edge, widest letter against the size of print, and
# where lines stand: left ends of footers, the header's free column, the lower right, mm. Set by
# hand, as the rest of the generated machines.
_GAP_MM, _EDGE_MM, _LETTER_WIDTH = 1.0, 4.0, 0.72
_FOOTER_LEFT_MM: Band = (6.0, 60.0)
_FOOTER_UP_MM, _HEADER_MM, _RIGHT_MM = 4.0, (100.0, 7.0), 95.0
_SIZES_MM: Band = (2.4, 3.4)


@dataclass(frozen=True)
class Printing:
    """How a machine prints, as far as habits change it.

    Attributes
    ----------
    style : VendorStyle
    speed_mm_per_s : float
    seconds : float
        What all columns show together.
    properties : mapping of str to str
        What a benchmark counts by.
    """

    style: VendorStyle
    speed_mm_per_s: float
    seconds: float
    properties: Mapping[str, str]


def with_habits(
    style: VendorStyle,
    layout: Layout,
    speed_mm_per_s: float,
    gains_mm_per_mv: tuple[float, float],
    rng: np.random.Generator,
    judging: bool,
) -> Printing:
    """Give a machine the habits that it is drawn to have, mostly none.

    Parameters
    ----------
    style : VendorStyle
        How its sheets look without habits.
    layout : Layout
    speed_mm_per_s : float
    gains_mm_per_mv : tuple of (float, float)
        Of the limb and of the chest leads.
    rng : numpy.random.Generator
        Source of everything random; of nothing else of the machine's.
    judging : bool
        Whether it may have values that are kept for judging.

    Returns
    -------
    Printing
    """
    habits = _habits(rng, layout, style)

    def judged() -> bool:
        return judging and rng.random() < JUDGED_SHARE

    seconds = SHEET_S
    properties = {
        "seconds": f"{SHEET_S:g}",
        "blanks": "none",
        "pen lift": "none",
        "names far left": "none",
    }
    if "five seconds" in habits:
        seconds, speed_mm_per_s = SHEET_S / 2, _FIVE_SECONDS_MM_PER_S
        style = _with_left(style, _pulses_mm(style, speed_mm_per_s))
        properties["seconds"] = f"{seconds:g}"
    if "blanks" in habits:
        band = one_of(rng, _JUDGED_BLANKS_MM if judged() else _BLANKS_MM)
        style = replace(style, column_blank_mm=float(rng.uniform(*band)))
        properties["blanks"] = f"{band[0]:g} to {band[1]:g} mm"
    if "pen lift" in habits:
        band = one_of(rng, _JUDGED_LIFTS_S if judged() else _LIFTS_S)
        style = replace(style, pen_lift_s=float(rng.uniform(*band)))
        properties["pen lift"] = f"{1000 * band[0]:g} to {1000 * band[1]:g} ms"
    if "names far left" in habits:
        bands = _JUDGED_NAMES_LEFT_MM if judged() else _NAMES_LEFT_MM
        style, band = _names_far_left(style, layout, speed_mm_per_s, bands, rng)
        properties["names far left"] = f"{band[0]:g} to {band[1]:g} mm"
    style, told = _with_settings(style, habits, speed_mm_per_s, gains_mm_per_mv, rng, judged)
    return Printing(style, speed_mm_per_s, seconds, properties | told)


def _habits(rng: np.random.Generator, layout: Layout, style: VendorStyle) -> set[Habit]:
    """Draw which habits a machine has, of those that its layout allows."""
    n_columns = len(layout.columns)
    # Where pulses stand between two columns, those are apart already.
    allowed = {
        "blanks": n_columns > 1 and style.pulse != "between",
        "pen lift": n_columns > 1,
        "five seconds": n_columns <= _MOST_COLUMNS_OF_FIVE_S,
    }
    drawn = [habit for habit in HABITS if rng.random() < _SHARE and allowed.get(habit, True)]
    rng.shuffle(drawn)
    return set(drawn[:_MOST_HABITS])


def _names_far_left(
    style: VendorStyle,
    layout: Layout,
    speed_mm_per_s: float,
    bands: Sequence[Band],
    rng: np.random.Generator,
) -> tuple[VendorStyle, Band]:
    """Put names in the margin, left of the pulses if these stand there, smaller if they must be."""
    room = _pulses_mm(style, speed_mm_per_s) + _GAP_MM
    names = [*LEADS, *(f"-{lead}" for lead in layout.inverted)]
    letters = max(len(printed_name(name, style.name_style)) for name in names)
    widest = letters * _LETTER_WIDTH * style.name_size_mm
    band = one_of(rng, [band for band in bands if band[1] >= room + widest] or bands[-1:])
    left_mm = float(rng.uniform(min(max(band[0], room + widest), band[1]), band[1]))
    fits = min(1.0, (left_mm - room) / widest)
    style = _with_left(style, left_mm)
    size_mm = fits * style.name_size_mm
    return replace(style, name_place="margin", names_left_mm=left_mm, name_size_mm=size_mm), band


def _pulses_mm(style: VendorStyle, speed_mm_per_s: float) -> float:
    """How far left of the curves pulses begin; 0 where none stand there."""
    return pulse_room_mm(style, speed_mm_per_s) if style.pulse in ("left", "one") else 0.0


def _with_left(style: VendorStyle, needed_mm: float) -> VendorStyle:
    """Move the curves right, and the page's edge with them, where something needs room."""
    more_mm = max(0.0, needed_mm + _EDGE_MM - style.curves_left_mm)
    return replace(
        style,
        page_mm=(style.page_mm[0] + more_mm, style.page_mm[1]),
        curves_left_mm=style.curves_left_mm + more_mm,
    )


def _with_settings(
    style: VendorStyle,
    habits: set[Habit],
    speed_mm_per_s: float,
    gains_mm_per_mv: tuple[float, float],
    rng: np.random.Generator,
    judged: Callable[[], bool],
) -> tuple[VendorStyle, dict[str, str]]:
    """Print speed and gain where and as a habit says; second is what a benchmark counts by."""
    if not habits & {"five seconds", "settings"}:
        usual = any(line.text == USUAL_SETTINGS for line in style.prints)
        return style, {
            "settings": "usual" if usual else "none",
            "settings at": "footer" if usual else "none",
        }
    spelling: Spelling = "usual"
    if "settings" in habits:
        spelling = "capitals" if judged() else pick(rng, _SPELLINGS)
    places = _FIVE_SECONDS_PLACES if "five seconds" in habits else _SETTINGS_PLACES
    place: SettingsPlace = "right" if judged() else pick(rng, places)
    text = settings_text(spelling, speed_mm_per_s, *gains_mm_per_mv, rng)
    return _with_line(style, text, place, rng), {
        "settings": spelling if place != "none" else "none",
        "settings at": place,
    }


def _with_line(
    style: VendorStyle, text: str, place: SettingsPlace, rng: np.random.Generator
) -> VendorStyle:
    """Print a line with speed and gain in a place, instead of the usual one."""
    prints = [line for line in style.prints if line.text != USUAL_SETTINGS]
    size_mm = float(rng.uniform(*_SIZES_MM))
    if place == "footer":
        prints.append(Print(float(rng.uniform(*_FOOTER_LEFT_MM)), -_FOOTER_UP_MM, size_mm, text))
    elif place == "right":
        prints.append(Print(-_RIGHT_MM, -_FOOTER_UP_MM, size_mm, text))
    elif place == "header":
        x_mm, y_mm = _HEADER_MM
        beside = [
            line for line in prints if line.x_mm == x_mm and y_mm <= line.y_mm < style.curves_top_mm
        ]
        replaced = one_of(rng, beside) if beside else None
        prints = [line for line in prints if line is not replaced]
        prints.append(Print(x_mm, replaced.y_mm if replaced else y_mm, size_mm, text))
    return replace(style, prints=tuple(prints))
