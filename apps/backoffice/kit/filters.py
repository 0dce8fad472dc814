"""Filters that an index answers."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.conf import settings
from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.common.ids import first_id

_DAYS: Final = {"1": "Today", "7": "Last 7 days", "30": "Last 30 days", "365": "Last year"}


class ModeFilter(SimpleListFilter):
    """
    Live or test; every list whose rows have both columns gets it for its `livemode`.

    The indexes begin with the merchant: naming all of them lets PostgreSQL find the few test
    payments among millions of live ones.
    """

    title = "mode"
    parameter_name = "livemode__exact"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("1", "Live"), ("0", "Test")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the mode that was chosen; something else chooses nothing."""
        if self.value() not in {"0", "1"}:
            return queryset
        merchants = import_string(settings.BACKOFFICE_MERCHANTS)()
        return queryset.filter(merchant_id__in=merchants, livemode=self.value() == "1")


class CreatedFilter(SimpleListFilter):
    """
    Rows since a day, by their ids, which sort by time: no column of dates needs an index.

    Made by `created_filter`, which knows the prefix of the ids.
    """

    title = "created"
    parameter_name = "created"
    prefix: ClassVar[str]

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return list(_DAYS.items())

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows since the day that was chosen; something else chooses nothing."""
        chosen = self.value()
        if chosen not in _DAYS:
            return queryset
        return queryset.filter(pk__gte=first_id(self.prefix, _days_ago(int(chosen) - 1)))


class AssigneeFilter(SimpleListFilter):
    """Whose work a case is; for models whose `case` has an `assignee`."""

    title = "assigned to"
    parameter_name = "assignee"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("me", "Me"), ("nobody", "Nobody"), ("others", "Others")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the cases of the choice; something else chooses nothing."""
        mine = Q(case__assignee=request.user.pk)
        match self.value():
            case "me":
                return queryset.filter(mine)
            case "nobody":
                return queryset.filter(case__assignee=None)
            case "others":
                return queryset.exclude(case__assignee=None).exclude(mine)
        return queryset


def created_filter(prefix: str) -> type[CreatedFilter]:
    """Return the filter for a model whose ids begin with `prefix`."""
    return type(f"CreatedFilterOf{prefix.title()}", (CreatedFilter,), {"prefix": prefix})


def _days_ago(days: int) -> datetime:
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days)
