"""Named leads: what every model and measurement reads instead of the page.

Preprocessing, to the letter: grayscale, crop, Gaussian of sigma 1, Otsu, binary 0/255. What the
print adds to a lead (its name, the separator lines, the neighbouring rows' curves) is then taken
out, so that only the lead's own curve is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import gcd
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ecgapp.digitize.crossings import tell_apart
from ecgapp.digitize.strokes import (
    flat_height_px,
    round_pen_half_width_px,
    steep_widths_px,
    stroke_edges,
)
from ecgapp.ecg import LEADS, PX_PER_MV, PX_PER_S, RHYTHM_STRIPS
from ecgapp.io.pages import ValidationStep
from ecgapp.sheet.detect.curves import CurveRuns, follow_curves
from ecgapp.sheet.locate import HALF_HEIGHT_MV, LocatedSheet
from ecgapp.sheet.located import Box

# Raise it whenever the pixels that the models see change: models and caches are keyed by it.
PREPROCESSING_VERSION = 2

# The view that the shipped models were trained on: smoothing before Otsu's threshold (pixels of the
# canonical scale), and the greys of what it parts.
GAUSSIAN_SIGMA_PX = 1.0
PAPER, INK = 255, 0

# Half the width of a separator line with its blurred edges, as the known machine prints it; so are
# the sizes that follow, in pixels of the canonical scale.
SEPARATOR_HALF_PX = 4
# Columns of one width differ by so much where their ends are rounded to whole pixels.
_ROUNDING_PX = 1

# Part of a sheet's leads whose strokes look no thicker than the pen, and how many times as thick
# another lead's may be without tremor: on 34 machines of the building seeds 32 leads are below
# 11 dB with these, 35 where each lead goes by itself and 29 at 1 time, which costs the scanned
# records up to 1.2 dB.
_PEN_QUANTILE, _PEN_TIMES = 0.25, 1.15
# Part of the steep strokes' widths that are the pen's, others being peaks and slopes, how many
# times as thick the pen may be, and how many tell it. On 48 sheets of two plotting programs leads
# are traced 0.7 dB better with it, and 21 instead of 40 of 549 are below 10 dB; at 1 time it is
# 1.1 dB, but scanned records lose up to 0.9 dB. On 33 building machines all are as without.
_STEEP_QUANTILE, _STEEP_TIMES, _ENOUGH_STEEP = 0.25, 1.1, 20

# Rows no farther apart than this are one and the same, pixels: two millimetres. Set by hand.
SAME_LINE_PX = 16

# Where a lead's name is printed: from its left edge on, by its letters, and above its baseline.
LETTER_WIDTH_PX = {"I": 12, "a": 18, "V": 24, "R": 20, "L": 20, "F": 20}
DIGIT_WIDTH_PX = 16
NAME_ABOVE_BASELINE_PX = (5, 31)
# Runs this high are the stroke of a flat curve; higher ones are steep, or touch the name.
FLAT_STROKE_PX = 9

# Side of a window that the shipped models see, and what it shows: one column of a 3x4 sheet, or the
# whole strip.
WINDOW_PX = 150
WINDOW_SECONDS = 2.5
RHYTHM_WINDOW_SECONDS = 10.0
# Part of a window's pixel that ink must cover; a stroke of the curve is 1.2 such pixels wide. Set
# by hand.
INK_COVERAGE = 0.35

_Pixel = TypeVar("_Pixel", bound=np.generic)


@dataclass(frozen=True)
class NamedLead:
    """One lead's image.

    Attributes
    ----------
    name : str
        ``I`` to ``V6``, or a strip's name, such as ``rhythm``.
    image : PIL.Image.Image
        Mode ``L``, ink 0 on paper 255, canonical scale; the baseline is at mid-height. Upwards is
        positive even where the sheet prints the lead upside down.
    curve : ndarray, shape (height, width), uint8
        The sheet's gray where the curve is, `PAPER` elsewhere; higher than the image where the
        curve leaves what the models read, the baseline at mid-height too.
    pen_aspect : float
        Height of the pen's stroke over its width: sheets of other gains have been stretched.
    pen_px : float
        Height of the pen's stroke at most, as the sheet's other leads show it; a lead with tremor
        runs flat nowhere.
    pen_half_width_px : float or None
        Half the pen's width, as the sheet's steep strokes show it; None on the known machine's
        sheets, which are traced as the networks learnt to see them.
    sureness : ndarray, shape (width,), float64, or None
        How sure the curve reader is of each column in which other ink touches the curve, 1 in the
        others; None where it was not asked.
    height_times : float
        How many times as high as in `curve` the lead is in `image` and at 10 mm/mV.
    """

    name: str
    image: Image.Image
    curve: NDArray[np.uint8]
    pen_aspect: float = 1.0
    pen_px: float = np.inf
    pen_half_width_px: float | None = None
    sureness: NDArray[np.float64] | None = None
    height_times: float = 1.0


def cut_leads(sheet: LocatedSheet) -> dict[str, NamedLead]:
    """Cut every lead that the sheet shows, preprocess it and take out what is not its curve.

    Parameters
    ----------
    sheet : LocatedSheet
        A located sheet.

    Returns
    -------
    dict of str to NamedLead
        In the order of the sheet's boxes.
    """
    runs, sureness = _lead_runs(sheet)
    half_height = round(HALF_HEIGHT_MV * PX_PER_MV)
    images, curves = {}, {}
    for name in sheet.boxes:
        images[name], curves[name] = _own_curve(sheet, name, runs[name], half_height)
        reach = _reach_px(runs[name], round(sheet.baselines_px[name]))
        if reach > half_height:
            _, curves[name] = _own_curve(sheet, name, runs[name], reach)
    pen_px, half_width_px = np.inf, None
    if sheet.aligned:
        pen_px, half_width_px = _pen(curves.values(), sheet.pen_aspect)
    return {
        name: NamedLead(
            name,
            Image.fromarray(_taller(image, sheet.height_times(name))),
            curves[name],
            sheet.pen_aspect,
            pen_px,
            half_width_px,
            sureness.get(name),
            sheet.height_times(name),
        )
        for name, image in images.items()
    }


def _pen(curves: Iterable[NDArray[np.uint8]], aspect: float) -> tuple[float, float | None]:
    """Height of the pen's stroke, from the leads that run flattest and from steep strokes.

    Second is half its width; None where there is no ink.
    """
    heights, widths, edges = [], [], []
    for curve in curves:
        columns, upper, lower = stroke_edges(curve)
        if len(columns):
            heights.append(flat_height_px(upper - lower))
            widths.append(steep_widths_px(curve, upper, lower))
            edges.append((upper, lower))
    if not heights:
        return np.inf, None
    pen_px = _PEN_TIMES * float(np.quantile(heights, _PEN_QUANTILE))
    steep = np.concatenate(widths)
    if len(steep) >= _ENOUGH_STEEP:
        steep_px = float(np.quantile(steep, _STEEP_QUANTILE))
        pen_px = min(pen_px, _STEEP_TIMES * aspect * steep_px)
    lower_px = [min(pen_px, height) for height in heights]
    return pen_px, round_pen_half_width_px(edges, lower_px, aspect)


def named_leads_check(leads: Mapping[str, NamedLead]) -> ValidationStep:
    """Compare how many of the twelve leads were cut with how many there should be.

    Parameters
    ----------
    leads : mapping of str to NamedLead

    Returns
    -------
    ValidationStep
    """
    n_named = sum(lead in leads for lead in LEADS)
    return ValidationStep(
        "Cutting out the leads",
        n_named == len(LEADS),
        f"{n_named} named leads",
        f"{len(LEADS)} named leads",
    )


def _own_curve(
    sheet: LocatedSheet, name: str, runs: CurveRuns, half_height: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut one lead so many pixels up and down from its baseline, in black and white and in gray."""
    box, baseline = sheet.boxes[name], round(sheet.baselines_px[name])
    top = max(0, baseline - half_height)
    crop = sheet.gray[top : baseline + half_height, box.left : box.right]
    # Most of the crop is no row of the curve's.
    rows = _rows_near(runs, top, len(crop))
    own = keep_own_curve(binarize(crop)[rows], runs, top + rows.start)
    # One pixel further up and down lie the curve's soft edges.
    near = cv2.erode(own, np.ones((3, 1), np.uint8))
    gray = np.where(near == INK, crop[rows], np.uint8(PAPER))
    # Leads near the page's edge are padded so that every image has its baseline half-way up.
    above = half_height - (baseline - top) + rows.start
    binary, gray = (_on_paper(part, above, 2 * half_height) for part in (own, gray))
    if name in sheet.layout.inverted:
        binary, gray = np.ascontiguousarray(binary[::-1]), np.ascontiguousarray(gray[::-1])
    return binary, gray


def _rows_near(runs: CurveRuns, top: int, height: int) -> slice:
    """Rows of a crop that are a curve's, and one more to both sides; at least one.

    The crop is so high, and begins at that row of the page.
    """
    first, stop = runs.top_px - 1 - top, runs.bottom_px + 2 - top
    here = (stop > first) & (stop > 0) & (first < height)
    if not here.any():
        return slice(0, 1)
    return slice(max(0, int(first[here].min()) - 1), min(height, int(stop[here].max()) + 1))


def _on_paper(part: NDArray[np.uint8], above: int, height: int) -> NDArray[np.uint8]:
    """Put rows on paper of a height, so many rows from its top."""
    # numpy.pad takes several times as long on so small a picture.
    whole = np.full((height, part.shape[1]), PAPER, np.uint8)
    whole[above : above + len(part)] = part
    return whole


def _taller(binary: NDArray[np.uint8], times: float) -> NDArray[np.uint8]:
    """Stretch a picture up and down around its mid-height, and leave its height as it was."""
    if times == 1:
        return binary
    height, width = binary.shape
    size = width, 2 * round(times * height / 2)
    tall = np.asarray(cv2.resize(binary, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    beyond = (len(tall) - height) // 2
    return np.ascontiguousarray(tall[beyond : beyond + height])


def _reach_px(runs: CurveRuns, baseline_px: int) -> int:
    """Rows from the baseline to beyond the curve's furthest ink."""
    shown = runs.bottom_px >= runs.top_px
    if not shown.any():
        return 0
    up, down = baseline_px - runs.top_px[shown].min(), runs.bottom_px[shown].max() - baseline_px
    return int(max(up, down)) + 2


def keep_own_curve(binary: NDArray[np.uint8], runs: CurveRuns, top_px: int) -> NDArray[np.uint8]:
    """Turn to paper whatever is not a lead's own curve.

    Parameters
    ----------
    binary : ndarray, shape (height, width), uint8
        Ink 0 on paper 255.
    runs : CurveRuns
        Of this lead, in rows of the page.
    top_px : int
        Row of the page at which ``binary`` begins.

    Returns
    -------
    ndarray, shape (height, width), uint8
    """
    # Unsigned, a row above the curve wraps to a large number: one comparison does for both ends.
    rows = np.arange(top_px, top_px + len(binary), dtype=np.uint16)[:, None]
    first = (runs.top_px - 1).astype(np.uint16)
    n_rows = np.maximum(runs.bottom_px - runs.top_px + 3, 0).astype(np.uint16)
    return np.where(rows - first < n_rows, binary, np.uint8(PAPER))


def binarize(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gaussian of sigma 1, then Otsu's threshold.

    Parameters
    ----------
    crop : ndarray, shape (height, width), uint8
        Grayscale crop.

    Returns
    -------
    ndarray, shape (height, width), uint8
        0 where there is ink, 255 elsewhere.
    """
    smooth = cv2.GaussianBlur(crop, (0, 0), GAUSSIAN_SIGMA_PX)
    _, binary = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray(binary, dtype=np.uint8)


def model_windows(lead: NamedLead) -> NDArray[np.uint8]:
    """Cut a lead into the windows that the models read.

    Every window shows the same time and voltage whatever the layout, so that a model cannot tell
    one layout from another: 2.5 s, or 10 s for the rhythm strip, by plus and minus 2.4 mV.

    Parameters
    ----------
    lead : NamedLead
        A lead.

    Returns
    -------
    ndarray, shape (n_windows, 150, 150), uint8
        Ink 255 on 0, nothing between.
    """
    ink = 255 - np.asarray(lead.image)
    seconds = RHYTHM_WINDOW_SECONDS if lead.name in RHYTHM_STRIPS else WINDOW_SECONDS
    n_windows = max(1, round(ink.shape[1] / (seconds * PX_PER_S)))
    parts = np.array_split(ink, n_windows, axis=1)
    windows = np.stack([_small(part) for part in parts])
    return np.where(windows >= INK_COVERAGE * 255, 255, 0).astype(np.uint8)


def _small(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reduce ink to a window's size, each pixel to how far ink covers it, 0 to 255."""
    size = (WINDOW_PX, WINDOW_PX)
    # Paper stays paper; rows are left out in so many that the pixels of the rest stay the same.
    height = len(ink)
    unit, unit_small = (n // gcd(height, WINDOW_PX) for n in (height, WINDOW_PX))
    rows = np.flatnonzero(ink.max(axis=1))
    if not len(rows):
        return np.zeros(size, np.uint8)
    first, stop = rows[0] // unit, rows[-1] // unit + 1
    part = ink[first * unit : stop * unit]
    small = np.zeros(size, np.uint8)
    small[first * unit_small : stop * unit_small] = cv2.resize(
        part, (WINDOW_PX, (stop - first) * unit_small), interpolation=cv2.INTER_AREA
    )
    return small


def lead_runs(sheet: LocatedSheet) -> dict[str, CurveRuns]:
    """Follow each lead's curve.

    Parameters
    ----------
    sheet : LocatedSheet
        A located sheet.

    Returns
    -------
    dict of str to CurveRuns
        Rows of the page, one value a pixel column of the lead's box; shape (width,).
    """
    return _lead_runs(sheet)[0]


def _lead_runs(
    sheet: LocatedSheet,
) -> tuple[dict[str, CurveRuns], dict[str, NDArray[np.float64]]]:
    """Follow each lead's curve; second is how sure each column is, where the reader was asked."""
    # A strip runs through all columns, wherever its ends were put.
    alone = sheet.placed_by_hand - set(sheet.strip_names)
    found = {name: _follow_alone(sheet, name) for name in alone}
    spans = [
        (names, span) for names in sheet.layout.columns if (span := _span(sheet, names)) is not None
    ]
    if not spans:
        return found, {}
    columns = [[n for n in names if n in sheet.boxes and n not in alone] for names, _ in spans]
    first_left, last_right = spans[0][1][0], spans[-1][1][1]
    first_row = min(box.top for box in sheet.boxes.values())
    last_row = max(box.bottom for box in sheet.boxes.values())
    inset = SEPARATOR_HALF_PX
    gray = sheet.gray[first_row:last_row, first_left:last_right]
    area = binarize(gray) == INK
    lefts = [left - first_left + inset for _, (left, _) in spans]
    # A column that the page's edge cuts is narrower than the others.
    on_page = [right - left - 2 * inset for _, (left, right) in spans]
    width = min(own for own in on_page if own >= max(on_page) - _ROUNDING_PX)
    widths = [min(own, width) for own in on_page]
    ink = _windows(area, lefts, widths)
    baselines = np.array(sheet.row_baselines_px)
    # Print of other machines may be broken, and is cleaned, which may break it further.
    runs = follow_curves(ink, baselines - first_row, may_have_gaps=sheet.aligned)
    sureness = None
    if sheet.aligned:
        darkness = _windows(255 - gray, lefts, widths)
        runs, sureness = tell_apart(darkness, ink, runs, baselines - first_row)

    sure: dict[str, NDArray[np.float64]] = {}
    for column, names in enumerate(columns):
        own = slice(widths[column])
        for name in names:
            row = int(np.abs(baselines - sheet.baselines_px[name]).argmin())
            top = runs.top_px[column, row, own] + first_row
            bottom = runs.bottom_px[column, row, own] + first_row
            if not sheet.aligned:
                _leave_out_name(name, top, bottom, baselines[row])
            box = sheet.boxes[name]
            found[name] = _pad(top, bottom, inset, box.right - box.left)
            if sureness is not None:
                beside = (inset, box.right - box.left - inset - widths[column])
                sure[name] = np.pad(sureness[column, row, own], beside, constant_values=1)
    for name in sheet.strip_names:
        if sheet.gaps_px:
            # Between two columns stand pulses, and the strip runs on below them.
            found[name] = _follow_alone(sheet, name)
            continue
        row = int(np.abs(baselines - sheet.baselines_px[name]).argmin())
        spread = np.concatenate([x + np.arange(n) for x, n in zip(lefts, widths, strict=True)])
        spread += first_left
        shown = np.arange(width) < np.array(widths)[:, None]
        of_row = CurveRuns(runs.top_px[:, row][shown], runs.bottom_px[:, row][shown])
        found[name] = _join_windows(of_row, spread, first_row, sheet, name)
        if sureness is not None:
            sure[name] = _join_sureness(sureness[:, row][shown], spread, sheet.boxes[name])
    return found, sure


def _windows(page: NDArray[_Pixel], lefts: list[int], widths: list[int]) -> NDArray[_Pixel]:
    """Cut windows of one height side by side from a page; what narrower ones lack is empty."""
    windows = np.zeros((len(lefts), len(page), max(widths)), page.dtype)
    for window, left, width in zip(windows, lefts, widths, strict=True):
        window[:, :width] = page[:, left : left + width]
    return windows


def _span(sheet: LocatedSheet, names: tuple[str, ...]) -> tuple[int, int] | None:
    """Find where a column of leads begins and ends, as far as it is on the page.

    Where all its leads were placed by hand that is where the layout has it.
    """
    shown = [name for name in names if name in sheet.boxes]
    as_found = [name for name in shown if name not in sheet.placed_by_hand]
    if as_found:
        box = sheet.boxes[as_found[0]]
        return box.left, box.right
    start = sheet.start_of(names[0])
    left, right = (round(start + time_s * PX_PER_S) for time_s in sheet.seconds_of(names[0]))
    on_page = left >= 0 and right <= sheet.gray.shape[1]
    return (left, right) if shown and on_page else None


def _follow_alone(sheet: LocatedSheet, name: str) -> CurveRuns:
    """Follow a lead that was placed by hand, among those that are printed above and below it."""
    box, inset = sheet.boxes[name], SEPARATOR_HALF_PX
    beside = [
        other
        for other, place in sheet.boxes.items()
        if place.left < box.right and box.left < place.right
    ]
    own = sheet.baselines_px[name]
    # What lies on the lead's own line is the same curve, and takes no part of it.
    others = [y for other in beside if abs((y := sheet.baselines_px[other]) - own) > SAME_LINE_PX]
    lines = sorted({own, *others})
    first_row = min(sheet.boxes[other].top for other in beside)
    last_row = max(sheet.boxes[other].bottom for other in beside)
    area = binarize(sheet.gray[first_row:last_row, box.left + inset : box.right - inset]) == INK
    runs = follow_curves(area[None], np.array(lines) - first_row, may_have_gaps=sheet.aligned)
    row = lines.index(own)
    top, bottom = runs.top_px[0, row] + first_row, runs.bottom_px[0, row] + first_row
    if not sheet.aligned:
        _leave_out_name(name, top, bottom, own)
    return _pad(top, bottom, inset, box.right - box.left)


def _leave_out_name(
    name: str, top: NDArray[np.int32], bottom: NDArray[np.int32], baseline: float
) -> None:
    """Cut, in place, the printed name off the runs that it touches."""
    width = sum(LETTER_WIDTH_PX.get(letter, DIGIT_WIDTH_PX) for letter in name)
    heights = bottom[:width] - top[:width] + 1
    flat = np.flatnonzero((heights > 0) & (heights <= FLAT_STROKE_PX))
    if not len(flat):
        return
    band_top, band_bottom = (baseline - above for above in reversed(NAME_ABOVE_BASELINE_PX))
    steep = np.flatnonzero(heights > FLAT_STROKE_PX)
    # The flat columns nearest to each; the same one twice where there is one side only.
    after = np.searchsorted(flat, steep)
    beside = flat[np.clip([after - 1, after], 0, len(flat) - 1)]
    line_top, line_bottom = top[beside].min(axis=0), bottom[beside].max(axis=0)
    # A run that leaves the curve on one side only, within the name's band, touches the name; one
    # that goes further is a steep part of the curve.
    up = (band_top <= top[steep]) & (top[steep] < line_top)
    up &= bottom[steep] <= line_bottom + FLAT_STROKE_PX
    top[steep[up]] = np.maximum(top[steep], line_top - 2)[up]
    down = (line_bottom < bottom[steep]) & (bottom[steep] <= band_bottom)
    down &= top[steep] >= line_top - FLAT_STROKE_PX
    bottom[steep[down]] = np.minimum(bottom[steep], line_bottom + 2)[down]


def _pad(top: NDArray[np.int32], bottom: NDArray[np.int32], left: int, width: int) -> CurveRuns:
    """Widen runs to a lead's box, with no ink where the separators are."""
    padding = (left, width - left - len(top))
    return CurveRuns(
        np.pad(top, padding, constant_values=1), np.pad(bottom, padding, constant_values=0)
    )


def _join_sureness(
    sureness: NDArray[np.float64], columns_px: NDArray[np.intp], box: Box
) -> NDArray[np.float64]:
    """Put a strip's windows together; between them nothing was asked."""
    joined = np.ones(box.right - box.left)
    places = columns_px - box.left
    shown = (places >= 0) & (places < len(joined))
    joined[places[shown]] = sureness[shown]
    return joined


def _join_windows(
    runs: CurveRuns,
    columns_px: NDArray[np.intp],
    first_row: int,
    sheet: LocatedSheet,
    name: str,
) -> CurveRuns:
    """Put a rhythm strip's windows together; between them it runs on as the nearest runs do."""
    box = sheet.boxes[name]
    x = np.arange(box.left, box.right)
    last = len(columns_px) - 1
    after = np.clip(np.searchsorted(columns_px, x), 0, last)
    before = np.clip(np.searchsorted(columns_px, x, side="right") - 1, 0, last)
    top = np.minimum(runs.top_px[before], runs.top_px[after]) + first_row
    bottom = np.maximum(runs.bottom_px[before], runs.bottom_px[after]) + first_row
    if not sheet.aligned:
        # Which lead the strip repeats is not known; most names are no wider than this one.
        _leave_out_name(
            "III",
            top[SEPARATOR_HALF_PX:],
            bottom[SEPARATOR_HALF_PX:],
            sheet.baselines_px[name],
        )
    return CurveRuns(top, bottom)
