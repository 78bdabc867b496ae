"""Find where calibration pulses stand between two columns and move these apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import CHEST_LEADS, LAYOUTS, PX_PER_MM, SHEET_S
from ecgapp.sheet.detect.pulses import Pulses, find_pulses_between
from ecgapp.sheet.detect.rows import Row
from ecgapp.sheet.layout.time_axis import SPEEDS_MM_PER_S, Ends, Gap, usual_place

# Millimetres of paper, set by hand on drawn machines (`ecgapp bench machines`): how wide a pulse
# with its feet is, and how far apart the rows' ends may lie.
_NARROWEST_MM, _WIDEST_MM = 4.0, 18.0
_SAME_END_MM = 1.0
# Rows that at least have a gap: two columns of fewer leads are no layout.
_LEAST_ROWS = 2

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
            gap = Gap(left + part * width, gap_mm * PX_PER_MM, frozenset(with_gap.tolist()))
            pulses = find_pulses_between(ink, rows, sorted(gap.rows), gap.at_px, gap.width_px)
            if pulses is not None:
                return gap, pulses
    return None
