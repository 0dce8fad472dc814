"""What statements, runs and exceptions look like in answers."""

from apps.api.shapes import (
    BOOLEAN,
    INTEGER,
    INTEGER_OR_NULL,
    MAP,
    MAP_OR_NULL,
    OBJECTS,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    Shape,
)

STATEMENT_FILE = Shape(
    "StatementFile",
    "reconciliation.file",
    {
        "id": TEXT,
        "created": TIME,
        "filename": TEXT,
        "format": TEXT,
        "lines": MAP,
        "livemode": BOOLEAN,
        "refusals": OBJECTS,
        "sha256": TEXT,
        "size": INTEGER,
        "source": TEXT,
        "uploaded_by": TEXT,
    },
)
RECONCILIATION_RUN = Shape(
    "ReconciliationRun",
    "reconciliation.run",
    {
        "id": TEXT,
        "created": TIME,
        "date": TEXT,
        "difference": MAP,
        "exceptions": MAP,
        "expected": INTEGER,
        "fees_booked": INTEGER,
        "gateway": TEXT,
        "lines": INTEGER,
        "lines_matched": INTEGER,
        "livemode": BOOLEAN,
        "report": TEXT_OR_NULL,
    },
)
RECONCILIATION_EXCEPTION = Shape(
    "ReconciliationException",
    "reconciliation.exception",
    {
        "id": TEXT,
        "created": TIME,
        "currency": TEXT,
        "date": TEXT,
        "difference": INTEGER,
        "explanation": TEXT,
        "gateway": TEXT,
        "journal": TEXT_OR_NULL,
        "kind": TEXT,
        "ledger_amount": INTEGER_OR_NULL,
        "livemode": BOOLEAN,
        "reference": TEXT_OR_NULL,
        "resolution": MAP_OR_NULL,
        "statement_amount": INTEGER_OR_NULL,
        "status": TEXT,
        "subject": TEXT_OR_NULL,
    },
)
