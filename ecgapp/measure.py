"""Signals -> heart rate, intervals, axis, ST level; what cannot be measured is left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ecgapp.beats import Beats, find_beats
from ecgapp.signals import Signals

# Fewest intervals between beats from which a rate, and a variability, are told.
_LEAST_INTERVALS_FOR_RATE = 2
_LEAST_INTERVALS_FOR_SPREAD = 4


@dataclass(frozen=True)
class Measurement:
    """One measured value.

    Attributes
    ----------
    value : float
        In `unit`.
    unit : str
        ``bpm``, ``ms``, ``mV``, ``deg``; empty for a ratio.
    lead : str or None
        The lead it comes from; None when all leads have a part in it.
    """

    value: float
    unit: str
    lead: str | None = None


def measure(signals: Signals) -> dict[str, Measurement]:
    """Measure what the signals show.

    Parameters
    ----------
    signals : Signals
        Leads at 500 Hz, NaN where they are not known.

    Returns
    -------
    dict of str to Measurement
        A name is absent when its value cannot be measured:

        - ``heart_rate_bpm``: 60 s over the mean interval between beats;
        - ``rr_mean_ms``, ``rr_sd_ms``: mean and standard deviation of these intervals;
        - ``rr_irregularity``: median change from one interval to the next, in parts of the mean
          interval. A premature beat now and then hardly moves it, atrial fibrillation does.
    """
    return _rhythm(find_beats(signals))


def _rhythm(beats: Beats) -> dict[str, Measurement]:
    """Rate and variability."""
    intervals_ms = 1000 * beats.intervals_s
    seen = intervals_ms[np.isfinite(intervals_ms)]
    if len(seen) < _LEAST_INTERVALS_FOR_RATE:
        return {}
    mean_ms = float(seen.mean())
    rhythm = {
        "heart_rate_bpm": Measurement(60_000 / mean_ms, "bpm"),
        "rr_mean_ms": Measurement(mean_ms, "ms"),
    }
    if len(seen) >= _LEAST_INTERVALS_FOR_SPREAD:
        rhythm["rr_sd_ms"] = Measurement(float(seen.std(ddof=1)), "ms")
        changes_ms = np.abs(np.diff(intervals_ms))
        changes_ms = changes_ms[np.isfinite(changes_ms)]
        if len(changes_ms):
            irregularity = float(np.median(changes_ms)) / mean_ms
            rhythm["rr_irregularity"] = Measurement(irregularity, "")
    return rhythm
