"""Billing ready for a test, made by the services themselves."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.customers.models import Customer
from apps.customers.services import create_customer
from apps.subscriptions.models import Coupon, Invoice, Meter, Price, Product, Subscription
from apps.subscriptions.services.catalog import create_row
from apps.subscriptions.services.changes import ItemChange
from apps.subscriptions.services.subscriptions import NewSubscription, create_subscription
from apps.subscriptions.states import UsageType
from apps.vault.models import GatewayToken, PaymentMethod
from tests.factories.payments import SCOPE, TESTER

JANUARY = datetime(2025, 1, 1, tzinfo=UTC)


def day(text: str) -> datetime:
    """Return the instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def card_of(
    customer: Customer, *, charged_as: str = "pm_card_visa", brand: str = "visa"
) -> PaymentMethod:
    """Return a new card of the customer, which the test's gateway can charge."""
    method = PaymentMethod.objects.create(
        merchant_id=customer.merchant_id,
        livemode=customer.livemode,
        type="card",
        brand=brand,
        customer=customer,
        created_at=customer.created_at,
    )
    GatewayToken.objects.create(payment_method=method, gateway="stripe_main", token=charged_as)
    return method


def customer_with_card(*, now: datetime = JANUARY, **fields: Any) -> Customer:
    """Return a customer whose default card works."""
    customer = create_customer(
        scope=SCOPE, fields={"email": "ada@example.com", **fields}, origin=TESTER, now=now
    )
    customer.default_payment_method_id = card_of(customer).id
    customer.save(update_fields=["default_payment_method_id"])
    return customer


def product(name: str = "Gold") -> Product:
    """Return a product."""
    return create_row(Product(name=name), scope=SCOPE, origin=TESTER, now=JANUARY)


def price(
    amount: int | str = 1000,
    *,
    currency: str = "EUR",
    unit: str = "month",
    count: int = 1,
    of: Product | None = None,
    **fields: Any,
) -> Price:
    """Return a licensed price."""
    row = Price(
        product=of or product(),
        currency=currency,
        unit_amount=Decimal(amount),
        interval_unit=unit,
        interval_count=count,
        **fields,
    )
    return create_row(row, scope=SCOPE, origin=TESTER, now=JANUARY)


def metered_price(amount: int | str = "0.5", event_name: str = "calls") -> Price:
    """Return a price of usage."""
    meter = create_row(
        Meter(display_name="Calls", event_name=event_name, aggregation="sum"),
        scope=SCOPE,
        origin=TESTER,
        now=JANUARY,
    )
    return price(amount, usage_type=UsageType.METERED, meter=meter)


def coupon(code: str = "HALF", **fields: Any) -> Coupon:
    """Return a coupon; half off for good unless told otherwise."""
    terms = fields or {"percent_off": Decimal(50), "duration": "forever"}
    return create_row(Coupon(code=code, **terms), scope=SCOPE, origin=TESTER, now=JANUARY)


def subscribe(
    customer: Customer, *prices: Price, now: datetime = JANUARY, quantity: int = 1, **new: Any
) -> Subscription:
    """Subscribe the customer to the prices."""
    items = tuple(ItemChange(price_id=row.id, quantity=quantity) for row in prices)
    return create_subscription(
        scope=SCOPE,
        new=NewSubscription(customer_id=customer.id, items=items, **new),
        origin=TESTER,
        now=now,
    )


def invoices_of(subscription: Subscription) -> list[Invoice]:
    """Return the subscription's invoices in the order in which they were made."""
    rows = Invoice.objects.filter(subscription_id=subscription.id)
    return list(rows.select_related("customer", "subscription").order_by("pk"))
