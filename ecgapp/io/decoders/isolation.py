"""Reading one page of a file in a process of its own, within bounds of memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgapp.errors import Refusal, check_time, spend, time_left_s, too_complex

_CHILD = Path(__file__).with_name("child.py")
# A pool of threads takes address space that the reader then lacks.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True)
class Answer:
    """What a reading process found.

    Attributes
    ----------
    facts : dict
        Described by the reader that was asked; values that JSON can hold.
    payload : memoryview of bytes
        The picture's pixels or the waveform's samples.
    """

    facts: dict[str, Any]
    payload: memoryview


def read_isolated(reader: str, data: bytes, index: int) -> Answer:
    """Let a reader read a file in a process of its own, in what is left of the file's time.

    Parameters
    ----------
    reader : str
        One of the keys of `ecgapp.io.decoders.child.READERS`.
    data : bytes
        The whole file. It reaches the process through a pipe, never through a file.
    index : int
        Which page to read, from 0.

    Returns
    -------
    Answer
        What the reader found.

    Raises
    ------
    Refusal
        The reader's own, or with the code ``too_complex`` when the process ran out of memory or
        time or came to a bad end.
    """
    check_time()
    start = time.perf_counter()
    output = _run_child(reader, data, index, time_left_s())
    spend(time.perf_counter() - start)
    header_size = output.find(b"\n")
    facts: dict[str, Any] = {"exhausted": True}
    if header_size > 0:
        facts = json.loads(output[:header_size])
    if "refusal" in facts:
        raise Refusal(*facts["refusal"])
    if "error" in facts:
        raise RuntimeError(f"the {reader} reader failed:\n{facts['error']}")
    if "exhausted" in facts:
        raise too_complex()
    return Answer(facts, memoryview(output)[header_size + 1 :])


def _run_child(reader: str, data: bytes, index: int, time_limit_s: float) -> bytes:
    """Output of a reading process, empty when it came to a bad end."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_CHILD), reader, str(index)],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=max(time_limit_s, 0),
            env={**os.environ, **_ENVIRONMENT},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout
