"""Find columns of leads that show the same seconds side by side.

Most sheets of two columns show ten seconds in all, five a column. Plotting programs often print
all of a recording in either column: half a metre of paper at 25 mm/s, as wide as ten seconds at
50 mm/s. What tells them apart are the beats, which come at the same moments of either column.
Others print the same 2.5 seconds in each of four columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import PX_PER_MM, PX_PER_S, SHEET_S
from ecgapp.sheet.detect.curves import stretches
from ecgapp.sheet.detect.rows import SHRINK
from ecgapp.sheet.detect.tracks import Tracks
from ecgapp.sheet.layout.time_axis import Ends, Gap, usual_place

# Columns of ten seconds each that are looked for.
N_SAME = 2

# Millimetres of paper: how wide the blank between the columns may be, how much narrower than twenty
# seconds the rows, and how well the columns' beats must be in step. Set by hand.
_WIDEST_GAP_MM, _NARROWER_MM = 20.0, 6.0
_IN_STEP_MM = 1.0
# How far steepness is spread before it is compared, and the correlation that makes the beats the
# same: 23 of 24 drawn recordings reach it, and one of nine sheets of 50 mm/s.
_SPREAD_MM = 0.4
_SAME_BEATS = 0.65
# A steady rhythm may be in step by chance. So there is a blank of this width besides, or the steep
# part of a beat is no wider: at 50 mm/s it is twice as wide.
_LEAST_BLANK_MM, _WIDEST_BEAT_MM = 2.0, 2.6
# A beat is where curves are this part as steep as the steepest (a quantile of all columns), its
# steepest place that part.
_STEEPEST, _STEEP_PART, _BEAT_PART = 0.985, 0.25, 0.6
# Part of the rows that may show ink in the blank between the columns.
_BLANK_PART = 0.2
# Without a strip, two columns show the same seconds where their beats are as alike as the first of
# these; as the second, where the first column's own rhythm would let the next beats come so, too.
# It would where the column is like itself, to the third, at two lags that are as long as it
# together; beyond the fourth part of its width little is left to compare. Of 1,000 recordings of
# PTB-XL's validation part 96% show the same seconds so, and 0.2% of those whose chest leads follow.
_SURELY_SAME, _SAME_THOUGH_STEADY = 0.85, 0.97
_RECURS, _LONGEST_LAG = 0.7, 0.75
# Of three columns or more the first one's limb leads foretell this part of the others', where this
# part of the columns is known, and the beats are alike to the third: of 600 recordings of PTB-XL's
# building part, drawn as 3x4, 585 are taken for such where all columns show the same 2.5 seconds,
# and two where they follow each other.
_FORETOLD, _LEAST_KNOWN, _ALL_SAME = 0.9, 0.5, 0.8


def gap_between_same_seconds(tracks: Tracks, lefts: Ends, rights: Ends) -> Gap | None:
    """Find the blank between two columns that both show the same ten seconds at 25 mm/s.

    Parameters
    ----------
    tracks : Tracks
        The rows' curves, on a page of known scale.
    lefts, rights : Ends
        Where the rows begin and end.

    Returns
    -------
    Gap or None
        In all rows; its width may be 0. None where the rows are of another width, or where the
        two halves' beats are not the same.
    """
    left, right = usual_place(lefts), usual_place(rights)
    column = SHEET_S * PX_PER_S
    beyond_mm = (right - left - N_SAME * column) / PX_PER_MM
    if not -_NARROWER_MM <= beyond_mm <= _WIDEST_GAP_MM:
        return None
    begin, width = _blank_px(tracks, (left + right) / 2)
    beats = steepness(tracks.heights_mm)
    out_of_step = round(_IN_STEP_MM * PX_PER_MM / SHRINK)
    first = round(left / SHRINK) - tracks.left
    n_shown = round(column / SHRINK)
    likeness = {
        shift: _correlation(beats, first, first + n_shown + shift, n_shown)
        for shift in range(
            round(width / SHRINK) - out_of_step, round(width / SHRINK) + out_of_step + 1
        )
    }
    best = max(likeness, key=likeness.__getitem__)
    apart = width >= _LEAST_BLANK_MM * PX_PER_MM or _beat_mm(beats) <= _WIDEST_BEAT_MM
    if likeness[best] < _SAME_BEATS or not apart:
        return None
    gap_px = max(0.0, float(SHRINK * best))
    return Gap((begin,), gap_px, frozenset(range(len(tracks.known))))


def _blank_px(tracks: Tracks, middle_px: float) -> tuple[float, float]:
    """Beginning and width of the blank around the rows' middle; there is none of width 0."""
    reach = round(_WIDEST_GAP_MM * PX_PER_MM / SHRINK)
    middle = round(middle_px / SHRINK) - tracks.left
    around = tracks.known[:, max(0, middle - reach) : middle + reach].mean(axis=0) > _BLANK_PART
    blank = np.flatnonzero(~around)
    if not len(blank):
        return middle_px, 0.0
    widest = max(np.split(blank, np.flatnonzero(np.diff(blank) > 1) + 1), key=len)
    begin = max(0, middle - reach) + int(widest[0]) + tracks.left
    return float(SHRINK * begin), float(SHRINK * len(widest))


def steepness(heights_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell how steep all curves together are in each column.

    Parameters
    ----------
    heights_mm : ndarray, shape (n_rows, n_columns), float64
        Curves, at half the canonical scale; NaN where not known.

    Returns
    -------
    ndarray, shape (n_columns,), float64
    """
    steps = np.abs(np.diff(heights_mm, axis=1, append=np.nan))
    together = np.nan_to_num(steps).sum(axis=0, keepdims=True)
    spread = cv2.GaussianBlur(together, (0, 1), sigmaX=_SPREAD_MM * PX_PER_MM / SHRINK, sigmaY=1)
    return np.asarray(spread[0])


def in_step(beats: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Correlate two curves' steepness where they are most in step.

    Parameters
    ----------
    beats, others : ndarray, shape (n_columns,), float64
        As from `steepness`.

    Returns
    -------
    float
    """
    most = round(_IN_STEP_MM * PX_PER_MM / SHRINK)
    both = np.concatenate([beats, others])
    length = min(len(beats), len(others)) - most
    return max(
        _correlation(both, 0, len(beats) + shift, length) for shift in range(-most, most + 1)
    )


def show_same_beats(
    curves_mm: NDArray[np.float64], others_mm: NDArray[np.float64], column_px: float
) -> bool:
    """Tell whether two columns of curves show the same beats, and surely not beats that follow.

    Parameters
    ----------
    curves_mm, others_mm : ndarray, shape (n_rows, n_columns), float64
        Of either column, at half the canonical scale; NaN where not known.
    column_px : float
        How far the second column's curves would begin after the first one's if they followed, at
        that scale.

    Returns
    -------
    bool
    """
    beats = steepness(curves_mm)
    alike = in_step(beats, steepness(others_mm))
    if alike < _SURELY_SAME:
        return False
    return alike >= _SAME_THOUGH_STEADY or not _recur_after(beats, round(column_px))


def are_in_step(columns_mm: Sequence[NDArray[np.float64]]) -> bool:
    """Tell whether columns of curves have, on average, their beats when the first one has them.

    Parameters
    ----------
    columns_mm : sequence of ndarray, shape (n_rows, n_columns), float64
        At half the canonical scale; NaN where not known.

    Returns
    -------
    bool
    """
    first, *others = (steepness(curves) for curves in columns_mm)
    return bool(np.mean([in_step(first, beats) for beats in others]) >= _ALL_SAME)


def are_foretold(curves_mm: NDArray[np.float64], others_mm: NDArray[np.float64]) -> bool:
    """Tell whether one column's limb leads are what another column's two would make of them.

    Two of the six limb leads make the others (Einthoven, Goldberger), at the same moment only.

    Parameters
    ----------
    curves_mm, others_mm : ndarray, shape (n_rows, n_columns), float64
        Limb leads of either column, two or more of the first; NaN where not known.

    Returns
    -------
    bool
    """
    most = round(_IN_STEP_MM * PX_PER_MM / SHRINK)
    length = min(curves_mm.shape[1], others_mm.shape[1]) - most
    told = max(
        _foretold(
            curves_mm[:, max(0, shift) : max(0, shift) + length],
            others_mm[:, max(0, -shift) : max(0, -shift) + length],
        )
        for shift in range(-most, most + 1)
    )
    return told >= _FORETOLD


def _foretold(curves: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Part of some curves' energy that is a sum of multiples of others'."""
    known = np.asarray(np.isfinite(curves).all(axis=0) & np.isfinite(others).all(axis=0))
    if not known.any() or known.sum() < _LEAST_KNOWN * len(known):
        return 0.0
    by, told = (
        part[:, known] - part[:, known].mean(axis=1, keepdims=True) for part in (curves, others)
    )
    multiples = np.linalg.lstsq(by.T, told.T, rcond=None)[0]
    rest, energy = told - multiples.T @ by, float(np.sum(told**2))
    return 1 - float(np.sum(rest**2)) / energy if energy else 0.0


def _recur_after(beats: NDArray[np.float64], n_columns: int) -> bool:
    """Whether beats, as steady as they are, would come at the same moments after so many columns.

    Every second one may be another, and some may be too weak to be seen.
    """
    longest = round(_LONGEST_LAG * n_columns)
    likeness = np.array([_correlation(beats, 0, lag, n_columns) for lag in range(longest + 1)])
    around = np.ones((2 * round(_IN_STEP_MM * PX_PER_MM / SHRINK) + 1, 1))
    recurs = cv2.dilate(likeness[:, None], around)[:, 0] >= _RECURS
    lags = np.arange(-(-n_columns // 2), longest + 1)
    return bool((recurs[lags] & recurs[n_columns - lags]).any())


def _beat_mm(beats: NDArray[np.float64]) -> float:
    """Usual width of the steep part of a beat; infinite where none is seen."""
    steepest = np.quantile(beats, _STEEPEST)
    widths = [
        stop - start
        for start, stop in stretches(beats > _STEEP_PART * steepest)
        if beats[start:stop].max() > _BEAT_PART * steepest
    ]
    return float(np.median(widths)) * SHRINK / PX_PER_MM if widths else float("inf")


def _correlation(values: NDArray[np.float64], one: int, other: int, length: int) -> float:
    """Correlate two stretches of values as far as both are there."""
    before = max(0, -one)
    length = min(length, len(values) - other)
    if length - before < 2:
        return 0.0
    a, b = values[one + before : one + length], values[other + before : other + length]
    # Not by NumPy's corrcoef, which takes five times as long on so few values.
    a, b = a - a.sum() / len(a), b - b.sum() / len(b)
    scale = float(np.sqrt(a.dot(a) * b.dot(b)))
    return float(a.dot(b)) / scale if scale > 0 else 0.0
