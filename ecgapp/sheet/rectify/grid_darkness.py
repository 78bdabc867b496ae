"""The grid's own darkness on a page at canonical scale: what repeats every five millimetres."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM
from ecgapp.io.weights import MAX_THREADS

# Coarse lines of ECG paper repeat at this distance, and fine ones within it.
_CELL_MM = 5
_LATTICE_PX_PER_MM = 8
_CELL_PX = _CELL_MM * _LATTICE_PX_PER_MM
# The rest was set by hand on drawn sheets with grey grids and on the photographs of the development
# data.
# Cells along each side of a part of the page in which the grid looks everywhere the same.
_PART_CELLS = 6
# Cells of a part that at least show the grid, and nothing upon it, are one minus this share.
_USUAL = 0.65
# So does a larger share of its columns of cells, and of its rows; and lines are nowhere darker than
# so many times what they are there.
_MOST, _MUCH = 0.5, 1.5
# A part of which less than this share of its neighbour's grid is seen lies at the grid's edge.
_HALF_SHOWN = 0.6
# Grids are left to the threshold whose lines, this part of the page at least, are fainter: lines
# five millimetres apart, where dashes or a coarse picture break them up.
_LINES, _MIN_DARKNESS = 0.02, 0.02


def grid_darkness(
    darkness: NDArray[np.float32], origin_mm: tuple[float, float]
) -> NDArray[np.float32] | None:
    """Tell how dark the grid alone is, everywhere on a page.

    Curves are where they like; whatever is dark in the same place of most cells is the grid.

    Parameters
    ----------
    darkness : ndarray, shape (height, width), float32
        The page at canonical scale, 0 for paper.
    origin_mm : tuple of float
        x and y of the page's top left corner on the grid, millimetres.

    Returns
    -------
    ndarray, shape (height, width), float32, or None
        None where there is next to nothing of it.
    """
    height, width = darkness.shape
    offset = [(origin % _CELL_MM) * _LATTICE_PX_PER_MM for origin in origin_mm]
    enlarged = _LATTICE_PX_PER_MM / PX_PER_MM
    sides = (side * enlarged + shift for side, shift in zip((width, height), offset, strict=True))
    n_across, n_down = (int(-(-side // _CELL_PX)) for side in sides)
    to_lattice = np.array(
        [
            [enlarged, 0, offset[0] + enlarged / 2 - 0.5],
            [0, enlarged, offset[1] + enlarged / 2 - 0.5],
        ]
    )
    size = n_across * _CELL_PX, n_down * _CELL_PX
    warped = cv2.warpAffine(darkness, to_lattice, size, flags=cv2.INTER_LINEAR)
    flat = np.asarray(warped, np.float32)
    cells = flat.reshape(n_down, _CELL_PX, n_across, _CELL_PX)
    parts = [
        np.array_split(band, -(-n_across // _PART_CELLS), axis=2)
        for band in np.array_split(cells, -(-n_down // _PART_CELLS))
    ]
    # Half of the parts on a core each.
    with ThreadPoolExecutor(MAX_THREADS) as cores:
        usual = list(cores.map(lambda row: [_usual(part) for part in row], parts))
    for row, of_row in zip(parts, _filled(np.array(usual)), strict=True):
        for part, pattern in zip(row, of_row, strict=True):
            part[:] = pattern[None, :, None, :]
    # The steps are no part of a cell's width, or no line might be among what is looked at.
    if float(np.quantile(flat[::3, ::3], 1 - _LINES)) < _MIN_DARKNESS:
        return None
    # Lines lie within a quarter of a millimetre of where they should.
    wide = cv2.dilate(flat, np.ones((3, 3), np.uint8))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(wide, to_lattice, (width, height), flags=flags), np.float32)


def _usual(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """Darkness that a grid has in each place of a cell; ``part`` is (down, cell, across, cell).

    Beats that stand as far apart as cells, or three or four times as far, are dark in the same
    place of many cells, too, and so are curves that run flat: but in few of the part's columns,
    or rows, of cells. A grid is dark in most of both, and nowhere much darker than there.
    """
    by_place = part.transpose(1, 3, 0, 2).reshape(_CELL_PX, _CELL_PX, -1)
    # The nearest value, as NumPy's quantile takes it at four times the cost.
    place = round(_USUAL * (by_place.shape[2] - 1))
    dark = np.partition(by_place, place, axis=2)[..., place]
    by_column = _quantile_of_few(part, _USUAL)
    by_row = _quantile_of_few(part.transpose(2, 0, 1, 3), _USUAL)
    in_most = np.minimum(
        _quantile_of_few(by_column.swapaxes(0, 1), _MOST), _quantile_of_few(by_row, _MOST)
    )
    return np.minimum(dark, _MUCH * in_most.max())


def _quantile_of_few(values: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Take the quantile, the nearest value, along a short first axis: all places sorted at once."""
    ordered = list(values)
    for turn in range(len(ordered)):
        for k in range(turn % 2, len(ordered) - 1, 2):
            less, more = np.minimum(*ordered[k : k + 2]), np.maximum(*ordered[k : k + 2])
            ordered[k : k + 2] = less, more
    return ordered[round(share * (len(ordered) - 1))]


def _filled(patterns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give parts that the grid only reaches into the pattern of a part beside them."""
    padded = np.pad(patterns, ((1, 1), (1, 1), (0, 0), (0, 0)))
    beside = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    strength = beside.mean(axis=(3, 4))
    best = strength.argmax(axis=0)
    strongest = np.take_along_axis(beside, best[None, ..., None, None], axis=0)[0]
    weak = patterns.mean(axis=(2, 3)) < _HALF_SHOWN * strength.max(axis=0)
    return np.where(weak[..., None, None], strongest, patterns)
