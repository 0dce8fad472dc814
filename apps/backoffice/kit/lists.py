"""Lists that stay fast over millions of rows."""

from typing import Any, Final

from django.conf import settings
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.module_loading import import_string
from django.utils.translation import gettext
from unfold.views import ChangeList

from apps.common.sql import planned_for_values

# The order that keys give, and the names of a page in an address.
BY_KEY: Final = ("-pk",)
BEFORE, AFTER = "before", "after"
PAGE_NAMES: Final = (PAGE_VAR, BEFORE, AFTER)

# With a filter that no index answers a page reads as many rows, then offers to look further: what
# is rare would otherwise read a whole table. Of payments this takes PostgreSQL 0.1 to 0.2 seconds.
ROWS_LOOKED_AT: Final = 50_000

# Beyond this PostgreSQL would skip too many rows; a search or a filter finds older ones.
LAST_PAGE = 2000


class OpenEndedPage(Page):  # type: ignore[type-arg]  # Django has no subscript at run time
    """A page that knows whether another one follows."""

    has_more = False

    def has_next(self) -> bool:
        """Return whether a row was found behind this page."""
        return self.has_more


class OpenEndedPaginator(Paginator):  # type: ignore[type-arg]  # the same
    """
    Pages without a total: nothing is counted, each page reads one row more than it shows.

    A COUNT over three million payments costs 700 ms, a page 50 ms.
    """

    template_name = "admin/backoffice/pagination.html"
    more_follow = False

    @cached_property
    def count(self) -> int:
        """Return a number large enough for the admin to page at all."""
        return LAST_PAGE * self.per_page

    def page(self, number: int | str) -> OpenEndedPage:
        """Return the page; rows are read here."""
        valid = self.validate_number(number)
        first = (valid - 1) * self.per_page
        rows: list[Any] = list(self.object_list[first : first + self.per_page + 1])
        page = OpenEndedPage(rows[: self.per_page], valid, self)
        self.more_follow = page.has_more = len(rows) > self.per_page
        return page


class PreparedList(ChangeList):
    """
    A list whose screen may load, for the page's rows at once, what its columns need.

    Lists in the order of their keys, which is nearly all of them, are paged by key: the next page
    begins behind the last row of this one, however deep it lies, and new rows move nothing.
    """

    result_list: Any
    newer_url = ""
    older_url = ""
    # Leads to the rows behind those that a filter without an index has looked at.
    further_url = ""
    rows_looked_at = ROWS_LOOKED_AT

    @property
    def nothing(self) -> str:
        """Return what the list says while it has no rows (config/empty_lists.py)."""
        texts = import_string(settings.BACKOFFICE_EMPTY_LISTS)
        return gettext(texts.get(self.opts.label_lower, "Nothing here yet."))

    @property
    def no_match(self) -> str:
        """Return what the list says when its filters and search leave nothing."""
        return gettext(self.model_admin.no_match)

    @property
    def reads_rows(self) -> bool:
        """Return whether a filter is used that no index answers."""
        return any(
            getattr(spec, "reads_rows", False) and spec.is_used for spec in self.filter_specs
        )

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Leave out what names a page."""
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in (BEFORE, AFTER)}

    def get_query_string(
        self, new_params: dict[str, Any] | None = None, remove: list[str] | None = None
    ) -> str:
        """Return an address with another filter, on its first page."""
        query: str = super().get_query_string(new_params, [*(remove or []), BEFORE, AFTER])
        return query

    def filters_to_keep(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Return what an address names to have these filters and this search, on its first page."""
        named = request.GET.lists()
        return [
            (name, value) for name, values in named if name not in PAGE_NAMES for value in values
        ]

    def url_for_result(self, result: Any) -> str:
        """Return the page of a row."""
        url: str = self.model_admin.page_url(result)
        return url

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows, and what belongs to them."""
        with planned_for_values():
            if tuple(self.model_admin.get_ordering(request)) == BY_KEY:
                self._read_by_key(request)
            else:
                self._read_by_number(request)
        # The theme shows a total where the two differ, and nobody has counted one here.
        self.full_result_count = self.result_count = len(self.result_list)
        self.model_admin.prepare(self.result_list)

    def _read_by_key(self, request: HttpRequest) -> None:
        size = self.list_per_page
        before, after = request.GET.get(BEFORE, ""), request.GET.get(AFTER, "")
        try:
            rows, last = self._read(after or before, newer=bool(after))
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error
        more, rows = len(rows) > size, rows[:size]
        self.result_list = rows[::-1] if after else rows
        # Whoever came from one side may go back to it.
        has_newer, has_older = (more, True) if after else (bool(before), more)
        if has_newer and rows:
            self.newer_url = self._url(request, AFTER, self.result_list[0].pk)
        if has_older and rows:
            self.older_url = self._url(request, BEFORE, self.result_list[-1].pk)
        if last is not None and not more:
            self.further_url = self._url(request, AFTER if after else BEFORE, last)
        self.paginator = self.model_admin.get_paginator(request, self.queryset, size)
        self.can_show_all, self.multi_page = False, True

    def _read(self, key: str, *, newer: bool) -> tuple[list[Any], Any]:
        """Return the page's rows and one more, and the key at which reading had to stop, if so."""
        order, beyond, up_to = ("pk", "gt", "lte") if newer else ("-pk", "lt", "gte")
        begin = {f"pk__{beyond}": key} if key else {}
        rows = self.queryset.filter(**begin).order_by(order)
        last = None
        if self.reads_rows:
            keys = self.root_queryset.filter(**begin).order_by(order).values_list("pk", flat=True)
            last = next(iter(keys[ROWS_LOOKED_AT - 1 : ROWS_LOOKED_AT]), None)
        if last is not None:
            rows = rows.filter(**{f"pk__{up_to}": last})
        return list(rows[: self.list_per_page + 1]), last

    def _read_by_number(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        if self.page_num > 1:
            self.newer_url = self._url(request, PAGE_VAR, self.page_num - 1)
        if self.paginator.more_follow:
            self.older_url = self._url(request, PAGE_VAR, self.page_num + 1)

    def _url(self, request: HttpRequest, name: str, value: Any) -> str:
        query = request.GET.copy()
        for other in PAGE_NAMES:
            query.pop(other, None)
        query[name] = str(value)
        return f"?{query.urlencode()}"


class NarrowedList(PreparedList):
    """What a list shows under its filters and search: `queryset`, of which nothing is read."""

    def get_results(self, request: HttpRequest) -> None:
        """Read nothing."""
        del request
        self.result_list = []
