"""Asking where a payment would go, before anybody pays."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django import forms
from django.utils.translation import gettext

from apps.api.selectors import list_merchant_choices
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome
from apps.backoffice.kit.display import money, words
from apps.common.errors import DomainError
from apps.common.money import CURRENCIES, to_minor
from apps.common.origin import Origin, Scope
from apps.gateways.registry import gateway_names
from apps.gateways.routing import Decision, Payment
from apps.gateways.rulebook import decide_route

_METHOD_TYPES: Final = ("card", "sepa_debit")


class PaymentForm(DialogForm):
    """A payment that nobody makes."""

    merchant = forms.ChoiceField(choices=list_merchant_choices)
    livemode = forms.BooleanField(required=False, label="Live mode: real money")
    currency = forms.ChoiceField(
        choices=lambda: [(code, code) for code in sorted(CURRENCIES)], initial="EUR"
    )
    amount = forms.CharField(
        max_length=20, initial="10.00", help_text="In the currency's own decimals, with a point."
    )
    method_type = forms.ChoiceField(
        label="Method", choices=lambda: [(each, words(each)) for each in _METHOD_TYPES]
    )
    brand = forms.CharField(required=False, max_length=20, help_text="visa, mastercard")
    country = forms.CharField(required=False, max_length=2, help_text="Of the card: DE")
    seller = forms.CharField(required=False, max_length=40, help_text="acct_...")

    def clean(self) -> dict[str, Any]:
        """Read the amount in its currency."""
        answers: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                answers["amount"] = to_minor(answers["amount"], answers["currency"])
            except DomainError as refusal:
                self.add_error("amount", refusal.message)
        return answers


class SimulateDialog(Dialog):
    """Say by which gateways a payment would go, and why."""

    name = "simulate"
    label = "Simulate a route…"
    permission = "gateways.add_routingrule"
    form_class = PaymentForm
    submit = "Where would it go?"

    def explanation(self) -> str:
        """Say that nobody pays."""
        return "By the rules in force, what gateways can do, and how they fare. Nothing is charged."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Ask as a confirmation would."""
        del origin, now
        payment = Payment(
            amount=answers["amount"],
            currency=answers["currency"],
            method_type=answers["method_type"],
            brand=answers["brand"].strip().lower(),
            country=answers["country"].strip().upper(),
            seller=answers["seller"].strip(),
        )
        decision = decide_route(
            Scope(answers["merchant"], livemode=answers["livemode"]),
            payment,
            chargeable=gateway_names(),
        )
        asked = money(payment.amount, payment.currency)
        return Outcome(
            message="{amount}: {route}", facts={"amount": asked, "route": _describe(decision)}
        )


def _describe(decision: Decision) -> str:
    """Return the route and each step that led there, as a person says it."""
    first, *others = decision.route or [gettext("no gateway can charge it")]
    then = gettext(", then %(others)s") % {"others": ", ".join(others)} if others else ""
    why = "; ".join(filter(None, map(_reason, decision.reasons)))
    return f"{first}{then}. {why or gettext('In the order of the settings')}."


def _reason(step: Mapping[str, Any]) -> str:
    if step["step"] == "rule":
        weights = ", ".join(f"{name} {weight}" for name, weight in step["weights"].items())
        return gettext("Rule “%(rule)s”: %(weights)s") % {"rule": step["rule"], "weights": weights}
    if step["step"] == "left_out":
        return gettext("%(gateway)s cannot charge this") % {"gateway": step["gateway"]}
    if step["step"] == "cost":
        return gettext("The cheapest first")
    if step["step"] in {"success_rate", "exploring"}:
        rates = ", ".join(f"{name} {rate} %" for name, rate in step["success_percent"].items())
        return gettext("By success: %(rates)s") % {"rates": rates}
    return ""
