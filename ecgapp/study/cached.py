"""What was read from a sheet, kept on disk until the sheet or the way of reading changes.

A version number that somebody has to raise is forgotten one day, and a network is then trained on
curves that nobody traces any more. So the cache is keyed by the code itself.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache as remember
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)

_PACKAGE = Path(__file__).resolve().parents[1]
# The rooms that a sheet passes on its way to what networks read, beside all of ``sheet``.
_ROOMS = (
    "intake", "leads", "trace", "signals", "fusion_inputs", "beats", "mean_beats", "waves",
    "measure", "findings", "unlike",
)  # fmt: skip


def cached_arrays(path: Path, cache: Path, read: Callable[[bytes], Arrays]) -> Arrays:
    """Read a sheet's file, or take what was read from the same bytes by the same code before.

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
    folder = cache / code_digest(read.__module__)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    cached = folder / f"{hashlib.sha256(data).hexdigest()}.npz"
    if not cached.exists():
        # Renamed into place, so that an interruption leaves no half-written file in the cache.
        partial = cached.with_suffix(f".{os.getpid()}.tmp")
        with partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **read(data))
        os.replace(partial, cached)
    with np.load(cached, allow_pickle=False) as arrays:
        return dict(arrays)


@remember
def code_digest(module: str) -> str:
    """SHA-256 over the code that reads sheets and one module's; no comment or docstring counts."""
    sources = [_PACKAGE / f"{room}.py" for room in _ROOMS]
    sources += sorted((_PACKAGE / "sheet").rglob("*.py"))
    sources.append(Path(str(sys.modules[module].__file__)))
    sha256 = hashlib.sha256()
    for source in sources:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
                del node.body[0]
        sha256.update(ast.dump(tree).encode())
    return sha256.hexdigest()
