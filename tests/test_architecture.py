"""The rules of the house: who may import whom, and what may be committed."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ecgapp"

OFFLINE_ROOMS = ("ecgapp.nets", "ecgapp.study")
OFFLINE_LIBRARIES = (
    "keras", "tensorflow", "tf2onnx", "onnx", "skimage", "sklearn", "mapie", "cleanlab",
)  # fmt: skip
# From bytes to report: a room may use those before it, never one after it.
ROOMS_IN_ORDER = (
    "intake", "sheet", "leads", "trace", "measure", "runtime", "verdict", "explain", "report",
)  # fmt: skip
MODELS_LIMIT_MB = 60


class Import(NamedTuple):
    module: str
    late: bool  # costs nothing at import: inside a function, or for the type checker only
    line: int


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, with ``from a import b`` given as ``a.b``."""
    pending: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text("utf-8")), False)]
    while pending:
        node, late = pending.pop()
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, late, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                yield Import(f"{node.module}.{alias.name}", late, node.lineno)
        late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        late = late or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        pending.extend((child, late) for child in ast.iter_child_nodes(node))


def belongs(module: str, owners: tuple[str, ...]) -> bool:
    return any(module == owner or module.startswith(owner + ".") for owner in owners)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


PACKAGE_FILES = sorted(PACKAGE.rglob("*.py"))
SERVED_FILES = [path for path in PACKAGE_FILES if not belongs(module_name(path), OFFLINE_ROOMS)]
FACE_FILES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PACKAGE_FILES, ids=relative)
def test_package_never_imports_streamlit(path):
    assert not [i for i in imports_of(path) if belongs(i.module, ("streamlit",))]


@pytest.mark.parametrize("path", SERVED_FILES + FACE_FILES, ids=relative)
def test_served_rooms_never_import_the_offline_half(path):
    found = [i for i in imports_of(path) if belongs(i.module, OFFLINE_ROOMS + OFFLINE_LIBRARIES)]
    if path == PACKAGE / "cli.py":
        # The offline commands hang on the same command line; they load what they need when run.
        found = [i for i in found if not i.late]
    assert not found


@pytest.mark.parametrize("path", sorted((PACKAGE / "nets").glob("*.py")), ids=relative)
def test_nets_run_on_any_keras_backend(path):
    assert not [i for i in imports_of(path) if belongs(i.module, ("tensorflow", "torch", "jax"))]


@pytest.mark.parametrize("room", ROOMS_IN_ORDER)
def test_room_uses_only_rooms_before_it(room):
    later = tuple(f"ecgapp.{r}" for r in ROOMS_IN_ORDER[ROOMS_IN_ORDER.index(room) + 1 :])
    files = [p for p in SERVED_FILES if belongs(module_name(p), (f"ecgapp.{room}",))]
    assert not {relative(p): i for p in files for i in imports_of(p) if belongs(i.module, later)}


def test_serving_loads_no_training_framework():
    served = [module_name(p) for p in SERVED_FILES if p.name != "__main__.py"]
    unwanted = ("streamlit", *OFFLINE_ROOMS, *OFFLINE_LIBRARIES)
    script = (
        "import importlib, sys\n"
        f"for name in {served!r}: importlib.import_module(name)\n"
        "ecgapp = importlib.import_module('ecgapp')\n"
        "ecgapp.diagnose(b'')\n"
        f"print(*sorted(set(sys.modules) & set({unwanted!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_serving_leaves_nothing_in_the_home_folder(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path)}
    for name in ("ORT_DISABLE_TELEMETRY", "CI"):
        environment.pop(name, None)
    script = "from ecgapp.runtime import onnxruntime; onnxruntime.get_available_providers()"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def declared(group: str) -> dict[str, Requirement]:
    """Direct requirements of pyproject.toml: ``serve``, ``train`` or ``dev``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    texts = {
        "serve": project["project"]["dependencies"],
        "train": project["project"]["optional-dependencies"]["train"],
        "dev": project["dependency-groups"]["dev"],
    }[group]
    return {canonicalize_name(Requirement(text).name): Requirement(text) for text in texts}


def locked(name: str) -> dict[str, Version]:
    """Pins of a lock file; fails on an entry that is not one version with hashes."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    pins = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line.split(" --hash")[0])
            (pin,) = requirement.specifier
            assert pin.operator == "==", line
            assert "--hash=sha256:" in line, f"{name}: {requirement.name} has no hash"
            pins[canonicalize_name(requirement.name)] = Version(pin.version)
    return pins


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("requirements-serve.txt", ["serve"]),
        ("requirements.txt", ["serve", "train"]),
        ("requirements-dev.txt", ["serve", "train", "dev"]),
    ],
)
def test_lock_file_holds_what_pyproject_asks_for(lock, groups):
    pins = locked(lock)
    for group in groups:
        for name, requirement in declared(group).items():
            assert name in pins, f"{lock} lacks {name}: run make lock"
            assert pins[name] in requirement.specifier, f"{lock}: {name} {pins[name]}"


def test_lock_files_agree():
    everything = locked("requirements-dev.txt")
    for lock in ("requirements.txt", "requirements-serve.txt"):
        assert locked(lock).items() <= everything.items(), f"{lock}: run make lock"


def test_serving_installs_no_training_framework():
    assert not set(locked("requirements-serve.txt")) & {"tensorflow", "tensorflow-cpu", "keras"}


def test_served_imports_are_declared_as_serving_requirements():
    distributions = packages_distributions()
    undeclared = set()
    for path in SERVED_FILES + FACE_FILES:
        for found in imports_of(path):
            top = found.module.partition(".")[0]
            if top in sys.stdlib_module_names or top in OFFLINE_LIBRARIES:
                continue  # the offline ones have a test of their own
            owners = {canonicalize_name(name) for name in distributions.get(top, [top])}
            if top != "ecgapp" and not owners & set(declared("serve")):
                undeclared.add((relative(path), top))
    assert not undeclared


def committed_files() -> list[Path]:
    """What lies in the folders that are committed, caches left out."""
    folders = ("ecgapp", "models", "pages", "tests", ".ci", ".github", ".streamlit")
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return [
        path
        for path in [*ROOT.iterdir(), *inside]
        if path.is_file() and "__pycache__" not in path.parts
    ]


def test_models_stay_small_enough_to_clone():
    size = sum(path.stat().st_size for path in (ROOT / "models").rglob("*") if path.is_file())
    assert size < MODELS_LIMIT_MB * 1e6


def test_no_committed_file_names_a_developer_machine():
    machine_path = re.compile(rb"(?<![\w.~$}])/(?:work|home|root|Users|opt)/\w+|file:///\w")
    found = {
        relative(path): match.group()
        for path in committed_files()
        if (match := machine_path.search(path.read_bytes()))
    }
    assert not found
