"""Make a report's file, once and for all."""

import hashlib
import tempfile
from datetime import datetime
from pathlib import Path

from apps.backoffice.sheets import write_csv
from apps.common.origin import Origin
from apps.reporting.models import ReportRun
from apps.reporting.reports import REPORTS, Span


def run_report(*, report_type: str, span: Span, origin: Origin, now: datetime) -> ReportRun:
    """Make the CSV of a report and keep it; a run later than this may say something else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.csv"
        rows = write_csv(REPORTS[report_type](span), path)
        content = path.read_bytes()
    return ReportRun.objects.create(
        merchant_id=span.scope.merchant_id,
        livemode=span.scope.livemode,
        report_type=report_type,
        since=span.since,
        until=span.until,
        currency=span.currency,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        rows=rows,
        requested_by=origin.actor,
        created_at=now,
    )
