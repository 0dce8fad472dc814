"""Standing orders in the back-office: what a merchant has decided once for all disputes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest

from apps.api.selectors import list_merchant_choices
from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome
from apps.backoffice.kit.display import NOTHING, Tone, chip, plain_amount, words
from apps.backoffice.kit.objects import ObjectAdmin
from apps.backoffice.kit.pages import Facts, Happening, Page, Text, Timeline
from apps.common.errors import DomainError
from apps.common.money import CURRENCIES, to_minor
from apps.common.origin import Origin, Scope
from apps.disputes.models import DisputePolicy
from apps.disputes.policies import BUFFER_HOURS_MAX
from apps.disputes.services.standing_orders import change_policy

_VERSIONS_MAX = 50

LIMITS: Mapping[str, tuple[str, str]] = {
    "accept_below": (
        "Give up chargebacks below",
        "Nobody answers them; the payer keeps the money.",
    ),
    "refund_inquiries_below": (
        "Refund inquiries below",
        "The payer gets the money back before it is taken.",
    ),
    "refund_warnings_below": (
        "Refund fraud warnings below",
        "A payment that its bank calls a fraud is refunded before it is disputed.",
    ),
}
_TERMS: Mapping[str, str] = {
    "cancellation_terms": "Cancellation terms",
    "refund_terms": "Refund terms",
}


class LimitsField(forms.CharField):
    """Amounts by currency as people write them, `EUR 15.00, USD 20`; its value is minor units."""

    def __init__(self, *, label: str, note: str) -> None:
        super().__init__(
            label=label,
            max_length=500,
            required=False,
            help_text=f"{note} Such as EUR 15.00, USD 20.00; empty for never.",
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        )

    def to_python(self, value: Any) -> Any:
        """Return minor units by currency."""
        limits = {}
        for entry in filter(None, str(value or "").split(",")):
            code, _, amount = entry.strip().partition(" ")
            if code.upper() not in CURRENCIES or not amount:
                raise ValidationError("Write a currency and an amount, such as EUR 15.00.")
            try:
                limits[code.upper()] = to_minor(amount.strip(), code.upper())
            except DomainError as refusal:
                raise ValidationError(refusal.message) from refusal
        return limits


class OrdersForm(DialogForm):
    """All orders of one merchant."""

    buffer_hours = forms.IntegerField(
        label="Answer before the deadline by",
        min_value=0,
        max_value=BUFFER_HOURS_MAX,
        help_text="Hours between our own deadline and the gateway's.",
    )
    cancellation_terms = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=15_000,
        required=False,
        help_text="As the checkout shows them; a dispute quotes the version of that day.",
    )
    refund_terms = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), max_length=15_000, required=False
    )

    def __init__(self, data: Any = None, *, subject: Any = None) -> None:
        super().__init__(data, subject=subject)
        limits = {
            name: LimitsField(label=label, note=note) for name, (label, note) in LIMITS.items()
        }
        self.fields = {**limits, **self.fields}


class ChangeOrdersDialog(Dialog):
    """Change what is done without anybody asking."""

    subject: DisputePolicy
    name = "change-orders"
    label = "Change the orders…"
    permission = "disputes.change_disputepolicy"
    form_class = OrdersForm
    submit = "Give these orders"
    needs_fresh_factor = True

    def explanation(self) -> str:
        """Say whom it concerns."""
        return "Disputes that somebody works on are left to them. Every version is kept."

    def initial(self) -> Mapping[str, Any]:
        """Begin with the orders as they stand."""
        kept = self.subject
        return {
            **{name: limits_in_words(getattr(kept, name)) for name in LIMITS},
            **{name: getattr(kept, name) for name in ("buffer_hours", *_TERMS)},
        }

    def look(self) -> Mapping[str, Any]:
        """Return the orders."""
        names = (*LIMITS, "buffer_hours", *_TERMS)
        return dict(DisputePolicy.objects.values(*names).get(pk=self.subject.pk))

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Give them."""
        del now
        given = {name: answers[name] for name in (*LIMITS, "buffer_hours", *_TERMS)}
        change_policy(scope=self.subject.scope, origin=origin, **given)
        return Outcome(message="The orders stand.")


class BeginForm(DialogForm):
    """Whose orders."""

    merchant = forms.ChoiceField(choices=list_merchant_choices)
    mode = forms.ChoiceField(choices=[("live", "Live"), ("test", "Test")])


class BeginOrdersDialog(Dialog):
    """Begin with orders that do nothing."""

    name = "begin-orders"
    label = "New orders…"
    permission = "disputes.change_disputepolicy"
    form_class = BeginForm
    submit = "Begin"

    def explanation(self) -> str:
        """Say that nothing happens yet."""
        return "New orders do nothing by themselves; change them on their page."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Keep them."""
        del now
        scope = Scope(answers["merchant"], livemode=answers["mode"] == "live")
        policy = change_policy(scope=scope, origin=origin)
        return Outcome(message="The orders can be changed now.", object_id=str(policy.pk))


@admin.register(DisputePolicy)
class DisputePolicyAdmin(ObjectAdmin):
    """The standing orders of each merchant and mode."""

    search_help_text = "Merchant"
    list_display = ("whose", "accepted", "inquiries", "warnings", "buffer_time", "by")
    list_filter = ("livemode",)
    dialogs = (ChangeOrdersDialog,)
    list_dialogs = (BeginOrdersDialog,)

    def look_up(self, term: str) -> Q | None:
        """Search by merchant."""
        return Q(merchant_id=term)

    @admin.display(description="Merchant")
    def whose(self, policy: DisputePolicy) -> str:
        """Return whose orders."""
        return f"{policy.merchant_id} · {_mode(policy)}"

    @admin.display(description="Gives up below")
    def accepted(self, policy: DisputePolicy) -> str:
        """Return the limits for chargebacks."""
        return limits_in_words(policy.accept_below) or NOTHING

    @admin.display(description="Refunds inquiries below")
    def inquiries(self, policy: DisputePolicy) -> str:
        """Return the limits for inquiries."""
        return limits_in_words(policy.refund_inquiries_below) or NOTHING

    @admin.display(description="Refunds warnings below")
    def warnings(self, policy: DisputePolicy) -> str:
        """Return the limits for warnings of fraud."""
        return limits_in_words(policy.refund_warnings_below) or NOTHING

    @admin.display(description="Answers before the deadline by")
    def buffer_time(self, policy: DisputePolicy) -> str:
        """Return the hours."""
        return f"{policy.buffer_hours} h"

    @admin.display(description="Changed by")
    def by(self, policy: DisputePolicy) -> str:
        """Return who gave them."""
        return _who(policy.changed_by)

    def page(self, _request: HttpRequest, obj: Any) -> Page:
        """Return the orders, the terms and every version of both."""
        return Page(
            heading="Standing orders",
            chips=(chip(_mode(obj), Tone.GOOD if obj.livemode else Tone.NEUTRAL),),
            subtitle=f"{obj.merchant_id}: what happens to disputes that nobody works on.",
            main=(_orders(obj), _terms(obj)),
            side=(_versions(obj),),
        )


def limits_in_words(limits: Mapping[str, int]) -> str:
    """Return the amounts as people write them."""
    return ", ".join(
        f"{code} {plain_amount(amount, code)}" for code, amount in sorted(limits.items())
    )


def _mode(policy: DisputePolicy) -> str:
    return "Live" if policy.livemode else "Test"


def _who(actor: str) -> str:
    return actor.partition(":")[2] or words(actor)


def _orders(policy: DisputePolicy) -> Facts:
    rows: list[tuple[str, Text]] = [
        (label, limits_in_words(getattr(policy, name)) or chip("Never"))
        for name, (label, _) in LIMITS.items()
    ]
    return Facts("Orders", [*rows, ("Answer before the deadline by", f"{policy.buffer_hours} h")])


def _terms(policy: DisputePolicy) -> Facts:
    rows = [(label, getattr(policy, name) or NOTHING) for name, label in _TERMS.items()]
    return Facts("The terms that the checkout shows", rows)


def _versions(policy: DisputePolicy) -> Timeline:
    kept = list(policy.history.order_by("-history_date", "-history_id")[: _VERSIONS_MAX + 1])
    return Timeline(
        "Versions",
        [
            Happening(
                at=version.history_date,
                text=_changes(version, before) or "Begun",
                actor=_who(version.changed_by),
            )
            for version, before in zip(kept, [*kept[1:], DisputePolicy()], strict=True)
            if version.changed_by
        ],
    )


def _changes(version: Any, before: Any) -> str:
    labels = {name: label for name, (label, _) in LIMITS.items()}
    labels |= {"buffer_hours": "Answer before the deadline by", **_TERMS}
    return "; ".join(
        f"{label}: {_said(getattr(version, name))}"
        for name, label in labels.items()
        if getattr(version, name) != getattr(before, name)
    )


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return limits_in_words(value) or "never"
    return f"{value} h" if isinstance(value, int) else "changed"
