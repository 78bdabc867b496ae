"""What a browser says that a person corrected, checked and put together with what came before."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ecgapp.ecg import LEADS, RHYTHM_STRIPS
from ecgapp.sheet.located import Correction, LeadPlacement, Stroke

# More than a person draws, so that a browser cannot make a reading take long.
MAX_STROKES, MAX_POINTS, MAX_SWAPS = 60, 5_000, 60
_NAMES = (*LEADS, *RHYTHM_STRIPS)

Point = tuple[float, float]


def merged(
    before: Correction | None, sent: object, scale: float, page_number: int | None
) -> Correction:
    """Add what a person corrected on a reading to the correction that it was made with.

    Parameters
    ----------
    before : Correction or None
        What the reading was made with.
    sent : object
        From the sheet view: ``corners``, ``swaps``, ``leads`` with ``ends``, and ``strokes``, all
        in pixels of its picture. It comes from a browser and may be anything.
    scale : float
        Pixels of the view's picture in a pixel of the upload.
    page_number : int or None
        Of the page that was corrected; None where the file has no other.

    Returns
    -------
    Correction

    Raises
    ------
    ValueError
        If it is not of that form, or too much.
    """
    if not isinstance(sent, dict):
        raise ValueError("a correction is a mapping")
    before = before or Correction()
    corners = before.corners_px
    if sent.get("corners") is not None:
        corners = _points(sent["corners"], scale)
        if len(corners) != 4:
            raise ValueError("a rectangle has four corners")
    swaps = tuple(_swap(pair) for pair in _list(sent.get("swaps")))
    placements = {one.lead: one for one in before.placements}
    strokes = list(before.strokes)
    for one, other in swaps:
        new = {one: other, other: one}
        placements = {
            new.get(lead, lead): replace(placed, lead=new.get(lead, lead))
            for lead, placed in placements.items()
        }
        strokes = [replace(stroke, lead=new.get(stroke.lead, stroke.lead)) for stroke in strokes]
    for placed in _list(sent.get("leads")):
        ends = _points(_member(placed, "ends"), scale)
        if len(ends) != 2:
            raise ValueError("a baseline has two ends")
        name = _name(_member(placed, "name"))
        placements[name] = LeadPlacement(name, (ends[0], ends[1]))
    for drawn in _list(sent.get("strokes")):
        points = _points(_member(drawn, "points"), scale)
        if len(points) < 2:
            raise ValueError("a line has two points at least")
        erased = _member(drawn, "erased") is True
        strokes.append(Stroke(_name(_member(drawn, "lead")), points, erased))
    swaps = before.swaps + swaps
    if len(strokes) > MAX_STROKES or len(swaps) > MAX_SWAPS:
        raise ValueError("more was corrected than one sheet has")
    return replace(
        before,
        corners_px=corners,
        page=page_number,
        swaps=swaps,
        placements=tuple(placements.values()),
        strokes=tuple(strokes),
    )


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_STROKES:
        raise ValueError("not a list, or too long")
    return value


def _member(value: object, name: str) -> object:
    if not isinstance(value, dict):
        raise ValueError("not a mapping")
    return value.get(name)


def _name(value: object) -> str:
    if value not in _NAMES:
        raise ValueError("no lead's name")
    return str(value)


def _swap(value: object) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2 or any(one not in LEADS for one in value):
        raise ValueError("not two leads")
    return value[0], value[1]


def _points(value: object, scale: float) -> tuple[Point, ...]:
    if not isinstance(value, list) or len(value) > MAX_POINTS:
        raise ValueError("not a list of points, or too long")
    points = []
    for point in value:
        if not isinstance(point, list) or len(point) != 2:
            raise ValueError("a point has two coordinates")
        x, y = point
        if not all(isinstance(one, int | float) and math.isfinite(one) for one in (x, y)):
            raise ValueError("a coordinate is a number")
        points.append((float(x) / scale, float(y) / scale))
    return tuple(points)
