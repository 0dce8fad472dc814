"""The way of an API request: past everything that only browsers need."""

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from apps.api.errors import error_response

# What programs call. None of it knows sessions, forms or pages.
PROGRAM_PATHS = ("/v1/", "/webhooks/", "/healthz", "/readyz", "/metrics")


class ProgramsFirst:
    """
    Answer programs directly; only people go through sessions, CSRF, messages and the rest.

    That saves each payment a tenth of a millisecond, and keeps cookies away from the API. Stands
    first in MIDDLEWARE; the views behind these paths set their own security headers.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PROGRAM_PATHS):
            return self._get_response(request)
        response = _answer(request)
        if isinstance(response, HttpResponse):
            # Otherwise the server would send it in chunks.
            response["Content-Length"] = str(len(response.content))
        return response


def _answer(request: HttpRequest) -> HttpResponseBase:
    try:
        request.get_host()
        match = resolve(request.path_info)
    except (Resolver404, SuspiciousOperation) as error:
        return error_response(error, request)
    if "\x00" in request.path_info:
        # No id contains NUL, and PostgreSQL takes none.
        return error_response(Http404(), request)
    request.resolver_match = match
    response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    return response
