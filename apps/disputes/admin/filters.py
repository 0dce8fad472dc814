"""Payments by whether they were disputed."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.disputes.models import Dispute
from apps.disputes.states import OPEN


class DisputedFilter(SimpleListFilter):
    """Payments with a dispute: any, or one that is not over yet; read from the few disputes."""

    title = "disputed"
    parameter_name = "disputed"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("open", "Dispute open"), ("ever", "Ever disputed")]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the payments of the choice; something else chooses nothing."""
        disputes = Dispute.objects.all()
        match self.value():
            case "open":
                disputes = disputes.filter(status__in=OPEN)
            case "ever":
                pass
            case _:
                return queryset
        return queryset.filter(pk__in=disputes.values("intent_id"))
