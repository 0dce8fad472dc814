"""Store, attach and detach payment methods."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.common.encryption import blind_index
from apps.common.errors import ResourceMissing
from apps.common.ids import new_id
from apps.common.json_text import to_text
from apps.common.metadata import with_metadata
from apps.common.origin import Origin, Scope
from apps.common.rows import get_row
from apps.common.transactions import release_connection
from apps.customers.models import Customer
from apps.gateways.base import Gateway, MethodDetails, StoredMethod
from apps.gateways.errors import GatewayError, GatewayRejected
from apps.gateways.registry import gateway_names, get_gateway
from apps.vault.errors import GatewaysAway, MethodAlreadyAttached, MethodDetached, TokenRefused
from apps.vault.models import GatewayCustomer, GatewayToken, PaymentMethod
from apps.vault.policies import ONE_TIME_PREFIX, choose_takers, is_gateway_token
from apps.vault.selectors import ChargeableMethod, get_method
from apps.vault.services.mandates import MandateAcceptance, end_mandate, take_mandate
from apps.vault.services.network import end_network_token, provision_network_token
from apps.vault.services.publishing import publish_method
from apps.vault.tokens import digest_of, seal

logger = logging.getLogger(__name__)

DESCRIBED = ("brand", "last4", "exp_month", "exp_year", "funding", "country", "fingerprint")


def draft_method(
    scope: Scope, *, token: str, gateways: Sequence[str], type: str, now: datetime
) -> ChargeableMethod:
    """
    Return a method for a token that is charged at once at one of `gateways`; charging stores it.

    What the token stands for (brand, last four digits) is learned from the gateway's answer.
    """
    method_id = new_id("pm")
    return ChargeableMethod(
        id=method_id,
        type=type,
        tokens=dict.fromkeys(gateways, token),
        draft={
            "id": method_id,
            "merchant_id": scope.merchant_id,
            "livemode": scope.livemode,
            "type": type,
            "created_at": now.isoformat(),
            "gateways": list(gateways),
            "token": seal(token),
            "digest": digest_of(token),
        },
    )


def describe_method(
    method_id: str, details: MethodDetails, *, gateway: str, token: str
) -> dict[str, Any]:
    """
    Return the argument of `vault_write_method` that fills in what a gateway told.

    `token` is what the gateway keeps the method under from now on, "" when that has not changed:
    a one-time token cannot be charged again.
    """
    described = asdict(details)
    return {
        "id": method_id,
        "details": {name: described[name] for name in DESCRIBED},
        "gateway": gateway,
        "token": seal(token) if token else "",
        "digest": digest_of(token) if token else "",
    }


def create_method(
    *,
    scope: Scope,
    type: str,
    token: str,
    billing_details: Mapping[str, Any],
    metadata: Mapping[str, str],
    key: str,
    now: datetime,
) -> PaymentMethod:
    """
    Exchange a one-time token for a payment method and keep it.

    Each gateway that takes the token keeps the method, so that any of them can charge it; one that
    is away now is left out. The same `key` and token are the same method, here and at the gateways.

    :raises TokenRefused: the gateway does not know the token
    :raises GatewaysAway: none could be reached; nothing was stored
    Source: ruling C12
    """
    wish = _Wish(scope, type, token, billing_details, metadata, key)
    made = _find_made(wish)
    if made is not None:
        return made
    kept = _exchange(wish)
    with transaction.atomic():
        method = _insert(wish, kept, now=now)
    if token.startswith(ONE_TIME_PREFIX):
        provision_network_token(method=method, token=token, now=now)
    return method


def create_debit_method(
    *,
    scope: Scope,
    iban: str,
    acceptance: MandateAcceptance,
    billing_details: Mapping[str, Any],
    metadata: Mapping[str, str],
    key: str,
    origin: Origin,
    now: datetime,
) -> PaymentMethod:
    """
    Keep a bank account together with its payer's mandate; `acceptance` tells how that was given.

    The same `key` and account are the same method, here and at the gateways.

    :raises TokenRefused: it is no IBAN that the gateway takes
    :raises GatewaysAway: none could be reached; nothing was stored
    """
    wish = _Wish(scope, "sepa_debit", iban, billing_details, metadata, key)
    made = _find_made(wish)
    if made is not None:
        return made
    kept = _exchange(wish)
    with transaction.atomic():
        method = _insert(wish, kept, now=now)
        take_mandate(method=method, acceptance=acceptance, origin=origin, now=now)
    return method


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be stored, and the caller's key for doing that once."""

    scope: Scope
    type: str
    token: str = field(repr=False)
    billing_details: Mapping[str, Any]
    metadata: Mapping[str, str]
    key: str

    @property
    def exchange_key(self) -> str:
        """
        Return the key at the gateways, which is the row's as well.

        Everything that is asked for is in it: who corrects a refused request and sends it again
        under the same key asks for something else. A digest, since it has an account's number.
        """
        asked = [
            *(self.scope.merchant_id, self.scope.livemode, self.key),
            *(self.type, self.token, self.billing_details, self.metadata),
        ]
        return blind_index(to_text(asked), context="vault_paymentmethod.exchange_key")


def _find_made(wish: _Wish) -> PaymentMethod | None:
    """Return what an earlier run of the same request stored; what was detached is gone."""
    stored = PaymentMethod.objects.filter(detached_at__isnull=True)
    return stored.filter(exchange_key=wish.exchange_key).first()


def _exchange(wish: _Wish) -> dict[str, StoredMethod]:
    takers = choose_takers(
        wish.token,
        type=wish.type,
        takers=settings.TOKENISER_GATEWAYS,
        preferred=gateway_names()[0],
    )
    release_connection()
    return _store_at(takers, wish)


def _insert(wish: _Wish, kept: Mapping[str, StoredMethod], *, now: datetime) -> PaymentMethod:
    method = PaymentMethod.objects.create(
        merchant_id=wish.scope.merchant_id,
        livemode=wish.scope.livemode,
        type=wish.type,
        billing_details=dict(wish.billing_details),
        metadata=dict(wish.metadata),
        exchange_key=wish.exchange_key,
        created_at=now,
        **_merge_details([stored.details for stored in kept.values()]),
    )
    GatewayToken.objects.bulk_create(
        GatewayToken(
            payment_method=method,
            gateway=gateway,
            token=stored.token,
            digest=digest_of(stored.token),
        )
        for gateway, stored in kept.items()
    )
    return method


def _store_at(takers: Sequence[str], wish: _Wish) -> dict[str, StoredMethod]:
    """Keep the method at each of these; what the first one that answers refuses is refused."""
    kept: dict[str, StoredMethod] = {}
    troubles: list[GatewayError] = []
    for name in takers:
        try:
            kept[name] = get_gateway(name).store_method(
                type=wish.type,
                token=wish.token,
                billing_details=wish.billing_details,
                key=wish.exchange_key,
            )
        except GatewayRejected as refusal:
            if not kept:
                raise TokenRefused(reason=str(refusal), param=wish.type) from refusal
            logger.warning("%s does not keep a method that another keeps: %s", name, refusal)
        except GatewayError as error:
            logger.warning("%s keeps no method now: %s", name, error)
            troubles.append(error)
    if not kept:
        raise GatewaysAway from troubles[0]
    return kept


def _merge_details(told: Sequence[MethodDetails]) -> dict[str, Any]:
    """Return what the gateways told, the first one's word before the others'."""
    described = [asdict(details) for details in (*told, MethodDetails())]
    return {
        name: next((each[name] for each in described if each[name]), described[-1][name])
        for name in (*DESCRIBED, "bank_name")
    }


def attach_method(
    *, scope: Scope, method_id: str, customer_id: str, origin: Origin, now: datetime
) -> PaymentMethod:
    """
    Tie the method to a customer, here and at its gateways; attaching it again changes nothing.

    :raises ResourceMissing: no such method or customer
    :raises MethodDetached: a detached method stays detached
    :raises MethodAlreadyAttached: it belongs to another customer
    :raises GatewaysAway: one of them could not be reached; nothing was changed
    """
    method = get_method(scope, method_id)
    if method.detached_at is not None:
        raise MethodDetached(payment_method=method_id)
    if method.customer_id == customer_id:
        return method
    if method.customer_id is not None:
        raise MethodAlreadyAttached(payment_method=method_id)
    present = Customer.objects.filter(deleted_at__isnull=True)
    customer = get_row(present, scope, customer_id, resource="customer", param="customer")
    told = [
        _attach_at(get_gateway(token.gateway), token, customer) for token in method.tokens.all()
    ]
    for name, value in _merge_details([stored.details for stored in told]).items():
        setattr(method, name, value or getattr(method, name))
    with transaction.atomic():
        locked = PaymentMethod.objects.select_for_update().get(pk=method_id)
        if locked.customer_id not in {None, customer_id} or locked.detached_at is not None:
            raise MethodAlreadyAttached(payment_method=method_id)
        method.customer_id = method.owner_id = customer_id
        method.version = locked.version + 1
        method.save()
        publish_method(method, "payment_method.attached", origin=origin, now=now)
    return method


def save_method(
    *, scope: Scope, wanted: str, customer_id: str, origin: Origin, now: datetime
) -> str:
    """
    Keep for a customer what they are about to pay with, and return the method's id.

    It happens before the charge, because a gateway takes nothing into its keeping that was charged
    once; a card that is then declined stays with the customer. A one-time token becomes a method
    first. Doing it again changes nothing: customer and token are the key at the gateways.

    :raises TokenRefused: the gateway does not know the token
    :raises MethodAlreadyAttached: the method belongs to another customer
    :raises GatewaysAway: no gateway could be reached
    """
    key = f"save:{customer_id}:{digest_of(wanted)}"
    method_id = keep_token(scope=scope, wanted=wanted, key=key, now=now)
    attach_method(scope=scope, method_id=method_id, customer_id=customer_id, origin=origin, now=now)
    return method_id


def keep_token(*, scope: Scope, wanted: str, key: str, now: datetime) -> str:
    """
    Return the id of the method that `wanted` names; a gateway's token becomes a method first.

    The same `key` and token are the same method.

    :raises ResourceMissing: the gateway does not know the token
    :raises GatewaysAway: none could be reached; nothing was stored
    """
    if not is_gateway_token(wanted):
        return wanted
    try:
        method = create_method(
            scope=scope, type="card", token=wanted, billing_details={}, metadata={}, key=key,
            now=now,
        )  # fmt: skip
    except TokenRefused as refusal:
        raise ResourceMissing(
            resource="payment_method", id=wanted, param="payment_method"
        ) from refusal
    return str(method.id)


def detach_method(*, scope: Scope, method_id: str, origin: Origin, now: datetime) -> PaymentMethod:
    """
    Untie the method from its customer; no one can charge it any more.

    Here it ends before the gateway is told, so that a gateway which is away cannot keep it alive.

    :raises ResourceMissing: no such method
    """
    get_method(scope, method_id)
    with transaction.atomic():
        method = PaymentMethod.objects.select_for_update().get(pk=method_id)
        if method.detached_at is None:
            method.detached_at = now
            method.customer_id = None
            method.version += 1
            method.save(update_fields=["detached_at", "customer", "version"])
            Customer.objects.filter(default_payment_method_id=method_id).update(
                default_payment_method_id=""
            )
            end_mandate(method=method, origin=origin, now=now)
            publish_method(method, "payment_method.detached", origin=origin, now=now)
    for token in method.tokens.all():
        _detach_at(token)
    end_network_token(method_id=method_id)
    return method


def _detach_at(token: GatewayToken) -> None:
    """Tell the gateway; what it refuses or does not hear is of no use to anybody any more."""
    if token.is_one_time:
        return
    release_connection()
    try:
        get_gateway(token.gateway).detach_method(
            token.token, key=f"{token.payment_method_id}_detach"
        )
    except GatewayError as error:
        logger.warning("%s still keeps %s: %s", token.gateway, token.payment_method_id, error)


def update_method(
    *,
    scope: Scope,
    method_id: str,
    changes: Mapping[str, Any],
    origin: Origin,
    now: datetime,
) -> PaymentMethod:
    """
    Change billing details and metadata, each key by key, or the expiry.

    :raises ResourceMissing: no such method
    """
    get_method(scope, method_id)
    with transaction.atomic():
        method = PaymentMethod.objects.select_for_update().get(pk=method_id)
        changes = with_metadata(changes, method.metadata)
        if "billing_details" in changes:
            changes["billing_details"] = {**method.billing_details, **changes["billing_details"]}
        for name, value in changes.items():
            setattr(method, name, value)
        method.version += 1
        method.save(update_fields=[*changes, "version"])
        publish_method(method, "payment_method.updated", origin=origin, now=now)
    return method


def _attach_at(gateway: Gateway, token: GatewayToken, customer: Customer) -> StoredMethod:
    known = GatewayCustomer.objects.filter(customer=customer, gateway=gateway.name).first()
    release_connection()
    reference = (
        known.reference
        if known
        else gateway.create_customer(
            customer_id=customer.id,
            email=customer.email,
            name=customer.name,
            key=f"{customer.id}_create",
        )
    )
    if known is None:
        GatewayCustomer.objects.get_or_create(
            customer=customer, gateway=gateway.name, defaults={"reference": reference}
        )
        release_connection()
    try:
        if token.is_one_time:
            _make_lasting(gateway, token)
        stored = gateway.attach_method(
            token.token,
            customer_reference=reference,
            key=f"{token.payment_method_id}_attach_{customer.id}",
        )
    except GatewayRejected as refusal:
        raise TokenRefused(reason=str(refusal), param="payment_method") from refusal
    except GatewayError as error:
        raise GatewaysAway from error
    # A ready-made method such as `pm_card_visa` becomes one of its own only now.
    _replace_token(token, stored)
    return stored


def _make_lasting(gateway: Gateway, token: GatewayToken) -> None:
    """Exchange the one-time token of a gateway that has not charged the method yet."""
    stored = gateway.store_method(
        type=token.payment_method.type,
        token=token.token,
        billing_details=token.payment_method.billing_details,
        key=f"{token.payment_method_id}_store",
    )
    _replace_token(token, stored)


def _replace_token(token: GatewayToken, stored: StoredMethod) -> None:
    if stored.token == token.token:
        return
    token.token, token.digest = stored.token, digest_of(stored.token)
    token.save(update_fields=["token", "digest"])
    release_connection()
