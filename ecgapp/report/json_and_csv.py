"""A diagnosis as JSON and as CSV, for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from ecgapp.ecg import DISCLAIMER, LEADS

if TYPE_CHECKING:
    from ecgapp.measure.measurements import Measurement
    from ecgapp.pipeline import Diagnosis

# Titles for people, with the decimals that the measurement can bear.
MEASUREMENTS = {
    "heart_rate_bpm": ("Heart rate", 0),
    "rr_mean_ms": ("Mean RR interval", 0),
    "rr_sd_ms": ("RR variability (standard deviation)", 0),
    "rr_irregularity": ("RR irregularity", 2),
    "premature_beats": ("Premature beats of another shape", 0),
    "p_duration_ms": ("P wave", 0),
    "pr_ms": ("PR interval", 0),
    "qrs_ms": ("QRS duration", 0),
    "qt_ms": ("QT interval", 0),
    "qtc_bazett_ms": ("QTc (Bazett)", 0),
    "qtc_fridericia_ms": ("QTc (Fridericia)", 0),
    "axis_deg": ("Frontal axis of the QRS", 0),
}
LEAD_MEASUREMENTS = {"st_j60_mv": "ST at J+60 ms", "r_mv": "R", "s_mv": "S"}


def to_json_object(diagnosis: Diagnosis, file: str) -> dict[str, Any]:
    """Put a diagnosis in the form that ``predict --json`` prints for each file.

    Parameters
    ----------
    diagnosis : Diagnosis
        Read or refused.
    file : str
        What to call the file.

    Returns
    -------
    dict
        Of plain Python types: ``status`` is ``ok`` with ``sheet``, ``leads``, ``verdict``,
        ``measurements`` and ``timings_ms``, or ``refused`` with ``reason``. Either form carries
        ``note``, which says that this is not a medical device.

    Raises
    ------
    ValueError
        If the diagnosis holds neither a verdict nor a refusal.
    """
    if diagnosis.refusal is not None:
        reason = {"code": diagnosis.refusal.code, "message": diagnosis.refusal.message}
        return {"file": file, "status": "refused", "reason": reason, "note": DISCLAIMER}
    if diagnosis.sheet is None or diagnosis.verdict is None:
        raise ValueError("the diagnosis holds neither a verdict nor a refusal")
    sheet, verdict = diagnosis.sheet, diagnosis.verdict
    return {
        "file": file,
        "status": "ok",
        "sheet": {
            "layout": sheet.layout.name,
            "rhythm_strip": bool(sheet.has_rhythm_strip),
            "aligned": bool(sheet.aligned),
            "px_per_mm": float(sheet.px_per_mm),
        },
        "leads": {
            lead: {model: _plain(of_model) for model, of_model in by_model.items()}
            for lead, by_model in diagnosis.lead_probabilities.items()
        },
        "verdict": {
            "label": verdict.label,
            "confident": bool(verdict.confident),
            "probabilities": _plain(verdict.probabilities),
            "by_model": {model: _plain(of_model) for model, of_model in verdict.by_model.items()},
        },
        "measurements": {
            name: float(measured.value) for name, measured in diagnosis.measurements.items()
        },
        "timings_ms": _plain(diagnosis.timings_ms),
        "note": DISCLAIMER,
    }


def to_line(diagnosis: Diagnosis, file: str) -> str:
    """Say in one line what was read from a file.

    Parameters
    ----------
    diagnosis : Diagnosis
        Read or refused.
    file : str
        What to call the file.

    Returns
    -------
    str
        Such as ``a.jpg: mi 81% (3x4)``, with the reason where there is no verdict or none to
        rely on.
    """
    if diagnosis.refusal is not None:
        return f"{file}: refused. {diagnosis.refusal.message}"
    if diagnosis.sheet is None or diagnosis.verdict is None:
        raise ValueError("the diagnosis holds neither a verdict nor a refusal")
    verdict = diagnosis.verdict
    line = f"{file}: {verdict.label} {verdict.probabilities[verdict.label]:.0%}"
    line += f" ({diagnosis.sheet.layout.name})"
    return line if verdict.reason is None else f"{line}, not confident. {verdict.reason}"


def to_csv(diagnosis: Diagnosis) -> str:
    """Write the probabilities as a table, for a spreadsheet.

    Parameters
    ----------
    diagnosis : Diagnosis
        One that has a verdict.

    Returns
    -------
    str
        Columns ``lead``, ``model``, one probability column a class, ``label`` (the leading class)
        and ``note``. One row a lead and model; then rows whose lead is ``verdict``, one a model
        and a last one with model ``all``, the verdict itself.

    Raises
    ------
    ValueError
        If the diagnosis has no verdict.
    """
    if diagnosis.verdict is None:
        raise ValueError("a refused file has no probabilities to write")
    verdict = diagnosis.verdict
    classes = list(verdict.probabilities)
    table = [
        (lead, model, probabilities, max(probabilities, key=probabilities.__getitem__))
        for lead, by_model in diagnosis.lead_probabilities.items()
        for model, probabilities in by_model.items()
    ]
    table += [
        ("verdict", model, probabilities, max(probabilities, key=probabilities.__getitem__))
        for model, probabilities in verdict.by_model.items()
    ]
    table.append(("verdict", "all", verdict.probabilities, verdict.label))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["lead", "model", *classes, "label", "note"])
    for lead, model, probabilities, label in table:
        shares = [f"{probabilities[name]:.4f}" for name in classes]
        writer.writerow([lead, model, *shares, label, DISCLAIMER])
    return text.getvalue()


def measurement_rows(measurements: dict[str, Measurement]) -> list[dict[str, str]]:
    """List what was measured on the sheet as a whole, for people.

    Parameters
    ----------
    measurements : dict of str to Measurement

    Returns
    -------
    list of dict
        Rows with ``Measurement``, ``Value`` (with its unit) and ``From`` (the lead).
    """
    return [
        {
            "Measurement": title,
            "Value": f"{measured.value:.{decimals}f} {measured.unit}".strip(),
            "From": measured.lead or "all leads",
        }
        for name, (title, decimals) in MEASUREMENTS.items()
        if (measured := measurements.get(name)) is not None
    ]


def lead_measurement_rows(measurements: dict[str, Measurement]) -> list[dict[str, str]]:
    """List what was measured lead by lead, in millivolts, for people.

    Parameters
    ----------
    measurements : dict of str to Measurement

    Returns
    -------
    list of dict
        A row a lead, with ``Lead`` and a column a quantity, empty where it was not measurable.
    """
    return [
        {
            "Lead": lead,
            **{
                title: f"{measured.value:+.2f}" if measured is not None else ""
                for prefix, title in LEAD_MEASUREMENTS.items()
                for measured in (measurements.get(f"{prefix}_{lead}"),)
            },
        }
        for lead in LEADS
    ]


def _plain(numbers: dict[str, float]) -> dict[str, float]:
    """Turn NumPy numbers into Python's, which JSON can hold."""
    return {name: float(value) for name, value in numbers.items()}
