"""Sellers for the demo: money in their wallets, and a payout that waits for a second person."""

from datetime import timedelta
from typing import Final

from apps.common.demo import Demo
from apps.common.origin import Origin
from apps.payouts.services.payouts import PayoutWish, create_payout
from apps.payouts.services.sellers import create_seller
from apps.payouts.services.transfers import create_transfer

SHOP: Final = Origin(actor="api:demo")
CLERK: Final = Origin(actor="staff:finance@demo.example")
TRANSFERS: Final = 6
# Above the limit of any payout that needs no second person.
LARGE_MINOR_UNITS: Final = 1_250_000
_SELLERS: Final = ("Atelier Noir", "Berg & Tal", "Casa Verde", "Delta Records", "Eco Haus")


def seed_sellers(demo: Demo) -> None:
    """Make sellers, pay money into their wallets, and ask for one large payout."""
    dice = demo.dice("sellers")
    for number, name in enumerate(_SELLERS):
        seller = create_seller(
            scope=demo.scope,
            fields={
                "default_currency": "EUR",
                "payout_destination": f"ba_demo_{number}",
                "name": name,
            },
            schedule={"interval": "manual"},
            origin=SHOP,
            now=demo.begins_at,
        )
        for turn in range(TRANSFERS):
            create_transfer(
                scope=demo.scope,
                seller_id=seller.id,
                amount=LARGE_MINOR_UNITS if turn == number == 0 else dice.randrange(2_000, 90_000),
                currency="EUR",
                origin=SHOP,
                now=demo.begins_at + timedelta(days=turn * demo.days // TRANSFERS),
            )
        if number == 0:
            create_payout(
                scope=demo.scope,
                seller_id=seller.id,
                wish=PayoutWish(amount=LARGE_MINOR_UNITS, currency="EUR"),
                origin=CLERK,
                now=demo.now,
            )
