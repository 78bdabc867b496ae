"""Limb leads that show the same seconds, held against each other (Einthoven, Goldberger).

Two of them foretell every other one. On paper that is bent, or photographed, rows are out of step
by some milliseconds, and lines of a row run up or down a little: neither is an error of what was
read. So each lead is shifted to where it fits the others, and what changes slowly is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LIMB_WEIGHTS

# Part of a lead that the others foretell at least, and the smallest error that counts, mV (root
# mean square): 0.3 mm of paper, which a pen's width makes of any curve. Chosen on the building
# seeds of `ecgapp bench machines`; docs/reading.md has the figures. Where the upload's pixels are
# larger, so many of them: with one, four of the 190 sheets of other devices lose right leads.
LEAST_FORETOLD = 0.97
_LEAST_ERROR_MV = 0.0165
_LEAST_ERROR_PX = 1.25
# Curves are compared smoothly, and without what is slower than a beat, seconds.
SMOOTHING_S, _SLOW_S = 0.008, 0.2
# A scan tells the place of a stroke to within this part of its pixels, up and down and along.
_PLACED_PX = 0.25
# Beside a gap a curve is half known, seconds.
_BESIDE_GAP_S = 0.008
# How far rows may be out of step, seconds, and steps of the search, samples: first everywhere, then
# so far around the best. QRS complexes do not fit each other when they are 5 ms apart.
_MOST_SHIFT_S = 0.06
_COARSE_STEP, _FINE_REACH = 5, 4
# Times that each lead is shifted to where it fits the others as they were shifted before.
_ROUNDS = 4
# Fewer seconds tell nothing.
LEAST_S = 0.6
# How far apart the scales of leads that are stored each to a scale of its own may be; those of the
# Lobachevsky University database are up to three times.
_MOST_SCALES_APART = 4.0

# A spike moves a lead further than the others allow within so many seconds, by 1 mm of paper (mV);
# where more than this part of a lead does so, the others may be wrong.
_SPIKE_S, _SPIKE_MV, _MOST_SPIKES = 0.04, 0.1, 0.08

_Curves = NDArray[np.float64]


@dataclass(frozen=True)
class PixelSize:
    """What one pixel of an upload shows: seconds across and millivolts up."""

    seconds: float
    millivolts: float


def lone_spikes(
    curves: Mapping[str, NDArray[np.float32]], rate_hz: int
) -> dict[str, NDArray[np.bool_]]:
    """Find spikes that one limb lead shows and no heart can: other ink was followed there.

    Any two limb leads bound how far each other one moves (Einthoven, Goldberger).

    Parameters
    ----------
    curves : mapping of str to ndarray, shape (n,)
        mV of three limb leads or more that show the same seconds; NaN where not known.
    rate_hz : int
        Samples a second.

    Returns
    -------
    dict of str to ndarray, shape (n,), bool
        Samples of each lead that lie on such a spike.
    """
    names = list(curves)
    together = np.stack(list(curves.values()))
    nowhere = dict.fromkeys(names, np.zeros(together.shape[1], np.bool_))
    if not np.isfinite(together).any(axis=1).all():
        return nowhere
    width, reach = (2 * round(s * rate_hz / 2) + 1 for s in (_SPIKE_S, 2 * _MOST_SHIFT_S))
    filled = np.stack([without_gaps(curve) for curve in together]).astype(np.float32)
    moves = _highest(filled, width) + _highest(-filled, width)
    allowed = _highest(moves, reach)
    unknown = (~np.isfinite(together)).astype(np.float32)
    # What a row out of step shows at its ends may lie beyond the others'.
    unknown[:, :width] = unknown[:, -width:] = 1
    unsure = _highest(unknown, reach) > 0
    weights = np.array([LIMB_WEIGHTS[name] for name in names])
    found = {}
    for k, name in enumerate(names):
        lone = np.ones(together.shape[1], np.bool_)
        for pair in combinations([other for other in range(len(names)) if other != k], 2):
            parts = np.abs(np.linalg.solve(weights[list(pair)].T, weights[k]))
            bound = parts @ allowed[list(pair)] + _SPIKE_MV
            lone &= (moves[k] > bound) & ~unsure[list(pair)].any(axis=0)
        found[name] = lone if lone.mean() <= _MOST_SPIKES else nowhere[name]
    return found


def _highest(curves: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Highest value of each curve around every sample."""
    return np.asarray(cv2.dilate(curves, np.ones((1, width), np.uint8)), np.float32)


def foretold_parts(
    curves: Mapping[str, NDArray[np.float32]],
    rate_hz: int,
    baseline_s: float,
    pixel: PixelSize,
) -> dict[str, float]:
    """Tell which part of each limb lead's energy the others foretell.

    Parameters
    ----------
    curves : mapping of str to ndarray, shape (n,)
        mV of three limb leads or more that show the same seconds; NaN where not known.
    rate_hz : int
        Samples a second.
    baseline_s : float
        What is slower is a curve's baseline and none of its energy, seconds.
    pixel : PixelSize
        Of the upload: finer differences of its curves are none.

    Returns
    -------
    dict of str to float
        1 where all is foretold, negative where the error is larger than the lead; empty where too
        little is known to tell.
    """
    together = np.stack(list(curves.values()))
    if np.isfinite(together).all(axis=0).sum() < LEAST_S * rate_hz:
        return {}
    filled = np.stack([without_gaps(curve) for curve in together])
    smooth = _blurred(filled, SMOOTHING_S * rate_hz)
    known = np.stack([_surely_known(curve, rate_hz) for curve in together])
    names = list(curves)
    details = smooth - _blurred(filled, baseline_s * rate_hz)
    quick = smooth - _blurred(filled, _SLOW_S * rate_hz)
    found, shifts = _judged_in_step(names, details, quick, known, rate_hz, pixel)
    if min(found.values()) >= LEAST_FORETOLD:
        return found
    # Leads out of step seem to need other scales than they have, or none.
    in_place = [0] * len(names)
    for by in (in_place, shifts) if any(shifts) else (in_place,):
        scales = _own_scales(names, _shifted(details, by) * _shifted(known, by).min(axis=0))
        if scales is None:
            continue
        rescaled, _ = _judged_in_step(
            names, details * scales, quick * scales, known, rate_hz, pixel
        )
        if min(rescaled.values()) >= LEAST_FORETOLD:
            return rescaled
    return found


def _judged_in_step(
    names: list[str],
    details: _Curves,
    quick: _Curves,
    known: _Curves,
    rate_hz: int,
    pixel: PixelSize,
) -> tuple[dict[str, float], list[int]]:
    """Part of each limb lead that the others foretell, where they are, or shifted into step.

    Second are the shifts, samples; 0 where the leads fit in place.
    """
    parts = _judged(names, details, known, rate_hz, pixel)
    if min(parts.values()) >= LEAST_FORETOLD:
        return parts, [0] * len(names)
    shifts = _shifts_in_step(names, quick, known, rate_hz)
    in_step = _judged(names, _shifted(details, shifts), _shifted(known, shifts), rate_hz, pixel)
    return {name: max(part, in_step[name]) for name, part in parts.items()}, shifts


def _own_scales(names: list[str], details: _Curves) -> _Curves | None:
    """Find what each lead must be multiplied by for the leads to fit each other best.

    Some collections store every lead to a scale of its own. Leads under wrong names would need
    to be turned over, or to be scaled by far more, and get none.

    Returns
    -------
    ndarray, shape (n_leads, 1), or None
        With a geometric mean of 1.
    """
    sizes = np.sqrt((details**2).sum(axis=1))
    if not sizes.all():
        return None
    weights = np.array([LIMB_WEIGHTS[name] for name in names])
    against = np.eye(len(names)) - weights @ np.linalg.pinv(weights)
    alike = details @ details.T / np.outer(sizes, sizes)
    least = np.linalg.eigh(against * alike)[1][:, 0] / sizes
    if not (least > 0).all() and not (least < 0).all():
        return None
    scales = np.abs(least)[:, None]
    if scales.max() > _MOST_SCALES_APART * scales.min():
        return None
    return np.asarray(scales / np.exp(np.log(scales).mean()))


def without_gaps(curve: NDArray[np.float32]) -> NDArray[np.float64]:
    """Fill where a curve is not known (NaN) by straight lines; it is known somewhere."""
    known = np.isfinite(curve)
    places = np.arange(len(curve))
    return np.interp(places, places[known], curve[known])


def _surely_known(curve: NDArray[np.float32], rate_hz: int) -> _Curves:
    reach = 2 * round(_BESIDE_GAP_S * rate_hz) + 1
    known = np.isfinite(curve).astype(np.uint8)[None]
    inner = cv2.erode(known, np.ones((1, reach)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inner[0], np.float64)


def _blurred(curves: _Curves, sigma: float) -> _Curves:
    # Along the curves alone.
    blurred = cv2.GaussianBlur(
        curves, (0, 1), sigmaX=sigma, sigmaY=1e-6, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(blurred)


def _judged(
    names: list[str], details: _Curves, known: _Curves, rate_hz: int, pixel: PixelSize
) -> dict[str, float]:
    """Part of each limb lead that the others foretell, the worst lead not judging the others.

    A wrong lead spoils what is foretold of the right ones: the one without which the rest fit best
    is judged first. Of three leads any two fit, so that all three are in doubt.
    """
    left: list[int] = list(range(len(names)))
    found: dict[str, float] = {}
    while True:
        parts = _foretold([names[k] for k in left], details[left], known[left], rate_hz, pixel)
        suspect = max(parts, key=lambda name: parts[name][1])
        if len(left) == 3 or parts[suspect][0] >= LEAST_FORETOLD:
            return found | {name: part for name, (part, _) in parts.items()}
        found[suspect] = parts[suspect][0]
        left.remove(names.index(suspect))


def _foretold(
    names: list[str], details: _Curves, known: _Curves, rate_hz: int, pixel: PixelSize
) -> dict[str, tuple[float, float]]:
    """Part of each limb lead's energy that the others foretell, and of theirs that fits without."""
    every = known.min(axis=0)
    n_known = max(float(every.sum()), 1.0)
    quick = _without_slow(details, every, _SLOW_S * rate_hz)
    powers = ((details * every) ** 2).sum(axis=1) / n_known
    # The others' own errors weigh on a lead with next to no voltage: it counts as half the mean.
    least_error_mv = max(_LEAST_ERROR_MV, _LEAST_ERROR_PX * pixel.millivolts)
    least_power = max(powers.mean() / 2, least_error_mv**2 / (1 - LEAST_FORETOLD))
    weights = np.array([LIMB_WEIGHTS[name] for name in names])
    misplaced = _misplaced(quick, rate_hz, pixel)
    found = {}
    for k, name in enumerate(names):
        others, weights_of_others = np.delete(quick, k, axis=0), np.delete(weights, k, axis=0)
        to_i_and_ii = np.linalg.pinv(weights_of_others)
        from_i_and_ii = to_i_and_ii @ others
        by_others = (weights[k] @ to_i_and_ii) ** 2 @ np.delete(misplaced, k, axis=0)
        # What the scan's pixels cannot tell is no error.
        told = np.abs(quick[k] - weights[k] @ from_i_and_ii) - np.sqrt(misplaced[k] + by_others)
        error = (np.maximum(told, 0) ** 2).sum() / n_known
        error_of_others = ((others - weights_of_others @ from_i_and_ii) ** 2).sum()
        found[name] = (
            1 - float(error / max(powers[k], least_power)),
            1 - float(error_of_others / max((others**2).sum(), 1e-9)),
        )
    return found


def _misplaced(curves: _Curves, rate_hz: int, pixel: PixelSize) -> _Curves:
    """Square of how far each curve may lie from its place for the upload's pixels, mV."""
    steep = np.gradient(curves, axis=1) * rate_hz
    return (_PLACED_PX * pixel.millivolts) ** 2 + (_PLACED_PX * pixel.seconds * steep) ** 2


def _without_slow(curves: _Curves, known: _Curves, sigma: float) -> _Curves:
    """Take off what changes slowly, as far as curves are known; 0 elsewhere."""
    slow = _blurred(curves * known, sigma) / np.maximum(_blurred(known[None], sigma), 1e-3)
    return (curves - slow) * known


def _shifts_in_step(names: list[str], quick: _Curves, known: _Curves, rate_hz: int) -> list[int]:
    """Find the samples by which each lead has to be shifted to fit the others best."""
    weights = np.array([LIMB_WEIGHTS[name] for name in names])
    against = np.eye(len(names)) - weights @ np.linalg.pinv(weights)
    most = round(_MOST_SHIFT_S * rate_hz)
    everywhere = range(-most, most + 1, _COARSE_STEP)
    around = range(-_FINE_REACH, _FINE_REACH + 1)
    shifts = [0] * len(names)
    for coarse in (True, False):
        for _ in range(_ROUNDS):
            before = list(shifts)
            for k in range(len(names)):
                near = [shifts[k] + by for by in around if abs(shifts[k] + by) <= most]
                tried = [shifts[k], *everywhere] if coarse else near
                shifts[k] = _best_shift(against, quick, known, shifts, k, tried)
            if shifts == before:
                break
    return shifts


def _best_shift(
    against: _Curves, quick: _Curves, known: _Curves, shifts: list[int], own: int, tried: list[int]
) -> int:
    """Find the shift with which one lead fits the others, as they are shifted, best.

    ``against`` takes from the leads' voltages what no voltages of I and II explain.
    """
    others = [k for k in range(len(shifts)) if k != own]
    beside = [shifts[k] for k in others]
    fixed = against[:, others] @ _shifted(quick[others], beside)
    both = _shifted(known[others], beside).min(axis=0)
    least_known = known.min(axis=0).sum() / 2

    def error(shift: int) -> float:
        curve, shown = _shifted(np.stack([quick[own], known[own]]), [shift, shift])
        shown *= both
        rest = (fixed + np.outer(against[:, own], curve)) * shown
        return float((rest**2).sum() / shown.sum()) if shown.sum() > least_known else np.inf

    return min(tried, key=error)


def _shifted(curves: _Curves, shifts: list[int]) -> _Curves:
    """Shift each curve to later samples; 0 where nothing is known of it then."""
    moved = np.zeros_like(curves)
    for row, curve, by in zip(moved, curves, shifts, strict=True):
        if by >= 0:
            row[by:] = curve[: len(curve) - by]
        else:
            row[:by] = curve[-by:]
    return moved
