"""Leads without any deflection that could be a heartbeat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgapp.ecg import LEADS, Signals
from ecgapp.errors import Refusal

STEP = "Reading the curves"

# Voltages are low where no QRS complex reaches 0.5 mV in a limb lead or 1 mV in a chest lead (as is
# usual; Surawicz and Knilans, Chou's Electrocardiography). A fifth of that, one millimetre of
# paper, in no lead is no heartbeat.
FLAT_SHEET_MV = 0.1
# One lead may stand across the heart's axis; a printed curve is thicker than this.
FLAT_LEAD_MV = 0.02
# Part of the samples at either end that may be a spike or a speck. Set by hand.
_STRAY_PERCENT = 0.5


def flat_leads(signals: Signals) -> list[str]:
    """Name the leads that are known and show nothing.

    Parameters
    ----------
    signals : Signals

    Returns
    -------
    list of str
        Leads whose voltage spans less than `FLAT_LEAD_MV`.
    """
    return [name for name in LEADS if _span_mv(signals.leads[name]) < FLAT_LEAD_MV]


def require_heartbeats(signals: Signals) -> None:
    """Refuse curves of which none shows anything.

    Parameters
    ----------
    signals : Signals

    Raises
    ------
    Refusal
        With the code ``flat_curves`` when no lead spans `FLAT_SHEET_MV`.
    """
    widest_mv = max(min(_span_mv(signals.leads[name]), 99.0) for name in LEADS)
    if widest_mv < FLAT_SHEET_MV:
        raise Refusal(
            "flat_curves",
            STEP,
            f"{STEP}: the curves of all leads are flat (the largest deflection is "
            f"{widest_mv:.2f} mV, and at least {FLAT_SHEET_MV:g} mV is needed), as when no "
            "electrode is attached; please check the recording.",
        )


def _span_mv(values: NDArray[np.float32]) -> float:
    """Voltage between the lowest and the highest of a lead, stray ones left out; inf if unknown."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("inf")
    return float(np.ptp(np.percentile(known, (_STRAY_PERCENT, 100 - _STRAY_PERCENT))))
