"""
The base of every screen: a fast list, a page per object, and dialogs.

Nothing here writes by GET, and nothing writes but by a dialog.
"""

from collections.abc import Sequence
from functools import update_wrapper
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from apps.backoffice.kit.dialogs import Dialog, DialogForm
from apps.backoffice.kit.lists import OpenEndedPaginator, PreparedList
from apps.backoffice.kit.pages import Page
from apps.backoffice.services.dialogs import Actor, Deed, Outcome, run_dialog
from apps.common.addresses import client_address
from apps.common.errors import DomainError
from apps.common.ids import new_id


class ObjectAdmin(ModelAdmin):
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
    # Sorting by a column without an index would read the whole table.
    sortable_by = ()
    # What makes the search box appear; `look_up` does the searching.
    search_fields = ("pk",)
    list_before_template = "admin/backoffice/tabs.html"

    # (label, query string) above the list.
    tabs: ClassVar[Sequence[tuple[str, str]]] = ()
    # Large columns that the list does not show.
    list_defers: ClassVar[Sequence[str]] = ()
    dialogs: ClassVar[Sequence[type[Dialog]]] = ()
    list_dialogs: ClassVar[Sequence[type[Dialog]]] = ()

    def page(self, request: HttpRequest, obj: Any) -> Page:
        """Return what the page of this object shows."""
        raise NotImplementedError

    def look_up(self, term: str) -> Q | None:
        """Return the condition for an exact search by an indexed column; None finds nothing."""
        return Q(pk=term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows; a list does not read the columns in `list_defers`."""
        queryset: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("_changelist")
        return queryset.defer(*self.list_defers) if is_list and self.list_defers else queryset

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
        context = {
            "tabs": [
                {"label": label, "query": query, "is_active": _is_active(request, query)}
                for label, query in self.tabs
            ],
            "dialogs": self._offers(request, None),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

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
            "dialogs": self._offers(request, obj),
        }
        return TemplateResponse(request, "admin/backoffice/object.html", context)

    def _get(self, request: HttpRequest, object_id: str) -> Any:
        obj = None if "\x00" in object_id else self.get_object(request, object_id)
        if obj is None:
            raise Http404
        return obj

    # --- dialogs ------------------------------------------------------------------------------

    def _offers(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        kinds = self.list_dialogs if obj is None else self.dialogs
        offered = [kind(obj, user=request.user) for kind in kinds]
        return [
            {"dialog": dialog, "url": self._dialog_url(dialog.name, obj)}
            for dialog in offered
            if request.user.has_perm(dialog.permission) and dialog.is_offered()
        ]

    def _dialog_url(self, dialog: str, obj: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        if obj is None:
            return reverse(f"{name}_list_dialog", args=[dialog])
        return reverse(f"{name}_dialog", args=[obj.pk, dialog])

    def dialog_view(self, request: HttpRequest, dialog: str, object_id: str = "") -> HttpResponse:
        """Open a dialog by GET, do what it says by POST."""
        obj = self._get(request, object_id) if object_id else None
        kinds = self.dialogs if object_id else self.list_dialogs
        kind = next((kind for kind in kinds if kind.name == dialog), None)
        if kind is None:
            raise Http404
        if not (self.has_view_permission(request) and request.user.has_perm(kind.permission)):
            raise PermissionDenied
        opened = kind(obj, user=request.user)
        if request.method != "POST":
            return self._show_dialog(request, opened, kind.form_class(subject=obj))
        form = kind.form_class(request.POST, subject=obj)
        if not form.is_valid():
            return self._show_dialog(request, opened, form, status=422)
        return self._send_dialog(request, opened, form)

    def _send_dialog(self, request: HttpRequest, dialog: Dialog, form: DialogForm) -> HttpResponse:
        now = timezone.now()
        try:
            outcome = run_dialog(
                nonce=form.cleaned_data["nonce"],
                actor=_actor_of(request),
                deed=Deed(
                    action=f"{self.opts.model_name}.{dialog.name}",
                    object_type=str(self.opts.model_name),
                    object_id=str(dialog.subject.pk) if dialog.subject else "",
                    reason=form.cleaned_data.get("reason", ""),
                ),
                look=dialog.look,
                work=lambda origin: dialog.work(form.cleaned_data, origin=origin, now=now),
                now=now,
            )
        except DomainError as refusal:
            outcome = Outcome(message=refusal.message, succeeded=False)
        if not outcome.succeeded:
            # What the form offers may have changed meanwhile: that is often why it was refused.
            if dialog.subject is not None:
                dialog.subject = self._get(request, dialog.subject.pk)
            again = form.__class__(_with_fresh_nonce(request, form), subject=dialog.subject)
            again.is_valid()
            again.add_error(None, outcome.message)
            return self._show_dialog(request, dialog, again, status=422)
        if outcome.secret:
            return self._show_secret(request, dialog, outcome)
        messages.success(request, outcome.message)
        home = None if outcome.is_gone else dialog.subject
        return HttpResponseRedirect(self._home_url(home))

    def _show_dialog(
        self, request: HttpRequest, dialog: Dialog, form: DialogForm, *, status: int = 200
    ) -> HttpResponse:
        is_fragment = request.headers.get("X-Dialog") == "1"
        context = {
            "opts": self.opts,
            "title": dialog.label,
            "dialog": dialog,
            "form": form,
            "action_url": self._dialog_url(dialog.name, dialog.subject),
            "home_url": self._home_url(dialog.subject),
        }
        if not is_fragment:
            context.update(self.admin_site.each_context(request))
        template = "dialog_form.html" if is_fragment else "dialog.html"
        return TemplateResponse(request, f"admin/backoffice/{template}", context, status=status)

    def _show_secret(self, request: HttpRequest, dialog: Dialog, outcome: Outcome) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": dialog.label,
            "outcome": outcome,
            "home_url": self._home_url(dialog.subject),
        }
        return TemplateResponse(request, "admin/backoffice/secret.html", context)

    def _home_url(self, obj: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return (
            reverse(f"{name}_changelist")
            if obj is None
            else reverse(f"{name}_change", args=[obj.pk])
        )


def _is_active(request: HttpRequest, query: str) -> bool:
    asked = request.GET.copy()
    for other in ("p", "q"):
        asked.pop(other, None)
    return asked.urlencode() == query


def _with_fresh_nonce(request: HttpRequest, form: DialogForm) -> Any:
    """Return what was typed with another nonce: the refused one has been used up."""
    data = request.POST.copy()
    data[form.add_prefix("nonce")] = str(form.get_initial_for_field(form.fields["nonce"], "nonce"))
    return data


def _actor_of(request: HttpRequest) -> Actor:
    user: Any = request.user
    return Actor(
        name=user.actor,
        roles=sorted(user.groups.values_list("name", flat=True)),
        ip=client_address(request),
        request_id=new_id("req"),
    )
