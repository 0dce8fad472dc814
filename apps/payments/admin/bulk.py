"""Refunding many payments at once: looked at first, decided by a second person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms

from apps.backoffice.kit.dialogs import Dialog, Outcome, PreviewForm
from apps.backoffice.kit.display import money
from apps.common.origin import Origin, Scope
from apps.payments.admin.dialogs import REFUND_REASONS
from apps.payments.models import PaymentIntent
from apps.payments.services.bulk_refunds import BULK_MAX, request_bulk_refund


class BulkRefundForm(PreviewForm):
    """Which payments, and why; what it comes to is shown before it is asked for."""

    payments = forms.CharField(
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=f"Ids of at most {BULK_MAX} payments; what is left of each goes back.",
    )
    cause = forms.ChoiceField(label="Reason", choices=REFUND_REASONS)
    reason = forms.CharField(
        label="Note",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For who decides; kept in the audit trail.",
    )

    _rows: list[PaymentIntent] | None = None

    def clean_payments(self) -> list[PaymentIntent]:
        """Return the payments, all of one merchant and mode."""
        rows = self._find(self.cleaned_data["payments"])
        if len({(row.merchant_id, row.livemode) for row in rows}) != 1:
            raise forms.ValidationError("Choose payments of one merchant, all live or all test.")
        return rows

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what goes back, per currency and per payment."""
        rows = self._rows
        if rows is None and not self.is_bound and self.initial.get("payments"):
            rows = self._preview()
        sums: Counter[str] = Counter()
        for row in rows or []:
            sums[row.currency] += row.amount_refundable
        return [
            *(
                (f"Together, {currency}", money(amount, currency))
                for currency, amount in sums.items()
            ),
            *((row.id, money(row.amount_refundable, row.currency)) for row in rows or []),
        ]

    def _preview(self) -> list[PaymentIntent]:
        try:
            rows = self._find(str(self.initial["payments"]))
        except forms.ValidationError:
            return []
        self.initial["seen"] = self.digest()
        return rows

    def _find(self, text: str) -> list[PaymentIntent]:
        wanted = list(dict.fromkeys(text.replace(",", " ").split()))
        if len(wanted) > BULK_MAX:
            raise forms.ValidationError(f"At most {BULK_MAX} payments at once.")
        found = PaymentIntent.objects.in_bulk(wanted)
        if missing := [name for name in wanted if name not in found]:
            raise forms.ValidationError(f"There is no payment {missing[0][:60]}.")
        self._rows = [found[name] for name in wanted]
        return self._rows

    def shown(self) -> list[tuple[str, int]]:
        """Return the payments with what goes back of each."""
        return [(row.id, row.amount_refundable) for row in self._rows or []]


class BulkRefundDialog(Dialog):
    """Ask for many refunds at once."""

    name = "bulk-refund"
    label = "Refund several…"
    permission = "backoffice.refund_payment"
    form_class = BulkRefundForm
    submit = "Ask for approval"
    needs_fresh_factor = True
    takes_picks = True

    def explanation(self) -> str:
        """Say that nothing leaves yet."""
        return "The money is reserved. Nothing leaves before a second person has said yes to all."

    def initial(self) -> Mapping[str, Any]:
        """Begin with what was ticked in the list."""
        return {"payments": "\n".join(self.place.picks)}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Reserve and ask; each payment that was refused says why."""
        payments: list[PaymentIntent] = answers["payments"]
        asked = request_bulk_refund(
            scope=Scope(payments[0].merchant_id, payments[0].livemode),
            intent_ids=[payment.id for payment in payments],
            reason=answers["cause"],
            note=answers["reason"],
            origin=origin,
            now=now,
        )
        refusals = "".join(f" {name}: {why}" for name, why in asked.refused.items())
        return Outcome(
            message="{count} refunds wait for a second person ({request})."
            " Refused: {refused}.{why}",
            facts={
                "count": len(asked.refunds),
                "request": asked.approval.id,
                "refused": len(asked.refused),
                "why": refusals,
            },
            object_id=asked.approval.id,
        )
