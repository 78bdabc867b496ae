"""Signals -> heart rate, intervals, axis, ST level; what cannot be measured is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ecgapp.ecg import LEADS, LIMB_LEADS, SAMPLING_RATE_HZ, Signals
from ecgapp.measure.average_beat import MeanBeats, mean_beats
from ecgapp.measure.delineation import (
    Waves,
    find_waves,
    p_peaks_mv,
    rest_levels,
    t_peaks_mv,
)
from ecgapp.measure.pacing import paced_part
from ecgapp.measure.r_peaks import UNLIKE_OTHERS, Beats, Bools, Floats, find_beats, samples

# Where no source is named the value was set by hand on simulated patients, on the cardiologists'
# marks of LUDB and on the printed rates of the development sheets; none was measured on its own.

# Fewest intervals between beats from which a rate, and a variability, are told.
_LEAST_INTERVALS_FOR_RATE = 2
_LEAST_INTERVALS_FOR_SPREAD = 4
# A beat that comes before this part of the usual interval is early.
_EARLY = 0.85
# Early beats of the usual shape are told from an irregular rhythm only where the other intervals
# change less than this, and where they are at most this part of all beats.
_REGULAR = 0.08
_MOST_ATRIAL = 0.34
# Where intervals change so much from one to the next, the atria fibrillate, and there is no P.
IRREGULAR = 0.12
# Where they change by more than this, either the sinus node is irregular or the atria fibrillate. A
# P tells the first, if all columns of leads show it, with PRs that differ by this at most: in a
# column of few beats the waves of fibrillation may look like one.
IRREGULAR_WITHOUT_P = 0.07
_MOST_PR_SPREAD_MS = 40
# QT is told where so many leads show it and lie so near to their median (median distance).
_LEAST_LEADS_FOR_QT = 3
_MOST_QT_SPREAD_MS = 40
# Of the durations that columns of leads give, each counted by its leads: some hide the beginning or
# the end of QRS, but the longest may be noise.
_QRS_QUANTILE = 0.75
# ST is read this long behind the J point, J + 60 ms.
_ST_AFTER_J_S = 0.06
# The level of J is the mean over so long after the end of QRS.
_J_LEVEL_S = 0.02
# The last part of QRS, which tells a right from a left bundle branch block: a terminal R in V1, or
# a terminal S in I and V6, as wide as this (Surawicz et al., Circulation 119 (2009) e235).
_TERMINAL_S = 0.04
# What rises less before a trough is no R, and after it nothing lower than this part of its depth.
_LEAST_R_MV = 0.03
_LEAST_R_PART = 0.25

# Where the limb leads look from, degrees, and the length that a unit of heart vector has in them.
_LIMB_LEAD_ANGLES_DEG = (0, 60, 120, -150, -30, 90)
_LIMB_LEAD_GAINS = (1.0, 1.0, 1.0, *3 * (np.sqrt(3) / 2,))
# Where QRS goes up and down alike in all limb leads it has no direction: the net vector is
# shorter than this part of the largest swing.
_LEAST_NET_PART = 0.15
# P has a direction where so many limb leads show it, the vector is so long (mV; P is 0.1 to 0.2 mV
# high, a traced curve is sure to about 0.02 mV), and what the leads show differs from its
# projections by no more than this part of it. Set by hand.
_FEWEST_P_LEADS = 4
_LEAST_P_MV = 0.06
_MOST_P_MISFIT = 0.25


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
        The lead it comes from; None when several leads have a part in it.
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

        - ``heart_rate_bpm``: 60 s over the mean interval between beats.
        - ``rr_mean_ms``, ``rr_sd_ms``: mean and standard deviation of these intervals.
        - ``rr_irregularity``: median change from one interval to the next, in parts of the mean
          interval. A premature beat now and then hardly moves it, atrial fibrillation does.
        - ``premature_beats``: beats that come early and have another shape than most.
        - ``premature_atrial_beats``: beats that come early and have the usual shape, in a rhythm
          that is regular otherwise.
        - ``rr_irregularity_otherwise``: ``rr_irregularity`` without the intervals before and after
          premature beats of another shape.
        - ``rr_longest_ms``: the longest interval between two beats.
        - ``paced_part``: part of the beats with a narrow spike just before QRS, 0 to 1.
        - ``p_duration_ms``, ``pr_ms`` (from the beginning of P), ``qrs_ms``, ``qt_ms`` (to where
          the tangent of T's last flank meets the level before QRS; median over the leads), of
          the typical beat.
        - ``qtc_bazett_ms``, ``qtc_fridericia_ms``: QT over the square, and the cube, root of the
          mean interval in seconds.
        - ``axis_deg``: direction of QRS in the frontal plane, -180 to 180 degrees, 0 to the left,
          90 down, from highest plus lowest voltage of QRS in the limb leads, as done by hand.
        - ``p_axis_deg``: the same of P, from its highest or lowest points; where the limb leads
          show P clearly and alike.
        - ``st_j60_mv_<lead>``: level 60 ms after the end of QRS, against the level before QRS.
        - ``st_j_mv_<lead>``: level at the end of QRS (mean over 20 ms), against the level before.
        - ``r_mv_<lead>``, ``s_mv_<lead>``: height of R and depth of S (of all of QRS where there
          is no R), both positive, from the level before QRS; 0 without such a wave.
        - ``q_mv_<lead>``, ``q_ms_<lead>``: depth (positive) and duration of an initial negative
          deflection of QRS; 0 without one. Where no R follows (QS) that is all of QRS.
        - ``qrs_end_mv_<lead>``: mean over the last 40 ms of QRS, against the level before it.
        - ``p_mv_<lead>``, ``t_mv_<lead>``: highest or lowest point of P and of T, whichever is
          farther from the level of rest.
    """
    beats = find_beats(signals)
    measured = _rhythm(beats)
    if "rr_mean_ms" not in measured:
        return measured
    means = mean_beats(signals, beats)
    interval_s = measured["rr_mean_ms"].value / 1000
    waves = find_waves(means, interval_s)
    paced = paced_part(signals, beats)
    if paced is not None:
        measured["paced_part"] = Measurement(paced, "")
    measured |= _intervals(waves, interval_s)
    amplitudes = dict(_amplitudes(means, waves, interval_s))
    irregularity = measured["rr_irregularity"].value if "rr_irregularity" in measured else 0.0
    agree_on_p = _agree_on_p(waves)
    if irregularity <= (IRREGULAR if agree_on_p else IRREGULAR_WITHOUT_P):
        measured |= _p_waves(waves)
        if agree_on_p:
            measured |= _p_axis(amplitudes)
    return measured | _axis(means, waves) | amplitudes


def _rhythm(beats: Beats) -> dict[str, Measurement]:
    """Rate, variability and beats out of turn."""
    intervals_ms = 1000 * beats.intervals_s
    seen = intervals_ms[np.isfinite(intervals_ms)]
    if len(seen) < _LEAST_INTERVALS_FOR_RATE:
        return {}
    mean_ms = float(seen.mean())
    rhythm = {
        "heart_rate_bpm": Measurement(60_000 / mean_ms, "bpm"),
        "rr_mean_ms": Measurement(mean_ms, "ms"),
        "rr_longest_ms": Measurement(float(seen.max()), "ms"),
    }
    if len(seen) >= _LEAST_INTERVALS_FOR_SPREAD:
        rhythm["rr_sd_ms"] = Measurement(float(seen.std(ddof=1)), "ms")
        if (irregularity := _irregularity(intervals_ms, mean_ms)) is not None:
            rhythm["rr_irregularity"] = Measurement(irregularity, "")
        rhythm |= _premature(intervals_ms, beats.kinds == UNLIKE_OTHERS)
    return rhythm


def _irregularity(intervals_ms: Floats, mean_ms: float) -> float | None:
    """Median change from one interval to the next, in parts of the mean interval."""
    changes_ms = np.abs(np.diff(intervals_ms))
    changes_ms = changes_ms[np.isfinite(changes_ms)]
    return float(np.median(changes_ms)) / mean_ms if len(changes_ms) else None


def _without_premature(intervals_ms: Floats, premature: Bools) -> Floats:
    """Take out the intervals before and after premature beats."""
    return np.where(premature | np.append(False, premature[:-1]), np.nan, intervals_ms)


def _premature(intervals_ms: Floats, other_shape: Bools) -> dict[str, Measurement]:
    """Premature beats, and how irregular the rhythm is without them."""
    # Intervals between two beats of the usual shape tell what is usual. In bigeminy there are
    # none; there the mean is about what the sinus node keeps.
    plain = intervals_ms[~other_shape[1:] & ~other_shape[:-1] & np.isfinite(intervals_ms)]
    usual_ms = float(np.median(plain) if len(plain) > 1 else np.nanmean(intervals_ms))
    early = intervals_ms < _EARLY * usual_ms
    ventricular = early & other_shape[1:]
    before = np.append(np.nan, intervals_ms[:-1])
    after = np.append(intervals_ms[1:], np.nan)
    abrupt = ~(intervals_ms >= _EARLY * before) & ~(after <= intervals_ms / _EARLY)
    atrial = early & ~other_shape[1:] & abrupt & ~np.append(False, ventricular[:-1])
    measured = {"premature_beats": Measurement(float(ventricular.sum()), "")}
    otherwise = _irregularity(_without_premature(intervals_ms, ventricular), usual_ms)
    if otherwise is not None:
        measured["rr_irregularity_otherwise"] = Measurement(otherwise, "")
    rest = _irregularity(_without_premature(intervals_ms, ventricular | atrial), usual_ms)
    if rest is not None and rest <= _REGULAR and atrial.mean() <= _MOST_ATRIAL:
        measured["premature_atrial_beats"] = Measurement(float(atrial.sum()), "")
    return measured


def _to_ms(columns: float) -> float:
    return 1000 * columns / SAMPLING_RATE_HZ


def _over_leads(values: Sequence[tuple[float, Waves]]) -> float:
    """Mean over groups of leads, each counted by its leads."""
    weights = [len(waves.leads) for _, waves in values]
    return float(np.average([value for value, _ in values], weights=weights))


def _intervals(groups: list[Waves], interval_s: float) -> dict[str, Measurement]:
    """QRS, QT and QTc."""
    if not groups:
        return {}
    durations = np.repeat(
        [waves.qrs_offset - waves.qrs_onset for waves in groups],
        [len(waves.leads) for waves in groups],
    )
    qrs = float(np.quantile(durations, _QRS_QUANTILE))
    measured = {"qrs_ms": Measurement(_to_ms(qrs), "ms")}
    qts_ms = [_to_ms(end - waves.qrs_onset) for waves in groups for end in waves.t_ends.values()]
    qt_ms = float(np.median(qts_ms)) if qts_ms else np.nan
    spread_ms = np.median(np.abs(np.array(qts_ms) - qt_ms)) if qts_ms else np.nan
    if len(qts_ms) >= _LEAST_LEADS_FOR_QT and spread_ms <= _MOST_QT_SPREAD_MS:
        measured["qt_ms"] = Measurement(qt_ms, "ms")
        measured["qtc_bazett_ms"] = Measurement(qt_ms / interval_s ** (1 / 2), "ms")
        measured["qtc_fridericia_ms"] = Measurement(qt_ms / interval_s ** (1 / 3), "ms")
    return measured


def _agree_on_p(groups: list[Waves]) -> bool:
    """Tell whether all groups of leads show P at the same distance from QRS."""
    prs_ms = [_to_ms(waves.qrs_onset - waves.p[0]) for waves in groups if waves.p is not None]
    return len(prs_ms) == len(groups) > 0 and max(prs_ms) - min(prs_ms) <= _MOST_PR_SPREAD_MS


def _p_waves(groups: list[Waves]) -> dict[str, Measurement]:
    """P and PR."""
    durations, prs = [], []
    for waves in groups:
        if waves.p is not None:
            onset, offset = waves.p
            durations.append((offset - onset, waves))
            prs.append((waves.qrs_onset - onset, waves))
    if not prs:
        return {}
    return {
        "p_duration_ms": Measurement(_to_ms(_over_leads(durations)), "ms"),
        "pr_ms": Measurement(_to_ms(_over_leads(prs)), "ms"),
    }


def _qrs(means: MeanBeats, groups: list[Waves]) -> Iterator[tuple[str, Floats]]:
    """QRS of each lead, against the level before it, mV."""
    for waves in groups:
        millivolts = means.millivolts[waves.leads]
        level = millivolts - rest_levels(millivolts, waves.qrs_onset)[:, None]
        for lead, row in zip(waves.leads, level, strict=True):
            yield LEADS[lead], row[waves.qrs_onset : waves.qrs_offset + 1]


def _axis(means: MeanBeats, groups: list[Waves]) -> dict[str, Measurement]:
    """Frontal axis of QRS, from the limb leads' net deflections."""
    nets, sizes = {}, [0.0]
    for lead, qrs in _qrs(means, groups):
        if lead in LIMB_LEADS:
            nets[lead] = max(0.0, qrs.max()) + min(0.0, qrs.min())
            sizes.append(max(0.0, qrs.max()) - min(0.0, qrs.min()))
    vector, _misfit = _frontal_vector(nets)
    if vector is None or np.hypot(*vector) < _LEAST_NET_PART * max(sizes):
        return {}
    return {"axis_deg": _angle(vector)}


def _p_axis(amplitudes: Mapping[str, Measurement]) -> dict[str, Measurement]:
    """Frontal axis of P, from its peaks in the limb leads; only where these are clear."""
    peaks = {
        one.lead: one.value
        for name, one in amplitudes.items()
        if name.startswith("p_mv_") and one.lead in LIMB_LEADS
    }
    vector, misfit = _frontal_vector(peaks)
    if vector is None or len(peaks) < _FEWEST_P_LEADS:
        return {}
    size = float(np.hypot(*vector))
    if size < _LEAST_P_MV or misfit > _MOST_P_MISFIT * size:
        return {}
    return {"p_axis_deg": _angle(vector)}


def _frontal_vector(values_mv: Mapping[str, float]) -> tuple[Floats | None, float]:
    """Vector whose projections fit the limb leads' values best, and by how much they miss (rms)."""
    places = [LIMB_LEADS.index(lead) for lead in values_mv]
    angles = np.deg2rad(np.array(_LIMB_LEAD_ANGLES_DEG)[places])
    gains = np.array(_LIMB_LEAD_GAINS)[places]
    directions = gains[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    if np.linalg.matrix_rank(directions.reshape(-1, 2)) < 2:
        return None, 0.0
    values = np.array(list(values_mv.values()))
    vector = np.linalg.lstsq(directions, values, rcond=None)[0]
    return vector, float(np.sqrt(np.mean((directions @ vector - values) ** 2)))


def _angle(vector: Floats) -> Measurement:
    return Measurement(float(np.rad2deg(np.arctan2(vector[1], vector[0]))), "deg")


def _amplitudes(
    means: MeanBeats, groups: list[Waves], interval_s: float
) -> Iterator[tuple[str, Measurement]]:
    """P, Q, R, S, ST and T of each lead."""
    for lead, qrs in _qrs(means, groups):
        r_mv, s_mv = _r_and_s(qrs)
        q_mv, q_samples = _q_wave(qrs)
        end = qrs[-min(samples(_TERMINAL_S), len(qrs)) :]
        yield f"r_mv_{lead}", Measurement(r_mv, "mV", lead)
        yield f"s_mv_{lead}", Measurement(s_mv, "mV", lead)
        yield f"q_mv_{lead}", Measurement(q_mv, "mV", lead)
        yield f"q_ms_{lead}", Measurement(_to_ms(q_samples), "ms", lead)
        yield f"qrs_end_mv_{lead}", Measurement(float(end.mean()), "mV", lead)
    for waves in groups:
        millivolts = means.millivolts[waves.leads]
        level = millivolts - rest_levels(millivolts, waves.qrs_onset)[:, None]
        j = level[:, waves.qrs_offset : waves.qrs_offset + samples(_J_LEVEL_S)].mean(axis=1)
        values = {
            "st_j60_mv": level[:, waves.qrs_offset + samples(_ST_AFTER_J_S)],
            "st_j_mv": j,
            "t_mv": t_peaks_mv(level, waves, interval_s),
            "p_mv": p_peaks_mv(millivolts, waves),
        }
        for name, by_lead in values.items():
            for number, value in zip(waves.leads.tolist(), by_lead.tolist(), strict=True):
                if np.isfinite(value):
                    lead = LEADS[number]
                    yield f"{name}_{lead}", Measurement(value, "mV", lead)


def _q_wave(qrs: Floats) -> tuple[float, int]:
    """Depth, mV, and duration, samples, of Q in one lead's QRS; (0, 0) where it begins with R."""
    clear = np.flatnonzero(np.abs(qrs) >= _LEAST_R_MV)
    if not len(clear) or qrs[clear[0]] > 0:
        return 0.0, 0
    first = int(clear[0])
    risen = np.flatnonzero(qrs[first:] >= 0)
    after = first + int(risen[0]) if len(risen) else len(qrs)
    before = np.flatnonzero(qrs[:first] >= 0)
    start = int(before[-1]) + 1 if len(before) else 0
    return -float(qrs[start:after].min()), after - start


def _r_and_s(qrs: Floats) -> tuple[float, float]:
    """Height of R and depth of S in one lead's QRS, mV."""
    trough = int(qrs.argmin())
    depth = max(0.0, -float(qrs[trough]))
    r_before = max(0.0, float(qrs[: trough + 1].max()))
    later = trough + int(qrs[trough:].argmax())
    r_after = max(0.0, float(qrs[later]))
    # A rise that goes on beyond QRS is an elevated ST segment.
    is_peak = later < len(qrs) - 1 and r_after >= _LEAST_R_PART * depth
    if not is_peak or r_before >= r_after:
        return r_before, depth
    is_q = r_before < _LEAST_R_MV
    return r_after, max(0.0, -float(qrs[later:].min())) if is_q else depth
