"""Draws stretches of curves anew, or erases them, as a person says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ecgapp.digitize.leads import INK, PAPER, NamedLead
from ecgapp.sheet.by_hand import on_sheet
from ecgapp.sheet.located import LocatedSheet, Stroke

# Width of the pen where a lead has no ink of its own to go by, pixels: as the known machine draws.
_USUAL_PEN_PX = 3
# Columns of a lead from the flattest of which its pen's width is told, percent. Set by hand.
_FLAT_PERCENT = 30
# Places of a pixel that OpenCV draws lines by, as a power of two.
_FRACTION_BITS = 3


def redraw(
    sheet: LocatedSheet, leads: Mapping[str, NamedLead], strokes: tuple[Stroke, ...]
) -> tuple[LocatedSheet, dict[str, NamedLead]]:
    """Replace stretches of curves by what a person drew.

    Parameters
    ----------
    sheet : LocatedSheet
    leads : mapping of str to NamedLead
        Cut from it.
    strokes : tuple of Stroke
        The later counts where two lie on each other; one of a lead that the sheet does not show is
        left out.

    Returns
    -------
    sheet : LocatedSheet
        Its ink that was taken for names is no longer counted against the stretches.
    leads : dict of str to NamedLead
        What models and measurements read from now on.

    Raises
    ------
    Refusal
        ``bad_correction`` when a point lies nowhere on the sheet's plane.
    """
    found = dict(leads)
    removed = None if sheet.removed is None else sheet.removed.copy()
    for stroke in strokes:
        if stroke.lead not in found:
            continue
        box = sheet.boxes[stroke.lead]
        points = _in_order(on_sheet(sheet, stroke.points_px))
        lead = found[stroke.lead]
        width = lead.curve.shape[1]
        first = int(np.clip(np.floor(points[0, 0] - box.left), 0, width))
        last = int(np.clip(np.ceil(points[-1, 0] - box.left) + 1, 0, width))
        if last <= first:
            continue
        # Rows of the lead's pictures: its baseline lies at mid-height, and up is positive.
        up = round(sheet.baselines_px[stroke.lead]) - points[:, 1]
        up = -up if stroke.lead in sheet.layout.inverted else up
        line = None if stroke.erased else np.column_stack([points[:, 0] - box.left, up])
        found[stroke.lead] = _with_line(lead, slice(first, last), line)
        if removed is not None:
            removed[box.top : box.bottom, box.left + first : box.left + last] = 0
    return replace(sheet, removed=removed), found


def _in_order(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[np.argsort(points[:, 0], kind="stable")]


def _with_line(lead: NamedLead, columns: slice, line_up: NDArray[np.float64] | None) -> NamedLead:
    """Empty some columns of a lead, and draw a line of x and height above the baseline there."""
    image, curve = np.array(lead.image), lead.curve.copy()
    pen = _pen_px(image)
    if line_up is not None:
        missing = int(np.ceil(np.abs(line_up[:, 1]).max())) + pen - len(curve) // 2
        if missing > 0:
            curve = np.pad(curve, ((missing, missing), (0, 0)), constant_values=PAPER)
    for picture in (image, curve):
        stretch = picture[:, columns]
        stretch[:] = PAPER
        if line_up is not None:
            # Half a pixel, so that the trace runs where the person drew.
            times = lead.height_times if picture is image else 1.0
            rows = len(picture) / 2 - times * line_up[:, 1] - 0.5
            places = np.column_stack([line_up[:, 0] - columns.start, rows])
            fixed = np.round(places * 2**_FRACTION_BITS).astype(np.int32)
            drawn = np.ascontiguousarray(stretch)
            kind = cv2.LINE_8 if picture is image else cv2.LINE_AA
            cv2.polylines(drawn, [fixed], False, INK, pen, kind, shift=_FRACTION_BITS)
            stretch[:] = drawn
    return replace(lead, image=Image.fromarray(image), curve=curve)


def _pen_px(image: NDArray[np.uint8]) -> int:
    """Height of the pen's stroke where the curve runs flat."""
    heights = (image == INK).sum(axis=0)
    heights = heights[heights > 0]
    if not len(heights):
        return _USUAL_PEN_PX
    return max(1, round(float(np.percentile(heights, _FLAT_PERCENT))))
