"""Where other ink touches a curve, ask the curve reader which of it is the curve's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ecgapp.digitize.curve_reader import HALF_HEIGHT_PX, WIDTH_PX, read_extents, window_of_row
from ecgapp.io.weights import MAX_THREADS
from ecgapp.sheet.detect.curves import CurveRuns

# Pixels of the canonical scale, set by hand on generated machines (`ecgapp bench machines`).

# Ink this near touches, and what the reader says may be off by this much.
_TOUCH_PX = 3
_SNAP_PX = 4
# Columns beside a crossing that are read with it, and columns at a window's ends that are not used,
# since the reader sees too little beside them.
_BESIDE_PX, _MARGIN_PX = 20, 24
# Windows that are read at a time, to spare memory.
_BATCH = 16


def tell_apart(
    darkness: NDArray[np.uint8],
    ink: NDArray[np.bool_],
    runs: CurveRuns,
    baselines_px: NDArray[np.float64],
) -> tuple[CurveRuns, NDArray[np.float64]]:
    """Follow every row's curve anew where other ink touches it.

    Parameters
    ----------
    darkness : ndarray, shape (n_windows, height, width), uint8
        Each column of leads; 0 is paper.
    ink : ndarray, shape (n_windows, height, width), bool
        The same in black and white.
    runs : CurveRuns
        As `follow_curves` found them, arrays of shape (n_windows, n_rows, width).
    baselines_px : ndarray, shape (n_rows,)
        The rows' baselines.

    Returns
    -------
    CurveRuns
        Other rows of `darkness` where the reader says so.
    sureness : ndarray, shape (n_windows, n_rows, width), float64
        Probability of what was read anew; 1 where nothing touches the curve.
    """
    top, bottom = runs.top_px.copy(), runs.bottom_px.copy()
    sureness = np.ones(top.shape)
    touches = np.array(
        [
            [_touches(ink[window], runs, window, row) for row in range(len(baselines_px))]
            for window in range(len(ink))
        ]
    )
    places = [
        (window, row, left, touched)
        for window in range(len(ink))
        for row in range(len(baselines_px))
        for left, touched in _touched_windows(touches[window, row], runs, window, row, baselines_px)
    ]
    for first in range(0, len(places), _BATCH):
        batch = places[first : first + _BATCH]
        pictures = np.stack(
            [
                window_of_row(
                    darkness[window], baselines_px[row], np.delete(baselines_px, row).tolist(), left
                )
                for window, row, left, _ in batch
            ]
        )
        # On two cores, each with windows of its own.
        with ThreadPoolExecutor(MAX_THREADS) as cores:
            parts = cores.map(read_extents, np.array_split(pictures, min(MAX_THREADS, len(batch))))
        extents = np.concatenate(list(parts))
        for (window, row, left, touched), read in zip(batch, extents, strict=True):
            own = read[touched - left]
            offset = round(baselines_px[row]) - HALF_HEIGHT_PX
            found = _snap(ink[window][:, touched], own[:, :2] + offset)
            # A run that stands alone keeps its columns where another row's was read for it.
            alone = ~touches[window, row, touched]
            answered = ~(alone & _meets_others(runs, window, row, touched, *found))
            columns = touched[answered]
            top[window, row, columns] = found[0][answered]
            bottom[window, row, columns] = found[1][answered]
            sureness[window, row, columns] = own[answered, 2]
    return CurveRuns(top, bottom), sureness


def _meets_others(
    runs: CurveRuns,
    window: int,
    row: int,
    columns: NDArray[np.intp],
    top: NDArray[np.int32],
    bottom: NDArray[np.int32],
    reach_px: int = 0,
) -> NDArray[np.bool_]:
    """Columns in which other rows' runs lie between two edges, or so near to them."""
    meets = np.zeros(len(columns), np.bool_)
    for other in range(runs.top_px.shape[1]):
        if other != row:
            other_top = runs.top_px[window, other, columns]
            other_bottom = runs.bottom_px[window, other, columns]
            near = (other_top <= bottom + reach_px) & (other_bottom >= top - reach_px)
            meets |= near & (other_bottom >= other_top)
    return meets


def _touched_windows(
    touches: NDArray[np.bool_],
    runs: CurveRuns,
    window: int,
    row: int,
    baselines_px: NDArray[np.float64],
) -> list[tuple[int, NDArray[np.intp]]]:
    """First column of each window to read, and the columns to take from it."""
    touched = touches | _is_far_away(runs, window, row, baselines_px)
    beside = np.convolve(touched, np.ones(2 * _BESIDE_PX + 1), "same") > 0
    columns = np.flatnonzero(beside)
    found = []
    while len(columns):
        left = int(columns[0]) - _MARGIN_PX
        inside = columns < left + WIDTH_PX - _MARGIN_PX
        found.append((left, columns[inside]))
        columns = columns[~inside]
    return found


def _is_far_away(
    runs: CurveRuns, window: int, row: int, baselines_px: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Columns in which a row's run is nearer to another row.

    Ink that is furthest from its row may be the neighbour's, a name's or a table's.
    """
    top, bottom = runs.top_px[window, row], runs.bottom_px[window, row]
    spacing = np.diff(baselines_px).min(initial=np.inf)
    away = np.maximum(baselines_px[row] - bottom, top - baselines_px[row])
    return np.asarray((bottom >= top) & (away > spacing / 2))


def _touches(ink: NDArray[np.bool_], runs: CurveRuns, window: int, row: int) -> NDArray[np.bool_]:
    """Columns in which other ink touches a row's run."""
    top, bottom = runs.top_px[window, row], runs.bottom_px[window, row]
    shown = bottom >= top
    columns = np.arange(ink.shape[1])
    touched = np.zeros(len(columns), np.bool_)
    for beyond in range(1, _TOUCH_PX + 1):
        for edge in (top - beyond, bottom + beyond):
            inside = shown & (edge >= 0) & (edge < len(ink))
            touched[inside] |= ink[edge[inside], columns[inside]]
    meets = _meets_others(runs, window, row, columns, top, bottom, _TOUCH_PX)
    return np.asarray(touched | (shown & meets))


def _snap(
    ink: NDArray[np.bool_], extents: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Move edges that were read to the ink's own edges nearby.

    Parameters
    ----------
    ink : ndarray, shape (height, n), bool
    extents : ndarray, shape (n, 2), float32
        Upper and lower edge in rows of `ink`.

    Returns
    -------
    top, bottom : ndarray, shape (n,), int32
        Last before first where there is no ink.
    """
    rows = np.arange(len(ink))[:, None]
    upper, lower = np.round(extents).astype(np.int32).T
    first, last = upper - _SNAP_PX, lower + _SNAP_PX
    own = ink & (rows >= first) & (rows <= last)
    top = own.argmax(axis=0)
    bottom = len(ink) - 1 - own[::-1].argmax(axis=0)
    # Where ink goes on beyond, it is another's.
    top = np.where(top == first, upper, top)
    bottom = np.where(bottom == last, lower, bottom)
    bottom = np.where(own.any(axis=0), bottom, top - 1)
    return top.astype(np.int32), bottom.astype(np.int32)
