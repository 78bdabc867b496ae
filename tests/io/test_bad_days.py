"""What goes wrong around the program: files that are gone, no home, no place to write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bad_files import sheets
from paths import ROOT

from ecgapp.io.weights import MODELS_FOLDER
from ecgapp.synthesis.samples import draw_sample

pytestmark = pytest.mark.slow

SHIPPED = ("cnn/model.onnx", "twelve_lead/model.onnx", "names/model.onnx", "cnn/metadata.json",
           "verdict.json", "abstention.json", "checksums.json")  # fmt: skip


def predict(file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ecgapp", "predict", str(file)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "sheet.jpg"
    path.write_bytes(draw_sample("Normal rhythm"))
    return path


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Copy what serving reads."""
    folder = tmp_path / "models"
    for pattern in ("*.json", "*/metadata.json", "*/*.onnx"):
        for path in MODELS_FOLDER.glob(pattern):
            copy = folder / path.relative_to(MODELS_FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return folder


@pytest.mark.parametrize("harm", ["missing", "cut"])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_damaged_installation_names_what_is_damaged(
    sheet: Path, models: Path, name: str, harm: str
) -> None:
    file = models / name
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-20])
    done = predict(sheet, ECGAPP_MODELS=str(models))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert Path(name).parts[0] in done.stderr


def test_reading_needs_no_home_and_no_place_to_write(sheet: Path, tmp_path: Path) -> None:
    """Kinds that are read in a process of their own included."""
    nowhere = tmp_path / "no such folder"
    environment = {name: str(nowhere) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    document = tmp_path / "sheet.pdf"
    document.write_bytes(sheets()["pdf"])
    before = set(tmp_path.rglob("*"))
    for file in (sheet, document):
        done = predict(file, **environment)
        assert done.returncode == 0, done.stderr
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_reading_writes_no_byte_to_any_disk(sheet: Path) -> None:
    """As on a disk that is full, or a file system that is read-only."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
        "from ecgapp import diagnose;"
        "sys.exit(diagnose(open(sys.argv[1], 'rb').read()).refusal is not None)"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, str(sheet)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_full_disk_is_said_in_words(sheet: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    done = subprocess.run(
        [sys.executable, "-m", "ecgapp", "predict", str(sheet)],
        cwd=ROOT,
        stdout=open("/dev/full", "wb"),  # noqa: SIM115
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode != 0
    assert "No space left" in done.stderr
