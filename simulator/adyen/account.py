"""One merchant account at Adyen: its objects, and the notifications about them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulator.adyen.idempotency import IdempotencyKeys
from simulator.adyen.records import AdyenDispute, Payment, StoredMethod
from simulator.books import Refund
from simulator.webhooks import Notice
from simulator.world import World

PSP = "adyen"
# What a receiver must answer; every other answer counts as not received.
ACKNOWLEDGEMENT = b"[accepted]"


@dataclass(slots=True)
class Cause:
    """What made notifications come about: a request, or nothing."""

    psp_reference: str
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """What one notification says. `reason` tells why, when `success` is false."""

    code: str
    psp_reference: str
    payment: Payment
    reference: str
    amount: int
    success: bool = True
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


class Account:
    def __init__(self, world: World) -> None:
        self.world = world
        self.keys = IdempotencyKeys(world.clock)
        self.merchant = "DevelopmentMerchant"
        self.payments: dict[str, Payment] = {}
        self.refunds: dict[str, Refund] = {}
        self.stored: dict[str, StoredMethod] = {}
        self.disputes: dict[str, AdyenDispute] = {}

    def new_reference(self) -> str:
        """Return a PSP reference: 16 capitals and digits."""
        return self.world.ids.random_text(16).upper()

    def find(self, reference: str) -> Payment | None:
        """Return the payment with this PSP reference, or the latest with this of the merchant's."""
        named = [each for each in self.payments.values() if reference in each.references]
        return self.payments.get(reference) or (named[-1] if named else None)

    def notify(self, cause: Cause, item: Item) -> None:
        """Write one notification; it leaves when the call is over."""
        payment = item.payment
        is_first = item.psp_reference == payment.psp_reference
        request_item = self._item(item.code, item.psp_reference) | {
            "additionalData": dict(item.details),
            "amount": {"currency": payment.currency.upper(), "value": item.amount},
            "merchantReference": item.reference,
            "paymentMethod": brand_of(payment),
            "reason": item.reason,
            "success": "true" if item.success else "false",
        }
        if not is_first:
            request_item["originalReference"] = payment.psp_reference
        self._post(cause, request_item, references=(*payment.references, item.reference))

    def notify_report(self, cause: Cause, batch: str) -> None:
        """Write the notification that the report of a closed batch can be fetched."""
        name = f"settlement_detail_report_batch_{batch}.csv"
        address = f"https://ca-test.adyen.com/reports/download/MerchantAccount/{self.merchant}"
        request_item = self._item("REPORT_AVAILABLE", name) | {
            "additionalData": {},
            "amount": {"currency": "EUR", "value": 0},
            "merchantReference": "",
            "reason": f"{address}/{name}",
            "success": "true",
        }
        self._post(cause, request_item)

    def _item(self, code: str, psp_reference: str) -> dict[str, Any]:
        return {
            "eventCode": code,
            "eventDate": datetime.fromtimestamp(self.world.clock.now(), tz=UTC).isoformat(),
            "merchantAccountCode": self.merchant,
            "pspReference": psp_reference,
        }

    def _post(
        self, cause: Cause, item: Mapping[str, Any], *, references: tuple[str, ...] = ()
    ) -> None:
        body = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
        cause.notices.append(
            Notice(
                id=f"{item['pspReference']}_{item['eventCode']}_{item['success']}",
                psp=PSP,
                type=item["eventCode"],
                body=json.dumps(body).encode(),
                references=references,
                acknowledgement=ACKNOWLEDGEMENT,
            )
        )

    def happen(self, action: Callable[[Cause], None]) -> None:
        """Let something happen by itself, outside any request, and send its notifications."""
        cause = Cause(self.new_reference())
        action(cause)
        self.world.webhooks.send(cause.notices)

    def clear(self) -> None:
        """Forget everything."""
        for store in self.stores():
            store.clear()

    def stores(self) -> tuple[dict[str, Any], ...]:
        """Return all objects, kind by kind."""
        return (self.payments, self.refunds, self.stored, self.disputes, self.keys.store())


def brand_of(payment: Payment) -> str:
    """Return Adyen's name of the payment method's brand."""
    card = payment.card
    if card is None:
        return "sepadirectdebit"
    return {"mastercard": "mc"}.get(card.brand, card.brand)
