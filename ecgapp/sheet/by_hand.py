"""Puts leads where a person says that they are printed, and calls them what that person says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LEADS, PX_PER_MV, PX_PER_S, RHYTHM_STRIPS, Box, Layout
from ecgapp.errors import Refusal
from ecgapp.sheet.located import (
    HALF_HEIGHT_MV,
    Correction,
    LeadPlacement,
    LocatedSheet,
)

STEP = "Correction by hand"
# Less of a lead than one beat tells nothing of it, seconds. Set by hand.
LEAST_PLACED_S = 0.4


def place_by_hand(sheet: LocatedSheet, correction: Correction | None) -> LocatedSheet:
    """Apply what a person says about single leads.

    Parameters
    ----------
    sheet : LocatedSheet
        As it was found.
    correction : Correction or None
        Its `swaps` and `placements` count here.

    Returns
    -------
    LocatedSheet

    Raises
    ------
    Refusal
        ``bad_correction`` when a lead is placed off the sheet, or on less than `LEAST_PLACED_S`
        of it, or when a name that is given is none.
    """
    if correction is None:
        return sheet
    for one, other in correction.swaps:
        sheet = _swapped(sheet, one, other)
    for placement in correction.placements:
        sheet = _placed(sheet, placement)
    return sheet


def _swapped(sheet: LocatedSheet, one: str, other: str) -> LocatedSheet:
    """Exchange the names of two leads; the layout then prints each where the other was."""
    if one not in LEADS or other not in LEADS:
        raise _bad("a lead was given a name that is none of the twelve")
    new = {one: other, other: one}
    columns = tuple(tuple(new.get(name, name) for name in names) for names in sheet.layout.columns)
    return replace(
        sheet,
        layout=Layout(sheet.layout.name, columns, sheet.layout.inverted),
        boxes={new.get(name, name): box for name, box in sheet.boxes.items()},
        baselines_px={new.get(name, name): y for name, y in sheet.baselines_px.items()},
        missing=tuple(
            name for name in LEADS if name in {new.get(old, old) for old in sheet.missing}
        ),
    )


def _placed(sheet: LocatedSheet, placement: LeadPlacement) -> LocatedSheet:
    lead = placement.lead
    if lead not in LEADS and lead not in sheet.boxes:
        raise _bad("a lead that the sheet does not have was placed")
    ends = on_sheet(sheet, placement.ends_px)
    height, width = sheet.gray.shape
    left, right = (
        max(0, round(float(ends[:, 0].min()))),
        min(width, round(float(ends[:, 0].max()))),
    )
    baseline = float(ends[:, 1].mean())
    if (right - left) / PX_PER_S < LEAST_PLACED_S or not 0 <= baseline < height:
        raise _bad(
            f"lead {lead} was placed on {max(0.0, (right - left) / PX_PER_S):.2f} s of the sheet, "
            f"and at least {LEAST_PLACED_S} s of it are needed"
        )
    half, middle = round(HALF_HEIGHT_MV * PX_PER_MV), round(baseline)
    boxes = {
        **sheet.boxes,
        lead: Box(left, max(0, middle - half), right, min(height, middle + half)),
    }
    in_order = [name for names in sheet.layout.columns for name in names]
    return replace(
        sheet,
        boxes={name: boxes[name] for name in (*in_order, *RHYTHM_STRIPS) if name in boxes},
        baselines_px={**sheet.baselines_px, lead: baseline},
        missing=tuple(name for name in sheet.missing if name != lead),
        placed_by_hand=sheet.placed_by_hand | {lead},
    )


def on_sheet(
    sheet: LocatedSheet, points_px: tuple[tuple[float, float], ...]
) -> NDArray[np.float64]:
    """Carry points of the upload to the sheet.

    Parameters
    ----------
    sheet : LocatedSheet
    points_px : tuple of (float, float)
        Pixels of the upload.

    Returns
    -------
    ndarray, shape (n, 2), float64
        Pixels of the sheet's `gray`.

    Raises
    ------
    Refusal
        ``bad_correction`` when a point lies nowhere on the sheet's plane.
    """
    homogeneous = np.column_stack([points_px, np.ones(len(points_px))])
    carried = homogeneous @ np.linalg.inv(sheet.to_upload).T
    with np.errstate(all="ignore"):
        points = carried[:, :2] / carried[:, 2:]
    if not np.isfinite(points).all():
        raise _bad("a point lies off the sheet")
    return np.asarray(points, np.float64)


def _bad(found: str) -> Refusal:
    return Refusal(
        "bad_correction",
        STEP,
        f"{STEP}: {found}; please undo the correction and place it again.",
    )
