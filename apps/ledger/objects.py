"""How the books look in the API: our own objects, and Stripe's shapes of balances."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from apps.backoffice.models import Approval
from apps.ledger.models import Account, JournalEntry, Posting
from apps.ledger.movements import OwnBalance, read_movement
from apps.ledger.selectors import TrialLine
from apps.ledger.states import Side


def account_id(account: Account) -> str:
    """Return the id under which the API shows an account."""
    return f"lacc_{account.pk}"


def render_account(account: Account) -> dict[str, Any]:
    """Return the account with its balance, seen from its normal side, as `ledger.account`."""
    sign = 1 if account.normal_side == Side.DEBIT else -1
    shards = list(account.balances.all())
    return {
        "id": account_id(account),
        "object": "ledger.account",
        "balance": sign * sum(row.debit_posted - row.credit_posted for row in shards),
        "closed": account.closed_at is not None,
        "code": account.code,
        "created": _unix(account.created_at),
        "currency": account.currency.lower(),
        "floor": account.floor,
        "kind": account.kind,
        "livemode": account.livemode,
        "normal_side": account.normal_side,
        "owner": account.owner or None,
        "pending": sign * sum(row.debit_pending - row.credit_pending for row in shards),
    }


def render_journal(entry: JournalEntry) -> dict[str, Any]:
    """Return the entry with its postings as `ledger.journal`; a debit is positive."""
    postings = sorted(entry.postings.all(), key=lambda posting: posting.leg)
    return {
        "id": entry.id,
        "object": "ledger.journal",
        "created": _unix(entry.booked_at),
        "description": entry.description or None,
        "kind": entry.kind,
        "livemode": entry.livemode,
        "metadata": entry.metadata,
        "postings": [_render_posting(posting) for posting in postings],
        "reverses": entry.reverses,
        "source_id": entry.source_id,
        "source_type": entry.source_type,
        "value_on": entry.value_on.isoformat(),
        "value_on_requested": (
            entry.value_on_requested.isoformat() if entry.value_on_requested else None
        ),
    }


def _render_posting(posting: Posting) -> dict[str, Any]:
    return {
        "account": posting.account.code,
        "account_id": account_id(posting.account),
        "amount": posting.amount,
        "currency": posting.currency.lower(),
        "layer": posting.layer,
        "owner": posting.account.owner or None,
        "side": str(Side.DEBIT if posting.amount > 0 else Side.CREDIT),
    }


def render_request(approval: Approval) -> dict[str, Any]:
    """Return a manual journal that waits for a second person as `ledger.journal_request`."""
    return {
        "id": approval.subject_id,
        "object": "ledger.journal_request",
        "approval": approval.id,
        "created": _unix(approval.requested_at),
        "description": approval.reason or None,
        "livemode": approval.livemode,
        "postings": approval.payload["legs"],
        "status": "requires_approval",
    }


def render_trial_balance(lines: list[TrialLine], *, as_of: datetime) -> dict[str, Any]:
    """Return the trial balance as `ledger.trial_balance`; per currency both columns are equal."""
    totals: dict[str, dict[str, int]] = {}
    for line in lines:
        total = totals.setdefault(line.currency, {"debit": 0, "credit": 0})
        total["debit"] += line.debit
        total["credit"] += line.credit
    return {
        "object": "ledger.trial_balance",
        "as_of": _unix(as_of),
        "is_balanced": all(total["debit"] == total["credit"] for total in totals.values()),
        "lines": [
            {
                "account": line.code,
                "credit": line.credit,
                "currency": line.currency.lower(),
                "debit": line.debit,
                "owner": line.owner or None,
            }
            for line in lines
        ],
        "totals": [{"currency": code.lower(), **total} for code, total in totals.items()],
    }


def render_balance(balances: Iterable[OwnBalance], *, livemode: bool) -> dict[str, Any]:
    """Return the platform's own money as `balance`."""
    known = list(balances)

    def column(name: str) -> list[dict[str, Any]]:
        return [
            {
                "amount": getattr(balance, name),
                "currency": balance.currency.lower(),
                "source_types": {"card": getattr(balance, name)},
            }
            for balance in known
        ]

    return {
        "object": "balance",
        "authorized": column("authorised"),
        "available": column("available"),
        "connect_reserved": column("reserved"),
        "livemode": livemode,
        "pending": column("pending"),
    }


def render_movement(entry: JournalEntry) -> dict[str, Any]:
    """Return an entry that moved money as `balance_transaction`."""
    movement = read_movement(entry)
    prefix, _, suffix = movement.source_id.partition("_")
    rate = movement.exchange_rate
    return {
        "id": movement.id,
        "object": "balance_transaction",
        "amount": movement.gross,
        "available_on": _unix(entry.booked_at),
        "balance_type": "payments",
        "created": _unix(entry.booked_at),
        "currency": movement.currency.lower(),
        "description": entry.description or None,
        # Stripe's clients expect a number here. Nothing is computed from it.
        "exchange_rate": float(rate) if rate is not None else None,
        "fee": movement.fee,
        "fee_details": _fee_details(movement.fee, movement.currency),
        "journal": entry.id,
        "livemode": entry.livemode,
        "net": movement.net,
        "reporting_category": movement.type,
        "source": f"ch_{suffix}" if prefix == "att" else movement.source_id,
        "status": "available",
        "type": movement.type,
    }


def _fee_details(fee: int, currency: str) -> list[dict[str, Any]]:
    if not fee:
        return []
    return [
        {
            "amount": fee,
            "application": None,
            "currency": currency.lower(),
            "description": "Gateway fee",
            "type": "stripe_fee",
        }
    ]


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())
