"""What the simulator's front needs of each PSP it can play."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from simulator.calls import Subject
from simulator.memory import Stores
from simulator.webhooks import Notice, Signed


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A request as it arrived; header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Sabotage:
    """What goes wrong inside the PSP while it works on a call."""

    latency_seconds: float = 0.0
    # Works, then answers 500 and remembers that as its answer.
    breaks_after: bool = False
    charges_wrong_amount: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A response; `notices` are the events that the call caused."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[Notice] = ()


class Psp(Protocol):
    """One PSP: its dialect of HTTP over the common books."""

    @property
    def name(self) -> str: ...

    @property
    def paths(self) -> Sequence[str]:
        """Return what the addresses of its API begin with."""

    @property
    def actions(self) -> Collection[str]:
        """Return what `advance` knows."""

    def subject_of(self, message: Message) -> Subject:
        """Return what the call is about; never raises, whatever the message holds."""

    async def answer(self, message: Message, sabotage: Sabotage) -> Answer:
        """Work on the call and answer in the PSP's form."""

    def refusal(self, status: int) -> Answer:
        """Return the PSP's answer 429 or 500 for a call it did not work on."""

    def sign(self, secret: str, body: bytes) -> Signed:
        """Return the webhook as it is to be sent, signed."""

    def advance(self, reference: str, action: str, options: Mapping[str, str]) -> bool:
        """Move payments on as `/_sim/payments/{reference}/advance` asks; False: none known."""

    def stores(self) -> Stores:
        """Return all objects, kind by kind."""

    def clear(self) -> None:
        """Forget all objects."""
