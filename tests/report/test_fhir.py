"""The FHIR Bundle: valid to the standard's models, with the values that were measured."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from fakes import install

from ecgapp.ecg import LEADS
from ecgapp.io.identity import Identity, pseudonym
from ecgapp.pipeline import Diagnosis, diagnose
from ecgapp.report.fhir import MEASURED_CODES, to_fhir
from ecgapp.report.json_and_csv import MEASUREMENTS
from ecgapp.sheet.located import Correction
from ecgapp.synthesis.samples import draw_sample

# LOINC code -> component, as LOINC's core table has them (LoincTableCore.csv, columns LOINC_NUM and
# COMPONENT); 11524-6 after the value sets of the npm package hl7.fhir.r4.expansions 4.0.1, 8867-4
# after the vital signs of FHIR R4 and DICOM's tables.
LOINC_COMPONENTS = {
    "8601-7": "EKG impression",
    "8625-6": "PR interval",
    "8626-4": "P wave axis",
    "8632-2": "QRS axis",
    "8633-0": "QRS duration",
    "8634-8": "QT interval",
    "8636-3": "QTC interval",
    "8637-1": "RR interval",
    "8867-4": "Heart rate",
    "11524-6": "EKG study",
    "76634-5": "QTc interval",
    "76635-2": "QTc interval",
}
# What the measurements are, in the table's words. Which of the last two codes is of which formula
# the table's component does not say; public FHIR profiles of ECGs agree on it.
COMPONENTS_OF = {
    "heart_rate_bpm": {"Heart rate"},
    "rr_mean_ms": {"RR interval"},
    "pr_ms": {"PR interval"},
    "qrs_ms": {"QRS duration"},
    "qt_ms": {"QT interval"},
    "qtc_bazett_ms": {"QTC interval", "QTc interval"},
    "qtc_fridericia_ms": {"QTC interval", "QTc interval"},
    "p_axis_deg": {"P wave axis"},
    "axis_deg": {"QRS axis"},
}
FORMULAS = {"76635-2": "Bazett", "76634-5": "Fridericia"}

READ_AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
PDF = b"%PDF-1.4 drawn"


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return diagnose(draw_sample("Raised ST in V1 to V4"))


@pytest.fixture(scope="module")
def bundle(diagnosis) -> dict:
    return json.loads(to_fhir(diagnosis, "a.jpg", READ_AT, pseudonym("ab" * 32), PDF))


def resources(bundle: dict, kind: str) -> list[dict]:
    every = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in every if one["resourceType"] == kind]


def test_bundle_is_valid_to_the_models_of_fhir(bundle):
    models = pytest.importorskip("fhir.resources.R4B.bundle")
    read = models.Bundle.model_validate(bundle)
    assert len(read.entry) == len(bundle["entry"])
    # Nothing was dropped on the way through the models.
    assert json.loads(read.model_dump_json()).keys() == bundle.keys()


def test_bundle_of_release_5_is_valid_to_its_models_and_says_the_same(bundle, diagnosis):
    identity = pseudonym("ab" * 32)
    later = json.loads(to_fhir(diagnosis, "a.jpg", READ_AT, identity, PDF, "R5"))
    read = pytest.importorskip("fhir.resources.bundle").Bundle.model_validate(later)
    assert len(read.entry) == len(bundle["entry"])
    assert [one["id"] for one in resources(later, "Observation")] == [
        one["id"] for one in resources(bundle, "Observation")
    ]
    (leads,) = (
        one for one in resources(later, "Observation") if len(one.get("component", ())) == 12
    )
    sampled = next(c["valueSampledData"] for c in leads["component"] if "valueSampledData" in c)
    assert (sampled["interval"], sampled["intervalUnit"]) == (2.0, "ms")
    assert "period" not in sampled


def test_every_reference_leads_to_a_resource_of_the_bundle(bundle):
    known = {entry["fullUrl"] for entry in bundle["entry"]}
    assert len(known) == len(bundle["entry"])
    text = json.dumps(bundle)
    asked = {part.split('"')[0] for part in text.split('"reference": "')[1:]}
    assert asked <= known


def test_what_was_set_by_hand_stands_with_the_leads_and_in_the_conclusion(diagnosis):
    corrected = replace(diagnosis, correction=Correction(layout_name="3x4", swaps=(("V1", "V2"),)))
    bundle = json.loads(to_fhir(corrected, "a.jpg", READ_AT, pseudonym("ab" * 32), PDF))
    said = "Set by hand: layout 3x4, names of V1 and V2 exchanged."
    notes = [one["note"] for one in resources(bundle, "Observation") if "note" in one]
    assert [{"text": said}] in notes
    assert said in resources(bundle, "DiagnosticReport")[0]["conclusion"]


def test_measurements_have_loinc_codes_ucum_units_and_their_values(bundle, diagnosis):
    by_code = {}
    for one in resources(bundle, "Observation"):
        coding = one["code"].get("coding", [{}])[0]
        if coding.get("system") == "http://loinc.org" and "valueQuantity" in one:
            by_code[coding["code"], one.get("method", {}).get("text")] = one["valueQuantity"]
    rate = by_code["8867-4", None]
    assert rate["code"] == "/min"
    assert rate["value"] == round(diagnosis.measurements["heart_rate_bpm"].value)
    assert by_code["8633-0", None]["code"] == "ms"
    assert by_code["8636-3", "Bazett's formula"]["system"] == "http://unitsofmeasure.org"
    assert by_code["8632-2", None]["code"] == "deg"
    assert len(by_code) == len(MEASURED_CODES)


def test_leads_come_back_from_the_samples(bundle, diagnosis):
    leads = next(
        one
        for one in resources(bundle, "Observation")
        if one["code"]["coding"][0]["code"] == "131328"
    )
    assert len(leads["component"]) == 12
    by_code = {
        one["code"]["coding"][0]["code"]: one["valueSampledData"] for one in leads["component"]
    }
    # Lead II, V1 and aVF, by ISO/IEEE 11073-10102.
    for code, lead in (("131330", "II"), ("131331", "V1"), ("131392", "aVF")):
        sampled = by_code[code]
        assert sampled["period"] == 2
        values = np.array(
            [np.nan if step == "E" else float(step) for step in sampled["data"].split()]
        )
        expected = diagnosis.signals.leads[lead]
        assert (np.isnan(values) == np.isnan(expected)).all()
        known = np.isfinite(expected)
        np.testing.assert_allclose(values[known] * sampled["factor"], expected[known], atol=6e-4)


def test_report_says_what_the_page_says_and_that_nobody_has_looked_at_it(bundle):
    (report,) = resources(bundle, "DiagnosticReport")
    assert bundle["entry"][0]["resource"] == report
    assert report["status"] == "preliminary"
    assert "Not a medical device" in report["conclusion"]
    assert all(one["status"] == "preliminary" for one in resources(bundle, "Observation"))
    said = [one.get("valueString", "") for one in resources(bundle, "Observation")]
    assert any("ST is raised" in text for text in said)
    (document,) = resources(bundle, "DocumentReference")
    attached = document["content"][0]["attachment"]
    assert base64.b64decode(attached["data"]) == PDF


def test_a_pseudonym_names_nobody_and_a_known_patient_is_named(bundle, diagnosis):
    (patient,) = resources(bundle, "Patient")
    assert patient["identifier"] == [{"value": "ANON-ABABABABABAB", "use": "temp"}]
    assert "name" not in patient
    known = Identity(
        "4711", "Doe^Jo", "19610203", "F", recorded_at="20250102030405", study_uid="1.2.3"
    )
    named = json.loads(to_fhir(diagnosis, "a.jpg", READ_AT, known, PDF))
    pytest.importorskip("fhir.resources.R4B.bundle").Bundle.model_validate(named)
    (patient,) = resources(named, "Patient")
    assert patient["name"] == [{"family": "Doe", "given": ["Jo"]}]
    assert (patient["birthDate"], patient["gender"]) == ("1961-02-03", "female")
    (report,) = resources(named, "DiagnosticReport")
    assert report["effectiveDateTime"] == "2025-01-02"


def test_what_a_sheet_lacks_is_left_out_or_said_to_be_absent(diagnosis):
    from ecgapp.explain.without_lead import without_lead

    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        fewer = without_lead(diagnosis, "V3")
    fewer.measurements.pop("pr_ms", None)
    bundle = json.loads(to_fhir(fewer, "a.jpg", READ_AT, pseudonym("0" * 64), PDF))
    pytest.importorskip("fhir.resources.R4B.bundle").Bundle.model_validate(bundle)
    codes = [
        one["code"]["coding"][0]["code"]
        for one in resources(bundle, "Observation")
        if "coding" in one["code"]
    ]
    assert "8625-6" not in codes
    leads = next(one for one in resources(bundle, "Observation") if "component" in one)
    assert [("valueSampledData" in one) for one in leads["component"]].count(False) == 1
    assert "dataAbsentReason" in leads["component"][LEADS.index("V3")]


def test_a_refused_file_has_no_bundle():
    with pytest.raises(ValueError, match="nothing to report"):
        to_fhir(Diagnosis(), "a", READ_AT, pseudonym("0" * 64), PDF)


def test_every_loinc_code_has_its_own_check_digit(bundle):
    """Mod 10, double-add-double (LOINC Users' Guide, appendix on check digits)."""
    codes = set(re.findall(r'"http://loinc.org", "code": "([^"]+)"', json.dumps(bundle)))
    assert len(codes) > 6
    for code in codes:
        digits, check = code.split("-")
        doubled = [
            sum(map(int, str(int(digit) * (2 - place % 2))))
            for place, digit in enumerate(reversed(digits))
        ]
        assert -sum(doubled) % 10 == int(check), code


def test_every_loinc_code_stands_for_what_loincs_table_says(bundle):
    names = {title: name for name, (title, _decimals) in MEASUREMENTS.items()}
    found = {}
    for one in resources(bundle, "Observation"):
        codes = loinc_codes(one["code"])
        if "valueQuantity" in one:
            found[names[one["code"]["text"]]] = {LOINC_COMPONENTS[code] for code in codes}
        else:
            assert {LOINC_COMPONENTS[code] for code in codes} <= {"EKG impression"}
        for code in codes:
            assert FORMULAS.get(code, "") in one.get("method", {}).get("text", "")
    assert found == COMPONENTS_OF
    (report,) = resources(bundle, "DiagnosticReport")
    (document,) = resources(bundle, "DocumentReference")
    for concept in (report["code"], document["type"]):
        assert [LOINC_COMPONENTS[code] for code in loinc_codes(concept)] == ["EKG study"]


def loinc_codes(concept: dict) -> list[str]:
    every = concept.get("coding", [])
    return [one["code"] for one in every if one["system"] == "http://loinc.org"]
