"""The way of a payment's money on its page: from the request to the bank, each step with a link."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from apps.backoffice.kit.pages import Table
from apps.common.origin import Origin
from apps.ledger.models import EntryKey
from apps.payments.models import PaymentAttempt
from apps.payments.services.intents import Confirmation, create_intent
from apps.reconciliation.models import BankLine, Settlement, StatementLine
from tests.factories.payments import SCOPE, confirmed_intent
from tests.fake_gateway import FakeGateway
from tests.reconciliation.statements import DAY, charge_row, paid, payout_row, run, upload
from tests.reconciliation.test_three_ways import bank_statement

pytestmark = pytest.mark.django_db

# What the page reads, whatever happened to the payment.
MAX_STATEMENTS_OF_THE_PAGE = 30


def settled_payment(gateway: FakeGateway) -> PaymentAttempt:
    gateway.fee = 320
    attempt = paid(10_000)
    upload(charge_row(attempt, automatic_payout_id="po_1"), payout_row("po_1", 9_680))
    run()
    bank_statement("2026-11-19,96.80,EUR,B1,STRIPE PAYOUT po_1")
    run(DAY + timedelta(days=1))
    return attempt


def trace_of(client: Client, payment: str) -> list[tuple[Any, ...]]:
    page = client.get(reverse("admin:payments_paymentintent_change", args=[payment]))
    (trace,) = [panel for panel in page.context["page"].main if panel.title == "Money trace"]
    assert isinstance(trace, Table)
    return [(_first_line(stage), *rest) for stage, *rest in trace.rows]


def _first_line(cell: str) -> str:
    return strip_tags(cell.partition("<small>")[0])


def test_money_is_followed_from_the_attempt_to_the_bank(
    gateway: FakeGateway, superuser_client: Client
) -> None:
    attempt = settled_payment(gateway)
    line, settlement, arrival = (
        StatementLine.objects.get(subject_id=attempt.pk),
        Settlement.objects.get(),
        BankLine.objects.get(),
    )

    rows = trace_of(superuser_client, attempt.intent_id)

    steps = [(stage, strip_tags(what), amount) for stage, what, _, amount in rows]
    assert steps[-3:] == [
        ("Reported by the gateway", line.reference, "96.80\u00a0EUR"),
        ("Paid out, with others", "po_1", "96.80\u00a0EUR"),
        ("On our bank account", arrival.reference, "96.80\u00a0EUR"),
    ]
    stages = [stage for stage, *_ in steps]
    assert stages[: stages.index("Ledger")] == ["Events", f"Attempt at {attempt.gateway}"]
    booked = set(EntryKey.objects.filter(source_id=attempt.pk).values_list("entry_id", flat=True))
    assert {what for stage, what, _ in steps if stage == "Ledger"} == booked
    assert settlement.status == "received"


def test_every_step_leads_to_a_page(gateway: FakeGateway, superuser_client: Client) -> None:
    attempt = settled_payment(gateway)

    links = [what.split('"')[3] for _, what, *_ in trace_of(superuser_client, attempt.intent_id)]

    assert len(links) >= 6
    assert {superuser_client.get(link).status_code for link in links} == {200}


def test_the_trace_begins_with_the_request(gateway: FakeGateway, superuser_client: Client) -> None:
    intent = create_intent(
        scope=SCOPE,
        fields={"amount": 700, "currency": "EUR"},
        confirmation=Confirmation(payment_method="pm_card_visa"),
        origin=Origin(actor="api:key_1", request_id="req_1", idempotency_key="order-7"),
        now=timezone.now(),
    )

    (stage, what, _, _), *others = trace_of(superuser_client, intent.pk)

    assert (stage, strip_tags(what)) == ("Request", "req_1")
    assert "loggedrequest/?q=req_1" in what
    assert "Request" not in [other[0] for other in others]


def test_who_may_not_look_on_reads_the_steps_without_links(
    gateway: FakeGateway, enter_as: Callable[[str], Client]
) -> None:
    attempt = settled_payment(gateway)

    support = trace_of(enter_as("support_agent"), attempt.intent_id)
    finance = trace_of(enter_as("finance"), attempt.intent_id)

    assert not any("<a" in what for _, what, *_ in support)
    assert [strip_tags(what) for _, what, *_ in support] == [
        strip_tags(what) for _, what, *_ in finance
    ]
    linked = {stage for stage, what, *_ in finance if "<a" in what}
    assert linked == {
        "Events", "Ledger", "Reported by the gateway", "Paid out, with others",
        "On our bank account",
    }  # fmt: skip


def test_the_page_reads_as_much_for_a_settled_payment_as_for_a_new_one(
    gateway: FakeGateway, superuser_client: Client
) -> None:
    new, settled = confirmed_intent(amount=700).pk, settled_payment(gateway).intent_id

    counts = []
    for payment in (new, settled):
        with CaptureQueriesContext(connection) as statements:
            trace_of(superuser_client, payment)
        counts.append(len(statements))

    assert max(counts) <= MAX_STATEMENTS_OF_THE_PAGE
    # The settlement and the bank line of the one that has some.
    assert counts[1] - counts[0] <= 2
