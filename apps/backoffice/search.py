"""The search box of every page: a pasted id opens its object."""

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string
from unfold.dataclasses import SearchResult


def find_by_id(request: HttpRequest, term: str) -> list[SearchResult]:
    """Return the page of the object whose id was pasted, if this person may see it."""
    pages: Mapping[str, tuple[str, str]] = import_string(settings.BACKOFFICE_PAGES)
    prefix, _, rest = term.strip().partition("_")
    page = pages.get(prefix)
    if page is None or not rest.isalnum():
        return []
    name, permission = page
    if permission and not request.user.has_perm(permission):
        return []
    link = reverse(name, args=[term.strip()])
    return [SearchResult(title=term.strip(), description="Open", link=link, icon="open_in_new")]
