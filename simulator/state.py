"""All that the simulator remembers, put together; and how it forgets."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from simulator.adyen.psp import DEFAULT_KEY as ADYEN_KEY
from simulator.adyen.psp import Adyen
from simulator.agenda import Agenda
from simulator.books import Books
from simulator.calls import CallLog
from simulator.clock import Clock
from simulator.faults import Faults
from simulator.front import Front
from simulator.ids import Ids
from simulator.memory import Stores, keep, recall
from simulator.network_tokens import NetworkTokens, TokenService
from simulator.psp import Psp
from simulator.settings import Settings
from simulator.settlements import Settlements
from simulator.stripe.psp import DEFAULT_KEY as STRIPE_KEY
from simulator.stripe.psp import Stripe
from simulator.three_ds import Challenges
from simulator.webhooks import Endpoint, Signer, Webhooks
from simulator.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """
    How the simulator is started.

    `seed` makes ids and rates repeatable; the file `memory` keeps the books until the next start.
    """

    port: int
    psp_port: int | None = None
    seed: int | None = None
    stripe_keys: Sequence[str] = (STRIPE_KEY,)
    adyen_keys: Sequence[str] = (ADYEN_KEY,)
    endpoints: Sequence[Endpoint] = ()
    memory: Path | None = None
    settings: Settings

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class State:
    def __init__(self, options: Options) -> None:
        self._options = options
        # Repeatable by seed; nothing here is a secret. A reset does not begin anew, since the ids
        # of before may still be known somewhere.
        chance = random.Random(options.seed)  # noqa: S311
        clock, ids = Clock(), Ids(chance)
        settings = replace(options.settings)
        signers: dict[str, Signer] = {}
        self.faults = Faults(chance)
        self.calls = CallLog()
        webhooks = Webhooks(faults=self.faults, settings=settings, signers=signers)
        books = Books(clock, ids, settings)
        self.settlements = Settlements(books, ids, clock)
        self.world = World(
            clock=clock,
            ids=ids,
            settings=settings,
            agenda=Agenda(clock),
            books=books,
            challenges=Challenges(ids, options.base_url),
            network_tokens=NetworkTokens(ids),
            settlements=self.settlements,
            webhooks=webhooks,
        )
        psps: list[Psp] = [
            Stripe(self.world, options.stripe_keys),
            Adyen(self.world, options.adyen_keys),
            TokenService(self.world.network_tokens, clock=clock, ids=ids, webhooks=webhooks),
        ]
        self.psps = {psp.name: psp for psp in psps}
        signers.update({psp.name: psp.sign for psp in self.psps.values()})
        self.front = Front(clock=clock, faults=self.faults, calls=self.calls, webhooks=webhooks)
        webhooks.endpoints = list(options.endpoints)
        if options.memory:
            recall(self._stores(), options.memory)

    def keep(self) -> None:
        """Write down what is remembered at the next start, when that is wanted."""
        if self._options.memory:
            keep(self._stores(), self._options.memory)

    def _stores(self) -> Stores:
        of_psps = [store for psp in self.psps.values() for store in psp.stores()]
        return [*self.world.books.stores(), *self.settlements.stores(), *of_psps]

    def add_endpoint(self, endpoint: Endpoint) -> None:
        """Add a receiver of webhooks, in the place of one with the same address."""
        webhooks = self.world.webhooks
        others = [
            each
            for each in webhooks.endpoints
            if (each.psp, each.url) != (endpoint.psp, endpoint.url)
        ]
        webhooks.endpoints = [*others, endpoint]

    def describe_settings(self) -> dict[str, float]:
        """Return the settings by name."""
        settings = self.world.settings
        return {field.name: getattr(settings, field.name) for field in fields(Settings)}

    def reset(self) -> None:
        """Return to the state of the start: empty books, no faults, the receivers of the start."""
        world = self.world
        self.front.abandon()
        for psp in self.psps.values():
            psp.clear()
        for store in (world.books, world.agenda, world.challenges, world.webhooks):
            store.clear()
        self.settlements.clear()
        self.faults.clear()
        self.calls.clear()
        world.clock.reset()
        world.webhooks.endpoints = list(self._options.endpoints)
        for field in fields(Settings):
            setattr(world.settings, field.name, getattr(self._options.settings, field.name))
