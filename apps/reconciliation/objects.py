"""How statements, runs and exceptions look in the API and in events."""

from typing import Any

from apps.reconciliation.models import Discrepancy, ReconciliationRun, StatementFile


def render_file(file: StatementFile) -> dict[str, Any]:
    """Return the file as `reconciliation.file`."""
    return {
        "id": file.id,
        "object": "reconciliation.file",
        "created": int(file.created_at.timestamp()),
        "filename": file.name,
        "format": str(file.format),
        "lines": {
            "duplicate": file.lines_duplicate,
            "elsewhere": file.lines_elsewhere,
            "known": file.lines_known,
            "new": file.lines_new,
            "refused": file.lines_refused,
        },
        "livemode": file.livemode,
        "refusals": [
            {"line": row.number, "reason": row.reason, "text": row.text}
            for row in file.refusals.order_by("number")[:MAX_REFUSALS_SHOWN]
        ],
        "sha256": file.sha256,
        "size": file.size_bytes,
        "source": file.source,
        "uploaded_by": file.uploaded_by,
    }


def render_run(run: ReconciliationRun) -> dict[str, Any]:
    """Return the run as `reconciliation.run`."""
    return {
        "id": run.id,
        "object": "reconciliation.run",
        "created": int(run.created_at.timestamp()),
        "date": run.day.isoformat(),
        "difference": {currency.lower(): amount for currency, amount in run.difference.items()},
        "exceptions": {
            "closed": run.exceptions_closed,
            "open": run.exceptions_open,
            "opened": run.exceptions_opened,
        },
        "expected": run.facts_expected,
        "fees_booked": run.fees_booked,
        "gateway": run.gateway,
        "lines": run.lines,
        "lines_matched": run.lines_matched,
        "livemode": run.livemode,
        "report": run.report or None,
    }


def render_exception(row: Discrepancy) -> dict[str, Any]:
    """Return the discrepancy as `reconciliation.exception`."""
    return {
        "id": row.id,
        "object": "reconciliation.exception",
        "created": int(row.created_at.timestamp()),
        "currency": row.currency.lower(),
        "date": row.day.isoformat(),
        "difference": row.difference,
        "explanation": row.explanation,
        "gateway": row.gateway,
        "journal": row.entry_id or None,
        "kind": str(row.kind),
        "ledger_amount": row.ledger_amount,
        "livemode": row.livemode,
        "reference": row.reference or None,
        "resolution": (
            {
                "at": int(row.resolved_at.timestamp()),
                "by": row.resolved_by,
                "journal": row.resolution_entry_id or None,
                "reason": row.resolution_reason,
            }
            if row.resolved_at
            else None
        ),
        "statement_amount": row.statement_amount,
        "status": str(row.status),
        "subject": row.subject_id or None,
    }


# The first bad rows tell what is wrong with a file; the screen has them all.
MAX_REFUSALS_SHOWN = 100
