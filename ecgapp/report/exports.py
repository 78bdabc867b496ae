"""A diagnosis in the formats of other systems, with whose it is."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

from ecgapp.io.identity import Identity, identity_in, pseudonym, typed_identity
from ecgapp.report.language import ENGLISH, speaking
from ecgapp.report.wfdb import to_wfdb_zip

if TYPE_CHECKING:
    from ecgapp.pipeline import Diagnosis
    from ecgapp.report.fhir import Release


def find_identity(
    data: bytes, patient_id: str = "", patient_name: str = "", pseudonymous: bool = False
) -> Identity:
    """Say whose the sheet is.

    Parameters
    ----------
    data : bytes
        The file.
    patient_id, patient_name : str
        As typed in; empty where nothing was.
    pseudonymous : bool
        Whether to leave aside what a DICOM file says.

    Returns
    -------
    Identity
        What was typed in, else what the file says, else a pseudonym.

    Raises
    ------
    ValueError
        In one sentence, for what cannot be a patient's number or name.
    """
    if patient_id.strip() or patient_name.strip():
        return typed_identity(patient_id, patient_name)
    found = None if pseudonymous else identity_in(data)
    return found or pseudonym(hashlib.sha256(data).hexdigest())


def write_report(
    diagnosis: Diagnosis,
    report_format: str,
    data: bytes,
    file: str,
    identity: Identity,
    read_at: datetime | None = None,
) -> bytes:
    """Write a report in one of the formats that `ecgapp report` knows.

    Parameters
    ----------
    diagnosis : Diagnosis
        One that has a verdict.
    report_format : str
        ``pdf``, ``fhir`` or ``fhir-r5`` (JSON), ``dicom`` (a ZIP of three objects) or ``wfdb`` (a
        ZIP of a record, which names nobody).
    data : bytes
        The file that was read.
    file : str
        What to call it.
    identity : Identity
        Of whom.
    read_at : datetime, optional
        When it was read; now when left out.

    Returns
    -------
    bytes
    """
    read_at = (read_at or datetime.now()).astimezone()
    # For machines, which know the English wording.
    with speaking(ENGLISH):
        return _written(diagnosis, report_format, data, file, identity, read_at)


def _written(
    diagnosis: Diagnosis,
    report_format: str,
    data: bytes,
    file: str,
    identity: Identity,
    read_at: datetime,
) -> bytes:
    if report_format == "wfdb":
        return to_wfdb_zip(diagnosis)
    # Late: fpdf2 and pydicom are needed for nothing else that a page or command does.
    from ecgapp.report.pdf import to_pdf

    pdf = to_pdf(diagnosis, file, read_at, hashlib.sha256(data).hexdigest())
    if report_format in ("fhir", "fhir-r5"):
        from ecgapp.report.fhir import to_fhir

        release: Release = "R5" if report_format == "fhir-r5" else "R4"
        return to_fhir(diagnosis, file, read_at, identity, pdf, release).encode()
    if report_format == "dicom":
        from ecgapp.report.dicom import to_dicom_zip

        return to_dicom_zip(diagnosis, read_at, identity, pdf)
    return pdf
