"""Lists that stay fast over millions of rows."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from unfold.views import ChangeList

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
    """A list whose screen may load, for the page's rows at once, what its columns need."""

    result_list: Any

    def url_for_result(self, result: Any) -> str:
        """Return the page of a row; our ids need none of the admin's quoting."""
        return reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[result.pk]
        )

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows, and what belongs to them."""
        super().get_results(request)
        # The theme shows a total where the two differ, and nobody has counted one here.
        self.full_result_count = self.result_count
        self.result_list = list(self.result_list)
        self.model_admin.prepare(self.result_list)
