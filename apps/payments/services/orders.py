"""Pay-in for several sellers at once: one checkout, one intent per payment order (S3)."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from apps.common.errors import DomainError, InvalidParameter
from apps.common.ids import new_id
from apps.common.money import check_charge_amount
from apps.common.origin import CLOCK, Origin, Scope
from apps.customers.selectors import get_customer
from apps.customers.services import create_customer
from apps.gateways.errors import GatewayError
from apps.outbox.services import EventDraft, publish
from apps.payments.errors import (
    CheckoutAlreadyExists,
    ConcurrentChange,
    PaymentOrderAlreadyExists,
)
from apps.payments.models import Checkout, PaymentIntent, PaymentOrder
from apps.payments.objects import render_order
from apps.payments.policies import INLINE_BUDGET, REPLAY_WINDOW
from apps.payments.services.intents import (
    Confirmation,
    cancel_intent,
    confirm_intent,
    create_intent,
)
from apps.payments.states import IntentStatus
from apps.payouts.models import Seller
from apps.payouts.policies import part_of
from apps.payouts.selectors import get_seller
from apps.vault.policies import is_gateway_token
from apps.vault.selectors import get_chargeable_method
from apps.vault.services import attach_method, create_method

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderWish:
    """One order as the client asks for it: minor units of an upper-case currency."""

    payment_order_id: str
    seller_id: str
    amount: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckoutWish:
    """
    A checkout as the client asks for it.

    `payment_method` is one of our ids or a gateway's token. The buyer is a customer of ours, or
    becomes one: `buyer_reference` is what the client calls the buyer.
    """

    checkout_id: str
    payment_method: str = field(repr=False)
    orders: Sequence[OrderWish]
    buyer_reference: str = ""
    customer_id: str = ""
    buyer_name: str = ""
    buyer_email: str = ""


def create_checkout(
    *,
    scope: Scope,
    wish: CheckoutWish,
    origin: Origin,
    now: datetime,
    remember: Callable[[str], None] | None = None,
) -> Checkout:
    """
    Keep a checkout and its orders, each with an intent that nobody has charged yet.

    All or nothing: `run_checkout` then charges them one by one. `remember` notes the checkout's id
    as recovery point of the caller's key, in the same transaction.

    :raises PaymentOrderAlreadyExists: one of the order ids was used before, by anyone (AC-08)
    :raises CheckoutAlreadyExists: the checkout id was used before
    :raises ResourceMissing: no such seller, customer or payment method
    :raises AmountInvalid: too small, too large, or not an amount of its currency
    :raises GatewayFailed: the token could not be stored; nothing was charged or kept
    Source: docs/adr/0014-payment-orders-follow-their-intents.md
    """
    _check_orders(wish.orders)
    sellers = _sellers(scope, wish.orders)
    if wish.customer_id:
        get_customer(scope, wish.customer_id)
    _check_unused(scope, wish)
    method_id = _stored_method(scope, wish, now=now)
    try:
        with transaction.atomic():
            checkout = _new_checkout(scope, wish, method_id, origin=origin, now=now)
            for order in wish.orders:
                _new_order(checkout, order, sellers[order.seller_id], origin=origin, now=now)
            if remember is not None:
                remember(checkout.id)
    except IntegrityError:
        # Somebody else was faster between our look and our insert: say which id it was.
        _check_unused(scope, wish)
        raise
    return checkout


def _check_orders(orders: Sequence[OrderWish]) -> None:
    seen = set()
    for place, order in enumerate(orders):
        if order.payment_order_id in seen:
            raise InvalidParameter(
                f"payment_order_id {order.payment_order_id!r} is used twice.",
                param=f"payment_orders[{place}][payment_order_id]",
            )
        seen.add(order.payment_order_id)
        try:
            check_charge_amount(order.amount, order.currency)
        except DomainError as refusal:
            refusal.param = f"payment_orders[{place}][{refusal.param}]"
            raise


def _sellers(scope: Scope, orders: Sequence[OrderWish]) -> dict[str, Seller]:
    return {
        order.seller_id: get_seller(
            scope, order.seller_id, param=f"payment_orders[{place}][seller_account]"
        )
        for place, order in enumerate(orders)
    }


def _check_unused(scope: Scope, wish: CheckoutWish) -> None:
    ids = [order.payment_order_id for order in wish.orders]
    used = PaymentOrder.objects.filter(payment_order_id__in=ids).select_related("checkout")
    order = used.order_by("id").first()
    if order is not None:
        is_own = (order.merchant_id, order.livemode) == (scope.merchant_id, scope.livemode)
        raise PaymentOrderAlreadyExists(
            payment_order_id=order.payment_order_id,
            # Whose it is, nobody else is told.
            payment_order=render_order(order, order.checkout) if is_own else None,
            param="payment_orders",
        )
    if Checkout.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, checkout_id=wish.checkout_id
    ).exists():
        raise CheckoutAlreadyExists(checkout_id=wish.checkout_id, param="checkout_id")


def _stored_method(scope: Scope, wish: CheckoutWish, *, now: datetime) -> str:
    """
    Return the payment method that all orders are charged to, "" for a token that is used once.

    A one-time token can be charged once; for several orders it is exchanged before any of them.
    """
    if not is_gateway_token(wish.payment_method):
        return get_chargeable_method(scope, wish.payment_method).id
    if len(wish.orders) == 1:
        return ""
    key = f"{scope.merchant_id}_{wish.checkout_id}_method"
    method = create_method(
        scope=scope,
        type="card",
        token=wish.payment_method,
        billing_details={},
        metadata={},
        key=key,
        now=now,
    )
    return method.id


def _new_checkout(
    scope: Scope, wish: CheckoutWish, method_id: str, *, origin: Origin, now: datetime
) -> Checkout:
    customer_id = wish.customer_id
    if not customer_id and (wish.buyer_name or wish.buyer_email):
        buyer = {"name": wish.buyer_name, "email": wish.buyer_email}
        customer_id = create_customer(scope=scope, fields=buyer, origin=origin, now=now).id
    return Checkout.objects.create(
        id=new_id("chk"),
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        checkout_id=wish.checkout_id,
        buyer_reference=wish.buyer_reference,
        customer_id=customer_id,
        payment_method_id=method_id,
        created_at=now,
    )


def _new_order(
    checkout: Checkout, wish: OrderWish, seller: Seller, *, origin: Origin, now: datetime
) -> PaymentOrder:
    order_id = new_id("ord")
    intent = create_intent(
        scope=Scope(checkout.merchant_id, checkout.livemode),
        fields={
            "amount": wish.amount,
            "currency": wish.currency,
            "customer_id": checkout.customer_id,
            "payment_method_id": checkout.payment_method_id,
            "application_fee_amount": part_of(wish.amount, basis_points=seller.fee_basis_points),
            "transfer_destination": seller.id,
            "transfer_group": checkout.checkout_id,
            "order_id": order_id,
        },
        origin=origin,
        now=now,
    )
    order = PaymentOrder.objects.create(
        id=order_id,
        merchant_id=checkout.merchant_id,
        livemode=checkout.livemode,
        version=1,
        checkout=checkout,
        payment_order_id=wish.payment_order_id,
        seller=seller,
        intent=intent,
        amount=wish.amount,
        currency=wish.currency,
        created_at=now,
    )
    publish(
        EventDraft.about(
            order,
            "payment_order.created",
            render_order(order, checkout),
            sequence=order.version,
            origin=origin,
            now=now,
        )
    )
    return order


def run_checkout(
    *, checkout_id: str, payment_method: str, origin: Origin, now: datetime
) -> Checkout:
    """
    Charge the orders of a checkout which nobody has charged yet, one after the other.

    Each stands for itself: a declined one stays FAILED, or EXECUTING where another card may be
    tried, and the others go on. Once the request's time is used up, workers run the rest. Running
    it again charges nothing twice.
    """
    checkout = Checkout.objects.get(pk=checkout_id)
    scope = Scope(checkout.merchant_id, checkout.livemode)
    _attach(checkout, scope, origin=origin, now=now)
    started = time.monotonic()
    for intent_id in _uncharged(checkout):
        elapsed = timedelta(seconds=time.monotonic() - started)
        confirmation = Confirmation(
            payment_method=checkout.payment_method_id or payment_method,
            inline=elapsed < INLINE_BUDGET / 2,
        )
        _confirm(scope, intent_id, confirmation, origin=origin, now=now + elapsed)
    return Checkout.objects.get(pk=checkout_id)


def settle_checkout(*, checkout_id: str, now: datetime) -> None:
    """
    Finish a checkout whose request died before it had charged all orders, or give it up.

    It is finished while its buyer may still wait for it, with a stored method. Later, and with a
    one-time token, which is kept nowhere, the orders that nobody charged fail.
    """
    checkout = Checkout.objects.get(pk=checkout_id)
    if checkout.payment_method_id and now - checkout.created_at <= REPLAY_WINDOW:
        run_checkout(checkout_id=checkout_id, payment_method="", origin=CLOCK, now=now)
        return
    scope = Scope(checkout.merchant_id, checkout.livemode)
    for intent_id in _uncharged(checkout):
        cancel_intent(scope=scope, intent_id=intent_id, reason="abandoned", origin=CLOCK, now=now)


def _uncharged(checkout: Checkout) -> list[str]:
    waiting = PaymentIntent.objects.filter(order__checkout=checkout, status=IntentStatus.CREATED)
    return list(waiting.order_by("id").values_list("id", flat=True))


def _attach(checkout: Checkout, scope: Scope, *, origin: Origin, now: datetime) -> None:
    """
    Tie the method to the buyer, since a gateway charges a loose one only once.

    If that fails the orders go on: the gateway itself then says what it can charge.
    """
    if not (checkout.payment_method_id and checkout.customer_id):
        return
    try:
        attach_method(
            scope=scope,
            method_id=checkout.payment_method_id,
            customer_id=checkout.customer_id,
            origin=origin,
            now=now,
        )
    except (DomainError, GatewayError) as error:
        logger.warning("%s: the method stays loose: %s", checkout.id, error)


def _confirm(
    scope: Scope, intent_id: str, confirmation: Confirmation, *, origin: Origin, now: datetime
) -> None:
    try:
        confirm_intent(
            scope=scope, intent_id=intent_id, confirmation=confirmation, origin=origin, now=now
        )
    except ConcurrentChange:
        logger.warning("%s is busy: whoever holds it goes on with it", intent_id)
    except DomainError as refusal:
        # It can never be charged, e.g. no gateway takes this method in this currency.
        logger.warning("%s is given up: %s", intent_id, refusal)
        cancel_intent(scope=scope, intent_id=intent_id, reason="abandoned", origin=origin, now=now)
