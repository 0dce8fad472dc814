"""
The base of every screen: a fast list, a page per object, and dialogs.

Nothing here writes by GET, and nothing writes but by a dialog.
"""

from collections.abc import Mapping, Sequence
from functools import update_wrapper
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from apps.backoffice.kit.columns import Column
from apps.backoffice.kit.counts import count_views
from apps.backoffice.kit.days import draw_days
from apps.backoffice.kit.dialog_views import DialogViews
from apps.backoffice.kit.dialogs import Dialog
from apps.backoffice.kit.exports import ExportDialog
from apps.backoffice.kit.filters import ModeFilter
from apps.backoffice.kit.lists import PAGE_NAMES, OpenEndedPaginator, PreparedList
from apps.backoffice.kit.pages import Page
from apps.backoffice.kit.views import RemoveViewDialog, SaveViewDialog
from apps.backoffice.selectors import views_of


class ObjectAdmin(ModelAdmin, DialogViews):
    """A list and pages to look at; what may be done stands in `dialogs` and `list_dialogs`."""

    paginator = OpenEndedPaginator
    show_full_result_count = False
    # Facets count each choice of each filter.
    show_facets = ShowFacets.NEVER
    list_per_page = 25
    list_disable_select_all = True
    list_fullwidth = True
    actions = None
    ordering = ("-pk",)
    list_filter: Sequence[Any] = ()
    # Sorting by a column without an index would read the whole table.
    sortable_by = ()
    # What makes the search box appear; `look_up` does the searching.
    search_fields = ("pk",)
    list_before_template = "admin/backoffice/tabs.html"
    # What the list says when a filter or a search leaves nothing of it.
    no_match = "Nothing matches. Ids, addresses and references are searched for exactly."

    # (label, query string) above the list.
    tabs: ClassVar[Sequence[tuple[str, str]]] = ()
    # What a file of the list shows; without any, what the list shows.
    export_columns: ClassVar[Sequence[Column]] = ()
    # The prefix of the ids of a list that draws how many rows each day brought.
    days_of: ClassVar[str] = ""
    # Large columns that the list does not show.
    list_defers: ClassVar[Sequence[str]] = ()

    def __init__(self, model: type[Model], admin_site: Any) -> None:
        super().__init__(model, admin_site)
        added: Mapping[str, Sequence[str]] = import_string(settings.BACKOFFICE_DIALOGS)
        more = added.get(self.opts.label_lower, ())
        self.dialogs = (*self.dialogs, *(import_string(path) for path in more))
        filters: Mapping[str, Sequence[str]] = import_string(settings.BACKOFFICE_FILTERS)
        narrowed = filters.get(self.opts.label_lower, ())
        self.list_filter = (*self.list_filter, *(import_string(path) for path in narrowed))

    def __init_subclass__(cls) -> None:
        """Let the titles of the list's columns be said in the reader's language."""
        super().__init_subclass__()
        for value in vars(cls).values():
            title = getattr(value, "short_description", "")
            if callable(value) and isinstance(title, str) and title:
                value.short_description = gettext_lazy(title)

    def page(self, request: HttpRequest, obj: Any) -> Page:
        """Return what the page of this object shows."""
        raise NotImplementedError

    def look_up(self, term: str) -> Q | None:
        """Return the condition for an exact search by an indexed column; None finds nothing."""
        return Q(pk=term)

    def hit(self, _request: HttpRequest, obj: Any) -> tuple[str, str]:
        """Return how the search box calls this object, and a few words about it."""
        return str(obj.pk), str(self.opts.verbose_name)

    def page_url(self, obj: Any) -> str:
        """Return the address of the object's page; our ids need none of the admin's quoting."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[obj.pk])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows; a list does not read the columns in `list_defers`."""
        queryset: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("_changelist")
        return queryset.defer(*self.list_defers) if is_list and self.list_defers else queryset

    def count_tabs(self, _request: HttpRequest) -> Mapping[str, int]:
        """Return the number beside a tab by its query; only what an index counts fast."""
        return {}

    def warning(self, _request: HttpRequest) -> str:
        """Return what everybody who opens the list must read first; mostly nothing."""
        return ""

    def prepare(self, rows: list[Any]) -> None:
        """Load what the columns need beyond the row, for the whole page at once."""

    # --- rights -------------------------------------------------------------------------------

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Objects come to be by dialogs, if at all."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Objects change by dialogs, if at all."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Nothing is deleted."""
        return False

    # --- the list -----------------------------------------------------------------------------

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        """Return the filters, that of the mode as one which an index answers."""
        names = {field.name for field in self.opts.get_fields()}
        is_indexed = "merchant_id" in names
        return [
            ModeFilter if name == "livemode" and is_indexed else name
            for name in super().get_list_filter(request)
        ]

    def get_changelist(self, _request: HttpRequest, **_options: Any) -> type[PreparedList]:
        """Return the kind of list that calls `prepare`."""
        return PreparedList

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Search exactly, never by patterns: those cannot use an index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        condition = None if "\x00" in term else self.look_up(term)
        return (queryset.none() if condition is None else queryset.filter(condition)), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list."""
        user: Any = request.user
        counts = self.count_tabs(request)
        context = {
            "tabs": [
                {
                    "label": label,
                    "query": query,
                    "count": counts.get(query),
                    "is_active": _is_active(request, query),
                }
                for label, query in self.tabs
            ],
            "views": [
                {"view": view, "is_active": _is_active(request, view.query)}
                for view in views_of(user, str(self.opts.label_lower))
            ],
            "dialogs": self.offers(request, None),
            "warning": self.warning(request),
            "draws_days": bool(self.days_of),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def counts_view(self, request: HttpRequest) -> HttpResponse:
        """Return what is counted of the list, which the page fetches once it is there."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        user: Any = request.user
        views = views_of(user, str(self.opts.label_lower))
        query = request.META.get("QUERY_STRING", "")
        days = draw_days(self, request, query) if self.days_of else ""
        return JsonResponse({"views": dict(count_views(self, request, views)), "days": days})

    def list_dialog_kinds(self) -> Sequence[type[Dialog]]:
        """Return what this screen does to its list, and what every screen does."""
        return (*self.list_dialogs, ExportDialog, SaveViewDialog, RemoveViewDialog)

    # --- the page of an object ----------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Return the list, the page and the dialogs; nothing adds, edits or deletes."""

        def wrap(view: Any) -> Any:
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return self.admin_site.admin_view(view)(*args, **kwargs)

            return update_wrapper(wrapper, view)

        name = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("", wrap(self.changelist_view), name=f"{name}_changelist"),
            path("counts/", wrap(self.counts_view), name=f"{name}_counts"),
            path("do/<slug:dialog>/", wrap(self.dialog_view), name=f"{name}_list_dialog"),
            path(
                "<path:object_id>/do/<slug:dialog>/", wrap(self.dialog_view), name=f"{name}_dialog"
            ),
            path("<path:object_id>/change/", wrap(self.object_view), name=f"{name}_change"),
            path("<path:object_id>/", wrap(self.object_view)),
        ]

    def object_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one object."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = self._get(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(obj),
            "page": self.page(request, obj),
            "dialogs": self.offers(request, obj),
        }
        return TemplateResponse(request, "admin/backoffice/object.html", context)

    def _get(self, request: HttpRequest, object_id: str) -> Any:
        obj = None if "\x00" in object_id else self.get_object(request, object_id)
        if obj is None:
            raise Http404
        return obj


def _is_active(request: HttpRequest, query: str) -> bool:
    asked = request.GET.copy()
    for other in PAGE_NAMES:
        asked.pop(other, None)
    # Compared by meaning: the address writes a comma in its own way.
    return asked == QueryDict(query)
