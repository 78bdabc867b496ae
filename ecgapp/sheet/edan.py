"""Find the layout, the lead boxes and the baselines on a page of the known machine, as scanned.

The page tells its layout by two printed marks that every sheet of the known machine carries and
that nothing else combines: one calibration pulse a row, and the lines that separate the columns of
leads. Both are looked for in the image alone; header, footer and grid are never read.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import (
    LAYOUT_3X4,
    LAYOUT_6X2,
    PX_PER_MM,
    PX_PER_S,
    RHYTHM_STRIP,
    Box,
    Layout,
)
from ecgapp.errors import Refusal
from ecgapp.io.pages import PageImage, size_check
from ecgapp.sheet.located import STEP, LocatedSheet, LocatingStep, lead_box
from ecgapp.synthesis.edan_geometry import (
    CURVES_LEFT_PX,
    PULSE_FALL_PX,
    PULSE_HEIGHT_PX,
    PULSE_RISE_PX,
    TEMPLATE_STROKE_PX,
)

# What is not in the machine's table of geometry (`ecgapp.synthesis.edan_geometry`) was set by hand
# on its development sheets, in pixels of the canonical scale: `ecgapp check leads` finds the layout
# of all 1,352 with it.

# Grey below which a pixel counts as ink: grid dots are lighter, curve and marks are near black.
INK_BELOW = 128

# A calibration pulse with its foot lines, as thick as the thickest print; the feet lie at 0 mV.
PULSE_STROKE_PX = TEMPLATE_STROKE_PX + 1
PULSE_LEFT_PX = round(PULSE_RISE_PX) - 1
PULSE_WIDTH_PX = round(PULSE_FALL_PX - PULSE_RISE_PX) + PULSE_STROKE_PX
PULSE_FOOT_PX = 10
PULSE_MATCH = 0.7
# Two pulses may overlap; in the data neighbouring rows are at least 64 px apart.
MIN_PULSE_DISTANCE_PX = 55

# From the left flank of the pulse to the first sample of the first lead.
PULSE_TO_CURVE_PX = CURVES_LEFT_PX + 1 - PULSE_LEFT_PX
SHIFT_TOLERANCE_PX = 24

# Part of the span between the first and the last baseline that a separator line covers.
SEPARATOR_COVERAGE = 0.9
SEPARATOR_SEARCH_PX = 4

# What the known machine prints.
NATIVE_LAYOUTS = (LAYOUT_3X4, LAYOUT_6X2)

# Part of a lead's columns that must hold ink near the lead for it to count as shown.
CURVE_COVERAGE = 0.5


def locate_native(page: PageImage) -> LocatedSheet:
    """Find the named leads of a sheet at native scale.

    Parameters
    ----------
    page : PageImage
        A page of one of the known sizes.

    Returns
    -------
    LocatedSheet
        Layout, boxes and baselines; `aligned` is False.

    Raises
    ------
    Refusal
        ``unknown_size`` for a page of another size, ``not_an_ecg`` when the calibration pulses
        are missing, ``unknown_layout`` when the rows form no known twelve-lead layout,
        ``leads_missing`` when a lead's curve is not there.
    """
    _require_known_size(page)
    ink = page.gray < INK_BELOW
    pulse_left, baselines = find_edan_pulses(page.gray)
    if len(baselines) < 3:
        raise Refusal(
            "not_an_ecg",
            STEP,
            f"Finding the leads: {len(baselines)} calibration pulses found at the left of the "
            "page, at least 3 needed: this does not look like a 12-lead ECG sheet. Upload the "
            "whole sheet as the machine printed it.",
        )
    curve_left = pulse_left + PULSE_TO_CURVE_PX
    layout, has_rhythm_strip = _find_layout(ink, curve_left, baselines)
    boxes, baselines_px = _place_boxes(
        layout, has_rhythm_strip, curve_left, baselines, page.gray.shape
    )
    _require_curves(ink, boxes, baselines_px)
    start_px = _start_px(ink, layout, curve_left, baselines)
    return LocatedSheet(
        layout=layout,
        rhythm_strips=(None,) if has_rhythm_strip else (),
        aligned=False,
        px_per_mm=PX_PER_MM,
        gray=page.gray,
        boxes=boxes,
        baselines_px=baselines_px,
        start_px=start_px,
        to_upload=np.eye(3),
        steps=_steps(layout, has_rhythm_strip, len(baselines)),
    )


def _steps(layout: Layout, has_rhythm_strip: bool, n_pulses: int) -> tuple[LocatingStep, ...]:
    """Say what was found; nothing here is a guess, since anything short of it is refused."""
    strip = "with" if has_rhythm_strip else "without"
    return (
        LocatingStep("Scale", f"{PX_PER_MM:.2f} px/mm, the known machine's page", 1.0),
        LocatingStep("Calibration pulses", f"{n_pulses}, of 10 mm/mV", 1.0),
        LocatingStep("Layout", f"{layout.name} {strip} rhythm strip", 1.0),
    )


def find_edan_pulses(gray: NDArray[np.uint8]) -> tuple[int, list[float]]:
    """Find the calibration pulses at the left of the page.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The page.

    Returns
    -------
    left_px : int
        Column of the pulses' left flank (the nominal one when there are none).
    baselines_px : list of float
        Rows of the pulses' foot lines, from the top down.
    """
    left = PULSE_LEFT_PX - PULSE_FOOT_PX - SHIFT_TOLERANCE_PX
    strip = gray[:, left : PULSE_LEFT_PX + PULSE_WIDTH_PX + PULSE_FOOT_PX + SHIFT_TOLERANCE_PX]
    ink = (strip < INK_BELOW).astype(np.float32)
    template = _pulse_template()
    score = cv2.matchTemplate(ink, template, cv2.TM_CCOEFF_NORMED)
    best_column = int(np.argmax(np.where(score > PULSE_MATCH, score, 0).sum(axis=0)))
    profile = score[:, max(0, best_column - 2) : best_column + 3].max(axis=1)
    baselines: list[float] = []
    while True:
        top = int(np.argmax(profile))
        if profile[top] < PULSE_MATCH:
            break
        baselines.append(top + template.shape[0] - 1 - (PULSE_STROKE_PX - 1) / 2)
        profile[max(0, top - MIN_PULSE_DISTANCE_PX) : top + MIN_PULSE_DISTANCE_PX] = 0
    if not baselines:
        return PULSE_LEFT_PX, []
    return left + best_column + PULSE_FOOT_PX, sorted(baselines)


def _pulse_template() -> NDArray[np.float32]:
    """Ink of one calibration pulse with its foot lines, 0 or 1."""
    stroke = PULSE_STROKE_PX
    height = round(PULSE_HEIGHT_PX) + stroke
    template = np.zeros((height, PULSE_WIDTH_PX + 2 * PULSE_FOOT_PX), np.float32)
    left, right = PULSE_FOOT_PX, PULSE_FOOT_PX + PULSE_WIDTH_PX
    template[:stroke, left:right] = 1
    template[:, left : left + stroke] = 1
    template[:, right - stroke : right] = 1
    template[-stroke:, :left] = 1
    template[-stroke:, right:] = 1
    return template


def _require_known_size(page: PageImage) -> None:
    check = size_check(page)
    if not check.passed:
        raise Refusal(
            "unknown_size",
            STEP,
            f"Finding the leads: the page is {check.found}, and only pages of {check.expected} can "
            "be read: scan or export the whole sheet at 200 dpi, upright and uncropped.",
        )


def _find_layout(
    ink: NDArray[np.bool_], curve_left: int, baselines: list[float]
) -> tuple[Layout, bool]:
    """Match the number of rows and the separator lines against the known layouts."""
    for layout in NATIVE_LAYOUTS:
        extra_rows = len(baselines) - layout.n_rows
        if extra_rows not in (0, 1):
            continue
        rows = baselines[: layout.n_rows]
        if all(
            _separator_coverage(ink, x, rows) >= SEPARATOR_COVERAGE
            for x in _separator_columns(layout, curve_left)
        ):
            return layout, extra_rows == 1
    known = " or ".join(layout.name for layout in NATIVE_LAYOUTS)
    raise Refusal(
        "unknown_layout",
        STEP,
        f"Finding the leads: {len(baselines)} rows were found, but not the lines between columns "
        f"that the known layouts have ({known}, with or without a rhythm strip): this is not a "
        "12-lead sheet that can be read.",
    )


def _separator_columns(layout: Layout, curve_left: int) -> list[int]:
    width = layout.seconds_per_column * PX_PER_S
    return [round(curve_left + k * width) for k in range(1, len(layout.columns))]


def _start_px(
    ink: NDArray[np.bool_], layout: Layout, curve_left: int, baselines: list[float]
) -> float:
    """Find where time begins: a whole pixel, from which the machine rounds its separators."""
    rows = slice(round(baselines[0]), round(baselines[layout.n_rows - 1]))
    width = layout.seconds_per_column * PX_PER_S
    starts = []
    for number, x in enumerate(_separator_columns(layout, curve_left), start=1):
        columns = np.arange(x - SEPARATOR_SEARCH_PX, x + SEPARATOR_SEARCH_PX + 1)
        line = ink[rows, columns].mean(axis=0) >= SEPARATOR_COVERAGE
        starts.append(columns[line].mean() - number * width)
    return float(round(np.mean(starts)))


def _separator_coverage(ink: NDArray[np.bool_], x: int, rows: list[float]) -> float:
    """Part of the span from the first to the last row of leads that a vertical line covers."""
    near = slice(x - SEPARATOR_SEARCH_PX, x + SEPARATOR_SEARCH_PX + 1)
    return float(ink[round(rows[0]) : round(rows[-1]), near].mean(axis=0).max())


def _place_boxes(
    layout: Layout,
    has_rhythm_strip: bool,
    curve_left: int,
    baselines: list[float],
    shape: tuple[int, ...],
) -> tuple[dict[str, Box], dict[str, float]]:
    seconds = layout.seconds_per_column
    boxes: dict[str, Box] = {}
    baselines_px: dict[str, float] = {}
    for column, names in enumerate(layout.columns):
        start_px = curve_left + column * seconds * PX_PER_S
        for name, baseline in zip(names, baselines, strict=False):
            boxes[name] = lead_box(baseline, start_px, seconds, shape)
            baselines_px[name] = baseline
    if has_rhythm_strip:
        boxes[RHYTHM_STRIP] = lead_box(
            baselines[-1], curve_left, len(layout.columns) * seconds, shape
        )
        baselines_px[RHYTHM_STRIP] = baselines[-1]
    return boxes, baselines_px


def _require_curves(
    ink: NDArray[np.bool_], boxes: dict[str, Box], baselines_px: dict[str, float]
) -> None:
    missing = [
        name
        for name, box in boxes.items()
        if ink[box.top : box.bottom, box.left : box.right].any(axis=0).mean() < CURVE_COVERAGE
    ]
    if missing:
        raise Refusal(
            "leads_missing",
            STEP,
            f"Finding the leads: no unbroken curve was found for {', '.join(missing)}; a curve "
            f"must cover at least {CURVE_COVERAGE:.0%} of its lead's width. Scan the sheet again "
            "with all leads visible.",
        )
