"""The API's reference in a real browser: complete, and served from this host alone."""

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer


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
    # The page breaks its texts at slashes with invisible blanks; the attribute is plain.
    page.locator("[data-path='/v1/payment_intents']").first.wait_for()

    assert hosts == {live_server.url.removeprefix("http://")}
    assert troubles == []
