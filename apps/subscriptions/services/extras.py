"""What is billed once along with a subscription, such as the fee of its setting up."""

from dataclasses import dataclass, field
from functools import partial

from apps.common.errors import InvalidParameter
from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.subscriptions.errors import CurrenciesDiffer
from apps.subscriptions.models import InvoiceItem
from apps.subscriptions.objects import render_invoice_item
from apps.subscriptions.selectors import Contract, Times, get_prices
from apps.subscriptions.services.unit import Unit


@dataclass(frozen=True, kw_only=True, slots=True)
class Extra:
    """A price that is charged once, and how many of it."""

    price_id: str
    quantity: int = 1
    metadata: dict[str, str] = field(default_factory=dict)


def put_extras(
    unit: Unit, scope: Scope, contract: Contract, extras: tuple[Extra, ...], times: Times
) -> None:
    """
    Let these wait for the subscription's next invoice, which may be made in the same unit.

    :raises ResourceMissing: no such price
    :raises InvalidParameter: a price recurs
    :raises CurrenciesDiffer: one is in another currency than the subscription
    """
    prices = get_prices(scope, [extra.price_id for extra in extras])
    subscription = contract.subscription
    for extra in extras:
        price = prices[extra.price_id]
        if price.is_recurring:
            raise InvalidParameter(
                f"{price.id} recurs: it is an item of the subscription.", param="add_invoice_items"
            )
        if price.currency != subscription.currency:
            raise CurrenciesDiffer(
                expected=subscription.currency, given=price.currency, param="add_invoice_items"
            )
        item = InvoiceItem(
            id=new_id("ii"),
            merchant_id=subscription.merchant_id,
            livemode=subscription.livemode,
            created_at=times.now,
            customer=subscription.customer,
            subscription=subscription,
            currency=price.currency,
            amount=price.terms.amount(extra.quantity),
            description=price.product.name,
            price_id=price.id,
            product_id=price.product_id,
            quantity=extra.quantity,
            period_start=times.now,
            period_end=times.now,
            tax_percent=subscription.tax_percent,
            metadata=extra.metadata,
        )
        unit.create(item, "invoiceitem.created", partial(render_invoice_item, item))
        contract.pending.append(item)
