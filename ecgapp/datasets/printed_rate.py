"""The heart rate that the data's machine prints at the bottom of its sheets, behind a heart.

Only for asking how much of a label that number gives away; nothing that is served reads it. The
machine prints with a bitmap font, so ten small pictures of its digits are all that reading needs.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.edan import INK_BELOW

# Where the line is looked for in a sheet of 2213 x 1572 px, and the heart within it.
_LINE_TOP_PX = 1518
_HEART_WIDTH_PX, _HEART_HEIGHT_PX = 14, 13
_HEART_AREA_PX = (110, 140)
# The digits begin a little above the heart; behind the last one there are this many blank columns.
_DIGIT_ABOVE_HEART_PX = 1
_DIGIT_HEIGHT_PX = 15
_FIELD_PX = 60
_BLANK_PX = 10
# Part of a digit's pixels that may differ from its picture.
_MISMATCH = 0.12
_PLAUSIBLE_BPM = (20, 255)

# Digit: its width, and its rows from the top as hexadecimal numbers, ink 1.
_FONT = {
    "0": (10, "38 c4 86 186 182 183 383 383 383 183 183 186 186 c4 68"),
    "1": (4, "2 e 6 2 2 2 2 2 2 2 2 2 2 2 7"),
    "2": (9, "78 fc 10e 106 6 6 4 4 8 10 0 20 41 ff 1fe"),
    "3": (8, "38 7c 86 6 6 4 8 3e 6 3 3 3 2 84 f8"),
    "4": (10, "4 c c 14 24 44 44 84 104 104 3ff 4 4 4 4"),
    "5": (8, "1f 3e 20 40 60 f8 1c 6 3 3 3 2 2 84 f8"),
    "6": (10, "6 10 60 c0 c0 180 1fc 186 386 303 103 182 182 84 68"),
    "7": (9, "ff 1fe 102 6 4 4 c 8 8 18 10 10 10 20 20"),
    "8": (9, "3c c6 82 82 c2 e4 78 38 5c c6 87 183 83 c2 64"),
    "9": (10, "78 8c 186 106 306 303 183 187 ce 66 6 c 18 30 60"),
}


def printed_rate_bpm(gray: NDArray[np.uint8]) -> int | None:
    """Read the printed heart rate.

    Parameters
    ----------
    gray : ndarray of uint8, (height, width)
        A page as it was scanned, 200 dpi.

    Returns
    -------
    int or None
        Beats per minute; None where no rate can be read.
    """
    ink = gray[_LINE_TOP_PX:] < INK_BELOW
    # Pages of other devices may end above the line; OpenCV crashes on an empty picture.
    heart = _find_heart(ink) if ink.size else None
    if heart is None:
        return None
    left, top = heart
    top -= _DIGIT_ABOVE_HEART_PX
    left += _HEART_WIDTH_PX
    digits = _read_digits(ink[max(0, top) : top + _DIGIT_HEIGHT_PX, left : left + _FIELD_PX])
    rate = int(digits) if digits else 0
    return rate if _PLAUSIBLE_BPM[0] <= rate <= _PLAUSIBLE_BPM[1] else None


def digit_picture(digit: str) -> NDArray[np.bool_]:
    """Draw a digit as the machine prints it, (15, width), True where there is ink."""
    width, rows = _FONT[digit]
    return np.array(
        [[int(row, 16) >> x & 1 for x in reversed(range(width))] for row in rows.split()]
    ).astype(bool)


def _find_heart(ink: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Left and top of the one solid blob that is as large as the heart."""
    _, _, blobs, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    low, high = _HEART_AREA_PX
    for left, top, width, height, area in blobs[1:].tolist():
        right_size = abs(width - _HEART_WIDTH_PX) <= 1 and abs(height - _HEART_HEIGHT_PX) <= 1
        if right_size and low <= area <= high:
            return left, top
    return None


def _read_digits(field: NDArray[np.bool_]) -> str:
    """Read digits from the left until there is a gap; empty where something else stands."""
    if len(field) < _DIGIT_HEIGHT_PX:
        return ""
    digits = ""
    x = 0
    while True:
        ahead = np.flatnonzero(field[:, x:].any(axis=0))
        if not len(ahead) or ahead[0] >= _BLANK_PX:
            return digits
        x += int(ahead[0])
        mismatches = {
            digit: float((field[:, x : x + picture.shape[1]] != picture).mean())
            for digit, picture in _PICTURES.items()
            if x + picture.shape[1] <= field.shape[1]
        }
        best = min(mismatches, key=mismatches.__getitem__, default="")
        if not best or mismatches[best] > _MISMATCH:
            return ""
        digits += best
        x += _PICTURES[best].shape[1]


_PICTURES = {digit: digit_picture(digit) for digit in _FONT}
