"""Facts to book, and the look into the books, as the ledger's tests need them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.ledger.drafts import EntryDraft, Leg
from apps.ledger.recipes import Fact, captured
from apps.ledger.selectors import balance_of
from apps.ledger.services import post_entry
from apps.ledger.states import Layer

SCOPE = Scope("acct_ada", livemode=False)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GATEWAY = "stripe_main"
SELLER = "seller_1"


def fact(amount: int = 1000, currency: str = "EUR", **changes: Any) -> Fact:
    """Return a fact of a new object in SCOPE."""
    start = Fact(
        scope=SCOPE,
        id=new_id("att"),
        amount=amount,
        currency=currency,
        at=NOW,
        gateway=GATEWAY,
    )
    return replace(start, **changes)


def draft(*legs: tuple[str, str, int], **changes: Any) -> EntryDraft:
    """Return an entry of (account, owner, amount) legs in EUR."""
    options: dict[str, Any] = {
        "scope": SCOPE,
        "kind": "tested",
        "source_type": "test",
        "source_id": new_id("test"),
        "booked_at": NOW,
    } | changes
    return EntryDraft(
        legs=tuple(
            Leg(account=account, owner=owner, amount=amount, currency="EUR")
            for account, owner, amount in legs
        ),
        **options,
    )


def fill_wallet(amount: int) -> None:
    """Put `amount` into the seller's wallet."""
    post_entry(draft(("seller_shares", "", amount), ("seller_payable", SELLER, -amount)))


def book_sale(amount: int = 1000, **changes: Any) -> str:
    """Book a captured payment and return the entry's id."""
    return post_entry(captured(fact(amount, **changes)))


def posted(code: str, owner: str = "", currency: str = "EUR") -> int:
    """Return the posted balance of an account of SCOPE."""
    return balance_of(scope=SCOPE, code=code, currency=currency, owner=owner).posted


def pending(code: str, owner: str = "", currency: str = "EUR") -> int:
    """Return the pending balance of an account of SCOPE."""
    return balance_of(scope=SCOPE, code=code, currency=currency, owner=owner).pending


def layer_sums(entry: EntryDraft) -> dict[tuple[str, str, str, str], int]:
    """Return what an entry moves per (account, owner, currency, layer)."""
    sums: dict[tuple[str, str, str, str], int] = {}
    for leg in entry.legs:
        key = (leg.account, leg.owner, leg.currency, Layer(leg.layer).value)
        sums[key] = sums.get(key, 0) + leg.amount
    return sums


def execute(sql: str, params: list[Any] | None = None) -> list[Any]:
    """Run SQL as the application's role does, and return what it answers."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []
