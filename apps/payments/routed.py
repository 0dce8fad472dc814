"""The payments of the past, as trying new routing rules needs them."""

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection

from apps.common.origin import Scope
from apps.fraud.policies import BLOCK_CODE
from apps.gateways.replay import PastPayment
from apps.gateways.routing import Payment
from apps.payments.states import AttemptStatus, CaptureMethod

# What was known of a card when its payment began: a card that was new then told its brand later.
# What risk blocked never saw a gateway.
_FIRST_ATTEMPTS = """
SELECT a.id, a.created_at, a.amount, a.currency, a.method_type, i.capture_method,
       CASE WHEN m.created_at < a.created_at THEN m.brand ELSE '' END,
       CASE WHEN m.created_at < a.created_at THEN m.country ELSE '' END,
       i.transfer_destination, a.gateway, a.route, a.status, a.amount_authorized
FROM payments_paymentattempt a
JOIN payments_paymentintent i ON i.id = a.intent_id
LEFT JOIN vault_paymentmethod m ON m.id = a.payment_method_id
WHERE a.merchant_id = %s AND a.livemode = %s AND a.number = 1 AND a.decline_code <> %s
ORDER BY a.id DESC
LIMIT %s
"""

_WENT_THROUGH = {
    AttemptStatus.AUTHORIZED: True,
    AttemptStatus.CAPTURED: True,
    AttemptStatus.FAILED: False,
}


def list_routed_payments(scope: Scope, *, last: int) -> Sequence[PastPayment]:
    """Return the latest payments that were sent to a gateway, newest first, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_ATTEMPTS, [scope.merchant_id, scope.livemode, BLOCK_CODE, last])
        return [_read(row) for row in cursor.fetchall()]


def _read(row: tuple[Any, ...]) -> PastPayment:
    (
        id_,
        at,
        amount,
        currency,
        type_,
        capture,
        brand,
        country,
        seller,
        gateway,
        route,
        status,
        held,
    ) = row
    return PastPayment(
        id=id_,
        at=at,
        payment=Payment(
            amount=amount,
            currency=currency,
            method_type=type_,
            capture=capture == CaptureMethod.AUTOMATIC,
            brand=brand,
            country=country,
            seller=seller,
        ),
        gateway=gateway,
        chargeable=frozenset({gateway, *json.loads(route)}),
        went_through=True if held else _WENT_THROUGH.get(status),
    )
