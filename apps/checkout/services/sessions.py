"""Open and expire checkout sessions, and follow what becomes of their payments."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from apps.checkout.errors import LineItemsInvalid, SessionBeingPaid, SessionNotOpen
from apps.checkout.models import Session
from apps.checkout.objects import page_url
from apps.checkout.policies import LIFETIME, LOOK_AGAIN, PAID, SHORTEST_LIFETIME
from apps.checkout.selectors import get_session
from apps.checkout.services.events import Moment
from apps.checkout.services.subscribing import (
    begin_trial,
    check_plans,
    check_trial,
    end_subscription,
    renew_intent,
)
from apps.checkout.states import SessionMode, SessionStatus
from apps.checkout.subjects import subject_of
from apps.common.errors import DomainError, InvalidParameter
from apps.common.ids import id_at, new_id
from apps.common.metadata import merge_metadata
from apps.common.money import check_charge_amount
from apps.common.origin import CLOCK, Origin, Scope
from apps.customers.selectors import get_customer
from apps.payments.errors import IntentNotCancelable, PaymentInProgress
from apps.payments.models import PaymentIntent
from apps.payments.selectors import get_intent
from apps.payments.services.intents import cancel_intent, create_intent
from apps.payments.states import IntentStatus
from apps.setups.errors import SetupNotCancelable
from apps.setups.models import SetupIntent
from apps.setups.services.setups import cancel_setup, create_setup
from apps.subscriptions.models import Price
from apps.subscriptions.selectors import get_prices

logger = logging.getLogger(__name__)

# How many sessions one sweep looks at.
BATCH = 50

_OVER = {IntentStatus.CANCELED, IntentStatus.EXPIRED}
_REPLACED = "checkout.session.payment_replaced"


@dataclass(frozen=True, kw_only=True, slots=True)
class LineItem:
    """
    What is sold: a price of the catalogue, or a name and `unit_amount` in minor units.

    `currency` is upper case; both are empty when `price_id` names a price, which knows them.
    """

    quantity: int = 1
    price_id: str = ""
    name: str = ""
    unit_amount: int = 0
    currency: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Basket:
    """
    What a session is opened with.

    `intent`, `setup` and `subscription` are columns of what is to come of it; which one, its mode
    tells. The subscription is free for `trial_days`, or until `trial_end`.
    """

    items: Sequence[LineItem]
    fields: Mapping[str, Any] = field(default_factory=dict)
    intent: Mapping[str, Any] = field(default_factory=dict)
    setup: Mapping[str, Any] = field(default_factory=dict)
    subscription: Mapping[str, Any] = field(default_factory=dict)
    trial_days: int | None = None
    trial_end: datetime | None = None
    expires_at: datetime | None = None

    @property
    def trial(self) -> dict[str, Any]:
        """The session's columns that tell how long the subscription is free; empty when not."""
        if self.trial_end is not None:
            return {"trial_end": self.trial_end.isoformat()}
        return {} if self.trial_days is None else {"trial_days": self.trial_days}


def create_session(*, scope: Scope, basket: Basket, origin: Origin, now: datetime) -> Session:
    """
    Open a hosted page for a basket, with the payment intent that it charges.

    :raises LineItemsInvalid: no items, several currencies, or recurring prices
    :raises AmountInvalid: the sum cannot be charged
    :raises ResourceMissing: no such customer or price
    :raises InvalidParameter: `expires_at` is too soon or too late; data for another mode
    Source: docs/adr/0030-the-hosted-page-charges-one-intent.md
    """
    _check_data(basket, SessionMode.PAYMENT)
    prices = _prices(scope, basket.items)
    for price in prices.values():
        if price.is_recurring:
            raise LineItemsInvalid(f"{price.id} is no price for one purchase.", param="line_items")
    session, expires_at = _new_session(scope, basket, now=now)
    born = _born(SessionMode.PAYMENT, basket, prices, expires_at)
    currency = born["currency"]
    with transaction.atomic():
        intent = create_intent(
            scope=scope,
            fields={
                "description": ", ".join(line["name"] for line in born["line_items"])[:1000],
                **basket.intent,
                "amount": born["amount_total"],
                "currency": currency,
                "customer_id": born.get("customer_id", ""),
                "receipt_email": basket.intent.get("receipt_email")
                or born.get("customer_email", ""),
                "return_url": page_url(session.id),
                "expires_at": expires_at,
            },
            origin=origin,
            now=now,
        )
        born["payment_intent_id"] = intent.id
        Moment(origin=origin, now=now).happen(session, "checkout.session.created", **born)
        session.save(force_insert=True)
    return session


def create_setup_session(*, scope: Scope, basket: Basket, origin: Origin, now: datetime) -> Session:
    """
    Open a hosted page on which a payer saves a card; nothing is paid.

    :raises LineItemsInvalid: something is sold, which takes payment mode
    :raises ResourceMissing: no such customer
    :raises InvalidParameter: `expires_at` is too soon or too late; data for another mode
    """
    _check_data(basket, SessionMode.SETUP)
    if basket.items:
        raise LineItemsInvalid("Nothing is sold in setup mode.", param="line_items")
    session, expires_at = _new_session(scope, basket, now=now)
    with transaction.atomic():
        setup = _open_setup(session, basket, origin=origin, now=now)
        Moment(origin=origin, now=now).happen(
            session,
            "checkout.session.created",
            **basket.fields,
            mode=str(SessionMode.SETUP),
            amount_total=0,
            setup_intent_id=setup.id,
            expires_at=expires_at.isoformat(),
        )
        session.save(force_insert=True)
    return session


def create_subscription_session(
    *, scope: Scope, basket: Basket, origin: Origin, now: datetime
) -> Session:
    """
    Open a hosted page on which a payer subscribes; nothing begins before they press the button.

    With a trial the page saves a card by a setup intent, and the subscription begins once it has.

    :raises LineItemsInvalid: a line has no price of the catalogue, or nothing is due today
    :raises AmountInvalid: the sum cannot be charged
    :raises ResourceMissing: no such customer or price
    :raises InvalidParameter: `expires_at` is too soon or too late; data for another mode
    :raises TrialUsed, TrialInPast: there can be no such trial
    :raises DomainError: the prices cannot be billed together
    """
    _check_data(basket, SessionMode.SUBSCRIPTION)
    if not all(item.price_id for item in basket.items):
        raise LineItemsInvalid(
            "A subscription needs prices of the catalogue, no price_data.", param="line_items"
        )
    prices = _prices(scope, basket.items)
    check_plans([prices[item.price_id] for item in basket.items])
    if basket.fields.get("customer_id"):
        get_customer(scope, basket.fields["customer_id"])
    session, expires_at = _new_session(scope, basket, now=now)
    born = _born(SessionMode.SUBSCRIPTION, basket, prices, expires_at)
    born["subscription_data"] = dict(basket.subscription)
    check_charge_amount(born["amount_total"], born["currency"])
    if basket.trial:
        check_trial(
            scope=scope,
            customer_id=basket.fields.get("customer_id", ""),
            prices=prices.values(),
            trial_end=basket.trial_end,
            link_lifetime=expires_at - now,
            now=now,
        )
    with transaction.atomic():
        if basket.trial:
            setup = _open_setup(session, basket, origin=origin, now=now)
            born |= {**basket.trial, "amount_total": 0, "setup_intent_id": setup.id}
        Moment(origin=origin, now=now).happen(session, "checkout.session.created", **born)
        session.save(force_insert=True)
    return session


def _open_setup(session: Session, basket: Basket, *, origin: Origin, now: datetime) -> SetupIntent:
    fields = {
        **basket.setup,
        "customer_id": basket.fields.get("customer_id", ""),
        "return_url": page_url(session.id),
    }
    return create_setup(scope=session.scope, fields=fields, origin=origin, now=now)


def _check_data(basket: Basket, mode: SessionMode) -> None:
    given = {
        "payment_intent_data": (basket.intent, SessionMode.PAYMENT),
        "setup_intent_data": (basket.setup, SessionMode.SETUP),
        "subscription_data": (basket.subscription or basket.trial, SessionMode.SUBSCRIPTION),
    }
    for name, (data, needed) in given.items():
        if data and mode != needed:
            raise InvalidParameter(f"{name} is for {needed} mode.", param=name)


def _born(
    mode: SessionMode, basket: Basket, prices: Mapping[str, Price], expires_at: datetime
) -> dict[str, Any]:
    lines, currency = _price(basket.items, prices)
    return {
        **basket.fields,
        "mode": str(mode),
        "line_items": lines,
        "currency": currency,
        "amount_total": sum(line["unit_amount"] * line["quantity"] for line in lines),
        "expires_at": expires_at.isoformat(),
    }


def _new_session(scope: Scope, basket: Basket, *, now: datetime) -> tuple[Session, datetime]:
    expires_at = _check_expiry(basket.expires_at, now)
    session = Session(
        # The page's link is the right to pay, so its id is as random as ids get.
        id=id_at("cs", now),
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        created_at=now,
        due_at=expires_at,
    )
    return session, expires_at


def _check_expiry(wanted: datetime | None, now: datetime) -> datetime:
    expires_at = wanted or now + LIFETIME
    if not now + SHORTEST_LIFETIME <= expires_at <= now + LIFETIME:
        raise InvalidParameter(
            "expires_at must be 30 minutes to 24 hours from now.", param="expires_at"
        )
    return expires_at


def _prices(scope: Scope, items: Sequence[LineItem]) -> dict[str, Price]:
    prices = get_prices(scope, [item.price_id for item in items if item.price_id])
    for price in prices.values():
        if price.unit_amount is None or price.unit_amount != int(price.unit_amount):
            raise LineItemsInvalid(
                f"{price.id} has no whole amount per unit: a page cannot show it.",
                param="line_items",
            )
    return prices


def _price(
    items: Sequence[LineItem], prices: Mapping[str, Price]
) -> tuple[list[dict[str, Any]], str]:
    lines, currencies = [], set()
    for item in items:
        line = {"id": new_id("li"), "quantity": item.quantity, "price": item.price_id}
        if item.price_id:
            price = prices[item.price_id]
            line |= {"name": price.product.name, "unit_amount": int(price.unit_amount or 0)}
            if price.is_recurring:
                line |= {"interval": price.interval_unit, "interval_count": price.interval_count}
        else:
            line |= {"name": item.name, "unit_amount": item.unit_amount}
        currencies.add(prices[item.price_id].currency if item.price_id else item.currency)
        lines.append(line)
    if len(currencies) != 1:
        raise LineItemsInvalid("line_items need one currency.", param="line_items")
    return lines, currencies.pop()


def update_session(
    *,
    scope: Scope,
    session_id: str,
    metadata: dict[str, str] | None,
    origin: Origin,
    now: datetime,
) -> Session:
    """
    Change what the merchant noted of a session, at any time; None unsets all of it.

    :raises ResourceMissing: no such session
    :raises MetadataInvalid: there would be too many keys
    """
    get_session(scope, session_id)
    with transaction.atomic():
        session = Session.objects.lock(session_id)
        merged = merge_metadata(session.metadata, metadata)
        Moment(origin=origin, now=now).happen(session, "checkout.session.updated", metadata=merged)
        session.save()
    return session


def expire_session(*, scope: Scope, session_id: str, origin: Origin, now: datetime) -> Session:
    """
    Take the link back: nobody can pay by it any more.

    :raises ResourceMissing: no such session
    :raises SessionNotOpen: paid or expired
    :raises SessionBeingPaid: a payment is on its way
    :raises GatewayFailed: what the payer had begun could not be ended at the gateway
    """
    session = get_session(scope, session_id)
    if session.status != SessionStatus.OPEN:
        raise SessionNotOpen(session=session.id, status=session.status, step="expiring")
    _end_payment(session, reason="requested_by_customer", origin=origin, now=now)
    session = settle_session(session_id=session.id, origin=origin, now=now)
    if session.status == SessionStatus.COMPLETE:
        raise SessionNotOpen(session=session.id, status=session.status, step="expiring")
    return session


def _end_payment(session: Session, *, reason: str, origin: Origin, now: datetime) -> None:
    """Cancel the session's intent, unless it is over already."""
    if session.setup_intent_id:
        _end_setup(session, origin=origin, now=now)
        return
    if session.mode == SessionMode.SUBSCRIPTION:
        end_subscription(session=session, origin=origin, now=now)
        return
    try:
        cancel_intent(
            scope=session.scope,
            intent_id=session.payment_intent_id,
            reason=reason,
            origin=origin,
            now=now,
        )
    except PaymentInProgress as refusal:
        raise SessionBeingPaid(session=session.id) from refusal
    except IntentNotCancelable:
        # Paid, canceled or expired meanwhile: settling tells which.
        return


def _end_setup(session: Session, *, origin: Origin, now: datetime) -> None:
    if subject_of(session).status == IntentStatus.PROCESSING:
        raise SessionBeingPaid(session=session.id)
    with suppress(SetupNotCancelable):
        cancel_setup(
            scope=session.scope,
            setup_id=session.setup_intent_id,
            reason="abandoned",
            origin=origin,
            now=now,
        )


def settle_session(*, session_id: str, origin: Origin = CLOCK, now: datetime) -> Session:
    """
    Let the session follow its payment: complete it when paid, expire it when nobody can pay.

    Hearing it twice changes nothing.
    """
    with transaction.atomic():
        session = Session.objects.lock(session_id)
        if session.status != SessionStatus.OPEN:
            return session
        subject = subject_of(session)
        moment = Moment(origin=origin, now=now)
        if subject.status in PAID:
            session.due_at = None
            _finish(session, moment)
        elif subject.status in _OVER:
            session.due_at = None
            moment.happen(session, "checkout.session.expired")
        else:
            session.due_at = max(session.expires_at, now + LOOK_AGAIN)
        session.save()
    return session


def _finish(session: Session, moment: Moment) -> None:
    """Complete the session, or expire it when its trial can begin no more."""
    if session.has_trial:
        try:
            with transaction.atomic():
                begin_trial(session, moment)
        except DomainError as refusal:
            # Nothing is owed: the card is saved, and the shop may offer something else for it.
            logger.warning("%s ends without its subscription: %s", session.id, refusal)
            moment.happen(session, "checkout.session.expired")
            return
    moment.happen(session, "checkout.session.completed", at=moment.now.isoformat())


def renew_payment(*, session: Session, origin: Origin, now: datetime) -> PaymentIntent:
    """
    Return the intent to be paid: a new one when the bank forbade a further try of the old one.

    A refused card may be put back and another one taken: that is another payment. The old intent
    stays failed for good, so that there is never more than one that can be paid.

    :raises SessionNotOpen: paid or expired
    """
    with transaction.atomic():
        session = Session.objects.lock(session.id)
        if session.status != SessionStatus.OPEN or now >= session.expires_at:
            raise SessionNotOpen(session=session.id, status=session.status, step="paying")
        intent = get_intent(session.scope, session.payment_intent_id)
        if intent.status != IntentStatus.FAILED or intent.is_retryable:
            return intent
        if session.mode == SessionMode.SUBSCRIPTION:
            renewed = renew_intent(session=session, origin=origin, now=now)
        else:
            fields = {name: getattr(intent, name) for name in PaymentIntent.MUTABLE}
            renewed = create_intent(
                scope=session.scope,
                fields={**fields, "payment_method_id": ""},
                origin=origin,
                now=now,
            )
        Moment(origin=origin, now=now).happen(
            session, _REPLACED, payment_intent_id=renewed.id, before=intent.id
        )
        session.save()
    return renewed


# Two joins instead of one on either column: so each of them finds its index.
_RING = """
UPDATE checkout_session SET due_at = statement_timestamp()
 WHERE status = 'open' AND id IN (
    SELECT session.id FROM outbox_event event
      JOIN checkout_session session ON session.payment_intent_id = event.object_id
     WHERE event.id = ANY(%(events)s) AND session.payment_intent_id <> ''
       AND event.type IN ('payment_intent.succeeded', 'payment_intent.canceled',
                          'payment_intent.expired', 'payment_intent.amount_capturable_updated')
    UNION ALL
    SELECT session.id FROM outbox_event event
      JOIN checkout_session session ON session.setup_intent_id = event.object_id
     WHERE event.id = ANY(%(events)s) AND session.setup_intent_id <> ''
       AND event.type IN ('setup_intent.succeeded', 'setup_intent.canceled'))
"""


def queue_news(event_ids: list[str]) -> None:
    """Ring for the sessions whose payment came to an end by these events (a queue of MAP 2)."""
    with connection.cursor() as cursor:
        cursor.execute(_RING, {"events": event_ids})


def settle_due_sessions(*, now: datetime) -> int:
    """Follow the payments that had news, and end the sessions whose time is over."""
    due = list(Session.objects.filter(due_at__lte=now).order_by("due_at")[:BATCH])
    for session in due:
        try:
            _settle_due(session, now=now)
        except DomainError as refusal:
            logger.warning("%s is looked at again: %s", session.id, refusal)
            Session.objects.filter(pk=session.id, due_at__lte=now).update(due_at=now + LOOK_AGAIN)
    return len(due)


def _settle_due(session: Session, *, now: datetime) -> None:
    if now >= session.expires_at:
        _end_payment(session, reason="expired", origin=CLOCK, now=now)
    settle_session(session_id=session.id, now=now)
