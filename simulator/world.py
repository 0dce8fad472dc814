"""What all PSPs share: one time, one set of books, one post office."""

from dataclasses import dataclass

from simulator.agenda import Agenda
from simulator.books import Books
from simulator.clock import Clock
from simulator.ids import Ids
from simulator.network_tokens import NetworkTokens
from simulator.settings import Settings
from simulator.settlements import Settlements
from simulator.three_ds import Challenges
from simulator.webhooks import Webhooks


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    clock: Clock
    ids: Ids
    settings: Settings
    agenda: Agenda
    books: Books
    challenges: Challenges
    network_tokens: NetworkTokens
    settlements: Settlements
    webhooks: Webhooks
