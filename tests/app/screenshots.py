"""Draw the pictures of the docs from a simulated sheet: ``python tests/app/screenshots.py``.

Needs Chromium. Writes docs/diagnose.png and docs/phone.png; no picture of any data set is shown.
"""

import shutil

from measure_page import READ_TIMEOUT_MS, ROOT, free_port, serve
from playwright.sync_api import sync_playwright

from ecgapp.synthesis.samples import draw_sample

SAMPLE = "Raised ST in V1 to V4"
SCREENS = {"diagnose": (1440, 1000), "phone": (400, 800)}


def main() -> None:
    """Take the pictures."""
    port = free_port()
    server = serve(port)
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            )
            for name, (width, height) in SCREENS.items():
                page = chromium.new_page(viewport={"width": width, "height": height})
                page.goto(f"http://127.0.0.1:{port}", timeout=READ_TIMEOUT_MS)
                page.locator("input[type=file]").first.set_input_files(
                    {"name": "sheet.jpg", "mimeType": "image/jpeg", "buffer": draw_sample(SAMPLE)},
                    timeout=READ_TIMEOUT_MS,
                )
                page.get_by_role("heading", name="Probability of each class").wait_for(
                    timeout=READ_TIMEOUT_MS
                )
                page.locator("[data-test-script-state=notRunning]").wait_for(
                    timeout=READ_TIMEOUT_MS
                )
                page.wait_for_timeout(1000)
                page.screenshot(path=ROOT / "docs" / f"{name}.png")
                page.close()
            chromium.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main()
