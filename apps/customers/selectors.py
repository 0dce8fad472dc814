"""Reads of customers."""

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope
from apps.common.sql import RowLoader
from apps.customers.models import Customer

_find_customer = RowLoader(
    Customer, "id = %s AND merchant_id = %s AND livemode = %s AND deleted_at IS NULL"
)


def get_customer(scope: Scope, customer_id: str) -> Customer:
    """
    Return the customer.

    :raises ResourceMissing: not of this account and mode, or deleted
    """
    customer: Customer | None = _find_customer(customer_id, scope.merchant_id, scope.livemode)
    if customer is None:
        raise ResourceMissing(resource="customer", id=customer_id, param="customer")
    return customer


def was_deleted(scope: Scope, customer_id: str) -> bool:
    """Return whether there was such a customer of this account and mode, which was deleted."""
    return Customer.objects.filter(
        pk=customer_id,
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        deleted_at__isnull=False,
    ).exists()
