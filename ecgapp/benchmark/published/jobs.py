"""Run many commands side by side, each in a process of its own with a log file.

A GPU is used best by several small nets at once, and a process that fails takes no other with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgapp.benchmark.published.inputs import StudyInputs
from ecgapp.benchmark.published.run import (
    SIDE_BY_SIDE,
    StudyRun,
    duration_text,
    load,
    missing_parts,
)

_POLL_SECONDS = 0.2  # between looks at the runs


@dataclass(frozen=True)
class Job:
    """One process to run.

    Attributes
    ----------
    title : str
        For the lines that say how far things are.
    arguments : tuple of str
        For ``python -m ecgapp``.
    log : Path
        Where its output goes; what an earlier attempt wrote is kept above.
    """

    title: str
    arguments: tuple[str, ...]
    log: Path


def jobs_of(
    runs: Sequence[StudyRun], inputs: Path, parts: Sequence[str] | None, folder: Path
) -> list[Job]:
    """Make one job of every part of some runs that is not done yet.

    Parameters
    ----------
    runs : sequence of StudyRun
    inputs : Path
        Folder of the files of ``study inputs``.
    parts : sequence of str or None
        Such as ``fold0``; None for all.
    folder : Path
        Where all runs are kept.

    Returns
    -------
    list of Job
        A run's parts one after another, the runs in the order given.

    Raises
    ------
    StaleRunError, ValueError
        See :func:`ecgapp.benchmark.published.run.run_parts`.
    """
    jobs = []
    loaded: dict[tuple[str, int], StudyInputs] = {}
    for run in runs:
        kind = run.entry.input_kind, run.n_classes
        if kind not in loaded:
            loaded[kind] = load(inputs, run)
        jobs += [
            Job(
                title=f"{run.folder_name} {part}",
                arguments=_arguments(run, part, inputs, folder),
                log=folder / run.folder_name / f"{part}.log",
            )
            for part in missing_parts(run, loaded[kind], folder, parts)
        ]
    return jobs


def _arguments(run: StudyRun, part: str, inputs: Path, folder: Path) -> tuple[str, ...]:
    arguments = ["study", "run", run.name, "--protocol", run.protocol]
    arguments += ["--classes", str(run.n_classes), "--seed", str(run.seed)]
    arguments += ["--schedule", run.schedule, "--inputs", str(inputs), "--runs", str(folder)]
    if run.protocol == "grouped":
        arguments += ["--fold", part.removeprefix("fold")]
    return tuple(arguments)


def run_side_by_side(
    jobs: Sequence[Job], n_at_once: int, say: Callable[[str], None] = print
) -> list[Job]:
    """Run jobs in the order given, some at a time.

    Parameters
    ----------
    jobs : sequence of Job
    n_at_once : int
        Processes at a time.
    say : callable
        Told one line whenever a job has ended.

    Returns
    -------
    list of Job
        Those that failed.
    """
    waiting = list(jobs)
    running: dict[subprocess.Popen[bytes], tuple[Job, float]] = {}
    failed: list[Job] = []
    start = time.monotonic()
    n_ended = 0
    # A terminated parent leaves no children behind.
    before = signal.signal(signal.SIGTERM, _stop)
    environment = _environment(min(n_at_once, len(jobs)))
    try:
        while waiting or running:
            while waiting and len(running) < n_at_once:
                job = waiting.pop(0)
                running[_start(job, environment)] = job, time.monotonic()
            time.sleep(_POLL_SECONDS)
            for process in [one for one in running if one.poll() is not None]:
                job, began = running.pop(process)
                n_ended += 1
                now = time.monotonic()
                left = (now - start) / n_ended * (len(jobs) - n_ended)
                if process.returncode:
                    failed.append(job)
                    ended = f"FAILED with status {process.returncode}, see {job.log}"
                else:
                    ended = f"done in {duration_text(now - began)}"
                left_text = duration_text(left)
                say(f"[{n_ended}/{len(jobs)}] {job.title}: {ended}; about {left_text} left")
    finally:
        signal.signal(signal.SIGTERM, before)
        # Only what is still running because this loop was interrupted.
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
    return failed


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _start(job: Job, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "ecgapp", *job.arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )


def _environment(n_at_once: int) -> dict[str, str]:
    """Let every process take its share of the machine, where the caller has not said otherwise."""
    threads = str(max(1, (os.cpu_count() or 1) // n_at_once))
    shares = {
        SIDE_BY_SIDE: str(n_at_once),
        "OMP_NUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": "1",
        # Otherwise the first process takes nearly all of the GPU's memory.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "PYTHONUNBUFFERED": "1",
    }
    return shares | dict(os.environ) | {SIDE_BY_SIDE: str(n_at_once)}
