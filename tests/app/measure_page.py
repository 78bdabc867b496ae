"""Measure how soon the Diagnose page shows a dropped sheet: ``python tests/app/measure_page.py``.

Needs Chromium. Prints one JSON object: medians over the runs, seconds and counts.
"""

import argparse
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
START_TIMEOUT_S = 90
READ_TIMEOUT_MS = 120_000
# Notes, by the page's own clock, when a file was given to it and when it first shows what was read:
# a tool that gives it the file takes a while itself. The sheet is drawn inside a shadow root.
NOTE_TIMES = """
window.noted = {};
const shown = (root, wanted) => root.querySelector(wanted) ||
  [...root.querySelectorAll("*")].some((one) => one.shadowRoot && shown(one.shadowRoot, wanted));
const look = () => {
  for (const [name, wanted] of [["verdict", ".st-key-verdict"], ["sheet", "svg image"]])
    if (!noted[name] && shown(document, wanted)) noted[name] = performance.now();
  if (!noted.sheet) requestAnimationFrame(look);
};
document.addEventListener("change", (event) => {
  if (event.target.type !== "file") return;
  noted.given = performance.now();
  look();
}, true);
"""
# A first reading loads the networks and the fonts; it is not counted.
N_WARM_UP = 1


def serve(port: int) -> subprocess.Popen:
    """Start the app on a port of this machine and wait until it answers."""
    server = subprocess.Popen(
        [
            sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true",
            "--server.address=127.0.0.1", f"--server.port={port}",
        ],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return server
        except OSError:
            time.sleep(0.2)
    server.terminate()
    raise SystemExit("the app did not start")


def free_port() -> int:
    """Find a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def of_browser(address: str, sheet: bytes) -> dict[str, float]:
    """Drop a sheet into a fresh browser and wait for the verdict and the sheet."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        received: list[int] = []
        page.on(
            "response",
            lambda answer: received.append(int(answer.headers.get("content-length", 0))),
        )
        page.goto(address, timeout=READ_TIMEOUT_MS)
        page.get_by_role("heading", name="Read an ECG sheet").wait_for(timeout=READ_TIMEOUT_MS)
        page.wait_for_load_state("networkidle")
        before = sum(received)
        page.locator("[data-test-script-state=notRunning]").wait_for(timeout=READ_TIMEOUT_MS)
        page.evaluate(NOTE_TIMES)
        page.locator("input[type=file]").first.set_input_files(
            {"name": "sheet.jpg", "mimeType": "image/jpeg", "buffer": sheet}
        )
        page.wait_for_function("noted.verdict && noted.sheet", timeout=READ_TIMEOUT_MS)
        page.locator("[data-test-script-state=notRunning]").wait_for(timeout=READ_TIMEOUT_MS)
        noted = page.evaluate("noted")
        page.wait_for_load_state("networkidle")
        own = re.search(r"Read in ([\d.]+) s", page.inner_text("body"))
        figures = {
            "verdict_shown_s": (noted["verdict"] - noted["given"]) / 1000,
            "first_screen_s": (max(noted["verdict"], noted["sheet"]) - noted["given"]) / 1000,
            "reading_itself_s": float(own.group(1)) if own else float("nan"),
            "images": float(page.locator("img").count()),
            "received_mb": (sum(received) - before) / 1e6,
        }
        chromium.close()
        return figures


def of_reruns(sheet: bytes, n: int) -> dict[str, float]:
    """Time a run of the page's script with nothing changed, without a browser."""
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    page.file_uploader[0].upload("sheet.jpg", sheet).run()
    wall, processor = [], []
    for _ in range(n):
        start, start_cpu = time.perf_counter(), time.process_time()
        page.run()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - start_cpu)
    return {"rerun_s": statistics.median(wall), "rerun_cpu_s": statistics.median(processor)}


def main() -> None:
    """Print the medians."""
    from ecgapp.synthesis.samples import draw_sample

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", type=Path, help="a scan; without it, a drawn sample")
    parser.add_argument("-n", type=int, default=3, help="runs that are counted")
    arguments = parser.parse_args()
    sheet = arguments.sheet.read_bytes() if arguments.sheet else draw_sample("Normal rhythm")
    result: dict[str, Any] = {"n": arguments.n, **of_reruns(sheet, arguments.n)}
    port = free_port()
    server = serve(port)
    try:
        runs = [
            of_browser(f"http://127.0.0.1:{port}", sheet) for _ in range(arguments.n + N_WARM_UP)
        ][N_WARM_UP:]
    finally:
        server.terminate()
        server.wait(timeout=20)
    for name in runs[0]:
        result[name] = statistics.median(run[name] for run in runs)
    result["first_screen_least_s"] = min(run["first_screen_s"] for run in runs)
    print(json.dumps({name: round(value, 2) for name, value in result.items()}, indent=2))


if __name__ == "__main__":
    main()
