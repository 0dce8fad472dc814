"""Reads of payment methods for those who charge them."""

from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.common.sql import RowLoader
from apps.gateways.rulebook import takers_of_network_tokens
from apps.vault.errors import MethodDetached, MethodOfOtherCustomer
from apps.vault.models import PaymentMethod
from apps.vault.tokens import unseal

load_method = RowLoader(PaymentMethod, "id = %s AND merchant_id = %s AND livemode = %s")

_CHARGEABLE = """
SELECT m.id, m.type, m.customer_id, m.detached_at IS NOT NULL, t.gateway, t.token, c.reference,
       m.fingerprint, m.brand, m.country, m.funding,
       coalesce(nullif(m.billing_details->>'email', ''), owner.email, ''), n.reference
FROM vault_paymentmethod m
LEFT JOIN vault_gatewaytoken t ON t.payment_method_id = m.id
LEFT JOIN customers_customer owner ON owner.id = m.customer_id
LEFT JOIN vault_gatewaycustomer c ON c.customer_id = m.customer_id AND c.gateway = t.gateway
LEFT JOIN vault_networktoken n ON n.payment_method_id = m.id AND n.status = 'active'
WHERE m.id = %s AND m.merchant_id = %s AND m.livemode = %s
"""


_CARD_DETAILS = ("fingerprint", "brand", "country", "funding")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChargeableMethod:
    """
    What charging a payment method takes: its token, and the customer's id, per gateway.

    `network_token` names the active network token, "" when there is none.
    `card_details` is what is known of the card; risk judges a payment by them.

    `draft` holds the rows of a method that is not stored yet: whoever charges it hands them to
    `vault_write_method` in the same transaction.
    """

    id: str
    type: str
    customer_id: str = ""
    tokens: dict[str, str] = field(repr=False)
    customer_references: dict[str, str] = field(default_factory=dict)
    card_details: dict[str, str] = field(default_factory=dict)
    network_token: str = ""
    email: str = field(default="", repr=False)
    draft: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def chargeable_at(self) -> frozenset[str]:
        """Who can charge it: gateways with a token of their own, or that take the network's."""
        if not self.network_token:
            return frozenset(self.tokens)
        return frozenset(self.tokens) | takers_of_network_tokens(self.type)


def get_method(scope: Scope, method_id: str) -> PaymentMethod:
    """
    Return the payment method.

    :raises ResourceMissing: not of this account and mode
    """
    method = load_method(method_id, scope.merchant_id, scope.livemode)
    if method is None:
        raise ResourceMissing(resource="payment_method", id=method_id, param="payment_method")
    return method  # type: ignore[no-any-return]


def get_chargeable_method(scope: Scope, method_id: str) -> ChargeableMethod:
    """
    Return what charging this stored method takes, in one statement.

    :raises ResourceMissing: not of this account and mode
    :raises MethodDetached: the payer's consent ended with the detachment
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHARGEABLE, [method_id, scope.merchant_id, scope.livemode])
        rows = cursor.fetchall()
    if not rows:
        raise ResourceMissing(resource="payment_method", id=method_id, param="payment_method")
    _, type_, customer_id, is_detached, *_ = rows[0]
    if is_detached:
        raise MethodDetached(payment_method=method_id, param="payment_method")
    return ChargeableMethod(
        id=method_id,
        type=type_,
        customer_id=customer_id or "",
        tokens={row[4]: unseal(row[5]) for row in rows if row[4]},
        customer_references={row[4]: row[6] for row in rows if row[6]},
        card_details=dict(zip(_CARD_DETAILS, rows[0][7:11], strict=True)),
        email=rows[0][11],
        network_token=rows[0][12] or "",
    )


def check_owner(scope: Scope, *, customer_id: str, method_id: str) -> None:
    """
    Refuse a payment method which is not attached to the customer.

    :raises ResourceMissing: not of this account and mode
    :raises MethodOfOtherCustomer: nobody's yet, or somebody else's
    """
    method = get_method(scope, method_id)
    if method.customer_id != customer_id:
        raise MethodOfOtherCustomer(
            payment_method=method_id,
            customer=customer_id,
            param="invoice_settings[default_payment_method]",
        )
