"""When a verdict is not to be relied on, whatever the models say.

That is so on sheets unlike those that the models learnt from, and on sheets whose curves are
noisier, or drift further, than theirs. The networks call noise a history of infarction, now and
then confidently, and their own features do not tell such sheets from others
(``docs/confidence.md`` has the figures); these two measures do.
``ecgapp.training.abstention_limits`` measures both and says where the limits come from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ecgapp.digitize.trace import poorly_traced
from ecgapp.ecg import LEADS
from ecgapp.inference.twelve_lead_inputs import RATE_HZ, TwelveLeadInputs
from ecgapp.io.weights import MODELS_FOLDER, ModelError, read_json
from ecgapp.measure.flat import flat_leads

if TYPE_CHECKING:
    from ecgapp.digitize.leads import NamedLead
    from ecgapp.ecg import Signals
    from ecgapp.measure.measurements import Measurement

# Beside the models, written by ``ecgapp.training.abstention_limits``.
LIMITS_FILE = "abstention.json"

# Half a second: long enough that a median over it sees the baseline and not the beats. Set by hand.
_BASELINE_SAMPLES = RATE_HZ // 2


@dataclass(frozen=True)
class AbstentionLimits:
    """What 99 of 100 development sheets stay below.

    Attributes
    ----------
    ink_px : float
        See :func:`ink_px`.
    drift_mv : float
        See :func:`drift_mv`.
    """

    ink_px: float
    drift_mv: float


@cache
def shipped_limits() -> AbstentionLimits:
    """Read the limits that ship beside the models, once a process."""
    return read_limits(MODELS_FOLDER)


def read_limits(folder: Path) -> AbstentionLimits:
    """Read the limits that lie beside models.

    Parameters
    ----------
    folder : Path
        Holds ``abstention.json``.

    Returns
    -------
    AbstentionLimits

    Raises
    ------
    ModelError
        If the file is missing, was changed, or its limits are not positive numbers.
    """
    try:
        limits = AbstentionLimits(**read_json(folder, LIMITS_FILE)["limits"])
        if not all(0 < value < math.inf for value in (limits.ink_px, limits.drift_mv)):
            raise ValueError("a limit is not a positive number")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{LIMITS_FILE} beside the models cannot be read: {error}") from error
    return limits


def ink_px(leads: Mapping[str, NamedLead]) -> float:
    """Measure noise by how thick it makes the printed curves.

    Noise is faster than a printer's pixels and a tracer's sampling: on paper it is a band, through
    whose middle the traced curve runs smoothly. A curve that is steep nearly everywhere, as in
    ventricular tachycardia, inks as much and is not told from it.

    Parameters
    ----------
    leads : mapping of str to NamedLead
        Cut from a sheet, at 200 dpi.

    Returns
    -------
    float
        Black pixels in a column; the median over the columns that have any, and over the twelve
        leads that were cut.
    """
    medians = []
    for name in LEADS:
        if name in leads:
            per_column = (np.asarray(leads[name].image) == 0).sum(axis=0)
            if per_column.any():
                medians.append(np.median(per_column[per_column > 0]))
    return float(np.median(medians)) if medians else 0.0


def drift_mv(inputs: TwelveLeadInputs) -> float:
    """Measure how far the baseline moves within 2.5 s.

    Parameters
    ----------
    inputs : TwelveLeadInputs
        One sheet.

    Returns
    -------
    float
        Range of the medians of half seconds, mV; the median of the leads that are shown.
    """
    halves = inputs.leads[0].reshape(-1, _BASELINE_SAMPLES, len(LEADS))
    ranges = np.ptp(np.median(halves, axis=1), axis=0)[inputs.shown[0] > 0]
    return float(np.median(ranges)) if len(ranges) else 0.0


def limit_reason(leads: Mapping[str, NamedLead], inputs: TwelveLeadInputs) -> str | None:
    """Say in plain words what sets a sheet apart from the development sheets.

    Parameters
    ----------
    leads : mapping of str to NamedLead
    inputs : TwelveLeadInputs
        The same sheet's.

    Returns
    -------
    str or None
        None when nothing does.
    """
    limits = shipped_limits()
    if ink_px(leads) > limits.ink_px:
        return (
            "The curves are thicker or steeper than on the sheets that the models learnt from. "
            "Noise makes them so, and misleads the models; so may a fast rhythm of broad waves."
        )
    if drift_mv(inputs) > limits.drift_mv:
        return (
            "The baseline wanders more than on the sheets that the models learnt from, and how "
            "often they are right on such sheets has not been measured."
        )
    return None


def abstention_reason(
    leads: Mapping[str, NamedLead],
    signals: Signals,
    inputs: TwelveLeadInputs,
    measurements: Mapping[str, Measurement],
) -> str | None:
    """Say why a verdict on a sheet is not to be relied on, whatever the models say.

    Parameters
    ----------
    leads : mapping of str to NamedLead
        Cut from a sheet.
    signals : Signals
        Traced from it.
    inputs : TwelveLeadInputs
        Made of them.
    measurements : mapping of str to Measurement
        Made on them.

    Returns
    -------
    str or None
        One or two sentences for people, of the first reason that holds; None when none does.
    """
    if absent := [name for name in LEADS if not np.isfinite(signals.leads[name]).any()]:
        return f"{', '.join(absent)} cannot be read, so this verdict is not to be relied on."
    if poor := poorly_traced(signals):
        return (
            f"The curve of {', '.join(poor)} could be followed in part only, so this verdict is "
            "not to be relied on."
        )
    not_shown = [name for name, known in zip(LEADS, inputs.shown[0], strict=True) if not known]
    if not_shown:
        return (
            f"More than a fifth of {', '.join(not_shown)} is missing, as when a recording ends "
            "early, so this verdict is not to be relied on."
        )
    if flat := flat_leads(signals):
        return (
            f"{', '.join(flat)} shows no heartbeat, as when its electrode is off, so this verdict "
            "is not to be relied on."
        )
    if beyond := limit_reason(leads, inputs):
        return beyond
    if "heart_rate_bpm" not in measurements:
        return (
            "Too few clear heartbeats could be made out on the traced curves, so this verdict is "
            "not to be relied on."
        )
    return None
