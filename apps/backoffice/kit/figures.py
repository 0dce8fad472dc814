"""A screen whose list has figures above it."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Panel


class FiguresAdmin(ObjectAdmin):
    """A list with figures above it."""

    list_before_template = "admin/backoffice/figures.html"

    def figures(self) -> Sequence[Panel]:
        """Return what stands above the list."""
        raise NotImplementedError

    def folded(self) -> Sequence[tuple[str, Sequence[Panel]]]:
        """Return what stands there folded away, under its titles."""
        return ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the figures above the list."""
        shown = {"panels": self.figures(), "folded": self.folded()}
        return super().changelist_view(request, {**shown, **(extra_context or {})})
