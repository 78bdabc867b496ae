"""Every page held to WCAG 2.2 AA by axe, in the light and in the dark theme."""

from collections.abc import Iterator

import pytest
from browser_pages import CHROMIUM, PAGES, TIMEOUT_MS, chromium_at, open_filled
from load.users import served

# The last holds the order of headings, which no rule of WCAG names.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "cat.semantics"]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: install the package 'chromium'"
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as (host, _):
        yield f"http://{host}"


@pytest.fixture(scope="module")
def browser(address):
    with chromium_at(address) as chromium:
        yield chromium


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
            open_filled(page, address, name)
            # Until what Streamlit fades in is there, its colours are not yet its own.
            page.wait_for_timeout(1500)
            found = Axe().run(page, options={"runOnly": RULES})
            broken += [
                f"{name}: {one['id']} {node['html'][:160]}"
                for one in found.response["violations"]
                for node in one["nodes"]
            ]
    assert not broken
