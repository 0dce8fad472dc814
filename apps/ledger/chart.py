"""
The chart of accounts: every account code of the platform, and what it means.

An account is one code in one currency for one owner; it is opened when the first posting needs it.
PostgreSQL reads the chart through the view `ledger_chart`, so a change here needs a migration that
runs `chart_view()` again; a test compares the two. docs/ledger.md prints this table.
"""

from dataclasses import dataclass

from apps.ledger.states import AccountKind, Side

# Platform accounts are touched by every payment: each connection projects into one of these rows.
HOT_SHARDS = 16


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """One line of the chart; `owner` says whose account it is, `floor` how low it may go."""

    code: str
    kind: AccountKind
    normal_side: Side
    meaning: str
    owner: str = ""
    shards: int = 1
    floor: int | None = None


GATEWAY_CLEARING = "gateway_clearing"
SETTLEMENTS_IN_TRANSIT = "settlements_in_transit"
BANK = "bank"
DISPUTE_WITHHELD = "dispute_withheld"
FX_CLEARING = "fx_clearing"
SELLER_PENDING = "seller_pending"
SELLER_PAYABLE = "seller_payable"
SELLER_RESERVE = "seller_reserve"
PAYOUTS_IN_TRANSIT = "payouts_in_transit"
CUSTOMER_CREDIT = "customer_credit"
SUSPENSE = "suspense"
SALES = "sales"
REFUNDS = "refunds"
SELLER_SHARES = "seller_shares"
PLATFORM_FEES = "platform_fees"
GATEWAY_FEES = "gateway_fees"
DISPUTE_LOSSES = "dispute_losses"
DISPUTE_FEES = "dispute_fees"
FX_GAIN_LOSS = "fx_gain_loss"
ROUNDING = "rounding"
WRITEOFF = "writeoff"

_ASSET, _LIABILITY = AccountKind.ASSET, AccountKind.LIABILITY
_INCOME, _EXPENSE = AccountKind.INCOME, AccountKind.EXPENSE
_DEBIT, _CREDIT = Side.DEBIT, Side.CREDIT

CHART: tuple[ChartAccount, ...] = (
    ChartAccount(
        GATEWAY_CLEARING, _ASSET, _DEBIT,
        "Money which a gateway holds for us: captured, not yet paid out to the bank. "
        "Its pending layer is what is authorised.",
        owner="gateway account", shards=HOT_SHARDS,
    ),
    ChartAccount(
        SETTLEMENTS_IN_TRANSIT, _ASSET, _DEBIT,
        "Paid out by a gateway, not yet seen on the bank statement.",
        owner="gateway account",
    ),
    ChartAccount(BANK, _ASSET, _DEBIT, "Money at a bank.", owner="bank account"),
    ChartAccount(
        DISPUTE_WITHHELD, _ASSET, _DEBIT,
        "Taken back by a gateway while a dispute is open; comes back when it is won.",
        owner="gateway account",
    ),
    ChartAccount(
        FX_CLEARING, _ASSET, _DEBIT,
        "The bridge between two currencies: each half of an exchange balances against it.",
        shards=HOT_SHARDS,
    ),
    ChartAccount(
        SELLER_PENDING, _LIABILITY, _CREDIT,
        "A seller's share of captured payments which has not become available yet.",
        owner="seller",
    ),
    ChartAccount(
        SELLER_PAYABLE, _LIABILITY, _CREDIT,
        "A seller's wallet: what can be paid out now. Its pending layer holds money for a payout "
        "being prepared. Never below zero, but for refunds and disputes, which are not asked.",
        owner="seller", floor=0,
    ),
    ChartAccount(
        SELLER_RESERVE, _LIABILITY, _CREDIT,
        "Held back from a seller against refunds and disputes.",
        owner="seller", floor=0,
    ),
    ChartAccount(
        PAYOUTS_IN_TRANSIT, _LIABILITY, _CREDIT,
        "Taken from a seller's wallet and sent to the bank, which has not confirmed it yet.",
        owner="seller",
    ),
    ChartAccount(
        CUSTOMER_CREDIT, _LIABILITY, _CREDIT,
        "Credit which a customer may spend on later invoices.",
        owner="customer", floor=0,
    ),
    ChartAccount(
        SUSPENSE, _LIABILITY, _CREDIT,
        "Money which nobody can explain yet: reconciliation parks it here until a person decides.",
    ),
    ChartAccount(SALES, _INCOME, _CREDIT, "What payers paid.", shards=HOT_SHARDS),
    ChartAccount(
        REFUNDS, _INCOME, _DEBIT,
        "What payers got back; reduces sales.",
        shards=HOT_SHARDS,
    ),
    ChartAccount(
        SELLER_SHARES, _INCOME, _DEBIT,
        "What of the sales belongs to sellers by transfer; reduces sales.",
        shards=HOT_SHARDS,
    ),
    ChartAccount(
        PLATFORM_FEES, _INCOME, _CREDIT,
        "What the platform keeps of a seller's payment.",
        shards=HOT_SHARDS,
    ),
    ChartAccount(
        GATEWAY_FEES, _EXPENSE, _DEBIT,
        "What gateways charge per payment.",
        owner="gateway account", shards=HOT_SHARDS,
    ),
    ChartAccount(
        DISPUTE_LOSSES, _EXPENSE, _DEBIT, "Payments lost in disputes, as they were booked."
    ),
    ChartAccount(
        DISPUTE_FEES, _EXPENSE, _DEBIT,
        "What gateways charge per dispute.",
        owner="gateway account",
    ),
    ChartAccount(
        FX_GAIN_LOSS, _INCOME, _CREDIT,
        "Differences between the rate of booking and the rate of settlement, refund or dispute. "
        "A loss is a debit.",
    ),
    ChartAccount(ROUNDING, _EXPENSE, _DEBIT, "Fractions of the smallest unit in statements."),
    ChartAccount(WRITEOFF, _EXPENSE, _DEBIT, "Differences which a person decided to give up."),
)  # fmt: skip


def chart_view() -> str:
    """Return the SQL which shows the chart to PostgreSQL."""
    lines = ",\n    ".join(
        f"('{line.code}', '{line.kind}', '{line.normal_side}', {line.shards}, "
        f"{'NULL' if line.floor is None else line.floor})"
        for line in CHART
    )
    return (
        "CREATE OR REPLACE VIEW ledger_chart (code, kind, normal_side, shards, floor) AS\n"
        "SELECT code::text, kind::text, normal_side::text, shards::smallint, floor::bigint\n"
        f"FROM (VALUES\n    {lines}\n) AS chart (code, kind, normal_side, shards, floor)"
    )
