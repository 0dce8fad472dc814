"""Products, prices, coupons, meters and dunning policies; usage as it is reported."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from apps.common.errors import InvalidParameter
from apps.common.ids import new_id
from apps.common.metadata import with_metadata
from apps.common.origin import Origin, Scope, scope_of
from apps.customers.models import Customer
from apps.customers.selectors import get_customer
from apps.subscriptions.errors import MeterEventDuplicate
from apps.subscriptions.models import (
    Coupon,
    CreditNote,
    DunningPolicy,
    Meter,
    MeterEvent,
    Price,
    Product,
)
from apps.subscriptions.models.recorded import Recorded
from apps.subscriptions.objects import (
    render_coupon,
    render_credit_note,
    render_dunning_policy,
    render_meter,
    render_price,
    render_product,
)
from apps.subscriptions.selectors import Times, times_of
from apps.subscriptions.services.unit import Show, Unit

R = TypeVar("R", bound=Recorded)

# Usage is reported soon after it happened; older reports would change invoices that are out.
METER_EVENT_MAX_AGE = timedelta(days=35)
METER_EVENT_MAX_AHEAD = timedelta(minutes=5)

_SHOWN: Mapping[type[Recorded], tuple[str, Any]] = {
    Product: ("product", render_product),
    Price: ("price", render_price),
    Coupon: ("coupon", render_coupon),
    Meter: ("billing.meter", render_meter),
    CreditNote: ("credit_note", render_credit_note),
    DunningPolicy: ("dunning_policy", render_dunning_policy),
}


def create_row(row: R, *, scope: Scope, origin: Origin, now: datetime) -> R:
    """
    Store a new thing of the catalogue, with its event.

    :raises InvalidParameter: another one has the same name where names are unique
    """
    row.merchant_id, row.livemode = scope.merchant_id, scope.livemode
    row.created_at = now
    if isinstance(row, Product):
        row.updated_at = now
    name, show = _shown(row)
    try:
        with transaction.atomic():
            unit = Unit(origin=origin, times=Times(now, now))
            if isinstance(row, DunningPolicy) and row.is_default:
                _yield_default(unit, row)
            unit.create(row, f"{name}.created", show)
            unit.write()
    except IntegrityError as error:
        raise InvalidParameter(f"Another {name} has the same name or key.") from error
    return row


def change_row(
    row: R, changes: Mapping[str, Any], *, origin: Origin, now: datetime, verb: str = "updated"
) -> R:
    """
    Change columns of a thing of the catalogue, with its event.

    :raises InvalidParameter: another one has the same name where names are unique
    """
    name, _ = _shown(row)
    try:
        with transaction.atomic():
            locked: R = type(row)._base_manager.select_for_update().get(pk=row.pk)
            # Dunning policies have no metadata.
            noted = with_metadata(changes, getattr(locked, "metadata", {}))
            for column, value in noted.items():
                setattr(locked, column, value)
            if isinstance(locked, Product):
                locked.updated_at = now
            unit = Unit(origin=origin, times=Times(now, now))
            if isinstance(locked, DunningPolicy) and changes.get("is_default"):
                _yield_default(unit, locked)
            unit.record(locked, f"{name}.{verb}", _shown(locked)[1])
            unit.write()
    except IntegrityError as error:
        raise InvalidParameter(f"Another {name} has the same name or key.") from error
    return locked


def create_price(
    price: Price, *, takes_key: bool, scope: Scope, origin: Origin, now: datetime
) -> Price:
    """
    Store a new price; with `takes_key` its lookup key leaves the price that has it.

    :raises InvalidParameter: another price has the key, and keeps it
    """
    with transaction.atomic():
        if takes_key:
            _free_key(price.lookup_key, keeper=price, scope=scope, origin=origin, now=now)
        return create_row(price, scope=scope, origin=origin, now=now)


def change_price(
    price: Price, changes: Mapping[str, Any], *, takes_key: bool, origin: Origin, now: datetime
) -> Price:
    """
    Change columns of a price; with `takes_key` its lookup key leaves the price that has it.

    :raises InvalidParameter: another price has the key, and keeps it
    """
    scope = scope_of(price)
    with transaction.atomic():
        if takes_key:
            _free_key(changes["lookup_key"], keeper=price, scope=scope, origin=origin, now=now)
        return change_row(price, changes, origin=origin, now=now)


def _free_key(key: str, *, keeper: Price, scope: Scope, origin: Origin, now: datetime) -> None:
    others = Price.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, lookup_key=key
    )
    for former in others.exclude(pk=keeper.pk):
        change_row(former, {"lookup_key": ""}, origin=origin, now=now)


def _shown(row: Recorded) -> tuple[str, Show]:
    name, render = _SHOWN[type(row)]
    return name, partial(render, row)


def _yield_default(unit: Unit, chosen: DunningPolicy) -> None:
    """There is one default: it leaves the policy that had it."""
    former = DunningPolicy.objects.select_for_update().filter(
        merchant_id=chosen.merchant_id, livemode=chosen.livemode, is_default=True
    )
    for policy in former.exclude(pk=chosen.pk):
        policy.is_default = False
        # At once, and not with the unit: the index allows no two defaults between statements.
        policy.save(update_fields=["is_default"])
        unit.record(policy, "dunning_policy.updated", partial(render_dunning_policy, policy))


def check_tiers(tiers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Return the tiers as the price keeps them.

    :raises InvalidParameter: not in rising order, or without an open end
    """
    bounds = [tier["up_to"] for tier in tiers]
    closed = bounds[:-1]
    is_rising = all(
        bound is not None and bound > before
        for before, bound in zip([0, *closed], closed, strict=False)
    )
    if not tiers or bounds[-1] is not None or not is_rising:
        raise InvalidParameter("Tiers rise, and the last one is up to 'inf'.", param="tiers")
    return tiers


def record_usage(
    *,
    scope: Scope,
    event_name: str,
    customer_id: str,
    value: Decimal,
    identifier: str,
    occurred_at: datetime | None,
    now: datetime,
) -> MeterEvent:
    """
    Count usage; the same identifier again counts nothing and returns the first report.

    :raises ResourceMissing: no such customer
    :raises InvalidParameter: too old, or in the future
    :raises MeterEventDuplicate: the identifier was used for other usage
    """
    customer: Customer = get_customer(scope, customer_id)
    times = times_of(customer.test_clock_id, now)
    at = occurred_at or times.now
    if not times.now - METER_EVENT_MAX_AGE <= at <= times.now + METER_EVENT_MAX_AHEAD:
        raise InvalidParameter("timestamp must be within the last 35 days.", param="timestamp")
    fields = {"event_name": event_name, "customer_id": customer_id, "value": value}
    event, is_new = MeterEvent.objects.get_or_create(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        identifier=identifier or new_id("mtrev"),
        defaults={**fields, "occurred_at": at, "created_at": times.now},
    )
    if not is_new and any(getattr(event, name) != said for name, said in fields.items()):
        raise MeterEventDuplicate(identifier=identifier, param="identifier")
    return event
