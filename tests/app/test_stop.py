"""A server that is told to stop while it reads."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from free_port import free_port, wait_until_healthy
from paths import ROOT
from streamlit_client import Visitor
from websockets.exceptions import ConnectionClosed

from ecgapp.synthesis.samples import SAMPLES, draw_sample

pytestmark = pytest.mark.slow

# What orchestrators wait before they kill.
MOST_S = 10


def test_a_server_told_to_stop_in_a_reading_ends_in_time_and_leaves_no_process(
    tmp_path: Path,
) -> None:
    host = f"127.0.0.1:{free_port()}"
    log = tmp_path / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "ecgapp", "app", "--port", host.split(":")[1]],
            cwd=ROOT,
            env={**os.environ, "ECGAPP_WORKERS": "1"},
            stdout=file,
            stderr=file,
        )
    try:
        wait_until_healthy(host, server)
        took_s = asyncio.run(asyncio.wait_for(stop_in_a_reading(host, server), 120))
    finally:
        server.kill()
        server.wait()
    assert took_s < MOST_S
    assert "reading outcome=stopped" in log.read_text()
    assert "Traceback" not in log.read_text()


async def stop_in_a_reading(host: str, server: subprocess.Popen) -> float:
    """Seconds from the signal to the end."""
    visitor = Visitor(host)
    shown = await visitor.open()
    (worker,) = workers_of(server)
    worker.send_signal(signal.SIGSTOP)
    sheet = draw_sample(next(iter(SAMPLES)))
    reading = asyncio.create_task(visitor.upload(shown.uploader, "a.jpg", sheet))
    await asyncio.sleep(3)  # until the worker has been given the file
    start = time.monotonic()
    server.send_signal(signal.SIGTERM)
    await asyncio.to_thread(server.wait, 60)
    took_s = time.monotonic() - start
    with contextlib.suppress(ConnectionClosed):
        await reading
    await visitor.close()
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    return took_s


def workers_of(server: subprocess.Popen) -> list[psutil.Process]:
    children = psutil.Process(server.pid).children()
    return [one for one in children if "ecgapp.service.worker" in one.cmdline()]
