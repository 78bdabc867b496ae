"""Tells the paper from the table that it lies on, by the paper's edges, and how these lie."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.rectify.illumination import REDUCTION, bare_paper

# The edge of the paper is where, with thin print taken out, light of every colour changes by this
# share from a pixel of the reduced picture to the next but one; a coloured grid changes some only.
# Set by hand on the photographs of the development data and on drawn ones.
_EDGE_CONTRAST = 0.15
_EDGE_WINDOW_PX = 3
# Narrower things are no table, in pixels of the reduced picture.
_MIN_TABLE_PX = 9
_NEXT = np.ones((3, 3), np.uint8)
# Width that strokes of print do not exceed on the copy on which the grid is looked for, pixels.
STROKE_PX = 8.0

# In the length of the paper's outline: how far it may be simplified to be four sides, step by step,
# and how far from such a corner two edges may meet. In a side's length: how near its points are to
# it, and how far from the corners. Set by hand, as the sine below which sides do not meet.
_SIMPLER = (0.005, 0.01, 0.015, 0.02, 0.03)
_NEAR_SIDE, _NEAR_CORNER = 0.02, 0.05
_PARALLEL = 1e-3
# Sides are seen along this part of their length at least, half of their points within so many
# pixels of the reduced picture of one line. Chosen on the 36 photographs without a grid of the
# building seeds 2000 to 2499 of `ecgapp bench machines`: of the 19 with such sides 18 lie within
# 0.3 mm of where they should, and one within 0.6 mm; the others within 2 to 18 mm.
_MIN_SIDE_SEEN, _MAX_SIDE_OFF_PX = 0.75, 0.4
# Paper takes this part of the picture at least; a table around it may take more.
_LEAST_PAPER = 0.12
# What lies so near to the picture's border, in pixels of the reduced picture, is no edge of paper.
_BORDER_PX = 1
# A side's part between its points is seen where they are no further apart.
_SEEN_STEP_PX = 4
# An outline runs so far inside the paper's edge, in pixels of the reduced picture: half the window
# in which light is seen to change, and half a pixel.
_INSET_PX = _EDGE_WINDOW_PX / 2


def even_places(rgb: NDArray[np.uint8], print_px: float) -> NDArray[np.bool_]:
    """Tell where a picture has no edges in it.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, n_channels), uint8
        The picture.
    print_px : float
        Width in pixels that strokes of print do not exceed; they are no edges.

    Returns
    -------
    ndarray of bool
        Of the picture made `illumination.REDUCTION` times smaller.
    """
    paper = bare_paper(rgb, print_px)
    window = np.ones((_EDGE_WINDOW_PX, _EDGE_WINDOW_PX), np.uint8)
    brightest = cv2.dilate(paper, window).astype(np.float32)
    change = (brightest - cv2.erode(paper, window)) / (brightest + 1)
    return np.asarray((change < _EDGE_CONTRAST).reshape(*paper.shape[:2], -1).any(axis=2))


def even_parts(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Divide a picture into parts without edges in them.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, n_channels), uint8
        The picture; strokes of print are no wider than `STROKE_PX`.

    Returns
    -------
    ndarray of int32
        Number of each pixel's part in the picture made `illumination.REDUCTION` times smaller, 0
        for edges.
    """
    even = even_places(rgb, STROKE_PX).astype(np.uint8)
    return np.asarray(cv2.connectedComponents(even, connectivity=4)[1], np.int32)


def table_around(
    even: NDArray[np.bool_], shown: NDArray[np.bool_], inner_points: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Find the table around a sheet.

    Parameters
    ----------
    even : ndarray of bool
        The picture's `even_places`.
    shown : ndarray, shape (height, width), bool
        What of the picture counts.
    inner_points : ndarray, shape (n, 2)
        x and y of points that surely lie on the paper, in pixels of the picture.

    Returns
    -------
    ndarray of bool
        Wide areas without such a point that reach the end of what is shown; shape of `even`.
    """
    points = np.clip((inner_points / REDUCTION).astype(int), 0, np.array(even.shape[::-1]) - 1)
    hidden = cv2.resize(shown.astype(np.uint8), even.shape[::-1]) == 0
    # An edge may be too weak in places: what hangs together by a pixel or two does not.
    cores = cv2.erode((even & ~hidden).astype(np.uint8), _NEXT)
    _, pieces = cv2.connectedComponents(cores, connectivity=4)
    at_points = np.zeros_like(cores)
    at_points[points[:, 1], points[:, 0]] = 1
    is_paper = np.zeros(pieces.max() + 1, np.uint8)
    is_paper[pieces[cv2.dilate(at_points, _NEXT) > 0]] = 1
    is_paper[0] = 0
    paper = cv2.dilate(is_paper[pieces], _NEXT)
    # Curves that run off the picture have thin edges; a table is wide, or goes on out of sight.
    wide = np.ones((_MIN_TABLE_PX, _MIN_TABLE_PX), np.uint8)
    rest = cv2.morphologyEx(1 - paper, cv2.MORPH_OPEN, wide)
    _, areas = cv2.connectedComponents(rest, connectivity=4)
    at_end = cv2.dilate(np.pad(hidden.astype(np.uint8), 1, constant_values=1), _NEXT)
    is_table = np.zeros(areas.max() + 1, np.bool_)
    is_table[areas[at_end[1:-1, 1:-1] > 0]] = True
    is_table[0] = False
    table = (is_table[areas] & ~hidden).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(table, cv2.MORPH_OPEN, _NEXT) > 0)


def paper_corners(rgb: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Find the corners of the paper in a photograph that shows its four edges.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, 3), uint8
        The picture; strokes of print are no wider than `STROKE_PX`.

    Returns
    -------
    ndarray, shape (4, 2), float64, or None
        x and y, clockwise from the top left. None where an edge is not seen, or not straight.
    """
    parts = even_parts(rgb)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    rejected: list[cv2.typing.MatLike] = []
    for part in np.argsort(-sizes)[: np.count_nonzero(sizes >= _LEAST_PAPER * parts.size)]:
        outline = _outline_of(parts == part)
        hull = cv2.convexHull(outline)
        # A table lies around its paper; what lies beside a larger part is some other thing.
        if not rejected or any(_lies_in(hull, larger) for larger in rejected):
            corners = _corners_of(outline, hull, parts.shape)
            if corners is not None:
                return corners
        rejected.append(hull)
    return None


def _outline_of(shown: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Outline of the largest piece of what is shown, shape (n, 1, 2)."""
    outlines, _ = cv2.findContours(shown.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(max(outlines, key=cv2.contourArea), np.int32)


def _lies_in(hull: cv2.typing.MatLike, larger: cv2.typing.MatLike) -> bool:
    """Whether a convex hull lies within another."""
    ends = hull[:, 0].tolist()
    return all(cv2.pointPolygonTest(larger, (float(x), float(y)), False) >= 0 for x, y in ends)


def _corners_of(
    outline: NDArray[np.int32], hull: cv2.typing.MatLike, shape: tuple[int, ...]
) -> NDArray[np.float64] | None:
    """Corners, in the picture, of what has an outline in the reduced one; None without four."""
    length = cv2.arcLength(hull, True)
    simpler = (cv2.approxPolyDP(hull, part * length, True)[:, 0] for part in _SIMPLER)
    corners = next((found for found in simpler if len(found) == 4), None)
    if corners is None:
        return None
    if cv2.contourArea(corners, oriented=True) < 0:
        corners = corners[::-1]
    points = outline[:, 0].astype(np.float64)
    last = np.array(shape[::-1]) - 1 - _BORDER_PX
    points = points[((points > _BORDER_PX) & (points < last)).all(axis=1)]
    sides = [
        _side(points, corner, onward)
        for corner, onward in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]
    lines = [side for side in sides if side is not None]
    if len(lines) < 4:
        return None
    met = np.cross(np.roll(lines, 1, axis=0), lines)
    off = np.abs(met[:, :2] - corners * met[:, 2:]) / np.maximum(np.abs(met[:, 2:]), _PARALLEL)
    if off.max() > _NEAR_CORNER * length:
        return None
    met_px = np.asarray((met[:, :2] / met[:, 2:] + 0.5) * REDUCTION - 0.5, np.float64)
    return np.roll(met_px, -int(met_px.sum(axis=1).argmin()), axis=0)


def _side(
    points: NDArray[np.float64], corner: NDArray[np.int32], onward: NDArray[np.int32]
) -> NDArray[np.float64] | None:
    """Edge of the paper between two corners of its outline; None where few of its points are seen.

    The outline runs clockwise.
    """
    length = float(np.hypot(*(onward - corner)))
    along = (onward - corner) / length
    across = np.array([-along[1], along[0]])
    place, off = (points - corner) @ along, (points - corner) @ across
    near = np.abs(off) < max(_BORDER_PX + 2, _NEAR_SIDE * length)
    near &= (place > _NEAR_CORNER * length) & (place < (1 - _NEAR_CORNER) * length)
    steps = (1 - 2 * _NEAR_CORNER) * length / _SEEN_STEP_PX
    if len(np.unique(np.round(place[near] / _SEEN_STEP_PX))) < max(2, _MIN_SIDE_SEEN * steps):
        return None
    line = cv2.fitLine(points[near].astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01)
    x_step, y_step, x, y = line.ravel().astype(np.float64)
    normal = np.array([-y_step, x_step])
    if np.median(np.abs((points[near] - (x, y)) @ normal)) > _MAX_SIDE_OFF_PX:
        return None
    outside = np.array([x, y]) - np.sign(normal @ across) * _INSET_PX * normal
    return np.cross([*outside, 1.0], [x_step, y_step, 0.0])
