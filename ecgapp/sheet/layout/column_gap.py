"""Find what moves columns apart: calibration pulses between two of them, or blanks between all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import CHEST_LEADS, LAYOUTS, PX_PER_MM, SHEET_S
from ecgapp.sheet.detect.pulses import Pulses, find_pulses_between
from ecgapp.sheet.detect.rows import MM, Row
from ecgapp.sheet.detect.tracks import Tracks
from ecgapp.sheet.layout.time_axis import (
    SPEEDS_MM_PER_S,
    Ends,
    Gap,
    begin_px,
    has_ink,
    pen_px,
    usual_place,
)

# Millimetres of paper, set by hand on drawn machines (`ecgapp bench machines`): how wide a pulse
# with its feet is, and how far apart the rows' ends may lie.
_NARROWEST_MM, _WIDEST_MM = 4.0, 18.0
_SAME_END_MM = 1.0
# The same of blanks: how narrow and how wide one is, how far off in a row, and the part of the
# rows, strips among them, that at least has them all.
_LEAST_BLANK_MM, _WIDEST_BLANK_MM, _SAME_BLANK_MM, _BLANK_ROWS = 0.5, 6.0, 0.5, 0.6
# Rows that at least have a gap: two columns of fewer leads are no layout.
_LEAST_ROWS = 2

_COLUMNS = sorted({len(layout.columns) for layout in LAYOUTS.values()} - {1}, reverse=True)
# Parts of the ten seconds after which a layout's first column of chest leads alone begins.
_PARTS = sorted(
    {
        column / len(layout.columns)
        for layout in LAYOUTS.values()
        for column, names in enumerate(layout.columns)
        if column
        and set(names) <= set(CHEST_LEADS)
        and not set(layout.columns[column - 1]) <= set(CHEST_LEADS)
    }
)


def find_gap(
    ink: NDArray[np.bool_], rows: Sequence[Row], lefts: Ends, rights: Ends
) -> tuple[Gap, Pulses] | None:
    """Find the gap between the limb and the chest leads' columns, and the pulses in it.

    Rows that are longer than ten seconds by the width of a pulse have one; strips run on.

    Parameters
    ----------
    ink : ndarray, shape (height, width), bool
        Ink at half the canonical scale.
    rows : sequence of Row
    lefts, rights : Ends
        Where the rows begin and end, pulses at their ends left out.

    Returns
    -------
    Gap and Pulses, or None
    """
    left = usual_place(lefts)
    ends = np.array([place for place, _ in rights.places])
    for speed in SPEEDS_MM_PER_S:
        width = SHEET_S * speed * PX_PER_MM
        beyond = (ends - left - width) / PX_PER_MM
        wide = (beyond > _NARROWEST_MM) & (beyond < _WIDEST_MM)
        if wide.sum() < _LEAST_ROWS:
            continue
        gap_mm = float(np.median(beyond[wide]))
        with_gap = np.flatnonzero(np.abs(beyond - gap_mm) < _SAME_END_MM)
        if len(with_gap) < max(_LEAST_ROWS, wide.sum() / 2):
            continue
        for part in _PARTS:
            at_px = left + part * width
            gap = Gap((at_px,), gap_mm * PX_PER_MM, frozenset(with_gap.tolist()))
            pulses = find_pulses_between(ink, rows, sorted(gap.rows), at_px, gap.width_px)
            if pulses is not None:
                return gap, pulses
    return None


def find_blanks(
    gray: NDArray[np.uint8], tracks: Tracks, rows: Sequence[Row], lefts: Ends
) -> Gap | None:
    """Find blanks between all columns of leads.

    Curves stop a little before the next column begins, and columns may lie further apart than
    their seconds are wide.

    Parameters
    ----------
    gray : ndarray, shape (height, width), uint8
        The aligned page, at canonical scale.
    tracks : Tracks
        The rows' curves.
    rows : sequence of Row
    lefts : Ends
        Where the rows begin.

    Returns
    -------
    Gap or None
    """
    left = usual_place(lefts)
    near = _SAME_BLANK_MM * PX_PER_MM
    inked_rows = [has_ink(gray, tracks, row.baseline_px) for row in rows]
    pen = pen_px(gray, tracks)
    begins = [
        np.array([begin_px(gray, tracks, number, column, pen) for column in _anew(known | inked)])
        for number, (known, inked) in enumerate(zip(tracks.known, inked_rows, strict=True))
    ]
    for speed, n_columns in product(SPEEDS_MM_PER_S, _COLUMNS):
        column = SHEET_S * speed * PX_PER_MM / n_columns
        first = np.concatenate(begins) - left - column
        first = first[(first >= -near) & (first <= _WIDEST_BLANK_MM * PX_PER_MM)]
        best: tuple[list[int], list[float]] = [], []
        for width in first:
            number = np.arange(1, n_columns)
            places = left + (column + width) * number
            found, off = [], []
            for row, at in enumerate(begins):
                if not len(at):
                    continue
                nearest = at[np.abs(at[:, None] - places).argmin(axis=0)]
                if np.abs(nearest - places).max() <= near:
                    found.append(row)
                    off.append(float(((nearest - left) / number - column).mean()))
            if len(found) > len(best[0]):
                best = found, off
        if len(best[0]) >= max(_LEAST_ROWS, _BLANK_ROWS * len(rows)):
            width = float(np.median(best[1]))
            width = width if width > _SAME_BLANK_MM * PX_PER_MM else 0.0
            at_px = tuple(left + k * column for k in range(1, n_columns))
            return Gap(at_px, width, frozenset(best[0]), blank=True)
    return None


def _anew(ink: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Columns of a row's track at which its curve begins anew after a blank."""
    steps = np.diff(ink.astype(np.int8))
    stops, starts = np.flatnonzero(steps == -1) + 1, np.flatnonzero(steps == 1) + 1
    if not len(stops):
        return stops
    starts = starts[starts > stops[0]]
    return np.asarray(starts[starts - stops[: len(starts)] >= _LEAST_BLANK_MM * MM])
