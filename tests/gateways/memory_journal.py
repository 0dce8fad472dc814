"""A journal of Adyen's facts without a database, and a receiver that fills it."""

import threading
from collections.abc import Collection, Sequence
from typing import Any

from apps.gateways.adyen.journal import Fact
from apps.gateways.base import Gateway
from simulator.testing import RunningSimulator


class MemoryJournal:
    def __init__(self) -> None:
        self._facts: dict[tuple[str, str, bool], Fact] = {}
        self._lock = threading.Lock()

    def note(self, facts: Sequence[Fact]) -> None:
        with self._lock:
            for fact in facts:
                self._facts.setdefault((fact.reference, fact.code, fact.success), fact)

    def find(self, references: Collection[str]) -> list[Fact]:
        with self._lock:
            return [
                fact
                for fact in self._facts.values()
                if {fact.reference, fact.payment_reference, fact.merchant_reference}
                & set(references)
            ]


class PatientGateway:
    """
    A gateway that tells outcomes by webhook, asked only when all webhooks have arrived.

    What a change of it returns is what it says afterwards, as the platform would learn it.
    """

    def __init__(self, gateway: Gateway, simulator: RunningSimulator) -> None:
        self._gateway = gateway
        self._simulator = simulator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def capture_payment(self, reference: str, **fields: Any) -> Any:
        self._gateway.capture_payment(reference, **fields)
        return self.retrieve_payment(reference)

    def void_payment(self, reference: str, **fields: Any) -> Any:
        self._gateway.void_payment(reference, **fields)
        return self.retrieve_payment(reference)

    def create_refund(self, request: Any) -> Any:
        return self.retrieve_refund(self._gateway.create_refund(request).reference)

    def retrieve_payment(self, reference: str) -> Any:
        self._simulator.flush_webhooks()
        return self._gateway.retrieve_payment(reference)

    def find_payment(self, attempt_id: str) -> Any:
        self._simulator.flush_webhooks()
        return self._gateway.find_payment(attempt_id)

    def retrieve_refund(self, reference: str) -> Any:
        self._simulator.flush_webhooks()
        return self._gateway.retrieve_refund(reference)

    def find_refund(self, refund_id: str, **fields: Any) -> Any:
        self._simulator.flush_webhooks()
        return self._gateway.find_refund(refund_id, **fields)
