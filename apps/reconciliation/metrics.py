"""What reconciliation tells about itself."""

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import Gauge

from apps.reconciliation.states import DiscrepancyKind

# Whichever process ran last knows best.
_breaks = Gauge(
    "pay_recon_breaks",
    "Open exceptions after the last run.",
    ["gateway", "kind"],
    multiprocess_mode="mostrecent",
)
_last_success = Gauge(
    "pay_recon_last_success_timestamp_seconds",
    "When a run last came to its end.",
    ["gateway"],
    multiprocess_mode="mostrecent",
)


def note_run(gateway: str, *, open_by_kind: Mapping[str, int], now: datetime) -> None:
    """Show what a run left open; kinds of which nothing is open show zero."""
    for kind in DiscrepancyKind.values:
        _breaks.labels(gateway, kind).set(open_by_kind.get(kind, 0))
    _last_success.labels(gateway).set(now.timestamp())
