"""A diagnosis as JSON and as CSV, for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecgapp import Diagnosis

NOTE = "For research and teaching. Not a medical device; not for diagnosing or treating anyone."


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
        return {"file": file, "status": "refused", "reason": reason, "note": NOTE}
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
        "measurements": _plain(diagnosis.measurements),
        "timings_ms": _plain(diagnosis.timings_ms),
        "note": NOTE,
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
        writer.writerow([lead, model, *shares, label, NOTE])
    return text.getvalue()


def _plain(numbers: dict[str, float]) -> dict[str, float]:
    """Turn NumPy numbers into Python's, which JSON can hold."""
    return {name: float(value) for name, value in numbers.items()}
