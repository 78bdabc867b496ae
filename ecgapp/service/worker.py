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
from ecgapp.service.memory import give_back_freed_memory, keep_freed_memory

if TYPE_CHECKING:
    from ecgapp.pipeline import Diagnosis

# A count of parts, or the length of one. Both ends are this program, so that pickles are safe here.
NUMBER = struct.Struct("<Q")
# The contract for one file, whatever it is; what the worker itself holds is a fifth of it.
MAX_WORKER_MEMORY_BYTES = 1_500_000_000
# What a worker keeps for the next file: native sheets need no more, photographs do.
KEPT_MEMORY_BYTES = 400_000_000


def write_message(stream: IO[bytes], content: Any) -> None:
    """Write one object to a pipe: its pickle, then its arrays, each as it lies in memory."""
    arrays: list[pickle.PickleBuffer] = []
    data = pickle.dumps(content, protocol=5, buffer_callback=arrays.append)
    parts = [memoryview(data), *(one.raw() for one in arrays)]
    stream.write(NUMBER.pack(len(parts)))
    for part in parts:
        stream.write(NUMBER.pack(part.nbytes))
        stream.write(part)
    stream.flush()


def read_message(stream: IO[bytes]) -> Any:
    """Read one object from a pipe.

    Raises
    ------
    EOFError
        If the other end has closed it.
    """
    data, *arrays = [_read(stream, _number(stream)) for _ in range(_number(stream))]
    return pickle.loads(data, buffers=arrays)


def _number(stream: IO[bytes]) -> int:
    return int(NUMBER.unpack(_read(stream, NUMBER.size))[0])


def _read(stream: IO[bytes], length: int) -> bytearray:
    """Read so many bytes into memory that arrays may take over."""
    data = bytearray(length)
    place = 0
    while place < length:
        n_bytes = stream.readinto(memoryview(data)[place:])  # type: ignore[attr-defined]
        if not n_bytes:
            raise EOFError
        place += n_bytes
    return data


def _status_bytes(name: str) -> int | None:
    """Read a size from the system's accounts of this process; None where it keeps none."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    return None if found is None else 1024 * int(found[1])


def held_memory_bytes() -> int:
    """Memory that this process holds; where the system does not tell, the most that it has held."""
    held = _status_bytes("VmRSS")
    if held is not None:
        return held
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def limit_memory(most_bytes: int = MAX_WORKER_MEMORY_BYTES) -> None:
    """Let this process hold no more than so much, where the system can limit it.

    What takes more ends as a refusal of its file. Call it when all libraries and networks are
    loaded: counted is the address space, in which they have reserved what they never touch.

    Parameters
    ----------
    most_bytes : int
    """
    size = _status_bytes("VmSize")
    if size is None:
        return
    limit = size + max(0, most_bytes - held_memory_bytes())
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def main() -> None:
    """Read files until stdin closes."""
    keep_freed_memory()
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
    limit_memory()
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
        if held_memory_bytes() > KEPT_MEMORY_BYTES:
            give_back_freed_memory()
        write_message(answers, (answer, held_memory_bytes()))
        # The next file needs the memory.
        del data, answer


if __name__ == "__main__":
    main()
