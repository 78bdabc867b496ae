"""What all commands share: help that loads nothing, plain words for whatever goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from ecgapp import __version__
from ecgapp.benchmark import leads
from ecgapp.cli import main
from ecgapp.cli.common import printable
from ecgapp.training.run_folder import StaleRunError, UnfinishedRunError

HEAVY = ("numpy", "cv2", "pandas", "PIL", "onnxruntime", "rich", "pydicom", "keras")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ecgapp", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["predict", "--help"]])
def test_help_loads_no_library(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom ecgapp.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        f"print('LOADED', *sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.rpartition("LOADED")[2].split() == []


@pytest.mark.parametrize("command", main.COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"usage: ecgapp {command}" in shown
    assert "options:" in shown


def test_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--version"])
    assert capsys.readouterr().out == f"ecgapp {__version__}\n"
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_an_unforeseen_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(models: Path) -> None:
        raise KeyError("sheet\x1b[31m")

    monkeypatch.setattr("ecgapp.evaluation.summary.evaluate_shipped", fail)
    assert main.main(["evaluate"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "evaluate failed: KeyError" in shown.err
    assert "\x1b" not in shown.err


def test_wrong_usage_repeats_no_control_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["\x1b]0;title\x07"])
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert "invalid choice" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Élène.jpg", "plain Élène.jpg"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb", "a\\nb"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\udcff", "\\udcff"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_models_can_be_taken_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "cnn").mkdir()
    (tmp_path / "cnn" / "metadata.json").write_text("{")
    done = run("predict", "missing.jpg", "--models", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
    for command in ("predict", "digitize", "app", "evaluate", "export"):
        required = {"predict": ["x"], "digitize": ["x", "-o", "x.csv"]}.get(command, [])
        wrong = run(command, *required, "--models", str(tmp_path / "none"))
        assert wrong.returncode == 2
        assert "there is no folder" in wrong.stderr


@pytest.mark.parametrize("error", [StaleRunError, UnfinishedRunError])
def test_a_run_folder_that_does_not_fit_is_said_in_one_line(
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(data: Path) -> None:
        raise error("runs/cnn holds a run of other data")

    monkeypatch.setattr(leads, "check_sheets", stop)
    assert main.main(["check", "leads", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "runs/cnn holds a run of other data\n"
