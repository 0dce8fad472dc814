"""Banks' early warnings of fraud."""

from datetime import datetime

from django.db import transaction

from apps.common.ids import new_id
from apps.common.origin import Origin
from apps.disputes.models import FraudReport
from apps.disputes.objects import render_warning
from apps.gateways.base import FraudWarning
from apps.outbox.services import EventDraft, publish
from apps.payments.selectors import find_attempt_at_gateway
from apps.webhooks.errors import UnknownObject


def record_fraud_warning(
    *, gateway: str, warning: FraudWarning, origin: Origin, now: datetime
) -> FraudReport:
    """
    Keep a bank's warning once, however often it is told.

    :raises UnknownObject: no attempt of ours has this payment
    """
    attempt = find_attempt_at_gateway(gateway, warning.payment_reference)
    if attempt is None:
        raise UnknownObject(f"no attempt for the payment of warning {warning.reference}")
    with transaction.atomic():
        report, is_new = FraudReport.objects.get_or_create(
            gateway=gateway,
            gateway_reference=warning.reference,
            defaults={
                "id": new_id("issfr"),
                "merchant_id": attempt.merchant_id,
                "livemode": attempt.livemode,
                "attempt": attempt,
                "intent_id": attempt.intent_id,
                "network": attempt.method_details.get("brand", ""),
                "kind": warning.kind[:60],
                "is_actionable": warning.is_actionable,
                "created_at": now,
            },
        )
        if is_new:
            publish(
                EventDraft.about(
                    report,
                    "radar.early_fraud_warning.created",
                    render_warning(report, attempt.charge_id, is_open=report.is_actionable),
                    sequence=1,
                    origin=origin,
                    now=now,
                )
            )
    return report
