"""Levels a sheet without a grid: by the paper's edges, or else by its print.

Print is rows of curves and text, and what stands upright. Turning the camera in thought turns the
picture into what it would have taken from straight above. Of all turns the right one lets the ink
fall into the fewest rows, and into the fewest columns.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.errors import check_time
from ecgapp.sheet.rectify.illumination import REDUCTION, bare_paper, darkness_to_all
from ecgapp.sheet.rectify.paper import even_parts

# Pixels of the reduced picture, degrees and shares, set by hand on drawn photographs without a grid
# (`ecgapp.synthesis.degrade`) and on those of the development data; none was measured on its own.

# Width that bold print does not exceed.
_REACH_PX = 32.0
# Ink is darker than this, and than this share of the darkest print.
_MIN_INK, _INK_SHARE, _DARKEST = 0.15, 0.4, 0.995
# A stroke's darkness changes so many times faster to its sides than along it.
_STEEPER = 1.5
# What lies this near to the paper's edge is its shadow.
_EDGE_PX = 12
_MAX_POINTS = 12_000
# Fewer pixels of ink are no curves.
_MIN_POINTS = 300

# The camera's focal length, in longer sides of the picture: between a telephone's and a scanner's.
_FOCAL_SIDES = 1.2
# Rows and columns into which ink falls, in pixels, while searching and at last.
_COARSE_PX, _FINE_PX = 2.0, 1.0
# Rows that are compared with each other.
_NEIGHBOURS = 33
_MAX_ROLL, _MAX_LEAN = 18.0, 30.0
_ROLL_STEP, _LEAN_STEP = 0.5, 3.0
# Columns lean because the camera is not as supposed, or the picture has been cropped.
_MAX_SHEAR, _SHEAR_STEP = 12.0, 1.5
# A page lies flat if that brings its print into rows and columns to this part as well as any other
# pose: to 0.986 on each of 30 drawn scans without a grid, to 0.957 at most on 13 of 14 photographs.
_AS_GOOD = 0.975
# How far around that pose's roll such a page's is looked for, and in which steps, degrees.
_FLAT_REACH, _FLAT_STEP = 1.0, 0.1
# Of so many points one is enough while searching. Steps shrink by this factor, so many times.
_COARSE_EVERY = 2
_REFINEMENT, _REFINEMENTS = 1.6, 10
_SWAPPED = [1, 0, 2]

# Roll, pan, tilt and shear, radians.
Angles = tuple[float, float, float, float]

# x and y of some pixels of what runs across a picture, and of what runs down.
Strokes = tuple[NDArray[np.float64], NDArray[np.float64]]


def level_by_print(
    strokes: Strokes, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Find how a sheet without a grid lies in a picture, by its print.

    Parameters
    ----------
    strokes : tuple of ndarray
        The picture's print, as `find_strokes` gives it.
    shape : tuple of int
        The picture's height and width.

    Returns
    -------
    to_level : ndarray, shape (3, 3), float64
        Homography from pixels of the picture to those of the levelled sheet, as large in the
        picture's middle; its rows may run across or up and down.
    ink : ndarray, shape (n, 2), float64
        x and y of some of the print's pixels, in the picture.
    None, when next to nothing is printed.
    """
    if min(len(places) for places in strokes) < _MIN_POINTS:
        return None
    camera = _camera(shape)
    focal = float(camera[0, 0])
    to_rays = np.asarray(np.linalg.inv(camera), np.float64)
    across, down = (
        np.column_stack([places, np.ones(len(places))]) @ to_rays.T for places in strokes
    )
    # Rows may run across or up and down; the clearer of the two is levelled first.
    upright, clarity = _row_angles(across, focal)
    sideways, sideways_clarity = _row_angles(down[:, _SWAPPED], focal)
    if clarity >= sideways_clarity:
        turn = _rotation(_best_angles(across, down, upright, focal))
    else:
        angles = _best_angles(down[:, _SWAPPED], across[:, _SWAPPED], sideways, focal)
        turn = _rotation(angles)[np.ix_(_SWAPPED, _SWAPPED)]
    return camera @ turn @ to_rays, np.concatenate(strokes)


def level_by_edges(
    corners: NDArray[np.float64], strokes: Strokes, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Find how a sheet lies in a photograph that shows its paper's four edges.

    Parameters
    ----------
    corners : ndarray, shape (4, 2), float64
        The paper's, as from `paper.paper_corners`.
    strokes : tuple of ndarray
        The picture's print, as for `level_by_print`.
    shape : tuple of int
        The picture's height and width.

    Returns
    -------
    to_level : ndarray, shape (3, 3), float64
        Homography from pixels of the picture to those of the levelled sheet, about as large; its
        rows may run across or up and down. Width over height is a guess: it depends on the camera.
    ink : ndarray, shape (n, 2), float64
        As from `level_by_print`.
    None, when next to nothing is printed.
    """
    if min(len(places) for places in strokes) < _MIN_POINTS:
        return None
    corners = corners.astype(np.float32)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    to_rays = np.linalg.inv(_camera(shape))
    # Seen from the camera, the sheet's sides are as long as these columns.
    across, down, _ = (to_rays @ cv2.getPerspectiveTransform(square, corners)).T
    aspect = float(np.linalg.norm(across) / np.linalg.norm(down))
    height = float(np.sqrt(cv2.contourArea(corners) / aspect))
    sheet = square * np.array([aspect * height, height], np.float32)
    to_level = cv2.getPerspectiveTransform(corners, sheet)
    return np.asarray(to_level, np.float64), np.concatenate(strokes)


def _camera(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """From directions to pixels of a picture, of a camera that looks at its middle."""
    height, width = shape[:2]
    focal = _FOCAL_SIDES * max(height, width)
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])


def find_strokes(rgb: NDArray[np.uint8], corners: NDArray[np.float64] | None = None) -> Strokes:
    """Find dark print on the paper.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, 3), uint8
        The picture.
    corners : ndarray, shape (4, 2), float64, optional
        The paper's, as from `paper.paper_corners`; without them it is the picture's largest part.

    Returns
    -------
    across, down : ndarray, shape (n, 2), float64
        x and y of some pixels of what runs across the picture, and of what runs down.
    """
    bare = bare_paper(rgb, _REACH_PX)
    outline = _largest_outline(rgb) if corners is None else (corners / REDUCTION).astype(np.int32)
    paper = np.zeros(bare.shape[:2], np.uint8)
    cv2.fillConvexPoly(paper, cv2.convexHull(outline), 1)
    margin = 2 * round(_EDGE_PX / REDUCTION) + 1
    inner = cv2.erode(paper, np.ones((margin, margin), np.uint8), borderValue=1)
    on_paper = cv2.resize(inner, rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    darkness = darkness_to_all(rgb, bare, _REACH_PX)
    counted = darkness if corners is None else np.where(on_paper, darkness, np.float32(0))
    darkest = float(np.quantile(counted[::3, ::3], _DARKEST))
    dark = on_paper & (darkness > max(_MIN_INK, _INK_SHARE * darkest))
    soft = cv2.GaussianBlur(darkness, (0, 0), 1.0)
    across = np.abs(cv2.Sobel(soft, cv2.CV_32F, 1, 0))
    down = np.abs(cv2.Sobel(soft, cv2.CV_32F, 0, 1))
    return _places(dark & (down > _STEEPER * across)), _places(dark & (across > _STEEPER * down))


def _largest_outline(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """List where the rows of a picture's largest part begin and end, reduced, shape (n, 2)."""
    parts = even_parts(rgb)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest = parts == sizes.argmax()
    rows = np.flatnonzero(largest.any(axis=1))
    first = largest[rows].argmax(axis=1)
    last = parts.shape[1] - 1 - largest[rows, ::-1].argmax(axis=1)
    return np.column_stack([np.concatenate([first, last]), np.tile(rows, 2)]).astype(np.int32)


def _places(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """List x and y of pixels, shape (n, 2), at most about `_MAX_POINTS`."""
    rows, columns = np.nonzero(chosen)
    step = -(-len(rows) // _MAX_POINTS) or 1
    return np.column_stack([columns, rows])[::step].astype(np.float64)


def _row_angles(rays: NDArray[np.float64], focal: float) -> tuple[Angles, float]:
    """Roll and pan that let ink fall into rows, without tilt, and how far they stand out."""
    rolls = np.radians(np.arange(-_MAX_ROLL, _MAX_ROLL + _ROLL_STEP, _ROLL_STEP))
    pans = np.radians(np.arange(-_MAX_LEAN, _MAX_LEAN + _LEAN_STEP, _LEAN_STEP))
    poses = [(float(roll), float(pan), 0.0, 0.0) for roll in rolls for pan in pans]
    some = rays[::_COARSE_EVERY]
    crowdings = [_crowding(some, pose, 1, _COARSE_PX / focal) for pose in poses]
    best = int(np.argmax(crowdings))
    return poses[best], crowdings[best] / float(np.median(crowdings))


def _best_angles(
    across: NDArray[np.float64], down: NDArray[np.float64], angles: Angles, focal: float
) -> Angles:
    """Complete a pose that brings strokes into rows by the tilt that brings others into columns.

    A flat page's pose is taken instead if it does both about as well.
    """
    fine = _FINE_PX / focal

    def rows(pose: Angles) -> float:
        return _crowding(across, pose, 1, fine)

    def both(pose: Angles) -> float:
        return rows(pose) + _crowding(down, pose, 0, fine)

    roll, pan, _, _ = _refined(rows, angles, (_ROLL_STEP, _LEAN_STEP, 0.0, 0.0))
    tilts = np.radians(np.arange(-_MAX_LEAN, _MAX_LEAN + _LEAN_STEP, _LEAN_STEP / 2))
    shears = np.radians(np.arange(-_MAX_SHEAR, _MAX_SHEAR + _SHEAR_STEP, _SHEAR_STEP))
    poses = [(roll, pan, float(tilt), float(shear)) for tilt in tilts for shear in shears]
    some = down[::_COARSE_EVERY]
    crowdings = [
        _crowding(some, pose, 0, _COARSE_PX / focal) * (1 - abs(pose[3])) for pose in poses
    ]
    best = poses[int(np.argmax(crowdings))]
    best = _refined(both, best, (_ROLL_STEP / 2, _LEAN_STEP / 2, _LEAN_STEP / 2, _ROLL_STEP))
    # Scanned pages are flat; those that a program made do not roll either.
    near = np.radians(np.arange(-_FLAT_REACH, _FLAT_REACH + _FLAT_STEP, _FLAT_STEP))
    rolls = (0.0, *(best[0] + near).tolist())
    flat = max(((roll, 0.0, 0.0, 0.0) for roll in rolls), key=both)
    flat = _refined(both, flat, (_FLAT_STEP, 0.0, 0.0, 0.0))
    return flat if both(flat) >= _AS_GOOD * both(best) else best


def _refined(score: Callable[[Angles], float], angles: Angles, steps: Angles) -> Angles:
    """Improve a pose in ever smaller steps, which begin with these degrees."""
    best, best_score = angles, score(angles)
    step = np.radians(steps)
    for _ in range(_REFINEMENTS):
        for move in (move for move in (*np.diag(step), *np.diag(-step)) if move.any()):
            roll, pan, tilt, shear = (np.array(best) + move).tolist()
            candidate_score = score((roll, pan, tilt, shear))
            if candidate_score > best_score:
                best, best_score = (roll, pan, tilt, shear), candidate_score
        step /= _REFINEMENT
    return best


def _crowding(rays: NDArray[np.float64], angles: Angles, axis: int, bin_size: float) -> float:
    """How far points crowd in few rows (axis 1) or columns (axis 0), 1 for evenly spread ones.

    It compares rows with their neighbourhoods: how dense print is from one end of the picture to
    the other says nothing.
    """
    check_time()
    turned = rays @ _rotation(angles)[[axis, 2]].T
    place = turned[:, 0] / turned[:, 1]
    rows = ((place - place.min()) / bin_size).astype(np.intp)
    counts = np.bincount(rows, minlength=_NEIGHBOURS).astype(np.float64)
    around = np.convolve(counts, np.full(_NEIGHBOURS, 1 / _NEIGHBOURS), mode="same")
    full = counts > 0
    return float(counts[full] @ np.log(counts[full] / around[full])) / len(rays)


def _rotation(angles: Angles) -> NDArray[np.float64]:
    """Matrix of a pan, a roll, a tilt and a shear: the last two leave rows across."""
    (cos_r, cos_p, cos_t), (sin_r, sin_p, sin_t) = np.cos(angles[:3]), np.sin(angles[:3])
    roll = np.array([[cos_r, -sin_r, 0], [sin_r, cos_r, 0], [0, 0, 1]])
    pan = np.array([[cos_p, 0, sin_p], [0, 1, 0], [-sin_p, 0, cos_p]])
    tilt = np.array([[1, 0, 0], [0, cos_t, -sin_t], [0, sin_t, cos_t]])
    shear = np.array([[1, np.tan(angles[3]), 0], [0, 1, 0], [0, 0, 1]])
    return np.asarray(shear @ tilt @ roll @ pan)
