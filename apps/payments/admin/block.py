"""Locking a payer out from the page of a payment."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django import forms
from django.utils.functional import cached_property

from apps.backoffice.kit.dialogs import Dialog, Outcome, ReasonForm
from apps.backoffice.kit.display import masked
from apps.common.origin import Origin, scope_of
from apps.customers.models import Customer
from apps.fraud.models import Decision
from apps.fraud.services.payers import block_payer, find_blocked
from apps.fraud.states import ItemType
from apps.payments.models import PaymentIntent
from apps.vault.models import PaymentMethod

_FIELDS: Final = {
    "customer": ItemType.CUSTOMER_ID,
    "email": ItemType.EMAIL,
    "card": ItemType.CARD_FINGERPRINT,
}


class BlockForm(ReasonForm):
    """By what the payer is known again: one field for each that is known and not blocked yet."""

    customer = forms.BooleanField(label="Block the customer", required=False, initial=True)
    email = forms.BooleanField(label="Block the e-mail address", required=False, initial=True)
    card = forms.BooleanField(label="Block the card", required=False, initial=True)
    field_order = ("nonce", "customer", "email", "card", "reason")

    def __init__(self, data: Any = None, *, subject: PaymentIntent) -> None:
        super().__init__(data, subject=subject)
        known_by = find_known(subject)
        blocked = find_blocked(scope_of(subject), known_by)
        for name, kind in _FIELDS.items():
            if kind not in known_by or kind in blocked:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Refuse to block by nothing."""
        if not any(self.cleaned_data.get(name) for name in _FIELDS):
            raise forms.ValidationError("Choose by what the payer is blocked.")
        return self.cleaned_data


class BlockCustomerDialog(Dialog):
    """Let the payer of this payment pay nothing here any more."""

    subject: PaymentIntent
    name = "block-customer"
    label = "Block customer…"
    permission = "fraud.add_valuelistitem"
    form_class = BlockForm
    submit = "Block"
    is_dangerous = True

    def is_offered(self) -> bool:
        """Return whether there is something to block by that is not blocked yet."""
        return len(self._known_by) > len(self._blocked())

    def explanation(self) -> str:
        """Say what follows, and what does not."""
        return (
            "Further payments are refused within seconds; what was paid stays as it is. Risk takes"
            " people off the block lists again."
        )

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return what is known of the payer; an address only to those who may see people."""
        known, blocked = self._known_by, self._blocked()
        email = known.get(ItemType.EMAIL, "")
        if not self.user.has_perm("backoffice.view_pii"):
            email = masked(email)
        shown = {
            "Customer": known.get(ItemType.CUSTOMER_ID, ""),
            "E-mail": email,
            "Card": known.get(ItemType.CARD_FINGERPRINT, ""),
            "Blocked already": ", ".join(sorted(blocked)),
        }
        return [(name, value) for name, value in shown.items() if value]

    def look(self) -> Mapping[str, Any]:
        """Return by what the payer is blocked."""
        return {"blocked_by": sorted(self._blocked())}

    def work(self, answers: Mapping[str, Any], *, origin: Origin, now: datetime) -> Outcome:
        """Block by what was ticked."""
        chosen = [kind for name, kind in _FIELDS.items() if answers.get(name)]
        block_payer(
            scope=scope_of(self.subject),
            known_by={kind: self._known_by[kind] for kind in chosen},
            reason=f"{self.subject.pk}: {answers['reason']}",
            origin=origin,
            now=now,
        )
        return Outcome(message="The payer is blocked.")

    @cached_property
    def _known_by(self) -> Mapping[ItemType, str]:
        return find_known(self.subject)

    def _blocked(self) -> set[ItemType]:
        return find_blocked(scope_of(self.subject), self._known_by)


def find_known(intent: PaymentIntent) -> dict[ItemType, str]:
    """Return by what risk knows the payer again, in the values which it compares with lists."""
    decision = Decision.objects.filter(intent_id=intent.pk).order_by("-id").first()
    known = {
        ItemType.CUSTOMER_ID: intent.customer_id,
        ItemType.EMAIL: intent.receipt_email or _email_of(intent),
        ItemType.CARD_FINGERPRINT: decision.facts.get("card_fingerprint", "") if decision else "",
    }
    return {kind: value for kind, value in known.items() if value}


def _email_of(intent: PaymentIntent) -> str:
    """Return the address of the method's holder, else that of the customer."""
    method = PaymentMethod.objects.filter(pk=intent.payment_method_id).first()
    billed = method.billing_details.get("email") if method else ""
    customer = None if billed else Customer.objects.filter(pk=intent.customer_id).first()
    return billed or (customer.email if customer else "")
