"""One account at Stripe: its objects, and the events about them."""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simulator.books import Charge, Movement, Refund
from simulator.stripe import API_VERSION
from simulator.stripe.errors import ResourceMissing
from simulator.stripe.idempotency import IdempotencyKeys
from simulator.stripe.records import (
    Customer,
    Event,
    FraudWarning,
    Intent,
    PaymentMethod,
    Payout,
    SetupIntent,
    StripeCharge,
    StripeDispute,
    UploadedFile,
)
from simulator.webhooks import Notice
from simulator.world import World

PSP = "stripe"

# Events are there to be looked at after a webhook, not for ever.
_MAX_EVENTS = 10_000

_Kept = TypeVar("_Kept")


@dataclass(slots=True)
class Cause:
    """What made events happen: a request, or nothing when they happen by themselves."""

    request_id: str | None = None
    idempotency_key: str | None = None
    notices: list[Notice] = field(default_factory=list)


class Account:
    """
    The objects of one account by their ids.

    Charges, refunds and movements stand in the common books; an account sees only its own.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.keys = IdempotencyKeys(world.clock, world.settings)
        self.customers: dict[str, Customer] = {}
        self.methods: dict[str, PaymentMethod] = {}
        self.intents: dict[str, Intent] = {}
        self.setups: dict[str, SetupIntent] = {}
        self.charges: dict[str, StripeCharge] = {}
        self.refunds: dict[str, Refund] = {}
        self.movements: dict[str, Movement] = {}
        self.payouts: dict[str, Payout] = {}
        self.disputes: dict[str, StripeDispute] = {}
        self.files: dict[str, UploadedFile] = {}
        self.fraud_warnings: dict[str, FraudWarning] = {}
        self.events: deque[Event] = deque(maxlen=_MAX_EVENTS)
        self._by_metadata: defaultdict[tuple[str, str], dict[str, Intent]] = defaultdict(dict)

    @property
    def now(self) -> int:
        """Return unix seconds."""
        return int(self.world.clock.now())

    def new_id(self, prefix: str) -> str:
        """Return a new id."""
        return self.world.ids.new(prefix)

    def publish(
        self,
        cause: Cause,
        event_type: str,
        shown: Mapping[str, Any],
        *,
        charge: Charge | None = None,
        references: tuple[str, ...] = (),
    ) -> None:
        """Write an event down with its object as it is now; it leaves when the call is over."""
        event_id = self.new_id("evt")
        body = {
            "id": event_id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": {"object": shown},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key},
            "type": event_type,
        }
        event = Event(
            id=event_id, type=event_type, created=self.now, body=json.dumps(body).encode()
        )
        self.events.append(event)
        known = (charge.reference, charge.attempt) if charge else references
        notice = Notice(id=event_id, psp=PSP, type=event_type, body=event.body, references=known)
        cause.notices.append(notice)

    def index(self, intent: Intent) -> None:
        """Let the search find an intent by its metadata; what it loses is left out later."""
        for pair in intent.metadata.items():
            self._by_metadata[pair][intent.id] = intent

    def find_by_metadata(self, wanted: Mapping[str, str]) -> list[Intent]:
        """Return the intents that carry all of it, oldest first."""
        pair = next(iter(wanted.items()))
        candidates = self._by_metadata.get(pair, {}).values()
        return [each for each in candidates if wanted.items() <= each.metadata.items()]

    def happen(self, action: Callable[[Cause], None]) -> None:
        """Let something happen by itself, outside any request, and send its events."""
        cause = Cause()
        action(cause)
        self.world.webhooks.send(cause.notices)

    def clear(self) -> None:
        """Forget everything."""
        for store in self.stores():
            store.clear()
        self.events.clear()

    def stores(self) -> tuple[dict[Any, Any], ...]:
        """Return all objects, kind by kind."""
        return (
            self.customers,
            self.methods,
            self.intents,
            self.setups,
            self.charges,
            self.refunds,
            self.movements,
            self.payouts,
            self.disputes,
            self.files,
            self.fraud_warnings,
            self.keys.store(),
            self._by_metadata,
        )


def find(store: Mapping[str, _Kept], reference: str, kind: str, *, param: str = "id") -> _Kept:
    """
    Return an object by its id.

    :raises ResourceMissing: there is none
    """
    kept = store.get(reference)
    if kept is None:
        raise ResourceMissing(kind, reference, param=param)
    return kept
