"""Scripts of the hosted page: an inventory, and a check that finds what is not in it."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.test import Client

from apps.api.models import Merchant
from apps.checkout.scripts import INVENTORY, digest_of
from tests.factories.checkout import open_session

pytestmark = pytest.mark.django_db

# What somebody on the way makes of a body and its policy.
Change = Callable[[str, str], tuple[str, str]]
Serve = Callable[[Change], str]


def file_of(name: str) -> bytes:
    return Path(str(finders.find(name))).read_bytes()


@pytest.fixture
def serve(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Return what serves a session's page with a change, and says where."""
    path = f"/pay/{open_session(merchant).id}"

    def begin(change: Change) -> str:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == path:
                page = Client().get(path)
                body, policy = page.content.decode(), page.headers["Content-Security-Policy"]
            else:
                body, policy = file_of(request.url.path.removeprefix("/static/")).decode(), ""
            body, policy = change(body, policy)
            return httpx.Response(200, text=body, headers={"Content-Security-Policy": policy})

        real, transport = httpx.Client, httpx.MockTransport(answer)
        monkeypatch.setattr(httpx, "Client", lambda **_options: real(transport=transport))
        return f"https://pay.example{path}"

    return begin


def test_the_inventory_says_what_the_scripts_are() -> None:
    for name, script in INVENTORY.items():
        assert digest_of(file_of(name)) == script.sha256, f"{name} changed: write its digest"
        assert script.why


def test_a_page_as_it_should_be_passes(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_payment_page", serve(lambda body, policy: (body, policy)))

    assert "The page is as it should be: 1 script, none besides." in capsys.readouterr().out


CHANGES: list[tuple[str, Change]] = [
    (
        "https://evil.example/skim.js is not in the inventory",
        lambda body, policy: (
            body.replace("</head>", '<script src="https://evil.example/skim.js"></script></head>'),
            policy,
        ),
    ),
    (
        "https://evil.example/static/checkout/page.js is not in the inventory",
        lambda body, policy: (
            body.replace("/static/checkout", "https://evil.example/static/checkout"),
            policy,
        ),
    ),
    (
        "there is a script inline",
        lambda body, policy: (body.replace("</head>", "<script>steal()</script></head>"), policy),
    ),
    (
        "page.js is not what the inventory says",
        lambda body, policy: (body.replace('"use strict";', '"use strict";steal();'), policy),
    ),
    (
        "checkout/page.js is missing",
        lambda body, policy: (body.replace("<script", "<noscript"), policy),
    ),
    (
        "the policy says script-src 'nonce' https://evil.example and not 'nonce'",
        lambda body, policy: (
            body,
            policy.replace("'; style-src", "' https://evil.example; style-src"),
        ),
    ),
    (
        "the policy says script-src nothing and not 'nonce'",
        lambda body, _policy: (body, ""),
    ),
]


@pytest.mark.parametrize(("said", "change"), CHANGES, ids=[said for said, _ in CHANGES])
def test_a_page_that_somebody_changed_is_told(serve: Serve, said: str, change: Change) -> None:
    url = serve(change)

    with pytest.raises(CommandError, match=re.escape(said)):
        call_command("check_payment_page", url)
