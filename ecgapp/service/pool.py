"""A bounded pool of worker processes that read files, with a queue whose place can be told."""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ecgapp.errors import MAX_READING_S, Refusal
from ecgapp.io.weights import ModelError
from ecgapp.pipeline import Diagnosis
from ecgapp.service.access import LOGIN_VARIABLES
from ecgapp.service.metrics import note_reading, watch_queue
from ecgapp.service.worker import read_message, write_message

if TYPE_CHECKING:
    from ecgapp.sheet.located import Correction

_ROOT = Path(__file__).resolve().parents[2]
_LOG = logging.getLogger(__name__)

WORKERS_VARIABLE = "ECGAPP_WORKERS"
# A worker is replaced after so many files, or when it holds this much after one: libraries do not
# give back all.
MAX_FILES_A_WORKER = 500
MAX_WORKER_BYTES = 700_000_000
# Beside a file's own limit on reading: starting Python and loading the networks.
START_S = 20
# Counted is the worker's processor time, so that no file is refused because the machine is busy; a
# worker that does nothing is ended after so many times the limit.
_LOOK_EVERY_S = 0.5
_MOST_WAIT_FACTOR = 6
# What a server that is told to stop gives the files that are being read; orchestrators kill it
# after ten seconds.
STOP_S = 5.0
# Libraries' own threads would fight over the cores that the other workers have.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class PendingReading:
    """A file that waits to be read, or is being read.

    Parameters
    ----------
    pool : ReadingPool
    data : bytes
    correction : Correction or None
    """

    def __init__(self, pool: ReadingPool, data: bytes, correction: Correction | None) -> None:
        self._pool = pool
        self.request = (data, correction)
        self.future: Future[Diagnosis] = Future()
        self._submitted_s = self.begun_s = time.monotonic()

    @property
    def place(self) -> int:
        """Files before it, with those that are being read; 0 when its own turn has come."""
        return self._pool.place_of(self)

    def begin(self) -> bool:
        """Take its turn; false when it was cancelled."""
        self.begun_s = time.monotonic()
        return self.future.set_running_or_notify_cancel()

    @property
    def waited_s(self) -> float:
        """Seconds between coming and its turn."""
        return self.begun_s - self._submitted_s

    def cancel(self) -> None:
        """Give its place in the queue back; a file that is being read already is read on."""
        self.future.cancel()

    def result(self, timeout_s: float | None = None) -> Diagnosis:
        """Wait for the reading.

        Parameters
        ----------
        timeout_s : float, optional
            Wait no longer than this.

        Returns
        -------
        Diagnosis
            With a refusal ``too_slow`` or ``worker_died`` where the worker was ended or died.

        Raises
        ------
        TimeoutError
            If it is not ready yet.
        ModelError
            If the installation lacks a model.
        concurrent.futures.CancelledError
            If it was cancelled, or the pool was closed before it was read.
        """
        return self.future.result(timeout_s)


class ReadingPool:
    """Worker processes that read files one after the other; a crash costs one file alone.

    Parameters
    ----------
    n_workers : int
    limit_s : float, optional
        Seconds of processor time that one file may take; its worker is then ended.
    """

    def __init__(self, n_workers: int, limit_s: float = MAX_READING_S) -> None:
        self._limit_s = limit_s
        self._waiting: deque[PendingReading] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._n_running = 0
        self._workers: set[_Worker] = set()
        self._threads = [
            threading.Thread(target=self._serve, name=f"reading-{number}", daemon=True)
            for number in range(n_workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, data: bytes, correction: Correction | None = None) -> PendingReading:
        """Put a file at the end of the queue.

        Parameters
        ----------
        data : bytes
        correction : Correction, optional

        Returns
        -------
        PendingReading

        Raises
        ------
        RuntimeError
            If the pool is closed.
        """
        pending = PendingReading(self, data, correction)
        with self._changed:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._waiting.append(pending)
            self._changed.notify()
        return pending

    def place_of(self, pending: PendingReading) -> int:
        """Count the files before one, with those being read; 0 when it waits no longer."""
        with self._changed:
            ahead = [one for one in self._waiting if not one.future.cancelled()]
            return ahead.index(pending) + self._n_running if pending in ahead else 0

    @property
    def n_waiting(self) -> int:
        """Files that no worker has begun."""
        with self._changed:
            return sum(not one.future.cancelled() for one in self._waiting)

    def close(self, limit_s: float | None = None) -> None:
        """Finish the files that are being read, cancel those that wait, end the workers.

        Parameters
        ----------
        limit_s : float, optional
            A file that takes longer from now on is given up, with a refusal ``stopped``.
        """
        with self._changed:
            self._closed = True
            for pending in self._waiting:
                pending.future.cancel()
            self._waiting.clear()
            self._changed.notify_all()
        end_s = None if limit_s is None else time.monotonic() + limit_s
        for thread in self._threads:
            thread.join(None if end_s is None else max(0.0, end_s - time.monotonic()))
        for worker in list(self._workers):
            worker.kill()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> ReadingPool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _next(self) -> PendingReading | None:
        with self._changed:
            while True:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return None
                pending = self._waiting.popleft()
                if pending.begin():
                    self._n_running += 1
                    return pending

    def _serve(self) -> None:
        """Read the queue's files in one worker process after the other."""
        worker: _Worker | None = self._start()
        while (pending := self._next()) is not None:
            if worker is None or not worker.is_fresh:
                if worker is not None:
                    self._end(worker)
                worker = self._start()
            worker = self._read(pending, worker)
            # The answer is the visitor's alone from here on.
            del pending
            with self._changed:
                self._n_running -= 1
        if worker is not None:
            self._end(worker)

    def _start(self) -> _Worker:
        worker = _Worker()
        self._workers.add(worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        self._workers.discard(worker)
        worker.end()

    def _read(self, pending: PendingReading, worker: _Worker) -> _Worker | None:
        """Read one file; None where its worker is lost."""
        left: _Worker | None = worker
        try:
            diagnosis = worker.read(*pending.request, limit_s=self._limit_s)
        except ModelError as error:
            pending.future.set_exception(error)
            return worker
        except _WorkerLostError as lost:
            refusal = _stopped() if self._closed else lost.refusal
            _LOG.warning("a reading's worker was lost: %s", refusal.code)
            diagnosis, left = Diagnosis(refusal=refusal), None
            self._end(worker)
        note_reading(diagnosis, len(pending.request[0]), pending.waited_s)
        pending.future.set_result(diagnosis)
        return left


# Visitors who come at the same moment ask for the pool at the same moment.
_STARTING = threading.Lock()


def server_pool() -> ReadingPool | None:
    """Start the pool that all visitors of a server share, once a process.

    Returns
    -------
    ReadingPool or None
        ``ECGAPP_WORKERS`` worker processes; when it is not set, one a core but for the one that
        draws pages, at least one. None where it is 0: files are read by the server itself.
    """
    with _STARTING:
        return _started_pool()


@cache
def _started_pool() -> ReadingPool | None:
    default = max(1, (os.cpu_count() or 1) - 1)
    n_workers = int(os.environ.get(WORKERS_VARIABLE, default))
    if n_workers < 1:
        return None
    pool = ReadingPool(n_workers)
    watch_queue(lambda: pool.n_waiting)
    atexit.register(close_server_pool)
    return pool


def close_server_pool() -> None:
    """End the server's pool in time, if it was started."""
    if _started_pool.cache_info().currsize:
        pool = server_pool()
        if pool is not None:
            pool.close(STOP_S)


class _WorkerLostError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


_COMMAND = (sys.executable, "-m", "ecgapp.service.worker")


class _Worker:
    """One worker process."""

    def __init__(self) -> None:
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**_without_secrets(), **_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self._n_files = 0
        self._is_spent = False
        self._held_bytes = 0

    @property
    def is_fresh(self) -> bool:
        """Whether it may read one more file."""
        return (
            not self._is_spent
            and self._n_files < MAX_FILES_A_WORKER
            and self._held_bytes < MAX_WORKER_BYTES
            and self._process.poll() is None
        )

    def read(self, data: bytes, correction: Correction | None, limit_s: float) -> Diagnosis:
        """Read one file.

        Raises
        ------
        ModelError
            If the installation lacks a model.
        _WorkerLostError
            If the worker dies or takes too long; it is of no use afterwards.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        allowed_s = limit_s + (START_S if self._n_files == 0 else 0)
        self._n_files += 1
        too_slow, done = threading.Event(), threading.Event()
        begun_s, begun_cpu_s = time.monotonic(), self._cpu_s()

        def watch() -> None:
            while not done.wait(min(allowed_s, _LOOK_EVERY_S)):
                waited_s = time.monotonic() - begun_s
                if (
                    self._cpu_s() - begun_cpu_s > allowed_s
                    or waited_s > _MOST_WAIT_FACTOR * allowed_s
                ):
                    too_slow.set()
                    self._process.kill()
                    return

        threading.Thread(target=watch, name="reading-watch", daemon=True).start()
        try:
            write_message(self._process.stdin, (data, correction))
            answer, self._held_bytes = read_message(self._process.stdout)
        except (EOFError, OSError) as error:
            raise _WorkerLostError(
                _too_slow(limit_s) if too_slow.is_set() else worker_died()
            ) from error
        finally:
            done.set()
        if isinstance(answer, ModelError):
            raise answer
        assert isinstance(answer, Diagnosis)
        # Libraries do not always give back what they held when memory ran out.
        self._is_spent = answer.refusal is not None and answer.refusal.code == "too_complex"
        return answer

    def _cpu_s(self) -> float:
        """Processor time that the process has taken; where the system tells none, time passed."""
        try:
            fields = (
                Path(f"/proc/{self._process.pid}/stat").read_bytes().rpartition(b")")[2].split()
            )
        except OSError:
            return time.monotonic()
        # User and system time, without and with the children that have ended.
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End the process at once; whoever waits for its answer is told."""
        self._process.kill()

    def end(self) -> None:
        """End the process, and wait until it is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        for stream in (self._process.stdout, self._process.stdin):
            # What was not written yet has nobody to read it.
            try:
                stream.close()
            except OSError:
                continue


def _without_secrets() -> dict[str, str]:
    """Give this process's environment, without what only the login needs."""
    return {name: value for name, value in os.environ.items() if name not in LOGIN_VARIABLES}


def _too_slow(limit_s: float) -> Refusal:
    return Refusal(
        "too_slow",
        "Reading",
        f"Reading: the file took longer than {limit_s:.0f} seconds and was given up; please save "
        "the page with the ECG as a JPEG or PNG at 200 dpi.",
    )


def _stopped() -> Refusal:
    return Refusal(
        "stopped",
        "Reading",
        "Reading: the server was stopped while it read this file; please drop the file again in a "
        "minute.",
    )


def worker_died() -> Refusal:
    """Say that the process that read a file came to a sudden end."""
    return Refusal(
        "worker_died",
        "Reading",
        "Reading: the process that read this file came to a sudden end, as it does when memory "
        "runs out; please save the page with the ECG as a JPEG or PNG at 200 dpi and try again.",
    )
