"""What a reading process runs: one file in at stdin, one page out at stdout.

Started by `ecgapp.io.decoders.isolation` as a script. The answer is one line of JSON, then the
payload's bytes.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Reader = Callable[[bytes, int], tuple[dict[str, Any], bytes]]

READERS = {
    "pdf": ("ecgapp.io.decoders.pdf", "read_page"),
    "heif": ("ecgapp.io.decoders.heif", "read_page"),
    "dicom": ("ecgapp.io.decoders.dicom", "read_page"),
    "waveform": ("ecgapp.io.decoders.dicom", "read_waveform"),
    "identity": ("ecgapp.io.decoders.dicom", "read_identity"),
}


def main() -> None:
    """Answer the one question that the arguments name."""
    # The libraries may print what they like; the answer goes out alone.
    output = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    _limit_resources()
    for part in answer(sys.argv[1], sys.stdin.buffer.read(), int(sys.argv[2])):
        output.write(part)
    output.flush()
    # Not through the libraries' own ends, which damaged files have been known to crash.
    os._exit(0)


def answer(reader: str, data: bytes, index: int) -> tuple[bytes, bytes]:
    """Let a reader read one page of a file.

    Parameters
    ----------
    reader : str
        One of the keys of `READERS`.
    data : bytes
        The whole file.
    index : int
        Which page, from 0.

    Returns
    -------
    header : bytes
        A line of JSON: the reader's facts, or one of ``refusal``, ``exhausted`` and ``error``.
    payload : bytes
        The reader's.
    """
    from ecgapp.errors import Refusal, traceback_without_messages

    facts: dict[str, Any]
    payload = b""
    try:
        module, function = READERS[reader]
        read: Reader = getattr(importlib.import_module(module), function)
        facts, payload = read(data, index)
    except Refusal as refusal:
        facts = {"refusal": [refusal.code, refusal.step, refusal.message]}
    except MemoryError:
        facts = {"exhausted": True}
    except Exception as error:
        facts = {"error": traceback_without_messages(error)}
    return json.dumps(facts).encode() + b"\n", payload


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has time limits only
        return
    from ecgapp.errors import MAX_READING_BYTES, MAX_READING_S

    limits = {
        resource.RLIMIT_AS: MAX_READING_BYTES,
        resource.RLIMIT_CPU: MAX_READING_S,
        # Nothing of an upload reaches the disk, not even when the reader crashes.
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    for kind, limit in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    main()
