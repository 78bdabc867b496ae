"""Every page, filled, under the shipped policy, held to WCAG in both themes and a phone's width."""

import re
from collections.abc import Iterator

import pytest
from browser_pages import CHROMIUM, PAGES, TIMEOUT_MS, chromium_at, open_filled
from load.users import served
from paths import ROOT

# The last holds the order of headings, which no rule of WCAG names.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "cat.semantics"]
# Until what Streamlit fades in is there, its colours are not yet its own.
FADED_IN_MS = 1500
DESK = {"width": 1280, "height": 900}
# Until what lies beside each other on a desk lies below each other.
PHONE_PX, PHONE_WAIT_MS = 400, 500
POLICY_LINE = re.compile(r'add_header Content-Security-Policy "([^"]+)" always;')
POLICY = POLICY_LINE.findall((ROOT / "deploy" / "nginx.conf.template").read_text())[0]
NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium on this machine: install the package 'chromium'"
    ),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as (host, _):
        yield f"http://{host}"


@pytest.fixture(scope="module")
def browser(address):
    # A document that a test hands on belongs to no network, and may not reach this machine's.
    with chromium_at(address, "--disable-features=LocalNetworkAccessChecks") as chromium:
        yield chromium


@pytest.fixture(scope="module")
def page(browser):
    page = opened(browser, POLICY)
    yield page
    page.context.close()


def opened(browser, policy):
    """A tab whose documents come with a policy, as a proxy sends it."""
    page = browser.new_context(viewport=DESK).new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.add_init_script(NOTE_VIOLATIONS)

    def add_policy(route):
        if route.request.resource_type != "document":
            route.continue_()
            return
        answer = route.fetch()
        route.fulfill(
            response=answer, headers={**answer.headers, "content-security-policy": policy}
        )

    page.route("**/*", add_policy)
    return page


def broken_rules(page) -> list[str]:
    """What axe finds on a page, once it has faded in."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_timeout(FADED_IN_MS)
    return [
        f"{one['id']} {node['html'][:160]}"
        for one in Axe().run(page, options={"runOnly": RULES}).response["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_to_the_policy_to_wcag_and_to_a_phone(page, address, name):
    page.emulate_media(color_scheme="light")
    open_filled(page, address, name)
    assert not page.evaluate("window.violations")
    assert not broken_rules(page)
    page.emulate_media(color_scheme="dark")
    assert not broken_rules(page)
    # The page did follow the theme.
    red_green_blue = page.evaluate(
        "getComputedStyle(document.querySelector('.stApp')).backgroundColor.match(/\\d+/g)"
    )
    assert max(map(int, red_green_blue[:3])) < 64
    page.set_viewport_size({"width": PHONE_PX, "height": 800})
    page.wait_for_timeout(PHONE_WAIT_MS)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 0
    page.set_viewport_size(DESK)


def test_what_a_policy_forbids_is_noticed_here(browser, address):
    page = opened(browser, POLICY.replace("style-src 'self' 'unsafe-inline'", "style-src 'self'"))
    page.goto(address)
    page.locator("h1").first.wait_for()
    assert page.evaluate("window.violations")
    page.context.close()
