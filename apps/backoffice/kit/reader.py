"""
Who reads the page that is being made: what leads to a page they may not open is text to them.

Like the language, the reader is known for the time of a request and need not be handed from panel
to panel; so is what several panels read. Outside of a request, in exports and tests of parts,
nobody reads, nothing is hidden and nothing is kept.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse
from django.utils.module_loading import import_string

from apps.common.ids import is_id

T = TypeVar("T")

_request: ContextVar[HttpRequest | None] = ContextVar("backoffice_request", default=None)
# What was read for this page, by what reads it.
_known: ContextVar[dict[Callable[[], Any], Any] | None] = ContextVar(
    "backoffice_known", default=None
)
# The names of a screen's list and pages: `payments_refund_change`.
_SCREEN: Final = re.compile(r"(?P<app>[a-z]+)_(?P<model>[a-z]+)_(?:changelist|change)")


@contextmanager
def reading(request: HttpRequest) -> Iterator[None]:
    """Let links ask this request's person, until the page is made."""
    token, known = _request.set(request), _known.set({})
    try:
        yield
    finally:
        _known.reset(known)
        _request.reset(token)


def read_once(read: Callable[[], T]) -> T:
    """Return what `read` returns, and the same to every part of the page that asks for it."""
    known = _known.get()
    if known is None:
        return read()
    if read not in known:
        known[read] = read()
    found: T = known[read]
    return found


def may_open(url: str) -> bool:
    """Return whether who reads may open this page; of what is no screen nobody is kept away."""
    request = _request.get()
    screen = _screen_of(url)
    return request is None or screen is None or screen.has_view_permission(request)


def page_of(id_: str) -> str:
    """Return the address of the page of one of our ids, "" for other texts and this very page."""
    prefix, _, _ = id_.partition("_")
    pages: Mapping[str, tuple[str, str]] = import_string(settings.BACKOFFICE_PAGES)
    if prefix not in pages or not is_id(id_):
        # Gateways use some of our prefixes, but not our form.
        return ""
    url = reverse(pages[prefix][0], args=[id_])
    request = _request.get()
    return "" if request is not None and request.path == url else url


def _screen_of(url: str) -> admin.ModelAdmin | None:  # type: ignore[type-arg]  # Django has no subscript
    try:
        name = resolve(url.partition("?")[0]).url_name or ""
    except Resolver404:
        return None
    found = _SCREEN.fullmatch(name)
    if found is None:
        return None
    model = apps.get_model(found["app"], found["model"])
    return admin.site.get_model_admin(model) if admin.site.is_registered(model) else None
