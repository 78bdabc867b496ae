"""How far a reading can be relied on, lead by lead and as a sheet, from what the page itself shows.

Nothing here knows the truth. Each check is a number that is high where a reading is right, with
the value at which drawn machines (`ecgapp.benchmark.machines`) are half as often wrong as right;
the weakest check is the quality, and says what did not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgapp.digitize.leads import NamedLead
from ecgapp.digitize.limb_leads import (
    LEAST_FORETOLD,
    LEAST_S,
    SMOOTHING_S,
    PixelSize,
    foretold_parts,
    without_gaps,
)
from ecgapp.digitize.trace import on_time_axis
from ecgapp.ecg import (
    LEADS,
    LIMB_WEIGHTS,
    MM_PER_MV,
    PX_PER_MM,
    PX_PER_MV,
    PX_PER_S,
    SHEET_S,
    Signals,
)
from ecgapp.errors import Refusal
from ecgapp.sheet.located import LayoutSupport, LocatedSheet

# Below this the sheet is refused, and a lead is left out.
LEAST_QUALITY = 0.5
# Fewer whole leads make no sheet.
LEAST_LEADS = 3
# Below this quality of a check that speaks of the layout, a person is asked for it: half way
# between the limit and where nothing is left to wish.
DOUBTFUL_LAYOUT = 0.75
_OF_LAYOUT = ("fits", "names", "strips", "layout")

# What each check finds at the limit, and where nothing is left to wish. Chosen on machines drawn
# with `random_machine(seed)`, so that at most one in a hundred that is read is wrong;
# docs/reading.md has the figures, on machines that were not used for it.
_SHEET_LIMITS = {
    "slant": (1 / 1.02, 1.0),
    "columns": (0.5, 1.0),
    "fits": (0.6, 0.9),
    "names": (-2.5, 0.0),
    "strips": (0.6, 0.9),
    "ink": (0.865, 0.98),
    "told": (0.98, 0.998),
    "resolution": (18.0, 30.0),
    "layout": (0.56, 0.95),
}
_LEAD_LIMITS = {
    "known": (0.6, 0.9),
    "beats known": (0.3, 0.7),
    "alone": (0.75, 0.95),
    "apart": (0.28, 0.7),
    "beats": (0.3, 0.6),
    "fit": (LEAST_FORETOLD, 0.99),
    "strip": (0.6, 0.9),
}
# Probability of a stroke's edges from which on it counts as told from other ink.
_SURE_OF_STROKE = 0.5
# Quality of a gain that no pulse tells: such sheets are read, and said to be so; and of one that
# the sheet prints.
_ASSUMED_GAIN, _PRINTED_GAIN = 0.6, 0.8

# How far pulses may be from their height where a sheet without a grid is taken for ten seconds: on
# strangers' sheets that show ten they are 1.0 times as high, on those that show seven 0.8 or 1.2.
_MOST_STRETCH = 0.1

# Seconds that sheets usually show in all, at which their own width confirms their scale; of others,
# how wide pulses are that confirm it, mm (0.2 s are 5 or 10), how sure a grid without is. Set by
# hand.
_USUAL_SECONDS, _PULSE_MM, _SURE_GRID = (SHEET_S / 2, SHEET_S, 2 * SHEET_S), (3.3, 11.0), 0.95
# Ten seconds seem these parts of ten where a grid's five lines are counted as four or six, or every
# other one is; a sheet within this share of one of them may show ten. Of others a grid so sure is
# enough where speed and gain are printed. Set by hand.
_SEEMING_PARTS, _SEEMING_WITHIN, _LIKELY_GRID = (0.5, 0.8, 5 / 6, 1.2, 1.25), 0.03, 0.55

# All checks' qualities are multiplied: below the first, too many are weak at once, which are those
# below the second, so many at least. Chosen on 422 sheets of seven strangers' renderers that no
# single check refuses: a wrong one has 0.15, all right ones more than 0.33.
_LEAST_TOGETHER, _WEAK, _MANY_WEAK = 0.25, 0.9, 3

# What follows was set by hand on the same machines, and measured only together with the limits.
# Signals are compared smoothed and without baselines, seconds.
_BASELINE_S = 0.6
# How far a steep part counts as near, and how far rows may be out of step on paper that is bent;
# shifts are tried so many samples apart.
_BEAT_SPREAD_S, _SHIFT_S = 0.016, 0.06
_SHIFT_STEP = 5
# A beat is where the steepest lead is half as steep as at its steepest hundredth, and beside it.
_BEAT_STEEPNESS, _STEEPEST, _QRS_S = 0.5, 0.99, 0.06
# A curve within so many millivolts, but for this part at either end, is the straight line of a
# lead that was not connected: the flattest of 5,000 that show a heart spans 0.06 mV.
_STRAIGHT_MV, _STRAY_PERCENT = 0.03, 0.5
# Two leads whose curves lie this close on the page are one curve, read twice.
_SAME_CURVE_PX = 1.0
# Ink within this distance of a traced curve belongs to it.
_OWN_INK_MM = 0.8
_INK_BELOW = 128
_ROOM_MM = 10.0
# Ink no higher and no wider is a letter; above the first and below the last row, from so far on,
# letters are a header's or a footer's.
_LETTER_MM, _BESIDE_ROWS_MM = (4.0, 8.0), 3.0
# A line between columns lies this near to where one begins, and runs through this part of the page.
_DIVIDER_MM, _DIVIDER_ROWS = 1.0, 0.85


@dataclass(frozen=True)
class Check:
    """One piece of support.

    Attributes
    ----------
    kind : str
        What was looked at.
    what : str
        What was found, for people.
    value : float
        What was found; higher is better.
    quality : float
        From 0 to 1; `LEAST_QUALITY` at the limit.
    """

    kind: str
    what: str
    value: float
    quality: float


@dataclass(frozen=True)
class ReadingQuality:
    """How far a reading can be relied on.

    Attributes
    ----------
    sheet : float
        From 0 to 1.
    leads : dict of str to float
        The same of each lead that the sheet shows.
    checks : tuple of Check
        What the sheet's quality comes from, the weakest first.
    lead_checks : dict of str to Check
        The weakest check of each lead.
    """

    sheet: float
    leads: dict[str, float]
    checks: tuple[Check, ...]
    lead_checks: dict[str, Check]


def reading_quality(
    sheet: LocatedSheet, leads: Mapping[str, NamedLead], signals: Signals
) -> ReadingQuality:
    """Weigh the evidence for and against a reading.

    Parameters
    ----------
    sheet : LocatedSheet
        Where the leads were found.
    leads : mapping of str to NamedLead
        Cut from it.
    signals : Signals
        Traced from them.

    Returns
    -------
    ReadingQuality
        Of the known machine's pages only what is known of each lead is weighed: their print tells
        everything else.
    """
    own = _own_seconds(sheet, signals)
    known = {name: float(np.isfinite(signals.leads[name][own[name]]).mean()) for name in own}
    by_lead = {name: [_lead_check("known", known[name], name)] for name in own}
    checks: list[Check] = []
    if sheet.support is not None:
        strips = _strip_agreement(sheet, leads, signals, own)
        rate = signals.sampling_rate_hz
        details = {name: _detail(signals.leads[name][own[name]], rate) for name in own}
        steep = {name: np.abs(np.gradient(detail)) for name, detail in details.items()}
        fit = _limb_fit(sheet, signals, own)
        foretold = {name for name, part in fit.items() if part >= LEAST_FORETOLD}
        # Of a lead with next to no beats their places tell nothing.
        told_otherwise = foretold | {n for n, detail in details.items() if _is_straight(detail)}
        apart = _apart(sheet, leads, details)
        beats = _beats(sheet, own, steep, rate)
        for kind, found in (
            ("beats known", _beats_known(sheet, signals, own, steep)),
            ("alone", _alone(sheet, signals, own)),
            ("apart", {name: part for name, part in apart.items() if name not in foretold}),
            ("beats", {name: part for name, part in beats.items() if name not in told_otherwise}),
            ("fit", fit),
            ("strip", strips),
        ):
            for name, value in found.items():
                by_lead[name].append(_lead_check(kind, value, name))
        all_foretold = bool(foretold) and foretold == {n for n in own if n in LIMB_WEIGHTS}
        checks = _with_all_together(
            _sheet_checks(sheet, sheet.support, leads, strips, all_foretold)
        )
    weakest = {
        name: min(of_lead, key=lambda check: check.quality) for name, of_lead in by_lead.items()
    }
    of_sheet = min((check.quality for check in checks), default=1.0)
    return ReadingQuality(
        of_sheet,
        {name: check.quality for name, check in weakest.items()},
        tuple(sorted(checks, key=lambda check: check.quality)),
        weakest,
    )


def _with_all_together(checks: Sequence[Check]) -> list[Check]:
    """Add one more check where many are weak, each of which alone would pass."""
    together = float(np.prod([check.quality for check in checks]))
    weakest = min(checks, key=lambda check: check.quality)
    n_weak = sum(check.quality < _WEAK for check in checks)
    if together >= _LEAST_TOGETHER or weakest.quality < LEAST_QUALITY or n_weak < _MANY_WEAK:
        return list(checks)
    what = f"{n_weak} checks are weak at once, the weakest: {weakest.what}"
    return [*checks, Check("together", what, together, LEAST_QUALITY * together / _LEAST_TOGETHER)]


def layout_is_doubtful(quality: ReadingQuality) -> bool:
    """Tell whether a person should be asked how the sheet is printed.

    Parameters
    ----------
    quality : ReadingQuality

    Returns
    -------
    bool
    """
    return any(
        check.quality < DOUBTFUL_LAYOUT for check in quality.checks if check.kind in _OF_LAYOUT
    )


def require_reliable(quality: ReadingQuality) -> None:
    """Refuse a sheet that was probably read wrongly.

    Parameters
    ----------
    quality : ReadingQuality

    Raises
    ------
    Refusal
        ``unreliable_reading``, with what did not fit.
    """
    poor = [check.what for check in quality.checks if check.quality < LEAST_QUALITY]
    reliable = [name for name, value in quality.leads.items() if value >= LEAST_QUALITY]
    if not poor and len(reliable) < LEAST_LEADS:
        poor = [check.what for check in quality.lead_checks.values()][:LEAST_LEADS]
    if poor:
        raise Refusal(
            "unreliable_reading",
            "Checking the reading",
            f"Checking the reading: {' and '.join(poor)}. What was read is probably wrong, so it "
            "is not shown. Scan the whole sheet, flat and sharp, at 200 dpi, or pick its layout "
            "by hand.",
        )


def keep_reliable(
    sheet: LocatedSheet,
    leads: dict[str, NamedLead],
    signals: Signals,
    quality: ReadingQuality,
) -> tuple[LocatedSheet, dict[str, NamedLead], Signals]:
    """Refuse a sheet, or leave out leads, that were probably read wrongly.

    Parameters
    ----------
    sheet : LocatedSheet
    leads : dict of str to NamedLead
    signals : Signals
    quality : ReadingQuality
        Of these.

    Returns
    -------
    sheet : LocatedSheet
        With the leads that were left out among the missing ones.
    leads : dict of str to NamedLead
    signals : Signals

    Raises
    ------
    Refusal
        As `require_reliable` does. Pages of the known machine stay as they are: their print tells
        what they are.
    """
    if sheet.support is None:
        return sheet, leads, signals
    require_reliable(quality)
    poor = {name for name, value in quality.leads.items() if value < LEAST_QUALITY}
    if not poor:
        return sheet, leads, signals
    missing = tuple(name for name in LEADS if name in poor or name in sheet.missing)
    boxes = {name: box for name, box in sheet.boxes.items() if name not in poor}
    lines = {name: line for name, line in sheet.baselines_px.items() if name not in poor}
    kept = {
        name: np.full_like(curve, np.nan) if name in poor else curve
        for name, curve in signals.leads.items()
    }
    return (
        replace(sheet, boxes=boxes, baselines_px=lines, missing=missing),
        {name: lead for name, lead in leads.items() if name not in poor},
        Signals(signals.sampling_rate_hz, kept),
    )


def _sheet_checks(
    sheet: LocatedSheet,
    support: LayoutSupport,
    leads: Mapping[str, NamedLead],
    strips: Mapping[str, float],
    all_foretold: bool,
) -> list[Check]:
    """Everything that the page says about the sheet as a whole."""
    lowest_gain = min(sheet.gain_mm_per_mv, sheet.chest_gain_mm_per_mv or np.inf)
    px_per_mv = sheet.px_per_mm * lowest_gain
    explained = _explained(sheet, leads)
    checks = [
        _sheet_check("resolution", px_per_mv, f"1 mV is {px_per_mv:.0f} pixels high"),
        _sheet_check("ink", explained, f"{explained:.0%} of the ink belongs to a traced curve"),
        _sheet_check(
            "layout", support.layout, f"the layout is {support.layout:.0%} sure, against others"
        ),
        _sheet_check(
            "names", -support.n_misnamed, f"{support.n_misnamed} leads bear another lead's name"
        ),
        _sheet_check(
            "columns",
            float(not support.split),
            "calibration pulses stand between the columns"
            if support.split
            else "the columns follow each other without a gap",
        ),
    ]
    # Traced leads may fit with a scale for each, which rows were not held against.
    if np.isfinite(support.fits) and not all_foretold:
        fits = f"the limb leads fit together to {support.fits:.0%}"
        checks.append(_sheet_check("fits", support.fits, fits))
    if not support.grid:
        slant = f"no grid was found, and one corner appears {support.slant:.2f} times as large"
        checks.append(_sheet_check("slant", 1 / support.slant, slant))
    # What one lead lacks is not known of it; a page of which much is in doubt is read wrongly.
    told = float(np.mean([_told_part(lead) for lead in leads.values()]))
    own_ink = f"{told:.0%} of the leads could be told from other ink"
    checks.append(_sheet_check("told", told, own_ink))
    if strips:
        least = min(strips.values())
        checks.append(_sheet_check("strips", least, f"a rhythm strip is {least:.0%} like its lead"))
    if not support.grid and abs(support.pulse_stretch - 1) > _MOST_STRETCH:
        stretched = f"for ten seconds its pulses are {support.pulse_stretch:.2f} times the height"
        checks.append(Check("scale", stretched, 0.0, 0.0))
    if not support.n_pulses and not support.grid:
        unscaled = "neither a grid nor a calibration pulse tells how high a millivolt is"
        checks.append(Check("scale", unscaled, 0.0, 0.0))
    elif support.printed_gain_mm_per_mv is not None:
        gains = (sheet.gain_mm_per_mv, sheet.chest_gain_mm_per_mv)
        printed = f"the sheet prints a gain of {support.printed_gain_mm_per_mv:g} mm/mV"
        if support.printed_gain_mm_per_mv not in gains:
            printed += f", but its calibration pulses are {sheet.gain_mm_per_mv:g} mm high"
            checks.append(Check("pulses", printed, 0.0, 0.0))
        elif not support.n_pulses:
            checks.append(Check("pulses", f"{printed}, without a pulse", 0.0, _PRINTED_GAIN))
    elif not support.n_pulses:
        assumed = f"the gain is assumed to be {sheet.gain_mm_per_mv:g} mm/mV, without a pulse"
        checks.append(Check("pulses", assumed, 0.0, _ASSUMED_GAIN))
    if sheet.seconds not in _USUAL_SECONDS and not _scale_is_confirmed(sheet, support):
        shown = f"by its grid the sheet shows {sheet.seconds:.1f} seconds, which no calibration "
        shown += "pulse of the usual size confirms"
        checks.append(Check("seconds", shown, 0.0, 0.0))
    if support.printed_speed_mm_per_s not in (None, sheet.speed_mm_per_s):
        other = f"the sheet prints a speed of {support.printed_speed_mm_per_s:g} mm/s"
        other += (
            f", but its curves are as wide as at {sheet.speed_mm_per_s:g} mm/s"
            if support.grid
            else ", and no grid tells how many seconds it shows"
        )
        checks.append(Check("speed", other, 0.0, 0.0))
    return checks


def _scale_is_confirmed(sheet: LocatedSheet, support: LayoutSupport) -> bool:
    """Whether calibration pulses are as wide, or high, as usual or as the sheet says.

    Without pulses the grid alone tells, where it is sure. A less sure one is enough where speed
    and gain are printed, unless ten seconds would seem so many if its lines were counted wrongly.
    """
    if support.pulse_width_mm is None:
        off = np.abs(sheet.seconds / (SHEET_S * np.array(_SEEMING_PARTS)) - 1)
        printed = (support.printed_gain_mm_per_mv, support.printed_speed_mm_per_s)
        told = None not in printed and off.min() > _SEEMING_WITHIN
        return bool(support.grid >= (_LIKELY_GRID if told else _SURE_GRID))
    if support.printed_gain_mm_per_mv == sheet.gain_mm_per_mv:
        return True
    narrowest, widest = _PULSE_MM
    return sheet.gain_mm_per_mv == MM_PER_MV or narrowest <= support.pulse_width_mm <= widest


def _told_part(lead: NamedLead) -> float:
    """Part of the columns in which no other ink touches, or the curve reader is sure of its own."""
    return 1.0 if lead.sureness is None else float((lead.sureness >= _SURE_OF_STROKE).mean())


def _sheet_check(kind: str, value: float, what: str) -> Check:
    return Check(kind, what, value, _quality(value, *_SHEET_LIMITS[kind]))


def _lead_check(kind: str, value: float, lead: str) -> Check:
    what = {
        "known": f"{value:.0%} of {lead} could be followed",
        "beats known": f"{value:.0%} of the QRS complexes of {lead} could be followed",
        "alone": f"{value:.0%} of {lead} lies on no other lead's curve",
        "apart": f"{value:.0%} of the waves of {lead} are apart from other leads' curves",
        "beats": f"the beats of {lead} stand where its neighbours' do to {value:.0%}",
        "fit": f"{max(0.0, value):.0%} of {lead} follows from the other limb leads",
        "strip": f"{lead} is {value:.0%} like the strip that repeats it",
    }
    return Check(kind, what[kind], value, _quality(value, *_LEAD_LIMITS[kind]))


def _quality(value: float, limit: float, good: float) -> float:
    """Put a value on a scale: 0.5 at its limit, 1 where it is good."""
    return float(np.clip(0.5 + 0.5 * (value - limit) / (good - limit), 0, 1))


def _own_seconds(sheet: LocatedSheet, signals: Signals) -> dict[str, slice]:
    """Tell over which samples the sheet prints each lead itself, not only in a strip."""
    rate = signals.sampling_rate_hz
    found = {}
    for names in sheet.layout.columns:
        for name in names:
            if name in sheet.placed_by_hand:
                box = sheet.boxes[name]
                ends_s = np.array([box.left, box.right]) - sheet.start_of(name)
                first, last = np.clip(np.round(ends_s / PX_PER_S * rate), 0, signals.n_samples)
                found[name] = slice(int(first), int(last))
            elif name in sheet.boxes:
                found[name] = sheet.samples_of(name, rate)
    return found


def _detail(curve: NDArray[np.float32], rate_hz: int) -> NDArray[np.float64]:
    """Curve without its baseline, smoothed a little; 0 where it is not known."""
    known = np.isfinite(curve)
    if not known.any():
        return np.zeros(len(curve))
    filled = without_gaps(curve)
    smooth = cv2.GaussianBlur(filled[None], (0, 0), SMOOTHING_S * rate_hz)[0]
    return np.where(known, smooth - _slow_part(filled, _BASELINE_S * rate_hz), 0)


def _slow_part(curve: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Blur a curve so widely that it pays to do it by its spectrum; its ends are mirrored."""
    reach = round(4 * sigma)
    mirrored = np.pad(curve, reach, mode="reflect")
    kernel = cv2.getGaussianKernel(2 * reach + 1, sigma)[:, 0]
    spectrum = np.fft.rfft(mirrored) * np.fft.rfft(kernel, len(mirrored))
    return np.fft.irfft(spectrum, len(mirrored))[2 * reach :]


def _is_straight(detail: NDArray[np.float64]) -> bool:
    """Whether a curve shows no more than a straight line does."""
    ends = np.percentile(detail, (_STRAY_PERCENT, 100 - _STRAY_PERCENT))
    return float(np.ptp(ends)) < _STRAIGHT_MV


def _alone(sheet: LocatedSheet, signals: Signals, own: Mapping[str, slice]) -> dict[str, float]:
    """Part of each lead's samples at which no other lead's curve lies on the same ink."""
    found: dict[str, float] = {}
    for names in sheet.leads_together(own):
        heights = np.stack(
            [
                sheet.baselines_px[name]
                - (-1 if name in sheet.layout.inverted else 1)
                * signals.leads[name][own[name]]
                * (PX_PER_MV / sheet.height_times(name))
                for name in names
            ]
        )
        for k, name in enumerate(names):
            apart = np.abs(np.delete(heights, k, axis=0) - heights[k])
            known = np.isfinite(heights[k])
            nearest = np.where(np.isfinite(apart), apart, np.inf).min(axis=0)
            own_ink = nearest[known] >= _SAME_CURVE_PX
            found[name] = float(own_ink.mean()) if len(own_ink) else 0.0
    return found


def _apart(
    sheet: LocatedSheet,
    leads: Mapping[str, NamedLead],
    details: Mapping[str, NDArray[np.float64]],
) -> dict[str, float]:
    """Part of each lead's energy in columns where its stroke meets no other lead's.

    Where strokes cross, nothing tells whose ink reaches up and whose reaches down.
    """
    found: dict[str, float] = {}
    for names in sheet.leads_together(details):
        extents = np.stack([_extent_px(sheet, leads[name]) for name in names])
        for k, name in enumerate(names):
            top, bottom = extents[k]
            others = np.delete(extents, k, axis=0)
            meets = ((others[:, 0] <= bottom) & (others[:, 1] >= top)).any(axis=0)
            energy = details[name] ** 2
            column = np.linspace(0, len(meets) - 1, len(energy)).round().astype(np.intp)
            found[name] = float(energy[~meets[column]].sum() / max(energy.sum(), 1e-9))
    return found


def _extent_px(sheet: LocatedSheet, lead: NamedLead) -> NDArray[np.float64]:
    """First and last row of a lead's stroke on the page, shape (2, n); NaN without ink."""
    curve = lead.curve[::-1] if lead.name in sheet.layout.inverted else lead.curve
    names = next(names for names in sheet.layout.columns if lead.name in names)
    shown = [
        sheet.boxes[name]
        for name in names
        if name in sheet.boxes and name not in sheet.placed_by_hand
    ]
    left = max(box.left for box in shown) - sheet.boxes[lead.name].left
    width = min(box.right for box in shown) - max(box.left for box in shown)
    ink = curve[:, left : left + width] < _INK_BELOW
    first = round(sheet.baselines_px[lead.name]) - len(curve) // 2
    extent = np.stack([ink.argmax(axis=0), len(ink) - 1 - ink[::-1].argmax(axis=0)]) + first
    return np.where(ink.any(axis=0), extent, np.nan)


def _beats(
    sheet: LocatedSheet,
    own: Mapping[str, slice],
    steep: Mapping[str, NDArray[np.float64]],
    rate: int,
) -> dict[str, float]:
    """How well each lead's steep parts stand where another lead of its column has its own."""
    found: dict[str, float] = {}
    for names in sheet.leads_together(own):
        of_group = np.stack([steep[name] for name in names])
        spread = cv2.GaussianBlur(of_group, (0, 1), sigmaX=_BEAT_SPREAD_S * rate, sigmaY=1e-6)
        spread = np.minimum(spread / (np.quantile(spread, 0.98, axis=1, keepdims=True) + 1e-9), 1)
        for k, name in enumerate(names):
            # One neighbour that is read rightly is enough to tell that a lead is.
            others = np.delete(spread, k, axis=0)
            found[name] = max(_likeness(spread[k], other, rate) for other in others)
    return found


def _beats_known(
    sheet: LocatedSheet,
    signals: Signals,
    own: Mapping[str, slice],
    steep: Mapping[str, NDArray[np.float64]],
) -> dict[str, float]:
    """Part of each lead that is known where the leads of its column are steepest, at their beats.

    Where strokes cross only some leads' beats are left out; what is left may look whole.
    """
    rate = signals.sampling_rate_hz
    found: dict[str, float] = {}
    for names in sheet.leads_together(own):
        together = np.max([steep[name] for name in names], axis=0)
        beats = together > _BEAT_STEEPNESS * np.quantile(together, _STEEPEST)
        beats = cv2.dilate(beats[None].astype(np.uint8), np.ones((1, round(_QRS_S * rate))))[0] > 0
        for name in names:
            found[name] = float(np.isfinite(signals.leads[name][own[name]][beats]).mean())
    return found


def _likeness(one: NDArray[np.float64], other: NDArray[np.float64], rate_hz: int) -> float:
    """Correlate two curves, as far beside each other as rows of one photograph may be."""
    if one.std() < 1e-9 or other.std() < 1e-9:
        return 0.0
    most = round(_SHIFT_S * rate_hz)
    one, other = one - one.mean(), other - other.mean()
    # Each row is the curve shifted, what leaves it at one end coming in again at the other.
    around = np.concatenate([one[-most:], one, one[:most]])
    shifted = np.lib.stride_tricks.sliding_window_view(around, len(one))[::_SHIFT_STEP]
    return float((shifted @ other).max() / np.sqrt((one @ one) * (other @ other)))


def _limb_fit(sheet: LocatedSheet, signals: Signals, own: Mapping[str, slice]) -> dict[str, float]:
    """Part of each limb lead's energy that the others of its column foretell."""
    found: dict[str, float] = {}
    pixel = PixelSize(
        1 / (sheet.px_per_mm * sheet.speed_mm_per_s), 1 / (sheet.px_per_mm * sheet.gain_mm_per_mv)
    )
    for names in sheet.leads_together(own):
        limb = {name: signals.leads[name][own[name]] for name in names if name in LIMB_WEIGHTS}
        if len(limb) >= 3:
            found |= foretold_parts(limb, signals.sampling_rate_hz, _BASELINE_S, pixel)
    return found


def _strip_agreement(
    sheet: LocatedSheet,
    leads: Mapping[str, NamedLead],
    signals: Signals,
    own: Mapping[str, slice],
) -> dict[str, float]:
    """Correlation of a lead with the strip that repeats it."""
    found = {}
    rate = signals.sampling_rate_hz
    for box, printed in zip(sheet.strip_names, sheet.rhythm_strips, strict=True):
        if printed is not None and printed in own:
            strip = on_time_axis(sheet, leads[box])[own[printed]]
            lead = signals.leads[printed][own[printed]]
            both = np.isfinite(strip) & np.isfinite(lead)
            if both.sum() > LEAST_S * rate:
                one, other = _detail(strip, rate), _detail(lead, rate)
                found[printed] = _likeness(one * both, other * both, rate)
    return found


def _explained(sheet: LocatedSheet, leads: Mapping[str, NamedLead]) -> float:
    """Part of the ink between the first and the last row that lies on a traced curve."""
    gray = sheet.gray
    own = np.zeros(gray.shape, np.uint8)
    for name, lead in leads.items():
        box, middle = sheet.boxes[name], round(sheet.baselines_px[name])
        curve = lead.curve[::-1] if name in sheet.layout.inverted else lead.curve
        top = middle - len(curve) // 2
        first, last = max(0, top), min(len(gray), top + len(curve))
        part = curve[first - top : last - top, : box.right - box.left] < _INK_BELOW
        own[first:last, box.left : box.right] |= part.astype(np.uint8)
    reach = 2 * round(_OWN_INK_MM * PX_PER_MM) + 1
    near = np.asarray(cv2.dilate(own, np.ones((reach, reach), np.uint8)), np.uint8)
    lines = list(sheet.baselines_px.values())
    room = round(_ROOM_MM * PX_PER_MM)
    rows = slice(max(0, round(min(lines)) - room), round(max(lines)) + room)
    columns = slice(
        min(box.left for box in sheet.boxes.values()),
        max(box.right for box in sheet.boxes.values()),
    )
    ink = (gray[rows, columns] < _INK_BELOW) & _of_columns(sheet, columns)
    _leave_out_dividers(ink, [box.left - columns.start for box in sheet.boxes.values()])
    beside = round(_BESIDE_ROWS_MM * PX_PER_MM)
    first, last = round(min(lines)) - rows.start - beside, round(max(lines)) - rows.start + beside
    for outside in (ink[: max(0, first)], ink[last:]):
        outside[_letters(outside)] = False
    return float((near[rows, columns] > 0)[ink].mean()) if ink.any() else 0.0


def _leave_out_dividers(ink: NDArray[np.bool_], columns: Iterable[int]) -> None:
    """Take out, in place, lines through all rows at the beginnings of columns."""
    reach = round(_DIVIDER_MM * PX_PER_MM)
    for column in set(columns):
        near = ink[:, max(0, column - reach) : column + reach + 1]
        if near.any(axis=1).mean() >= _DIVIDER_ROWS:
            near[:] = False


def _letters(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Ink that hangs together no further than a letter's does."""
    if not ink.any():
        return ink
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
    height_px, width_px = (size * PX_PER_MM for size in _LETTER_MM)
    small = stats[:, cv2.CC_STAT_HEIGHT] <= height_px
    small &= stats[:, cv2.CC_STAT_WIDTH] <= width_px
    small[0] = False
    return np.asarray(small[np.asarray(labels)])


def _of_columns(sheet: LocatedSheet, columns: slice) -> NDArray[np.bool_]:
    """Whether each of some pixel columns shows leads: pulses may stand between two columns."""
    shown = np.ones(columns.stop - columns.start, np.bool_)
    if sheet.gaps_px:
        shown[:] = False
        for name in LEADS:
            if name in sheet.boxes:
                box = sheet.boxes[name]
                shown[box.left - columns.start : box.right - columns.start] = True
    return shown
