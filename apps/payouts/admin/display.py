"""What the pages of sellers, transfers and payouts have in common."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.safestring import SafeString

from apps.backoffice.kit.display import Tone, chip, link, moment, money, words
from apps.backoffice.kit.pages import Happening, Table, Timeline
from apps.ledger.models import EntryKey, JournalEntry
from apps.outbox.models import Event
from apps.payouts.states import PayoutStatus, SellerStatus, TransferStatus

MAX_EVENTS = 100
MAX_ENTRIES = 100

_TONES: Mapping[str, Tone] = {
    PayoutStatus.PAID: Tone.GOOD,
    PayoutStatus.FAILED: Tone.BAD,
    PayoutStatus.IN_TRANSIT: Tone.BUSY,
    PayoutStatus.PENDING: Tone.BUSY,
    SellerStatus.ACTIVE: Tone.GOOD,
    SellerStatus.SUSPENDED: Tone.BAD,
    TransferStatus.AVAILABLE: Tone.GOOD,
    TransferStatus.PENDING: Tone.BUSY,
}


def status_chip(status: str) -> SafeString:
    """Return the status of a seller, transfer or payout."""
    return chip(words(status), _TONES.get(status, Tone.NEUTRAL))


def seller_link(seller_id: str) -> SafeString:
    """Return the way to a seller's page."""
    return link(reverse("admin:payouts_seller_change", args=[seller_id]), seller_id)


def transfer_link(transfer_id: str) -> SafeString:
    """Return the way to a transfer's page."""
    return link(reverse("admin:payouts_transfer_change", args=[transfer_id]), transfer_id)


def payout_link(payout_id: str) -> SafeString:
    """Return the way to a payout's page."""
    return link(reverse("admin:payouts_payout_change", args=[payout_id]), payout_id)


def timeline(object_id: str, *, note: Callable[[Event], str]) -> Timeline:
    """Return what happened to an object, with a note of each event."""
    events = Event.objects.filter(object_id=object_id).order_by("-sequence")[:MAX_EVENTS]
    return Timeline(
        "Timeline",
        [
            Happening(
                at=event.created_at,
                text=words(event.type.partition(".")[2]),
                actor=event.actor,
                note=note(event),
            )
            for event in events
        ],
    )


def bookings(source: Q) -> Table:
    """Return what was booked for the keys that `source` finds, newest first."""
    keys = EntryKey.objects.filter(source).values_list("entry_id", flat=True)[:MAX_ENTRIES]
    entries = JournalEntry.objects.filter(pk__in=list(keys)).order_by("-pk")
    return Table(
        "Booked",
        ("Entry", "Amount", "Booked"),
        [
            (_entry_link(entry), _turnover(entry), moment(entry.booked_at))
            for entry in entries.prefetch_related("postings")
        ],
        empty="Nothing was booked for it alone.",
        numbers=(1,),
    )


def _entry_link(entry: JournalEntry) -> SafeString:
    url = reverse("admin:ledger_journalentry_change", args=[entry.id])
    return link(url, words(entry.kind))


def _turnover(entry: Any) -> str:
    legs = [leg for leg in entry.postings.all() if leg.amount > 0]
    return money(sum(leg.amount for leg in legs), legs[0].currency)
