"""Whose recording a file holds: as a DICOM object says, as typed in, or under a pseudonym."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ecgapp.errors import Refusal

_SIGNATURE = re.compile(rb".{128}DICM", re.DOTALL)
# Of the file's checksum: enough to tell a hospital's files apart.
_PSEUDONYM_DIGITS = 12
# The longest that DICOM's value representations take (PS3.5): LO, and one component of PN.
MAX_CHARACTERS = 64


@dataclass(frozen=True)
class Identity:
    """What a report says of the patient and the study; empty where it is not known.

    Attributes
    ----------
    patient_id, patient_name : str
        A name as DICOM writes it: ``Family^Given``.
    birth_date : str
        ``YYYYMMDD``.
    sex : str
        ``M``, ``F``, ``O`` or empty.
    accession_number : str
    study_uid : str
    recorded_at : str
        When the ECG was recorded, ``YYYYMMDDHHMMSS``.
    pseudonymous : bool
        Whether `patient_id` stands for a patient whom the report does not name.
    """

    patient_id: str
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    accession_number: str = ""
    study_uid: str = ""
    recorded_at: str = ""
    pseudonymous: bool = False


def pseudonym(sha256: str) -> Identity:
    """Give a file's patient a name that says nothing of them.

    Parameters
    ----------
    sha256 : str
        Of the file, hexadecimal.

    Returns
    -------
    Identity
    """
    return Identity(f"ANON-{sha256[:_PSEUDONYM_DIGITS].upper()}", pseudonymous=True)


def typed_identity(patient_id: str, patient_name: str) -> Identity:
    """Take what a person typed in.

    Parameters
    ----------
    patient_id, patient_name : str

    Returns
    -------
    Identity

    Raises
    ------
    ValueError
        In one sentence, for an empty number or characters that a DICOM object cannot hold.
    """
    patient_id, patient_name = patient_id.strip(), patient_name.strip()
    if not patient_id:
        raise ValueError("A patient's name needs the patient's number beside it.")
    for what, text in (("number", patient_id), ("name", patient_name)):
        if len(text) > MAX_CHARACTERS or "\\" in text or not text.isprintable():
            raise ValueError(
                f"The patient's {what} has {len(text)} characters; up to {MAX_CHARACTERS} are "
                "possible, without a backslash and without line breaks."
            )
    return Identity(patient_id, patient_name)


def identity_in(data: bytes) -> Identity | None:
    """Read whose recording a DICOM object holds.

    Parameters
    ----------
    data : bytes
        The whole file, of any kind.

    Returns
    -------
    Identity or None
        None for any other file, and for an object that names no patient.
    """
    if not _SIGNATURE.match(data):
        return None
    from ecgapp.io.decoders.isolation import read_isolated

    try:
        facts = read_isolated("identity", data, 0).facts
    except Refusal:
        return None
    return Identity(**facts) if facts["patient_id"] else None
