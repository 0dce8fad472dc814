"""
One decision about one intent, written in one SQL call.

The decision is made in memory on rows that were read without a lock; the write takes effect only
if the intent still has the version that was read. When it has not, nothing is written and the
caller reads and decides again.
Source: docs/adr/0004-one-write-per-step.md
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from django.db import connection, models

from apps.common.json_text import from_text, to_text
from apps.common.origin import Origin
from apps.fraud.objects import render_review
from apps.fraud.services.assessments import Assessment
from apps.fraud.services.checks import AuthorisationVerdict
from apps.ledger.drafts import EntryDraft
from apps.outbox.services import EventDraft
from apps.payments.models import PaymentAttempt, PaymentIntent, PaymentOrder, Refund
from apps.payments.objects import render_intent, render_order
from apps.payments.policies import order_status
from apps.payments.states import OrderStatus
from apps.payouts.models import Transfer
from apps.payouts.objects import render_transfer

# How often a step is decided anew when others keep changing the intent. Each of them made
# progress, so a handful is enough; more would mean a loop.
MAX_TRIES = 8


# What tells that an order is over; that it is under way, the intent's own event tells.
_ORDER_EVENTS = {
    OrderStatus.SUCCESS: "payment_order.succeeded",
    OrderStatus.FAILED: "payment_order.failed",
}


class Reply(Protocol):
    """The caller's idempotency key: it is claimed and answered in the statements of the steps."""

    def begin(self, object_id: str) -> dict[str, Any]:
        """Return the claim with its recovery point: what a retry finds if we die from here on."""

    def finish(self, intent: PaymentIntent) -> dict[str, Any] | None:
        """Return the claim with the answer for the intent as stored; None stores no answer."""

    def settle(self, standing: dict[str, Any] | None) -> None:
        """Take what the claim met; raises when the key stands in the way, as nothing was done."""


class Step:
    """Collects what one decision changes, then writes all of it or nothing."""

    def __init__(
        self, intent: PaymentIntent, *, origin: Origin, now: datetime, is_new: bool = False
    ) -> None:
        self.intent = intent
        self.origin = origin
        self.now = now
        self._expected_version = None if is_new else intent.version
        self._events: list[EventDraft] = []
        self._attempts: dict[str, PaymentAttempt] = {}
        self._refunds: list[Refund] = []
        self._entries: list[EntryDraft] = []
        self._methods: list[dict[str, Any]] = []
        self._shares: list[Transfer] = []
        self._assessment: Assessment | None = None
        self._verdict: AuthorisationVerdict | None = None
        self._order_status = self._status_of_order()

    @property
    def is_empty(self) -> bool:
        return not (self._events or self._attempts or self._entries)

    def event(self, type_: str, **data: Any) -> None:
        """Let the fact happen: move the intent and keep the event."""
        # Only a change by hand tells what was before; each other fact says by itself what it did.
        before = render_intent(self.intent) if type_ == "payment_intent.updated" else None
        self.intent.apply(type_, data)
        draft = self._draft(type_, data, self.intent.id, self.intent.version)
        if before is not None:
            changed = {name: old for name, old in before.items() if draft.object[name] != old}
            draft = replace(draft, previous_attributes=changed)
        self._events.append(draft)

    def object_event(
        self,
        type_: str,
        object_id: str,
        sequence: int,
        shown: dict[str, Any],
        data: dict[str, Any] | None = None,
    ) -> None:
        """Keep an event of another object that changes with the intent, such as a refund."""
        self._events.append(self._draft(type_, data or {}, object_id, sequence, shown))

    def put(self, attempt: PaymentAttempt) -> None:
        """Write this attempt's row."""
        self._attempts[attempt.id] = attempt

    def put_refund(self, refund: Refund) -> None:
        """Insert this new refund's row."""
        self._refunds.append(refund)

    def put_share(self, share: Transfer) -> None:
        """Insert a seller's share of the payment."""
        self._shares.append(share)
        shown = render_transfer(share)
        self.object_event("transfer.created", share.id, share.version, shown, share.born())

    def put_assessment(self, assessment: Assessment) -> None:
        """Keep what risk said about the attempt that this step starts."""
        self._assessment = assessment
        review = assessment.review
        if review is not None:
            self.object_event("review.opened", review.id, review.version, render_review(review))

    def put_verdict(self, verdict: AuthorisationVerdict) -> None:
        """Keep what risk said about the bank's checks."""
        self._verdict = verdict
        review = verdict.review
        if review is not None:
            self.object_event("review.opened", review.id, review.version, render_review(review))

    def put_method(self, method: dict[str, Any]) -> None:
        """Hand the vault a method to store or to describe (`vault_write_method`)."""
        self._methods.append(method)

    def book(self, entry: EntryDraft) -> None:
        """Post this entry to the ledger."""
        self._entries.append(entry)

    def write(self, *, reply: Reply | None = None, recovery_point: str = "") -> bool:
        """
        Write everything in one statement; False when the intent had changed meanwhile.

        With a `recovery_point` (an object's id) the caller's key is claimed, without one it is
        answered.

        :raises IntegrityError: a law of the database forbids the step
        """
        claim = None
        if reply is not None:
            claim = reply.begin(recovery_point) if recovery_point else reply.finish(self.intent)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT payments_write_step(%s::jsonb)", [to_text(self.content(claim=claim))]
            )
            outcome = from_text(cursor.fetchone()[0])
        if reply is not None and claim is not None and outcome.get("written") is not False:
            reply.settle(outcome.get("standing"))
        return bool(outcome["written"])

    def content(self, *, claim: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what `payments_write_step` writes."""
        order = self._follow_order()
        return {
            "expected_version": self._expected_version,
            "claim": claim,
            "intent": to_row(self.intent),
            "attempts": [to_row(attempt) for attempt in self._attempts.values()],
            "refunds": [to_row(refund) for refund in self._refunds],
            "methods": self._methods,
            "shares": [to_row(share) for share in self._shares],
            "order": order,
            "assessment": self._assessment_rows(),
            "events": [draft.row() for draft in self._events],
            "entries": [entry.row() for entry in self._entries],
        }

    def _assessment_rows(self) -> dict[str, Any] | None:
        rows: dict[str, models.Model | None] = {}
        if self._assessment is not None:
            rows |= {"decision": self._assessment.decision, "review": self._assessment.review}
        if self._verdict is not None:
            rows |= {"check": self._verdict.check, "review": self._verdict.review}
        return {name: to_row(row) for name, row in rows.items() if row is not None} or None

    def _status_of_order(self) -> OrderStatus | None:
        """Return the status of the payment order that runs as this intent, if one does."""
        if not self.intent.order_id:
            return None
        return order_status(self.intent.status, is_retryable=self.intent.is_retryable)

    def _follow_order(self) -> dict[str, Any] | None:
        """Move the payment order along with its intent; None when there is nothing to write."""
        status = self._status_of_order()
        if status is None or status == self._order_status:
            return None
        order = PaymentOrder.objects.select_related("checkout").get(pk=self.intent.order_id)
        if status == OrderStatus.SUCCESS:
            is_booked = any(entry.kind == "captured" for entry in self._entries)
            order.succeed(ledger_updated=is_booked, wallet_updated=bool(self._shares))
        elif status == OrderStatus.FAILED:
            order.fail()
        else:
            order.execute()
        if status in _ORDER_EVENTS:
            order.version += 1
            shown = render_order(order, order.checkout)
            self.object_event(_ORDER_EVENTS[status], order.id, order.version, shown)
        return to_row(order)

    def _draft(
        self,
        type_: str,
        data: dict[str, Any],
        object_id: str,
        sequence: int,
        shown: dict[str, Any] | None = None,
    ) -> EventDraft:
        return EventDraft(
            merchant_id=self.intent.merchant_id,
            livemode=self.intent.livemode,
            type=type_,
            object_id=object_id,
            sequence=sequence,
            object=render_intent(self.intent) if shown is None else shown,
            data=data,
            actor=self.origin.actor,
            request_id=self.origin.request_id,
            idempotency_key=self.origin.idempotency_key,
            created_at=self.now,
        )


def to_row(instance: models.Model) -> dict[str, Any]:
    """Return the row's columns, ready for JSON."""
    row = {}
    for field in instance._meta.concrete_fields:
        value = getattr(instance, field.attname)
        row[str(field.column)] = value.isoformat() if isinstance(value, datetime) else value
    return row
