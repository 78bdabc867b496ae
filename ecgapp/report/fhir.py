"""A diagnosis as FHIR R4: one Bundle with report, measurements, leads and the PDF.

Codes are LOINC's for what is measured, ISO/IEEE 11073's for the leads' voltages (as in FHIR's own
example of an ECG), and units are UCUM's. Everything has the status ``preliminary``: no person has
looked at it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from ecgapp import __version__
from ecgapp.ecg import DISCLAIMER, LEADS
from ecgapp.io.dicom_waveform import LEAD_NUMBERS
from ecgapp.measure.normal_ranges import NormalRange, normal_range
from ecgapp.report.by_hand import by_hand_line
from ecgapp.report.headline import headline
from ecgapp.report.json_and_csv import MEASUREMENTS
from ecgapp.report.measurement_rows import flag
from ecgapp.report.words import CLASS_STYLES

if TYPE_CHECKING:
    from datetime import datetime

    from ecgapp.ecg import Signals
    from ecgapp.io.identity import Identity
    from ecgapp.measure.measurements import Measurement
    from ecgapp.pipeline import Diagnosis

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
MDC = "urn:oid:2.16.840.1.113883.6.24"
_HL7 = "http://terminology.hl7.org/CodeSystem"

# Measurement -> LOINC's code and name, and how it was measured where the name does not say it.
MEASURED_CODES: dict[str, tuple[str, str, str]] = {
    "heart_rate_bpm": ("8867-4", "Heart rate", ""),
    "rr_mean_ms": ("8637-1", "R-R interval by EKG", ""),
    "pr_ms": ("8625-6", "P-R Interval", ""),
    "qrs_ms": ("8633-0", "QRS duration", ""),
    "qt_ms": ("8634-8", "Q-T interval", ""),
    "qtc_bazett_ms": ("8636-3", "Q-T interval corrected", "Bazett's formula"),
    "qtc_fridericia_ms": ("8636-3", "Q-T interval corrected", "Fridericia's formula"),
    "p_axis_deg": ("8626-4", "P wave axis", ""),
    "axis_deg": ("8632-2", "QRS axis", ""),
}
# LOINC's codes of one formula each, beside the code of any corrected QT.
_CODES_OF_FORMULA = {
    "qtc_bazett_ms": ("76635-2", "Q-T interval corrected based on Bazett formula"),
    "qtc_fridericia_ms": ("76634-5", "Q-T interval corrected based on Fridericia formula"),
}
_UNITS = {"bpm": ("beats/minute", "/min"), "ms": ("ms", "ms"), "deg": ("degrees", "deg")}
_STUDY = ("11524-6", "EKG study")
_IMPRESSION = ("8601-7", "EKG impression")
# Codes of the voltages of ECG leads begin here; a lead's own number is added (ISO/IEEE 11073).
_VOLTAGES = 131_328
# Samples are written in whole microvolts; this is FHIR's sign for one that is not known.
_MV_PER_STEP = 0.001
_UNKNOWN = "E"
Release = Literal["R4", "R5"]
# Kind of the device's name: R5 has none for a model's.
_R5_NAME = "user-friendly-name"


def to_fhir(
    diagnosis: Diagnosis,
    file: str,
    read_at: datetime,
    identity: Identity,
    pdf: bytes,
    release: Release = "R4",
) -> str:
    """Write what was read from a file as a FHIR Bundle.

    Parameters
    ----------
    diagnosis : Diagnosis
        One that has a verdict.
    file : str
        What to call the file.
    read_at : datetime
        When it was read, with its time zone.
    identity : Identity
        Of whom.
    pdf : bytes
        The same as a PDF.
    release : str
        Of FHIR: ``R4`` (4.0.1) or ``R5`` (5.0.0).

    Returns
    -------
    str
        JSON: a Bundle of the type ``collection``.

    Raises
    ------
    ValueError
        If the diagnosis has no verdict, or the time no zone.
    """
    if diagnosis.verdict is None or diagnosis.signals is None:
        raise ValueError("a refused file has nothing to report")
    if read_at.tzinfo is None:
        raise ValueError("the time of reading has no time zone")
    seed = f"{identity.patient_id}/{read_at.isoformat()}/{hashlib.sha256(pdf).hexdigest()}"
    bundle = _Bundle(seed, read_at.isoformat(timespec="seconds"), release)
    patient = bundle.add(_patient(identity))
    device = bundle.add(_device())
    of_all: dict[str, Any] = {
        "status": "preliminary",
        "subject": patient,
        "device": device,
        "issued": bundle.written_at,
    }
    if when := _recorded_at(identity):
        of_all["effectiveDateTime"] = when
    observations = [
        bundle.add(_observation() | of_all | one)
        for one in (
            *_measured(diagnosis.measurements),
            _leads(diagnosis.signals, by_hand_line(diagnosis.correction)),
            *_findings(diagnosis),
            _verdict(diagnosis),
        )
    ]
    attached = _attachment(pdf, bundle.written_at)
    bundle.add(
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "docStatus": "preliminary",
            "type": _concept(LOINC, *_STUDY),
            "subject": patient,
            "date": bundle.written_at,
            "description": file,
            "content": [{"attachment": attached}],
        }
    )
    said = headline(diagnosis)
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "status": "preliminary",
        "category": [_concept(f"{_HL7}/v2-0074", "EC", "Electrocardiac (e.g., EKG, EEC, Holter)")],
        "code": _concept(LOINC, *_STUDY),
        "subject": patient,
        "issued": bundle.written_at,
        "result": observations,
        "conclusion": " ".join(
            filter(None, [said.title, *said.notes, by_hand_line(diagnosis.correction), DISCLAIMER])
        ),
        "presentedForm": [attached],
    }
    if when:
        report["effectiveDateTime"] = when
    bundle.add(report, first=True)
    return bundle.to_json()


class _Bundle:
    """Resources that refer to each other by numbers made from what they are of."""

    def __init__(self, seed: str, written_at: str, release: Release) -> None:
        self._seed, self._release = seed, release
        self._entries: list[dict[str, Any]] = []
        self.written_at = written_at

    def add(self, resource: dict[str, Any], first: bool = False) -> dict[str, str]:
        """Take a resource in, and give a reference to it."""
        name = f"{self._seed}/{len(self._entries)}"
        number = str(uuid5(NAMESPACE_URL, name))
        resource = _as_r5(resource) if self._release == "R5" else resource
        entry = {"fullUrl": f"urn:uuid:{number}", "resource": {"id": number} | resource}
        self._entries.insert(0 if first else len(self._entries), entry)
        return {"reference": f"urn:uuid:{number}"}

    def to_json(self) -> str:
        """Write it."""
        bundle = {
            "resourceType": "Bundle",
            "id": str(uuid5(NAMESPACE_URL, self._seed)),
            "type": "collection",
            "timestamp": self.written_at,
            "entry": self._entries,
        }
        return json.dumps(bundle, indent=1, allow_nan=False)


def _as_r5(value: Any) -> Any:
    """Write a resource, or a part of one, as release 5 does.

    A device has names of other kinds, sampled data an interval with its unit instead of a period in
    milliseconds, and an attachment's size is a 64-bit number, which JSON has as a string.
    """
    if isinstance(value, list):
        return [_as_r5(one) for one in value]
    if not isinstance(value, dict):
        return value
    written = {key: _as_r5(one) for key, one in value.items()}
    if "deviceName" in written:
        names = written.pop("deviceName")
        written["name"] = [{"value": one["name"], "type": _R5_NAME} for one in names]
    if "period" in written:
        written |= {"interval": written.pop("period"), "intervalUnit": "ms"}
    if "size" in written:
        written["size"] = str(written["size"])
    return written


def _concept(system: str, code: str, display: str, text: str = "") -> dict[str, Any]:
    return {"coding": [_coding(system, code, display)], "text": text or display}


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}


def _quantity(value: float, unit: str, code: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": code}


def _patient(identity: Identity) -> dict[str, Any]:
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [{"value": identity.patient_id}],
    }
    if identity.pseudonymous:
        patient["identifier"][0]["use"] = "temp"
    if identity.patient_name:
        family, *given = [part for part in identity.patient_name.split("^") if part]
        patient["name"] = [{"family": family} | ({"given": given} if given else {})]
    if day := identity.birth_date:
        patient["birthDate"] = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    if identity.sex:
        patient["gender"] = {"M": "male", "F": "female", "O": "other"}[identity.sex]
    return patient


def _device() -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "deviceName": [{"name": "ecgapp", "type": "model-name"}],
        "version": [{"value": __version__}],
        "note": [{"text": DISCLAIMER}],
    }


def _recorded_at(identity: Identity) -> str:
    """When the ECG was recorded, as far as it is known without a time zone: the day."""
    at = identity.recorded_at
    return f"{at[:4]}-{at[4:6]}-{at[6:8]}" if at else ""


def _observation() -> dict[str, Any]:
    category = _concept(f"{_HL7}/observation-category", "procedure", "Procedure")
    return {"resourceType": "Observation", "category": [category]}


def _measured(measurements: dict[str, Measurement]) -> Iterator[dict[str, Any]]:
    for name, (code, display, method) in MEASURED_CODES.items():
        if (measured := measurements.get(name)) is None:
            continue
        title, decimals = MEASUREMENTS[name]
        value = round(measured.value, decimals)
        unit, ucum = _UNITS[measured.unit]
        observation: dict[str, Any] = {
            "code": _concept(LOINC, code, display, title),
            "valueQuantity": _quantity(int(value) if not decimals else value, unit, ucum),
        }
        if (of_formula := _CODES_OF_FORMULA.get(name)) is not None:
            observation["code"]["coding"].append(_coding(LOINC, *of_formula))
        if method:
            observation["method"] = {"text": method}
        normal = normal_range(name)
        if normal is not None:
            observation["referenceRange"] = [_reference_range(normal, unit, ucum)]
            letter = {"low": "L", "normal": "N", "high": "H"}[flag(value, normal)]
            words = {"L": "Low", "N": "Normal", "H": "High"}
            observation["interpretation"] = [
                _concept(f"{_HL7}/v3-ObservationInterpretation", letter, words[letter])
            ]
        yield observation


def _reference_range(normal: NormalRange, unit: str, ucum: str) -> dict[str, Any]:
    limits = {"low": normal.low, "high": normal.high}
    return {
        side: _quantity(limit, unit, ucum) for side, limit in limits.items() if limit is not None
    } | {"text": normal.source}


def _leads(signals: Signals, by_hand: str) -> dict[str, Any]:
    """Voltages of the twelve leads, one component each; a lead that is not shown says so.

    What a person set of them is a note.
    """
    components = []
    for lead in LEADS:
        code = str(_VOLTAGES + LEAD_NUMBERS[lead])
        component: dict[str, Any] = {
            "code": _concept(MDC, code, f"MDC_ECG_ELEC_POTL_{lead.upper()}", f"Lead {lead}")
        }
        values = signals.leads[lead]
        if np.isfinite(values).any():
            component["valueSampledData"] = {
                "origin": _quantity(0, "mV", "mV"),
                "period": 1000 / signals.sampling_rate_hz,
                "factor": _MV_PER_STEP,
                "dimensions": 1,
                "data": " ".join(_steps(values)),
            }
        else:
            component["dataAbsentReason"] = _concept(
                f"{_HL7}/data-absent-reason", "unknown", "Unknown"
            )
        components.append(component)
    leads: dict[str, Any] = {
        "code": _concept(MDC, str(_VOLTAGES), "MDC_ECG_ELEC_POTL", "Voltages of the leads"),
        "component": components,
    }
    return leads | ({"note": [{"text": by_hand}]} if by_hand else {})


def _steps(values: np.ndarray[Any, Any]) -> Iterator[str]:
    for value in values.tolist():
        yield str(round(value / _MV_PER_STEP)) if np.isfinite(value) else _UNKNOWN


def _findings(diagnosis: Diagnosis) -> Iterator[dict[str, Any]]:
    for finding in diagnosis.findings:
        yield {
            "code": _concept(LOINC, *_IMPRESSION),
            "valueString": finding.text,
            "method": {"text": f"Rule {finding.code}: {finding.source}"},
        }


def _verdict(diagnosis: Diagnosis) -> dict[str, Any]:
    """Say what the networks make of the sheet, with the probability of each class."""
    verdict = diagnosis.verdict
    assert verdict is not None
    sure = "confident" if verdict.confident else "not confident"
    if verdict.not_normal and not verdict.confident:
        sure += ", but confidently not normal"
    return {
        "code": {"text": "Class that the networks find likeliest"},
        "valueCodeableConcept": {"text": CLASS_STYLES[verdict.label].name},
        "note": [{"text": f"This verdict is {sure}. {verdict.reason or ''} {DISCLAIMER}".strip()}],
        "component": [
            {
                "code": {"text": f"Probability: {CLASS_STYLES[label].name}"},
                "valueQuantity": _quantity(round(100 * probability, 1), "%", "%"),
            }
            for label, probability in verdict.probabilities.items()
        ],
    }


def _attachment(pdf: bytes, written_at: str) -> dict[str, Any]:
    return {
        "contentType": "application/pdf",
        "data": base64.b64encode(pdf).decode(),
        "size": len(pdf),
        # FHIR asks for SHA-1 here; nothing rests on its strength.
        "hash": base64.b64encode(hashlib.sha1(pdf, usedforsecurity=False).digest()).decode(),
        "title": "What was read from the sheet",
        "creation": written_at,
    }
