"""The rules of the house: who may import whom, and what may be committed."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from paths import ROOT

PACKAGE = ROOT / "ecgapp"

OFFLINE_LIBRARIES = (
    "keras", "tensorflow", "tf2onnx", "onnx", "skimage", "sklearn", "mapie", "cleanlab",
)  # fmt: skip
MODELS_LIMIT_MB = 90


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


def rooms_of_the_list() -> list[str]:
    """Room names in the order of the list in docs/architecture.md, as modules."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    listed = text.partition("```\necgapp/\n")[2].partition("```")[0]
    entries = re.findall(r"^  (\w+(?:\.py|/))", listed, re.MULTILINE)
    return [entry.removesuffix("/").removesuffix(".py") for entry in entries]


ROOMS = rooms_of_the_list()
OFFLINE = ROOMS[ROOMS.index("training") :]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


PACKAGE_FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {module_name(path): path for path in PACKAGE_FILES}
SERVED_FILES = [p for p in PACKAGE_FILES if room_of(p) not in (*OFFLINE, "__main__")]
FACE_FILES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]
# Top-level names that are the project itself.
OWN = ("ecgapp", "pages")


def own_imports(path: Path) -> set[Path]:
    """Files of the package that a file imports, whenever and for whatever reason."""
    found = set()
    for one in imports_of(path):
        for name in (one.module, one.module.rpartition(".")[0]):
            if name in MODULES:
                found.add(MODULES[name])
                break
    return found


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PACKAGE_FILES, ids=relative)
def test_package_never_imports_streamlit(path):
    assert not [i for i in imports_of(path) if belongs(i.module, ("streamlit",))]


def test_every_file_is_in_a_room_of_the_list():
    assert {room_of(path) for path in PACKAGE_FILES} == {*ROOMS, "__main__"}


@pytest.mark.parametrize("room", ROOMS)
def test_room_uses_only_rooms_above_it(room):
    allowed = {*ROOMS[: ROOMS.index(room) + 1], "__init__"}
    if ROOMS.index(room) < ROOMS.index("__init__"):
        allowed.discard("__init__")
    files = [path for path in PACKAGE_FILES if room_of(path) == room]
    below = {
        relative(path): sorted(relative(p) for p in own_imports(path) if room_of(p) not in allowed)
        for path in files
    }
    assert not {path: imports for path, imports in below.items() if imports}


@pytest.mark.parametrize("room", ROOMS)
def test_room_holds_no_circle_of_imports(room):
    graph = {
        path: {other for other in own_imports(path) if room_of(other) == room} - {path}
        for path in PACKAGE_FILES
        if room_of(path) == room
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(relative(path) for path in circle.args[1]))


@pytest.mark.parametrize("path", SERVED_FILES + FACE_FILES, ids=relative)
def test_served_rooms_never_import_offline_libraries(path):
    assert not [i for i in imports_of(path) if belongs(i.module, OFFLINE_LIBRARIES)]


@pytest.mark.parametrize("path", FACE_FILES, ids=relative)
def test_pages_never_import_the_offline_half(path):
    assert not [p for p in own_imports(path) if room_of(p) in OFFLINE]


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "training" / "networks").glob("*.py")), ids=relative
)
def test_networks_run_on_any_keras_backend(path):
    assert not [i for i in imports_of(path) if belongs(i.module, ("tensorflow", "torch", "jax"))]


def test_serving_loads_no_training_framework():
    served = [module_name(path) for path in SERVED_FILES]
    unwanted = ("streamlit", *(f"ecgapp.{room}" for room in OFFLINE), *OFFLINE_LIBRARIES)
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


def test_a_reading_does_not_wait_for_pandas():
    script = (
        "import sys, ecgapp, ecgapp.cli.read, ecgapp.report.json_and_csv\n"
        "ecgapp.diagnose(b'')\n"
        "assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)


def test_serving_leaves_nothing_in_the_home_folder(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path)}
    for name in ("ORT_DISABLE_TELEMETRY", "CI"):
        environment.pop(name, None)
    script = "from ecgapp.io.weights import onnxruntime; onnxruntime.get_available_providers()"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def declared(group: str) -> dict[str, Requirement]:
    """Direct requirements of pyproject.toml: ``serve``, ``cluster``, ``train`` or ``dev``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    texts = {
        "serve": project["project"]["dependencies"],
        "cluster": project["project"]["optional-dependencies"]["cluster"],
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
    requirements = declared("serve").keys() | declared("cluster").keys()
    undeclared = set()
    for path in SERVED_FILES + FACE_FILES:
        for found in imports_of(path):
            top = found.module.partition(".")[0]
            if top in sys.stdlib_module_names or top in OFFLINE_LIBRARIES:
                continue  # the offline ones have a test of their own
            owners = {canonicalize_name(name) for name in distributions.get(top, [top])}
            if top not in OWN and not owners & requirements:
                undeclared.add((relative(path), top))
    assert not undeclared


def committed_files() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_models_stay_small_enough_to_clone():
    files = [path for path in (ROOT / "models").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) < MODELS_LIMIT_MB * 1e6


def test_no_committed_file_names_a_developer_machine():
    machine_path = re.compile(rb"(?<![\w.~$}])/(?:work|home|root|Users|opt)/\w+|file:///\w")
    found = {
        relative(path): match.group()
        for path in committed_files()
        if (match := machine_path.search(path.read_bytes()))
    }
    assert not found


def is_number(node: ast.AST) -> bool:
    """Whether a number stands in an expression; indices such as ``parents[1]`` do not count."""
    if isinstance(node, ast.Subscript):
        return is_number(node.value)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    return any(is_number(child) for child in ast.iter_child_nodes(node))


def unexplained_numbers(text: str) -> list[str]:
    """Constants of a module that hold numbers and have no comment, neither beside nor above them.

    A comment above counts for all the lines down to the next empty one.
    """
    lines = text.splitlines()
    found = []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not (
            node.value and is_number(node.value)
        ):
            continue
        first = node.lineno - 1
        above = list(takewhile(str.strip, reversed(lines[:first])))
        own = lines[first : node.end_lineno]
        if not any(line.startswith("#") for line in above) and not any("  # " in o for o in own):
            found.append(ast.unparse(node).partition(" = ")[0])
    return found


@pytest.mark.parametrize("path", PACKAGE_FILES, ids=relative)
def test_every_number_at_the_top_of_a_file_has_a_reason(path):
    assert not unexplained_numbers(path.read_text("utf-8"))


def test_a_number_without_a_reason_is_found():
    text = "# Set by hand.\nA = 1\nB = 2\n\nC = 3\nD = 4.5  # mm\nE = ('a', [6])\nF = 'b'\n"
    assert unexplained_numbers(text) == ["C", "E"]
