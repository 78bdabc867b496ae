"""A server that is told to stop while it reads."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from free_port import free_port, wait_until_healthy
from paths import ROOT
from streamlit_client import Visitor, drop
from websockets.exceptions import ConnectionClosed

from ecgapp.synthesis.samples import SAMPLES, draw_sample

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
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


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_page_whose_server_was_restarted_says_what_became_of_its_sheets() -> None:
    from playwright.sync_api import sync_playwright

    port = free_port()
    first, second = serve(port), None
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            )
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
            drop(page, draw_sample(next(iter(SAMPLES))))
            page.get_by_text("Probability of each class").first.wait_for()
            first.terminate()
            first.wait(30)
            second = serve(port)
            page.get_by_text("has let go of this page's sheets").wait_for()
            drop(page, draw_sample(next(iter(SAMPLES))))
            page.get_by_text("Probability of each class").first.wait_for()
            assert page.get_by_text("has let go of this page's sheets").count() == 0
            browser.close()
    finally:
        for server in filter(None, (first, second)):
            server.terminate()
            server.wait(30)


def serve(port: int) -> subprocess.Popen:
    server = subprocess.Popen(
        [sys.executable, "-m", "ecgapp", "app", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until_healthy(f"127.0.0.1:{port}", server)
    return server
