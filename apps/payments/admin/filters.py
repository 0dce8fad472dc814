"""What payments can be narrowed down by."""

from collections.abc import Iterator
from typing import Any, Final

from django import forms
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext

from apps.backoffice.kit.display import words
from apps.backoffice.kit.filters import FormFilter, RowFilter
from apps.fraud.models import Decision
from apps.fraud.states import Level
from apps.gateways.declines import ADYEN_REASONS, STRIPE_REASONS
from apps.gateways.registry import gateway_names
from apps.payments.admin.dialogs import REFUND_REASONS
from apps.payments.models import PaymentAttempt
from apps.payments.selectors import has_unknown_attempt

_REFUNDED: Final = {
    "none": Q(amount_received__gt=0, amount_refunded=0, amount_refund_pending=0),
    "under_way": Q(amount_refund_pending__gt=0),
    "partly": Q(amount_refunded__gt=0, amount_refunded__lt=F("amount_received")),
    "fully": Q(amount_refunded__gt=0, amount_refunded=F("amount_received")),
}


class GatewayFilter(RowFilter):
    """Payments by the gateway of their latest attempt, which is the one that the list shows."""

    title = "gateway"
    parameter_name = "gateway"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the gateways of this installation."""
        return [(name, name) for name in gateway_names()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the payments at the gateway that was chosen."""
        if not self.value():
            return queryset
        latest = PaymentAttempt.objects.filter(pk=OuterRef("latest_attempt_id"))
        return queryset.filter(Exists(latest.filter(gateway=self.value())))


class RefundedFilter(RowFilter):
    """Paid payments by how much of the money went back."""

    title = "refunded"
    parameter_name = "refunded"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [
            ("none", "Nothing"),
            ("under_way", "Refund under way"),
            ("partly", "Partly"),
            ("fully", "Fully"),
        ]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the payments of the choice; something else chooses nothing."""
        condition = _REFUNDED.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


class RiskFilter(RowFilter):
    """Payments by what risk thought of their latest attempt."""

    title = "risk"
    parameter_name = "risk"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the levels."""
        return [(level, words(level)) for level in Level]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the payments of the level that was chosen; something else chooses nothing."""
        if self.value() not in Level:
            return queryset
        judged = Decision.objects.filter(attempt_id=OuterRef("latest_attempt_id"))
        return queryset.filter(Exists(judged.filter(level=self.value())))


class OutcomeFilter(RowFilter):
    """Payments of which the gateway has not said what it did, asked for or not any more."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the choice."""
        return [("unknown", gettext("Not known yet"))]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the payments without an outcome; something else chooses nothing."""
        return queryset.filter(has_unknown_attempt()) if self.value() == "unknown" else queryset


def _codes() -> list[tuple[str, str]]:
    codes = sorted({*STRIPE_REASONS, *ADYEN_REASONS})
    return [("", gettext("All")), *((code, words(code)) for code in codes)]


class _DeclineForm(forms.Form):
    declined = forms.ChoiceField(label="Reason", required=False, choices=_codes)


class DeclineFilter(FormFilter):
    """Payments of which the bank declined an attempt, by its reason."""

    title = "decline"
    form_class = _DeclineForm
    reads_rows = True

    def narrow(self, queryset: QuerySet[Any], asked: Any) -> QuerySet[Any]:
        """Return the payments with such an attempt."""
        if not asked["declined"]:
            return queryset
        attempts = PaymentAttempt.objects.filter(intent_id=OuterRef("pk"))
        return queryset.filter(Exists(attempts.filter(decline_code=asked["declined"])))


class ReasonFilter(RowFilter):
    """Refunds by why they were asked for, in Stripe's words."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Return the reasons."""
        return [(reason, label) for reason, label in REFUND_REASONS]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the refunds for the reason that was chosen."""
        return queryset.filter(reason=self.value()) if self.value() else queryset


class _PersonForm(forms.Form):
    asked_by = forms.CharField(label="E-mail or API key", required=False, max_length=100)


class AskedByFilter(FormFilter):
    """Refunds by who asked for them: everybody of staff, one person, or one API key."""

    title = "asked by"
    form_class = _PersonForm
    reads_rows = True

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield everybody with the form for somebody, oneself, and each kind of actor."""
        yield from super().choices(changelist)
        me = self.request.user.get_username()
        for label, value in {"Me": me, "Staff": "staff:", "API": "api:", "Clock": "clock"}.items():
            yield {
                "selected": self.used_parameters.get("asked_by") == value,
                "query_string": changelist.get_query_string({"asked_by": value}),
                "display": gettext(label),
            }

    def narrow(self, queryset: QuerySet[Any], asked: Any) -> QuerySet[Any]:
        """Return the refunds that this person, key or kind of actor has asked for."""
        by = asked["asked_by"]
        if not by:
            return queryset
        if by.endswith(":"):
            return queryset.filter(actor__startswith=by)
        return queryset.filter(actor__in=[by, f"staff:{by}", f"api:{by}"])
