"""One lead on its own: its curve and its typical beat drawn on millimetre paper, its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import MM_PER_MV, MM_PER_S, Signals
from ecgapp.report.language import _, localized, marked
from ecgapp.report.words import class_name, class_within, model_name, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecgapp.inference.verdict import Verdict
    from ecgapp.measure.lead_beat import LeadBeat
    from ecgapp.measure.measurements import Measurement

# What is shown above and below a curve that hardly moves, mV.
_LEAST_REACH_MV = 0.6
_AROUND_MV = 0.2
# Every half millivolt and fifth of a second, as on paper.
_COARSE_MM, _FINE_MM = 5, 1
_GRID_FINE, _GRID_COARSE, _INK, _MARK = "#F6DCDC", "#E9A9A9", "#101418", "#0057FF"
# Room for the labels of a beat's marks, mm of the drawing.
_LABELS_MM = 9.0
# A beat is drawn so many times as large as a strip.
_BEAT_SCALE = 2.0
# What a beat's marks are called, as :class:`ecgapp.measure.lead_beat.LeadBeat` names them.
MARKS = (
    marked("P begins"),
    marked("P ends"),
    marked("QRS begins"),
    marked("QRS ends"),
    marked("T ends"),
)
# Names of a lead's measurements, without the lead, in the order of the waves.
LEAD_VALUES = {
    "p_mv": "P",
    "q_mv": marked("Q, depth"),
    "q_ms": marked("Q, duration"),
    "r_mv": "R",
    "s_mv": marked("S, depth"),
    "st_j_mv": marked("ST at J"),
    "st_j60_mv": marked("ST at J + 60 ms"),
    "t_mv": "T",
}


def curve_drawing(signals: Signals, lead: str) -> str:
    """Draw what is known of a lead, as SVG on millimetre paper.

    Parameters
    ----------
    signals : Signals
    lead : str

    Returns
    -------
    str
        From the first to the last second that is known; empty where nothing is.
    """
    millivolts = signals.leads[lead].astype(np.float64)
    known = np.flatnonzero(np.isfinite(millivolts))
    if not len(known):
        return ""
    shown = millivolts[known[0] : known[-1] + 1]
    seconds = np.arange(len(shown)) / signals.sampling_rate_hz
    return _drawing(seconds, shown, {})


def beat_drawing(beat: LeadBeat) -> str:
    """Draw a lead's typical beat with its waves' ends, as SVG on millimetre paper.

    Parameters
    ----------
    beat : LeadBeat

    Returns
    -------
    str
    """
    start_s = float(beat.seconds[0])
    marks = {_(name): at_s - start_s for name, at_s in beat.fiducials_s.items()}
    return _drawing(beat.seconds - start_s, beat.millivolts, marks, _BEAT_SCALE)


def _drawing(
    seconds: NDArray[np.float64],
    millivolts: NDArray[np.float64],
    marks_s: Mapping[str, float],
    scale: float = 1.0,
) -> str:
    top_mv = max(_LEAST_REACH_MV, float(np.nanmax(millivolts))) + _AROUND_MV
    bottom_mv = min(-_LEAST_REACH_MV, float(np.nanmin(millivolts))) - _AROUND_MV
    width_mm = float(np.ceil(seconds[-1] * MM_PER_S / _COARSE_MM) * _COARSE_MM)
    # Whole squares on either side of 0 mV.
    up_mm = float(np.ceil(top_mv * MM_PER_MV / _COARSE_MM) * _COARSE_MM)
    down_mm = float(np.ceil(-bottom_mv * MM_PER_MV / _COARSE_MM) * _COARSE_MM)
    height_mm = up_mm + down_mm
    labels_mm = _LABELS_MM / scale if marks_s else 0.0
    size = f"0 {-labels_mm:g} {width_mm:g} {height_mm + labels_mm:g}"
    parts = [f"<rect y='{-labels_mm:g}' width='100%' height='100%' fill='#FFFFFF'/>"]
    for step, colour, stroke in (
        (_FINE_MM, _GRID_FINE, 0.1),
        (_COARSE_MM, _GRID_COARSE, 0.15),
    ):
        lines = "".join(f"M{x} 0V{height_mm:g}" for x in range(0, int(width_mm) + 1, step))
        lines += "".join(f"M0 {y}H{width_mm:g}" for y in range(0, int(height_mm) + 1, step))
        parts.append(f"<path d='{lines}' stroke='{colour}' stroke-width='{stroke}'/>")
    x, y = seconds * MM_PER_S, up_mm - millivolts * MM_PER_MV
    known = np.isfinite(y)
    pen = "".join(
        f"{'L' if row and known[row - 1] else 'M'}{x[row]:.2f} {y[row]:.2f}"
        for row in np.flatnonzero(known)
    )
    parts.append(
        f"<path d='{pen}' fill='none' stroke='{_INK}' stroke-width='{0.35 / scale:g}' "
        "stroke-linejoin='round'/>"
    )
    for number, (name, at_s) in enumerate(marks_s.items()):
        at_mm = at_s * MM_PER_S
        # Three heights, so that neighbours do not cover each other.
        label_mm = -labels_mm * (0.08 + 0.3 * (number % 3))
        parts.append(
            f"<path d='M{at_mm:.2f} {label_mm:.2f}V{height_mm:g}' stroke='{_MARK}' "
            f"stroke-width='{0.3 / scale:g}'/><text x='{at_mm:.2f}' y='{label_mm:.2f}' "
            f"font-family='sans-serif' font-size='{2.4 / scale:g}' text-anchor='middle' "
            f"fill='{_MARK}'>{name}</text>"
        )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='{size}' "
        f"width='{4 * scale * width_mm:g}'>{''.join(parts)}</svg>"
    )


def lead_value_rows(measurements: Mapping[str, Measurement], lead: str) -> list[dict[str, str]]:
    """List what was measured in one lead, for people.

    Parameters
    ----------
    measurements : mapping of str to Measurement
    lead : str

    Returns
    -------
    list of dict
        Rows with ``Measured`` and ``Value``.
    """
    return [
        {
            _("Measured"): _(title),
            _("Value"): f"{measured.value:.0f} ms"
            if measured.unit == "ms"
            else f"{localized(f'{measured.value:+.2f}')} {measured.unit}",
        }
        for name, title in LEAD_VALUES.items()
        if (measured := measurements.get(f"{name}_{lead}")) is not None
    ]


def model_rows(of_lead: Mapping[str, Mapping[str, float]]) -> list[dict[str, str]]:
    """List what each network that reads leads one by one says of one.

    Parameters
    ----------
    of_lead : mapping of str to mapping
        Model -> class -> probability.

    Returns
    -------
    list of dict
        A row a model, a column a class.
    """
    return [
        {"": model_name(model)}
        | {class_name(name): percent(share) for name, share in shares.items()}
        for model, shares in of_lead.items()
    ]


def without_sentence(verdict: Verdict, without: Verdict, title: str) -> str:
    """Say what the verdict would be without a lead.

    Parameters
    ----------
    verdict, without : Verdict
        With it and without it.
    title : str
        What to call the lead.

    Returns
    -------
    str
    """
    name = class_within(without.label)
    likely = percent(without.probabilities[without.label])
    before = percent(verdict.probabilities[verdict.label])
    if without.label == verdict.label:
        return _(
            "Without {title} the networks would still say {name}: {likely} instead of {before}.",
            title=title,
            name=name,
            likely=likely,
            before=before,
        )
    return _(
        "Without {title} the networks would say {name} ({likely}) instead of {instead} ({before}).",
        title=title,
        name=name,
        likely=likely,
        instead=class_within(verdict.label),
        before=before,
    )
