"""What would be read from a sheet if it did not show one of its leads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ecgapp.ecg import Signals
from ecgapp.measure.findings import find_findings
from ecgapp.measure.flat import require_heartbeats
from ecgapp.measure.measurements import measure
from ecgapp.pipeline import judge
from ecgapp.sheet.located import require_enough_leads

if TYPE_CHECKING:
    from ecgapp.pipeline import Diagnosis


def without_lead(diagnosis: Diagnosis, lead: str) -> Diagnosis:
    """Read a sheet again as if one lead were missing from it.

    Parameters
    ----------
    diagnosis : Diagnosis
        With a verdict.
    lead : str
        One of its leads; of a lead that a rhythm strip shows too the strip stays.

    Returns
    -------
    Diagnosis
        With measurements, findings, verdict and statements without the lead.

    Raises
    ------
    ValueError
        If there is no verdict, or no such lead.
    Refusal
        If too few leads are left for a verdict.
    """
    sheet, signals = diagnosis.sheet, diagnosis.signals
    if sheet is None or signals is None or diagnosis.verdict is None:
        raise ValueError("there is no verdict that a lead could be taken from")
    if lead not in diagnosis.leads:
        raise ValueError(f"the sheet does not show {lead}")
    leads = {name: one for name, one in diagnosis.leads.items() if name != lead}
    sheet = replace(
        sheet,
        boxes={name: box for name, box in sheet.boxes.items() if name != lead},
        missing=(*sheet.missing, lead),
    )
    require_enough_leads(sheet)
    voltages = dict(signals.leads)
    if lead in voltages:
        voltages[lead] = np.full_like(voltages[lead], np.nan)
    signals = Signals(signals.sampling_rate_hz, voltages)
    require_heartbeats(signals)
    measurements = measure(signals)
    return judge(
        replace(
            diagnosis,
            sheet=sheet,
            leads=leads,
            signals=signals,
            measurements=measurements,
            findings=tuple(find_findings(measurements)),
        )
    )
