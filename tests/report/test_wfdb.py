"""The WFDB record of a reading, read back by WFDB's own tools."""

import io
import zipfile

import numpy as np
import pytest
import wfdb
from fakes import install

from ecgapp.ecg import DISCLAIMER, LEADS
from ecgapp.pipeline import Diagnosis, diagnose
from ecgapp.report.wfdb import to_wfdb_zip
from ecgapp.synthesis.samples import draw_sample


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        return diagnose(draw_sample("Premature beats"))


@pytest.fixture(scope="module")
def record(diagnosis, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("record")
    with zipfile.ZipFile(io.BytesIO(to_wfdb_zip(diagnosis))) as archive:
        assert sorted(archive.namelist()) == [
            f"ecg_reading.{kind}" for kind in ("dat", "hea", "qrs")
        ]
        archive.extractall(folder)
    return str(folder / "ecg_reading")


def test_leads_come_back_with_what_was_measured_and_found(record, diagnosis):
    read = wfdb.rdrecord(record)
    expected = np.column_stack([diagnosis.signals.leads[lead] for lead in LEADS])
    np.testing.assert_allclose(read.p_signal, expected, atol=5.01e-4)
    rate = round(diagnosis.measurements["heart_rate_bpm"].value)
    assert f"Heart rate: {rate} bpm" in read.comments
    assert all(finding.text in " ".join(read.comments) for finding in diagnosis.findings)
    assert DISCLAIMER in " ".join(read.comments)
    assert diagnosis.findings


def test_every_beat_is_marked_and_those_of_another_shape_as_of_no_class(record, diagnosis):
    beats = wfdb.rdann(record, "qrs")
    assert beats.symbol.count("Q") == diagnosis.measurements["premature_beats"].value
    # Every fourth beat of the sample comes early and is wide.
    wide = [number for number, symbol in enumerate(beats.symbol) if symbol == "Q"]
    assert set(np.diff(wide)) == {4}
    assert set(beats.symbol) == {"N", "Q"}


def test_a_refused_file_has_no_record():
    with pytest.raises(ValueError, match="nothing to report"):
        to_wfdb_zip(Diagnosis())
