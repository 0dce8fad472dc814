"""Store, attach and detach payment methods."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.common.errors import ResourceMissing
from apps.common.ids import new_id
from apps.common.origin import Origin, Scope
from apps.common.transactions import release_connection
from apps.customers.models import Customer
from apps.gateways.base import Gateway, MethodDetails, StoredMethod
from apps.gateways.errors import GatewayRejected
from apps.gateways.registry import gateway_names, get_gateway
from apps.outbox.services import EventDraft, publish
from apps.vault.errors import MethodAlreadyAttached, MethodDetached, TokenRefused
from apps.vault.models import GatewayCustomer, GatewayToken, PaymentMethod
from apps.vault.objects import render_method
from apps.vault.selectors import ChargeableMethod, get_method
from apps.vault.tokens import seal

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
    Exchange a one-time token (or IBAN) for a payment method at the preferred gateway and keep it.

    `key` makes the exchange idempotent at the gateway.

    :raises TokenRefused: the gateway does not know the token
    :raises GatewayError: the gateway could not be reached; nothing was stored
    Source: ruling C12
    """
    gateway = get_gateway(gateway_names()[0])
    release_connection()
    try:
        stored = gateway.store_method(
            type=type, token=token, billing_details=billing_details, key=key
        )
    except GatewayRejected as refusal:
        raise TokenRefused(reason=str(refusal), param=type) from refusal
    details = asdict(stored.details)
    with transaction.atomic():
        method = PaymentMethod.objects.create(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            type=type,
            billing_details=dict(billing_details),
            metadata=dict(metadata),
            bank_name=stored.details.bank_name,
            created_at=now,
            **{name: details[name] for name in DESCRIBED},
        )
        GatewayToken.objects.create(payment_method=method, gateway=gateway.name, token=stored.token)
    return method


def attach_method(
    *, scope: Scope, method_id: str, customer_id: str, origin: Origin, now: datetime
) -> PaymentMethod:
    """
    Tie the method to a customer, here and at its gateways; attaching it again changes nothing.

    :raises ResourceMissing: no such method or customer
    :raises MethodDetached: a detached method stays detached
    :raises MethodAlreadyAttached: it belongs to another customer
    :raises GatewayError: the gateway could not be reached; nothing was changed
    """
    method = get_method(scope, method_id)
    if method.detached_at is not None:
        raise MethodDetached(payment_method=method_id)
    if method.customer_id == customer_id:
        return method
    if method.customer_id is not None:
        raise MethodAlreadyAttached(payment_method=method_id)
    customer = Customer.objects.filter(
        pk=customer_id,
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        deleted_at__isnull=True,
    ).first()
    if customer is None:
        raise ResourceMissing(resource="customer", id=customer_id, param="customer")
    for token in method.tokens.all():
        gateway = get_gateway(token.gateway)
        stored = _attach_at(gateway, token, customer)
        for name in DESCRIBED:
            setattr(method, name, getattr(stored.details, name) or getattr(method, name))
    with transaction.atomic():
        locked = PaymentMethod.objects.select_for_update().get(pk=method_id)
        if locked.customer_id not in {None, customer_id} or locked.detached_at is not None:
            raise MethodAlreadyAttached(payment_method=method_id)
        method.customer_id = customer_id
        method.version = locked.version + 1
        method.save()
        _publish(method, "payment_method.attached", origin=origin, now=now)
    return method


def detach_method(*, scope: Scope, method_id: str, origin: Origin, now: datetime) -> PaymentMethod:
    """
    Untie the method from its customer; no one can charge it any more.

    Here it ends before the gateway is told, so that a gateway which is away cannot keep it alive.

    :raises ResourceMissing: no such method
    :raises GatewayError: detached here, but the gateway could not be told
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
            _publish(method, "payment_method.detached", origin=origin, now=now)
    for token in method.tokens.all():
        release_connection()
        get_gateway(token.gateway).detach_method(token.token, key=f"{method_id}_detach")
    return method


def update_method(
    *,
    scope: Scope,
    method_id: str,
    changes: Mapping[str, Any],
    origin: Origin,
    now: datetime,
) -> PaymentMethod:
    """
    Change billing details, expiry or metadata.

    :raises ResourceMissing: no such method
    """
    get_method(scope, method_id)
    with transaction.atomic():
        method = PaymentMethod.objects.select_for_update().get(pk=method_id)
        for name, value in changes.items():
            setattr(method, name, value)
        method.version += 1
        method.save(update_fields=[*changes, "version"])
        _publish(method, "payment_method.updated", origin=origin, now=now)
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
        return gateway.attach_method(
            token.token,
            customer_reference=reference,
            key=f"{token.payment_method_id}_attach_{customer.id}",
        )
    except GatewayRejected as refusal:
        raise TokenRefused(reason=str(refusal), param="payment_method") from refusal


def _publish(method: PaymentMethod, type_: str, *, origin: Origin, now: datetime) -> None:
    publish(
        EventDraft(
            merchant_id=method.merchant_id,
            livemode=method.livemode,
            type=type_,
            object_id=method.id,
            sequence=method.version,
            object=render_method(method),
            actor=origin.actor,
            request_id=origin.request_id,
            idempotency_key=origin.idempotency_key,
            created_at=now,
        )
    )
