"""Create, change, pause, resume and cancel subscriptions."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from django.db import transaction

from apps.common.errors import InvalidParameter
from apps.common.ids import new_id
from apps.common.metadata import with_metadata
from apps.common.origin import Origin, Scope
from apps.customers.models import Customer
from apps.customers.selectors import get_customer
from apps.payments.errors import CardDeclined
from apps.payments.objects import render_intent
from apps.payments.selectors import get_intent
from apps.subscriptions.errors import (
    CouponSpent,
    SubscriptionNotPaused,
    SubscriptionOver,
    TrialInPast,
    TrialUsed,
)
from apps.subscriptions.models import (
    Coupon,
    Discount,
    DunningPolicy,
    Invoice,
    InvoicePayment,
    Subscription,
    Trial,
)
from apps.subscriptions.objects import render_coupon, render_invoice_item
from apps.subscriptions.policies.proration import ProrationUnit, prorate, remaining_share
from apps.subscriptions.policies.time import Cycle, Period, add_days, add_months
from apps.subscriptions.selectors import (
    Contract,
    Times,
    get_coupon,
    get_prices,
    get_row,
    load_contract,
    times_of,
)
from apps.subscriptions.services.bills import (
    Bill,
    advance_lines,
    bill_contract,
    item_line,
    trial_line,
)
from apps.subscriptions.services.changes import (
    ContractChange,
    ItemChange,
    Plan,
    ProrationBehavior,
    bill_plan,
    check_items,
    credit_rest,
    new_item,
    plan_change,
    preview_plan,
    set_item_fields,
)
from apps.subscriptions.services.collection import collect_invoice, open_intent, release_payment
from apps.subscriptions.services.dunning import charge_overdue
from apps.subscriptions.services.extras import Extra, put_extras
from apps.subscriptions.services.lifecycle import (
    end,
    note_revenue,
    record,
    set_due,
    show_contract,
    write_bills,
)
from apps.subscriptions.services.setbacks import record_invoice
from apps.subscriptions.services.unit import Unit
from apps.subscriptions.states import (
    BillingReason,
    CouponDuration,
    InvoicePaymentStatus,
    InvoiceStatus,
    SubscriptionStatus,
)

S = SubscriptionStatus
# Stripe's limit of a trial.
MAX_TRIAL = timedelta(days=730)


class PaymentBehavior(StrEnum):
    """What happens with the first invoice of a subscription."""

    ALLOW_INCOMPLETE = "allow_incomplete"
    DEFAULT_INCOMPLETE = "default_incomplete"
    ERROR_IF_INCOMPLETE = "error_if_incomplete"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSubscription:
    """What a subscription begins with; `fields` are plain columns of it."""

    customer_id: str
    items: tuple[ItemChange, ...]
    extras: tuple[Extra, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    coupons: tuple[str, ...] = ()
    dunning_policy_id: str = ""
    anchor: datetime | None = None
    trial_days: int | None = None
    trial_end: datetime | None = None
    proration: ProrationBehavior = ProrationBehavior.CREATE_PRORATIONS
    payment: PaymentBehavior = PaymentBehavior.ALLOW_INCOMPLETE
    off_session: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionChange:
    """
    What an update says; None leaves a thing as it is.

    `fields` are plain columns (metadata, default payment method, cancel_at_period_end ...);
    `trial_end` moves the end of the trial, also to now.
    """

    contract: ContractChange = field(default_factory=ContractChange)
    extras: tuple[Extra, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    trial_end: datetime | None = None
    ends_trial: bool = False
    coupons: tuple[str, ...] | None = None


# --- Create -------------------------------------------------------------------------------------


def create_subscription(
    *,
    scope: Scope,
    new: NewSubscription,
    origin: Origin,
    now: datetime,
    remember: Callable[[str], None] | None = None,
) -> Subscription:
    """
    Subscribe a customer: bill the first period and charge it.

    Not paid at once it is `incomplete`, for 23 hours. `remember` is called with the new id in the
    transaction that stores it, so that a retry of the request can go on from there.

    :raises ResourceMissing: no such customer, price, coupon or policy
    :raises TrialUsed: the customer has had a trial of one of the products
    :raises CardDeclined: with `error_if_incomplete`, when the first payment fails
    Source: docs/subscriptions.md
    """
    with transaction.atomic():
        opened = open_subscription(scope=scope, new=new, origin=origin, now=now)
        if remember is not None:
            remember(opened.id)
    return start_subscription(
        subscription_id=opened.id,
        payment=new.payment,
        off_session=new.off_session,
        origin=origin,
        now=now,
    )


def open_subscription(
    *, scope: Scope, new: NewSubscription, origin: Origin, now: datetime
) -> Subscription:
    """
    Subscribe a customer in the caller's transaction, without asking any bank.

    What is due at once the caller charges after its commit, by `start_subscription`, or else a
    worker does half a minute later.

    :raises ResourceMissing, TrialUsed: as `create_subscription`
    """
    customer = get_customer(scope, new.customer_id)
    times = times_of(customer.test_clock_id, now)
    return _open(Unit(origin=origin, times=times), scope, customer, new, times).subscription


def preview_subscription(*, scope: Scope, new: NewSubscription, now: datetime) -> Bill:
    """
    Return the first invoice of a subscription that nobody has made yet; nothing is stored.

    :raises ResourceMissing: no such customer or price
    :raises DomainError: the items do not fit together
    """
    customer = get_customer(scope, new.customer_id)
    times = times_of(customer.test_clock_id, now)
    contract = _draft(scope, customer, new, times)
    # It has no id, so that its invoice names none that could be asked for.
    contract.subscription.pk = None
    return _first_bill(contract, new, times)


def start_subscription(
    *,
    subscription_id: str,
    payment: PaymentBehavior,
    off_session: bool = False,
    origin: Origin,
    now: datetime,
) -> Subscription:
    """
    Charge the first invoice of a new subscription, unless that is left to the payer.

    `off_session` says that the payer is away, so that no bank can ask them.

    :raises CardDeclined: with `error_if_incomplete`, when the payment fails
    """
    subscription = Subscription.objects.get(pk=subscription_id)
    if payment == PaymentBehavior.DEFAULT_INCOMPLETE:
        return subscription
    # A trial is free, but what is billed once beside it may not be.
    if subscription.status not in {S.INCOMPLETE, S.TRIALING}:
        return subscription
    invoice = collect_invoice(
        invoice_id=subscription.latest_invoice_id, origin=origin, now=now, off_session=off_session
    )
    subscription = Subscription.objects.get(pk=subscription_id)
    is_refused = payment == PaymentBehavior.ERROR_IF_INCOMPLETE
    if is_refused and subscription.status == S.INCOMPLETE:
        expire_incomplete(subscription_id=subscription_id, origin=origin, now=now)
        raise declined(invoice)
    return subscription


def declined(invoice: Invoice) -> CardDeclined:
    """Return the refusal that tells why the invoice's last charge failed."""
    payment = InvoicePayment.objects.filter(invoice_id=invoice.pk).order_by("-pk").first()
    shown: dict[str, Any] = {}
    if payment is not None:
        scope = Scope(invoice.merchant_id, invoice.livemode)
        shown = render_intent(get_intent(scope, payment.intent_id))
    told = {"decline_code": None, "advice_code": None, "network_decline_code": None, "charge": None}
    error = {**told, "message": "The payment failed.", "code": "card_declined"}
    return CardDeclined({**error, **(invoice.last_error or {})}, intent=shown)


def _open(
    unit: Unit, scope: Scope, customer: Customer, new: NewSubscription, times: Times
) -> Contract:
    contract = _draft(scope, customer, new, times)
    subscription = contract.subscription
    _redeem(unit, contract, new.coupons, times)
    trial_end = _trial_end(new, subscription, times)
    if trial_end is not None:
        subscription.begin_trial(start=times.now, end=trial_end)
        _use_trials(unit, contract, param="trial_end" if new.trial_end else "trial_period_days")
    put_extras(unit, scope, contract, new.extras, times)
    bill = _first_bill(contract, new, times)
    subscription.latest_invoice_id = bill.invoice.id
    is_charged_later = new.payment == PaymentBehavior.DEFAULT_INCOMPLETE
    unit.insert(subscription, *contract.items, *contract.discounts)
    write_bills(unit, [bill], times, is_inline=True)
    invoice = bill.invoice
    is_owed = invoice.status == InvoiceStatus.OPEN and invoice.collect_at is not None
    if not is_owed and subscription.status == S.INCOMPLETE:
        subscription.activate()
    if is_owed and is_charged_later:
        invoice.collect_at = None
    set_due(subscription)
    note_revenue(unit, contract)
    unit.create(subscription, "customer.subscription.created", show_contract(contract))
    unit.write()
    if is_owed and is_charged_later:
        open_intent(unit, invoice, scope)
    return contract


def _draft(scope: Scope, customer: Customer, new: NewSubscription, times: Times) -> Contract:
    prices = get_prices(scope, [item.price_id for item in new.items])
    chosen = [prices[item.price_id] for item in new.items]
    check_items(chosen, chosen[0].currency if chosen else "")
    zone = customer.time_zone
    anchor = new.anchor or times.now
    subscription = Subscription(
        id=new_id("sub"),
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        customer=customer,
        currency=chosen[0].currency,
        time_zone=zone,
        anchor=anchor,
        current_period_start=times.now,
        current_period_end=Cycle(anchor, chosen[0].interval, zone).period_at(times.now).end,
        started_at=times.now,
        created_at=times.now,
        test_clock_id=customer.test_clock_id,
        **new.fields,
    )
    if new.dunning_policy_id:
        subscription.dunning_policy = get_row(
            DunningPolicy, scope, new.dunning_policy_id, param="dunning_policy"
        )
    contract = Contract(subscription, [])
    for item in new.items:
        made = new_item(contract, prices[item.price_id], item.quantity, times)
        set_item_fields(made, item)
        contract.items.append(made)
    return contract


def _trial_end(new: NewSubscription, subscription: Subscription, times: Times) -> datetime | None:
    if new.trial_end is not None:
        return check_trial_end(new.trial_end, times)
    if not new.trial_days:
        return None
    return check_trial_end(add_days(times.now, new.trial_days, subscription.time_zone), times)


def check_trial_end(end: datetime, times: Times, *, param: str = "trial_end") -> datetime:
    """
    Return the end of a trial.

    :raises TrialInPast: not in the future, or too far in it
    """
    if not times.now < end <= times.now + MAX_TRIAL:
        raise TrialInPast(param=param, years=MAX_TRIAL.days // 365)
    return end


def check_trials(*, customer_id: str, product_ids: Collection[str], param: str) -> None:
    """
    Refuse a trial of what the customer has tried before; `param` asked for it.

    :raises TrialUsed: one of the products was tried
    """
    used = Trial.objects.filter(customer_id=customer_id, product_id__in=product_ids).first()
    if used is not None:
        raise TrialUsed(customer=customer_id, product=used.product_id, param=param)


def _use_trials(unit: Unit, contract: Contract, *, param: str) -> None:
    """Note that the customer tries these products; the unique row makes it once."""
    customer = contract.subscription.customer
    products = {item.price.product_id for item in contract.items}
    check_trials(customer_id=customer.id, product_ids=products, param=param)
    for product_id in sorted(products):
        unit.insert(
            Trial(customer=customer, product_id=product_id, subscription=contract.subscription)
        )


def _redeem(unit: Unit, contract: Contract, codes: tuple[str, ...], times: Times) -> None:
    """
    Redeem coupons on the subscription, each counted once under its lock.

    :raises CouponSpent: redeemed too often, or too late
    """
    subscription = contract.subscription
    scope = Scope(subscription.merchant_id, subscription.livemode)
    for code in codes:
        coupon = Coupon.objects.select_for_update().get(pk=get_coupon(scope, code).pk)
        if not is_redeemable(coupon, times.now):
            raise CouponSpent(coupon=code, param="discounts")
        coupon.times_redeemed += 1
        unit.record(coupon, "coupon.updated", partial(render_coupon, coupon))
        months = coupon.duration_in_months
        ends_at = None
        if coupon.duration == CouponDuration.REPEATING and months:
            ends_at = add_months(times.now, months, subscription.time_zone)
        contract.discounts.append(
            Discount(
                id=new_id("di"),
                subscription=subscription,
                coupon=coupon,
                starts_at=times.now,
                ends_at=ends_at,
            )
        )


def is_redeemable(coupon: Coupon, now: datetime) -> bool:
    """Return whether the coupon can be redeemed once more."""
    has_left = coupon.max_redemptions is None or coupon.times_redeemed < coupon.max_redemptions
    return has_left and (coupon.redeem_by is None or now < coupon.redeem_by)


def _first_bill(contract: Contract, new: NewSubscription, times: Times) -> Bill:
    subscription = contract.subscription
    period = subscription.period
    if subscription.status == S.TRIALING:
        lines = [
            trial_line(item, subscription=subscription, period=period) for item in contract.items
        ]
    elif new.anchor is None or new.anchor == times.now:
        lines = advance_lines(contract, period)
    elif new.proration == ProrationBehavior.NONE:
        lines = []
    else:
        lines = _partial_lines(contract, period)
    return bill_contract(
        contract,
        lines,
        reason=BillingReason.SUBSCRIPTION_CREATE,
        period=period,
        times=times,
    )


def _partial_lines(contract: Contract, period: Period) -> list[Any]:
    """Charge the time until the anchor as its share of the whole period (AC-27)."""
    subscription = contract.subscription
    whole = subscription.cycle(contract.interval).period_at(period.start)
    share = remaining_share(
        whole,
        period.start,
        unit=ProrationUnit(subscription.proration_unit),
        time_zone=subscription.time_zone,
    )
    return [
        item_line(
            item, subscription=subscription, period=period, amount=prorate(item.amount, share)
        )
        for item in contract.items
        if not item.price.is_metered
    ]


# --- Change -----------------------------------------------------------------------------------


def lock_contract(scope: Scope, subscription_id: str) -> Contract:
    """
    Return the subscription, locked, with all that hangs on it.

    :raises ResourceMissing: not of this account and mode
    """
    get_row(Subscription, scope, subscription_id)
    return load_contract(Subscription.objects.lock(subscription_id))


def update_subscription(
    *,
    scope: Scope,
    subscription_id: str,
    change: SubscriptionChange,
    origin: Origin,
    now: datetime,
    remember: Callable[[str], None] | None = None,
) -> Subscription:
    """
    Change a subscription; what is invoiced at once is charged at once.

    `remember` is called with its id in the transaction of the change, so that a retry of the
    request does not make it again.

    :raises SubscriptionOver: it has ended
    :raises DomainError: the new items do not fit together
    """
    with transaction.atomic():
        contract = lock_contract(scope, subscription_id)
        subscription = contract.subscription
        if subscription.is_ended:
            raise SubscriptionOver(subscription=subscription.id, status=str(subscription.status))
        times = times_of(subscription.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        before = show_contract(contract)()
        _set_fields(contract, scope, change, times)
        if change.coupons is not None:
            _replace_coupons(unit, contract, change.coupons, times)
        put_extras(unit, scope, contract, change.extras, times)
        bills = _carry_out(unit, plan_change(contract, change.contract, times), times)
        bills += _move_trial(unit, contract, change, times)
        if bills:
            subscription.latest_invoice_id = bills[-1].invoice.id
        write_bills(unit, bills, times, is_inline=True)
        record(unit, contract, before=before)
        unit.write()
        if remember is not None:
            remember(subscription.id)
    for bill in bills:
        collect_invoice(invoice_id=bill.invoice.id, origin=origin, now=now)
    if "default_payment_method_id" in change.fields:
        charge_overdue(customer_id=subscription.customer_id, origin=origin, now=now)
    return Subscription.objects.get(pk=subscription_id)


def charge_queued(
    *, scope: Scope, subscription_id: str, origin: Origin, now: datetime
) -> Subscription:
    """
    Charge the invoices which a change has queued, when whoever made it died before.

    :raises ResourceMissing: no such subscription
    """
    get_row(Subscription, scope, subscription_id)
    queued = Invoice.objects.filter(
        subscription_id=subscription_id, status=InvoiceStatus.OPEN, collect_at__isnull=False
    )
    for invoice_id in list(queued.order_by("pk").values_list("pk", flat=True)):
        collect_invoice(invoice_id=invoice_id, origin=origin, now=now)
    return Subscription.objects.get(pk=subscription_id)


def _set_fields(contract: Contract, scope: Scope, change: SubscriptionChange, times: Times) -> None:
    subscription = contract.subscription
    fields = with_metadata(change.fields, subscription.metadata)
    if "dunning_policy_id" in fields:
        wanted = fields.pop("dunning_policy_id")
        subscription.dunning_policy = (
            get_row(DunningPolicy, scope, wanted, param="dunning_policy") if wanted else None
        )
    cancel_at = fields.get("cancel_at")
    if cancel_at is not None and cancel_at <= times.now:
        raise InvalidParameter("cancel_at must be in the future.", param="cancel_at")
    for name, value in fields.items():
        setattr(subscription, name, value)
    if "cancel_at_period_end" in fields or "cancel_at" in fields:
        is_ending = subscription.cancel_at_period_end or subscription.cancel_at is not None
        subscription.canceled_at = times.now if is_ending else None


def _replace_coupons(unit: Unit, contract: Contract, codes: tuple[str, ...], times: Times) -> None:
    valid = [discount for discount in contract.discounts if discount.is_valid_at(times.now)]
    kept = [discount for discount in valid if discount.coupon.code in codes]
    for discount in valid:
        if discount not in kept:
            discount.ends_at = times.now
            unit.update(discount)
    contract.discounts = list(kept)
    known = {discount.coupon.code for discount in kept}
    _redeem(unit, contract, tuple(code for code in codes if code not in known), times)
    unit.insert(*(discount for discount in contract.discounts if discount not in kept))


def _carry_out(unit: Unit, plan: Plan, times: Times) -> list[Bill]:
    unit.insert(*plan.added)
    unit.update(*plan.changed)
    for item in plan.removed:
        item.delete()
    if plan.invoiced_now:
        return [bill_plan(plan, times)]
    for waiting in plan.prorations:
        unit.create(waiting, "invoiceitem.created", partial(render_invoice_item, waiting))
    plan.contract.pending += plan.prorations
    return []


def _move_trial(
    unit: Unit, contract: Contract, change: SubscriptionChange, times: Times
) -> list[Bill]:
    subscription = contract.subscription
    if change.ends_trial and subscription.status == S.TRIALING:
        subscription.trial_end = times.now
        subscription.activate()
        return [_restart_now(contract, times, reason=BillingReason.SUBSCRIPTION_UPDATE)]
    if change.trial_end is not None:
        end_of_trial = check_trial_end(change.trial_end, times)
        if subscription.status != S.TRIALING:
            _keep_as_credit(unit, contract, times)
            subscription.current_period_start = times.now
        subscription.begin_trial(start=times.now, end=end_of_trial)
    return []


def _keep_as_credit(unit: Unit, contract: Contract, times: Times) -> None:
    """Let what is left of the paid period lessen the next invoice."""
    for waiting in credit_rest(contract, times):
        unit.create(waiting, "invoiceitem.created", partial(render_invoice_item, waiting))


def _restart_now(contract: Contract, times: Times, *, reason: BillingReason) -> Bill:
    """Begin a new cycle now and bill its first period."""
    subscription = contract.subscription
    subscription.anchor = times.now
    period = subscription.cycle(contract.interval).period(0)
    subscription.current_period_start = period.start
    subscription.current_period_end = period.end
    return bill_contract(
        contract,
        advance_lines(contract, period),
        reason=reason,
        period=period,
        times=times,
    )


def preview_update(
    *, scope: Scope, subscription_id: str, change: ContractChange, now: datetime
) -> Bill:
    """
    Return the next invoice as it would be after a change; nothing is stored.

    :raises ResourceMissing: no such subscription
    :raises SubscriptionOver: it has ended
    """
    row = get_row(Subscription, scope, subscription_id, param="subscription")
    if row.is_ended:
        raise SubscriptionOver(subscription=row.id, status=str(row.status))
    contract = load_contract(row)
    times = times_of(row.test_clock_id, now)
    return preview_plan(plan_change(contract, change, times), times)


# --- Pause, resume, cancel ----------------------------------------------------------------------


def resume_subscription(
    *,
    scope: Scope,
    subscription_id: str,
    keeps_anchor: bool,
    origin: Origin,
    now: datetime,
    remember: Callable[[str], None] | None = None,
) -> Subscription:
    """
    Serve and bill a paused subscription again, in a new cycle from now unless it keeps its own.

    `remember` is called as by `update_subscription`.

    :raises SubscriptionNotPaused: it is in another state
    """
    with transaction.atomic():
        contract = lock_contract(scope, subscription_id)
        subscription = contract.subscription
        if subscription.status != S.PAUSED:
            raise SubscriptionNotPaused(
                subscription=subscription.id, status=str(subscription.status)
            )
        times = times_of(subscription.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        subscription.activate()
        bills = _resume_cycle(contract, times, keeps_anchor=keeps_anchor)
        for bill in bills:
            subscription.latest_invoice_id = bill.invoice.id
        write_bills(unit, bills, times, is_inline=True)
        record(unit, contract, "customer.subscription.resumed")
        unit.write()
        if remember is not None:
            remember(subscription.id)
    for bill in bills:
        collect_invoice(invoice_id=bill.invoice.id, origin=origin, now=now)
    return Subscription.objects.get(pk=subscription_id)


def _resume_cycle(contract: Contract, times: Times, *, keeps_anchor: bool) -> list[Bill]:
    subscription = contract.subscription
    if not keeps_anchor:
        return [_restart_now(contract, times, reason=BillingReason.SUBSCRIPTION_CYCLE)]
    if times.now < subscription.current_period_end:
        return []
    # The time of the pause is not charged: what is left of the running period is.
    whole = subscription.cycle(contract.interval).period_at(times.now)
    period = Period(times.now, whole.end)
    subscription.current_period_start = period.start
    subscription.current_period_end = period.end
    lines = _partial_lines(contract, period)
    return [
        bill_contract(
            contract,
            lines,
            reason=BillingReason.SUBSCRIPTION_CYCLE,
            period=period,
            times=times,
        )
    ]


def pause_subscription(
    *, scope: Scope, subscription_id: str, origin: Origin, now: datetime
) -> Subscription:
    """
    Stop serving and billing until someone resumes it.

    :raises IllegalTransition: it has not begun, or has ended
    """
    with transaction.atomic():
        contract = lock_contract(scope, subscription_id)
        subscription = contract.subscription
        unit = Unit(origin=origin, times=times_of(subscription.test_clock_id, now))
        subscription.pause()
        record(unit, contract, "customer.subscription.paused")
        unit.write()
    return subscription


def cancel_subscription(
    *,
    scope: Scope,
    subscription_id: str,
    prorate_rest: bool = False,
    invoice_now: bool = False,
    fields: Mapping[str, Any] | None = None,
    origin: Origin,
    now: datetime,
) -> Subscription:
    """
    End the subscription now; `fields` are columns that tell why.

    With `prorate_rest` what is left of the period becomes credit. With `invoice_now` that is
    invoiced at once, else it waits for the customer's next invoice.

    :raises SubscriptionOver: it has ended before
    """
    with transaction.atomic():
        contract = lock_contract(scope, subscription_id)
        subscription = contract.subscription
        if subscription.is_ended:
            raise SubscriptionOver(subscription=subscription.id, status=str(subscription.status))
        times = times_of(subscription.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        for name, value in (fields or {}).items():
            setattr(subscription, name, value)
        if prorate_rest and subscription.status != S.TRIALING:
            _give_rest_back(unit, contract, times, invoice_now=invoice_now)
        bills = end(unit, contract, times, reason="cancellation_requested")
        write_bills(unit, bills, times, is_inline=True)
        unit.write()
    for bill in bills:
        collect_invoice(invoice_id=bill.invoice.id, origin=origin, now=now)
    return Subscription.objects.get(pk=subscription_id)


def _give_rest_back(unit: Unit, contract: Contract, times: Times, *, invoice_now: bool) -> None:
    for waiting in credit_rest(contract, times):
        if invoice_now:
            contract.pending.append(waiting)
        else:
            # The subscription makes no more invoices; the customer's others may.
            waiting.subscription = None
            unit.create(waiting, "invoiceitem.created", partial(render_invoice_item, waiting))


# --- The first payment did not come ---------------------------------------------------------------


def expire_incomplete(*, subscription_id: str, origin: Origin, now: datetime) -> Subscription:
    """
    Give up a subscription whose first invoice nobody paid, and void that invoice (AC-38).

    :raises InvoicePaymentInProgress: it is being paid right now
    :raises GatewayFailed: the gateway could not be reached; it is tried again
    """
    subscription = Subscription.objects.get(pk=subscription_id)
    release_payment(invoice_id=subscription.latest_invoice_id, origin=origin, now=now)
    with transaction.atomic():
        subscription = Subscription.objects.lock(subscription_id)
        invoice = Invoice.objects.lock(subscription.latest_invoice_id)
        is_being_paid = InvoicePayment.objects.filter(
            invoice=invoice, status=InvoicePaymentStatus.OPEN
        ).exists()
        if subscription.status != S.INCOMPLETE or is_being_paid:
            return subscription
        times = times_of(subscription.test_clock_id, now)
        unit = Unit(origin=origin, times=times)
        subscription.expire(now=times.now)
        record(unit, load_contract(subscription))
        if invoice.status == InvoiceStatus.OPEN:
            invoice.void(now=times.now)
            record_invoice(unit, invoice, "invoice.voided")
        unit.write()
    return subscription
