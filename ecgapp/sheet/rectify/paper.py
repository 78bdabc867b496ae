"""Tells the paper from the table that it lies on, by the paper's edge."""

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


def even_parts(
    rgb: NDArray[np.uint8], shown: NDArray[np.bool_], print_px: float
) -> NDArray[np.int32]:
    """Divide a picture into parts without edges in them.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, n_channels), uint8
        The picture.
    shown : ndarray, shape (height, width), bool
        What of it counts.
    print_px : float
        Width in pixels that strokes of print do not exceed; they are no edges.

    Returns
    -------
    ndarray of int32
        Number of each pixel's part in the picture made `illumination.REDUCTION` times smaller, 0
        for edges, -1 for what does not count.
    """
    paper = bare_paper(rgb, print_px)
    window = np.ones((_EDGE_WINDOW_PX, _EDGE_WINDOW_PX), np.uint8)
    brightest = cv2.dilate(paper, window).astype(np.float32)
    change = (brightest - cv2.erode(paper, window)) / (brightest + 1)
    even = np.asarray((change < _EDGE_CONTRAST).reshape(*paper.shape[:2], -1).any(axis=2))
    hidden = cv2.resize(shown.astype(np.uint8), paper.shape[1::-1]) == 0
    even[hidden] = False
    _, parts = cv2.connectedComponents(even.astype(np.uint8), connectivity=4)
    return np.where(hidden, np.int32(-1), parts)


def table_around(parts: NDArray[np.int32], inner_points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Find the table around a sheet.

    Parameters
    ----------
    parts : ndarray of int32
        The picture's `even_parts`.
    inner_points : ndarray, shape (n, 2)
        x and y of points that surely lie on the paper, in pixels of the picture.

    Returns
    -------
    ndarray of bool
        Wide areas without such a point that reach the end of what is shown; shape of `parts`.
    """
    points = np.clip((inner_points / REDUCTION).astype(int), 0, np.array(parts.shape[::-1]) - 1)
    is_paper = np.zeros(parts.max() + 2, np.bool_)
    is_paper[parts[points[:, 1], points[:, 0]]] = True
    is_paper[[0, -1]] = False
    # Curves that run off the picture have thin edges; a table is wide, or goes on out of sight.
    wide = np.ones((_MIN_TABLE_PX, _MIN_TABLE_PX), np.uint8)
    rest = cv2.morphologyEx((~is_paper[parts]).astype(np.uint8), cv2.MORPH_OPEN, wide)
    _, areas = cv2.connectedComponents(rest, connectivity=4)
    at_end = cv2.dilate(np.pad((parts < 0).astype(np.uint8), 1, constant_values=1), _NEXT)
    is_table = np.zeros(areas.max() + 1, np.bool_)
    is_table[areas[at_end[1:-1, 1:-1] > 0]] = True
    is_table[0] = False
    table = (is_table[areas] & (parts >= 0)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(table, cv2.MORPH_OPEN, _NEXT) > 0)
