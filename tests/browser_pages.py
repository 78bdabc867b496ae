"""The app's pages in a browser: where they are, and how each comes to show what it is for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from paths import ROOT

from ecgapp.synthesis.samples import draw_sample

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
TIMEOUT_MS = 120_000
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))


@contextmanager
def chromium_at(address: str, *flags: str) -> Iterator["Browser"]:
    """A browser that has opened the app once."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *flags],
        )
        # The router has to have run once before a page's own address leads to it.
        first = chromium.new_page()
        first.goto(address, timeout=TIMEOUT_MS)
        first.locator("h1").first.wait_for(timeout=TIMEOUT_MS)
        first.close()
        yield chromium
        chromium.close()


def open_filled(page: "Page", address: str, name: str) -> None:
    """Open a page, and bring it to where it shows what it is for."""
    page.goto(f"{address}/{name.removeprefix('diagnose')}")
    page.locator("h1").first.wait_for()
    if name == "diagnose":
        drop_drawn_sheet(page)
    elif name == "two_sheets":
        page.get_by_role("button", name="Take two drawn samples").click()
        wait_for_heading(page, "Average beats")
    page.locator("[data-test-script-state=notRunning]").wait_for()


def drop_drawn_sheet(page: "Page") -> None:
    """Drop a sheet on Diagnose, and wait until it is read."""
    page.locator("input[type=file]").first.set_input_files(
        {
            "name": "sheet.jpg",
            "mimeType": "image/jpeg",
            "buffer": draw_sample("Raised ST in V1 to V4"),
        }
    )
    wait_for_heading(page, "Probability of each class")


def wait_for_heading(page: "Page", name: str) -> None:
    """Wait for a heading; say what the page showed where it does not come."""
    from playwright.sync_api import TimeoutError

    try:
        page.get_by_role("heading", name=name).wait_for()
    except TimeoutError as error:
        shown = page.locator("body").inner_text()
        raise AssertionError(f"no heading {name!r}; the page shows: {shown}") from error
