"""Take the lead names off an aligned page, so that no letter is read as part of a curve."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.names import PrintedName

PAPER = 255
# Names read with less certainty than this may be parts of curves.
_MIN_PROBABILITY = 0.5
# Letters reach this far beyond the box that the reader gives; their blurred edges go with them.
_ROOM_PX, _EDGE_PX = 6, 3
_INK_BELOW = 215


def scrub_names(gray: NDArray[np.uint8], names: Sequence[PrintedName]) -> NDArray[np.uint8]:
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
        if name.probability >= _MIN_PROBABILITY:
            _scrub_one(clean, name)
    return clean


def _scrub_one(clean: NDArray[np.uint8], name: PrintedName) -> None:
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
