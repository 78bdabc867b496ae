"""What ``pip install ecgapp-*.whl`` gives, away from the checkout."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest
from paths import ROOT

from ecgapp import __version__
from ecgapp.synthesis.samples import draw_sample

SOURCES = (
    "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "app.py", "server.py",
    "pages", ".streamlit", "models", "ecgapp",
)  # fmt: skip
START_TIMEOUT_S = 60
# Graphs may take 45.
MAX_WHEEL_MB = 48


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build in a copy, so that the checkout stays as it is."""
    copy, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*command, str(copy)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment that holds the wheel beside what it requires."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=os.name == "posix")
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True, timeout=300)
    where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    here = [path for path in sys.path if path.endswith("site-packages")]
    Path(site, "requirements.pth").write_text("\n".join(here) + "\n")
    return python.parent


@pytest.fixture
def away(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing leads back to the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "HOME": str(tmp_path)}


def test_wheel_carries_what_serving_needs_and_no_training_weights(wheel: Path) -> None:
    assert wheel.name == f"ecgapp-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    shipped = {name.removeprefix("ecgapp/shipped/") for name in names}
    pages = {f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py")}
    models = {
        f"models/{name}/{file}"
        for name in ("cnn", "crnn", "twelve_lead", "names", "curves", "strokes")
        for file in ("model.onnx", "metadata.json")
    }
    assert pages | models | {"app.py", "server.py", "models/verdict.json"} <= shipped
    assert not [name for name in names if name.endswith((".keras", "pretrained.npz"))]
    assert wheel.stat().st_size < MAX_WHEEL_MB * 1e6


def test_installed_command_reads_a_sheet(
    installed: Path, away: dict[str, str], tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    sheet = tmp_path / "sheet.jpg"
    sheet.write_bytes(draw_sample("Normal rhythm"))
    command = [str(installed / "ecgapp"), "predict", str(sheet), "--json"]
    done = subprocess.run(command, cwd=empty, env=away, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["status"] == "ok"
    assert found["version"] == __version__
    assert {"cnn", "crnn", "twelve_lead"} <= set(found["verdict"]["by_model"])
    assert not list(empty.iterdir())


def test_installed_app_serves_until_it_is_stopped(
    installed: Path, away: dict[str, str], tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [str(installed / "ecgapp"), "app", "--port", str(port)],
        cwd=tmp_path, env=away, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", server)
    finally:
        server.terminate()
        server.wait(timeout=30)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "a server was left behind"


def wait_until_healthy(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert server.poll() is None, "the app stopped while it was starting"
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the app did not answer in time")


def test_installed_pages_find_their_files(
    installed: Path, away: dict[str, str], tmp_path: Path
) -> None:
    script = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "from ecgapp.io.installed import SHIPPED_FOLDER\n"
        "assert 'site-packages' in str(SHIPPED_FOLDER)\n"
        "sys.path.insert(0, str(SHIPPED_FOLDER))  # as streamlit run does\n"
        "for page in ('diagnose', 'evaluation'):\n"
        "    path = SHIPPED_FOLDER / 'pages' / f'{page}.py'\n"
        "    app = AppTest.from_file(str(path), default_timeout=60)\n"
        "    app.session_state['routed'] = True\n"
        "    app.run()\n"
        "    assert not app.exception and not app.error, (app.exception, app.error)\n"
    )
    command = [str(installed / "python"), "-c", script]
    done = subprocess.run(
        command, cwd=tmp_path, env=away, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
