"""A diagnosis as JSON and as CSV, for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ecgapp import __version__
from ecgapp.ecg import DISCLAIMER, LEADS
from ecgapp.report.by_hand import by_hand_line, set_by_hand
from ecgapp.report.language import marked

if TYPE_CHECKING:
    from ecgapp.measure.measurements import Measurement
    from ecgapp.pipeline import Diagnosis

# Titles for people, with the decimals that the measurement can bear.
MEASUREMENTS = {
    "heart_rate_bpm": (marked("Heart rate"), 0),
    "rr_mean_ms": (marked("Mean RR interval"), 0),
    "rr_sd_ms": (marked("RR variability (standard deviation)"), 0),
    "rr_irregularity": (marked("RR irregularity"), 2),
    "premature_beats": (marked("Premature beats of another shape"), 0),
    "p_duration_ms": (marked("P wave"), 0),
    "pr_ms": (marked("PR interval"), 0),
    "qrs_ms": (marked("QRS duration"), 0),
    "qt_ms": (marked("QT interval"), 0),
    "qtc_bazett_ms": (marked("QTc (Bazett)"), 0),
    "qtc_fridericia_ms": (marked("QTc (Fridericia)"), 0),
    "p_axis_deg": (marked("Frontal axis of the P wave"), 0),
    "axis_deg": (marked("Frontal axis of the QRS"), 0),
}
LEAD_MEASUREMENTS = {"st_j60_mv": marked("ST at J+60 ms"), "r_mv": "R", "s_mv": "S"}


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
        ``statements``, ``findings``, ``measurements`` and ``timings_ms``, or ``refused`` with
        ``reason``. Either form carries ``page`` and ``pages`` (null where the file could not be
        decoded), ``version``, ``set_by_hand``, a list of what a person set on the sheet,
        ``other_pages``, which of the file's other pages show a ``sheet`` or may, and
        ``note``, which says that this is not a medical device.

    Raises
    ------
    ValueError
        If the diagnosis holds neither a verdict nor a refusal.
    """
    page = diagnosis.page
    of_file = {
        "page": None if page is None else page.number,
        "pages": None if page is None else page.n_pages,
        "version": __version__,
        "set_by_hand": list(set_by_hand(diagnosis.correction)),
        "other_pages": {kind: list(pages) for kind, pages in asdict(diagnosis.other_pages).items()},
    }
    if diagnosis.refusal is not None:
        reason = {"code": diagnosis.refusal.code, "message": diagnosis.refusal.message}
        refused = {"file": file, "status": "refused", "reason": reason}
        return {**refused, **of_file, "note": DISCLAIMER}
    if diagnosis.sheet is None or diagnosis.verdict is None:
        raise ValueError("the diagnosis holds neither a verdict nor a refusal")
    sheet, verdict = diagnosis.sheet, diagnosis.verdict
    return {
        "file": file,
        "status": "ok",
        **of_file,
        "sheet": {
            "layout": sheet.layout.name,
            "rhythm_strip": bool(sheet.has_rhythm_strip),
            "aligned": bool(sheet.aligned),
            "px_per_mm": float(sheet.px_per_mm),
            "missing": list(sheet.missing),
            **_quality(diagnosis),
        },
        "leads": {
            lead: {model: _plain(of_model) for model, of_model in by_model.items()}
            for lead, by_model in diagnosis.lead_probabilities.items()
        },
        "verdict": {
            "label": verdict.label,
            "confident": bool(verdict.confident),
            "reason": verdict.reason,
            "prediction_set": list(verdict.prediction_set),
            "probabilities": _plain(verdict.probabilities),
            "by_model": {model: _plain(of_model) for model, of_model in verdict.by_model.items()},
        },
        "not_normal": {
            "probability": float(verdict.not_normal_probability),
            "confident": bool(verdict.not_normal),
        },
        "statements": {
            code: {"probability": float(found.probability), "present": bool(found.present)}
            for code, found in diagnosis.statements.items()
        },
        "findings": [
            asdict(finding) | {"leads": list(finding.leads)} for finding in diagnosis.findings
        ],
        "measurements": {
            name: float(measured.value) for name, measured in diagnosis.measurements.items()
        },
        "timings_ms": _plain(diagnosis.timings_ms),
        "note": DISCLAIMER,
    }


def to_sidecar(diagnosis: Diagnosis, file: str) -> dict[str, Any]:
    """Say where signals come from, for the file beside their table.

    Parameters
    ----------
    diagnosis : Diagnosis
        One that has signals.
    file : str
        What to call the file that they were read from.

    Returns
    -------
    dict
        Of plain Python types: sampling rate, page, version; of a sheet also layout, printed speed
        and gain, scale, missing leads, and the quality of the reading.

    Raises
    ------
    ValueError
        If the diagnosis has no signals.
    """
    if diagnosis.signals is None:
        raise ValueError("a refused file has no signals")
    page, sheet = diagnosis.page, diagnosis.sheet
    return {
        "file": file,
        "page": None if page is None else page.number,
        "pages": None if page is None else page.n_pages,
        "version": __version__,
        "set_by_hand": list(set_by_hand(diagnosis.correction)),
        "other_pages": {kind: list(pages) for kind, pages in asdict(diagnosis.other_pages).items()},
        "sampling_rate_hz": diagnosis.signals.sampling_rate_hz,
        "unit": "mV",
        "sheet": None
        if sheet is None
        else {
            "layout": sheet.layout.name,
            "rhythm_strips": list(sheet.rhythm_strips),
            "speed_mm_per_s": float(sheet.speed_mm_per_s),
            "gain_mm_per_mv": float(sheet.gain_mm_per_mv),
            "chest_gain_mm_per_mv": float(sheet.chest_gain_mm_per_mv or sheet.gain_mm_per_mv),
            "px_per_mm": float(sheet.px_per_mm),
            "missing": list(sheet.missing),
            **_quality(diagnosis),
        },
        "note": DISCLAIMER,
    }


def _quality(diagnosis: Diagnosis) -> dict[str, Any]:
    """How far a reading can be relied on; nothing of what was not read from a picture."""
    quality = diagnosis.quality
    if quality is None:
        return {}
    weakest = quality.checks[0].what if quality.checks else None
    return {
        "quality": round(quality.sheet, 3),
        "quality_reason": weakest,
        "lead_quality": {name: round(value, 3) for name, value in quality.leads.items()},
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
    if verdict.reason is not None:
        sure = verdict.not_normal
        but = f", but confidently not normal ({verdict.not_normal_probability:.0%})" if sure else ""
        line += f", not confident{but}. {verdict.reason}"
    others = diagnosis.other_pages.said
    return f"{line}; {others}" if others else line


def to_csv(diagnosis: Diagnosis, file: str) -> str:
    """Write the probabilities and measurements as a table, for a spreadsheet.

    Parameters
    ----------
    diagnosis : Diagnosis
        One that has a verdict.
    file : str
        What to call the file.

    Returns
    -------
    str
        Every row has ``file``, ``page``, ``version``, ``set_by_hand``, ``other_pages`` and
        ``note``. First one row
        a lead and model, with ``lead``, ``model``, one probability column a class and ``label``,
        the leading class;
        then rows whose lead is ``verdict``, one a model and a last one with model ``all``, the
        verdict itself, which has ``confident`` and ``not_normal`` (``yes`` or ``no``: whether it is
        confident of the label, and that the ECG is not normal) and ``reason`` too; then one row
        a measurement, with ``lead``, where it is of one, ``measurement``, ``value`` and ``unit``.

    Raises
    ------
    ValueError
        If the diagnosis has no verdict.
    """
    if diagnosis.verdict is None:
        raise ValueError("a refused file has no probabilities to write")
    verdict = diagnosis.verdict
    by_lead = {**diagnosis.lead_probabilities, "verdict": verdict.by_model}
    rows: list[dict[str, str]] = [
        {"lead": lead, "model": model, **_shares(probabilities)}
        for lead, by_model in by_lead.items()
        for model, probabilities in by_model.items()
    ]
    rows.append(
        {
            "lead": "verdict",
            "model": "all",
            **_shares(verdict.probabilities),
            "confident": "yes" if verdict.confident else "no",
            "not_normal": "yes" if verdict.not_normal else "no",
            "reason": verdict.reason or "",
        }
    )
    rows += [
        {
            "lead": measured.lead or "",
            "measurement": name,
            "value": f"{measured.value:.6g}",
            "unit": measured.unit,
        }
        for name, measured in diagnosis.measurements.items()
    ]
    of_file = {
        "file": no_formula(file),
        "page": str(getattr(diagnosis.page, "number", 1)),
        "version": __version__,
        "set_by_hand": by_hand_line(diagnosis.correction),
        "other_pages": diagnosis.other_pages.said,
        "note": DISCLAIMER,
    }
    columns = ["file", "page", "lead", "model", *verdict.probabilities, "label", "confident"]
    columns += [
        "not_normal",
        "reason",
        "measurement",
        "value",
        "unit",
        "version",
        "set_by_hand",
        "other_pages",
    ]
    columns += ["note"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, **of_file} for row in rows)
    return text.getvalue()


def _shares(probabilities: dict[str, float]) -> dict[str, str]:
    shares = {name: f"{probability:.4f}" for name, probability in probabilities.items()}
    return {**shares, "label": max(probabilities, key=probabilities.__getitem__)}


def no_formula(text: str) -> str:
    """Keep a spreadsheet from taking a file's name for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


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
