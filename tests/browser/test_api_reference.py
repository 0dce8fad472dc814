"""The API's reference in a real browser: complete, and served from this host alone."""

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

MOST_SCREENS = 60
# Redoc draws the whole document before it shows any of it.
DRAWING_MS = 90_000


@pytest.mark.django_db(transaction=True)
def test_the_reference_lists_the_resources_and_asks_no_other_host(
    page: Page, live_server: LiveServer
) -> None:
    troubles: list[str] = []
    hosts: set[str] = set()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))

    page.goto(f"{live_server.url}/docs")
    # The page breaks its texts at slashes, so the attribute is looked for; and it only holds what
    # is on the screen.
    page.locator("[data-path='/v1/accounts']").first.wait_for()
    payments = page.locator("[data-path='/v1/payment_intents']")
    for _ in range(MOST_SCREENS):
        if payments.count():
            break
        page.mouse.wheel(0, 500)
        page.wait_for_timeout(100)
    payments.first.wait_for()

    assert hosts == {live_server.url.removeprefix("http://")}
    assert troubles == []


@pytest.mark.django_db(transaction=True)
def test_redoc_shows_resources_and_webhooks_and_no_other_host_answers(
    page: Page, live_server: LiveServer
) -> None:
    troubles: list[str] = []
    hosts: set[str] = set()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("response", lambda response: hosts.add(response.url.split("/")[2]))

    page.goto(f"{live_server.url}/redoc")
    page.get_by_role("heading", name="Payments API").wait_for(timeout=DRAWING_MS)
    page.get_by_text("payment_intents", exact=True).first.wait_for(state="attached")
    page.get_by_role("heading", name="account.created").wait_for()

    assert hosts == {live_server.url.removeprefix("http://")}
    assert troubles == []
