"""`manage.py trigger <event>`: make an event of test mode happen, by doing what leads to it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.api.models import Merchant
from apps.common.errors import DomainError
from apps.common.origin import Origin, Scope
from apps.customers.services import create_customer
from apps.payments.models import PaymentIntent
from apps.payments.services.intents import Confirmation, cancel_intent, create_intent
from apps.payments.services.refunds import request_refund, run_refund

AMOUNT: Final = 2000
CURRENCY: Final = "EUR"
SHELL: Final = Origin(actor="staff:shell")


class Command(BaseCommand):
    help = "Make an event happen in test mode, and print the id of the object it is about."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("event", choices=sorted(_TRIGGERS))
        parser.add_argument("--merchant", required=True, help="id or name")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do what leads to the event."""
        wanted = options["merchant"]
        merchant = (
            Merchant.objects.filter(pk=wanted).first()
            or Merchant.objects.filter(name=wanted).first()
        )
        if merchant is None:
            raise CommandError(f"there is no merchant {wanted!r}")
        try:
            object_id = _TRIGGERS[options["event"]](Scope(merchant.id, livemode=False))
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(object_id)


def _pay(scope: Scope, token: str, **fields: Any) -> PaymentIntent:
    return create_intent(
        scope=scope,
        fields={"amount": AMOUNT, "currency": CURRENCY, **fields},
        confirmation=Confirmation(payment_method=token, allow_duplicate=True),
        origin=SHELL,
        now=timezone.now(),
    )


def _pay_with(token: str, **fields: Any) -> Callable[[Scope], str]:
    return lambda scope: _pay(scope, token, **fields).id


def _create(scope: Scope) -> PaymentIntent:
    return create_intent(
        scope=scope,
        fields={"amount": AMOUNT, "currency": CURRENCY},
        origin=SHELL,
        now=timezone.now(),
    )


def _cancel(scope: Scope) -> str:
    intent = cancel_intent(
        scope=scope,
        intent_id=_create(scope).id,
        reason="requested_by_customer",
        origin=SHELL,
        now=timezone.now(),
    )
    return intent.id


def _refund(scope: Scope) -> str:
    paid = _pay(scope, "pm_card_visa")
    now = timezone.now()
    refund = request_refund(scope=scope, intent_id=paid.id, origin=SHELL, now=now)
    return run_refund(refund_id=refund.id, origin=SHELL, now=now).id


def _customer(scope: Scope) -> str:
    fields = {"name": "Grace Hopper", "email": "grace@example.com"}
    return create_customer(scope=scope, fields=fields, origin=SHELL, now=timezone.now()).id


_TRIGGERS: Final[Mapping[str, Callable[[Scope], str]]] = {
    "customer.created": _customer,
    "payment_intent.amount_capturable_updated": _pay_with("pm_card_visa", capture_method="manual"),
    "payment_intent.canceled": _cancel,
    "payment_intent.created": lambda scope: _create(scope).id,
    "payment_intent.payment_failed": _pay_with("tok_chargeDeclined"),
    "payment_intent.requires_action": _pay_with("tok_threeDSecure2Required"),
    "payment_intent.succeeded": _pay_with("pm_card_visa"),
    "refund.created": _refund,
}
