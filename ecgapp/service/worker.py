"""What a worker process runs: files in at stdin, diagnoses out at stdout, until stdin closes.

Start it with ``python -m ecgapp.service.worker``. It is no child of `multiprocessing`, which would
run the server's main script, a page of the app, once more in every worker.
"""

from __future__ import annotations

import os
import pickle
import re
import resource
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ecgapp.io.weights import ModelError

if TYPE_CHECKING:
    from ecgapp.pipeline import Diagnosis

# Length of a message, before its pickle. Both ends are this program, so that pickles are safe here.
HEADER = struct.Struct("<Q")


def write_message(stream: IO[bytes], content: Any) -> None:
    """Write one object to a pipe."""
    data = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(HEADER.pack(len(data)))
    stream.write(data)
    stream.flush()


def read_message(stream: IO[bytes]) -> Any:
    """Read one object from a pipe.

    Raises
    ------
    EOFError
        If the other end has closed it.
    """
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    (length,) = HEADER.unpack(header)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)


def peak_memory_bytes() -> int:
    """Most memory that this process has held at once."""
    # The peak that the system's accounts give is inherited from the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        peak = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        if peak is not None:
            return 1024 * int(peak[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    """Read files until stdin closes."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What a library prints must not end up among the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    from ecgapp.inference import shipped_models
    from ecgapp.pipeline import diagnose

    # Loaded before the first file asks for them; what is missing is said when a file is read.
    with suppress(ModelError):
        shipped_models.load_models()
        shipped_models.load_twelve_lead_network()
        shipped_models.load_statement_network()
    while True:
        try:
            data, correction = read_message(requests)
        except EOFError:
            return
        answer: Diagnosis | ModelError
        try:
            answer = diagnose(data, correction)
        except ModelError as error:
            answer = error
        write_message(answers, (answer, peak_memory_bytes()))


if __name__ == "__main__":
    main()
