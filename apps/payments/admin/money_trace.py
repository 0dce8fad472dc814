"""The way of a payment's money, from the request to the bank account, each step with a link."""

from collections.abc import Iterator

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from apps.backoffice.kit.display import link, moment, money, words
from apps.backoffice.kit.pages import Step, Table
from apps.ledger.models import Posting
from apps.payments.admin.records import PaymentRecords


def money_trace(records: PaymentRecords) -> Table:
    """Return the steps in their order."""
    entries = list(dict.fromkeys(posting.entry_id for posting in records.postings))
    further = import_string(settings.BACKOFFICE_MONEY_TRACE)(entries)
    steps = [
        *_requests(records),
        *_events(records),
        *_attempts(records),
        *_entries(records),
        *further,
    ]
    return Table(
        "Money trace",
        ("Step", "What", "When", "Amount"),
        [step.cells for step in steps],
        empty="Nothing has happened yet.",
        numbers=(3,),
    )


def _requests(records: PaymentRecords) -> Iterator[Step]:
    page = reverse("admin:api_loggedrequest_changelist")
    told = {""}
    for event in records.events:
        # What staff do has a request id too, but stands in the audit trail.
        if event.request_id in told or not event.actor.startswith("api:"):
            continue
        told.add(event.request_id)
        yield Step(
            stage=gettext("Request"),
            what=link(f"{page}?q={event.request_id}", event.request_id),
            note=event.type,
            when=moment(event.created_at),
        )


def _events(records: PaymentRecords) -> Iterator[Step]:
    if records.events:
        page = reverse("admin:outbox_event_changelist")
        yield Step(
            stage=gettext("Events"),
            what=link(
                f"{page}?q={records.intent.pk}",
                gettext("%(number)s events") % {"number": len(records.events)},
            ),
            note=records.events[-1].type,
            when=moment(records.events[-1].created_at),
        )


def _attempts(records: PaymentRecords) -> Iterator[Step]:
    page = reverse("admin:webhooks_inboundevent_changelist")
    for attempt in records.attempts:
        reference = attempt.gateway_reference
        yield Step(
            stage=gettext("Attempt at %(gateway)s") % {"gateway": attempt.gateway},
            what=link(f"{page}?q={reference}", reference) if reference else attempt.pk,
            note=words(attempt.status),
            when=moment(attempt.finished_at or attempt.created_at),
            amount=money(attempt.amount, attempt.currency),
        )


def _entries(records: PaymentRecords) -> Iterator[Step]:
    debits: dict[str, int] = {}
    first: dict[str, Posting] = {}
    for posting in records.postings:
        first.setdefault(posting.entry_id, posting)
        debits[posting.entry_id] = debits.get(posting.entry_id, 0) + max(posting.amount, 0)
    for entry_id, posting in first.items():
        yield Step(
            stage=gettext("Ledger"),
            what=link(reverse("admin:ledger_journalentry_change", args=[entry_id]), entry_id),
            note=words(posting.entry.kind),
            when=moment(posting.entry.booked_at),
            amount=money(debits[entry_id], posting.currency),
        )
