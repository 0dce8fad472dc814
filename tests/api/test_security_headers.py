"""Programs' addresses say to browsers that there is nothing for them, and refuse plain HTTP."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from apps.api.middleware import ProgramsFirst
from config.settings.base import CONTENT_SECURITY_POLICY

pytestmark = pytest.mark.django_db

PATHS = [
    "/v1/customers",
    "/v1/openapi.json",
    "/v1/nowhere",
    "/webhooks/stripe/stripe_main",
    "/healthz",
    "/readyz",
    "/metrics",
]


@pytest.fixture
def production(settings: Any) -> ProgramsFirst:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    return ProgramsFirst(lambda _request: HttpResponse("for people"))


@pytest.mark.parametrize("path", PATHS)
def test_every_address_of_programs_has_the_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize("path", PATHS)
def test_in_production_every_answer_asks_for_tls_for_a_year(
    production: ProgramsFirst, path: str
) -> None:
    answer = production(RequestFactory().get(path, secure=True))

    assert answer.headers["Strict-Transport-Security"] == (
        "max-age=31536000; includeSubDomains; preload"
    )


def test_in_production_a_key_in_clear_is_refused_and_not_redirected(
    production: ProgramsFirst,
) -> None:
    answer = production(RequestFactory().get("/v1/customers"))

    assert answer.status_code == 403
    assert isinstance(answer, HttpResponse)
    assert b"tls_required" in answer.content
    assert "Location" not in answer.headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_without_tls(production: ProgramsFirst, path: str) -> None:
    assert production(RequestFactory().get(path)).status_code == 200


def test_pages_for_people_have_a_policy_without_inline_code() -> None:
    directives = CONTENT_SECURITY_POLICY["DIRECTIVES"]

    assert directives["default-src"] == directives["frame-ancestors"] == ["'none'"]
    assert directives["script-src"] == ["'self'"]
