"""The site in which staff work: a password, a second factor, and a page of work to do."""

import time
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.module_loading import import_string
from django.views.decorators.http import require_http_methods, require_safe
from unfold.sites import UnfoldAdminSite

from apps.backoffice.kit.dashboard import Chart, Figure, View

# The views which something may be sent to; all others are there to be looked at.
ACTING_VIEWS: Final = frozenset({"dialog_view", "logout", "password_change"})
_allow_posts: Final = require_http_methods(["GET", "HEAD", "POST"])

# More than the exact searches of all screens return together.
RESULTS_SHOWN: Final = 100


class BackofficeSite(UnfoldAdminSite):
    """Nobody gets anywhere without a second factor."""

    site_header = "Payments"
    site_title = "Payments"
    index_title = "Today"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take screens of the kit only: a model that a package registers could be edited."""
        from apps.backoffice.kit.objects import ObjectAdmin  # noqa: PLC0415 - needs the models

        if admin_class is not None and issubclass(admin_class, ObjectAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether this is active staff whose second factor was checked in this session."""
        user: Any = request.user
        return bool(super().has_permission(request)) and bool(user.is_verified())

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's
        """Answer 405 to whatever a page is not made for, once the person has come in."""
        acts = getattr(view, "__name__", "") in ACTING_VIEWS
        limit = _allow_posts if acts else require_safe
        return super().admin_view(limit(view), cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return the site's pages, and the second factor, which stands before their door."""
        from apps.backoffice import second_factor  # noqa: PLC0415 - models are not loaded before

        return [
            path("second-factor/", second_factor.ask, name="second_factor"),
            *super().get_urls(),
        ]

    @method_decorator(_allow_posts)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the password, and send those who gave it on to the second factor."""
        user: Any = request.user
        if user.is_authenticated and user.is_staff and not user.is_verified():
            query = request.GET.urlencode()
            return redirect(f"{reverse('admin:second_factor')}{f'?{query}' if query else ''}")
        response: HttpResponse = super().login(request, extra_context)
        return response

    def search(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """
        Show the screens and objects that were looked for.

        In place of the theme's own, which asks in lower case, while references of gateways are not,
        and which gives an answer for five minutes, whoever lost their rights meanwhile.
        """
        from apps.backoffice.search import find_objects  # noqa: PLC0415 - needs the models

        term = request.GET.get("s", "").strip()
        if not term:
            return HttpResponse()
        screens = self._search_apps(super().get_app_list(request), term.lower())
        started = time.monotonic()
        page = Paginator([*screens, *find_objects(request, term)], RESULTS_SHOWN).page(1)
        took = time.monotonic() - started
        results = "command_results" if "extended" in request.GET else "search_results"
        return TemplateResponse(
            request,
            f"unfold/helpers/{results}.html",
            {
                "page_obj": page.paginator,
                "results": page,
                "page_counter": 0,
                "execution_time": took,
                **(extra_context or {}),
            },
            headers={"HX-Trigger": "search"},
        )

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Show the work that waits and today's figures, each to those who may see it."""
        now = timezone.now()
        view: View = import_string(settings.BACKOFFICE_VIEW)(request.GET, now=now)
        context = {
            "cards": _cards(request),
            "figures": _figures(request, view),
            "charts": _charts(request, view),
            "view": view,
            **(extra_context or {}),
        }
        response: TemplateResponse = super().index(request, context)
        return response


def _cards(request: HttpRequest) -> list[dict[str, Any]]:
    now = timezone.now()
    return [
        {
            "card": card,
            "count": import_string(card.count)(request.user, now=now),
            "url": f"{reverse(card.url)}{f'?{card.query}' if card.query else ''}",
        }
        for card in import_string(settings.BACKOFFICE_CARDS)
        if _may(request, card.permission)
    ]


def _figures(request: HttpRequest, view: View) -> list[Figure]:
    return [
        figure
        for source in import_string(settings.BACKOFFICE_FIGURES)
        if _may(request, source.permission)
        for figure in import_string(source.read)(view)
    ]


def _charts(request: HttpRequest, view: View) -> list[Chart]:
    return [
        import_string(source.read)(view)
        for source in import_string(settings.BACKOFFICE_CHARTS)
        if _may(request, source.permission)
    ]


def _may(request: HttpRequest, permission: str) -> bool:
    user: Any = request.user
    return bool(user.has_perm(permission))
