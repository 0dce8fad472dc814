"""Two who want the opposite of one payment at the same moment: one of them gets it, once."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from apps.common.errors import DomainError
from apps.disputes.models import Dispute
from apps.ledger.models import JournalEntry
from apps.outbox.history import find_differences
from apps.payments.errors import ConcurrentChange
from apps.payments.models import PaymentIntent, Refund
from apps.payments.services.intents import (
    Confirmation,
    cancel_intent,
    capture_intent,
    confirm_intent,
)
from apps.payments.services.refunds import request_refund, run_refund
from tests.disputes.stories import paid, tell
from tests.factories.payments import SCOPE, TESTER, created_intent, held_intent
from tests.fake_gateway import FakeGateway, use_gateways
from tests.races import race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    fake = FakeGateway()
    with use_gateways(settings, fake):
        yield fake


def step(
    service: Callable[..., object], intent: PaymentIntent, **fields: object
) -> Callable[[], object]:
    """Return the call as a client makes it: one that is told to repeat its request does so."""
    call = partial(
        service, scope=SCOPE, intent_id=intent.id, origin=TESTER, now=timezone.now(), **fields
    )

    def ask() -> object:
        try:
            return call()
        except ConcurrentChange:
            return call()

    return ask


def reload(intent: PaymentIntent) -> PaymentIntent:
    return PaymentIntent.objects.get(pk=intent.id)


def entries_of(intent: PaymentIntent) -> list[str]:
    sources = list(intent.attempts.values_list("id", flat=True))
    sources += list(intent.refunds.values_list("id", flat=True))
    kinds = JournalEntry.objects.filter(source_id__in=sources).values_list("kind", flat=True)
    return sorted(kinds)


def refusals(outcomes: list[object]) -> list[DomainError]:
    """Return who was refused; whatever else went wrong fails the test."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert all(isinstance(error, DomainError) for error in errors), errors
    return [error for error in errors if isinstance(error, DomainError)]


def test_of_capture_and_cancel_at_once_one_wins(gateway: FakeGateway) -> None:
    intent = held_intent()
    cancel = step(cancel_intent, intent, reason="requested_by_customer")

    outcomes = race(intent, step(capture_intent, intent), cancel)

    [refusal] = refusals(outcomes)
    assert refusal.status == 409
    ends = {
        "succeeded": (["authorised", "captured"], 1000, 1),
        "canceled": (["authorised", "voided"], 0, 0),
    }
    entries, received, captures = ends[str(reload(intent).status)]
    assert entries_of(intent) == entries
    assert reload(intent).amount_received == received
    assert len(gateway.captures) == captures
    assert gateway.count("capture") + gateway.count("void") == 1
    assert list(find_differences()) == []


def test_of_two_captures_at_once_one_takes_the_money(gateway: FakeGateway) -> None:
    intent = held_intent()

    outcomes = race(
        intent, step(capture_intent, intent, amount=600), step(capture_intent, intent, amount=500)
    )

    assert [refusal.status for refusal in refusals(outcomes)] == [409]
    assert gateway.count("capture") == 1
    [taken] = gateway.captures
    assert reload(intent).amount_received == taken.amount_captured
    assert entries_of(intent) == ["authorised", "captured"]


def test_of_confirm_and_cancel_at_once_one_wins(gateway: FakeGateway) -> None:
    intent = created_intent()
    confirm = step(confirm_intent, intent, confirmation=Confirmation(payment_method="pm_card_visa"))

    outcomes = race(intent, confirm, step(cancel_intent, intent, reason="abandoned"))

    assert [refusal.status for refusal in refusals(outcomes)] == [409]
    charges = {"succeeded": 1, "canceled": 0}[str(reload(intent).status)]
    assert (gateway.count("create"), len(gateway.captures)) == (charges, charges)
    assert list(find_differences()) == []


def test_of_refund_and_chargeback_at_once_the_money_goes_back_once(gateway: FakeGateway) -> None:
    intent, payment = paid(gateway)
    opened = gateway.open_dispute(payment, now=timezone.now())

    outcomes = race(intent, step(request_refund, intent), partial(tell, opened))

    dispute = Dispute.objects.get()
    assert dispute.amount_withdrawn == 1000
    refused = refusals(outcomes)
    assert [refusal.code for refusal in refused] in ([], ["charge_disputed"])
    assert Refund.objects.count() == 1 - len(refused)
    for refund in Refund.objects.all():
        run_refund(refund_id=refund.id, origin=TESTER, now=timezone.now())
    assert gateway.count("refund") == Refund.objects.count()
    assert entries_of(intent).count("refunded") == Refund.objects.count()
    assert list(find_differences()) == []
