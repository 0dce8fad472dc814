"""Create, change and delete customers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from apps.common.metadata import with_metadata
from apps.common.origin import Origin, Scope
from apps.customers.models import Customer
from apps.customers.objects import render_customer
from apps.customers.selectors import get_customer
from apps.outbox.services import EventDraft, publish


def create_customer(
    *, scope: Scope, fields: Mapping[str, Any], origin: Origin, now: datetime
) -> Customer:
    """Create a customer; `fields` are columns of `Customer`."""
    with transaction.atomic():
        customer = Customer.objects.create(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            created_at=now,
            version=1,
            **fields,
        )
        _publish(customer, "customer.created", origin=origin, now=now)
    return customer


def update_customer(
    *, scope: Scope, customer_id: str, changes: Mapping[str, Any], origin: Origin, now: datetime
) -> Customer:
    """
    Change columns of a customer.

    :raises ResourceMissing: no such customer, or deleted
    :raises DomainError: the default payment method is not the customer's
        (`CUSTOMER_METHOD_GUARD`)
    """
    get_customer(scope, customer_id)
    if changes.get("default_payment_method_id"):
        guard = import_string(settings.CUSTOMER_METHOD_GUARD)
        guard(scope, customer_id=customer_id, method_id=changes["default_payment_method_id"])
    with transaction.atomic():
        customer = Customer.objects.lock(customer_id)
        before = render_customer(customer)
        changes = with_metadata(changes, customer.metadata)
        for name, value in changes.items():
            setattr(customer, name, value)
        customer.version += 1
        customer.save(update_fields=[*changes, "version"])
        _publish(customer, "customer.updated", before=before, origin=origin, now=now)
    return customer


def delete_customer(*, scope: Scope, customer_id: str, origin: Origin, now: datetime) -> Customer:
    """
    Close a customer: it shows no more, what was paid stays in the books.

    :raises ResourceMissing: no such customer, or deleted before
    :raises DomainError: an app above still needs the customer (`CUSTOMER_DELETION_GUARDS`)
    """
    get_customer(scope, customer_id)
    with transaction.atomic():
        customer = Customer.objects.lock(customer_id)
        for guard in settings.CUSTOMER_DELETION_GUARDS:
            import_string(guard)(customer_id)
        customer.deleted_at = now
        customer.version += 1
        customer.save(update_fields=["deleted_at", "version"])
        _publish(customer, "customer.deleted", origin=origin, now=now)
    return customer


def forget_person(*, customer: Customer, origin: Origin, now: datetime) -> None:
    """Empty a locked customer of the person and close it, in the caller's transaction."""
    customer.email = customer.name = customer.phone = customer.description = ""
    customer.address = customer.shipping = None
    customer.metadata, customer.preferred_locales = {}, []
    customer.deleted_at = customer.deleted_at or now
    customer.erased_at = now
    customer.version += 1
    customer.save()
    _publish(customer, "customer.erased", origin=origin, now=now)


def _publish(
    customer: Customer,
    type_: str,
    *,
    origin: Origin,
    now: datetime,
    before: dict[str, Any] | None = None,
) -> None:
    shown = render_customer(customer)
    changed = None
    if before is not None:
        changed = {name: old for name, old in before.items() if shown[name] != old}
    publish(
        EventDraft.about(
            customer,
            type_,
            shown,
            sequence=customer.version,
            origin=origin,
            now=now,
            previous_attributes=changed,
        )
    )
