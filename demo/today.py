"""
A day at the demo's shop: payments that the simulated gateways know, to be worked with.

The history that `manage.py seed_demo` writes was never at a gateway; nothing of it can be refunded
or defended. `make demo` adds these, made with Stripe's own SDK as a shop would make them.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import stripe

from demo.first_payment import connect
from demo.running import read_description
from demo.screen import columns


@dataclass(frozen=True, slots=True)
class Sale:
    """One thing sold: to whom, for how much in minor units, with which test card."""

    buyer: str
    goods: str
    amount: int
    currency: str = "eur"
    card: str = "pm_card_visa"
    is_held: bool = False
    # What is given back at once.
    refunded: int = 0


SALES = (
    Sale("Ada Ahrens", "Plan Pro, a month", 2_900),
    Sale("Ben Brown", "Annual licence", 49_000, "usd", "pm_card_mastercard"),
    Sale("Chloe Costa", "Workshop, two seats", 31_800, "gbp"),
    Sale("Dev Diallo", "Plan Team, a month", 9_900, refunded=4_950),
    Sale("Elif Evans", "Handbook", 3_200, "jpy"),
    Sale("Finn Fischer", "Deposit for a workshop", 15_900, is_held=True),
    Sale("Grace Garcia", "Plan Pro, a month", 2_900, card="pm_card_visa_chargeDeclinedStolenCard"),
    Sale("Hugo Haddad", "Annual licence", 49_000, card="pm_card_chargeDeclinedInsufficientFunds"),
    Sale("Ines Ahrens", "Plan Team, a month", 9_900, card="pm_card_threeDSecure2Required"),
    Sale("Jonas Brown", "Annual licence", 49_000, card="pm_card_createDispute"),
    Sale("Ada Costa", "Handbook", 4_500, card="pm_card_createDisputeProductNotReceived"),
    Sale("Ben Diallo", "Plan Pro, a month", 2_900, card="pm_card_createDisputeInquiry"),
    Sale("Chloe Evans", "Gift card", 20_000, card="pm_card_createIssuerFraudWarning"),
)


def sell(*, base_url: str, secret_key: str) -> Iterator[tuple[Sale, Any]]:
    """
    Sell everything once, and yield each sale with its payment intent.

    :raises stripe.StripeError: the platform refused, or did not answer; a declined card is no error
    """
    client = connect(base_url=base_url, secret_key=secret_key)
    for sale in SALES:
        yield sale, _pay(client, sale)


def _pay(client: stripe.StripeClient, sale: Sale) -> Any:
    customer = client.v1.customers.create(
        {
            "name": sale.buyer,
            "email": f"{sale.buyer.lower().replace(' ', '.')}@payer.example",
            "address": {
                "line1": "Hauptstr. 5",
                "postal_code": "10115",
                "city": "Berlin",
                "country": "DE",
            },
        }
    )
    intent = client.v1.payment_intents.create(
        {
            "amount": sale.amount,
            "currency": sale.currency,
            "customer": customer.id,
            "description": sale.goods,
            "capture_method": "manual" if sale.is_held else "automatic",
        }
    )
    try:
        intent = client.v1.payment_intents.confirm(intent.id, {"payment_method": sale.card})
    except stripe.CardError:
        return client.v1.payment_intents.retrieve(intent.id)
    if sale.refunded:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": sale.refunded})
    return intent


def main() -> int:
    """Sell, and print what came of it."""
    place = read_description()
    sold = sell(base_url=place["base_url"], secret_key=place["secret_key"])
    rows = [
        (intent.id, sale.buyer, f"{sale.amount} {sale.currency}", intent.status)
        for sale, intent in sold
    ]
    print("\n".join(columns(rows)))
    print("Banks complain about some of them within seconds: see the disputes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
