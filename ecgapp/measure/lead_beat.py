"""The typical beat of one lead, with where its waves begin and end, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ecgapp.ecg import LEADS, SAMPLING_RATE_HZ, Signals
from ecgapp.measure.average_beat import mean_beats
from ecgapp.measure.delineation import find_waves, rest_levels
from ecgapp.measure.r_peaks import Floats, find_beats


@dataclass(frozen=True)
class LeadBeat:
    """The typical beat of one lead.

    Attributes
    ----------
    seconds : ndarray of float, shape (n,)
        From the beat's middle on.
    millivolts : ndarray of float, shape (n,)
        Against the level before QRS where that is known; NaN where the beat is not known.
    fiducials_s : dict of str to float
        Where waves begin and end, on the same axis: ``P begins``, ``P ends``, ``QRS begins``,
        ``QRS ends``, ``T ends``, as far as they could be told.
    """

    seconds: Floats
    millivolts: Floats
    fiducials_s: dict[str, float]


def lead_beat(signals: Signals, lead: str) -> LeadBeat | None:
    """Average the typical beats of one lead and find its waves.

    Parameters
    ----------
    signals : Signals
        All leads: waves are found in several together.
    lead : str
        One of `LEADS`.

    Returns
    -------
    LeadBeat or None
        None where the lead shows no whole beat.
    """
    beats = find_beats(signals)
    seen = beats.intervals_s[np.isfinite(beats.intervals_s)]
    if not len(seen):
        return None
    means = mean_beats(signals, beats)
    row = LEADS.index(lead)
    beat = means.millivolts[row]
    if not np.isfinite(beat).any():
        return None
    columns: dict[str, float] = {}
    for waves in find_waves(means, float(seen.mean())):
        if row in waves.leads:
            beat = beat - rest_levels(means.millivolts[[row]], waves.qrs_onset)[0]
            if waves.p is not None:
                columns |= {"P begins": waves.p[0], "P ends": waves.p[1]}
            columns |= {"QRS begins": waves.qrs_onset, "QRS ends": waves.qrs_offset}
            if row in waves.t_ends:
                columns["T ends"] = waves.t_ends[row]
    return LeadBeat(
        (np.arange(len(beat)) - means.middle) / SAMPLING_RATE_HZ,
        beat,
        {name: (column - means.middle) / SAMPLING_RATE_HZ for name, column in columns.items()},
    )
