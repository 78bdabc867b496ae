"""What was read from a sheet, kept on disk until the sheet or the way of reading changes.

A version number that somebody has to raise is forgotten one day, and a network is then trained on
curves that nobody traces any more. So the cache is keyed by the code itself, and by the versions of
the libraries that read pictures.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from functools import cache as remember
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A new version may decode, smooth or trace a pixel differently.
LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "scipy")

Arrays = dict[str, NDArray[Any]]

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)

_PACKAGE_NAME = __name__.partition(".")[0]
_ROOT = Path(__file__).resolve().parents[2]


def cached_arrays(path: Path, cache: Path, read: Callable[[bytes], Arrays]) -> Arrays:
    """Read a sheet's file, or take what was read from the same bytes by the same code before.

    The same code are the same modules of this package, with the same `LIBRARIES`.

    Parameters
    ----------
    path : Path
    cache : Path
        Made if it is missing.
    read : callable
        A file's bytes -> arrays by name; its module counts as part of the code.

    Returns
    -------
    dict of str to ndarray
    """
    data = path.read_bytes()
    return kept_arrays(hashlib.sha256(data).hexdigest(), cache, read.__module__, lambda: read(data))


def kept_arrays(content: str, cache: Path, module: str, make: Callable[[], Arrays]) -> Arrays:
    """Make arrays, or take what the same code made of the same content before.

    Parameters
    ----------
    content : str
        SHA-256 of what the arrays are made of.
    cache : Path
        Made if it is missing.
    module : str
        Dotted name of the module that makes them; it and all that it imports are the code.
    make : callable
        Nothing -> arrays by name.

    Returns
    -------
    dict of str to ndarray
    """
    folder = cache / reading_digest(module)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    cached = folder / f"{content}.npz"
    if not cached.exists():
        # Renamed into place, so that an interruption leaves no half-written file in the cache.
        partial = cached.with_suffix(f".{os.getpid()}.tmp")
        with partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **make())
        os.replace(partial, cached)
    with np.load(cached, allow_pickle=False) as arrays:
        return dict(arrays)


@remember
def reading_digest(module: str) -> str:
    """SHA-256 over what decides how a module reads a sheet: code, and versions of libraries."""
    libraries = " ".join(f"{name}=={version(name)}" for name in LIBRARIES)
    return hashlib.sha256(
        f"{code_digest(imported_sources(module))} {libraries}".encode()
    ).hexdigest()


def code_digest(sources: Iterable[Path]) -> str:
    """SHA-256 over the code of some files, comments and docstrings left out."""
    sha256 = hashlib.sha256()
    for source in sorted(sources):
        tree = ast.parse(source.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
                del node.body[0]
        sha256.update(ast.dump(tree).encode())
    return sha256.hexdigest()


def imported_sources(module: str) -> set[Path]:
    """Find the files of this package that a module imports, directly or through others.

    Parameters
    ----------
    module : str
        Its dotted name.

    Returns
    -------
    set of Path
        The module's own file among them.
    """
    found: set[Path] = set()
    pending = {_source(module) or Path(str(sys.modules[module].__file__))}
    while pending:
        source = pending.pop()
        found.add(source)
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            pending |= {path for name in names if (path := _source(name))} - found
    return found


def _source(module: str) -> Path | None:
    """Where a module of this package lies; None for other packages' and for what is no module."""
    path = _ROOT.joinpath(*module.split("."))
    if not module.startswith(f"{_PACKAGE_NAME}."):
        return None
    return next(
        (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None
    )
