"""Beats -> one typical beat a lead, freed of noise, wander and premature beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import Signals
from ecgapp.measure.r_peaks import Beats, Bools, Floats, Ints, samples, stack_leads

# An average beat's length before and behind the middle of QRS: room for P with a PR interval of 0.3
# s, and for the end of T at 60 per minute. These and what follows were set by hand on simulated
# patients.
BEFORE_S = 0.35
AFTER_S = 0.65

# A premature beat comes this early, in parts of the usual interval.
_PREMATURE = 0.8
# From this long before a beat's middle on its QRS complex may begin; from this long after it,
# it is over.
_QRS_BEFORE_S = 0.08
_QRS_AFTER_S = 0.10
# Before QRS, where the heart is at rest: what wander there is shows here.
_REST_FROM_S, _REST_TO_S = 0.10, 0.06


@dataclass(frozen=True)
class MeanBeats:
    """The typical beat of each lead, from `BEFORE_S` before its middle to `AFTER_S` after it.

    Attributes
    ----------
    millivolts : ndarray of float, shape (12, n)
        Rows as in `LEADS`; NaN where it is not known.
    groups : ndarray of int, shape (12,)
        Leads with the same number were aligned with each other, so that their beats begin
        together; -1 for a lead without a typical beat.
    middle : int
        Column of the beat's middle.
    """

    millivolts: Floats
    groups: Ints
    middle: int


def mean_beats(signals: Signals, beats: Beats) -> MeanBeats:
    """Average the typical beats of each lead.

    Parameters
    ----------
    signals : Signals
        Leads at 500 Hz, NaN where they are not known.
    beats : Beats
        Their beats.

    Returns
    -------
    MeanBeats
        The median of the beats that most are like; beats that come early are left out wherever
        others remain.
    """
    millivolts = stack_leads(signals)
    before, after = samples(BEFORE_S), samples(AFTER_S)
    means = np.full((len(millivolts), before + after), np.nan)
    groups = np.full(len(millivolts), -1)
    premature = _are_premature(beats)
    for lead, row in enumerate(millivolts):
        chosen = _usual_beats(row, beats, premature)
        if len(chosen):
            level = _without_wander(row, beats.peaks[chosen])
            means[lead] = _median(_windows(level, beats.peaks, chosen))
            groups[lead] = beats.kinds[chosen[0]]
    return MeanBeats(means, groups, before)


def _are_premature(beats: Beats) -> Bools:
    """Tell which beats come early."""
    premature = np.zeros(len(beats.peaks), bool)
    seen = beats.intervals_s[np.isfinite(beats.intervals_s)]
    if len(seen):
        premature[1:] = beats.intervals_s < _PREMATURE * np.median(seen)
    return premature


def _usual_beats(row: Floats, beats: Beats, premature: Bools) -> Ints:
    """Choose the beats of one lead to average, by number."""
    known = np.isfinite(row)
    whole = np.array(
        [
            peak >= samples(_QRS_BEFORE_S)
            and peak + samples(_QRS_AFTER_S) < len(row)
            and bool(known[peak - samples(_QRS_BEFORE_S) : peak + samples(_QRS_AFTER_S)].all())
            for peak in beats.peaks.tolist()
        ],
        dtype=bool,
    )
    shown = np.flatnonzero(whole & (beats.kinds >= 0))
    if (~premature[shown]).any():
        shown = shown[~premature[shown]]
    if not len(shown):
        return shown
    # Kinds are numbered from the most frequent on, so that a tie goes to the usual one.
    return shown[beats.kinds[shown] == np.bincount(beats.kinds[shown]).argmax()]


def _without_wander(row: Floats, peaks: Ints) -> Floats:
    """Take away the line through the levels just before the beats."""
    rest = np.arange(-samples(_REST_FROM_S), -samples(_REST_TO_S))
    at = peaks[:, None] + rest
    values = np.where(at >= 0, row[np.maximum(at, 0)], np.nan)
    usable = np.isfinite(values).all(axis=1)
    if not usable.any():
        return row - np.nanmedian(row)
    knots = peaks[usable] + rest.mean()
    return np.asarray(row - np.interp(np.arange(len(row)), knots, values[usable].mean(axis=1)))


def _windows(row: Floats, peaks: Ints, chosen: Ints) -> Floats:
    """Cut beats out, shape (n_chosen, n); NaN where another beat begins or has not yet ended."""
    before, after = samples(BEFORE_S), samples(AFTER_S)
    padded = np.pad(row, (before, after), constant_values=np.nan)
    windows = np.stack([padded[peak : peak + before + after] for peak in peaks[chosen]])
    for window, number in zip(windows, chosen.tolist(), strict=True):
        if number + 1 < len(peaks):
            next_begins = before + peaks[number + 1] - peaks[number] - samples(_QRS_BEFORE_S)
            window[next_begins:] = np.nan
        if number:
            last_ended = before + peaks[number - 1] - peaks[number] + samples(_QRS_AFTER_S)
            window[: max(0, last_ended)] = np.nan
    return windows


def _median(windows: Floats) -> NDArray[np.float64]:
    """Median over the beats that are known at each instant."""
    # As numpy.nanmedian, which takes ten times as long: what is not known is sorted to the end.
    n_known = np.isfinite(windows).sum(axis=0)
    ordered, columns = np.sort(windows, axis=0), np.arange(windows.shape[1])
    lower, upper = ordered[(n_known - 1) // 2, columns], ordered[n_known // 2, columns]
    return np.asarray((lower + upper) / 2, np.float64)
