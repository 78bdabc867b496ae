"""A server that is started anew under an open tab."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from browser_pages import CHROMIUM, TIMEOUT_MS, chromium_at, drop_drawn_sheet, open_filled
from free_port import free_port, wait_until_healthy
from paths import ROOT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium on this machine: install the package 'chromium'"
    ),
]


@contextmanager
def served(port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ecgapp", "app", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_healthy(f"127.0.0.1:{port}", process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_a_tab_that_held_sheets_says_that_they_are_gone():
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    gone = "The sheets of this tab are gone"
    with ExitStack() as stack:
        with served(port):
            browser = stack.enter_context(chromium_at(address))
            page, fresh = browser.new_page(), browser.new_page()
            page.set_default_timeout(TIMEOUT_MS)
            open_filled(page, address, "diagnose")
            fresh.goto(address)
            fresh.locator("h1").first.wait_for(timeout=TIMEOUT_MS)
            assert page.get_by_text(gone).count() == 0
        with served(port):
            # Until it is used, the tab shows what it showed.
            page.get_by_role("heading", name="Probability of each class").wait_for()
            page.reload()
            page.get_by_text(gone).wait_for()
            fresh.reload()
            fresh.locator("h1").first.wait_for(timeout=TIMEOUT_MS)
            fresh.wait_for_timeout(2000)
            assert fresh.get_by_text(gone).count() == 0
            # Another sheet is taken as ever, and the message goes.
            drop_drawn_sheet(page)
            page.get_by_text(gone).wait_for(state="detached")
