"""How the app holds when many people use it at once: ``make load``.

A server is started, and visitors drop another sheet every few seconds. Every sheet is another
patient's, so that a visitor who is shown somebody else's numbers is found by the numbers. Sheets
are drawn by the app's own renderer; the visitors' own cost is on the same cores and is told.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles

import psutil
from free_port import free_port, wait_until_healthy
from paths import ROOT
from PIL import Image
from streamlit_client import Visitor

from ecgapp import diagnose
from ecgapp.report import html
from ecgapp.synthesis.edan import render
from ecgapp.synthesis.simulate import PatientModel, simulate

KINDS = ("jpeg", "photo", "pdf", "heic")
N_PATIENTS = 12
SAMPLE_EVERY_S = 0.5
# A visitor who has read so many sheets leaves, and another one comes.
SHEETS_A_VISIT = 10


@dataclass(frozen=True)
class Sheet:
    """A file, and what whoever drops it must be shown."""

    data: bytes
    expected: tuple[str, ...]


@dataclass
class Record:
    """What happened during a run."""

    seconds: list[float] = field(default_factory=list)
    finished_at: list[float] = field(default_factory=list)
    health_s: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    mixed_up: int = 0
    errors: list[str] = field(default_factory=list)


def draw_sheets(kind: str, n_patients: int = N_PATIENTS) -> list[Sheet]:
    """Sheets of patients whose measurements all differ."""
    sheets = []
    for number in range(n_patients):
        patient = PatientModel(heart_rate_bpm=55 + 6 * number, seed=100 + number)
        page = render(simulate(patient), "3x4")
        file = io.BytesIO()
        if kind == "photo":
            page = page.resize((4000, 2842), Image.Resampling.BICUBIC)
        elif kind == "heic":
            import pillow_heif

            page = page.resize((4000, 2842), Image.Resampling.BICUBIC)
            pillow_heif.from_pillow(page).save(file, quality=80)
        if kind == "pdf":
            page.save(file, "PDF", resolution=200)
        elif kind != "heic":
            page.save(file, "JPEG", quality=75)
        diagnosis = diagnose(file.getvalue())
        assert diagnosis.verdict is not None, diagnosis.refusal
        shown = (
            html.measurement_table(diagnosis.measurements),
            html.probability_bars(diagnosis.verdict.probabilities),
        )
        sheets.append(Sheet(file.getvalue(), shown))
    assert len({one.expected for one in sheets}) == n_patients
    return sheets


@contextmanager
def served() -> Iterator[tuple[str, psutil.Process]]:
    """Start the app on a free port of this machine."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ecgapp", "app", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until_healthy(f"127.0.0.1:{port}", process)
        yield f"127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


async def use(
    host: str, number: int, options: argparse.Namespace, end: float, record: Record
) -> None:
    """One visitor after the other, until the time is over."""
    sheets, pause_s = options.sheets, options.pause
    await asyncio.sleep(pause_s * random.random())
    turn = number

    def is_over() -> bool:
        return time.monotonic() >= end or turn - number >= options.most

    while not is_over():
        visitor = Visitor(host)
        try:
            shown = await visitor.open()
            for _ in range(SHEETS_A_VISIT):
                if is_over():
                    break
                turn += 1
                start = time.monotonic()
                sheet = sheets[turn % len(sheets)]
                name = f"user{number}_{turn}.jpg"
                shown = await visitor.upload(shown.uploader, name, sheet.data)
                for address in shown.media:
                    await visitor.request("GET", address)
                record.seconds.append(time.monotonic() - start)
                record.finished_at.append(time.monotonic())
                right = name in shown.text and all(one in shown.text for one in sheet.expected)
                record.mixed_up += not right
                await asyncio.sleep(pause_s * (0.5 + random.random()))
        except Exception as error:
            record.errors.append(repr(error)[:200])
            await asyncio.sleep(1)
        finally:
            await visitor.close()


async def watch(host: str, server: psutil.Process, end: float, record: Record) -> None:
    """Note the health's answer and the memory of server and workers."""
    while time.monotonic() < end:
        start = time.monotonic()
        try:
            await asyncio.to_thread(
                lambda: urllib.request.urlopen(f"http://{host}/_stcore/health", timeout=30).read()
            )
            record.health_s.append(time.monotonic() - start)
        except OSError as error:
            record.errors.append(f"health: {error!r}")
        record.memory.append(await asyncio.to_thread(memory_bytes, server))
        await asyncio.sleep(SAMPLE_EVERY_S)


def memory_bytes(server: psutil.Process) -> int:
    """Memory of a server and all that it started; what they share is counted once."""
    total = 0
    for one in [server, *server.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


async def run(host: str, server: psutil.Process, options: argparse.Namespace) -> Record:
    record = Record()
    end = time.monotonic() + options.seconds
    watching = asyncio.create_task(watch(host, server, end, record))
    await asyncio.gather(*(use(host, n, options, end, record) for n in range(options.users)))
    watching.cancel()
    return record


def summary(record: Record, seconds: float) -> dict[str, float | int | list[str]]:
    """Figures of a run."""
    took = sorted(record.seconds) or [float("nan")]
    p95 = quantiles(took, n=20)[-1] if len(took) > 1 else took[0]
    n = len(record.finished_at)
    memory = [one / 1e6 for one in record.memory]
    return {
        "readings": n,
        "readings_a_second": round(n / seconds, 2),
        "p50_s": round(median(took), 2),
        "p95_s": round(p95, 2),
        "health_p50_s": round(median(record.health_s), 3),
        "health_max_s": round(max(record.health_s), 3),
        "memory_max_mb": round(max(memory)),
        "memory_last_mb": round(memory[-1]),
        "mixed_up": record.mixed_up,
        "n_errors": len(record.errors),
        "errors": sorted(set(record.errors))[:5],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=4, help="mean seconds between two sheets")
    parser.add_argument("--most", type=int, default=10**6, help="sheets of each user")
    parser.add_argument("--kind", choices=KINDS, default="jpeg")
    options = parser.parse_args()
    options.sheets = draw_sheets(options.kind)
    load_before = os.getloadavg()[0]
    with served() as (host, server):
        idle = memory_bytes(server)
        cpu_before = server_cpu_s(server)
        own_before = time.process_time()
        record = asyncio.run(run(host, server, options))
        figures = summary(record, options.seconds)
        figures["memory_idle_mb"] = round(idle / 1e6)
        figures |= cpu_figures(cpu_before, server_cpu_s(server))
        figures["visitors_cpu_s"] = round(time.process_time() - own_before, 1)
    figures["load_before"] = round(load_before, 2)
    print(json.dumps(figures, indent=2))


def server_cpu_s(server: psutil.Process) -> dict[str, float]:
    """Processor seconds of the server itself and of its workers."""
    own = server.cpu_times()
    workers = [one.cpu_times() for one in server.children(recursive=True)]
    return {
        "server_cpu_s": own.user + own.system,
        "workers_cpu_s": sum(one.user + one.system for one in workers)
        + own.children_user
        + own.children_system,
    }


def cpu_figures(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: round(after[name] - before[name], 1) for name in before}


if __name__ == "__main__":
    main()
