"""Sixty seeded days with figures, and facts that came after them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils.module_loading import import_string

from apps.common.demo import Demo
from apps.ledger import recipes
from apps.ledger.recipes import Fact
from apps.ledger.services import post_entry
from apps.outbox.services import EventDraft, publish
from apps.payments.models import PaymentAttempt
from apps.reporting.models import COUNTED_EVENTS
from apps.reporting.services import roll_up, roll_up_hours
from tests.factories.payments import SCOPE, TESTER

NOW: Final = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
DAYS: Final = 60
SINCE: Final = NOW.replace(hour=0, minute=0) - timedelta(days=DAYS + 1)
UNTIL: Final = NOW.replace(minute=0) + timedelta(hours=1)
MIDNIGHT: Final = NOW.replace(hour=0, minute=0)
GATEWAY: Final = "stripe_main"
# What figures are counted of. Other parts have events with ids of today's clock, which is not that
# of this history, or want to be alone.
_PARTS: Final = (
    "apps.payments.demo.seed_payments",
    "apps.disputes.demo.seed_disputes",
    "apps.payouts.demo.seed_sellers",
    "apps.payments.demo_requests.seed_refund_requests",
)


def make_history(now: datetime = NOW) -> None:
    """Seed 60 days, count them, let facts come late, and count once more."""
    demo = Demo(scope=SCOPE, days=DAYS, payments=400, seed=7, now=now)
    for path in _PARTS:
        import_string(path)(demo)
    undecided = _forget_an_outcome(now - timedelta(days=9))
    roll_up_hours(since=now - timedelta(days=DAYS + 1), until=now)
    _come_late(undecided, now)
    roll_up(now=now + timedelta(minutes=1))


def _forget_an_outcome(before: datetime) -> PaymentAttempt:
    attempt = PaymentAttempt.objects.filter(status="captured", created_at__lt=before).latest("id")
    PaymentAttempt.objects.filter(pk=attempt.pk).update(status="unknown", kept=False)
    return attempt


def _come_late(undecided: PaymentAttempt, now: datetime) -> None:
    """Book, decide and publish what the figures have not seen yet."""
    PaymentAttempt.objects.filter(pk=undecided.pk).update(
        status="failed", error_class="terminal", decline_code="stolen_card"
    )
    two_days_ago = now - timedelta(days=2)
    recent = PaymentAttempt.objects.filter(status="captured", created_at__gte=two_days_ago)
    PaymentAttempt.objects.filter(pk=recent.earliest("id").pk).update(
        status="failed", error_class="not_sent", kept=False
    )

    def fact(number: int, amount: int, at: datetime = two_days_ago) -> Fact:
        return Fact(
            scope=SCOPE, id=f"late_{number}", amount=amount, currency="EUR", at=at, gateway=GATEWAY
        )

    for draft in (
        recipes.dispute_withdrawn(fact(1, 4_900), fee=1_500),
        recipes.dispute_withdrawn(fact(2, 700, now), fee=1_500),
        recipes.dispute_reinstated(fact(1, 4_900, now), fee_returned=1_500),
        recipes.refunded(fact(3, 800)),
        recipes.refund_reversed(fact(3, 800, now)),
        recipes.fee_charged(fact(4, 30)),
        recipes.captured_in_conflict(fact(5, 90)),
        recipes.settled(fact(6, 5_000)),
        recipes.corrected(
            fact(7, 25),
            debit=("gateway_clearing", GATEWAY),
            credit=("suspense", ""),
            source_type="reconciliation_exception",
        ),
    ):
        post_entry(draft)
    publish(
        *(
            EventDraft(
                merchant_id=SCOPE.merchant_id,
                livemode=False,
                type=name,
                object_id=f"late_{name}",
                sequence=1,
                object={},
                actor=TESTER.actor,
                created_at=now,
            )
            for name in COUNTED_EVENTS
        )
    )
