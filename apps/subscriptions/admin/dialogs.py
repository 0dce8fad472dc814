"""What staff may do to subscriptions and invoices."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from apps.backoffice.kit.dialogs import Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import money
from apps.common.errors import DomainError
from apps.common.origin import Origin, scope_of
from apps.subscriptions.models import Invoice, Price, Subscription, SubscriptionItem
from apps.subscriptions.selectors import load_contract
from apps.subscriptions.services.bills import Bill
from apps.subscriptions.services.changes import ContractChange, ItemChange, ProrationBehavior
from apps.subscriptions.services.invoices import mark_uncollectible, pay_invoice, void_invoice
from apps.subscriptions.services.subscriptions import (
    SubscriptionChange,
    cancel_subscription,
    preview_update,
    resume_subscription,
    update_subscription,
)
from apps.subscriptions.states import (
    CollectionMethod,
    InvoiceStatus,
    PauseBehavior,
    SubscriptionStatus,
    UsageType,
)

# Prices offered in the dialog: those of the subscription's currency and interval, newest first.
MAX_PRICES = 100
_PRORATIONS = [
    (ProrationBehavior.CREATE_PRORATIONS.value, "With the next invoice"),
    (ProrationBehavior.ALWAYS_INVOICE.value, "At once"),
    (ProrationBehavior.NONE.value, "Not at all"),
]


class _SubscriptionDialog(Dialog):
    subject: Subscription
    permission = "subscriptions.change_subscription"
    needs_fresh_factor = True

    def look(self) -> Mapping[str, Any]:
        """Return where the subscription stands."""
        return Subscription.objects.values(
            "status", "cancel_at_period_end", "pause_behavior", "latest_invoice_id"
        ).get(pk=self.subject.pk)


class ChangePlanForm(DialogForm):
    """Which item becomes what; the invoice that follows is shown before anything is changed."""

    item = forms.ChoiceField()
    price = forms.ChoiceField(label="New price")
    quantity = forms.IntegerField(min_value=1, max_value=1_000_000, initial=1)
    proration = forms.ChoiceField(label="Charge the difference", choices=_PRORATIONS)
    reason = forms.CharField(
        label="Note",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the audit trail.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    _preview: Bill | None = None

    def __init__(self, data: Any = None, *, subject: Subscription) -> None:
        super().__init__(data, subject=subject)
        licensed = [row for row in load_contract(subject).items if not row.price.is_metered]
        self._items = {row.id: row for row in licensed}
        item, price, quantity = (self.fields[name] for name in ("item", "price", "quantity"))
        item.choices = [(row.id, _item_text(row)) for row in licensed]  # type: ignore[attr-defined]
        price.choices = [(row.id, _price_text(row)) for row in _offered(licensed)]  # type: ignore[attr-defined]
        if licensed:
            price.initial, quantity.initial = licensed[0].price_id, licensed[0].quantity

    def change(self) -> ContractChange:
        """Return the change that the answers describe."""
        answers = self.cleaned_data
        wanted = ItemChange(
            item_id=answers["item"], price_id=answers["price"], quantity=answers["quantity"]
        )
        proration = ProrationBehavior(answers["proration"])
        return ContractChange(items=(wanted,), proration=proration)

    def clean(self) -> dict[str, Any]:
        """Want the preview to be seen: what is done is what was shown."""
        answers: dict[str, Any] = super().clean() or {}
        if self.errors:
            return answers
        try:
            self._preview = preview_update(
                scope=scope_of(self.subject),
                subscription_id=self.subject.pk,
                change=self.change(),
                now=timezone.now(),
            )
        except DomainError as refusal:
            raise forms.ValidationError(refusal.message) from refusal
        if answers.get("seen") != self._digest():
            self.data = {**dict(self.data.items()), "seen": self._digest()}
            raise forms.ValidationError("Look at the invoice above, then send it once more.")
        return answers

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the lines and the total of the invoice that would follow."""
        if self._preview is None:
            return ()
        invoice = self._preview.invoice
        return [
            *(
                (line.description, money(line.amount, invoice.currency))
                for line in self._preview.lines
            ),
            ("Tax", money(invoice.tax_amount, invoice.currency)),
            ("Next invoice", money(invoice.total, invoice.currency)),
        ]

    def _digest(self) -> str:
        """Return what was chosen; the amounts move on with every second and are not part of it."""
        chosen = [self.cleaned_data[name] for name in ("item", "price", "quantity", "proration")]
        return hashlib.sha256(repr(chosen).encode()).hexdigest()


def _offered(items: Sequence[SubscriptionItem]) -> Sequence[Price]:
    if not items:
        return ()
    price = items[0].price
    rows = Price.objects.filter(
        merchant_id=price.merchant_id,
        livemode=price.livemode,
        currency=price.currency,
        interval_unit=price.interval_unit,
        interval_count=price.interval_count,
        usage_type=UsageType.LICENSED,
        active=True,
    )
    return list(rows.select_related("product").order_by("-pk")[:MAX_PRICES])


def _item_text(item: SubscriptionItem) -> str:
    return f"{item.quantity} x {_price_text(item.price)}"


def _price_text(price: Price) -> str:
    return f"{price.product.name}, {money(price.terms.amount(1), price.currency)}"


class ChangePlanDialog(_SubscriptionDialog):
    """Sell another plan or another quantity."""

    name = "change-plan"
    label = "Change plan…"
    form_class = ChangePlanForm
    submit = "Change the plan"

    def is_offered(self) -> bool:
        """Return whether there is something to change."""
        return not self.subject.is_ended

    def explanation(self) -> str:
        """Say that nothing happens unseen."""
        return "The first time, the invoice that follows is only shown."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Change the item."""
        wanted = ItemChange(
            item_id=answers["item"], price_id=answers["price"], quantity=answers["quantity"]
        )
        proration = ProrationBehavior(answers["proration"])
        update_subscription(
            scope=scope_of(self.subject),
            subscription_id=self.subject.pk,
            change=SubscriptionChange(
                contract=ContractChange(items=(wanted,), proration=proration)
            ),
            origin=origin,
            now=now,
        )
        return Outcome(message="The plan is changed.")


class CancelForm(ReasonForm):
    """When it ends."""

    when = forms.ChoiceField(
        label="Ends",
        choices=[("period_end", "At the end of the period"), ("now", "Now")],
    )
    field_order = ("nonce", "when", "reason")


class CancelDialog(_SubscriptionDialog):
    """End a subscription."""

    name = "cancel-subscription"
    label = "Cancel…"
    form_class = CancelForm
    submit = "Cancel the subscription"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether it has not ended."""
        return not self.subject.is_ended

    def explanation(self) -> str:
        """Say what becomes of the money."""
        return (
            "Nothing is paid back. Ended now, it cannot be revived; until the period's end it can."
        )

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """End it, now or later."""
        if answers["when"] == "now":
            cancel_subscription(
                scope=scope_of(self.subject), subscription_id=self.subject.pk,
                origin=origin, now=now,
            )  # fmt: skip
            return Outcome(message="The subscription has ended.")
        _change(self.subject, {"cancel_at_period_end": True}, origin=origin, now=now)
        return Outcome(message="The subscription ends with its period.")


class PauseForm(ReasonForm):
    """What becomes of the invoices meanwhile."""

    behavior = forms.ChoiceField(
        label="Invoices meanwhile",
        choices=[
            (PauseBehavior.VOID.value, "Are void"),
            (PauseBehavior.KEEP_AS_DRAFT.value, "Stay drafts, to be charged later"),
            (PauseBehavior.MARK_UNCOLLECTIBLE.value, "Are written off"),
        ],
    )
    field_order = ("nonce", "behavior", "reason")


class PauseDialog(_SubscriptionDialog):
    """Charge nothing for a while."""

    name = "pause-collection"
    label = "Pause…"
    form_class = PauseForm
    submit = "Pause the collection"

    def is_offered(self) -> bool:
        """Return whether it is being collected."""
        return not (self.subject.is_ended or self.subject.pause_behavior)

    def explanation(self) -> str:
        """Say what goes on."""
        return "The customer keeps the service; periods go on, and nobody is charged."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Pause the collection."""
        fields = {"pause_behavior": answers["behavior"], "pause_resumes_at": None}
        _change(self.subject, fields, origin=origin, now=now)
        return Outcome(message="Nothing is charged until the collection is resumed.")


class ResumeDialog(_SubscriptionDialog):
    """Go on, whatever stopped it."""

    name = "resume-subscription"
    label = "Resume…"
    form_class = ReasonForm
    submit = "Resume"

    def is_offered(self) -> bool:
        """Return whether something stops it, or is about to."""
        row = self.subject
        is_stopped = row.status == SubscriptionStatus.PAUSED or row.pause_behavior
        return bool(is_stopped or row.cancel_at_period_end) and not row.is_ended

    def explanation(self) -> str:
        """Say what resuming does here."""
        if self.subject.status == SubscriptionStatus.PAUSED:
            return "A new period begins now and is charged at once."
        if self.subject.pause_behavior:
            return "Invoices from now on are charged again."
        return "The subscription goes on after its period."

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Resume it."""
        if self.subject.status == SubscriptionStatus.PAUSED:
            resume_subscription(
                scope=scope_of(self.subject), subscription_id=self.subject.pk,
                keeps_anchor=False, origin=origin, now=now,
            )  # fmt: skip
        elif self.subject.pause_behavior:
            fields = {"pause_behavior": PauseBehavior.NONE, "pause_resumes_at": None}
            _change(self.subject, fields, origin=origin, now=now)
        else:
            _change(self.subject, {"cancel_at_period_end": False}, origin=origin, now=now)
        return Outcome(message="The subscription goes on.")


def _change(
    subscription: Subscription, fields: Mapping[str, Any], *, origin: Origin, now: datetime
) -> None:
    update_subscription(
        scope=scope_of(subscription),
        subscription_id=subscription.pk,
        change=SubscriptionChange(fields=fields),
        origin=origin,
        now=now,
    )


# --- Invoices ---------------------------------------------------------------------------------


class _InvoiceDialog(Dialog):
    subject: Invoice
    permission = "subscriptions.change_invoice"
    form_class = ReasonForm
    needs_fresh_factor = True

    def look(self) -> Mapping[str, Any]:
        """Return where the invoice stands."""
        return Invoice.objects.values("status", "amount_due", "amount_paid", "currency").get(
            pk=self.subject.pk
        )

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what is left to be paid."""
        return [("To be paid", money(self.subject.amount_remaining, self.subject.currency))]


class ChargeDialog(_InvoiceDialog):
    """Try to collect an invoice now."""

    name = "charge-invoice"
    label = "Charge now…"
    submit = "Charge the card"

    def is_offered(self) -> bool:
        """Return whether it is open and paid by card."""
        is_charged = self.subject.collection_method == CollectionMethod.CHARGE_AUTOMATICALLY
        return self.subject.status == InvoiceStatus.OPEN and is_charged

    def explanation(self) -> str:
        """Say that the schedule stays."""
        return "The customer's card is charged once. No retry of the schedule is used up."

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Charge it; a decline is shown as the bank said it."""
        pay_invoice(
            scope=scope_of(self.subject), invoice_id=self.subject.pk, off_session=True,
            origin=origin, now=now,
        )  # fmt: skip
        return Outcome(message="The invoice is paid.")


class VoidDialog(_InvoiceDialog):
    """Take an invoice back."""

    name = "void-invoice"
    label = "Void…"
    submit = "Void the invoice"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether it is owed."""
        return self.subject.status in {InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE}

    def explanation(self) -> str:
        """Say that it keeps its number."""
        return "Nobody owes it any more. It keeps its number, and it cannot be undone."

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Void it."""
        void_invoice(
            scope=scope_of(self.subject), invoice_id=self.subject.pk, origin=origin, now=now
        )
        return Outcome(message="The invoice is void.")


class WriteOffDialog(_InvoiceDialog):
    """Stop believing that it will be paid."""

    name = "write-off-invoice"
    label = "Write off…"
    submit = "Write it off"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether it is open."""
        return bool(self.subject.status == InvoiceStatus.OPEN)

    def explanation(self) -> str:
        """Say that it can still be paid."""
        return "It is still owed and can be paid, but nobody is charged for it."

    def work(self, _answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Write it off."""
        mark_uncollectible(
            scope=scope_of(self.subject), invoice_id=self.subject.pk, origin=origin, now=now
        )
        return Outcome(message="The invoice is written off.")
