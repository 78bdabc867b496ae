"""Uneven light and coloured paper, taken out of a picture.

Whatever is printed is narrow, and whatever the light does is wide: a closing with a window wider
than the print leaves the paper as it is lit. Dividing by it leaves how dark the print is.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

# The paper is estimated in a picture this many times smaller.
REDUCTION = 4
# Darker paper than this (0 to 255) is noise more than colour. Both set by hand.
_MIN_PAPER = 12.0


def bare_paper(rgb: NDArray[np.uint8], reach_px: float) -> NDArray[np.uint8]:
    """Show the paper as it is lit, with nothing printed on it.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, n_channels), uint8
        The picture.
    reach_px : float
        Width in pixels that no print exceeds; larger dark areas count as paper in the shade.

    Returns
    -------
    ndarray of uint8
        The paper, `REDUCTION` times smaller.
    """
    # Whole blocks of pixels are averaged in a tenth of the time that parts of some take.
    height, width = (max(1, side // REDUCTION) for side in rgb.shape[:2])
    blocks = rgb[: height * REDUCTION, : width * REDUCTION]
    small = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_AREA)
    window = np.ones((_window(reach_px), _window(reach_px)), np.uint8)
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, window, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(closed, np.uint8).reshape(*small.shape[:2], -1)


def darkness_to_all(
    rgb: NDArray[np.uint8], paper: NDArray[np.uint8], reach_px: float
) -> NDArray[np.float32]:
    """Measure the share of the light that print takes of every colour, as black ink does.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, n_channels), uint8
        The picture.
    paper : ndarray of uint8
        Its `bare_paper`.
    reach_px : float
        As for `bare_paper`.

    Returns
    -------
    ndarray, shape (height, width), float32
        0 where there is no print, to 1 for perfect black.
    """
    return _light_taken(rgb, paper, reach_px, cv2.max)


def darkness_to_any(
    rgb: NDArray[np.uint8], paper: NDArray[np.uint8], reach_px: float
) -> NDArray[np.float32]:
    """Measure the share of the light that print takes of some colour, as any grid does.

    Parameters
    ----------
    rgb : ndarray, shape (height, width, n_channels), uint8
        The picture.
    paper : ndarray of uint8
        Its `bare_paper`.
    reach_px : float
        As for `bare_paper`.

    Returns
    -------
    ndarray, shape (height, width), float32
        0 where there is no print, to 1 for perfect black.
    """
    return _light_taken(rgb, paper, reach_px, cv2.min)


def _light_taken(
    rgb: NDArray[np.uint8],
    paper: NDArray[np.uint8],
    reach_px: float,
    choose: Callable[[NDArray[np.float32], NDArray[np.float32]], cv2.typing.MatLike],
) -> NDArray[np.float32]:
    """Share of the light taken, of the colour of which the chosen share is left at each pixel."""
    height, width = rgb.shape[:2]
    left = np.zeros((height, width), np.float32)
    for number, channel in enumerate(cv2.split(rgb)):
        # One channel at a time, for memory.
        light = paper[..., number].astype(np.float32)
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), _window(reach_px) / 2), np.float32)
        light = np.maximum(light, np.float32(_MIN_PAPER))
        everywhere = cv2.resize(light, (width, height))
        share = np.asarray(cv2.divide(channel, everywhere, dtype=cv2.CV_32F), np.float32)
        left = np.asarray(choose(left, share), np.float32) if number else share
    taken = np.subtract(np.float32(1), left, out=left)
    return np.maximum(taken, 0, out=taken)


def _window(reach_px: float) -> int:
    return max(3, round(reach_px / REDUCTION)) | 1
