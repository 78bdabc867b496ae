"""One run of the study: one architecture or confounder, one protocol, four or five classes.

A run has one part a split. Every part keeps its state in a folder of its own, so that parts may
run side by side, and an interrupted one goes on where it stopped. Nothing but NumPy and Keras is
needed, except where an entry is a classical learner.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ecgapp.benchmark.published.confounders import CONFOUNDERS, Confounder
from ecgapp.benchmark.published.inputs import FIVE_CLASSES, StudyInputs, load_inputs
from ecgapp.datasets.splits import Split, protocol_splits
from ecgapp.evaluation.predictions import by_lead, write_predictions
from ecgapp.training.fit import predict, read_history, train
from ecgapp.training.networks.recipe import Recipe
from ecgapp.training.networks.registry import ARCHITECTURES, STUDIED, Architecture
from ecgapp.training.run_folder import Stopwatch, claim, spent_seconds, write_json

PART_FILE = "part.json"
PREDICTIONS_FILE = "predictions.csv"
# How many runs share the machine, told to each of them by the process that starts them.
SIDE_BY_SIDE = "ECGAPP_RUNS_SIDE_BY_SIDE"
_MODULES = {"scikit-learn": "sklearn", "keras": "keras", "numpy": "numpy"}


@dataclass(frozen=True)
class StudyRun:
    """What makes a run the one it is, its data aside.

    Attributes
    ----------
    name : str
        Of an architecture or a confounder.
    protocol : str
        See :func:`ecgapp.datasets.splits.protocol_splits`.
    n_classes : int
        4 or 5.
    seed : int
        Of the split, and of everything random in training.
    schedule : str
        ``full``, or ``shortened`` for a net that has such a schedule.
    """

    name: str
    protocol: str
    n_classes: int
    seed: int = 0
    schedule: Literal["full", "shortened"] = "full"

    @property
    def folder_name(self) -> str:
        """Name of the run's folder; also that of its predictions when they are shipped."""
        return f"{self.name}-{self.protocol}-{self.n_classes}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the outputs."""
        return FIVE_CLASSES[: self.n_classes]

    @property
    def entry(self) -> Architecture | Confounder:
        """The registry's entry; KeyError for a name that is in none."""
        if self.name in CONFOUNDERS:
            return CONFOUNDERS[self.name]
        return ARCHITECTURES[self.name]

    @property
    def recipe(self) -> Recipe | None:
        """How it is trained; None for a confounder."""
        entry = self.entry
        if isinstance(entry, Confounder):
            return None
        recipe = entry.recipe
        if self.schedule == "shortened" and entry.shortened is not None:
            recipe = entry.shortened
        return replace(recipe, seed=self.seed)


def names() -> list[str]:
    """Every architecture that the study compares, and every confounder."""
    return [*STUDIED, *CONFOUNDERS]


def library_of(name: str) -> str:
    """Name the library that an entry needs."""
    return (CONFOUNDERS.get(name) or ARCHITECTURES[name]).library


def can_run(name: str) -> bool:
    """Whether the library that an entry needs is installed."""
    return importlib.util.find_spec(_MODULES[library_of(name)]) is not None


def plan_runs(
    names: Sequence[str],
    protocols: Sequence[str],
    numbers_of_classes: Sequence[int],
    seed: int,
    schedule: Literal["full", "shortened"] | None,
) -> list[StudyRun]:
    """List the runs of some entries under some protocols, where an entry has so many classes.

    Parameters
    ----------
    names, protocols : sequence of str
    numbers_of_classes : sequence of int
    seed : int
    schedule : str or None
        None for each entry's :func:`default_schedule`.

    Returns
    -------
    list of StudyRun
        All entries under the first protocol and number of classes, then the others.
    """
    schedules = {name: schedule or default_schedule(name) for name in names}
    runs = [
        StudyRun(name, protocol, n_classes, seed, schedules[name])
        for n_classes in numbers_of_classes
        for protocol in protocols
        for name in names
    ]
    return [run for run in runs if run.n_classes in run.entry.n_classes]


def load(folder: Path, run: StudyRun) -> StudyInputs:
    """Read what a run needs from the files of ``study inputs``, its classes' rows only."""
    return select(load_inputs(folder, run.entry.input_kind), run)


def default_schedule(name: str) -> Literal["full", "shortened"]:
    """``full``, unless a net takes too long without a GPU and there is none."""
    entry = ARCHITECTURES.get(name)
    if entry is None or entry.shortened is None or _gpu_name():
        return "full"
    return "shortened"


def select(inputs: StudyInputs, run: StudyRun) -> StudyInputs:
    """Keep the rows of a run's classes."""
    kept = np.isin(inputs.label, run.classes)
    return inputs if kept.all() else inputs.where(kept)


def splits_of(run: StudyRun, inputs: StudyInputs) -> dict[str, Split]:
    """Split a run's rows by its protocol, one entry a part.

    At random, four classes are drawn from the files of version 2; five from those of both
    versions together, as version 2 has no sheets of the fifth.

    Parameters
    ----------
    run : StudyRun
    inputs : StudyInputs
        From :func:`select`.
    """
    copies = inputs.copies_in_v2 + (run.n_classes == len(FIVE_CLASSES))
    return protocol_splits(run.protocol, inputs, copies, run.seed)


def missing_parts(
    run: StudyRun, inputs: StudyInputs, runs: Path, parts: Sequence[str] | None = None
) -> list[str]:
    """Claim a run's folder, and list which of some parts are not done yet.

    Parameters, errors: see :func:`run_parts`.
    """
    recipe = run.recipe
    folder = runs / run.folder_name
    every = list(splits_of(run, inputs))
    if unknown := set(parts or ()) - set(every):
        raise ValueError(f"{run.folder_name} has no part {', '.join(sorted(unknown))}")
    claim(
        folder,
        {
            **asdict(run),
            "classes": run.classes,
            "recipe": asdict(recipe) if recipe else None,
            "data_sha256": inputs.digest(),
            "n_by_class": {
                name: len(np.unique(inputs.sheet[inputs.label == name])) for name in run.classes
            },
            "parts": every,
        },
    )
    return [part for part in parts or every if not (folder / part / PART_FILE).exists()]


def run_parts(
    run: StudyRun, inputs: StudyInputs, runs: Path, parts: Sequence[str] | None = None
) -> None:
    """Train and test the parts of a run that are not done yet.

    Parameters
    ----------
    run : StudyRun
    inputs : StudyInputs
        From :func:`load`.
    runs : Path
        Where all runs are kept; made if it is missing.
    parts : sequence of str, optional
        Such as ``fold0``; all when left out.

    Raises
    ------
    StaleRunError
        If the run's folder holds a run of other data or of another recipe.
    ValueError
        If there is no such part.
    """
    missing = missing_parts(run, inputs, runs, parts)
    splits = splits_of(run, inputs)
    start = time.perf_counter()
    for number, part in enumerate(missing, start=1):
        print(f"{run.folder_name}: {part} ({number} of {len(missing)})", flush=True)
        _run_part(run, inputs, splits[part], runs / run.folder_name / part)
        elapsed = time.perf_counter() - start
        left = elapsed / number * (len(missing) - number)
        print(f"done after {duration_text(elapsed)}, about {duration_text(left)} left", flush=True)


def duration_text(seconds: float) -> str:
    """Duration for people: ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes_rest = divmod(minutes, 60)
    return f"{hours} h {minutes_rest:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _run_part(run: StudyRun, inputs: StudyInputs, split: Split, folder: Path) -> None:
    # A leaky split may test a row several times: it is asked once, and counted as often.
    rows, copies = np.unique(split.test, return_counts=True)
    recipe = run.recipe
    with Stopwatch(folder):
        if recipe is None:
            probabilities = CONFOUNDERS[run.name].judge(inputs, split.train, rows, run.classes)
        else:
            model = train(
                run.name, inputs, run.classes, split.train, split.validation, recipe, folder
            )
            probabilities = predict(model, inputs, rows)
    leads, starts = by_lead(inputs.where(rows), probabilities, run.classes)
    write_predictions(folder / PREDICTIONS_FILE, leads, {"copies": copies[starts]})
    seen = np.concatenate([split.train, split.validation])
    write_json(
        folder / PART_FILE,
        {
            "leaky": split.leaky,
            "n_train": _count_files(inputs, split.train),
            "n_validation": _count_files(inputs, split.validation),
            "n_test": _count_files(inputs, split.test),
            "n_test_in_training": _count_files(
                inputs, split.test[np.isin(inputs.sheet[split.test], inputs.sheet[seen])]
            ),
            "epochs": _epochs(folder),
            "seconds": spent_seconds(folder),
            "device": _device(run.entry.library),
            "environment": _environment(),
        },
    )
    # Only an interrupted training needs them, and those of the large nets are very large.
    for weights in folder.rglob("*.weights.h5"):
        weights.unlink()


def _count_files(inputs: StudyInputs, rows: NDArray[np.int64]) -> int:
    """Files that some rows are of: each sheet as often as its first row occurs."""
    if not len(rows):
        return 0
    _, first = np.unique(inputs.sheet, return_index=True)
    return int(np.isin(rows, first).sum())


def _epochs(folder: Path) -> int:
    """Epochs that a part was trained, the longest member's in an ensemble; 0 without any."""
    histories = [read_history(path.parent) for path in folder.rglob("history.csv")]
    return max((len(history) for history in histories), default=0)


def _device(library: str) -> str:
    """Name what a part was computed on, and how many runs shared it."""
    cores = f"{os.cpu_count()} CPU cores"
    device = (_gpu_name() or cores) if library == "keras" else cores
    side_by_side = int(os.environ.get(SIDE_BY_SIDE, "1"))
    return f"{device}, {side_by_side} runs side by side" if side_by_side > 1 else device


def _gpu_name() -> str:
    """Name of the GPU that Keras computes on; empty when there is none."""
    import keras

    # Asking is enough to make JAX take most of the GPU's memory, unless it is told not to.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        if not keras.distribution.list_devices("gpu"):
            return ""
    except (RuntimeError, NotImplementedError):  # what a backend without a GPU may answer
        return ""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "GPU"
    return found.stdout.splitlines()[0].strip()


def _environment() -> dict[str, Any]:
    import keras

    packages = {
        name: version(name)
        for name in ("numpy", "keras", "scikit-learn")
        if importlib.util.find_spec(_MODULES[name])
    }
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "backend": keras.backend.backend(),
        **packages,
    }
