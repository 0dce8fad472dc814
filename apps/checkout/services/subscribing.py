"""Sessions in subscription mode: the subscription begins when the payer presses the button."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from apps.checkout.errors import LineItemsInvalid, SessionBeingPaid, SessionNotOpen
from apps.checkout.models import Session
from apps.checkout.objects import page_url
from apps.checkout.policies import PAID
from apps.checkout.services.events import Moment
from apps.checkout.states import SessionStatus
from apps.checkout.subjects import subject_of
from apps.common.origin import Origin
from apps.customers.services import create_customer
from apps.payments.models import PaymentIntent
from apps.subscriptions.errors import InvoicePaymentInProgress
from apps.subscriptions.models import Invoice, Price, Subscription
from apps.subscriptions.services.changes import ItemChange, check_items
from apps.subscriptions.services.collection import prepare_payment
from apps.subscriptions.services.subscriptions import (
    NewSubscription,
    PaymentBehavior,
    create_subscription,
    expire_incomplete,
)


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
    customer_id = session.customer_id
    if not customer_id:
        fields = {"email": session.customer_email or email}
        customer_id = create_customer(scope=session.scope, fields=fields, origin=origin, now=now).id
    items = tuple(
        ItemChange(price_id=line["price"], quantity=line["quantity"]) for line in session.line_items
    )
    return create_subscription(
        scope=session.scope,
        new=NewSubscription(
            customer_id=customer_id,
            items=items,
            fields=session.subscription_data,
            payment=PaymentBehavior.DEFAULT_INCOMPLETE,
        ),
        origin=origin,
        now=now,
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
