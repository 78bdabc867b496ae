"""Files are read by worker processes, and what happens to one file happens to no other."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from PIL import Image

from ecgapp.service import pool as pool_module
from ecgapp.service.pool import PendingReading, ReadingPool
from ecgapp.synthesis.samples import SAMPLES, draw_sample


@pytest.fixture(scope="module")
def pool() -> Iterator[ReadingPool]:
    with ReadingPool(1) as one:
        yield one


def worker_pids() -> set[int]:
    """Children of this process that are workers."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                command = Path(f"/proc/{name}/cmdline").read_bytes()
                parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if b"ecgapp.service.worker" in command and parent == os.getpid():
                found.add(int(name))
    return found


def test_every_file_gets_its_own_reading(pool: ReadingPool) -> None:
    first, second = list(SAMPLES)[:2]
    pending = [pool.submit(draw_sample(name)) for name in (first, second, first)]
    answers = [one.result(60) for one in pending]
    refused = pool.submit(b"no picture").result(60)
    assert answers[0].verdict == answers[2].verdict != answers[1].verdict
    assert refused.refusal is not None
    assert refused.refusal.code != "worker_died"


def test_a_worker_that_dies_costs_its_file_alone(pool: ReadingPool) -> None:
    sheet = draw_sample(next(iter(SAMPLES)))
    assert pool.submit(sheet).result(60).verdict is not None
    (pid,) = worker_pids()
    os.kill(pid, signal.SIGSTOP)
    pending = pool.submit(sheet)
    wait_for(lambda: pool.n_waiting == 0)
    time.sleep(0.2)  # for the worker to be given the file
    os.kill(pid, signal.SIGKILL)
    lost = pending.result(60)
    assert lost.refusal is not None
    assert lost.refusal.code == "worker_died"
    assert pool.submit(sheet).result(60).verdict is not None


def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "START_S", 0)
    with ReadingPool(1, limit_s=0.05) as quick:
        refusal = quick.submit(draw_sample(next(iter(SAMPLES)))).result(30).refusal
    assert refusal is not None
    assert refusal.code == "too_slow"
    assert "was given up" in refusal.message


def test_a_file_is_not_given_up_because_the_machine_is_busy(
    pool: ReadingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = draw_sample(next(iter(SAMPLES)))
    assert pool.submit(sheet).result(60).verdict is not None
    (pid,) = worker_pids()
    monkeypatch.setattr(pool, "_limit_s", 1.5)
    os.kill(pid, signal.SIGSTOP)
    pending = pool.submit(sheet)
    time.sleep(2.5)  # longer than the limit, without a second of processor time
    os.kill(pid, signal.SIGCONT)
    assert pending.result(60).verdict is not None


def test_the_place_in_the_queue_is_told_and_given_back(pool: ReadingPool) -> None:
    sheet = draw_sample(next(iter(SAMPLES)))
    pool.submit(sheet).result(60)
    (pid,) = worker_pids()
    os.kill(pid, signal.SIGSTOP)
    try:
        begun, *waiting = (pool.submit(sheet) for _ in range(4))
        wait_for(lambda: pool.n_waiting == 3)
        assert [one.place for one in (begun, *waiting)] == [0, 1, 2, 3]
        waiting[0].cancel()
        assert [one.place for one in waiting[1:]] == [1, 2]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert waiting[2].result(60).verdict is not None
    with pytest.raises(CancelledError):
        waiting[0].result(1)


def test_a_worker_is_replaced_before_it_grows_old(
    pool: ReadingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = draw_sample(next(iter(SAMPLES)))
    pool.submit(sheet).result(60)
    before = worker_pids()
    monkeypatch.setattr(pool_module, "MAX_FILES_A_WORKER", 1)
    assert pool.submit(sheet).result(60).verdict is not None
    assert worker_pids().isdisjoint(before)


def test_visitors_who_come_at_once_share_one_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def start_slowly(n_workers: int) -> int:
        started.append(n_workers)
        time.sleep(0.1)
        return len(started)

    monkeypatch.setenv(pool_module.WORKERS_VARIABLE, "1")
    monkeypatch.setattr(pool_module, "ReadingPool", start_slowly)
    monkeypatch.setattr(pool_module, "watch_queue", lambda count: None)
    monkeypatch.setattr(pool_module.atexit, "register", lambda action: None)
    pool_module._started_pool.cache_clear()
    try:
        with ThreadPoolExecutor(8) as visitors:
            found = list(visitors.map(lambda _: pool_module.server_pool(), range(8)))
    finally:
        pool_module._started_pool.cache_clear()
    assert found == [1] * 8


def test_closing_cancels_what_waits_and_leaves_no_process() -> None:
    before = worker_pids()
    closing = ReadingPool(1)
    readings: list[PendingReading] = [closing.submit(b"") for _ in range(3)]
    threading.Thread(target=closing.close).start()
    wait_for(lambda: all(one.future.done() for one in readings))
    closing.close()
    assert worker_pids() == before
    with pytest.raises(RuntimeError, match="closed"):
        closing.submit(b"")


def test_closing_in_a_hurry_gives_up_what_takes_too_long_and_says_so() -> None:
    others = worker_pids()
    closing = ReadingPool(1)
    sheet = draw_sample(next(iter(SAMPLES)))
    assert closing.submit(sheet).result(60).verdict is not None
    (pid,) = worker_pids() - others
    os.kill(pid, signal.SIGSTOP)
    pending = closing.submit(sheet)
    wait_for(lambda: closing.n_waiting == 0)
    start = time.monotonic()
    closing.close(0.5)
    assert time.monotonic() - start < 5
    refusal = pending.result(1).refusal
    assert refusal is not None
    assert refusal.code == "stopped"
    assert worker_pids() == others


@pytest.fixture(scope="module")
def large() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (7900, 5000), "white").save(file, "PNG")
    return file.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told how to hold memory")
def test_a_worker_goes_on_after_a_large_picture_and_gives_its_memory_back(
    pool: ReadingPool, large: bytes
) -> None:
    sheet = draw_sample(next(iter(SAMPLES)))
    pool.submit(sheet).result(60)
    (pid,) = worker_pids()
    pool.submit(large).result(60)
    assert psutil.Process(pid).memory_info().rss < 450e6
    assert pool.submit(sheet).result(60).verdict is not None
    assert worker_pids() == {pid}


def test_a_file_that_needs_more_memory_than_one_may_is_refused_and_costs_nothing_else(
    pool: ReadingPool, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pool.submit(large).result(60).refusal.code not in ("too_complex",)
    script = (
        "from ecgapp.service import worker;"
        "worker.limit_memory.__defaults__ = (450_000_000,);"
        "worker.main()"
    )
    monkeypatch.setattr(pool_module, "_COMMAND", (sys.executable, "-c", script))
    with ReadingPool(1) as narrow:
        assert narrow.submit(large).result(60).refusal.code == "too_complex"
        assert narrow.submit(draw_sample(next(iter(SAMPLES)))).result(60).verdict is not None


def wait_for(condition: Callable[[], bool], limit_s: float = 30) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
