"""Signals in the formats of other tools, read back by those tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from PIL import Image

from ecgapp.cli import main
from ecgapp.ecg import LEADS, Signals
from ecgapp.io.dicom_waveform import read_waveform, write_dicom_waveform
from ecgapp.io.signals_csv import read_signals_csv
from ecgapp.io.wfdb_record import write_wfdb, write_wfdb_beats
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate


def with_gaps() -> Signals:
    leads = {lead: values.copy() for lead, values in simulate(PatientModel()).leads.items()}
    leads["V1"][:2500] = np.nan
    leads["aVR"][:] = np.nan
    return Signals(500, leads)


def read_record(folder: Path, name: str) -> wfdb.Record:
    return wfdb.rdrecord(str(folder / name))


class TestWfdb:
    def test_wfdb_reads_the_same_with_its_gaps(self, tmp_path: Path) -> None:
        signals = with_gaps()
        for name, content in write_wfdb(signals, "sheet_1").items():
            (tmp_path / name).write_bytes(content)
        record = read_record(tmp_path, "sheet_1")
        assert record.fs == 500
        assert tuple(record.sig_name) == LEADS
        assert set(record.units) == {"mV"}
        expected = np.column_stack([signals.leads[lead] for lead in LEADS])
        np.testing.assert_allclose(record.p_signal, expected, atol=5.01e-4)

    def test_the_header_says_what_wfdb_itself_would(self, tmp_path: Path) -> None:
        signals = simulate(PatientModel())
        files = write_wfdb(signals, "ours")
        (tmp_path / "ours.hea").write_bytes(files["ours.hea"])
        (tmp_path / "ours.dat").write_bytes(files["ours.dat"])
        ours = wfdb.rdrecord(str(tmp_path / "ours"), physical=False)
        steps = ours.d_signal.astype(np.int64)
        assert [k % 65536 for k in ours.checksum] == list(steps.sum(axis=0) % 65536)
        assert ours.init_value == list(steps[0])
        assert ours.sig_len == 5000
        assert len(files["ours.dat"]) == 5000 * 12 * 2

    def test_beats_come_back_however_far_apart(self, tmp_path: Path) -> None:
        beats = [(0, 1), (400, 1), (1423, 13), (2447, 1), (150_000, 13)]
        (tmp_path / "a.qrs").write_bytes(write_wfdb_beats(beats))
        read = wfdb.rdann(str(tmp_path / "a"), "qrs")
        assert read.sample.tolist() == [sample for sample, _ in beats]
        assert read.symbol == ["N", "N", "Q", "N", "Q"]

    @pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "é", "x" * 65])
    def test_a_name_that_wfdb_does_not_take_is_an_error(self, name: str) -> None:
        with pytest.raises(ValueError, match="name"):
            write_wfdb(simulate(PatientModel()), name)


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sheets") / "sheet.png"
    render(simulate(PatientModel()), "3x4").save(path)
    return path


@pytest.fixture(scope="module")
def traced(sheet: Path) -> Signals:
    table = sheet.with_suffix(".csv")
    assert main.main(["digitize", str(sheet), "-o", str(table)]) == 0
    return read_signals_csv(table.read_bytes())


class TestCommand:
    @pytest.mark.parametrize("suffix", [".hea", ".dat"])
    def test_either_name_of_a_record_writes_both_files(
        self, suffix: str, sheet: Path, traced: Signals
    ) -> None:
        output = sheet.with_name("record" + suffix)
        assert main.main(["digitize", str(sheet), "-o", str(output)]) == 0
        record = read_record(sheet.parent, "record")
        expected = np.column_stack([traced.leads[lead] for lead in LEADS])
        np.testing.assert_allclose(record.p_signal, expected, atol=6e-4)

    def test_a_record_has_its_beats_beside_it(self, sheet: Path) -> None:
        assert main.main(["digitize", str(sheet), "-o", str(sheet.with_name("beats.hea"))]) == 0
        read = wfdb.rdann(str(sheet.with_name("beats")), "qrs")
        # The simulated heart beats 70 times a minute.
        assert 10 <= len(read.sample) <= 13
        assert np.abs(np.diff(read.sample) - 60 / 70 * 500).max() < 30
        assert set(read.symbol) == {"N"}

    def test_a_dicom_object(self, sheet: Path, traced: Signals) -> None:
        output = sheet.with_name("out.dcm")
        assert main.main(["digitize", str(sheet), "-o", str(output)]) == 0
        back = read_waveform(output.read_bytes())
        assert back is not None
        for lead in LEADS:
            np.testing.assert_allclose(back.leads[lead], traced.leads[lead], atol=6e-4)

    def test_a_waveform_object_needs_no_tracing(self, tmp_path: Path) -> None:
        signals = with_gaps()
        (tmp_path / "a.dcm").write_bytes(write_dicom_waveform(signals))
        command = ["digitize", str(tmp_path / "a.dcm"), "-o", str(tmp_path / "a.csv")]
        assert main.main(command) == 0
        back = read_signals_csv((tmp_path / "a.csv").read_bytes())
        for lead in LEADS:
            np.testing.assert_allclose(back.leads[lead], signals.leads[lead], atol=6e-4)

    def test_the_first_page_with_a_sheet_is_traced(self, sheet: Path, traced: Signals) -> None:
        letter = Image.new("RGB", (1654, 2339), "white")
        document = sheet.with_suffix(".pdf")
        page = Image.open(sheet).convert("1")
        letter.convert("1").save(document, save_all=True, append_images=[page], resolution=200)
        output = sheet.with_name("again.csv")
        assert main.main(["digitize", str(document), "-o", str(output)]) == 0
        back = read_signals_csv(output.read_bytes())
        known = np.isfinite(back.leads["V2"]) & np.isfinite(traced.leads["V2"])
        assert known.sum() > 1000
        assert np.abs(back.leads["V2"][known] - traced.leads["V2"][known]).mean() < 0.03

    def test_a_name_that_wfdb_does_not_take_is_wrong_usage(
        self, sheet: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as stopped:
            main.main(["digitize", str(sheet), "-o", str(sheet.with_name("a b.hea"))])
        assert stopped.value.code == 2
        assert "WFDB" in capsys.readouterr().err
