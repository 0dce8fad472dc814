"""What the books and the own balance look like in answers."""

from apps.api.shapes import (
    AMOUNT,
    BOOLEAN,
    INTEGER,
    INTEGER_OR_NULL,
    METADATA,
    NUMBER_OR_NULL,
    OBJECTS,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    TIME_OR_NULL,
    Shape,
)

LEDGER_ACCOUNT = Shape(
    "LedgerAccount",
    "ledger.account",
    {
        "id": TEXT,
        "balance": INTEGER,
        "closed": BOOLEAN,
        "code": TEXT,
        "created": TIME,
        "currency": TEXT,
        "floor": INTEGER_OR_NULL,
        "kind": TEXT,
        "livemode": BOOLEAN,
        "normal_side": TEXT,
        "owner": TEXT_OR_NULL,
        "pending": INTEGER,
    },
)
JOURNAL = Shape(
    "Journal",
    "ledger.journal",
    {
        "id": TEXT,
        "created": TIME,
        "description": TEXT_OR_NULL,
        "kind": TEXT,
        "livemode": BOOLEAN,
        "metadata": METADATA,
        "postings": OBJECTS,
        "reverses": TEXT_OR_NULL,
        "source_id": TEXT,
        "source_type": TEXT,
        "value_on": TEXT,
        "value_on_requested": TEXT_OR_NULL,
    },
)
JOURNAL_REQUEST = Shape(
    "JournalRequest",
    "ledger.journal_request",
    {
        "id": TEXT,
        "approval": TEXT,
        "created": TIME,
        "description": TEXT_OR_NULL,
        "livemode": BOOLEAN,
        "postings": OBJECTS,
        "status": TEXT,
    },
)
TRIAL_BALANCE = Shape(
    "TrialBalance",
    "ledger.trial_balance",
    {
        "as_of": TIME_OR_NULL,
        "is_balanced": BOOLEAN,
        "lines": OBJECTS,
        "totals": OBJECTS,
    },
)
BALANCE = Shape(
    "Balance",
    "balance",
    {
        "authorized": OBJECTS,
        "available": OBJECTS,
        "connect_reserved": OBJECTS,
        "livemode": BOOLEAN,
        "pending": OBJECTS,
    },
)
BALANCE_TRANSACTION = Shape(
    "BalanceTransaction",
    "balance_transaction",
    {
        "id": TEXT,
        "amount": AMOUNT,
        "available_on": TIME,
        "balance_type": TEXT,
        "created": TIME,
        "currency": TEXT,
        "description": TEXT_OR_NULL,
        "exchange_rate": NUMBER_OR_NULL,
        "fee": AMOUNT,
        "fee_details": OBJECTS,
        "journal": TEXT,
        "livemode": BOOLEAN,
        "net": AMOUNT,
        "reporting_category": TEXT,
        "source": TEXT,
        "status": TEXT,
        "type": TEXT,
    },
)
