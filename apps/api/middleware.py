"""The way of an API request: past everything that only browsers need."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from apps.api.errors import RateLimited, TlsRequired, error_response
from apps.api.throttling import take_address_token
from apps.common.addresses import client_address

_API_PATH: Final = "/v1/"
# What programs call. None of it knows sessions, forms or pages.
PROGRAM_PATHS: Final = (_API_PATH, "/webhooks/", "/healthz", "/readyz", "/metrics")
# Where credentials and money are: never without TLS once SECURE_SSL_REDIRECT is set. There is no
# redirect, for the key would have been sent in clear by then, and again with each request.
_SECRET_PATHS: Final = (_API_PATH, "/webhooks/")
# What browsers should make of an answer that is meant for programs: nothing at all.
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ProgramsFirst:
    """
    Answer programs directly; only people go through sessions, CSRF, messages and the rest.

    That saves each payment a tenth of a millisecond, and keeps cookies away from the API. Stands
    first in MIDDLEWARE, and sets the security headers which others would set for people.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._headers = {**_HEADERS, **_transport_security()}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PROGRAM_PATHS):
            return self._get_response(request)
        response = _answer(request)
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
        if isinstance(response, HttpResponse):
            # Otherwise the server would send it in chunks.
            response["Content-Length"] = str(len(response.content))
        return response


def _transport_security() -> dict[str, str]:
    if not settings.SECURE_HSTS_SECONDS:
        return {}
    parts = [f"max-age={settings.SECURE_HSTS_SECONDS}"]
    if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        parts.append("includeSubDomains")
    if settings.SECURE_HSTS_PRELOAD:
        parts.append("preload")
    return {"Strict-Transport-Security": "; ".join(parts)}


def _answer(request: HttpRequest) -> HttpResponseBase:
    if (
        settings.SECURE_SSL_REDIRECT
        and request.path_info.startswith(_SECRET_PATHS)
        and not request.is_secure()
    ):
        return error_response(TlsRequired(), request)
    try:
        request.get_host()
        match = resolve(request.path_info)
    except (Resolver404, SuspiciousOperation) as error:
        return _refuse(error, request)
    if "\x00" in request.path_info:
        # No id contains NUL, and PostgreSQL takes none.
        return _refuse(Http404(), request)
    request.resolver_match = match
    response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    return response


def _refuse(error: Exception, request: HttpRequest) -> HttpResponse:
    """Answer what no view takes. Nobody looked for a key, so it counts for its sender's address."""
    if not request.path_info.startswith(_API_PATH):
        return error_response(error, request)
    try:
        allowance = take_address_token(client_address(request))
    except RateLimited as refusal:
        error, allowance = refusal, refusal.context["allowance"]
    response = error_response(error, request)
    response["Api-Version"] = settings.API_VERSION
    for name, value in allowance.headers().items():
        response[name] = value
    return response
