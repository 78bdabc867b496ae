"""Find the lines of print on a page, and bring each to the height that their reader knows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.sheet.detect.rows import INK_BELOW, MM, SHRINK, shrink

# Height of a line as the reader sees it, and of its ink in it, pixels.
LINE_PX, TEXT_PX = 32, 24

# All set by hand; none was searched.

# The longest blank that is left within a line, pixels.
_BLANK_PX = 28
# A line this many times as wide as it is high is straightened, and one that many times is bent
# straight, where it strays by more than so many pixels and so much of its width has ink.
_TURNED_FROM, _BENT_FROM, _STRAYS_PX, _INKED_PART = 5, 15, 0.75, 0.2
# Percentage of a line's pixels that are darker than its print is taken to be.
_DARKEST = 1.0
# Letters' heights, the width of one or of some that touch, and what a dash or dot is smaller than,
# mm.
_LETTER_MM, _LETTER_WIDTH_MM, _SMALL_MM = (0.7, 6.0), 16.0, (0.7, 3.0)
# The gap within a word or a few, and what is no piece of a line, or no line, mm.
_GAP_MM, _LEAST_PIECE_MM, _LEAST_LINE_MM, _MAX_LINE_MM = 3.0, 1.5, 6.0, 7.0
# Pieces follow each other on a line over a gap of so many times their height, where so much of the
# lower one is beside the other, which is so many times as high at most.
_GAP_HEIGHTS, _BESIDE_PART, _ALIKE = 3.0, 0.5, 2.0
_MOST_LINES = 40
_ROOM_PX = 4

# Left, top, right and bottom of a piece of print, pixels of the shrunk page.
_Box = tuple[int, int, int, int]


def find_lines(gray: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Find lines of print, the lowest first: footers have the settings.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        Page at canonical scale, ink dark on white.

    Yields
    ------
    ndarray, shape (LINE_PX, any), uint8
        A line as `line_picture` gives it.
    """
    print_only, pieces = _pieces(gray)
    found = [line for line in _joined(pieces) if line[-1][2] - line[0][0] >= _LEAST_LINE_MM * MM]
    for line in sorted(found, key=lambda line: -min(top for _, top, _, _ in line))[:_MOST_LINES]:
        piece = cut_to_print(_picture_of(line, print_only))
        if piece is not None:
            yield line_picture(piece)


def _pieces(gray: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[_Box]]:
    """Find letters that stand close together, and the page without what is no print."""
    ink = (shrink(gray) < INK_BELOW).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    height, width = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_WIDTH]
    letter = (height >= _LETTER_MM[0] * MM) & (height <= _LETTER_MM[1] * MM)
    letter &= width <= _LETTER_WIDTH_MM * MM
    # Dots and dashes are parts of a line, too, but begin none.
    small = (height < _SMALL_MM[0] * MM) & (width <= _SMALL_MM[1] * MM)
    letter[0] = small[0] = False
    letters = np.asarray(letter[labels], np.uint8)
    beside = np.ones((1, round(_GAP_MM * MM)), np.uint8)
    joined = np.asarray(cv2.morphologyEx(letters, cv2.MORPH_CLOSE, beside), np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    print_only = gray.copy()
    shown = cv2.dilate((letter | small)[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    size = gray.shape[1], gray.shape[0]
    print_only[cv2.resize(shown, size, interpolation=cv2.INTER_NEAREST) == 0] = 255
    pieces = [
        (int(left), int(top), int(left + wide), int(top + high))
        for left, top, wide, high, _ in boxes[1:]
        if wide >= _LEAST_PIECE_MM * MM and high <= _MAX_LINE_MM * MM
    ]
    return print_only, pieces


def _joined(pieces: list[_Box]) -> list[list[_Box]]:
    """Join the pieces that follow each other on a line, each with the next."""
    if not pieces:
        return []
    pieces = sorted(pieces)
    left, top, right, bottom = np.array(pieces).T
    height = bottom - top
    lower, higher = np.minimum.outer(height, height), np.maximum.outer(height, height)
    beside = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    gap = (left[None, :] - right[:, None]).astype(np.float64)
    apart = (gap < 0) | (gap > _GAP_HEIGHTS * higher) | (higher > _ALIKE * lower)
    gap[apart | (beside < _BESIDE_PART * lower)] = np.inf
    following, before = gap.argmin(axis=1), gap.argmin(axis=0)
    lines: dict[int, list[_Box]] = {}
    for number, piece in enumerate(pieces):
        last = int(before[number])
        follows = np.isfinite(gap[last, number]) and following[last] == number
        lines[number] = [*lines.pop(last), piece] if follows else [piece]
    return list(lines.values())


def _picture_of(line: list[_Box], print_only: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut a line's pieces, and what stands between them, from a page."""
    lefts, tops, rights, bottoms = zip(*line, strict=True)
    gaps = [
        (one[2], min(one[1], other[1]), other[0], max(one[3], other[3]))
        for one, other in pairwise(line)
    ]
    picture = np.full_like(
        print_only[_within((lefts[0], min(tops), rights[-1], max(bottoms)))], 255
    )
    above, before = (max(0, SHRINK * edge - _ROOM_PX) for edge in (min(tops), lefts[0]))
    for box in (*line, *gaps):
        rows, columns = _within(box)
        part = print_only[rows, columns]
        y, x = rows.start - above, columns.start - before
        picture[y : y + part.shape[0], x : x + part.shape[1]] = part
    return picture


def _within(box: _Box) -> tuple[slice, slice]:
    """Rows and columns of a box on the page, with a little room."""
    left, top, right, bottom = box
    return (
        slice(max(0, SHRINK * top - _ROOM_PX), SHRINK * bottom + _ROOM_PX),
        slice(max(0, SHRINK * left - _ROOM_PX), SHRINK * right + _ROOM_PX),
    )


def line_picture(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a line of print to the height that the reader knows.

    Parameters
    ----------
    ink : ndarray, shape (height, width), uint8
        Gray, cut to the print's bounds.

    Returns
    -------
    ndarray, shape (LINE_PX, any), uint8
        Gray, with white around.
    """
    height, width = ink.shape
    size = max(1, round(width * TEXT_PX / height)), TEXT_PX
    way = cv2.INTER_AREA if height > TEXT_PX else cv2.INTER_LINEAR
    text = _without_wide_blanks(np.asarray(cv2.resize(ink, size, interpolation=way), np.uint8))
    darkest = min(float(np.percentile(text, _DARKEST)), INK_BELOW)
    text = np.clip(255 - (255 - text.astype(np.float32)) * (255 / (255 - darkest)), 0, 255)
    above = (LINE_PX - TEXT_PX) // 2
    return np.asarray(np.pad(text, ((above, above), (8, 8)), constant_values=255), np.uint8)


def _without_wide_blanks(text: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shorten what is blank between a line's words where it is wide."""
    columns = np.arange(text.shape[1])
    last_inked = np.maximum.accumulate(np.where(text.min(axis=0) < INK_BELOW, columns, 0))
    return text[:, columns - last_inked <= _BLANK_PX]


def cut_to_print(gray: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Cut a piece of a page to its print's bounds, and straighten a line.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8

    Returns
    -------
    ndarray or None
        None without print.
    """
    piece = _cut(gray)
    if piece is None or piece.shape[1] < _TURNED_FROM * piece.shape[0]:
        return piece
    height, width = piece.shape
    ink = piece < INK_BELOW
    y, x = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    per_column = ink.sum(axis=0)
    inked = per_column > 0
    if inked.mean() < _INKED_PART:
        return piece
    middles = (ink * y[:, None]).sum(axis=0)[inked] / per_column[inked]
    degree = 2 if width >= _BENT_FROM * height else 1
    along = x / width - 0.5
    course = np.polyval(np.polyfit(along[inked], middles, degree, w=per_column[inked]), along)
    course = np.asarray(course - course.mean(), np.float32)
    if np.ptp(course) < _STRAYS_PX:
        return piece
    room = int(np.ceil(np.abs(course).max()))
    across = np.broadcast_to(x, (height + 2 * room, width))
    down = np.arange(-room, height + room, dtype=np.float32)[:, None] + course
    white = cv2.remap(
        piece, np.ascontiguousarray(across), down, cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(255,),
    )  # fmt: skip
    return _cut(np.asarray(white, np.uint8))


def _cut(gray: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    ys, xs = np.nonzero(gray < INK_BELOW)
    if not len(ys):
        return None
    return gray[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
