"""Take the lead names off an aligned page, so that no letter is read as part of a curve."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.hypotheses import Evidence
from ecgapp.sheet.names import PrintedName
from ecgapp.sheet.rows import INK_BELOW, SHRINK

PAPER = 255
# Names read with less certainty than this may be parts of curves.
_MIN_PROBABILITY = 0.5
# Letters reach this far beyond the box that the reader gives.
_ROOM_PX = 5
# Blurred edges of a letter are taken away with it.
_EDGE_PX = 3


def scrub_print(gray: NDArray[np.uint8], evidence: Evidence) -> NDArray[np.uint8]:
    """Turn names to paper where they do not touch a curve.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page.
    evidence : Evidence
        The names on it and the curves' tracks.

    Returns
    -------
    ndarray, shape (height, width), uint8
    """
    clean = gray.copy()
    for name, row in zip(evidence.names, evidence.name_rows, strict=True):
        if row is not None and name.probability >= _MIN_PROBABILITY:
            _scrub_one(clean, gray, name)
    return clean


def _scrub_one(clean: NDArray[np.uint8], gray: NDArray[np.uint8], name: PrintedName) -> None:
    """Turn to paper, in place, the pieces of ink that lie wholly within a name's box."""
    height, width = gray.shape
    left, right = max(0, int(name.left) - _ROOM_PX), min(width, int(name.right) + _ROOM_PX + 1)
    top, bottom = max(0, int(name.top) - _ROOM_PX), min(height, int(name.bottom) + _ROOM_PX + 1)
    if right - left < SHRINK or bottom - top < SHRINK:
        return
    ink = (gray[top:bottom, left:right] < INK_BELOW + 60).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    inside = np.zeros(count, np.bool_)
    for number in range(1, count):
        x, y, w, h, _ = stats[number]
        touches_edge = x == 0 or y == 0 or x + w == ink.shape[1] or y + h == ink.shape[0]
        inside[number] = not touches_edge
    letters = inside[labels].astype(np.uint8)
    letters = np.asarray(cv2.dilate(letters, np.ones((_EDGE_PX, _EDGE_PX), np.uint8)), np.uint8)
    others = ((labels > 0) & ~inside[labels]).astype(np.uint8)
    clean[top:bottom, left:right][(letters > 0) & (others == 0)] = PAPER
