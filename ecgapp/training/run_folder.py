"""What a folder of training runs remembers: what it is for, and what it has cost."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

_PLAN = "plan.json"
_COST = "cost.json"
_NOTE_EVERY_S = 15.0  # what a kill may leave uncounted


class StaleRunError(Exception):
    """The run folder holds a run of other data or of another recipe."""


class UnfinishedRunError(Exception):
    """The run folder holds no training that has ended."""


def claim(folder: Path, plan: dict[str, Any]) -> None:
    """Note what a run folder is for, so that a resumed run never mixes two.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    plan : dict
        Everything that makes the run what it is, as JSON writes it.

    Raises
    ------
    StaleRunError
        If the folder is for something else.
    """
    path = folder / _PLAN
    if path.exists():
        require_plan(folder, plan)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, plan)


def require_plan(folder: Path, plan: dict[str, Any]) -> None:
    """Make sure that a run folder is for a plan.

    Raises
    ------
    StaleRunError
        If it is for another one.
    FileNotFoundError
        If it was not claimed.
    """
    # Compared as JSON gives it back: a tuple is a list there.
    if read_plan(folder) != json.loads(json.dumps(plan)):
        raise StaleRunError(
            f"{folder} holds a run of other data or with other settings: choose another folder "
            "with --runs, or remove that one"
        )


def read_plan(folder: Path) -> dict[str, Any]:
    """Read what a folder was claimed for; FileNotFoundError when it was not."""
    plan: dict[str, Any] = json.loads((folder / _PLAN).read_text())
    return plan


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file in one step, so that no reader ever finds half of it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(partial, path)


def spent_seconds(folder: Path) -> float:
    """Seconds that a training has taken so far, interruptions not counted."""
    path = folder / _COST
    return float(json.loads(path.read_text())["seconds"]) if path.exists() else 0.0


class Stopwatch:
    """Adds the seconds spent in a training to its ``cost.json``, even of one that is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._before, self._start = spent_seconds(self._folder), time.perf_counter()
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._keeper.join()
        self._note()

    def _keep(self) -> None:
        while not self._ended.wait(_NOTE_EVERY_S):
            self._note()

    def _note(self) -> None:
        spent = self._before + time.perf_counter() - self._start
        write_json(self._folder / _COST, {"seconds": round(spent, 1)})
