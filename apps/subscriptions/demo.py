"""Subscribers for the demo: three plans, some on trial, some who owe, some who left."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from apps.common.demo import Demo
from apps.common.origin import Origin
from apps.customers.models import Customer
from apps.subscriptions.models import DunningPolicy, Invoice, Price, Product
from apps.subscriptions.services.catalog import create_row
from apps.subscriptions.services.changes import ItemChange
from apps.subscriptions.services.clocks import create_clock
from apps.subscriptions.services.invoices import pay_invoice
from apps.subscriptions.services.subscriptions import (
    NewSubscription,
    cancel_subscription,
    create_subscription,
)
from apps.subscriptions.states import CollectionMethod, InvoiceStatus

SHOP: Final = Origin(actor="api:demo")
SUBSCRIBERS: Final = 24
# Invoices are sent to these subscribers: nothing is charged while the demo is made.
DAYS_UNTIL_DUE: Final = 14
TRIAL_DAYS: Final = 90
_PLANS: Final = (("Plan Basic", 900), ("Plan Pro", 2_900), ("Plan Team", 9_900))
# One in so many is on trial, owes the first invoice, or has left.
_ON_TRIAL, _OWES, _LEFT = 6, 5, 8


def seed_subscriptions(demo: Demo) -> None:
    """Subscribe some of the demo's customers, and let most of them pay."""
    dice = demo.dice("subscriptions")
    at = demo.begins_at
    policy = DunningPolicy(name="Standard", is_default=True)
    create_row(policy, scope=demo.scope, origin=SHOP, now=at)
    prices = [_plan(demo, name, amount) for name, amount in _PLANS]
    customers = Customer.objects.filter(
        merchant_id=demo.scope.merchant_id, livemode=demo.scope.livemode
    ).order_by("id")[:SUBSCRIBERS]
    for number, customer in enumerate(customers):
        began_at = at + timedelta(days=dice.randrange(1, max(demo.days, 2)))
        _subscribe(demo, customer, dice.choice(prices), number, min(began_at, demo.now))
    create_clock(
        scope=demo.scope, name="A year of Plan Pro", frozen_time=at, origin=SHOP, now=demo.now
    )


def _plan(demo: Demo, name: str, amount: int) -> Price:
    product = create_row(Product(name=name), scope=demo.scope, origin=SHOP, now=demo.begins_at)
    price = Price(
        product=product,
        currency="EUR",
        unit_amount=Decimal(amount),
        interval_unit="month",
        interval_count=1,
    )
    return create_row(price, scope=demo.scope, origin=SHOP, now=demo.begins_at)


def _subscribe(demo: Demo, customer: Customer, price: Price, number: int, at: datetime) -> None:
    subscription = create_subscription(
        scope=demo.scope,
        new=NewSubscription(
            customer_id=customer.pk,
            items=(ItemChange(price_id=price.pk, quantity=1),),
            fields={
                "collection_method": CollectionMethod.SEND_INVOICE,
                "days_until_due": DAYS_UNTIL_DUE,
            },
            trial_days=TRIAL_DAYS if number % _ON_TRIAL == 0 else None,
        ),
        origin=SHOP,
        now=at,
    )
    if number % _OWES:
        for invoice in Invoice.objects.filter(
            subscription_id=subscription.pk, status=InvoiceStatus.OPEN
        ):
            pay_invoice(
                scope=demo.scope,
                invoice_id=invoice.pk,
                is_out_of_band=True,
                origin=SHOP,
                now=min(at + timedelta(days=2), demo.now),
            )
    if number % _LEFT == _LEFT - 1:
        cancel_subscription(
            scope=demo.scope,
            subscription_id=subscription.pk,
            origin=SHOP,
            now=min(at + timedelta(days=9), demo.now),
        )
