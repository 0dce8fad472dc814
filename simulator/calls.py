"""The log of all calls that reached a PSP, bounded."""

from collections import deque
from dataclasses import dataclass
from typing import Any

# About 60 MB; a load test of ten minutes at 300 calls a second fits.
MAX_CALLS = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """
    What a call is about, as far as its path and parameters tell.

    `references` are the platform's ids, its intent's first; `token` names the payment method.
    """

    references: tuple[str, ...] = ()
    token: str = ""
    currency: str = ""

    @property
    def reference(self) -> str:
        return self.references[0] if self.references else ""


@dataclass(kw_only=True, slots=True)
class Call:
    """One call. `status` stays 0 while it runs, and when it was never answered."""

    at: float
    psp: str
    method: str
    path: str
    subject: Subject
    idempotency_key: str
    status: int = 0
    fault: str = ""

    def describe(self) -> dict[str, Any]:
        """Return what `/_sim/calls` shows."""
        return {
            "at": self.at,
            "psp": self.psp,
            "method": self.method,
            "path": self.path,
            "reference": self.subject.reference,
            "idempotency_key": self.idempotency_key,
            "status": self.status,
            "fault": self.fault,
        }


class CallLog:
    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)

    def add(self, call: Call) -> None:
        """Log a call when it arrives; its outcome is filled in when known."""
        self._calls.append(call)

    def find(self, *, psp: str, reference: str) -> list[Call]:
        """Return the calls to that PSP about that reference, oldest first; "" means any."""
        return [
            call
            for call in self._calls
            if (not psp or call.psp == psp)
            and (not reference or reference in call.subject.references)
        ]

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
