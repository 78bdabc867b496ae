"""Uneven light and coloured paper, taken out of a picture.

Whatever is printed is narrow, and whatever the light does is wide: a closing with a window wider
than the print leaves the paper as it is lit. Dividing by it leaves how dark the print is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# The paper is estimated in a picture this many times smaller.
_REDUCTION = 4
# Darker paper than this is noise more than colour.
_MIN_PAPER = 12.0


def absorption(rgb: NDArray[np.uint8], reach_px: float) -> NDArray[np.float32]:
    """How much of the light of each colour the print takes, wherever the paper leaves it.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, n_channels), uint8
        The picture.
    reach_px : float
        Width in pixels that no print exceeds; larger dark areas count as paper in the shade.

    Returns
    -------
    ndarray, shape (height, width, n_channels), float32
        0 where there is no print, to 1 for perfect black.
    """
    paper = _paper(rgb, reach_px)
    taken = np.float32(1) - rgb.astype(np.float32) / np.maximum(paper, _MIN_PAPER)
    return np.maximum(taken, 0, out=taken)


def _paper(rgb: NDArray[np.uint8], reach_px: float) -> NDArray[np.float32]:
    """Colour of the paper under the print, shape and channels of the picture."""
    height, width = rgb.shape[:2]
    small_size = max(1, round(width / _REDUCTION)), max(1, round(height / _REDUCTION))
    small = cv2.resize(rgb, small_size, interpolation=cv2.INTER_AREA)
    window = max(3, round(reach_px / _REDUCTION)) | 1
    closed = cv2.morphologyEx(
        small, cv2.MORPH_CLOSE, np.ones((window, window), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    smooth = cv2.GaussianBlur(closed.astype(np.float32), (0, 0), window / 2)
    paper = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(paper, dtype=np.float32).reshape(rgb.shape)
