"""How sellers, transfers and payouts look in the API and in events: Stripe's shapes."""

from datetime import UTC, datetime, time
from typing import Any

from apps.payouts.models import Payout, PayoutSchedule, Seller, Transfer, TransferReversal
from apps.payouts.states import PayoutInterval, SellerStatus

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def render_seller(seller: Seller, schedule: PayoutSchedule) -> dict[str, Any]:
    """Return the seller as `account`."""
    is_active = seller.status == SellerStatus.ACTIVE
    return {
        "id": seller.id,
        "object": "account",
        "business_profile": {"name": seller.name or None},
        "charges_enabled": True,
        "country": seller.country or None,
        "created": int(seller.created_at.timestamp()),
        "default_currency": seller.default_currency.lower(),
        "email": seller.email or None,
        "external_account": seller.payout_destination or None,
        "livemode": seller.livemode,
        "metadata": seller.metadata,
        "payouts_enabled": is_active and bool(seller.payout_destination),
        "settings": {
            "fees": {"basis_points": seller.fee_basis_points},
            "payouts": {
                "debit_negative_balances": seller.may_go_negative,
                "minimum_amount": schedule.minimum_amount,
                "reserve": {
                    "basis_points": seller.reserve_basis_points,
                    "days": seller.reserve_days,
                },
                "schedule": {
                    "delay_days": seller.delay_days,
                    "interval": str(schedule.interval),
                    "weekly_anchor": (
                        WEEKDAYS[schedule.weekday]
                        if schedule.interval == PayoutInterval.WEEKLY
                        else None
                    ),
                },
            },
        },
        "status": str(seller.status),
    }


def render_transfer(
    transfer: Transfer, reversals: list[TransferReversal] | None = None
) -> dict[str, Any]:
    """
    Return the transfer as `transfer`.

    A share has no movement of its own in the books: its balance transaction is the charge's.
    """
    source = transfer.source_transaction if transfer.from_capture else transfer.id
    return {
        "id": transfer.id,
        "object": "transfer",
        "amount": transfer.amount,
        "amount_reversed": transfer.amount_reversed,
        "balance_transaction": f"txn_{source.partition('_')[2]}",
        "created": int(transfer.created_at.timestamp()),
        "currency": transfer.currency.lower(),
        "description": transfer.description or None,
        "destination": transfer.seller_id,
        "destination_payment": None,
        "livemode": transfer.livemode,
        "metadata": transfer.metadata,
        "reversals": {
            "object": "list",
            "url": f"/v1/transfers/{transfer.id}/reversals",
            "has_more": False,
            "data": [render_reversal(reversal, transfer) for reversal in reversals or []],
        },
        "reversed": transfer.amount_reversed >= transfer.amount,
        "source_transaction": transfer.source_transaction or None,
        "source_type": "card",
        "status": str(transfer.status),
        "transfer_group": transfer.transfer_group or None,
    }


def render_reversal(reversal: TransferReversal, transfer: Transfer) -> dict[str, Any]:
    """Return the reversal as `transfer_reversal`; with a refund its movement is the refund's."""
    own = reversal.source or reversal.id
    return {
        "id": reversal.id,
        "object": "transfer_reversal",
        "amount": reversal.amount,
        "balance_transaction": f"txn_{own.partition('_')[2]}",
        "created": int(reversal.created_at.timestamp()),
        "currency": transfer.currency.lower(),
        "destination_payment_refund": None,
        "metadata": reversal.metadata,
        "source_refund": reversal.source if reversal.source.startswith("re_") else None,
        "transfer": transfer.id,
        "undone": reversal.undone_at is not None,
    }


def render_payout(payout: Payout) -> dict[str, Any]:
    """Return the payout as `payout`."""
    arrival = payout.arrives_on
    return {
        "id": payout.id,
        "object": "payout",
        "amount": payout.amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": (
            int(payout.created_at.timestamp())
            if arrival is None
            else int(datetime.combine(arrival, time(), UTC).timestamp())
        ),
        "automatic": payout.automatic,
        "balance_transaction": (
            f"txn{payout.id.removeprefix('po')}" if payout.gateway_reference else None
        ),
        "created": int(payout.created_at.timestamp()),
        "currency": payout.currency.lower(),
        "description": payout.description or None,
        "destination": payout.seller_id,
        "failure_balance_transaction": None,
        "failure_code": payout.failure_code or None,
        "failure_message": None,
        "gateway": payout.gateway,
        "gateway_reference": payout.gateway_reference or None,
        "livemode": payout.livemode,
        "metadata": payout.metadata,
        "method": "standard",
        "original_payout": None,
        "reconciliation_status": "not_applicable",
        "requires_approval": payout.waits_for_approval,
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": payout.statement_descriptor or None,
        "status": str(payout.status),
        "trace_id": None,
        "type": "bank_account",
    }
