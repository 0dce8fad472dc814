"""The search box of every page: what was pasted opens the object that it belongs to."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.module_loading import import_string
from unfold.dataclasses import SearchResult

# Of each screen: who wants more opens its list.
HITS_OF_EACH: Final = 5


def find_objects(request: HttpRequest, term: str) -> list[SearchResult]:
    """
    Return what the exact searches of the lists find, of the screens that this person may see.

    First the screen whose ids begin like the term, then those of `BACKOFFICE_PALETTE`. An id that
    is found whole ends the search.
    """
    found: list[SearchResult] = []
    if "\x00" in term:
        return found
    for screen in _screens(term):
        if not screen.has_view_permission(request):
            continue
        condition = screen.look_up(term)
        if condition is None:
            continue
        rows = list(screen.get_queryset(request).filter(condition)[:HITS_OF_EACH])
        hits = [_hit(screen, request, row) for row in rows]
        if [str(row.pk) for row in rows] == [term]:
            return hits
        found += hits
    return found


def _screens(term: str) -> list[Any]:
    labels: Sequence[str] = import_string(settings.BACKOFFICE_PALETTE)(term)
    pages: Mapping[str, tuple[str, str]] = import_string(settings.BACKOFFICE_PAGES)
    name, _ = pages.get(term.partition("_")[0], ("", ""))
    if name:
        # `admin:payments_refund_change` is the page of `payments.refund`.
        own = name.removeprefix("admin:").removesuffix("_change").replace("_", ".", 1)
        labels = [own, *(label for label in labels if label != own)]
    return [admin.site.get_model_admin(apps.get_model(label)) for label in labels]


def _hit(screen: Any, request: HttpRequest, row: Any) -> SearchResult:
    title, description = screen.hit(request, row)
    link = screen.page_url(row)
    return SearchResult(title=title, description=description, link=link, icon="open_in_new")
