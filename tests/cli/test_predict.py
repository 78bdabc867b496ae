import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import fakes
import pytest
from paths import ROOT

from ecgapp import Diagnosis, __version__, diagnose, pipeline
from ecgapp.cli import main
from ecgapp.ecg import LEADS
from ecgapp.inference import shipped_models, verdict
from ecgapp.io.dicom_waveform import encode_dicom, waveform_object
from ecgapp.sheet.detect import names, printed_settings
from ecgapp.synthesis.samples import SAMPLES, draw_sample
from ecgapp.synthesis.simulate import PatientModel, simulate


@pytest.fixture(autouse=True)
def fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.install(monkeypatch)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "sheet.jpg"
    path.write_bytes(draw_sample(next(iter(SAMPLES))))
    return path


def test_json_is_one_array_with_one_object_a_file_in_the_order_given(
    sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    missing = tmp_path / "missing.png"
    assert main.main(["predict", str(text), str(sheet), str(missing), "--json"]) == 3
    refused, read, unopened = json.loads(capsys.readouterr().out)
    assert refused["file"] == str(text)
    assert refused["status"] == unopened["status"] == "refused"
    assert (read["page"], read["pages"]) == (1, 1)
    assert read["version"] == refused["version"] == unopened["version"] == __version__
    assert set(refused["reason"]) == {"code", "message"}
    assert "No such file" in unopened["reason"]["message"]

    assert read["file"] == str(sheet)
    assert read["status"] == "ok"
    assert read["sheet"]["layout"] == "3x4"
    assert read["sheet"]["px_per_mm"] == pytest.approx(7.874, abs=1e-3)
    assert list(read["leads"])[:3] == ["I", "II", "III"]
    assert set(read["leads"]) == {*LEADS, "rhythm"}
    assert set(read["leads"]["V6"]) == {"cnn", "crnn"}
    assert read["verdict"]["label"] == "mi"
    assert sum(read["verdict"]["probabilities"].values()) == pytest.approx(1)
    assert set(read["verdict"]["by_model"]) == {"cnn", "crnn", "twelve_lead", "statements"}
    assert all(0 < one["probability"] < 1 for one in read["statements"].values())
    assert isinstance(read["verdict"]["confident"], bool)
    assert {"decode", "sheet", "leads", "models", "total"} <= set(read["timings_ms"])


def test_exit_status_is_0_when_every_file_was_read(
    sheet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["predict", str(sheet)]) == 0
    assert "mi" in capsys.readouterr().out


def test_no_file_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as exit_info:
        main.main(["predict", "--json"])
    assert exit_info.value.code == 2


def test_files_keep_the_names_that_they_were_given(
    sheet: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sheet.parent)
    assert main.main(["predict", "./sheet.jpg", ".//missing.jpg", "--json"]) == 3
    read, refused = json.loads(capsys.readouterr().out)
    assert (read["file"], refused["file"]) == ("./sheet.jpg", ".//missing.jpg")


def test_names_that_the_terminal_cannot_show_are_spelled_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main.main(["predict", "\u00c9l\u00e8ne.jpg"]) == 3
    terminal.seek(0)
    assert terminal.read().startswith("\\xc9l\\xe8ne.jpg: refused.")


def test_what_is_no_regular_file_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    places = [str(tmp_path), str(pipe), "/dev/zero", "null\0byte"]
    assert main.main(["predict", *places, "--json"]) == 3
    refused = json.loads(capsys.readouterr().out)
    assert [one["reason"]["code"] for one in refused] == ["cannot_open"] * 4
    said = [one["reason"]["message"] for one in refused]
    assert "a folder" in said[0]
    assert "a named pipe" in said[1]
    assert "a device" in said[2]
    assert main.main(["digitize", str(pipe), "-o", str(tmp_path / "out.csv")]) == 3
    assert main.main(["render", str(pipe), "-o", str(tmp_path / "out.png")]) == 3
    assert capsys.readouterr().err.count("a named pipe") == 2


def test_one_file_that_breaks_the_program_leaves_the_others_read(
    sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_on_marked(data: bytes) -> Diagnosis:
        if data == b"marked":
            raise ZeroDivisionError
        return diagnose(data)

    monkeypatch.setattr(pipeline, "diagnose", break_on_marked)
    marked = tmp_path / "marked.jpg"
    marked.write_bytes(b"marked")
    assert main.main(["predict", str(sheet), str(marked), str(sheet), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [one["status"] for one in found] == ["ok", "refused", "ok"]
    assert found[1]["reason"]["code"] == "internal_error"


def test_a_stopped_command_leaves_a_complete_array(
    sheet: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def stop_at_second(data: bytes) -> Diagnosis:
        if read:
            raise KeyboardInterrupt
        read.append(data)
        return diagnose(data)

    monkeypatch.setattr(pipeline, "diagnose", stop_at_second)
    assert main.main(["predict", str(sheet), str(sheet), "--json"]) == main.EXIT_INTERRUPTED
    assert [one["status"] for one in json.loads(capsys.readouterr().out)] == ["ok"]


def test_a_terminated_command_leaves_a_complete_array(sheet: Path) -> None:
    command = [sys.executable, "-m", "ecgapp", "predict", "--json", *[str(sheet)] * 2000]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline() + process.stdout.readline()
        process.terminate()
        assert 0 < len(json.loads(first + process.stdout.read())) < 2000
        assert process.stderr.read() == "Stopped.\n"
    assert process.returncode == main.EXIT_INTERRUPTED


def test_control_sequences_in_a_name_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = str(tmp_path / "a\x1b]0;title\x07\nb.jpg")
    assert main.main(["predict", name]) == 3
    shown = capsys.readouterr().out
    assert "\\x1b]0;title\\x07\\nb.jpg: refused." in shown
    assert shown.count("\n") == 1
    assert main.main(["predict", name, "--json"]) == 3
    (refused,) = json.loads(capsys.readouterr().out)
    assert refused["file"] == name
    assert main.main(["digitize", name, "-o", str(tmp_path / "out.csv")]) == 3
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "loader"),
    [
        (shipped_models, "load_models"),
        (shipped_models, "load_twelve_lead_network"),
        (shipped_models, "load_statement_network"),
        (verdict, "shipped_rule"),
        (names, "load_name_reader"),
        (printed_settings, "load_settings_reader"),
    ],
)
def test_a_damaged_installation_says_so_and_prints_no_half_array(
    sheet: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    loader: str,
) -> None:
    def damaged() -> None:
        raise shipped_models.ModelError("model cnn: the weights were changed")

    monkeypatch.setattr(module, loader, damaged)
    assert main.main(["predict", "missing.jpg", str(sheet), "--json"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "weights were changed" in output.err


def test_a_package_that_is_not_installed_is_named_with_the_way_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mapie", None)
    monkeypatch.setitem(sys.modules, "mapie.conformity_scores", None)
    for name in (
        "ecgapp.training.stacking",
        "ecgapp.training.model_card",
        "ecgapp.training.card_rows",
    ):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert main.main(["stack"]) == 1
    message = capsys.readouterr().err
    assert "mapie" in message
    assert "make lint" in message


def test_a_reader_that_stops_reading_sees_no_traceback() -> None:
    command = [sys.executable, "-m", "ecgapp", "predict", "missing.jpg", "--json"]
    root = ROOT
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("report_format", "begins"),
    [("pdf", b"%PDF"), ("fhir", b"{"), ("fhir-r5", b"{"), ("dicom", b"PK"), ("wfdb", b"PK")],
)
def test_report_is_written_in_the_format_asked_for(
    sheet: Path, tmp_path: Path, report_format: str, begins: bytes
) -> None:
    written = tmp_path / "report.out"
    command = ["report", str(sheet), "--format", report_format, "-o", str(written)]
    assert main.main([*command, "--patient-id", "4711", "--patient-name", "Doe^Jo"]) == 0
    assert written.read_bytes().startswith(begins)
    if report_format == "fhir":
        assert '"4711"' in written.read_text("utf-8")


def test_report_takes_the_patient_of_a_dicom_file_unless_told_otherwise(tmp_path: Path) -> None:
    recording = waveform_object(simulate(PatientModel()))
    recording.PatientID, recording.PatientName = "0815", "Roe^Al"
    file, written = tmp_path / "a.dcm", tmp_path / "report.json"
    file.write_bytes(encode_dicom(recording))
    command = ["report", str(file), "--format", "fhir", "-o", str(written)]
    assert main.main(command) == 0
    assert '"0815"' in written.read_text("utf-8")
    assert main.main([*command, "--pseudonymous"]) == 0
    assert '"0815"' not in written.read_text("utf-8")
    assert "ANON-" in written.read_text("utf-8")


def test_report_of_what_is_no_sheet_or_of_no_patient_is_refused_in_a_sentence(
    sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, written = tmp_path / "words.jpg", tmp_path / "report.pdf"
    words.write_text("no sheet")
    assert main.main(["report", str(words), "-o", str(written)]) == 3
    assert "words.jpg" in capsys.readouterr().err
    assert main.main(["report", str(sheet), "-o", str(written), "--patient-name", "Doe"]) == 2
    assert "needs the patient's number" in capsys.readouterr().err
    assert not written.exists()
