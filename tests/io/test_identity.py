"""Whose recording a file holds."""

import io

import pydicom
import pytest

from ecgapp.io.dicom_waveform import encode_dicom, waveform_object
from ecgapp.io.identity import Identity, identity_in, pseudonym, typed_identity
from ecgapp.synthesis.simulate import PatientModel, simulate


def dicom(**elements: str) -> bytes:
    dataset = waveform_object(simulate(PatientModel()))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return encode_dicom(dataset)


def test_a_dicom_object_says_whose_it_is():
    found = identity_in(
        dicom(
            PatientID="4711", PatientName="Doe^Jö", PatientBirthDate="19610203", PatientSex="M",
            AcquisitionDateTime="20250102030405.123", AccessionNumber="A1",
        )
    )  # fmt: skip
    assert found is not None
    assert (found.patient_id, found.patient_name, found.sex) == ("4711", "Doe^Jö", "M")
    assert (found.birth_date, found.recorded_at) == ("19610203", "20250102030405")
    assert found.accession_number == "A1"
    assert not found.pseudonymous


def test_what_is_no_plain_value_is_left_out():
    data = dicom(PatientID="4711")
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.add_new("PatientName", "PN", "Doe\x1b[31m^\x07Jo")
    dataset.PatientSex = "X"
    found = identity_in(encode_dicom(dataset))
    assert found is not None
    assert found.patient_name.isprintable()
    assert found.sex == ""


@pytest.mark.parametrize("data", [b"", b"words", b"\0" * 128 + b"DICM", dicom()])
def test_what_names_no_patient_has_no_identity(data):
    assert identity_in(data) is None


def test_a_pseudonym_is_the_same_for_the_same_file():
    assert pseudonym("ab" * 32) == Identity("ANON-ABABABABABAB", pseudonymous=True)


@pytest.mark.parametrize(
    ("number", "name"), [("", "Doe^Jo"), ("a\\b", ""), ("1\n2", ""), ("x" * 65, ""), ("1", "\x07")]
)
def test_what_cannot_be_typed_is_said_in_a_sentence(number, name):
    with pytest.raises(ValueError, match=r"\.$"):
        typed_identity(number, name)


def test_what_is_typed_is_taken():
    assert typed_identity(" 4711 ", "Doe^Jo") == Identity("4711", "Doe^Jo")
