"""What staff may do to a payment."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext

from apps.backoffice.kit.dialogs import AmountField, Dialog, DialogForm, Outcome, ReasonForm
from apps.backoffice.kit.display import money
from apps.backoffice.policies import limit_in_minor_units
from apps.backoffice.selectors import refund_limits
from apps.common.origin import Origin, scope_of
from apps.payments.models import PaymentIntent
from apps.payments.outcomes import outcome_of
from apps.payments.services.approvals import refund_by_staff
from apps.payments.services.intents import cancel_intent, capture_intent
from apps.payments.states import IntentStatus

# Stripe's reasons for a refund and for a cancellation, in words.
REFUND_REASONS = [
    ("requested_by_customer", "The customer asked for it"),
    ("duplicate", "Charged twice"),
    ("fraudulent", "Fraud"),
]
CANCEL_REASONS = [
    ("requested_by_customer", "The customer asked for it"),
    ("abandoned", "The customer left"),
    ("duplicate", "Charged twice"),
    ("fraudulent", "Fraud"),
]


class _PaymentDialog(Dialog):
    subject: PaymentIntent

    def look(self) -> Mapping[str, Any]:
        """Return where the payment stands."""
        return PaymentIntent.objects.values(
            "status", "amount_received", "amount_refunded", "amount_refund_pending", "currency"
        ).get(pk=self.subject.pk)

    def money(self, amount: int) -> str:
        """Return an amount of the payment's currency."""
        return money(amount, self.subject.currency)


class RefundForm(DialogForm):
    """How much, and why."""

    amount = AmountField()
    cause = forms.ChoiceField(label="Reason", choices=REFUND_REASONS)
    reason = forms.CharField(
        label="Note",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For colleagues; kept in the audit trail.",
    )

    def __init__(self, data: Any = None, *, subject: PaymentIntent) -> None:
        super().__init__(data, subject=subject)
        amount: Any = self.fields["amount"]
        amount.fit(currency=subject.currency, amount=subject.amount_refundable)

    def clean_amount(self) -> int:
        """Refuse early what the service would refuse, in money instead of minor units."""
        amount: int = self.cleaned_data["amount"]
        most = self.subject.amount_refundable
        if not 0 < amount <= most:
            limit = money(most, self.subject.currency)
            raise forms.ValidationError(
                gettext("At most %(limit)s can be refunded.") % {"limit": limit}
            )
        return amount


class RefundDialog(_PaymentDialog):
    """Give money back."""

    name = "refund"
    label = "Refund…"
    permission = "backoffice.refund_payment"
    form_class = RefundForm
    submit = "Refund"
    needs_fresh_factor = True

    def is_offered(self) -> bool:
        """Return whether anything is left to give back."""
        return self.subject.amount_refundable > 0

    def explanation(self) -> str:
        """Say how much this person gives back alone."""
        limits = refund_limits(self.user)
        each, daily = (
            self.money(limit_in_minor_units(major, self.subject.currency))
            for major in (limits.each, limits.daily)
        )
        return gettext(
            "Above %(each)s of one payment or %(daily)s a day a second person has to approve it."
        ) % {"each": each, "daily": daily}

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the four sums that matter."""
        payment = self.subject
        return [
            ("Paid", self.money(payment.amount_received)),
            ("Refunded", self.money(payment.amount_refunded)),
            ("Refunds under way", self.money(payment.amount_refund_pending)),
            ("Can be refunded", self.money(payment.amount_refundable)),
        ]

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Give the money back, or ask a second person; a missing answer is no failure."""
        refund = refund_by_staff(
            scope=scope_of(self.subject),
            intent_id=self.subject.id,
            amount=answers["amount"],
            reason=answers["cause"],
            note=answers["reason"],
            limits=refund_limits(self.user),
            origin=origin,
            now=now,
        )
        return outcome_of(refund)


class CaptureForm(DialogForm):
    """How much of the held money to take."""

    amount = AmountField()

    def __init__(self, data: Any = None, *, subject: PaymentIntent) -> None:
        super().__init__(data, subject=subject)
        amount: Any = self.fields["amount"]
        amount.fit(currency=subject.currency, amount=subject.amount_capturable)

    def clean_amount(self) -> int:
        """Refuse early what the service would refuse, in money instead of minor units."""
        amount: int = self.cleaned_data["amount"]
        most = self.subject.amount_capturable
        if not 0 < amount <= most:
            raise forms.ValidationError(f"At most {money(most, self.subject.currency)} is held.")
        return amount


class CaptureDialog(_PaymentDialog):
    """Take held money."""

    name = "capture"
    label = "Capture…"
    permission = "backoffice.capture_payment"
    form_class = CaptureForm
    submit = "Capture"
    needs_fresh_factor = True

    def is_offered(self) -> bool:
        """Return whether the gateway holds money."""
        return bool(self.subject.status == IntentStatus.REQUIRES_CAPTURE)

    def explanation(self) -> str:
        """Say what becomes of the rest."""
        return "What is not captured now is released to the payer."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Capture."""
        payment = capture_intent(
            scope=scope_of(self.subject),
            intent_id=self.subject.id,
            amount=answers["amount"],
            origin=origin,
            now=now,
        )
        if payment.status == IntentStatus.SUCCEEDED:
            return Outcome(
                message="{amount} captured.", facts={"amount": self.money(payment.amount_received)}
            )
        return Outcome(
            message="The gateway has not confirmed the capture yet. Unknown, we are checking."
        )


class CancelForm(ReasonForm):
    """Why the payment is given up."""

    cause = forms.ChoiceField(label="Reason", choices=CANCEL_REASONS)
    field_order = ("nonce", "cause", "reason")

    def __init__(self, data: Any = None, *, subject: PaymentIntent) -> None:
        super().__init__(data, subject=subject)
        self.fields["reason"].label = "Note"


class CancelDialog(_PaymentDialog):
    """Give a payment up."""

    name = "cancel"
    label = "Cancel…"
    permission = "backoffice.cancel_payment"
    form_class = CancelForm
    submit = "Cancel the payment"
    needs_fresh_factor = True
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether the payment can still be given up."""
        return self.subject.status in {
            IntentStatus.CREATED,
            IntentStatus.FAILED,
            IntentStatus.REQUIRES_ACTION,
            IntentStatus.REQUIRES_CAPTURE,
        }

    def explanation(self) -> str:
        """Say what becomes of held money."""
        return "Held money is released first. A payment that is given up cannot be revived."

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Cancel."""
        payment = cancel_intent(
            scope=scope_of(self.subject),
            intent_id=self.subject.id,
            reason=answers["cause"],
            origin=origin,
            now=now,
        )
        if payment.status == IntentStatus.CANCELED:
            return Outcome(message="The payment is canceled; nothing was charged.")
        return Outcome(
            message="The gateway has not confirmed the release yet. Unknown, we are checking."
        )
