"""
Change what is subscribed to: plan it in memory, then show the plan or carry it out.

A preview and the change itself run the same code on the same rows, so the invoice that follows is
the one that was shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any

from apps.common.errors import ResourceMissing
from apps.common.ids import new_id
from apps.common.metadata import with_metadata
from apps.common.money import smallest_charge
from apps.common.origin import Scope
from apps.subscriptions.errors import (
    CurrenciesDiffer,
    DuplicatePrice,
    IntervalsDiffer,
    NoItems,
    PriceInactive,
    PriceNotRecurring,
    TooManyItems,
)
from apps.subscriptions.models import InvoiceItem, Price, SubscriptionItem
from apps.subscriptions.policies.balance import settle_with_balance
from apps.subscriptions.policies.proration import ProrationUnit, prorate, remaining_share
from apps.subscriptions.policies.time import Period
from apps.subscriptions.selectors import Contract, Times, get_prices
from apps.subscriptions.services.bills import Bill, advance_lines, arrears_lines, bill_contract
from apps.subscriptions.services.lifecycle import renew
from apps.subscriptions.states import BillingReason, SubscriptionStatus

# Stripe's limit.
MAX_ITEMS = 20


class ProrationBehavior(StrEnum):
    """Whether a change is prorated, and when that is invoiced."""

    CREATE_PRORATIONS = "create_prorations"
    ALWAYS_INVOICE = "always_invoice"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemChange:
    """
    One item as it shall be; without `item_id` a new one, with `is_deleted` none any more.

    What is not said stays as it is; `fields` are further columns (metadata).
    """

    item_id: str = ""
    price_id: str = ""
    quantity: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_deleted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractChange:
    """Other items, and how that is prorated; `at` is the moment of the change, if not now."""

    items: tuple[ItemChange, ...] = ()
    proration: ProrationBehavior = ProrationBehavior.CREATE_PRORATIONS
    at: datetime | None = None
    restart_cycle: bool = False


@dataclass(slots=True)
class Plan:
    """What the change does: to the items, and what is given back and charged for it."""

    contract: Contract
    added: list[SubscriptionItem] = field(default_factory=list)
    changed: list[SubscriptionItem] = field(default_factory=list)
    removed: list[SubscriptionItem] = field(default_factory=list)
    prorations: list[InvoiceItem] = field(default_factory=list)
    invoiced_now: bool = False
    new_period: Period | None = None
    used_period: Period | None = None


@dataclass(frozen=True, slots=True)
class _Side:
    """An item as it was, or as it will be."""

    price: Price
    quantity: int

    @property
    def amount(self) -> int:
        return 0 if self.price.is_metered else self.price.terms.amount(self.quantity)


def plan_change(contract: Contract, change: ContractChange, times: Times) -> Plan:
    """
    Return what the change does, and let the contract's objects be as they will be after it.

    :raises ResourceMissing: no such item or price
    :raises DomainError: the items do not fit together
    """
    at = change.at or times.now
    subscription = contract.subscription
    old_interval = contract.interval
    old = {item.id: _Side(item.price, item.quantity) for item in contract.items}
    plan = Plan(contract)
    _change_items(plan, change.items, times)
    check_items([item.price for item in contract.items], subscription.currency)
    is_restarted = change.restart_cycle or contract.interval != old_interval
    is_free = subscription.status == SubscriptionStatus.TRIALING
    if change.proration != ProrationBehavior.NONE and not is_free:
        share = _share_left(contract, subscription.cycle(old_interval).period_at(at), at)
        rest = Period(at, subscription.current_period_end)
        _prorate(plan, old, share, rest, is_restarted=is_restarted)
    if is_restarted and not is_free:
        _restart(plan, at)
    plan.invoiced_now = (is_restarted and not is_free) or (
        change.proration == ProrationBehavior.ALWAYS_INVOICE and bool(plan.prorations)
    )
    return plan


def _share_left(contract: Contract, whole: Period, at: datetime) -> Fraction:
    subscription = contract.subscription
    if at >= subscription.current_period_end:
        return Fraction(0)
    return remaining_share(
        whole,
        at,
        unit=ProrationUnit(subscription.proration_unit),
        time_zone=subscription.time_zone,
    )


# --- Items --------------------------------------------------------------------------------------


def _change_items(plan: Plan, changes: Sequence[ItemChange], times: Times) -> None:
    contract = plan.contract
    subscription = contract.subscription
    scope = Scope(subscription.merchant_id, subscription.livemode)
    wanted = {change.price_id for change in changes if change.price_id}
    prices = get_prices(scope, wanted)
    items = {item.id: item for item in contract.items}
    for change in changes:
        if not change.item_id:
            plan.added.append(_new_item(contract, change, prices, times))
            continue
        item = items.get(change.item_id)
        if item is None:
            raise ResourceMissing(
                resource="subscription_item", id=change.item_id[:60], param="items"
            )
        if change.is_deleted:
            plan.removed.append(item)
            contract.items.remove(item)
        else:
            _change_item(item, change, prices)
            plan.changed.append(item)


def _new_item(
    contract: Contract, change: ItemChange, prices: dict[str, Price], times: Times
) -> SubscriptionItem:
    if not change.price_id:
        raise ResourceMissing(resource="price", id="", param="items")
    item = new_item(contract, prices[change.price_id], change.quantity, times)
    set_item_fields(item, change)
    contract.items.append(item)
    return item


def new_item(
    contract: Contract, price: Price, quantity: int | None, times: Times
) -> SubscriptionItem:
    """Return a new item of the contract, not on its list yet."""
    return SubscriptionItem(
        id=new_id("si"),
        subscription=contract.subscription,
        price=price,
        quantity=1 if quantity is None else quantity,
        created_at=times.now,
    )


def _change_item(item: SubscriptionItem, change: ItemChange, prices: dict[str, Price]) -> None:
    if change.price_id:
        item.price = prices[change.price_id]
    if change.quantity is not None:
        item.quantity = change.quantity
    set_item_fields(item, change)


def set_item_fields(item: SubscriptionItem, change: ItemChange) -> None:
    """Set the further columns that a change names."""
    for name, value in with_metadata(change.fields, item.metadata).items():
        setattr(item, name, value)


def check_items(prices: Sequence[Price], currency: str) -> None:
    """
    Refuse items that cannot be billed together.

    :raises NoItems, TooManyItems, DuplicatePrice, PriceNotRecurring, PriceInactive,
        CurrenciesDiffer, IntervalsDiffer: named after the fault
    """
    if not prices:
        raise NoItems(param="items")
    if len(prices) > MAX_ITEMS:
        raise TooManyItems(param="items", maximum=MAX_ITEMS)
    seen: set[str] = set()
    for price in prices:
        _check_price(price, seen, currency)
        seen.add(price.id)
    intervals = {(price.interval_unit, price.interval_count) for price in prices}
    if len(intervals) > 1:
        shown = ", ".join(sorted(f"{count} {unit}" for unit, count in intervals))
        raise IntervalsDiffer(param="items", intervals=shown)


def _check_price(price: Price, seen: set[str], currency: str) -> None:
    if price.id in seen:
        raise DuplicatePrice(param="items", price=price.id)
    if not price.is_recurring:
        raise PriceNotRecurring(param="items", price=price.id)
    if not (price.active and price.product.active):
        raise PriceInactive(param="items", price=price.id)
    if price.currency != currency:
        raise CurrenciesDiffer(param="items", expected=currency, given=price.currency)


# --- Money --------------------------------------------------------------------------------------


def _prorate(
    plan: Plan, old: dict[str, _Side], share: Fraction, rest: Period, *, is_restarted: bool
) -> None:
    """Give back what is left of each changed item, and charge what replaces it."""
    touched = plan.contract.items if is_restarted else [*plan.changed, *plan.added]
    for item in [*plan.removed, *touched]:
        before = old.get(item.id)
        after = None if item in plan.removed else _Side(item.price, item.quantity)
        if before == after and not is_restarted:
            continue
        if before is not None:
            amount = -prorate(before.amount, share)
            _add_proration(plan, item, before, amount, rest, "Unused time on")
        if after is not None and not is_restarted:
            amount = prorate(after.amount, share)
            _add_proration(plan, item, after, amount, rest, "Remaining time on")


def credit_rest(contract: Contract, times: Times) -> list[InvoiceItem]:
    """Return what is given back for the rest of the period when the subscription ends now."""
    subscription = contract.subscription
    at = times.now
    plan = Plan(contract, removed=list(contract.items))
    old = {item.id: _Side(item.price, item.quantity) for item in contract.items}
    share = _share_left(contract, subscription.cycle(contract.interval).period_at(at), at)
    rest = Period(at, subscription.current_period_end)
    _prorate(plan, old, share, rest, is_restarted=False)
    return plan.prorations


def _add_proration(
    plan: Plan, item: SubscriptionItem, side: _Side, amount: int, rest: Period, words: str
) -> None:
    if not amount:
        return
    subscription = plan.contract.subscription
    plan.prorations.append(
        InvoiceItem(
            id=new_id("ii"),
            merchant_id=subscription.merchant_id,
            livemode=subscription.livemode,
            created_at=rest.start,
            customer=subscription.customer,
            subscription=subscription,
            currency=subscription.currency,
            amount=amount,
            description=(
                f"{words} {side.quantity} x {side.price.product.name} after {rest.start:%d %b %Y}"
            ),
            price_id=side.price.id,
            product_id=side.price.product_id,
            item_id=item.id,
            quantity=side.quantity,
            is_proration=True,
            period_start=rest.start,
            period_end=max(rest.start, rest.end),
            tax_percent=subscription.tax_percent,
        )
    )


def _restart(plan: Plan, at: datetime) -> None:
    """Begin a new cycle at the change."""
    subscription = plan.contract.subscription
    plan.used_period = Period(subscription.current_period_start, at)
    subscription.anchor = at
    plan.new_period = subscription.cycle(plan.contract.interval).period(0)
    subscription.current_period_start = plan.new_period.start
    subscription.current_period_end = plan.new_period.end


def bill_plan(plan: Plan, times: Times) -> Bill:
    """Return the invoice of a change that is invoiced at once."""
    contract = plan.contract
    lines = []
    if plan.new_period is not None:
        if plan.used_period is not None and plan.used_period.end > plan.used_period.start:
            lines += arrears_lines(contract, plan.used_period)
        lines += advance_lines(contract, plan.new_period)
    contract.pending = [*contract.pending, *plan.prorations]
    period = plan.new_period or Period(times.now, contract.subscription.current_period_end)
    return bill_contract(
        contract, lines, reason=BillingReason.SUBSCRIPTION_UPDATE, period=period, times=times
    )


def preview_plan(plan: Plan, times: Times) -> Bill:
    """
    Return the customer's next invoice if the plan were carried out, with the balance set off.

    That is the change's own invoice, or that of the next period with what the change left waiting.
    """
    contract = plan.contract
    if plan.invoiced_now:
        bill = bill_plan(plan, times)
    else:
        contract.pending = [*contract.pending, *plan.prorations]
        bill = renew(contract, Times(contract.subscription.current_period_end, times.wall))
    invoice, customer = bill.invoice, contract.subscription.customer
    balance = customer.balance if customer.currency in {"", invoice.currency} else 0
    settlement = settle_with_balance(
        total=invoice.total, balance=balance, smallest_charge=smallest_charge(invoice.currency)
    )
    invoice.starting_balance = balance
    invoice.ending_balance = settlement.ending_balance
    invoice.balance_applied = settlement.applied
    invoice.amount_due = settlement.amount_due
    return bill
