"""The request log: what callers asked and what they got."""

import json
import shlex
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.api.admin.durations import draw_durations
from apps.api.models import LoggedRequest
from apps.backoffice.kit.display import (
    NOTHING,
    Tone,
    chip,
    copyable,
    identifier,
    link,
    mode_chip,
    moment,
    stacked,
)
from apps.backoffice.kit.figures import FiguresAdmin
from apps.backoffice.kit.filters import created_filter, values_filter
from apps.backoffice.kit.pages import Drawings, Facts, Page, Panel, Raw, Text

_STATUS_DIGITS: Final = 3
# What the API answers; others are refused, and logged as well.
_METHODS: Final = ("GET", "POST", "DELETE")


@admin.register(LoggedRequest)
class LoggedRequestAdmin(FiguresAdmin):
    """One request of an API key, with both bodies where they are kept."""

    search_help_text = "Request, API key, Idempotency-Key, path or status"
    list_display = ("what", "answered", "why", "key", "took", "mode", "at")
    list_filter = (
        values_filter("method", lambda: _METHODS, title="HTTP method"),
        "livemode",
        created_filter("req"),
    )
    list_defers = ("request", "response")
    tabs = (
        ("All", ""),
        ("Refused", "status__gte=400&status__lt=500"),
        ("Failed", "status__gte=500"),
    )

    def figures(self) -> Sequence[Panel]:
        """Return how long the latest requests took."""
        return [Drawings([draw_durations()])]

    @admin.display(description="Request")
    def what(self, row: LoggedRequest) -> SafeString:
        """Return method, path and id."""
        return stacked(f"{row.method} {row.path}", row.id)

    @admin.display(description="Status")
    def answered(self, row: LoggedRequest) -> SafeString:
        """Return the status of the answer."""
        return status_chip(row.status)

    @admin.display(description="Error")
    def why(self, row: LoggedRequest) -> str:
        """Return the code of the refusal."""
        return row.error_code or NOTHING

    @admin.display(description="API key")
    def key(self, row: LoggedRequest) -> SafeString:
        """Return which key it was."""
        return format_html("<code>{}</code>", row.key_id)

    @admin.display(description="Took")
    def took(self, row: LoggedRequest) -> str:
        """Return how long the answer took."""
        return f"{row.duration_ms} ms"

    @admin.display(description="Mode")
    def mode(self, row: LoggedRequest) -> SafeString:
        """Return whether it was about real money."""
        return mode_chip(livemode=row.livemode)

    @admin.display(description="At")
    def at(self, row: LoggedRequest) -> Text:
        """Return when it was answered."""
        return moment(row.created_at)

    def look_up(self, term: str) -> Q | None:
        """Search by what an index answers: each kind of term has a form of its own."""
        if term.startswith("req_"):
            return Q(pk=term)
        if term.startswith("key_"):
            return Q(key_id=term)
        if term.startswith("/"):
            return Q(path=term)
        if term.isascii() and term.isdecimal() and len(term) == _STATUS_DIGITS:
            return Q(status=int(term))
        return Q(idempotency_key=term)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return one request."""
        return Page(
            heading=f"{obj.method} {obj.path}",
            chips=(status_chip(obj.status), self.mode(obj)),
            subtitle=identifier(obj.id),
            main=(
                Raw(
                    "Bodies, without secrets and people",
                    [("Parameters", _shown(obj.request)), ("Answer", _shown(obj.response))],
                    is_open=True,
                ),
                Facts("To ask it once more", [("Command", copyable(_as_curl(obj)))]),
            ),
            side=(
                Facts(
                    "Answer",
                    [
                        ("Status", status_chip(obj.status)),
                        ("Error", obj.error_code or NOTHING),
                        ("Took", self.took(obj)),
                        ("At", moment(obj.created_at)),
                        ("Replay of", _request_link(obj.original_request)),
                    ],
                ),
                Facts(
                    "Caller",
                    [
                        (
                            "API key",
                            link(reverse("admin:api_apikey_change", args=[obj.key_id]), obj.key_id),
                        ),
                        ("Address", obj.ip or NOTHING),
                        ("Program", obj.user_agent or NOTHING),
                        ("Dialect", obj.dialect),
                        ("Idempotency-Key", obj.idempotency_key or NOTHING),
                    ],
                ),
            ),
        )


def status_chip(status: int) -> SafeString:
    """Return the status with the colour of its hundred."""
    tones = {2: Tone.GOOD, 4: Tone.WARNING, 5: Tone.BAD}
    return chip(str(status), tones.get(status // 100, Tone.NEUTRAL))


def _as_curl(row: LoggedRequest) -> str:
    """Return the request as a command, with places for the key and for what is kept nowhere."""
    words = ["curl", "-X", row.method, f"{settings.PUBLIC_BASE_URL}{row.path}"]
    words += ["-H", "Authorization: Bearer YOUR_KEY"]
    if row.idempotency_key:
        words += ["-H", f"Idempotency-Key: {row.idempotency_key}"]
    parameters = _shown(row.request) if row.request else {}
    if isinstance(parameters, dict) and parameters and row.method == "GET":
        words.append("-G")
        for name, value in parameters.items():
            words += ["--data-urlencode", f"{name}={value}"]
    elif row.request and row.method != "GET":
        words += ["-H", "Content-Type: application/json", "-d", row.request]
    return shlex.join(words)


def _request_link(request_id: str) -> Text:
    if not request_id:
        return NOTHING
    # A search and no page: the log may have forgotten the earlier request.
    return link(f"{reverse('admin:api_loggedrequest_changelist')}?q={request_id}", request_id)


def _shown(text: str) -> Any:
    """Return the JSON behind a text; one that was cut off stays a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text or "not kept"
