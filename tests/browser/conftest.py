"""A browser for the tests of this folder: skipped where there is none, but never in CI."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from apps.backoffice.services import setup_roles
from tests.backoffice.house import House, furnish
from tests.browser.staff import complaint_of, log_in, stranger_of
from tests.fake_gateway import FakeGateway, use_gateways

Enter = Callable[[str], Page]

# For a machine with much else to do; a test that passes waits no longer for it.
expect.set_options(timeout=20_000)

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
# No sandbox: it needs rights that containers and root do not have. The rest keeps it silent.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser; bin/test has looked for one and said so."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found and os.environ.get("CI") == "true":
        pytest.fail("CI skips no browser test, and no Chromium was found")
    if not found:
        pytest.skip("no Chromium was found")
    return found


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """
    Return the browser, closed again when the last test of this folder is done.

    Playwright keeps an event loop in this thread. Django takes any loop for asynchronous code, and
    tests of other folders want to run loops of their own.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return an empty page with cookies of its own."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake


@pytest.fixture
def house(gateway: FakeGateway) -> House:
    """Return one of everything, and the roles of those who look at it."""
    setup_roles()
    return furnish(gateway)


@pytest.fixture
def context(browser: Browser, live_server: Any) -> Iterator[BrowserContext]:
    """Return a browser that says nothing on its console and asks no other host."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    host = urlsplit(live_server.url).netloc
    complaints: list[str] = []
    context.on("console", lambda said: complaints.extend(complaint_of(said)))
    context.on("request", lambda request: complaints.extend(stranger_of(request, host)))
    yield context
    context.close()
    assert complaints == []


@pytest.fixture
def enter(context: BrowserContext, live_server: Any, house: House) -> Enter:
    """Return a function that logs a role in with both factors."""

    def as_role(role: str) -> Page:
        page = context.new_page()
        log_in(page, live_server.url, role=role)
        return page

    return as_role
