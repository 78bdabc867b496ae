"""Typical beats -> where P, QRS and T begin and end.

Leads that were aligned with each other are judged together: QRS and P begin where the slopes of
all of them, pooled, rise out of rest. T ends lead by lead, where the tangent of its last flank
meets the level before QRS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ecgapp.ecg import SAMPLING_RATE_HZ
from ecgapp.measure.average_beat import MeanBeats
from ecgapp.measure.r_peaks import Floats, Ints, bridge, samples

# Seconds, millivolts and parts of slopes, set by hand on simulated patients and checked against the
# cardiologists' marks of LUDB (`ecgapp bench trace` has the figures); none was measured on its own.

# Widths of the Gaussians that smooth QRS, P and T before slopes are taken.
_QRS_SIGMA_S = 0.004
_P_SIGMA_S = 0.008
_T_SIGMA_S = 0.016

# QRS lies within this of the beat's middle, and reaches at most so far.
_QRS_CORE_S = 0.10
_QRS_REACH_S = 0.12
# Slopes as high as this part of the highest belong to QRS; where they stay below the lower one
# for a while, it is over.
_QRS_STEEP = 0.3
_QRS_REST = 0.06
_QRS_REST_FOR_S = 0.008
# Slopes at rest, in parts of the highest, above which the ends of QRS drown in noise.
_QRS_MOST_NOISE = 0.12
_LEAST_SLOPE_MV_PER_S = 2.0

# The level of rest is taken from this long before QRS.
_REST_LEVEL_S = 0.016

# T peaks at least so long after QRS, and before the next one, and at 60 per minute at the latest
# so long after QRS begins. That and the longest plausible QT go with the interval's square root.
_T_AFTER_QRS_S = 0.04
# Nearer to QRS than this it is ST whose level is highest or lowest.
_T_PEAK_AFTER_QRS_S = 0.08
_LATEST_T_PEAK_S = 0.44
_LONGEST_QT_S = 0.58
_SLOWEST_QT_INTERVAL_S = 1.2
_T_BEFORE_NEXT_QRS_S = 0.12
# Lower than this there is no T to go by; of several turns T's is the last that reaches this part
# of the highest, and its flank this far. T does not reach further into the next P than this.
_LEAST_T_MV = 0.05
_LAST_T_PART = 0.6
_T_FLANK_S = 0.16
_T_INTO_P_S = 0.02

# P begins at most so long before QRS, and not within the T before it; with less room it is not
# looked for. It peaks at least so long before QRS, and reaches at most so far around its peak.
_P_BEFORE_QRS_S = 0.33
_LEAST_P_SEARCH_S = 0.08
_P_TO_QRS_S = 0.024
_P_HALF_S = 0.07
# As for QRS.
_P_STEEP = 0.5
_P_REST = 0.45
_P_REST_FOR_S = 0.008
# What is smaller than the first, noisier than the second or has other durations is no P.
_LEAST_P_MV = 0.03
_P_MOST_NOISE = 0.3
_P_DURATION_S = (0.05, 0.16)
_PR_S = (0.08, 0.35)


@dataclass(frozen=True)
class Waves:
    """Where the waves of some leads, aligned with each other, begin and end.

    Columns of `MeanBeats.millivolts`; None, or no entry, where it cannot be told.
    """

    leads: Ints
    qrs_onset: int
    qrs_offset: int
    p: tuple[int, int] | None
    t_ends: dict[int, float]


def find_waves(means: MeanBeats, interval_s: float) -> list[Waves]:
    """Find the waves.

    Parameters
    ----------
    means : MeanBeats
        Typical beats.
    interval_s : float
        Mean interval between beats, seconds.

    Returns
    -------
    list of Waves
        One entry for each group of leads whose QRS complex can be delimited.
    """
    found = []
    for group in np.unique(means.groups[means.groups >= 0]):
        core = slice(means.middle - samples(_QRS_CORE_S), means.middle + samples(_QRS_REACH_S))
        whole = np.isfinite(means.millivolts[:, core]).all(axis=1)
        leads = np.flatnonzero((means.groups == group) & whole)
        ends = _find_qrs(means.millivolts[leads], means.middle) if len(leads) else None
        if ends is not None:
            found.append(_delineate(means, leads, ends, interval_s))
    return _without_p_for_t(found, interval_s)


def rest_levels(millivolts: Floats, qrs_onset: int) -> Floats:
    """Voltage of each lead just before QRS, mV, shape (n_leads,)."""
    before = millivolts[:, qrs_onset - samples(_REST_LEVEL_S) : qrs_onset + 1]
    return np.asarray(before.mean(axis=1))


def t_peaks_mv(level: Floats, waves: Waves, interval_s: float) -> Floats:
    """Find the point of T that is farthest from rest.

    Parameters
    ----------
    level : ndarray of float, shape (n_leads, n)
        Typical beats of the leads of `waves`, mV, from the level of rest.
    waves : Waves
        Their waves.
    interval_s : float
        Mean interval between beats, seconds.

    Returns
    -------
    ndarray of float, shape (n_leads,)
        Signed, mV; NaN where the beat is not known as far as T reaches.
    """
    first = waves.qrs_offset + samples(_T_PEAK_AFTER_QRS_S)
    stretch = np.sqrt(min(interval_s, _SLOWEST_QT_INTERVAL_S))
    last = waves.qrs_onset + samples(
        min(_LATEST_T_PEAK_S * stretch, interval_s - _T_BEFORE_NEXT_QRS_S)
    )
    if last - first < samples(_T_AFTER_QRS_S) or last >= level.shape[1]:
        return np.full(len(level), np.nan)
    return _largest_deflections_mv(_smooth(level[:, first : last + 1], _T_SIGMA_S))


def p_peaks_mv(millivolts: Floats, waves: Waves) -> Floats:
    """Find the point of P that is farthest from the line between its ends.

    Parameters
    ----------
    millivolts : ndarray of float, shape (n_leads, n)
        Typical beats of the leads of `waves`, mV.
    waves : Waves
        Their waves.

    Returns
    -------
    ndarray of float, shape (n_leads,)
        Signed, mV; NaN where there is no P.
    """
    if waves.p is None:
        return np.full(len(millivolts), np.nan)
    onset, offset = waves.p
    rows = _smooth(millivolts[:, onset : offset + 1], _P_SIGMA_S)
    along = np.linspace(0, 1, rows.shape[1])
    return _largest_deflections_mv(rows - rows[:, :1] * (1 - along) - rows[:, -1:] * along)


def _largest_deflections_mv(rows: Floats) -> Floats:
    """Value of largest size in each row; NaN where a row is not known throughout."""
    known = np.asarray(np.isfinite(rows).all(axis=1))
    sizes = np.where(known[:, None], np.abs(rows), 0)
    values = np.take_along_axis(rows, sizes.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(known, values, np.nan)


def _delineate(means: MeanBeats, leads: Ints, qrs: tuple[int, int], interval_s: float) -> Waves:
    """Find T and P once QRS is known."""
    millivolts = means.millivolts[leads]
    onset, offset = qrs
    level = millivolts - rest_levels(millivolts, onset)[:, None]
    t_ends = {}
    for lead, row in zip(leads.tolist(), level, strict=True):
        end = _find_t_end(row, onset, offset, interval_s)
        if end is not None:
            t_ends[lead] = end
    qt = np.median(list(t_ends.values())) - onset if t_ends else samples(_LONGEST_QT_S)
    p = _find_p(millivolts, onset, onset - samples(interval_s) + int(qt))
    return Waves(leads, onset, offset, p, t_ends)


def _without_p_for_t(groups: list[Waves], interval_s: float) -> list[Waves]:
    """Take away the ends of T that lie within the next P: it was taken for T."""
    prs = [waves.qrs_onset - waves.p[0] for waves in groups if waves.p is not None]
    if not prs:
        return groups
    latest = samples(interval_s + _T_INTO_P_S) - np.median(prs)
    return [
        replace(
            waves,
            t_ends={
                lead: end for lead, end in waves.t_ends.items() if end - waves.qrs_onset <= latest
            },
        )
        for waves in groups
    ]


def _smooth(millivolts: Floats, sigma_s: float) -> Floats:
    """Smooth along time; NaN where it is not known, and nowhere else."""
    sigma = sigma_s * SAMPLING_RATE_HZ
    reach = int(np.ceil(3 * sigma))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    smooth = cv2.filter2D(
        bridge(millivolts), -1, (bell / bell.sum())[None], borderType=cv2.BORDER_REPLICATE
    )
    return np.where(np.isfinite(millivolts), smooth, np.nan)


def _pooled_slope(millivolts: Floats, sigma_s: float) -> Floats:
    """Length of the slope vector of all leads, mV/s, shape (n,)."""
    slopes = np.gradient(_smooth(millivolts, sigma_s), axis=1) * SAMPLING_RATE_HZ
    return np.asarray(np.sqrt((slopes**2).sum(axis=0)))


def _end_of_steepness(
    slope: Floats, start: int, step: int, below: float, hold_s: float, reach_s: float
) -> int:
    """Go from a steep column to where the slope stays low for a while, or cannot be told."""
    hold = samples(hold_s)
    column = start
    for column in range(start, start + step * samples(reach_s), step):
        ahead = slope[column : column + hold] if step > 0 else slope[column - hold + 1 : column + 1]
        if not (ahead >= below).any():
            break
    return column


def _find_qrs(millivolts: Floats, middle: int) -> tuple[int, int] | None:
    """First and last column of QRS."""
    slope = _pooled_slope(millivolts, _QRS_SIGMA_S)
    core = slice(middle - samples(_QRS_CORE_S), middle + samples(_QRS_CORE_S))
    highest = np.nanmax(slope[core])
    rest = slope[: middle - samples(_QRS_CORE_S)]
    rest = rest[np.isfinite(rest)]
    noise = np.quantile(rest, 0.2) if len(rest) else 0.0
    if not highest >= _LEAST_SLOPE_MV_PER_S or noise > _QRS_MOST_NOISE * highest:
        return None
    steep = core.start + np.flatnonzero(slope[core] > _QRS_STEEP * highest)
    below = max(_QRS_REST * highest, 2 * noise)
    onset = _end_of_steepness(slope, int(steep[0]), -1, below, _QRS_REST_FOR_S, _QRS_REACH_S)
    offset = _end_of_steepness(slope, int(steep[-1]), 1, below, _QRS_REST_FOR_S, _QRS_REACH_S)
    return onset, offset


def _find_t_end(row: Floats, onset: int, offset: int, interval_s: float) -> float | None:
    """Column at which the tangent of T's last flank meets the level of rest."""
    first = offset + samples(_T_AFTER_QRS_S)
    stretch = np.sqrt(min(interval_s, _SLOWEST_QT_INTERVAL_S))
    last = onset + samples(min(_LATEST_T_PEAK_S * stretch, interval_s - _T_BEFORE_NEXT_QRS_S))
    if last >= len(row) or last - first < samples(_T_AFTER_QRS_S):
        return None
    smooth = _smooth(row[None, onset - samples(_REST_LEVEL_S) :], _T_SIGMA_S)[0]
    smooth = np.concatenate([np.full(onset - samples(_REST_LEVEL_S), np.nan), smooth])
    if not np.isfinite(smooth[first : last + 1]).all():
        return None
    slope = np.gradient(smooth)
    turns = first + np.flatnonzero(slope[first:last] * slope[first + 1 : last + 1] <= 0)
    if not len(turns):
        return None
    highest = np.abs(smooth[turns]).max()
    if highest < _LEAST_T_MV:
        return None
    peak = int(turns[np.abs(smooth[turns]) >= _LAST_T_PART * highest][-1])
    fall = -np.sign(smooth[peak]) * slope[peak : peak + samples(_T_FLANK_S)]
    fall = fall[np.isfinite(fall)]
    steepest = peak + int(fall.argmax())
    if fall.max() <= 0:
        return None
    end = steepest - smooth[steepest] / slope[steepest]
    latest = onset + samples(_LONGEST_QT_S * stretch)
    return float(end) if peak < end <= latest else None


def _find_p(millivolts: Floats, qrs_onset: int, earliest: int) -> tuple[int, int] | None:
    """First and last column of P, when there is one."""
    first = max(earliest, qrs_onset - samples(_P_BEFORE_QRS_S), 0)
    if qrs_onset - first < samples(_LEAST_P_SEARCH_S):
        return None
    shown = millivolts[np.isfinite(millivolts[:, first:qrs_onset]).all(axis=1)]
    if not len(shown):
        return None
    smooth = _smooth(shown, _P_SIGMA_S)
    size = np.sqrt((_above_line(smooth[:, first : qrs_onset + 1]) ** 2).mean(axis=0))
    peak = first + int(size[: -samples(_P_TO_QRS_S)].argmax())
    slope = _pooled_slope(shown, _P_SIGMA_S)
    near_start = max(first, peak - samples(_P_HALF_S))
    near = slope[near_start : min(qrs_onset - samples(_P_TO_QRS_S) // 2, peak + samples(_P_HALF_S))]
    highest = np.nanmax(near)
    rest = np.nanquantile(slope[first:qrs_onset], 0.1)
    if size.max() < _LEAST_P_MV or rest > _P_MOST_NOISE * highest:
        return None
    steep = near_start + np.flatnonzero(near > _P_STEEP * highest)
    below = rest + _P_REST * (highest - rest)
    onset = _end_of_steepness(slope, int(steep[0]), -1, below, _P_REST_FOR_S, _P_HALF_S)
    offset = _end_of_steepness(slope, int(steep[-1]), 1, below, _P_REST_FOR_S, _P_HALF_S)
    duration_s, pr_s = (offset - onset) / SAMPLING_RATE_HZ, (qrs_onset - onset) / SAMPLING_RATE_HZ
    plausible = _P_DURATION_S[0] <= duration_s <= _P_DURATION_S[1] and _PR_S[0] <= pr_s <= _PR_S[1]
    return (onset, offset) if plausible and onset > first and offset < qrs_onset else None


def _above_line(rows: Floats) -> Floats:
    """Distance of each row from the line through its ends."""
    along = np.linspace(0, 1, rows.shape[1])
    ends = rows[:, :5].mean(axis=1), rows[:, -8:].mean(axis=1)
    return np.asarray(rows - ends[0][:, None] * (1 - along) - ends[1][:, None] * along)
