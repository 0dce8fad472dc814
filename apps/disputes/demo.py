"""Disputes for the demo: every stage and reason, some of them due tomorrow."""

import random
from datetime import datetime, timedelta
from typing import Final

from apps.common.demo import Demo
from apps.common.origin import Origin
from apps.disputes.services.record import record_dispute
from apps.disputes.services.standing_orders import change_policy
from apps.gateways.base import DisputeMovement, DisputeResult, DisputeStage, DisputeState
from apps.payments.models import PaymentAttempt
from apps.payments.states import AttemptStatus

# Card networks see a handful in a thousand.
DISPUTED_PER_THOUSAND: Final = 4
DISPUTES_MAX: Final = 120
ANSWER_WITHIN: Final = timedelta(days=14)
FEE: Final = 1500
_REASONS: Final = (
    ("fraudulent", "10.4"),
    ("product_not_received", "13.1"),
    ("subscription_canceled", "13.2"),
    ("product_unacceptable", "13.3"),
    ("credit_not_processed", "13.6"),
    ("duplicate", "12.6.1"),
)
_OWNER: Final = Origin(actor="staff:owner@demo.example")
_ENDS: Final = (DisputeState.WON, DisputeState.LOST, DisputeState.LOST, DisputeState.UNDER_REVIEW)


def seed_disputes(demo: Demo) -> None:
    """Give standing orders, and dispute some of the payments; the older ones are decided."""
    change_policy(
        scope=demo.scope,
        refund_warnings_below={"EUR": 2500},
        cancellation_terms="Cancel any time; the plan ends with the period that is paid.",
        refund_terms="Refunds within 14 days of the first charge.",
        origin=_OWNER,
    )
    dice = demo.dice("disputes")
    captured = PaymentAttempt.objects.filter(
        merchant_id=demo.scope.merchant_id, kept=True, status=AttemptStatus.CAPTURED
    ).exclude(refunds__isnull=False)
    count = min(DISPUTES_MAX, demo.payments * DISPUTED_PER_THOUSAND // 1000)
    step = max(1, captured.count() // max(count, 1))
    for attempt in captured.order_by("id")[::step][:count]:
        _dispute(attempt, demo, dice)


def _dispute(attempt: PaymentAttempt, demo: Demo, dice: random.Random) -> None:
    opened_at = attempt.created_at + timedelta(days=dice.randrange(2, 12))
    if opened_at >= demo.now:
        return
    reason, code = dice.choice(_REASONS)
    reference = f"demo_dp_{dice.getrandbits(64):016x}"
    withdrawn = DisputeMovement(
        reference=f"{reference}_out", amount=-attempt.amount, fee=FEE, currency=attempt.currency
    )

    def hear(state: DisputeState, at: datetime, *movements: DisputeMovement) -> None:
        result = DisputeResult(
            state=state,
            stage=DisputeStage.CHARGEBACK,
            reference=reference,
            amount=attempt.amount,
            currency=attempt.currency,
            reason=reason,
            opened_at=opened_at,
            payment_reference=attempt.gateway_reference,
            charge_reference=attempt.charge_reference,
            network=str(attempt.method_details.get("brand", "")),
            network_reason_code=code,
            due_at=opened_at + ANSWER_WITHIN,
            submissions=0 if state == DisputeState.NEEDS_RESPONSE else 1,
            movements=movements,
        )
        origin = Origin(actor=f"gateway:{attempt.gateway}")
        record_dispute(gateway=attempt.gateway, result=result, origin=origin, now=at)

    hear(DisputeState.NEEDS_RESPONSE, opened_at, withdrawn)
    if opened_at + ANSWER_WITHIN > demo.now:
        return
    end = dice.choice(_ENDS)
    returned = DisputeMovement(
        reference=f"{reference}_in", amount=attempt.amount, fee=0, currency=attempt.currency
    )
    movements = (withdrawn, returned) if end == DisputeState.WON else (withdrawn,)
    hear(end, opened_at + timedelta(days=dice.randrange(10, 14)), *movements)
