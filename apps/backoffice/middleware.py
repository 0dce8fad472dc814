"""The policy of content per part of the site, its language, and the end of sessions."""

from collections.abc import Callable
from typing import Any, Final

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from apps.backoffice.kit.reader import reading
from apps.backoffice.services.sessions import keep_session

# Where the browser's session names its StaffSession.
SESSION_KEY: Final = "staff_session"
# The catalogues in apps/backoffice/locale; the first one is what the code is written in.
LANGUAGES: Final = ("en", "de")


class PolicyPerPrefix(CSPMiddleware):
    """
    Answer with the policy of the longest prefix in CONTENT_SECURITY_POLICY_PREFIXES.

    The admin's theme evaluates expressions in attributes, so it needs 'unsafe-eval'; nothing else
    here does, and the page on which people pay least of all.
    """

    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,  # noqa: FBT001, FBT002 - the base class passes it so
    ) -> PolicyParts:
        """Return the parts from which the header is built."""
        parts = super().get_policy_parts(request, response, report_only)
        prefixes: dict[str, dict[str, Any]] = settings.CONTENT_SECURITY_POLICY_PREFIXES
        matching = [prefix for prefix in prefixes if request.path_info.startswith(prefix)]
        if matching and not report_only and parts.config is None:
            parts.config = prefixes[max(matching, key=len)]
        return parts


class Reader:
    """
    Make the back-office's pages for who reads them.

    They are in the language that the browser asks for, if we have it, and link only to what the
    person may open.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer so; programs and the payers' pages are left alone."""
        if not request.path_info.startswith(reverse("admin:index")):
            return self._get_response(request)
        with translation.override(_language_of(request)), reading(request):
            response = self._get_response(request)
        response.headers["Content-Language"] = _language_of(request)
        patch_vary_headers(response, ["Accept-Language"])
        return response


def _language_of(request: HttpRequest) -> str:
    asked = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    plain = (code.partition("-")[0] for code, _ in asked)
    return next((code for code in plain if code in LANGUAGES), LANGUAGES[0])


class StaffSessions:
    """Log people out whose session was ended, or who have not clicked for a while."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._prefix = ""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Leave the session for the views as `request.staff_session`."""
        self._prefix = self._prefix or reverse("admin:index")
        if request.path_info.startswith(self._prefix):
            self._check(request)
        return self._get_response(request)

    def _check(self, request: Any) -> None:
        user = request.user
        if not (user.is_authenticated and user.is_verified()):
            return
        request.staff_session = keep_session(
            session_id=request.session.get(SESSION_KEY, ""), user=user, now=timezone.now()
        )
        if request.staff_session is None:
            logout(request)
            messages.info(request, "You were logged out: log in to go on.")
