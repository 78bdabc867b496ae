"""Signals and beats -> how many beats a pacemaker's spike precedes."""

from __future__ import annotations

import numpy as np

from ecgapp.ecg import Signals
from ecgapp.measure.r_peaks import Beats, Bools, Floats, samples, stack_leads

# A spike lasts 2 ms, and drawn with a pen up to 10 ms: so long before and after its tip the curve
# is back where it was. A wave of the heart takes longer, but for the sharpest narrow QRS complexes:
# those of LUDB have as many "spikes" as beats, wide ones have none.
_SPIKE_HALF_S = 0.010
# What follows was set by hand on simulated spikes and on LUDB.
# The level before a spike holds for so long.
_FLAT_S = 0.016
# Least height of a spike, mV, and in parts of QRS.
_LEAST_MV = 0.15
_LEAST_PART = 0.2
# Before it the curve may change by at most this part of the spike's height.
_MOST_CHANGE = 0.15
# A spike lies so long before or after the middle of QRS, that of the atrium before P included; the
# middle of a wide QRS may be taken for the spike's.
_FROM_S, _TO_S = 0.30, 0.03
_QRS_HALF_S = 0.1
# A spike shows in several leads at once, an artefact in one.
_FEWEST_LEADS = 2
_FEWEST_BEATS = 3


def paced_part(signals: Signals, beats: Beats) -> float | None:
    """Tell which part of the beats has a spike just before QRS.

    Parameters
    ----------
    signals : Signals
        Leads at 500 Hz, NaN where they are not known.
    beats : Beats
        Their beats.

    Returns
    -------
    float or None
        0 to 1; None with too few beats.
    """
    if len(beats.peaks) < _FEWEST_BEATS:
        return None
    millivolts = stack_leads(signals)
    spikes = np.flatnonzero(_spikes(millivolts, _qrs_mv(millivolts, beats)))
    before = (spikes[None] >= beats.peaks[:, None] - samples(_FROM_S)) & (
        spikes[None] <= beats.peaks[:, None] + samples(_TO_S)
    )
    return float(before.any(axis=1).mean())


def _qrs_mv(millivolts: Floats, beats: Beats) -> Floats:
    """Median height of QRS in each lead, mV, shape (12,); NaN where it shows none."""
    half = samples(_QRS_HALF_S)
    heights = [
        np.ptp(millivolts[:, max(0, peak - half) : peak + half], axis=1)
        for peak in beats.peaks.tolist()
    ]
    known = np.ma.masked_invalid(np.array(heights))
    return np.asarray(np.ma.median(known, axis=0).filled(np.nan))


def _spikes(millivolts: Floats, qrs_mv: Floats) -> Bools:
    """Tell at which samples a spike has its tip in several leads, shape (n_samples,)."""
    half, flat = samples(_SPIKE_HALF_S), samples(_FLAT_S)
    reach = half + flat
    padded = np.pad(millivolts, ((0, 0), (reach, reach)), constant_values=np.nan)

    def shifted(by: int) -> Floats:
        return padded[:, reach + by : reach + by + millivolts.shape[1]]

    rise, fall = millivolts - shifted(-half), millivolts - shifted(half)
    height = np.where(rise * fall > 0, np.minimum(np.abs(rise), np.abs(fall)), 0)
    change = np.abs(shifted(-half) - shifted(-reach))
    least = np.fmax(_LEAST_MV, _LEAST_PART * qrs_mv)[:, None]
    is_spike = (height >= least) & (change <= _MOST_CHANGE * height)
    # Tips differ by a sample or two between leads.
    near = is_spike | np.roll(is_spike, 1, axis=1) | np.roll(is_spike, -1, axis=1)
    return np.asarray(near.sum(axis=0) >= _FEWEST_LEADS)
