"""Sessions in subscription mode: the subscription begins when the payer presses the button."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from apps.checkout.errors import LineItemsInvalid, SessionBeingPaid, SessionNotOpen
from apps.checkout.models import Session
from apps.checkout.objects import page_url
from apps.checkout.policies import PAID
from apps.checkout.services.events import Moment
from apps.checkout.states import SessionStatus
from apps.checkout.subjects import subject_of
from apps.common.errors import InvalidParameter
from apps.common.origin import Origin, Scope
from apps.customers.selectors import get_customer
from apps.customers.services import create_customer
from apps.payments.models import PaymentIntent
from apps.setups.selectors import get_setup
from apps.setups.services.setups import update_setup
from apps.subscriptions.errors import InvoicePaymentInProgress
from apps.subscriptions.models import Invoice, Price, Subscription
from apps.subscriptions.selectors import get_prices, times_of
from apps.subscriptions.services.changes import ItemChange, check_items
from apps.subscriptions.services.collection import prepare_payment
from apps.subscriptions.services.subscriptions import (
    NewSubscription,
    PaymentBehavior,
    check_trial_end,
    check_trials,
    create_subscription,
    expire_incomplete,
    open_subscription,
)

_DATA = "subscription_data"


def check_plans(prices: Sequence[Price]) -> None:
    """
    Refuse prices that cannot be billed together, or of which nothing is due today.

    :raises LineItemsInvalid: of one of them nobody knows today what it will cost
    :raises DomainError: they are no prices of one subscription; see `check_items`
    """
    check_items(prices, prices[0].currency if prices else "")
    for price in prices:
        if price.is_metered:
            raise LineItemsInvalid(
                f"{price.id} is billed by usage: nothing is due today.", param="line_items"
            )


def check_trial(
    *,
    scope: Scope,
    customer_id: str,
    prices: Collection[Price],
    trial_end: datetime | None,
    link_lifetime: timedelta,
    now: datetime,
) -> None:
    """
    Refuse a trial that could not begin when the payer presses the button.

    :raises ResourceMissing: no such customer
    :raises TrialUsed: the customer has tried one of these products
    :raises TrialInPast: it ends before it begins, or too late
    :raises InvalidParameter: it may be over before anybody follows the link
    """
    clock_id = get_customer(scope, customer_id).test_clock_id if customer_id else ""
    if customer_id:
        _check_untried(customer_id, prices)
    if trial_end is None:
        return
    times, param = times_of(clock_id, now), f"{_DATA}[trial_end]"
    check_trial_end(trial_end, times, param=param)
    if trial_end <= times.now + link_lifetime:
        raise InvalidParameter(f"{param} must come after the end of the link.", param=param)


def _check_untried(customer_id: str, prices: Collection[Price]) -> None:
    products = {price.product_id for price in prices}
    check_trials(customer_id=customer_id, product_ids=products, param=_DATA)


def name_payer(*, session: Session, email: str, origin: Origin, now: datetime) -> None:
    """
    Make the customer who begins a trial, before their card is saved for them.

    :raises SessionNotOpen: complete or expired
    :raises TrialUsed: the customer, whom the merchant named, has tried it meanwhile
    """
    with transaction.atomic():
        session = Session.objects.lock(session.id)
        if session.status != SessionStatus.OPEN or now >= session.expires_at:
            raise SessionNotOpen(session=session.id, status=session.status, step="subscribing")
        if session.customer_id:
            price_ids = [line["price"] for line in session.line_items]
            _check_untried(session.customer_id, get_prices(session.scope, price_ids).values())
            return
        customer_id = _customer_of(session, email, origin=origin, now=now)
        update_setup(
            scope=session.scope,
            setup_id=session.setup_intent_id,
            changes={"customer_id": customer_id},
            origin=origin,
            now=now,
        )
        Moment(origin=origin, now=now).happen(
            session, "checkout.session.customer_created", customer_id=customer_id
        )
        session.save()


def begin_trial(session: Session, moment: Moment) -> None:
    """
    Subscribe the payer whose card is saved, in the caller's transaction, under its lock.

    :raises DomainError: the trial was used meanwhile, or the customer or a price went away
    """
    setup = get_setup(session.scope, session.setup_intent_id)
    customer_id = _customer_of(session, "", origin=moment.origin, now=moment.now)
    subscription = open_subscription(
        scope=session.scope,
        new=NewSubscription(
            customer_id=customer_id,
            items=_items(session),
            fields={
                **session.subscription_data,
                "default_payment_method_id": setup.payment_method_id,
            },
            trial_days=session.trial_days,
            trial_end=session.trial_end,
        ),
        origin=moment.origin,
        now=moment.now,
    )
    moment.happen(
        session,
        "checkout.session.subscription_created",
        customer_id=customer_id,
        subscription_id=subscription.id,
        payment_intent_id="",
        amount_total=0,
    )


def begin_subscription(
    *, session: Session, email: str, origin: Origin, now: datetime
) -> Session | None:
    """
    Subscribe the payer, whose first invoice waits to be paid; None when another tab just did.

    The invoice may ask for another sum than the page showed, when something waited on the
    customer's account; the session takes it over, and its page shows it before it is paid.

    :raises SessionNotOpen: paid or expired
    :raises LineItemsInvalid: what the customer has with the merchant pays for all of it
    :raises DomainError: the customer or a price went away meanwhile
    """
    with transaction.atomic():
        session = Session.objects.lock(session.id)
        if session.status != SessionStatus.OPEN or now >= session.expires_at:
            raise SessionNotOpen(session=session.id, status=session.status, step="subscribing")
        if session.subscription_id:
            return None
        subscription = _subscribe(session, email, origin=origin, now=now)
        intent = _first_payment(session, subscription, origin=origin, now=now)
        Moment(origin=origin, now=now).happen(
            session,
            "checkout.session.subscription_created",
            customer_id=subscription.customer_id,
            subscription_id=subscription.id,
            payment_intent_id=intent.id,
            amount_total=intent.amount,
        )
        session.save()
    return session


def _subscribe(session: Session, email: str, *, origin: Origin, now: datetime) -> Subscription:
    return create_subscription(
        scope=session.scope,
        new=NewSubscription(
            customer_id=_customer_of(session, email, origin=origin, now=now),
            items=_items(session),
            fields=session.subscription_data,
            payment=PaymentBehavior.DEFAULT_INCOMPLETE,
        ),
        origin=origin,
        now=now,
    )


def _customer_of(session: Session, email: str, *, origin: Origin, now: datetime) -> str:
    """Return the session's customer, whom it makes when nobody was named."""
    if session.customer_id:
        return session.customer_id
    fields = {"email": session.customer_email or email}
    return create_customer(scope=session.scope, fields=fields, origin=origin, now=now).id


def _items(session: Session) -> tuple[ItemChange, ...]:
    return tuple(
        ItemChange(price_id=line["price"], quantity=line["quantity"]) for line in session.line_items
    )


def _first_payment(
    session: Session, subscription: Subscription, *, origin: Origin, now: datetime
) -> PaymentIntent:
    invoice = Invoice.objects.get(pk=subscription.latest_invoice_id)
    if not invoice.amount_remaining:
        raise LineItemsInvalid("The customer's balance pays for all of it.")
    return prepare_payment(
        invoice_id=invoice.id, return_url=page_url(session.id), origin=origin, now=now
    )


def renew_intent(*, session: Session, origin: Origin, now: datetime) -> PaymentIntent:
    """Return another intent for the first invoice: the bank forbade a further try of the old."""
    return prepare_payment(
        invoice_id=first_invoice(session).id,
        return_url=page_url(session.id),
        origin=origin,
        now=now,
    )


def first_invoice(session: Session) -> Invoice:
    """Return the invoice that the session's payer is to pay."""
    subscription = Subscription.objects.get(pk=session.subscription_id)
    return Invoice.objects.select_related("customer", "subscription").get(
        pk=subscription.latest_invoice_id
    )


def end_subscription(*, session: Session, origin: Origin, now: datetime) -> None:
    """
    Let nobody subscribe by this session any more, and give up what had begun.

    :raises SessionBeingPaid: the first payment is on its way
    :raises GatewayFailed: what the payer had begun could not be ended at the gateway
    """
    with transaction.atomic():
        session = Session.objects.lock(session.id)
        if session.status == SessionStatus.OPEN and not session.subscription_id:
            session.due_at = None
            Moment(origin=origin, now=now).happen(session, "checkout.session.expired")
            session.save()
            return
    try:
        expire_incomplete(subscription_id=session.subscription_id, origin=origin, now=now)
    except InvoicePaymentInProgress as refusal:
        if subject_of(session).status not in PAID:
            raise SessionBeingPaid(session=session.id) from refusal
