"""Each number of work that waits equals its defining query, and what the list behind it shows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.backoffice.models import Approval
from apps.backoffice.services import request_approval
from apps.common.origin import Origin
from apps.gateways.errors import GatewayUnknown
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.services.refunds import request_refund, run_refund
from config.approvals import KINDS
from config.backoffice import CARDS
from config.roles import ROLES
from tests.backoffice.house import furnish
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

EnterAs = Callable[[str], Client]
APPROVALS = "Approvals for you"
DEFINED = {
    "Payments without an outcome": """
        SELECT count(DISTINCT intent.id)
          FROM payments_paymentintent intent JOIN payments_paymentattempt attempt
            ON attempt.intent_id = intent.id AND attempt.status = 'unknown'
         WHERE intent.status = 'processing'
    """,
    "Refunds under way": "SELECT count(*) FROM payments_refund WHERE status = 'pending'",
    "Disputes to answer": """
        SELECT count(*) FROM disputes_dispute
         WHERE status IN ('needs_response', 'warning_needs_response') AND submitted_at IS NULL
    """,
    "Books that disagree": """
        SELECT count(*) FROM reconciliation_discrepancy WHERE status = 'open'
    """,
    "Dead letters": "SELECT count(*) FROM outbox_message WHERE dead_at IS NOT NULL",
    "Dead webhooks": "SELECT count(*) FROM webhooks_inboundevent WHERE status = 'dead'",
}


def one(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


@pytest.fixture
def work(gateway: FakeGateway) -> None:
    """Let everything wait that the first page counts, also what nobody asks about any more."""
    furnish(gateway)
    now = timezone.now()
    paid = confirmed_intent(amount=900)
    lost = [GatewayUnknown("read timeout")] * 2
    for model in (PaymentAttempt, Refund):
        for is_given_up in (False, True):
            gateway.after = list(lost)
            if model is PaymentAttempt:
                row: Any = confirmed_intent(amount=700).attempts.get()
            else:
                row = request_refund(
                    scope=SCOPE, intent_id=paid.id, amount=100, origin=TESTER, now=now
                )
                run_refund(refund_id=row.id, now=now)
            gateway.after = []
            if is_given_up:
                model.objects.filter(pk=row.pk).update(due_at=None)
    request_approval(
        scope=SCOPE,
        kind="reset_second_factor",
        subject_id="lee@shop.example",
        reason="Again.",
        origin=Origin(actor="staff:admin@shop.example"),
        now=now,
    )


def approvals_for(role: str) -> int:
    kinds = [name for name, kind in KINDS.items() if kind.permission in ROLES[role]]
    waiting = Approval.objects.filter(status="pending", kind__in=kinds)
    return len([row for row in waiting if row.requested_by != f"staff:{role}@shop.example"])


def test_each_card_counts_what_its_query_and_its_list_do(work: None, enter_as: EnterAs) -> None:
    seen: dict[str, int] = {}
    for role in sorted(ROLES):
        client = enter_as(role)
        for shown in client.get(reverse("admin:index")).context["cards"]:
            label = shown["card"].label
            defined = approvals_for(role) if label == APPROVALS else one(DEFINED[label])
            assert shown["count"] == defined, (role, label)
            # All but the inbox are the same lists for everybody.
            if label == APPROVALS or label not in seen:
                listed = client.get(shown["url"]).context["cl"].result_list
                assert len(listed) == defined, (role, label)
            seen[label] = max(seen.get(label, 0), defined)

    assert set(seen) == {card.label for card in CARDS}
    assert seen["Payments without an outcome"] == 2
    assert seen["Refunds under way"] == 2
    assert min(seen.values()) > 0
