"""Payments by whether they were disputed, and disputes by what is left to answer them."""

from datetime import timedelta
from typing import Any, Final

from django.contrib.admin import SimpleListFilter
from django.db.models import (
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone

from apps.backoffice.kit.display import words
from apps.backoffice.kit.filters import values_filter
from apps.disputes.admin.display import SOON, URGENT
from apps.disputes.models import Dispute, DisputePolicy
from apps.disputes.policies import BUFFER_HOURS
from apps.disputes.states import ANSWERABLE, OPEN

# The schemes as gateways call them.
_SCHEMES: Final = ("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay")
WITHIN: Final = {"48h": ("48 hours", URGENT), "5d": ("5 days", SOON)}


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


NetworkFilter = values_filter("network", lambda: _SCHEMES, in_words=words)


class DueFilter(SimpleListFilter):
    """Disputes that wait for us, by what is left until our own deadline; few are open at all."""

    title = "answer within"
    parameter_name = "due"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return how much may be left."""
        return [(value, label) for value, (label, _) in WITHIN.items()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the disputes with no more left than was chosen; something else chooses nothing."""
        if self.value() not in WITHIN:
            return queryset
        _, left = WITHIN[str(self.value())]
        waiting = queryset.filter(status__in=sorted(ANSWERABLE), submitted_at__isnull=True)
        ours: QuerySet[Any] = waiting.alias(answer_by=_answer_by())
        return ours.filter(answer_by__lt=timezone.now() + left)


def _answer_by() -> Combinable:
    """Return a dispute's own deadline in SQL: `policies.answer_by` with the merchant's buffer."""
    policies = DisputePolicy.objects.filter(
        merchant_id=OuterRef("merchant_id"), livemode=OuterRef("livemode")
    )
    hours = Coalesce(Subquery(policies.values("buffer_hours")), BUFFER_HOURS)
    buffer = ExpressionWrapper(hours * Value(timedelta(hours=1)), output_field=DurationField())
    return ExpressionWrapper(F("due_at") - buffer, output_field=DateTimeField())
