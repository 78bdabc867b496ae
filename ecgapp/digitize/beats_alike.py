"""Beats of one lead held against each other: where one alone differs, other ink was followed.

Leads of a column show the same beats. A beat that is like the others in most of these leads is a
usual one, and is like them in every lead: what differs there is a stroke of another lead, print, or
a peak that was not followed to its end.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.digitize.limb_leads import without_gaps

# Numbers whose origin is not said below were set by hand.

# Seconds before and after the steepest place of a beat in which beats are compared, by how much
# each may be shifted, and steps of that.
_BEFORE_S, _AFTER_S, _SHIFT_S, _STEP_S = 0.12, 0.26, 0.02, 0.004
# Fewer beats do not tell which of them is another.
_LEAST_BEATS = 3
# Leads that at least tell a usual beat.
_LEAST_LEADS = 3
# Beats are no closer, and as steep, against the steepest; steepness is spread, seconds, and counted
# up to a quantile of each lead's.
_CLOSEST_S, _AS_STEEP, _SPREAD_S, _STEEPEST = 0.3, 0.45, 0.016, 0.98
# Curves are compared smoothly and without baselines, seconds.
_SMOOTHING_S, _BASELINE_S = 0.004, 0.3
# Curves that move no more, mV, show no beat.
_STILL_MV = 1e-6
# Correlation with the median beat, in the median of the other leads, of a usual beat.
_USUAL = 0.9
# What differs by more than so many millivolts, and this part of the median beat's height, within so
# many seconds to either side is another stroke's; so much beside it is not known either. Chosen on
# 100 machines of the building seeds (2400 to 2499): of 925 leads of 14 dB and more one loses 1 dB.
_OTHER_MV, _OTHER_PART, _NEAR_S, _BESIDE_S = 0.2, 0.3, 0.008, 0.012

_Curves = NDArray[np.float64]


def unlike_beats(
    curves: Mapping[str, NDArray[np.float32]], rate_hz: int
) -> dict[str, NDArray[np.bool_]]:
    """Find where one lead's beat is unlike its others, and the beat is usual in the other leads.

    Parameters
    ----------
    curves : mapping of str to ndarray, shape (n,)
        mV of three leads or more that show the same seconds; NaN where not known.
    rate_hz : int
        Samples a second.

    Returns
    -------
    dict of str to ndarray, shape (n,), bool
        Samples of each lead that are another stroke's.
    """
    known = {name: curve for name, curve in curves.items() if np.isfinite(curve).any()}
    unlike = {name: np.zeros(len(curve), np.bool_) for name, curve in curves.items()}
    if len(known) < _LEAST_LEADS:
        return unlike
    details = {name: _detail(curve, rate_hz) for name, curve in known.items()}
    beats = _beats(list(details.values()), rate_hz)
    if len(beats) < _LEAST_BEATS:
        return unlike
    cut = {name: _aligned(detail, beats, rate_hz) for name, detail in details.items()}
    likeness = np.stack([_likeness(shown) for shown, _ in cut.values()])
    for number, (name, (shown, shifts)) in enumerate(cut.items()):
        usual = np.median(np.delete(likeness, number, axis=0), axis=0) >= _USUAL
        if usual.sum() < _LEAST_BEATS:
            continue
        for beat in np.flatnonzero(usual):
            others = np.delete(shown, beat, axis=0)[np.delete(usual, beat)]
            differs = _differs(shown[beat], _median(others), rate_hz)
            first = beats[beat] + shifts[beat] - round(_BEFORE_S * rate_hz)
            at = np.flatnonzero(differs) + first
            unlike[name][at[(at >= 0) & (at < len(unlike[name]))]] = True
    return unlike


def _detail(curve: NDArray[np.float32], rate_hz: int) -> _Curves:
    """Curve without its baseline, smoothed a little; NaN where it is not known."""
    filled = without_gaps(curve)[None]
    sharp, slow = (
        cv2.GaussianBlur(filled, (0, 1), sigmaX=seconds * rate_hz, sigmaY=1e-6)[0]
        for seconds in (_SMOOTHING_S, _BASELINE_S)
    )
    return np.where(np.isfinite(curve), sharp - slow, np.nan)


def _beats(details: list[_Curves], rate_hz: int) -> NDArray[np.intp]:
    """Find the samples at which all leads together are steepest."""
    steep = np.stack([np.nan_to_num(np.abs(np.gradient(detail))) for detail in details])
    steep /= np.quantile(steep, _STEEPEST, axis=1, keepdims=True) + 1e-9
    together = np.minimum(steep, 1).mean(axis=0, keepdims=True)
    spread = cv2.GaussianBlur(together, (0, 1), sigmaX=_SPREAD_S * rate_hz, sigmaY=1e-6)[0]
    around = np.ones((1, 2 * round(_CLOSEST_S * rate_hz) + 1))
    steepest = spread == cv2.dilate(spread[None], around)[0]
    return np.flatnonzero(steepest & (spread >= _AS_STEEP * spread.max()) & (spread > 0))


def _aligned(
    detail: _Curves, beats: NDArray[np.intp], rate_hz: int
) -> tuple[_Curves, NDArray[np.intp]]:
    """Cut a lead's beats, each shifted to where it is most like the median; NaN beyond its ends."""
    before, after, most = (round(s * rate_hz) for s in (_BEFORE_S, _AFTER_S, _SHIFT_S))
    padded = np.pad(detail, (before + most, after + most), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, before + after)
    usual = _median(windows[beats + most])
    shifts = np.arange(-most, most + 1, round(_STEP_S * rate_hz))
    tried = windows[beats[:, None] + most + shifts]
    off = np.minimum(np.abs(tried - usual), _OTHER_MV)
    mean_off = np.nan_to_num(np.where(np.isfinite(off), off, _OTHER_MV)).mean(axis=2)
    best = mean_off.argmin(axis=1)
    return tried[np.arange(len(beats)), best], shifts[best]


def _median(beats: _Curves) -> _Curves:
    """Median of beats, sample by sample; NaN where none is known."""
    known = np.isfinite(beats).any(axis=0)
    median = np.full(beats.shape[1], np.nan)
    median[known] = np.nanmedian(beats[:, known], axis=0)
    return median


def _likeness(beats: _Curves) -> _Curves:
    """Correlation of each beat with their median; 0 where it cannot be told."""
    usual = _median(beats)
    found = np.zeros(len(beats))
    for number, beat in enumerate(beats):
        both = np.isfinite(beat) & np.isfinite(usual)
        moving = 2 * both.sum() > len(beat) and min(beat[both].std(), usual[both].std()) > _STILL_MV
        if moving:
            found[number] = np.corrcoef(beat[both], usual[both])[0, 1]
    return found


def _differs(beat: _Curves, usual: _Curves, rate_hz: int) -> NDArray[np.bool_]:
    """Where a beat is another than the usual one, and just beside that."""
    if not np.isfinite(usual).any():
        return np.zeros(len(beat), np.bool_)
    limit = max(_OTHER_MV, _OTHER_PART * float(np.nanmax(np.abs(usual))))
    near, beside = (np.ones((1, 2 * round(s * rate_hz) + 1)) for s in (_NEAR_S, _BESIDE_S))

    def bounds(curve: _Curves) -> tuple[_Curves, _Curves]:
        shown = np.isfinite(curve)
        highest = cv2.dilate(np.where(shown, curve, -np.inf)[None], near)[0]
        lowest = cv2.erode(np.where(shown, curve, np.inf)[None], near)[0]
        return np.asarray(lowest, np.float64), np.asarray(highest, np.float64)

    usual_low, usual_high = bounds(usual)
    low, high = bounds(beat)
    both = np.isfinite(beat) & np.isfinite(usual)
    differs = (beat > usual_high + limit) | (beat < usual_low - limit)
    differs |= (usual > high + limit) | (usual < low - limit)
    found = cv2.dilate((differs & both).astype(np.uint8)[None], beside)[0]
    return np.asarray(found > 0)
