"""Filters of deliveries that no index answers: a page reads a stretch of rows at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.module_loading import import_string

from apps.backoffice.kit.filters import RowFilter
from apps.outbox.models import Event

_ANSWERS: Final = {
    "2xx": Q(last_status_code__range=(200, 299)),
    "3xx": Q(last_status_code__range=(300, 399)),
    "4xx": Q(last_status_code__range=(400, 499)),
    "5xx": Q(last_status_code__range=(500, 599)),
    "none": Q(last_status_code=None) & ~Q(last_error=""),
}


class AnswerFilter(RowFilter):
    """What the endpoint answered last."""

    title = "last answer"
    parameter_name = "answer"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(each, "No answer" if each == "none" else each) for each in _ANSWERS]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the deliveries of the choice; something else chooses nothing."""
        condition = _ANSWERS.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


class TypeFilter(RowFilter):
    """What the event is about: the part of its type before the last point."""

    title = "event"
    parameter_name = "about"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the families of all types that there are."""
        return [(family, family) for family in event_families()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the deliveries of events of the family; something else chooses nothing."""
        family = self.value()
        if family not in event_families():
            return queryset
        events = Event.objects.filter(pk=OuterRef("event_id"))
        # Of `charge.refunded`, not of `charge.dispute.created`.
        return queryset.filter(Exists(events.filter(type__regex=rf"^{family}\.[a-z_]+$")))


def event_families() -> list[str]:
    """Return what events are about, as the catalogue of all types has it."""
    catalog: Mapping[str, Sequence[str]] = import_string(settings.EVENT_CATALOG)
    return sorted({name.rpartition(".")[0] for types in catalog.values() for name in types})
