"""A diagnosis as DICOM: the leads as a waveform, the report as a PDF, and a Structured Report.

The three objects are of one study. The Structured Report follows the templates TID 3700 (ECG
Report), 3708, 3713 (global measurements), 3714 (lead measurements), 3717 and 3719 of DICOM PS3.16;
codes are those of its context groups 3227, 3228, 3229 and 3688, and of ISO/IEEE 11073-10102 (MDC).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    generate_uid,
)

from ecgapp import __version__
from ecgapp.ecg import DISCLAIMER, LEADS
from ecgapp.io.dicom_waveform import LEAD_NUMBERS, encode_dicom, waveform_object
from ecgapp.report.by_hand import by_hand_line
from ecgapp.report.headline import headline
from ecgapp.report.zip_file import zipped

if TYPE_CHECKING:
    from datetime import datetime

    from ecgapp.io.identity import Identity
    from ecgapp.measure.measurements import Measurement
    from ecgapp.pipeline import Diagnosis

Code = tuple[str, str, str]

# Measurement -> what TID 3713 calls it; the first five stand in every report, measured or not.
ALWAYS_REPORTED: dict[str, Code] = {
    "heart_rate_bpm": ("2:16016", "MDC", "Ventricular Heart Rate"),
    "qt_ms": ("2:16160", "MDC", "QT interval global"),
    "pr_ms": ("2:15872", "MDC", "PR interval global"),
    "qrs_ms": ("2:16156", "MDC", "QRS duration global"),
    "rr_mean_ms": ("2:16168", "MDC", "RR interval global"),
}
MORE_REPORTED: dict[str, Code] = {
    "qtc_bazett_ms": ("2:15876", "MDC", "QTc interval global"),
    "p_duration_ms": ("2:16184", "MDC", "P duration global"),
    "p_axis_deg": ("2:16128", "MDC", "P Axis"),
    "axis_deg": ("2:16132", "MDC", "QRS axis"),
}
# Of single leads, by context group 3688.
LEAD_REPORTED: dict[str, Code] = {
    "q_mv": ("2:1792", "MDC", "Q amplitude, per lead"),
    "r_mv": ("2:2048", "MDC", "R amplitude, per lead"),
    "s_mv": ("2:2304", "MDC", "S amplitude, per lead"),
    "st_j_mv": ("2:1024", "MDC", "J point Amplitude, per lead"),
}
# Measured as a depth, above zero.
_DEPTHS = ("q_mv", "s_mv")
_AUGMENTED = {
    lead: f"{lead}, augmented voltage, {side}"
    for lead, side in (("aVR", "right"), ("aVL", "left"), ("aVF", "foot"))
}
LEAD_CODES: dict[str, Code] = {
    lead: (f"2:{number}", "MDC", _AUGMENTED.get(lead, f"Lead {lead}"))
    for lead, number in LEAD_NUMBERS.items()
}
_UNITS: dict[str, Code] = {
    "bpm": ("{H.B.}/min", "UCUM", "beats per minute"),
    "ms": ("ms", "UCUM", "millisecond"),
    "deg": ("deg", "UCUM", "degree"),
    "mV": ("mV", "UCUM", "millivolt"),
}
_BAZETT: Code = ("122730", "DCM", "Bazett QTc Algorithm")
_NOT_MEASURED: Code = ("114006", "DCM", "Measurement failure")
_FINDING: Code = ("271921002", "SCT", "ECG Finding")
_SUMMARY: Code = ("55112-7", "LN", "Summary")
# As DICOM writes it in context group 7000; LOINC itself has 11524-6.
_REPORT: Code = ("11524-0", "LN", "ECG Report")

_MANUFACTURER = "ecgapp"
# A number of this version of the program, the same in every report.
_DEVICE_SEED = f"ecgapp {__version__}"
_DECIMALS = {"ms": 0, "bpm": 0, "deg": 0, "mV": 3}


def to_dicom(
    diagnosis: Diagnosis, read_at: datetime, identity: Identity, pdf: bytes
) -> dict[str, bytes]:
    """Write what was read as three DICOM objects of one study.

    Parameters
    ----------
    diagnosis : Diagnosis
        One that has a verdict.
    read_at : datetime
        When it was read.
    identity : Identity
        Of whom; the study is the one that it names, else a new one.
    pdf : bytes
        The report as a PDF.

    Returns
    -------
    dict of str to bytes
        ``waveform.dcm`` (12-lead ECG, with the measurements as annotations), ``report.dcm``
        (Encapsulated PDF) and ``measurements.dcm`` (Enhanced SR).

    Raises
    ------
    ValueError
        If the diagnosis has no verdict.
    """
    if diagnosis.verdict is None or diagnosis.signals is None:
        raise ValueError("a refused file has nothing to report")
    study_uid = identity.study_uid or generate_uid(prefix=None)
    waveform = waveform_object(diagnosis.signals)
    waveform.WaveformAnnotationSequence = list(_annotations(diagnosis))
    document = _document(pdf)
    report = _structured_report(diagnosis, read_at, identity, waveform)
    objects = {"waveform.dcm": waveform, "report.dcm": document, "measurements.dcm": report}
    for number, dataset in enumerate(objects.values(), start=1):
        _identify(dataset, identity, read_at, study_uid, number)
    _refer(report, waveform)
    return {name: encode_dicom(dataset) for name, dataset in objects.items()}


def to_dicom_zip(diagnosis: Diagnosis, read_at: datetime, identity: Identity, pdf: bytes) -> bytes:
    """Pack the three objects of :func:`to_dicom` into a ZIP."""
    return zipped(to_dicom(diagnosis, read_at, identity, pdf))


def _identify(
    dataset: Dataset, identity: Identity, read_at: datetime, study_uid: str, number: int
) -> None:
    """Say whose object it is, of which study, and what made it."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.StudyInstanceUID = study_uid
    dataset.SeriesInstanceUID = generate_uid(prefix=None)
    dataset.PatientID = identity.patient_id
    dataset.PatientName = identity.patient_name
    dataset.PatientBirthDate = identity.birth_date
    dataset.PatientSex = identity.sex
    if identity.pseudonymous:
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "No identifier was taken over"
    dataset.AccessionNumber = identity.accession_number
    recorded = identity.recorded_at or read_at.strftime("%Y%m%d%H%M%S")
    dataset.StudyDate, dataset.StudyTime = recorded[:8], recorded[8:]
    dataset.StudyID, dataset.ReferringPhysicianName = "1", ""
    dataset.SeriesNumber, dataset.InstanceNumber = number, 1
    dataset.ContentDate = read_at.strftime("%Y%m%d")
    dataset.ContentTime = read_at.strftime("%H%M%S")
    dataset.Manufacturer, dataset.ManufacturerModelName = _MANUFACTURER, "ecgapp"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "0", __version__
    if "AcquisitionDateTime" in dataset:
        dataset.AcquisitionDateTime = recorded


def _document(pdf: bytes) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.Modality = "ECG"
    dataset.ConversionType = "WSD"
    # The name that the file was given stands in it.
    dataset.BurnedInAnnotation = "YES"
    dataset.AcquisitionDateTime = ""
    dataset.DocumentTitle = "What was read from the ECG"
    dataset.ConceptNameCodeSequence = [_code(_REPORT)]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    dataset.EncapsulatedDocumentLength = len(pdf)
    return dataset


def _annotations(diagnosis: Diagnosis) -> Iterator[Dataset]:
    """Write measurements and findings to all channels of the waveform."""
    for name, concept in (ALWAYS_REPORTED | MORE_REPORTED).items():
        measured = diagnosis.measurements.get(name)
        if measured is not None:
            annotation = _annotation()
            annotation.ConceptNameCodeSequence = [_code(concept)]
            annotation.MeasurementUnitsCodeSequence = [_code(_UNITS[measured.unit])]
            annotation.NumericValue = [_rounded(measured)]
            yield annotation
    findings = (finding.text for finding in diagnosis.findings)
    for said in filter(None, (*findings, by_hand_line(diagnosis.correction), DISCLAIMER)):
        annotation = _annotation()
        annotation.UnformattedTextValue = said
        yield annotation


def _annotation() -> Dataset:
    annotation = Dataset()
    annotation.AnnotationGroupNumber = 0
    # All channels of the first group.
    annotation.ReferencedWaveformChannels = [1, 0]
    return annotation


def _structured_report(
    diagnosis: Diagnosis, read_at: datetime, identity: Identity, waveform: Dataset
) -> Dataset:
    report = _container("", _REPORT, "3700")
    report.SOPClassUID = EnhancedSRStorage
    report.Modality = "SR"
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "UNVERIFIED"
    report.ReferencedPerformedProcedureStepSequence = []
    report.PerformedProcedureCodeSequence = []
    recorded = identity.recorded_at or read_at.strftime("%Y%m%d%H%M%S")
    current = _container("CONTAINS", ("55111-9", "LN", "Current Procedure Descriptions"), "3708")
    current.ContentSequence = [
        _item("CONTAINS", "DATETIME", ("122146", "DCM", "Procedure DateTime"), DateTime=recorded),
        _waveform_reference(),
    ]
    quantities = _container("CONTAINS", ("122144", "DCM", "Quantitative Analysis"))
    quantities.ContentSequence = [
        _global_measurements(diagnosis.measurements),
        *_lead_measurements(diagnosis.measurements),
    ]
    report.ContentSequence = [
        _language(),
        *_observer(),
        current,
        quantities,
        *_qualities(diagnosis),
        _summary(diagnosis),
    ]
    return report


def _language() -> Dataset:
    return _item(
        "HAS CONCEPT MOD",
        "CODE",
        ("121049", "DCM", "Language of Content Item and Descendants"),
        ConceptCodeSequence=[_code(("en", "RFC5646", "English"))],
    )


def _observer() -> list[Dataset]:
    """Name the program as the device that observed (TID 1002)."""
    context = "HAS OBS CONTEXT"
    device = _code(("121007", "DCM", "Device"))
    uid = generate_uid(prefix=None, entropy_srcs=[_DEVICE_SEED])
    return [
        _item(context, "CODE", ("121005", "DCM", "Observer Type"), ConceptCodeSequence=[device]),
        _item(context, "UIDREF", ("121012", "DCM", "Device Observer UID"), UID=uid),
        _item(context, "TEXT", ("121013", "DCM", "Device Observer Name"), TextValue=_DEVICE_SEED),
    ]


def _global_measurements(measurements: dict[str, Measurement]) -> Dataset:
    container = _container("CONTAINS", ("122158", "DCM", "ECG Global Measurements"), "3713")
    items = [_number(concept, measurements.get(name)) for name, concept in ALWAYS_REPORTED.items()]
    for name, concept in MORE_REPORTED.items():
        if name in measurements:
            number = _number(concept, measurements[name])
            if name == "qtc_bazett_ms":
                number.ContentSequence = [
                    _item(
                        "HAS PROPERTIES",
                        "CODE",
                        ("111001", "DCM", "Algorithm Name"),
                        ConceptCodeSequence=[_code(_BAZETT)],
                    )
                ]
            items.append(number)
    container.ContentSequence = items
    return container


def _lead_measurements(measurements: dict[str, Measurement]) -> Iterator[Dataset]:
    for lead in LEADS:
        numbers = []
        for name, concept in LEAD_REPORTED.items():
            measured = measurements.get(f"{name}_{lead}")
            if measured is not None:
                numbers.append(_number(concept, measured, name in _DEPTHS))
        if numbers:
            container = _container("CONTAINS", ("122159", "DCM", "ECG Lead Measurements"), "3714")
            named = _item(
                "HAS CONCEPT MOD",
                "CODE",
                ("122148", "DCM", "Lead ID"),
                ConceptCodeSequence=[_code(LEAD_CODES[lead])],
            )
            container.ContentSequence = [named, *numbers]
            yield container


def _qualities(diagnosis: Diagnosis) -> Sequence[Dataset]:
    if not diagnosis.findings:
        return []
    container = _container("CONTAINS", ("122145", "DCM", "Qualitative Analysis"), "3717")
    container.ContentSequence = [
        _item("CONTAINS", "TEXT", _FINDING, TextValue=finding.text)
        for finding in diagnosis.findings
    ]
    return [container]


def _summary(diagnosis: Diagnosis) -> Dataset:
    said = headline(diagnosis)
    text = " ".join(
        filter(None, [said.title, *said.notes, by_hand_line(diagnosis.correction), DISCLAIMER])
    )
    container = _container("CONTAINS", _SUMMARY, "3719")
    container.ContentSequence = [_item("CONTAINS", "TEXT", _SUMMARY, TextValue=text)]
    return container


def _number(concept: Code, measured: Measurement | None, is_depth: bool = False) -> Dataset:
    """Give a measured number; one that is not known, yet stands in every report, says so."""
    number = _item("CONTAINS", "NUM", concept)
    if measured is None:
        number.MeasuredValueSequence = []
        number.NumericValueQualifierCodeSequence = [_code(_NOT_MEASURED)]
        return number
    value = Dataset()
    value.MeasurementUnitsCodeSequence = [_code(_UNITS[measured.unit])]
    # Below zero, as the wave is.
    value.NumericValue = _rounded(measured, -1 if is_depth else 1)
    number.MeasuredValueSequence = [value]
    return number


def _rounded(measured: Measurement, sign: int = 1) -> str:
    decimals = _DECIMALS[measured.unit]
    value = np.round(sign * measured.value, decimals) + 0.0  # no "-0"
    return f"{value:.{decimals}f}"


def _waveform_reference() -> Dataset:
    return _item("CONTAINS", "WAVEFORM", ("121112", "DCM", "Source of Measurement"))


def _refer(report: Dataset, waveform: Dataset) -> None:
    """Let the report say from which object its measurements are."""
    current = report.ContentSequence[4].ContentSequence[1]
    current.ReferencedSOPSequence = [_reference(waveform)]
    series, study = Dataset(), Dataset()
    series.SeriesInstanceUID = waveform.SeriesInstanceUID
    series.ReferencedSOPSequence = [_reference(waveform)]
    study.StudyInstanceUID = waveform.StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    report.CurrentRequestedProcedureEvidenceSequence = [study]


def _reference(dataset: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = dataset.SOPClassUID
    reference.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    return reference


def _container(relationship: str, concept: Code, template: str = "") -> Dataset:
    container = _item(relationship, "CONTAINER", concept)
    container.ContinuityOfContent = "SEPARATE"
    if template:
        identified = Dataset()
        identified.MappingResource, identified.TemplateIdentifier = "DCMR", template
        container.ContentTemplateSequence = [identified]
    return container


def _item(relationship: str, value_type: str, concept: Code, **values: object) -> Dataset:
    item = Dataset()
    if relationship:
        item.RelationshipType = relationship
    item.ValueType = value_type
    item.ConceptNameCodeSequence = [_code(concept)]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _code(code: Code) -> Dataset:
    coded = Dataset()
    coded.CodeValue, coded.CodingSchemeDesignator, coded.CodeMeaning = code
    return coded
