"""Which pages of a collection show the same curves, though their files differ.

Sheets of one template share header, grid and lead names, so that a hash of the whole page calls
them all alike. Compared here is only the dark ink of the page's middle, at a resolution at which
the place and height of every beat still shows. On the 1,544 public sheets at hand re-encoded,
brightened or rescaled copies correlate at 0.96 or more; of all pairs of sheets (1.2 million) one is
above 0.84, at 0.98, and is the same recording saved at two sizes. A copy cropped by more than a few
pixels is not found.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Correlation, between the 0.84 of other sheets and the 0.96 of copies (see above).
MIN_SIMILARITY = 0.9

# Sizes and greys set by hand; those figures were measured with them.
_WORK_WIDTH_PX, _WORK_HEIGHT_PX = 512, 384
_PRINT_WIDTH_PX, _PRINT_HEIGHT_PX = 160, 120
# Above and below lie header and footer.
_MIDDLE = slice(int(0.17 * _WORK_HEIGHT_PX), int(0.94 * _WORK_HEIGHT_PX))
# Grey levels darker than the surroundings: grid lines and paper lie below, full ink above.
_FAINTEST_INK, _FULL_INK = 30, 100
_SURROUNDINGS_PX = 21
_BLOCK_ROWS = 512


def ink_print(gray: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Describe where a page's middle has dark ink.

    Parameters
    ----------
    gray : ndarray of uint8, shape (height, width)
        The page, any size.

    Returns
    -------
    ndarray of float16, shape (19200,)
        Zero mean and unit length, so that the dot product of two is their correlation; all zero
        for a page without ink.
    """
    page = cv2.resize(gray, (_WORK_WIDTH_PX, _WORK_HEIGHT_PX), interpolation=cv2.INTER_AREA)
    middle = page[_MIDDLE]
    darkness = cv2.subtract(cv2.blur(middle, (_SURROUNDINGS_PX, _SURROUNDINGS_PX)), middle)
    ink = np.clip(darkness, _FAINTEST_INK, _FULL_INK).astype(np.float32)
    small = cv2.resize(ink, (_PRINT_WIDTH_PX, _PRINT_HEIGHT_PX), interpolation=cv2.INTER_AREA)
    # What is left of rows of curves and columns of leads, which sheets of a template share.
    detail = small - cv2.blur(small, (_PRINT_WIDTH_PX // 8, _PRINT_HEIGHT_PX // 8))
    detail -= detail.mean()
    length = float(np.linalg.norm(detail))
    return (detail.ravel() / length if length > 1e-3 else detail.ravel() * 0).astype(np.float16)


def similar_pairs(prints: NDArray[np.float16]) -> list[tuple[int, int, float]]:
    """Find the pages that show the same curves.

    Parameters
    ----------
    prints : ndarray of float16, shape (n_pages, 19200)
        One `ink_print` a row.

    Returns
    -------
    list of (int, int, float)
        Two row numbers, the lower first, and their correlation, at least `MIN_SIMILARITY`.
    """
    pairs: list[tuple[int, int, float]] = []
    # In blocks: memory grows with the number of pages, not with its square.
    for top in range(0, len(prints), _BLOCK_ROWS):
        rows = prints[top : top + _BLOCK_ROWS].astype(np.float32)
        for left in range(top, len(prints), _BLOCK_ROWS):
            columns = prints[left : left + _BLOCK_ROWS].astype(np.float32)
            correlation = rows @ columns.T
            for row, column in np.argwhere(correlation >= MIN_SIMILARITY):
                first, second = top + int(row), left + int(column)
                if first < second:
                    pairs.append((first, second, float(correlation[row, column])))
    return pairs
