"""Signals -> heart beats: where the QRS complexes are, whatever leads are shown at each instant.

A printed sheet shows each lead for a few seconds only, so no single lead tells where all beats
are. What does is the *activity*: how sharply the curves bend, pooled over the leads that are known
at each instant, in units of what their QRS complexes reach. Curvature tells QRS from T: both may
be as high and as steep, but T turns slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ, Signals

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Seconds, and parts of the activity or interval of the typical beat, set by hand on simulated
# patients, the cardiologists' marks of LUDB and the printed rates of the development sheets
# (`ecgapp bench trace` has the figures); none was measured on its own.

# In less no rhythm shows.
_SHORTEST_S = 1.0

# Width of the Gaussian whose second derivative is the curvature; it answers best to 22 Hz.
_CURVATURE_SIGMA_S = 0.010
# About the duration of a QRS complex, over which curvature is pooled.
_ACTIVITY_WINDOW_S = 0.07
# At its ends a traced lead may hold ink of the mark that parts it from the next one.
_EDGE_S = 0.02
# A beat this near the end of the recording is cut off.
_CUT_OFF_S = 0.04
# Part of the activity window that must be known.
_LEAST_KNOWN = 0.4
# Peaks narrower than this are a pacemaker's.
_SPIKE_S = 0.01

# QRS complexes are at least this far apart: the ventricle cannot answer sooner.
_REFRACTORY_S = 0.2
# Every stretch as long as this has a beat at the slowest rate that is looked for.
_SLOWEST_INTERVAL_S = 2.4
# Least activity of a beat, in parts of the typical beat's.
_LEAST_ACTIVITY = 0.4
# Next to a beat, where T and P lie, what is less active than this part of it is no beat.
_WAVES_S = 0.4
_LEAST_ACTIVITY_NEAR_BEAT = 0.6
# Where an interval is as long as two, a weak beat in its middle is believed.
_MISSED_BEAT_INTERVAL = 1.6
_MISSED_BEAT_ACTIVITY = 0.2
_MISSED_BEAT_OFF_CENTRE = 0.4
# So is any there that is so strong in one lead: a printed name may cover a beat in the others.
_MISSED_IN_ONE_LEAD = 0.5
# Leads that stand out less than this part of the one that does most are not heard alone.
_LEAST_WEIGHT_ALONE = 0.2
# From this far from a beat's middle on, or from this part of the interval on, activity is noise, P
# or T.
_BEAT_HALF_S = 0.15
_BEAT_HALF_PART = 0.3
# No lead counts for more than this, in units of its QRS complexes: an artefact is in few leads.
_MOST_ACTIVITY = 2.0
_POOLING_ROUNDS = 3

# Beats whose shapes correlate less than this are unlike each other.
_ALIKE = 0.9
_SHAPE_HALF_S = 0.08
_SHAPE_SHIFT_S = 0.03
# The heart cannot beat twice in two ways within this time, nor within this part of the usual
# interval, but an electrode can slip. That much less alike is what it then shows.
_SLIP_S = 0.33
_SLIP_PART = 0.65
_SLIP_UNLIKENESS = 0.04

# A recording with fewer beats, more activity between them, less likeness, or beats of more uneven
# activity has no clear ones.
_FEWEST_BEATS = 2
_MOST_NOISE = 0.4
_LEAST_LIKENESS = 0.7
_MOST_UNEVEN = 2.5
# So many beats may be premature, and of less activity.
_PREMATURE_PART = 0.3

# A QRS complex shows only when some lead is known this far to both sides of it.
_QRS_HALF_S = 0.06
# An interval that a beat at an unseen instant would part this evenly may be two.
_EVEN = 0.3
_LONG_UNSEEN_S = 0.2

UNLIKE_OTHERS = -1  # kind of a beat


@dataclass(frozen=True)
class Beats:
    """The heart beats of a recording.

    Attributes
    ----------
    peaks : ndarray of int, shape (n_beats,)
        Sample at the middle of each QRS complex, ascending; the same point of the complex in all
        beats of one kind.
    kinds : ndarray of int, shape (n_beats,)
        Beats with the same number are alike. Kinds are numbered from the most frequent one on.
        Beats that no lead shows together with one of another kind may be alike or not.
        `UNLIKE_OTHERS` for a beat that is unlike those of a more frequent kind.
    intervals_s : ndarray of float, shape (n_beats - 1,) or (0,)
        Seconds from each beat to the next; NaN where another beat may have gone unseen.
    """

    peaks: Ints
    kinds: Ints
    intervals_s: Floats


def find_beats(signals: Signals) -> Beats:
    """Find all beats.

    Parameters
    ----------
    signals : Signals
        Leads at 500 Hz, NaN where they are not known.

    Returns
    -------
    Beats
        Without any beat where the recording has no clear ones.

    Raises
    ------
    ValueError
        For another sampling rate.
    """
    if signals.sampling_rate_hz != SAMPLING_RATE_HZ:
        raise ValueError(
            f"the sampling rate is {signals.sampling_rate_hz} Hz, not {SAMPLING_RATE_HZ}"
        )
    if signals.n_samples < samples(_SHORTEST_S):
        return _NO_BEATS
    millivolts = stack_leads(signals)
    known = _inner(np.isfinite(millivolts), _EDGE_S)
    if not known.any():
        return _NO_BEATS
    curvature = _curvature(millivolts)
    activity, strongest = _pooled_activity(curvature, known)
    peaks = _beats_of_activity(activity)
    peaks = _with_covered_beats(strongest, peaks)
    if len(peaks) < _FEWEST_BEATS:
        return _NO_BEATS
    alike = _compare(curvature, known, peaks)
    kept = np.flatnonzero(~_are_electrode_slips(peaks, alike.best))
    if not _are_clear(activity, peaks, kept, alike.best):
        return _NO_BEATS
    kinds, shifts = _sort_by_kind(alike.of(kept))
    peaks = peaks[kept] + shifts
    return Beats(peaks, kinds, _intervals_s(np.isfinite(millivolts), peaks))


# Where none are clear.
_NO_BEATS = Beats(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def samples(seconds: float) -> int:
    """Count the samples in a time."""
    return round(seconds * SAMPLING_RATE_HZ)


def stack_leads(signals: Signals) -> Floats:
    """Put all leads into one array, mV, shape (12, n_samples)."""
    return np.stack([signals.leads[lead] for lead in LEADS]).astype(np.float64)


def bridge(millivolts: Floats) -> Floats:
    """Fill what is not known by straight lines, and hold the first and the last known value."""
    every = np.arange(millivolts.shape[1])
    bridged = np.zeros_like(millivolts)
    for row, lead in zip(bridged, millivolts, strict=True):
        known = np.isfinite(lead)
        if known.any():
            row[:] = np.interp(every, every[known], lead[known])
    return bridged


def _inner(known: Bools, margin_s: float) -> Bools:
    """Tell which samples are known, and all around them up to a margin."""
    size = (2 * samples(margin_s) + 1, 1)
    everywhere = cv2.erode(
        known.astype(np.uint8),
        np.ones(size[::-1], np.uint8),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=(0.0,),
    )
    return everywhere.astype(bool)


def _curvature(millivolts: Floats) -> Floats:
    """Second derivative of smoothed leads, up to a factor; pacing spikes are taken away first."""
    sigma = _CURVATURE_SIGMA_S * SAMPLING_RATE_HZ
    reach = round(3 * sigma)
    x = np.arange(-reach, reach + 1)
    kernel = ((x / sigma) ** 2 - 1) * np.exp(-0.5 * (x / sigma) ** 2)
    kernel -= kernel.mean()
    # Turned over at its ends, a curve runs on straight.
    padded = np.pad(
        _without_spikes(bridge(millivolts)),
        ((0, 0), (reach, reach)),
        mode="reflect",
        reflect_type="odd",
    )
    return np.asarray(cv2.filter2D(padded, -1, kernel[None])[:, reach:-reach], np.float64)


def _without_spikes(millivolts: Floats) -> Floats:
    """Level peaks and troughs that are narrower than any of the heart's."""
    kernel = np.ones((1, samples(_SPIKE_S)), np.uint8)

    def twice(first: int, second: int) -> Floats:
        once = cv2.morphologyEx(millivolts, first, kernel)
        return np.asarray(cv2.morphologyEx(once, second, kernel), np.float64)

    opened_first = twice(cv2.MORPH_OPEN, cv2.MORPH_CLOSE)
    return (opened_first + twice(cv2.MORPH_CLOSE, cv2.MORPH_OPEN)) / 2


def _mean_around(values: Floats) -> Floats:
    """Mean over the activity window, zero beyond the ends."""
    size = (samples(_ACTIVITY_WINDOW_S), 1)
    return np.asarray(cv2.boxFilter(values, -1, size, borderType=cv2.BORDER_CONSTANT), np.float64)


def _pooled_activity(curvature: Floats, known: Bools) -> tuple[Floats, Floats]:
    """Pool the leads' curvature; about 1 at a beat, NaN where too little is known.

    Beside it, the activity of whichever lead has most at each instant.

    Each lead counts by how far its QRS complexes stand out from what lies between them: so a lead
    that is flat, or full of interference, or covered by its neighbour's curve, hardly counts.
    Where the beats are is what is looked for, hence the rounds.
    """
    cover = _mean_around(known.astype(np.float64))
    power = np.maximum(_mean_around(np.where(known, curvature, 0) ** 2), 0)
    activity = np.sqrt(power / np.maximum(cover, 0.1))
    shown = np.asarray(known.any(axis=1))
    of_lead = np.zeros(len(known))
    of_lead[shown] = [
        np.quantile(row[k], 0.95) for row, k in zip(activity[shown], known[shown], strict=True)
    ]
    typical = float(np.median(of_lead[shown]))
    first = weights, heights = _first_lead_weights(of_lead, shown, typical)
    seen = _is_seen(known)
    for _ in range(_POOLING_ROUNDS):
        capped = np.minimum(activity, _MOST_ACTIVITY * heights[:, None])
        total = (cover**2 * capped * weights[:, None]).sum(axis=0)
        at_beat = (cover**2 * (weights * heights)[:, None]).sum(axis=0)
        usable = seen & (at_beat > 0)
        pooled = np.where(usable, total / np.where(usable, at_beat, 1), np.nan)
        weights, heights = _lead_weights(
            activity, known, _beats_of_activity(pooled), first, typical
        )
    audible = (heights > 0) & (weights * heights >= _LEAST_WEIGHT_ALONE * (weights * heights).max())
    alone = activity[audible] / heights[audible, None] * known[audible]
    return pooled, np.where(seen, alone.max(axis=0, initial=0), 0)


def _is_seen(known: Bools) -> Bools:
    """Tell at which instants enough is known to see a beat."""
    any_known = np.asarray(known.any(axis=0))
    seen = _mean_around(any_known[None].astype(np.float64))[0] > _LEAST_KNOWN
    first, last = np.flatnonzero(any_known)[[0, -1]]
    seen[: first + samples(_CUT_OFF_S)] = False
    seen[last + 1 - samples(_CUT_OFF_S) :] = False
    return np.asarray(seen)


def _first_lead_weights(of_lead: Floats, shown: Bools, typical: float) -> tuple[Floats, Floats]:
    """Weight and QRS activity of each lead before any beat is known, by its own and the typical."""
    heights = np.where(shown, np.maximum(typical, of_lead), 0.0)
    usable = heights > 0
    return np.where(usable, 1 / np.where(usable, heights, 1), 0), heights


def _lead_weights(
    activity: Floats, known: Bools, peaks: Ints, first: tuple[Floats, Floats], typical: float
) -> tuple[Floats, Floats]:
    """Weight and QRS activity of each lead, from how it behaves at the beats and between them.

    A lead that is shown at no beat keeps what it had at first.
    """
    between = ~_near_beats(peaks, activity.shape[1])
    weights, heights = first[0].copy(), first[1].copy()
    for lead, (row, shown) in enumerate(zip(activity, known, strict=True)):
        beats = peaks[shown[peaks]]
        if not len(beats):
            continue
        rest = row[shown & between]
        noise = (rest**2).mean() if len(rest) else 0.0
        heights[lead] = np.median(row[beats])
        noise += (0.1 * heights[lead]) ** 2 + (0.05 * typical) ** 2
        weights[lead] = heights[lead] / noise if noise else 0.0
    return weights, heights


def _near_beats(peaks: Ints, n_samples: int) -> Bools:
    """Tell which samples lie at a beat."""
    half = samples(_BEAT_HALF_S)
    if len(peaks) > 1:
        half = min(half, int(_BEAT_HALF_PART * np.median(np.diff(peaks))))
    near = np.zeros(n_samples, bool)
    for peak in peaks:
        near[max(0, peak - half) : peak + half + 1] = True
    return near


def _beats_of_activity(activity: Floats) -> Ints:
    """Pick the beats among the maxima of the pooled activity."""
    values = np.nan_to_num(activity)
    maxima = _apart_by_refractory_time(values, _local_maxima(values))
    if not len(maxima):
        return maxima
    step = samples(_REFRACTORY_S)
    stretch = samples(_SLOWEST_INTERVAL_S)
    starts = range(0, max(1, len(values) - stretch + 1), step)
    typical = np.median([values[start : start + stretch].max() for start in starts])
    high = values[maxima][values[maxima] >= _LEAST_ACTIVITY * typical]
    typical = np.median(high)
    beats = maxima[values[maxima] >= _LEAST_ACTIVITY * typical]
    # What is far stronger than a beat is an artefact, and must not outshine the beats beside it.
    strength = np.minimum(values[beats], 1.5 * typical)
    close = np.abs(beats[:, None] - beats[None]) < samples(_WAVES_S)
    outshone = close & (strength[:, None] < _LEAST_ACTIVITY_NEAR_BEAT * strength[None])
    return _with_missed_beats(values / typical, maxima, beats[~outshone.any(axis=1)])


def _local_maxima(values: Floats) -> Ints:
    """Find the samples that no neighbour exceeds."""
    return np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1


def _apart_by_refractory_time(values: Floats, maxima: Ints) -> Ints:
    """Keep the highest maxima that are apart by the refractory time."""
    free = np.ones(len(values), bool)
    kept = []
    for peak in maxima[np.argsort(-values[maxima], kind="stable")].tolist():
        if free[peak]:
            kept.append(peak)
            free[max(0, peak - samples(_REFRACTORY_S) + 1) : peak + samples(_REFRACTORY_S)] = False
    return np.array(sorted(kept), np.int64)


def _with_missed_beats(values: Floats, maxima: Ints, beats: Ints) -> Ints:
    """Add weak beats in the middle of intervals that are as long as two."""
    intervals = np.diff(beats)
    if len(intervals) < 3:
        return beats
    usual = float(np.median(intervals))
    shortest, longest = (usual * (1 + s * _MISSED_BEAT_OFF_CENTRE) for s in (-1, 1))
    added = []
    for left, right in pairwise(beats):
        if right - left < _MISSED_BEAT_INTERVAL * usual:
            continue
        inside = maxima[(maxima > left + shortest) & (maxima < right - shortest)]
        inside = inside[(inside < left + longest) & (inside > right - longest)]
        if len(inside) and values[inside].max() > _MISSED_BEAT_ACTIVITY:
            added.append(int(inside[values[inside].argmax()]))
    return np.sort(np.concatenate([beats, np.array(added, np.int64)]))


def _with_covered_beats(strongest: Floats, beats: Ints) -> Ints:
    """Add beats within long intervals that are strong in one lead."""
    intervals = np.diff(beats)
    if len(intervals) < 3:
        return beats
    usual = float(np.median(intervals))
    shortest = usual * (1 - _MISSED_BEAT_OFF_CENTRE)
    maxima = _local_maxima(strongest)
    strong = maxima[strongest[maxima] >= _MISSED_IN_ONE_LEAD]
    found = beats.tolist()
    for left, right in pairwise(beats):
        if right - left < _MISSED_BEAT_INTERVAL * usual:
            continue
        inside = strong[(strong > left) & (strong < right)]
        for peak in inside[np.argsort(-strongest[inside], kind="stable")].tolist():
            if min(abs(peak - beat) for beat in found) >= shortest:
                found.append(peak)
    return np.array(sorted(found), np.int64)


@dataclass(frozen=True)
class _Likeness:
    """How alike beats are, pair by pair; all arrays (n_beats, n_beats).

    `correlation` is that of their shapes in the leads that show both, at the shift of the second
    beat, in samples, at which it is highest; -1 where no lead shows both.
    """

    correlation: Floats
    shift: Ints
    comparable: Bools

    @property
    def best(self) -> Floats:
        """Correlation of each beat with the one that is likest to it, NaN if there is none."""
        others = self.comparable & ~np.eye(len(self.comparable), dtype=bool)
        best = np.where(others, self.correlation, -1).max(axis=1, initial=-1)
        return np.where(others.any(axis=1), best, np.nan)

    def of(self, beats: Ints) -> _Likeness:
        """Likeness among some of the beats."""
        pairs = np.ix_(beats, beats)
        return _Likeness(self.correlation[pairs], self.shift[pairs], self.comparable[pairs])


def _compare(curvature: Floats, known: Bools, peaks: Ints) -> _Likeness:
    """Compare each beat with each."""
    n = len(peaks)
    here, shown = _shapes(curvature, known, peaks, 0)
    energy = (here**2).sum(axis=2)
    correlation = np.full((n, n), -1.0)
    best_shift = np.zeros((n, n), np.int64)
    reach = samples(_SHAPE_SHIFT_S)
    for shift in sorted(range(-reach, reach + 1), key=abs):
        there, shown_there = _shapes(curvature, known, peaks, shift)
        energy_there = (there**2).sum(axis=2)
        norm = np.sqrt((energy.T @ shown_there) * (shown.T @ energy_there))
        # Lead by lead, the products are so small that no threads are started for them.
        product = (here @ there.transpose(0, 2, 1)).sum(axis=0)
        now = np.where(norm > 0, product / np.where(norm > 0, norm, 1), -1)
        best_shift[now > correlation] = shift
        correlation = np.maximum(correlation, now)
    return _Likeness(correlation, best_shift, (shown.T @ shown) > 0)


def _sort_by_kind(alike: _Likeness) -> tuple[Ints, Ints]:
    """Sort beats by kind, and tell by how much each is to be shifted onto the others."""
    n = len(alike.correlation)
    kinds = np.full(n, UNLIKE_OTHERS)
    shifts = np.zeros(n, np.int64)
    is_left = np.ones(n, bool)
    numbered = np.zeros(n, bool)
    while is_left.any():
        left = np.flatnonzero(is_left)
        among = alike.of(left)
        # The beat that most are like; among several, the one they are most like.
        counts = (among.correlation >= _ALIKE).sum(axis=1)
        pattern = left[np.argmax(counts + np.clip(among.correlation, 0, 1).mean(axis=1))]
        members = left[alike.correlation[pattern, left] >= _ALIKE]
        members = np.union1d(members, pattern)
        if not alike.comparable[np.ix_(members, numbered)].any():
            kinds[members] = kinds.max() + 1
            shifts[members] = np.where(members == pattern, 0, alike.shift[pattern, members])
            numbered[members] = True
        is_left[members] = False
    return kinds, shifts


def _shapes(
    curvature: Floats, known: Bools, peaks: Ints, shift: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cut out the beats, (12, n_beats, n), and tell which leads show them whole, (12, n_beats)."""
    half = samples(_SHAPE_HALF_S)
    at = peaks[:, None] + shift + np.arange(-half, half + 1, 2)
    inside = (at >= 0) & (at < curvature.shape[1])
    at = np.clip(at, 0, curvature.shape[1] - 1)
    shown = (known[:, at] & inside).all(axis=2)
    return (curvature[:, at] * shown[:, :, None]).astype(np.float32), shown.astype(np.float32)


def _are_clear(activity: Floats, peaks: Ints, kept: Ints, likeness: Floats) -> bool:
    """Tell whether what was kept are heart beats rather than the tops of noise, or P among QRS."""
    rest = activity[np.isfinite(activity) & ~_near_beats(peaks, len(activity))]
    noise = np.sqrt((rest**2).mean()) if len(rest) else 0.0
    comparable = likeness[np.isfinite(likeness)]
    alike = np.median(comparable) if len(comparable) else 1.0
    low, usual, high = np.quantile(activity[peaks[kept]], (_PREMATURE_PART, 0.5, 0.9))
    return bool(
        noise <= _MOST_NOISE * usual and alike >= _LEAST_LIKENESS and high <= _MOST_UNEVEN * low
    )


def _are_electrode_slips(peaks: Ints, likeness: Floats) -> Bools:
    """Tell what is no beat: too soon before or after one that others are more like."""
    soon = min(samples(_SLIP_S), _SLIP_PART * float(np.median(np.diff(peaks))))
    close = np.abs(peaks[:, None] - peaks[None]) < soon
    return np.asarray((close & (likeness[:, None] < likeness[None] - _SLIP_UNLIKENESS)).any(axis=1))


def _intervals_s(known: Bools, peaks: Ints) -> Floats:
    """From each beat to the next; NaN where another one may have gone unseen."""
    intervals = np.diff(peaks) / SAMPLING_RATE_HZ
    if not len(intervals):
        return intervals
    unseen = np.asarray(~_inner(known, _QRS_HALF_S).any(axis=0))
    usual = np.median(intervals)
    for number, (left, right) in enumerate(pairwise(peaks)):
        instants = np.flatnonzero(unseen[left:right]) / SAMPLING_RATE_HZ
        parts = np.stack([instants, (right - left) / SAMPLING_RATE_HZ - instants])
        even = (np.abs(parts / usual - 1) < _EVEN).all(axis=0)
        if even.any() or len(instants) > samples(_LONG_UNSEEN_S):
            intervals[number] = np.nan
    return intervals
