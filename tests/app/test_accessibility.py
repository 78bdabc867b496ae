"""Every page held to WCAG 2.2 AA by axe, in the light and in the dark theme."""

import shutil
from collections.abc import Iterator

import pytest
from load.users import served
from paths import ROOT

from ecgapp.synthesis.samples import draw_sample

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
TIMEOUT_MS = 120_000
# The last holds the order of headings, which no rule of WCAG names.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "cat.semantics"]
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: install the package 'chromium'"
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as (host, _):
        yield f"http://{host}"


@pytest.fixture(scope="module")
def browser(address):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        # The router has to have run once before a page's own address leads to it.
        first = chromium.new_page()
        first.goto(address, timeout=TIMEOUT_MS)
        first.locator("h1").first.wait_for(timeout=TIMEOUT_MS)
        first.close()
        yield chromium
        chromium.close()


def fill(page, name: str) -> None:
    """Bring a page to where it shows what it is for."""
    if name == "diagnose":
        page.locator("input[type=file]").first.set_input_files(
            {
                "name": "sheet.jpg",
                "mimeType": "image/jpeg",
                "buffer": draw_sample("Raised ST in V1 to V4"),
            }
        )
        page.get_by_role("heading", name="Probability of each class").wait_for()
    elif name == "two_sheets":
        page.get_by_role("button", name="Take two drawn samples").click()
        page.get_by_role("heading", name="Average beats").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_wcag(browser, address, theme):
    from axe_playwright_python.sync_playwright import Axe

    broken = []
    with browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme=theme
    ) as context:
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        for name in PAGES:
            page.goto(f"{address}/{name.removeprefix('diagnose')}")
            page.locator("h1").first.wait_for()
            fill(page, name)
            page.locator("[data-test-script-state=notRunning]").wait_for()
            # Until what Streamlit fades in is there, its colours are not yet its own.
            page.wait_for_timeout(1500)
            found = Axe().run(page, options={"runOnly": RULES})
            broken += [
                f"{name}: {one['id']} {node['html'][:160]}"
                for one in found.response["violations"]
                for node in one["nodes"]
            ]
    assert not broken
