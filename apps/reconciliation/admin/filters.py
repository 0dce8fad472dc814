"""What exceptions can be narrowed down by, beside their columns."""

from typing import Any

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Abs, Coalesce
from django.http import HttpRequest
from django.utils import timezone

from apps.backoffice.kit.filters import AmountFilter, RowFilter, values_filter
from apps.gateways.registry import gateway_names
from apps.reconciliation.ages import AGES, is_of_age

GatewayFilter = values_filter("gateway", gateway_names)


class AgeFilter(RowFilter):
    """Exceptions by how long ago the money moved, in the same steps as the table above the list."""

    title = "age"
    parameter_name = "age"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the steps, youngest first."""
        return [(str(age.days), age.label) for age in AGES]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the exceptions of the step that was chosen; something else chooses nothing."""
        chosen = next((age for age in AGES if str(age.days) == self.value()), None)
        today = timezone.now().date()
        return queryset.filter(is_of_age(chosen, today=today)) if chosen else queryset


class DifferenceFilter(AmountFilter):
    """Exceptions by how much the two sides differ, whichever has more."""

    title = "difference"

    def narrow(self, queryset: QuerySet[Any], asked: Any) -> QuerySet[Any]:
        """Return those within the limits."""
        nothing = Value(0)
        more = Coalesce(F("statement_amount"), nothing) - Coalesce(F("ledger_amount"), nothing)
        return super().narrow(queryset.alias(amount=Abs(more)), asked)
