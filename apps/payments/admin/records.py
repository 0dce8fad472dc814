"""Everything that the page of one payment needs, read in a fixed number of statements."""

from dataclasses import dataclass

from django.db.models import Q

from apps.customers.models import Customer
from apps.fraud.models import Decision
from apps.ledger.models import EntryKey, Posting
from apps.ledger.recipes.payments import ATTEMPT, REFUND
from apps.outbox.models import Event
from apps.payments.models import PaymentAttempt, PaymentIntent, Refund
from apps.vault.models import PaymentMethod
from apps.webhooks.models import InboundEvent

# Far beyond what a payment has; bounds the page.
LIMIT = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentRecords:
    """A payment with all that belongs to it."""

    intent: PaymentIntent
    attempts: list[PaymentAttempt]
    refunds: list[Refund]
    events: list[Event]
    webhooks: list[InboundEvent]
    postings: list[Posting]
    customer: Customer | None
    method: PaymentMethod | None
    decision: Decision | None


def read_records(intent: PaymentIntent) -> PaymentRecords:
    """Read them, each by an index."""
    attempts = list(PaymentAttempt.objects.filter(intent_id=intent.id).order_by("number")[:LIMIT])
    refunds = list(Refund.objects.filter(intent_id=intent.id).order_by("-id")[:LIMIT])
    objects = [intent.id, *(row.charge_id for row in attempts), *(row.id for row in refunds)]
    events = Event.objects.filter(object_id__in=objects).order_by(
        "created_at", "object_id", "sequence"
    )
    references = [row.gateway_reference for row in attempts if row.gateway_reference]
    return PaymentRecords(
        intent=intent,
        attempts=attempts,
        refunds=refunds,
        events=list(events[:LIMIT]),
        webhooks=list(
            InboundEvent.objects.defer("body", "headers")
            .filter(payment_reference__in=references)
            .order_by("id")[:LIMIT]
        ),
        postings=_postings([row.id for row in attempts], [row.id for row in refunds]),
        customer=Customer.objects.filter(pk=intent.customer_id).first(),
        method=PaymentMethod.objects.filter(pk=intent.payment_method_id).first(),
        # An attempt that took over at another gateway goes by the decision of the one before.
        decision=Decision.objects.filter(intent_id=intent.id).order_by("-id").first(),
    )


def _postings(attempts: list[str], refunds: list[str]) -> list[Posting]:
    booked = EntryKey.objects.filter(
        Q(source_type=ATTEMPT, source_id__in=attempts)
        | Q(source_type=REFUND, source_id__in=refunds)
    )
    entries = list(booked.values_list("entry_id", flat=True)[:LIMIT])
    return list(
        Posting.objects.filter(entry_id__in=entries)
        .select_related("account", "entry")
        .order_by("entry__booked_at", "entry_id", "leg")[:LIMIT]
    )
