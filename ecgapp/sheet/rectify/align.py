"""Brings a picture of a sheet to canonical scale: upright, flat, evenly lit, without its grid.

The millimetre grid gives scale, tilt and perspective, and where the paper is bent. Where there is
no grid the page is only levelled, and whoever reads the curves has to find the scale.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.errors import Refusal
from ecgapp.io.pages import PageImage
from ecgapp.sheet.rectify.grid import WINDOW_PX, Grid, find_grid, jacobian
from ecgapp.sheet.rectify.illumination import bare_paper, darkness_to_any
from ecgapp.sheet.rectify.ink import clean_page
from ecgapp.sheet.rectify.orientation import is_sideways
from ecgapp.sheet.rectify.paper import paper_corners
from ecgapp.sheet.rectify.paper_bend import PaperBend, find_paper_bend
from ecgapp.sheet.rectify.tilt import Strokes, find_strokes, level_by_edges, level_by_print

STEP = "Aligning the page"

Homography = NDArray[np.float64]
BoxMm = tuple[float, float, float, float]

# Pixels, millimetres of paper and shares, set by hand on drawn photographs
# (`ecgapp.synthesis.degrade`) and on the photographs of the development data; none was measured on
# its own.

# Longer side of the copy of the upload on which the grid is looked for, and its area where a page
# is so long that its millimetres would be too small: ten seconds at 50 mm/s are half a metre.
_WORK_SIDE_PX = 1400
_WORK_AREA_PX = 1400 * 790
# Width that no print exceeds on that copy.
_PRINT_REACH_PX = 32.0
# Curves are much darker than the grid; they count as this many times as dark as the paper with its
# print is on average in a window so wide.
_CURVE_CAP = np.float32(3)
_USUAL_REACH_PX = 97
# Width of what is taken for a change of light, and not for print.
_HIGH_PASS_PX = 77

# Fewer pixels do not show where a curve runs.
MIN_PX_PER_MM = 2.0
# What is kept around the grid, for names, header and footer.
_MARGIN_MM = 15.0
# No sheet is longer, or larger: ten seconds at 50 mm/s.
_MAX_SIDE_MM, _MAX_AREA_MM2 = 600.0, 130_000.0
# What ten seconds of curves usually take, and a page whose scale is not known.
SHEET_MM = 250.0
# Finer uploads are reduced or blurred before they are warped, so that no pixel goes unseen.
_WARP_PX_PER_MM = 9.5
# The aligned page's map to the upload is worked out at every so many pixels.
_MAP_STEP_PX = 16
# Windows at the grid's edge may have their middles on the table. So many from the edge count as
# inner ones, unless fewer than this are left.
_INNER_WINDOWS = 2
_ENOUGH_INNER = 20
# Shares of the inner windows between which there are surely curves and nothing else.
_MIDDLE = (0.1, 0.9)
# Rounds that the place of bent paper is looked up in; each leaves less than a fifth of the error.
_BEND_ROUNDS = 4
# Around hand-set corners so much of the rectangle's sides is looked at, too.
_CORNERS_MARGIN = 0.06
_MIN_CORNER_SIDE_PX = 100
# Pixels of print that tell where it begins and ends, and shares of them that lie further out.
_LEAST_PRINT, _PRINT_ENDS = 300, (0.01, 0.99)
# A row of curves beyond the windows that show the grid: twice so high, this far from the next, with
# print in this share of so many columns.
_ROW_MM, _ROWS_APART_MM = 5.0, 45.0
_ROW_COLUMNS, _ROW_COVERED = 64, 0.9
# How many times as long as its opposite a side of the paper may seem. On 42 photographs of two
# other renderers it is 1.02 at most where the grid is found rightly, and 1.04 or more on four where
# it is not.
_MOST_UNEQUAL = 1.03
_EVERYWHERE = (-np.inf, -np.inf, np.inf, np.inf)


@dataclass(frozen=True)
class Pose:
    """How the paper lies in the upload.

    Attributes
    ----------
    to_mm : ndarray, shape (3, 3)
        Homography from pixels of the upload to millimetres of paper.
    shown_mm : tuple of float
        Left, top, right and bottom of the part of the paper that is worth showing.
    inner_px : ndarray, shape (n, 2)
        Points of the upload that surely show paper.
    to_bend : ndarray, shape (3, 3)
        Homography from pixels of the upload to those that `bend` counts in.
    bend : PaperBend or None
        How the paper departs from `to_mm`.
    sureness : float
        How sure the grid is, 0 without one.
    scale_known : bool
        Whether there is a grid.
    edges_seen : bool
        Whether there is none, and the paper's edges tell how it lies.
    """

    to_mm: Homography
    shown_mm: BoxMm
    inner_px: NDArray[np.float64]
    to_bend: Homography
    bend: PaperBend | None
    sureness: float
    scale_known: bool
    edges_seen: bool


@dataclass(frozen=True)
class AlignedPage:
    """A page at canonical scale.

    Attributes
    ----------
    gray : ndarray, shape (height, width), uint8
        The page upright (or upside down: that, only the print tells), at `PX_PER_MM`: curves and
        print dark on white, light flattened, grid removed.
    to_upload : ndarray, shape (3, 3), float64
        Homography from pixels of `gray` to pixels of the upload, both of pixel centres. Where the
        paper was bent, `gray` has been flattened beyond it.
    px_per_mm : float
        Scale of the upload, mean of both directions.
    scale_known : bool
        Whether a grid gave the scale; if not, the page is only levelled and its scale guessed.
    upload : ndarray, shape (height, width, 3), uint8
        The upload, RGB.
    pose : Pose
        How the paper lies in it.
    quarter_turns : int
        By which the page was turned counterclockwise since.
    """

    gray: NDArray[np.uint8]
    to_upload: Homography
    px_per_mm: float
    scale_known: bool
    upload: NDArray[np.uint8]
    pose: Pose
    quarter_turns: int = 0

    @property
    def grid_sureness(self) -> float:
        """How sure scale and pose are, from 0 to 1."""
        return self.pose.sureness


def align(
    page: PageImage, corners: NDArray[np.float64] | None = None, quarter_turns: int = 0
) -> AlignedPage:
    """Bring a page to canonical scale.

    Parameters
    ----------
    page : PageImage
        The upload.
    corners : ndarray, shape (4, 2), optional
        Corners of the rectangle that holds the ten seconds of curves, in pixels of the upload: top
        left, top right, bottom right, bottom left.
    quarter_turns : int
        Turns by 90 degrees counterclockwise that bring the upload upright; 0 to have that found.

    Returns
    -------
    AlignedPage
        The page.

    Raises
    ------
    Refusal
        ``scale_too_small`` when the grid's millimetres have too few pixels, ``not_an_ecg`` when
        there is neither grid nor print, ``bad_corners`` for corners of no rectangle.
    """
    if corners is not None:
        _require_corners(corners, page.rgb.shape)
    work, to_work = _work_copy(page.rgb, corners)
    pose = _find_pose(page, work, to_work, corners)
    page_seen = _at_pose(page.rgb, pose)
    turns = quarter_turns % 4
    if turns == 0 and corners is None:
        inner = _apply(_inverse(page_seen.to_upload), pose.inner_px)
        turns = int(is_sideways(_middle(page_seen.gray, inner)))
    return turned(page_seen, turns)


def _at_pose(rgb: NDArray[np.uint8], pose: Pose) -> AlignedPage:
    """Bring an upload to canonical scale whose paper lies so."""
    left, top, right, bottom = pose.shown_mm
    to_page = np.diag([PX_PER_MM, PX_PER_MM, 1.0]) @ _shift(-left, -top)
    to_upload = _inverse(to_page @ pose.to_mm)
    size = round((right - left) * PX_PER_MM), round((bottom - top) * PX_PER_MM)
    page, on_page = _warp(rgb, to_upload, size, pose)
    scale = _scale_at(to_upload, np.array(size) / 2)
    inner = _apply(to_page @ pose.to_mm, pose.inner_px)
    origin_mm = (left, top) if pose.scale_known else None
    gray = clean_page(page, on_page, inner, 1 / scale, origin_mm)
    return AlignedPage(gray, to_upload, scale * PX_PER_MM, pose.scale_known, rgb, pose)


def _find_pose(
    page: PageImage,
    work: NDArray[np.uint8],
    to_work: Homography,
    corners: NDArray[np.float64] | None,
) -> Pose:
    """Find how the paper lies, by its grid if it has one."""
    # The print is found on one core while the grid is looked for on this one.
    with ThreadPoolExecutor(1) as beside:
        finding = beside.submit(find_strokes, work)
        outlining = beside.submit(paper_corners, work) if corners is None else None
        grid = find_grid(_print_darkness(work))
        strokes = finding.result()
        edges = None if outlining is None else outlining.result()
    if edges is not None and (grid is None or not _sides_are_alike(_apply(grid.to_mm, edges))):
        # Seen from straight above a pale grid stands out better, and frames' own grids line up.
        from_above, to_above = _work_copy(page.rgb, _apply(_inverse(to_work), edges))
        again = find_grid(_print_darkness(from_above))
        again_from_work = to_above @ _inverse(to_work)
        if again is not None and (
            grid is None or _sides_are_alike(_apply(again.to_mm @ again_from_work, edges))
        ):
            grid, strokes, to_work = again, find_strokes(from_above), to_above
        elif grid is None:
            strokes = find_strokes(work, edges)
    if grid is None:
        from_work, on_paper, edges_seen = _pose_without_grid(work, strokes, corners, edges)
        bend, sureness = None, 0.0
        around = on_paper
    else:
        from_work, on_paper, edges_seen = grid.to_mm, _inner_centres(grid), False
        bend, sureness = find_paper_bend(grid), grid.sureness
        windows = _window_corners(grid)
        curves = _corners_of_curves(strokes, windows, grid.px_per_mm)
        around = np.concatenate([windows, curves])
        _require_scale(1 / _scale_at(from_work @ to_work, _apply(_inverse(to_work), on_paper[0])))
    to_mm = from_work @ to_work
    if corners is None:
        picture = _picture_box(to_mm, bend, page.gray.shape)
        shown = _box_around(_apply(from_work, around), picture)
    else:
        shown = _box_around(_apply(to_mm, corners), _EVERYWHERE)
    inner = _apply(_inverse(to_work), on_paper)
    return Pose(to_mm, shown, inner, to_work, bend, sureness, grid is not None, edges_seen)


def _sides_are_alike(corners_mm: NDArray[np.float64]) -> bool:
    """Whether opposite sides of paper are as long as each other, where a grid tells how it lies."""
    sides = np.roll(corners_mm, -1, axis=0) - corners_mm
    across, down, across_below, down_left = np.hypot(*sides.T)
    unequal = np.abs(np.log([across / across_below, down / down_left])).max()
    return bool(unequal <= np.log(_MOST_UNEQUAL))


def _pose_without_grid(
    work: NDArray[np.uint8],
    strokes: Strokes,
    corners: NDArray[np.float64] | None,
    edges: NDArray[np.float64] | None,
) -> tuple[Homography, NDArray[np.float64], bool]:
    """Level the copy that is worked on, by the corners of its paper if seen, and guess its scale.

    Second are points of the copy that show print, third whether the paper's edges told how it lies.
    """
    if corners is not None:
        mm_per_px = SHEET_MM / (work.shape[1] / (1 + 2 * _CORNERS_MARGIN))
        return np.diag([mm_per_px, mm_per_px, 1.0]), np.array([work.shape[1::-1]]) / 2, False
    by_edges = None if edges is None else level_by_edges(edges, strokes, work.shape)
    levelled = by_edges or level_by_print(strokes, work.shape)
    if levelled is None:
        raise Refusal(
            "not_an_ecg",
            STEP,
            "Aligning the page: no grid was found and next to nothing is printed, and at least one "
            "of both is needed: upload the whole sheet, sharp and evenly lit.",
        )
    to_level, ink = levelled
    print_px = float(np.ptp(np.quantile(_apply(to_level, ink), (0.01, 0.99), axis=0), axis=0).max())
    mm_per_px = SHEET_MM / print_px
    return np.diag([mm_per_px, mm_per_px, 1.0]) @ to_level, ink, by_edges is not None


def _inner_centres(grid: Grid) -> NDArray[np.float64]:
    """Centres of windows that surely lie on the grid: those that have it far around, if any."""
    seen = ~np.isnan(grid.bend_mm[..., 0])
    inner = seen
    for _ in range(_INNER_WINDOWS):
        less = cv2.erode(inner.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
        if less.sum() >= _ENOUGH_INNER:
            inner = less
    return grid.centres_px[inner]


def _work_copy(
    rgb: NDArray[np.uint8], corners: NDArray[np.float64] | None
) -> tuple[NDArray[np.uint8], Homography]:
    """Copy the upload for looking for the grid; second is the homography to the copy.

    With corners the copy is what lies between them, and a little around, straightened.
    """
    if corners is None:
        shorter, longer = sorted(rgb.shape[:2])
        of_area = (shorter * longer / _WORK_AREA_PX) ** 0.5
        reduction = max(1.0, min(longer / _WORK_SIDE_PX, of_area, shorter / WINDOW_PX))
        return reduced(rgb, reduction), _scaling(1 / reduction)
    across, down, across_below, down_left = np.hypot(*(np.roll(corners, -1, 0) - corners).T)
    width, height = (across + across_below) / 2, (down + down_left) / 2
    reduction = max(1.0, (1 + 2 * _CORNERS_MARGIN) * max(width, height) / _WORK_SIDE_PX)
    width, height = max(width / reduction, 1.0), max(height / reduction, 1.0)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + _CORNERS_MARGIN
    to_work = np.asarray(
        cv2.getPerspectiveTransform(
            corners.astype(np.float32), (square * (width, height)).astype(np.float32)
        ),
        np.float64,
    )
    size = tuple(
        max(WINDOW_PX, round((1 + 2 * _CORNERS_MARGIN) * side)) for side in (width, height)
    )
    source = reduced(rgb, reduction)
    from_source = to_work @ _scaling(reduction)
    work = cv2.warpPerspective(source, from_source, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(work, np.uint8), to_work


def reduced(rgb: NDArray[np.uint8], reduction: float) -> NDArray[np.uint8]:
    """Make a picture smaller, without a pixel going unseen.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, 3), uint8
    reduction : float
        How many times smaller; up to 1 the picture stays as it is.

    Returns
    -------
    ndarray, uint8
    """
    if reduction <= 1:
        return rgb
    height, width = rgb.shape[:2]
    size = max(1, round(width / reduction)), max(1, round(height / reduction))
    nearly, _ = _halved(rgb, reduction)
    return np.asarray(cv2.resize(nearly, size, interpolation=cv2.INTER_AREA), np.uint8)


def _halved(rgb: NDArray[np.uint8], reduction: float) -> tuple[NDArray[np.uint8], float]:
    """Halve a picture until what is left of a reduction is less than two; second is that.

    Halving takes a tenth of the time that other reductions take.
    """
    while reduction >= 2:
        half = rgb.shape[1] // 2, rgb.shape[0] // 2
        even = rgb[: 2 * half[1], : 2 * half[0]]
        rgb = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
        reduction /= 2
    return rgb, reduction


def _print_darkness(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How dark the print is, no curve much darker than the grid, changes of light taken out."""
    paper = bare_paper(rgb, _PRINT_REACH_PX)
    darkness = darkness_to_any(rgb, paper, _PRINT_REACH_PX)
    usual = cv2.blur(darkness, (_USUAL_REACH_PX, _USUAL_REACH_PX))
    darkness = np.minimum(darkness, _CURVE_CAP * usual)
    # Nearly a Gaussian, at a quarter of its cost.
    return darkness - np.asarray(cv2.stackBlur(darkness, (_HIGH_PASS_PX, _HIGH_PASS_PX)))


def _scaling(factor: float) -> Homography:
    """Homography between pixel centres of a picture and of one that is so many times as large."""
    shift = factor / 2 - 0.5
    return np.array([[factor, 0, shift], [0, factor, shift], [0, 0, 1.0]])


def _inverse(homography: Homography) -> Homography:
    return np.asarray(np.linalg.inv(homography), np.float64)


def _shift(x: float, y: float) -> Homography:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def _scale_at(homography: Homography, point: NDArray[np.float64]) -> float:
    """How much a homography enlarges at a point, mean of both directions."""
    return float(np.sqrt(abs(np.linalg.det(jacobian(homography, point)))))


def _apply(homography: Homography, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Carry points, shape (..., 2)."""
    homogeneous = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(homogeneous[..., :2] / homogeneous[..., 2:], np.float64)


def _require_scale(px_per_mm: float) -> None:
    if px_per_mm < MIN_PX_PER_MM:
        raise Refusal(
            "scale_too_small",
            STEP,
            f"Aligning the page: the grid was found at {px_per_mm:.1f} px/mm, at least "
            f"{MIN_PX_PER_MM} needed: scan at 100 dpi or more, or photograph the sheet from nearer "
            "by.",
        )


def _require_corners(corners: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    """Refuse corners that are not those of a rectangle on the picture, seen from some side."""
    if not np.isfinite(corners).all():
        raise Refusal(
            "bad_corners",
            STEP,
            "Aligning the page: a corner's x or y is empty, and all four corners need both: drag "
            "all four on the sheet, or undo the correction to have them found.",
        )
    sides = np.roll(corners, -1, axis=0) - corners
    onward = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * onward[:, 1] - sides[:, 1] * onward[:, 0]
    shortest = float(np.hypot(*sides.T).min())
    middle = corners.mean(axis=0)
    on_picture = bool((middle > 0).all() and (middle < (shape[1], shape[0])).all())
    if shortest < _MIN_CORNER_SIDE_PX or not (turns > 0).all() or not on_picture:
        raise Refusal(
            "bad_corners",
            STEP,
            "Aligning the page: the four corners make no rectangle on the picture, seen from some "
            f"side (the shortest side has {shortest:.0f} px, at least {_MIN_CORNER_SIDE_PX} "
            "needed): set them around the ten seconds of curves, clockwise from the top left.",
        )


def _picture_box(to_mm: Homography, bend: PaperBend | None, shape: tuple[int, ...]) -> BoxMm:
    """Left, top, right and bottom of the whole picture on the paper, bent paper included."""
    farther = 0.0 if bend is None else float(np.abs(bend.shift_mm).max())
    height, width = shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    on_paper = _apply(to_mm, corners)
    return (*(on_paper.min(axis=0) - farther), *(on_paper.max(axis=0) + farther))


def _window_corners(grid: Grid) -> NDArray[np.float64]:
    """Corners of all windows that show the grid, shape (n, 2)."""
    seen = grid.centres_px[~np.isnan(grid.bend_mm[..., 0])]
    half = WINDOW_PX / 2
    sides = ((-half, -half), (half, -half), (half, half), (-half, half))
    return np.concatenate([seen + np.array(side) for side in sides])


def _corners_of_curves(
    strokes: Strokes, seen: NDArray[np.float64], px_per_mm: float
) -> NDArray[np.float64]:
    """Find how far the curves go that begin where windows show the grid: two corners, shape (2, 2).

    A grid that is printed in pieces may be followed through some of them alone.
    """
    (left, top), (right, bottom) = seen.min(axis=0), seen.max(axis=0)
    x, y = strokes[0].T
    beside = x[(y >= top) & (y <= bottom)]
    first, last = left, right
    if len(beside) >= _LEAST_PRINT:
        # The windows reach beyond what is printed, or not so far.
        first, last = np.quantile(beside, _PRINT_ENDS)
        left, right = min(left, first), max(right, last)
    columns = np.floor(_ROW_COLUMNS * (x - first) / (last - first)).astype(np.intp)
    inside = (columns >= 0) & (columns < _ROW_COLUMNS)
    height = _ROW_MM * px_per_mm
    bands = np.floor(y[inside] / height).astype(np.intp)
    shown = np.zeros((bands.max(initial=0) + 1, _ROW_COLUMNS), np.bool_)
    shown[bands, columns[inside]] = True
    # A row may lie upon the edge of two bands.
    starts = height * np.flatnonzero((shown[:-1] | shown[1:]).mean(axis=1) >= _ROW_COVERED)
    apart = _ROWS_APART_MM * px_per_mm
    for start in starts[starts > bottom]:
        bottom = start + 2 * height if start - bottom < apart else bottom
    for start in starts[starts + 2 * height < top][::-1]:
        top = start if top - start - 2 * height < apart else top
    return np.array([[left, top], [right, bottom]])


def _box_around(points_mm: NDArray[np.float64], picture: BoxMm) -> BoxMm:
    """Draw the smallest box around points and a margin that a picture and a page can hold."""
    first = np.maximum(points_mm.min(axis=0) - _MARGIN_MM, picture[:2])
    last = np.minimum(points_mm.max(axis=0) + _MARGIN_MM, picture[2:])
    middle = (first + last) / 2
    size = np.minimum(last - first, _MAX_SIDE_MM)
    size[size.argmin()] = min(size.min(), _MAX_AREA_MM2 / size.max())
    return (*(middle - size / 2), *(middle + size / 2))


def _warp(
    rgb: NDArray[np.uint8], to_upload: Homography, size: tuple[int, int], pose: Pose
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Bring the upload to canonical scale; second is where it shows anything."""
    enlarged = _scale_at(to_upload, np.array(size) / 2)
    reduction = enlarged * PX_PER_MM / _WARP_PX_PER_MM
    source, left = _halved(rgb, reduction)
    to_source = _scaling(left / reduction)
    if left > 1:
        # As much blur as a reduction by area would leave; the larger picture is warped as fast.
        blur_px = float(np.sqrt((left**2 - 1) / 6))
        source = np.asarray(cv2.GaussianBlur(source, (3, 3), blur_px), np.uint8)
    # Nodes lie in the middle of cells, the first cells outside the page.
    columns, rows = (np.arange(-1, -(-side // _MAP_STEP_PX) + 1) for side in size)
    cells = np.stack(np.meshgrid(columns, rows), axis=-1).astype(np.float64)
    nodes = _MAP_STEP_PX * cells + (_MAP_STEP_PX - 1) / 2
    places = _apply(to_upload, nodes)
    if pose.bend is not None:
        for _ in range(_BEND_ROUNDS):
            shift_mm = pose.bend.at(_apply(pose.to_bend, places))
            places = _apply(to_upload, nodes - shift_mm * PX_PER_MM)
    coarse = _apply(to_source, places).astype(np.float32)
    x, y = _fine_map(coarse[..., 0], size), _fine_map(coarse[..., 1], size)
    interpolation = cv2.INTER_CUBIC if enlarged < 1 else cv2.INTER_LINEAR
    page = cv2.remap(source, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    bottom, right = np.array(source.shape[:2]) - 0.5
    inside = cv2.bitwise_and(cv2.inRange(x, -0.5, right), cv2.inRange(y, -0.5, bottom))
    return np.asarray(page, dtype=np.uint8), np.asarray(inside, np.uint8) > 0


def _fine_map(coarse: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Fill a map that is known at the nodes of `_warp`."""
    cells = cv2.resize(coarse, (0, 0), fx=_MAP_STEP_PX, fy=_MAP_STEP_PX)
    first = _MAP_STEP_PX
    return np.asarray(cells[first : first + size[1], first : first + size[0]], np.float32)


def _middle(gray: NDArray[np.uint8], inner: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Cut out the part of a page that surely holds curves, without header and edges."""
    (left, top), (right, bottom) = np.maximum(0, np.quantile(inner, _MIDDLE, axis=0)).astype(int)
    middle = gray[top : bottom + 1, left : right + 1]
    # Print that lies widely scattered may have no middle on the part that is shown.
    return middle if middle.size else gray


def turned(page: AlignedPage, quarter_turns: int) -> AlignedPage:
    """Turn a page by quarter turns counterclockwise.

    Parameters
    ----------
    page : AlignedPage
    quarter_turns : int

    Returns
    -------
    AlignedPage
    """
    gray, to_upload = page.gray, page.to_upload
    for _ in range(quarter_turns):
        # The top row of the turned page is the last column of the page.
        to_upload = to_upload @ np.array([[0, -1, gray.shape[1] - 1], [1, 0, 0], [0, 0, 1.0]])
        gray = np.rot90(gray)
    return replace(
        page,
        gray=np.ascontiguousarray(gray),
        to_upload=to_upload,
        quarter_turns=page.quarter_turns + quarter_turns,
    )


def enlarged(page: AlignedPage, factor: float) -> AlignedPage:
    """Look again at a page whose grid was miscounted: its millimetres are so many times as many.

    Parameters
    ----------
    page : AlignedPage
    factor : float

    Returns
    -------
    AlignedPage

    Raises
    ------
    Refusal
        ``scale_too_small`` as from `align`.
    """
    _require_scale(page.px_per_mm / factor)
    pose, bend = page.pose, page.pose.bend
    left, top, right, bottom = (factor * side for side in pose.shown_mm)
    pose = replace(
        pose,
        to_mm=np.diag([factor, factor, 1.0]) @ pose.to_mm,
        shown_mm=(left, top, right, bottom),
        bend=None if bend is None else replace(bend, shift_mm=factor * bend.shift_mm),
    )
    return turned(_at_pose(page.upload, pose), page.quarter_turns)
