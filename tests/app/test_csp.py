"""Every page works under the Content-Security-Policy that the proxy's configuration sends."""

import re
from collections.abc import Iterator

import pytest
from browser_pages import CHROMIUM, PAGES, TIMEOUT_MS, chromium_at, open_filled
from load.users import served
from paths import ROOT

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


def opened(browser, policy):
    """A tab whose documents come with a policy, as a proxy sends it."""
    context = browser.new_context()
    page = context.new_page()
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


def test_every_page_works_under_the_policy_that_ships(browser, address):
    page = opened(browser, POLICY)
    refused = []
    for name in PAGES:
        open_filled(page, address, name)
        refused += [f"{name}: {one}" for one in page.evaluate("window.violations")]
    page.context.close()
    assert not refused


def test_what_a_policy_forbids_is_noticed_here(browser, address):
    page = opened(browser, POLICY.replace("style-src 'self' 'unsafe-inline'", "style-src 'self'"))
    page.goto(address)
    page.locator("h1").first.wait_for()
    assert page.evaluate("window.violations")
    page.context.close()
