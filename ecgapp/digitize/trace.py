"""Named lead images -> signals in millivolts on the sheet's own time axis."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.digitize.beats_alike import unlike_beats
from ecgapp.digitize.leads import PAPER, NamedLead
from ecgapp.digitize.limb_leads import lone_spikes
from ecgapp.digitize.stroke_reader import read_stroke, stroke_of_lead
from ecgapp.digitize.strokes import flat_height_px, stroke_edges
from ecgapp.ecg import LEADS, LIMB_WEIGHTS, PX_PER_MV, PX_PER_S, SAMPLING_RATE_HZ, SHEET_S, Signals
from ecgapp.sheet.detect.curves import MAX_SPIKE_PX, WHITE_PX, most_broken_px, stretches
from ecgapp.sheet.locate import LocatedSheet

# Pixels of the canonical scale, grey from 0 to 255 and seconds, set by hand while drawn recordings
# with known signals were traced (`ecgapp bench trace`; docs/reading.md has the figures).

# By how much smoothing widens the flanks of steep strokes.
SMOOTHED_PX = 0.5

# Stretch of columns around a spike that tells which way it points.
SURROUNDINGS_PX = 31

# Where the two readings of a stroke differ by less, it hides no spike and their mean is truer.
SPIKE_PX = 3

# Halfway between ink and paper, how near ink touches a curve, and how wide what is not known of a
# curve is at least, pixels.
_HALF, _TOUCH_PX, _LEAST_GAP_PX = 128, 5, 3

# What is this far above or below the curve beside it, with white between, and no wider than a
# spike is other ink: of 43 such pieces on generated machines 26 were.
_JUMP_PX = 16
# Columns at a lead's ends (40 ms) in which a stroke that is so many times as high as most is not
# its own; chosen on three scanned records.
_END_PX, _STEEP_STROKES = 8, 3

# Probability of a stroke's edges where others cross it, below which they are not known. QRS
# complexes cross: at 0.5 they were lost of one lead in seven on generated machines, and what is
# read at 0.3 to 0.5 is no worse than most (docs/reading.md).
_LEAST_SURENESS = 0.3

# Probability from which on a stroke is surely told from others, and how near to one that is not a
# beat that is unlike the others is in doubt, pixels: 30 ms to either side.
_TOLD_SURELY, _NEAR_OTHER_INK_PX = 0.95, 13

# Longest stretch without ink that is bridged by a straight line.
MAX_BRIDGE_S = 0.04

# A lead is shown for 2.5 s at least; what is known of it should be most of that.
LEAST_KNOWN_S = 2.0

# Correlation of the strip with a lead, over the seconds that both show, that makes it that lead.
STRIP_CORRELATION = 0.95


def digitize(sheet: LocatedSheet, leads: Mapping[str, NamedLead]) -> Signals:
    """Put every lead's signal where the sheet shows it.

    Parameters
    ----------
    sheet : LocatedSheet
        Where the leads lie.
    leads : mapping of str to NamedLead
        The leads cut from it.

    Returns
    -------
    Signals
        Ten seconds at 500 Hz, NaN where the sheet does not show a lead, where a name was taken
        off a curve, and where other ink crosses it and nobody can tell which is its own. A lead
        that a rhythm strip repeats is filled over all ten seconds.
    """
    return digitize_twice(sheet, leads)[0]


def digitize_twice(sheet: LocatedSheet, leads: Mapping[str, NamedLead]) -> tuple[Signals, Signals]:
    """Put every lead's signal where the sheet shows it, as far as it is known and at its likeliest.

    Parameters
    ----------
    sheet : LocatedSheet
        Where the leads lie.
    leads : mapping of str to NamedLead
        The leads cut from it.

    Returns
    -------
    known : Signals
        As :func:`digitize` gives them.
    likeliest : Signals
        Where a curve is not known, its likeliest course.
    """
    shown = {name: lead for name, lead in leads.items() if name in (*LEADS, *sheet.strip_names)}
    both = {name: _on_time_axis(sheet, lead) for name, lead in shown.items()}
    own = {name: curves[0] for name, curves in both.items()}
    if not sheet.aligned:
        known = _with_strips(sheet, own)
        return known, known
    alike = _without_unlike_beats(sheet, shown, _without_lone_spikes(sheet, own))
    known = _with_strips(sheet, alike)
    return known, _with_strips(sheet, {name: curves[1] for name, curves in both.items()})


def _without_lone_spikes(
    sheet: LocatedSheet, curves: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Leave out what the limb leads of a column show to be no part of another, or of a strip."""
    kept = {name: curve.copy() for name, curve in curves.items()}
    strips = {
        name: printed
        for name, printed in zip(sheet.strip_names, sheet.rhythm_strips, strict=True)
        if name in curves and printed in LIMB_WEIGHTS
    }
    for names in sheet.leads_together(curves):
        limb = [name for name in names if name in LIMB_WEIGHTS]
        if len(limb) < 2:
            continue
        shown = sheet.samples_of(limb[0], SAMPLING_RATE_HZ)
        own = {name: curves[name][shown] for name in limb}
        if len(own) > 2:
            for name, lone in lone_spikes(own, SAMPLING_RATE_HZ).items():
                kept[name][shown][lone] = np.nan
        for strip, printed in strips.items():
            others = {name: curve for name, curve in own.items() if name != printed}
            if len(others) > 1:
                with_strip = others | {printed: curves[strip][shown]}
                lone = lone_spikes(with_strip, SAMPLING_RATE_HZ)[printed]
                kept[strip][shown][lone] = np.nan
    return kept


def _without_unlike_beats(
    sheet: LocatedSheet,
    leads: Mapping[str, NamedLead],
    curves: Mapping[str, NDArray[np.float32]],
) -> dict[str, NDArray[np.float32]]:
    """Leave out where other ink is near a lead's beat that alone is unlike its others."""
    kept = {name: curve.copy() for name, curve in curves.items()}
    for names in sheet.leads_together([name for name in LEADS if name in curves]):
        shown = sheet.samples_of(names[0], SAMPLING_RATE_HZ)
        own = {name: curves[name][shown] for name in names}
        for name, unlike in unlike_beats(own, SAMPLING_RATE_HZ).items():
            told = _without(curves[name], column_seconds(sheet, name), _doubtful(leads[name]))[
                shown
            ]
            kept[name][shown][unlike & ~np.isfinite(told)] = np.nan
    return kept


def _with_strips(sheet: LocatedSheet, curves: Mapping[str, NDArray[np.float32]]) -> Signals:
    """Give the signals of all leads: their own curves, filled by the strips that repeat them."""
    not_shown = np.full(round(SHEET_S * SAMPLING_RATE_HZ), np.nan, np.float32)
    signals = {name: curves.get(name, not_shown) for name in LEADS}
    for name, printed in zip(sheet.strip_names, sheet.rhythm_strips, strict=True):
        if name not in curves:
            continue
        strip = curves[name]
        repeated = printed or _repeated_lead(strip, signals)
        if repeated is not None:
            shown = signals[repeated]
            off_mv = _offset_mv(strip, shown) if sheet.aligned else np.float32(0)
            signals[repeated] = np.where(np.isfinite(shown), shown, strip - off_mv)
    return Signals(SAMPLING_RATE_HZ, signals)


def _offset_mv(strip: NDArray[np.float32], shown: NDArray[np.float32]) -> np.float32:
    """How far a strip lies above the lead that it repeats: each row's 0 mV was found on its own."""
    both = np.isfinite(strip) & np.isfinite(shown)
    if both.sum() < SAMPLING_RATE_HZ:
        return np.float32(0)
    return np.float32(np.median(strip[both] - shown[both]))


def likeliest_signals(
    sheet: LocatedSheet,
    leads: Mapping[str, NamedLead],
    signals: Signals,
    likeliest: Signals | None = None,
) -> Signals:
    """Take the curves' likeliest course for networks to read, known or not.

    A network reads better over a stretch that may be wrong than over a hole in a QRS complex: on
    40 drawn sheets of PTB-XL's fold 9 the superclasses' probabilities differ by 0.018 on average
    from those that the records' own signals have, and by 0.038 with holes. Columns that show the
    same seconds are given one after the other, as the networks know columns.

    Parameters
    ----------
    sheet : LocatedSheet
    leads : mapping of str to NamedLead
        Cut from it.
    signals : Signals
        Where they are known. A lead that is known nowhere stays so.
    likeliest : Signals, optional
        What :func:`digitize_twice` gave for these very leads, which are else traced again.

    Returns
    -------
    Signals
    """
    if not sheet.aligned:
        return signals
    whole = likeliest or digitize_twice(sheet, leads)[1]
    return Signals(
        signals.sampling_rate_hz,
        {
            name: _later(
                whole.leads[name], round(sheet.later_in_turn_s(name) * signals.sampling_rate_hz)
            )
            if np.isfinite(known).any()
            else known
            for name, known in signals.leads.items()
        },
    )


def _later(lead: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    """Move a lead to later seconds of the sheet."""
    before = np.full(n_samples, np.nan, np.float32)
    return np.concatenate([before, lead])[: len(lead)]


def poorly_traced(signals: Signals) -> list[str]:
    """Name the leads of which less is known than the shortest window that a sheet shows.

    Parameters
    ----------
    signals : Signals

    Returns
    -------
    list of str
        Leads known for less than `LEAST_KNOWN_S`.
    """
    least = LEAST_KNOWN_S * signals.sampling_rate_hz
    return [name for name in LEADS if np.isfinite(signals.leads[name]).sum() < least]


def trace(lead: NamedLead) -> NDArray[np.float32]:
    """Trace a lead's curve, one value a pixel column.

    A stroke some pixels wide shows in every column whatever the curve does within half its width
    left and right: the ink's upper edge is a running maximum of the voltage, its lower edge a
    running minimum. Taking each back (morphological opening and closing) gives two readings that
    agree wherever nothing is narrower than the stroke. Where the pen is known to be round, a
    network says where between the two the curve ran.

    Parameters
    ----------
    lead : NamedLead
        A lead at canonical scale, its baseline at mid-height.

    Returns
    -------
    ndarray, shape (width,), float32
        Millivolts; NaN where the column has no ink, or no other column has any.
    """
    traced = np.full(lead.curve.shape[1], np.nan, np.float32)
    if lead.pen_half_width_px is None:
        columns, heights_px = _read_flat_pen(lead)
        traced[columns] = heights_px / (PX_PER_MV / lead.height_times)
    elif (stroke := stroke_of_lead(lead)) is not None:
        traced[stroke.columns] = read_stroke(stroke) / (PX_PER_MV / lead.height_times)
    return traced


def _read_flat_pen(lead: NamedLead) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Take edges back by a pen with a flat tip, as the known machine's networks learnt to see them.

    Of a narrow peak the upper edge tells, of a narrow trough the lower one: the reading further
    from its surroundings is taken. Where both are close together neither is better, and their mean
    is. First are the columns that hold ink, second the heights of the curve there, pixels.
    """
    columns, upper, lower = stroke_edges(lead.curve)
    if not len(columns):
        return columns, upper
    height_px = min(flat_height_px(upper - lower), lead.pen_px)
    width_px = height_px / lead.pen_aspect
    peaks = -_raised(height_px / 2 - upper, width_px)
    troughs = _raised(lower + height_px / 2, width_px)
    middle = (peaks + troughs) / 2
    around = cv2.blur(middle[None], (SURROUNDINGS_PX, 1))[0]
    spikes = np.where(np.abs(peaks - around) > np.abs(troughs - around), peaks, troughs)
    return columns, np.where(peaks - troughs > SPIKE_PX, spikes, middle)


def _raised(edge: NDArray[np.float32], stroke_px: float) -> NDArray[np.float32]:
    """Take an edge to the highest within half a pen's width, which need not be whole pixels."""
    half_width = max(0.0, (stroke_px + SMOOTHED_PX - 1) / 2)
    whole = int(half_width)
    narrow, wide = (
        cv2.dilate(edge[None], np.ones((1, 2 * n + 1), np.uint8))[0] for n in (whole, whole + 1)
    )
    return np.asarray(narrow + (half_width - whole) * (wide - narrow))


def curve_px(sheet: LocatedSheet, lead: NamedLead) -> NDArray[np.float64]:
    """Place a lead's traced curve on its sheet.

    Parameters
    ----------
    sheet : LocatedSheet
        The sheet.
    lead : NamedLead
        The lead cut from it.

    Returns
    -------
    ndarray, shape (width, 2), float64
        x and y in pixels of the sheet's `gray`; y is NaN where the column has no ink.
    """
    box = sheet.boxes[lead.name]
    up_mv = trace(lead) / lead.height_times
    if lead.name in sheet.layout.inverted:
        up_mv = -up_mv
    y_px = round(sheet.baselines_px[lead.name]) - up_mv.astype(np.float64) * PX_PER_MV
    return np.column_stack([np.arange(box.left, box.right), y_px])


def on_time_axis(sheet: LocatedSheet, lead: NamedLead) -> NDArray[np.float32]:
    """Trace a lead and resample it to the sheet's time axis.

    Parameters
    ----------
    sheet : LocatedSheet
        The sheet.
    lead : NamedLead
        A lead, or a strip, cut from it.

    Returns
    -------
    ndarray of float32, shape (5000,)
        mV; NaN where the sheet does not show it, and where it is not known.
    """
    return _on_time_axis(sheet, lead)[0]


def _on_time_axis(
    sheet: LocatedSheet, lead: NamedLead
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Trace a lead as :func:`on_time_axis`; second is its likeliest course, known or not."""
    # The image's mid-height is the baseline rounded to a whole row, up or down.
    baseline_px = sheet.baselines_px[lead.name]
    rounded_off_px = baseline_px - round(baseline_px)
    rounded_off_mv = np.float32(rounded_off_px * lead.height_times / PX_PER_MV)
    seconds = column_seconds(sheet, lead.name)
    samples = _resample(trace(lead) + rounded_off_mv, seconds)
    missing = _unconnected(lead) if sheet.aligned else np.zeros(len(seconds), np.bool_)
    unknown = missing | _torn(sheet, lead) | _unsure(lead)
    return _without(samples, seconds, unknown), _without(samples, seconds, missing)


def _without(
    samples: NDArray[np.float32], seconds: NDArray[np.float64], columns: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Leave out, of samples on the sheet's time axis, those of some of a lead's columns."""
    if not columns.any():
        return samples
    wanted = np.arange(len(samples)) / SAMPLING_RATE_HZ
    out = np.interp(wanted, seconds, columns.astype(np.float64), left=0, right=0) > 0
    return np.where(out, np.float32(np.nan), samples)


def _torn(sheet: LocatedSheet, lead: NamedLead) -> NDArray[np.bool_]:
    """Columns in which ink was taken off the curve, with a name or a mark that touched it.

    What is left there may be half a QRS complex, so it is not known.
    """
    curve = lead.curve[::-1] if lead.name in sheet.layout.inverted else lead.curve
    if sheet.removed is None:
        return np.zeros(curve.shape[1], np.bool_)
    box, top = sheet.boxes[lead.name], round(sheet.baselines_px[lead.name]) - len(curve) // 2
    first, last = max(0, top), min(len(sheet.removed), top + len(curve))
    gone = np.zeros(curve.shape, np.uint8)
    gone[first - top : last - top] = sheet.removed[first:last, box.left : box.right] > _HALF
    near = cv2.dilate((curve < _HALF).astype(np.uint8), np.ones((_TOUCH_PX, 3), np.uint8))
    torn = cv2.min(gone, np.asarray(near, np.uint8)).max(axis=0, keepdims=True)
    beside = cv2.dilate(torn, np.ones((1, _LEAST_GAP_PX), np.uint8))
    return np.asarray(beside, np.uint8).ravel() > 0


def _unsure(lead: NamedLead) -> NDArray[np.bool_]:
    """Columns in which nobody can tell whose of the crossing strokes is the lead's own."""
    if lead.sureness is None:
        return np.zeros(lead.curve.shape[1], np.bool_)
    return np.asarray(lead.sureness < _LEAST_SURENESS)


def _doubtful(lead: NamedLead) -> NDArray[np.bool_]:
    """Columns near which other ink touches a lead, and it is not surely told from it."""
    if lead.sureness is None:
        return np.zeros(lead.curve.shape[1], np.bool_)
    doubted = (lead.sureness < _TOLD_SURELY).astype(np.uint8)[None]
    return np.asarray(cv2.dilate(doubted, np.ones((1, _NEAR_OTHER_INK_PX)))[0] > 0)


def _unconnected(lead: NamedLead) -> NDArray[np.bool_]:
    """Columns in which the ink is not one stroke with what is beside it, or is missing.

    Print above or below a curve leaves white between the curve and itself in more columns than a
    broken flank does; what was taken instead of the curve hangs together with it at neither end.
    A column without ink is most often a peak that was too pale.
    """
    ink = lead.curve < PAPER
    shown = np.flatnonzero(ink.any(axis=0))
    unconnected = np.zeros(ink.shape[1], np.uint8)
    if not len(shown):
        return unconnected > 0
    first, last = ink.argmax(axis=0)[shown], len(ink) - 1 - ink[::-1].argmax(axis=0)[shown]
    height = last - first + 1
    broken = height - ink.sum(axis=0)[shown] >= WHITE_PX
    for start, stop in stretches(broken):
        if stop - start > most_broken_px(height):
            unconnected[shown[start] : shown[stop - 1] + 1] = 1
    jumps = np.flatnonzero(np.maximum(first[1:] - last[:-1], first[:-1] - last[1:]) > _JUMP_PX) + 1
    for start, stop in pairwise(jumps.tolist()):
        if stop - start <= MAX_SPIKE_PX:
            unconnected[shown[start] : shown[stop - 1] + 1] = 1
    # A pulse's flank or a divider stands where a lead begins and ends.
    steep = height > _STEEP_STROKES * np.median(height)
    for end in (shown < _END_PX, shown >= len(unconnected) - _END_PX):
        if steep[end].any():
            unconnected[shown[end]] = 1
    inside = np.arange(shown[0], shown[-1] + 1)
    unconnected[np.setdiff1d(inside, shown)] = 1
    beside = cv2.dilate(unconnected[None], np.ones((1, _LEAST_GAP_PX), np.uint8))
    return np.asarray(beside).ravel() > 0


def column_seconds(sheet: LocatedSheet, name: str) -> NDArray[np.float64]:
    """Tell which time each pixel column of a lead's box shows.

    Parameters
    ----------
    sheet : LocatedSheet
    name : str
        Of a lead, or a strip, that it shows.

    Returns
    -------
    ndarray, shape (width of the box,), float64
        Seconds on the sheet's time axis.
    """
    box = sheet.boxes[name]
    return np.asarray((np.arange(box.left, box.right) - sheet.start_of(name)) / PX_PER_S)


def _resample(traced: NDArray[np.float32], seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Resample a lead's pixel columns to the sheet's 5,000 samples; only small gaps are bridged."""
    samples = np.full(round(SHEET_S * SAMPLING_RATE_HZ), np.nan, np.float32)
    known = seconds[np.isfinite(traced)]
    if not len(known):
        return samples
    wanted = np.arange(len(samples)) / SAMPLING_RATE_HZ
    after = np.clip(np.searchsorted(known, wanted), 0, len(known) - 1)
    before = np.clip(np.searchsorted(known, wanted, side="right") - 1, 0, len(known) - 1)
    inside = (wanted >= known[0]) & (wanted <= known[-1])
    inside &= known[after] - known[before] <= MAX_BRIDGE_S
    samples[inside] = np.interp(wanted[inside], known, traced[np.isfinite(traced)])
    return samples


def _repeated_lead(
    strip: NDArray[np.float32], signals: dict[str, NDArray[np.float32]]
) -> str | None:
    """Name the lead that the strip repeats, from the seconds that both show; None if unsure."""
    correlations = {name: _correlation(strip, signals[name]) for name in LEADS}
    likeliest = max(correlations, key=correlations.__getitem__)
    return likeliest if correlations[likeliest] >= STRIP_CORRELATION else None


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < SAMPLING_RATE_HZ or one[both].std() == 0 or other[both].std() == 0:
        return 0.0
    return float(np.corrcoef(one[both], other[both])[0, 1])
