"""Disputes and banks' warnings for the demo: every reason, some of them due tomorrow."""

import random
from datetime import datetime, timedelta
from typing import Final

from apps.common.demo import Demo
from apps.common.ids import id_at
from apps.common.origin import Origin
from apps.disputes.models import Dispute, UsageEvidence
from apps.disputes.services.record import record_dispute
from apps.disputes.services.standing_orders import change_policy
from apps.disputes.services.warnings import record_fraud_warning
from apps.disputes.states import DisputeStatus
from apps.gateways.base import (
    DisputeMovement,
    DisputeResult,
    DisputeStage,
    DisputeState,
    FraudWarning,
)
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
WARNED_WITHIN: Final = timedelta(days=4)
WARNINGS_OF_THESE_DAYS: Final = 8
# Smaller ones are refunded by the standing orders.
_WORTH_A_LOOK: Final = 2500
_KINDS: Final = ("made_with_stolen_card", "made_with_lost_card", "unauthorized_use_of_card")
# How often a payer used the service before they complained: at times more than evidence has room
# for.
_USES: Final = (6, 50)
_USED_WITHIN_MINUTES: Final = 21 * 24 * 60
_ACTIONS: Final = (
    "Logged in",
    "Opened a project",
    "Exported a report as CSV",
    "Invited a colleague",
    "Downloaded an invoice",
    "Changed the plan",
)
_DEVICES: Final = (
    "iPhone, app 7.2",
    "Firefox on Linux",
    "Safari on macOS",
    "Chrome on Windows",
    "",
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
    _warn_of_fraud(demo)
    _tell_use(demo)


def _tell_use(demo: Demo) -> None:
    """Let the service have told what those payers did whose disputes wait for an answer."""
    dice = demo.dice("usage evidence")
    waiting = Dispute.objects.filter(
        merchant_id=demo.scope.merchant_id, status=DisputeStatus.NEEDS_RESPONSE
    ).exclude(customer_id="")
    told = []
    for dispute in waiting.order_by("id"):
        address, device = f"203.0.113.{dice.randrange(1, 255)}", dice.choice(_DEVICES)
        for _ in range(dice.randrange(*_USES)):
            at = dispute.opened_at - timedelta(minutes=dice.randrange(1, _USED_WITHIN_MINUTES))
            told.append(
                UsageEvidence(
                    id=id_at("use", at),
                    merchant_id=dispute.merchant_id,
                    livemode=dispute.livemode,
                    customer_id=dispute.customer_id,
                    action=dice.choice(_ACTIONS),
                    ip_address=address,
                    device=device,
                    occurred_at=at,
                    created_at=at,
                )
            )
    UsageEvidence.objects.bulk_create(told)


def _warn_of_fraud(demo: Demo) -> None:
    """Let banks warn of what was disputed as fraud, and of a few payments of these days."""
    dice = demo.dice("fraud warnings")
    disputes = Dispute.objects.filter(merchant_id=demo.scope.merchant_id, reason="fraudulent")
    disputed = PaymentAttempt.objects.filter(pk__in=disputes.values("attempt_id"))
    lately = PaymentAttempt.objects.filter(
        merchant_id=demo.scope.merchant_id,
        kept=True,
        status=AttemptStatus.CAPTURED,
        created_at__gte=demo.now - WARNED_WITHIN,
        amount__gte=_WORTH_A_LOOK,
    ).exclude(pk__in=disputes.values("attempt_id"))
    step = max(1, lately.count() // WARNINGS_OF_THESE_DAYS)
    for attempt in [*disputed.order_by("id"), *lately.order_by("id")[::step]]:
        heard_at = attempt.created_at + timedelta(hours=dice.randrange(1, 12))
        warning = FraudWarning(
            reference=f"demo_issfr_{dice.getrandbits(64):016x}",
            kind=dice.choice(_KINDS),
            is_actionable=True,
            payment_reference=attempt.gateway_reference,
            charge_reference=attempt.charge_reference,
        )
        record_fraud_warning(
            gateway=attempt.gateway,
            warning=warning,
            origin=Origin(actor=f"gateway:{attempt.gateway}"),
            now=min(heard_at, demo.now),
        )


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
