"""All that one account at Stripe can do, in one place; and how its objects are found and shown."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from simulator.books import Refund
from simulator.stripe.account import Account
from simulator.stripe.charging import Charging
from simulator.stripe.dispute_objects import show_dispute, show_fraud_warning
from simulator.stripe.disputes import Disputes
from simulator.stripe.intents import Intents
from simulator.stripe.method_objects import show_customer, show_method
from simulator.stripe.methods import Methods
from simulator.stripe.objects import (
    show_balance,
    show_charge,
    show_intent,
    show_movement,
    show_payout,
    show_refund,
    show_setup_intent,
)
from simulator.stripe.payouts import Payouts
from simulator.stripe.records import Event, Intent, StripeCharge, StripeDispute
from simulator.stripe.refunds import Refunds
from simulator.stripe.reporting import Reporting
from simulator.stripe.setups import Setups
from simulator.world import World


class Desk:
    def __init__(self, world: World) -> None:
        self.account = Account(world)
        self.methods = Methods(self.account)
        self.disputes = Disputes(self.account)
        self.charging = Charging(self.account, self.methods, self.disputes)
        self.intents = Intents(self.account, self.methods, self.charging)
        self.setups = Setups(self.account, self.methods)
        self.refunds = Refunds(self.account)
        self.payouts = Payouts(self.account)
        self.reporting = Reporting(self.account)
        account = self.account
        self._shelves: Mapping[str, tuple[Mapping[str, Any], Callable[[Any], dict[str, Any]]]] = {
            "cus": (account.customers, show_customer),
            "pm": (account.methods, show_method),
            "pi": (account.intents, show_intent),
            "seti": (account.setups, show_setup_intent),
            "ch": (account.charges, show_charge),
            "py": (account.charges, show_charge),
            "re": (account.refunds, show_refund),
            "pyr": (account.refunds, show_refund),
            "txn": (account.movements, self.show_movement),
            "po": (account.payouts, show_payout),
            "du": (account.disputes, self.show_dispute),
            "issfr": (account.fraud_warnings, show_fraud_warning),
        }

    def look_up(self, reference: str) -> dict[str, Any] | None:
        """Return the object with that id as it is shown, None when there is none."""
        store, show = self._shelves.get(reference.partition("_")[0], ({}, dict))
        kept = store.get(reference)
        return None if kept is None else show(kept)

    def show_movement(self, movement: Any) -> dict[str, Any]:
        return show_movement(movement, now=self.account.world.clock.now())

    def show_dispute(self, dispute: StripeDispute) -> dict[str, Any]:
        return show_dispute(dispute, now=self.account.world.clock.now())

    def show_balance(self) -> dict[str, Any]:
        movements = self.account.movements.values()
        return show_balance(movements, now=self.account.world.clock.now())

    def find_searchable(self, wanted: Mapping[str, str]) -> Iterator[Intent]:
        """Return the intents that carry all this metadata and that the search has seen yet."""
        account = self.account
        horizon = account.world.clock.now() - account.world.settings.search_lag
        for intent in account.find_by_metadata(wanted):
            if intent.created <= horizon:
                yield intent

    def charges_of(self, intent_id: str) -> list[StripeCharge]:
        """Return the charges of a payment intent, oldest first."""
        return [each for each in self.account.charges.values() if each.payment == intent_id]

    def refunds_of(self, *, intent_id: str, charge_id: str) -> list[Refund]:
        """Return the refunds of a payment or charge, of all without either; oldest first."""
        if not intent_id and not charge_id:
            return list(self.account.refunds.values())
        intent = self.account.intents.get(intent_id)
        charge = self.account.charges.get(charge_id) or (intent.charge if intent else None)
        return self.account.world.books.refunds_of(charge) if charge else []


def show_event(event: Event) -> dict[str, Any]:
    """Return an event as it was sent."""
    shown: dict[str, Any] = json.loads(event.body)
    return shown
