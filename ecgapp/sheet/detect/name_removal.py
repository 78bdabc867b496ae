"""Take lead names and table lines off an aligned page, so that none is read as part of a curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.detect.names import PrintedName
from ecgapp.sheet.detect.rows import SHRINK
from ecgapp.sheet.detect.tracks import Tracks

PAPER = 255  # grey
# Pixels of the canonical scale, grey from 0 to 255 and shares, set by hand on drawn sheets of
# made-up vendors and on other machines' sheets of the development data; none was measured on its
# own.

# Names read with less certainty than this may be parts of curves.
ERASED_PROBABILITY = 0.5
# Letters reach this far beyond the box that the reader gives; their blurred edges go with them.
_ROOM_PX, _EDGE_PX = 6, 3
_INK_BELOW = 215
# A curve no higher than this runs flat; so far to either side it is looked at, columns of the
# tracks; and so much is left of it with its blurred edges.
_FLAT_PX = 13
_AROUND = 10
_KEPT_PX = 3
# Half the width of a mark, and how far it reaches beyond the first and the last row.
_MARK_HALF_PX, _MARK_BEYOND_PX = 5, 120
# A line, dotted or whole, inks this part of the height around a row; else the mark is a tick, which
# reaches so far above and below the curve.
_LINE_INK = 0.35
_TICK_PX = 40

# A line of a table is at least this long, 50 mm, and no thicker with its blurred edges; rows of
# pixels that it may lie across; and so far from a row's baseline it is none of its curve. Chosen on
# generated machines whose tables reach into the curves (`ecgapp bench machines`).
_RULING_PX, _RULING_THICK_PX, _RULING_LEAN_PX, _RULING_AWAY_PX = 401, 13, 3, 32


def erase_rulings(gray: NDArray[np.uint8], baselines_px: Sequence[float]) -> NDArray[np.uint8]:
    """Turn the long level lines of tables to paper, but where a curve crosses them.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page.
    baselines_px : sequence of float
        The rows' baselines; what is level beside them may be a curve.

    Returns
    -------
    ndarray, shape (height, width), uint8
    """
    ink = (gray < _INK_BELOW).astype(np.uint8)
    closed = np.asarray(cv2.morphologyEx(ink, cv2.MORPH_CLOSE, _upright(_RULING_LEAN_PX)), np.uint8)
    # Few rows hold so much ink at all.
    rows = np.flatnonzero(cv2.reduce(closed, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S) >= _RULING_PX)
    away = np.abs(rows[:, None] - np.asarray(baselines_px)[None]).min(axis=1) >= _RULING_AWAY_PX
    rows = rows[away]
    if not len(rows):
        return gray
    lines = np.zeros_like(ink)
    lines[rows] = _opened(closed[rows], _RULING_PX)
    # A bar over a patient's data is no line.
    thick = np.asarray(cv2.morphologyEx(lines, cv2.MORPH_OPEN, _upright(_RULING_THICK_PX)))
    lines[thick > 0] = 0
    if not lines.any():
        return gray
    around = np.asarray(cv2.dilate(lines, _upright(_EDGE_PX))) > 0
    # Ink on both sides of a line is a stroke that crosses it.
    free = np.where(around, 0, ink).astype(np.uint8)
    beside = _upright(2 * _RULING_LEAN_PX + 1)
    above = np.asarray(cv2.dilate(free, beside, anchor=(0, 2 * _RULING_LEAN_PX))) > 0
    below = np.asarray(cv2.dilate(free, beside, anchor=(0, 0))) > 0
    clean = gray.copy()
    clean[around & ~(above & below)] = PAPER
    return clean


def _opened(ink: NDArray[Any], length_px: int) -> NDArray[np.uint8]:
    """Keep the level stretches of ink that are so long."""
    level = np.ones((1, length_px), np.uint8)
    return np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, level), np.uint8)


def _upright(height_px: int) -> NDArray[np.uint8]:
    return np.ones((height_px, 1), np.uint8)


def erase_names(gray: NDArray[np.uint8], names: Sequence[PrintedName]) -> NDArray[np.uint8]:
    """Turn names to paper where they do not touch a curve.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page.
    names : sequence of PrintedName
        The names on it.

    Returns
    -------
    ndarray, shape (height, width), uint8
    """
    clean = gray.copy()
    for name in names:
        if name.probability >= ERASED_PROBABILITY:
            _erase_name(clean, name)
    return clean


def _erase_name(clean: NDArray[np.uint8], name: PrintedName) -> None:
    """Turn to paper, in place, the pieces of ink that lie wholly within a name's box."""
    height, width = clean.shape
    left, right = max(0, int(name.left) - _ROOM_PX), min(width, int(name.right) + _ROOM_PX + 1)
    top, bottom = max(0, int(name.top) - _ROOM_PX), min(height, int(name.bottom) + _ROOM_PX + 1)
    if right <= left or bottom <= top:
        return
    area = clean[top:bottom, left:right]
    ink = (area < _INK_BELOW).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    x, y, w, h = stats[:, :4].T
    inside = (x > 0) & (y > 0) & (x + w < ink.shape[1]) & (y + h < ink.shape[0])
    inside[0] = False
    letters = inside[labels].astype(np.uint8)
    letters = np.asarray(cv2.dilate(letters, np.ones((_EDGE_PX, _EDGE_PX), np.uint8)), np.uint8)
    others = (labels > 0) & ~inside[labels]
    area[(letters > 0) & ~others] = PAPER


def erase_touching_names(
    gray: NDArray[np.uint8], names: Sequence[PrintedName], tracks: Tracks
) -> NDArray[np.uint8]:
    """Turn to paper what is left of the names but for the curves that run through them.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page.
    names : sequence of PrintedName
        The names on it.
    tracks : Tracks
        Where the rows' curves run.

    Returns
    -------
    ndarray, shape (height, width), uint8
    """
    clean = gray.copy()
    for name in names:
        if name.probability >= ERASED_PROBABILITY:
            _erase_beside_curves(clean, name, tracks)
    return clean


def erase_marks(
    gray: NDArray[np.uint8], places_px: Sequence[float], tracks: Tracks
) -> NDArray[np.uint8]:
    """Turn lines, ticks and bars between columns to paper, but for the curves that they cross.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page.
    places_px : sequence of float
        Where marks stand.
    tracks : Tracks
        Where the rows' curves run.

    Returns
    -------
    ndarray, shape (height, width), uint8
    """
    clean = gray.copy()
    for place in places_px:
        left, right = round(place) - _MARK_HALF_PX, round(place) + _MARK_HALF_PX + 1
        for box in _mark_boxes(gray, left, right, tracks):
            _erase_around_curves(clean, box, tracks)
    return clean


def _mark_boxes(
    gray: NDArray[np.uint8], left: int, right: int, tracks: Tracks
) -> list[tuple[int, int, int, int]]:
    """Where a mark may stand, row by row: a line between the rows' middles, or a tick's height.

    A line often ends above the rhythm strips, whose beats it must not take away.
    """
    heights = _curve_heights(tracks, left, right)
    middles = (heights[1:] + heights[:-1]) / 2
    edges = [heights[0] - _MARK_BEYOND_PX, *middles, heights[-1] + _MARK_BEYOND_PX]
    boxes = []
    for height, top, bottom in zip(heights, edges[:-1], edges[1:], strict=True):
        band = gray[max(0, round(top)) : max(0, round(bottom)), max(0, left) : max(0, right)]
        is_line = band.size and (band < _INK_BELOW).any(axis=1).mean() >= _LINE_INK
        first, last = (top, bottom) if is_line else (height - _TICK_PX, height + _TICK_PX)
        boxes.append((left, round(first), right, round(last)))
    return boxes


def _curve_heights(tracks: Tracks, left: int, right: int) -> NDArray[np.float64]:
    """Pixel row at which each row's curve runs about a stretch of columns."""
    first, last = (
        int(np.clip(edge, 0, tracks.top.shape[1]))
        for edge in (
            left // SHRINK - _AROUND - tracks.left,
            right // SHRINK + _AROUND + 1 - tracks.left,
        )
    )
    middle = (tracks.top + tracks.bottom) / 2
    near = middle[:, first:last] if last > first else middle
    return np.asarray(SHRINK * (np.median(near, axis=1) + 0.5) - 0.5)


def _erase_beside_curves(clean: NDArray[np.uint8], name: PrintedName, tracks: Tracks) -> None:
    """Turn to paper, in place, the ink in a name's box that no curve passes through."""
    box = (
        int(name.left) - _EDGE_PX,
        int(name.top) - _EDGE_PX,
        int(name.right) + _EDGE_PX + 1,
        int(name.bottom) + _EDGE_PX + 1,
    )
    _erase_around_curves(clean, box, tracks)


def _erase_around_curves(
    clean: NDArray[np.uint8], box: tuple[int, int, int, int], tracks: Tracks
) -> None:
    """Turn to paper, in place, whatever in a box (left, top, right, bottom) is no curve."""
    height, width = clean.shape
    left, right = max(0, box[0]), min(width, box[2])
    top, bottom = max(0, box[1]), min(height, box[3])
    if right <= left or bottom <= top:
        return
    rows = np.arange(top, bottom)[:, None]
    kept = np.zeros((bottom - top, right - left), np.bool_)
    around = np.arange(left // SHRINK - _AROUND, right // SHRINK + _AROUND + 1) - tracks.left
    at = np.clip(around, 0, tracks.top.shape[1] - 1)
    highest = SHRINK * tracks.top[:, at].min(axis=1) - _KEPT_PX
    lowest = SHRINK * (tracks.bottom[:, at].max(axis=1) + 1) + _KEPT_PX
    for row in np.flatnonzero((highest < bottom) & (lowest > top)).tolist():
        first, last = _curve_beside(tracks, row, left, right, (top, bottom))
        kept |= (rows >= first - _KEPT_PX) & (rows <= last + _KEPT_PX)
    clean[top:bottom, left:right][~kept] = PAPER


def _curve_beside(
    tracks: Tracks, row: int, left: int, right: int, box: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and last pixel row of a curve in each column of a name's box, without the name.

    A run that ends within the box touches a letter: the curve goes on as it does beside. One that
    goes beyond the box is a steep part of the curve.
    """
    around = np.arange(left // SHRINK - _AROUND, right // SHRINK + _AROUND + 1)
    at = np.clip(around - tracks.left, 0, tracks.top.shape[1] - 1)
    first = SHRINK * tracks.top[row, at].astype(np.float64)
    last = SHRINK * tracks.bottom[row, at].astype(np.float64) + SHRINK - 1
    known = tracks.known[row, at] & (around >= tracks.left)
    known &= around - tracks.left < tracks.top.shape[1]
    flat = known & (last - first < _FLAT_PX)
    columns = np.arange(left, right) / SHRINK
    if not flat.any():
        nowhere = np.full(right - left, np.inf)
        return nowhere, -nowhere
    line_first = np.interp(columns, around[flat], first[flat])
    line_last = np.interp(columns, around[flat], last[flat])
    steep = known & ~flat & ((first < box[0]) | (last > box[1]))
    nearest = np.clip(np.round(columns).astype(int) - around[0], 0, len(around) - 1)
    is_steep = np.convolve(steep, np.ones(5), mode="same") > 0
    goes_on = is_steep[nearest]
    return (
        np.where(goes_on, np.minimum(line_first, first[nearest]), line_first),
        np.where(goes_on, np.maximum(line_last, last[nearest]), line_last),
    )
