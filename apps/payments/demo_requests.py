"""What support asked for in the demo: refunds above the limit, and the trail of those below."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from apps.backoffice.policies import RefundLimits
from apps.backoffice.services.dialogs import Actor, Deed, Outcome, run_dialog
from apps.common.demo import Demo
from apps.common.origin import Origin, Scope
from apps.payments.models import PaymentIntent
from apps.payments.services.approvals import refund_by_staff
from apps.payments.states import IntentStatus

REQUESTS: Final = 8
_NOTES: Final = (
    "The parcel never arrived.",
    "Charged twice, the customer sent a screenshot.",
    "Canceled on the phone before the renewal.",
    "The workshop was moved to another week.",
)


def seed_refund_requests(demo: Demo) -> None:
    """Let an agent ask for refunds that a second person has to decide about."""
    paid = PaymentIntent.objects.filter(
        merchant_id=demo.scope.merchant_id,
        status=IntentStatus.SUCCEEDED,
        amount_refunded=0,
        currency__in=["EUR", "USD"],
        amount__gte=10_000,
    ).order_by("-id")[:REQUESTS]
    dice = demo.dice("requests")
    for number, payment in enumerate(paid):
        _ask(
            demo, payment, note=_NOTES[number % len(_NOTES)], nonce=UUID(int=dice.getrandbits(128))
        )


def _ask(demo: Demo, payment: PaymentIntent, *, note: str, nonce: UUID) -> None:
    now = demo.now - timedelta(hours=2)

    def work(origin: Origin) -> Outcome:
        refund = refund_by_staff(
            scope=Scope(payment.merchant_id, payment.livemode),
            intent_id=payment.id,
            amount=payment.amount_received,
            reason="requested_by_customer",
            note=note,
            # Nothing alone: no gateway is called for the demo's history.
            limits=RefundLimits(),
            origin=origin,
            now=now,
        )
        return Outcome(message=f"A second person has to approve it ({refund.id}).")

    run_dialog(
        nonce=nonce,
        actor=Actor(
            name="staff:support.agent@demo.example",
            roles=["support_agent"],
            ip="192.0.2.20",
            request_id="req_demo",
        ),
        deed=Deed(
            action="paymentintent.refund",
            object_type="paymentintent",
            object_id=payment.id,
            reason=note,
        ),
        look=lambda: {"amount_refunded": payment.amount_refunded},
        work=work,
        now=now,
    )
