"""The three DICOM objects, read back as others read them."""

import io
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pydicom
import pytest
from fakes import install
from pydicom.sr.codedict import codes

from ecgapp.io.dicom_waveform import read_waveform
from ecgapp.io.identity import Identity, identity_in, pseudonym
from ecgapp.io.pages import read_page
from ecgapp.pipeline import Diagnosis, diagnose
from ecgapp.report.dicom import (
    ALWAYS_REPORTED,
    LEAD_CODES,
    LEAD_REPORTED,
    MORE_REPORTED,
    to_dicom,
)
from ecgapp.report.pdf import to_pdf
from ecgapp.sheet.located import Correction
from ecgapp.synthesis.samples import draw_sample

READ_AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
DOE = Identity("4711", "Doe^Jö", "19610203", "F", "A1", "1.2.3.4", "20250102030405")


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return diagnose(draw_sample("Raised ST in V1 to V4"))


@pytest.fixture(scope="module")
def files(diagnosis) -> dict[str, bytes]:
    return to_dicom(diagnosis, READ_AT, DOE, to_pdf(diagnosis, "a.jpg", READ_AT))


def parsed(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def texts(items) -> str:
    """Every text of a content tree."""
    return " ".join(
        f"{item.get('TextValue', '')} {texts(item.get('ContentSequence', []))}" for item in items
    )


def numbers(items) -> dict[tuple[str, ...], str]:
    """Every number of a content tree by the code meanings that lead to it."""
    found = {}
    for item in items:
        name = item.ConceptNameCodeSequence[0].CodeMeaning
        below = item.get("ContentSequence", [])
        for part in below:
            if part.ConceptNameCodeSequence[0].CodeMeaning == "Lead ID":
                name = part.ConceptCodeSequence[0].CodeMeaning
        if item.ValueType == "NUM":
            values = item.MeasuredValueSequence
            found[(name,)] = values[0].NumericValue if values else None
        found |= {(name, *key): value for key, value in numbers(below).items()}
    return found


def test_the_three_objects_are_of_one_study_and_one_patient(files):
    objects = [parsed(data) for data in files.values()]
    assert {one.StudyInstanceUID for one in objects} == {"1.2.3.4"}
    assert {str(one.PatientName) for one in objects} == {"Doe^Jö"}
    assert {(one.PatientID, one.PatientSex, one.AccessionNumber) for one in objects} == {
        ("4711", "F", "A1")
    }
    assert len({one.SOPInstanceUID for one in objects}) == 3
    assert len({one.SeriesInstanceUID for one in objects}) == 3
    assert {one.StudyDate for one in objects} == {"20250102"}
    for data in files.values():
        assert identity_in(data) == DOE


def test_a_pseudonym_is_said_to_be_one(diagnosis):
    objects = to_dicom(diagnosis, READ_AT, pseudonym("c" * 64), b"%PDF-1.4")
    for data in objects.values():
        one = parsed(data)
        assert one.PatientID == "ANON-CCCCCCCCCCCC"
        assert one.PatientName == ""
        assert one.PatientIdentityRemoved == "YES"


def test_leads_come_back_from_the_waveform(files, diagnosis):
    signals = read_waveform(files["waveform.dcm"])
    for lead, values in diagnosis.signals.leads.items():
        np.testing.assert_allclose(signals.leads[lead], values, atol=6e-4)
    annotations = parsed(files["waveform.dcm"]).WaveformAnnotationSequence
    texts = [one.UnformattedTextValue for one in annotations if "UnformattedTextValue" in one]
    assert any("ST is raised" in text for text in texts)
    assert any("Not a medical device" in text for text in texts)
    rate = next(
        one
        for one in annotations
        if "NumericValue" in one
        and one.ConceptNameCodeSequence[0].CodeMeaning == "Ventricular Heart Rate"
    )
    assert float(rate.NumericValue) == round(diagnosis.measurements["heart_rate_bpm"].value)


def test_the_report_comes_back_as_a_picture(files):
    page = read_page(files["report.dcm"])
    assert page.rgb.shape[0] > 500
    report = parsed(files["report.dcm"])
    assert report.EncapsulatedDocument[: report.EncapsulatedDocumentLength].startswith(b"%PDF")


def test_structured_report_holds_what_was_measured(files, diagnosis):
    report = parsed(files["measurements.dcm"])
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "3700"
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    found = numbers(report.ContentSequence)
    of_all = ("Quantitative Analysis", "ECG Global Measurements")
    measured = diagnosis.measurements
    assert float(found[(*of_all, "QRS duration global")]) == round(measured["qrs_ms"].value)
    assert float(found[(*of_all, "QRS axis")]) == round(measured["axis_deg"].value)
    v3 = ("Quantitative Analysis", "Lead V3")
    assert float(found[(*v3, "R amplitude, per lead")]) == pytest.approx(
        measured["r_mv_V3"].value, abs=6e-4
    )
    assert float(found[(*v3, "S amplitude, per lead")]) == pytest.approx(
        -measured["s_mv_V3"].value, abs=6e-4
    )
    waveform = parsed(files["waveform.dcm"])
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    referenced = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert referenced.ReferencedSOPInstanceUID == waveform.SOPInstanceUID
    said = texts(report.ContentSequence)
    assert "ST is raised" in said
    assert "Not a medical device" in said


def test_what_was_set_by_hand_stands_in_the_waveform_and_in_the_report(diagnosis):
    corrected = replace(diagnosis, correction=Correction(layout_name="3x4", swaps=(("V1", "V2"),)))
    objects = to_dicom(corrected, READ_AT, DOE, b"%PDF-")
    said = "Set by hand: layout 3x4, names of V1 and V2 exchanged."
    waveform = parsed(objects["waveform.dcm"])
    assert said in [a.get("UnformattedTextValue") for a in waveform.WaveformAnnotationSequence]
    assert said in texts(parsed(objects["measurements.dcm"]).ContentSequence)


def test_a_number_that_every_report_has_is_said_to_be_missing(diagnosis):
    without = {name: one for name, one in diagnosis.measurements.items() if name != "pr_ms"}
    fewer = Diagnosis(**(diagnosis.__dict__ | {"measurements": without}))
    report = parsed(to_dicom(fewer, READ_AT, DOE, b"%PDF")["measurements.dcm"])
    found = numbers(report.ContentSequence)
    key = ("Quantitative Analysis", "ECG Global Measurements", "PR interval global")
    assert found[key] is None
    assert "Measurement failure" in str(report)


def test_codes_are_those_of_the_standards_own_groups():
    groups = (codes.cid3227, codes.cid3228, codes.cid3229, codes.cid3688, codes.cid3001)
    known = {
        (code.value, code.scheme_designator): code.meaning
        for group in groups
        for code in (getattr(group, name) for name in group.dir())
    }
    every = [*ALWAYS_REPORTED.values(), *MORE_REPORTED.values(), *LEAD_REPORTED.values()]
    # The heart rate is a code of the template itself.
    for value, scheme, meaning in (*every[1:], *LEAD_CODES.values()):
        assert known[value, scheme] == meaning


@pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="no dciodvfy on this machine (package dicom3tools)"
)
def test_objects_keep_to_their_definitions(files, tmp_path):
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        said = subprocess.run(
            ["dciodvfy", "-new", str(tmp_path / name)], capture_output=True, text=True, check=False
        )
        errors = [line for line in said.stderr.splitlines() if line.startswith("Error")]
        assert not errors


def test_a_refused_file_has_no_objects():
    with pytest.raises(ValueError, match="nothing to report"):
        to_dicom(Diagnosis(), READ_AT, DOE, b"%PDF")
