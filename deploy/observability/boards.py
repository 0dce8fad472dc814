"""
The four Grafana boards: `python -m deploy.observability.boards` writes them as JSON.

A panel is a title, a unit and its queries; the layout follows. A test compares the files with what
this makes, and the metrics with those that the platform has.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "grafana" / "boards"
_DATASOURCE: Final = {"type": "prometheus", "uid": "payments"}
_COLUMNS, _WIDTH, _HEIGHT = 3, 8, 8
_CALLS = "pay_processor_request_duration_seconds"


@dataclass(frozen=True, slots=True)
class Query:
    """A query of Prometheus and the name of its lines."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart; `unit` and `kind` are Grafana's."""

    title: str
    unit: str
    queries: Sequence[Query]
    kind: str = "timeseries"


@dataclass(frozen=True, slots=True)
class Board:
    """One screen of panels, three in a row."""

    name: str
    title: str
    panels: Sequence[Panel]


def _labels(by: Sequence[str]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by)


def _rate(metric: str, *by: str, where: str = "") -> list[Query]:
    """Return how often a counter counts in a second."""
    return [Query(f"sum by ({', '.join(by)}) (rate({metric}{where}[5m]))", _labels(by))]


def _now(metric: str, *by: str) -> list[Query]:
    """Return a gauge of the database, the same from whichever process answers."""
    grouping = f" by ({', '.join(by)})" if by else ""
    return [Query(f"max{grouping} ({metric})", _labels(by) or metric)]


def _quantile(share: float, metric: str, *by: str) -> list[Query]:
    grouping = ", ".join(("le", *by))
    expr = f"histogram_quantile({share}, sum by ({grouping}) (rate({metric}_bucket[5m])))"
    return [Query(expr, _labels(by))]


_BUSINESS = (
    Panel(
        "Success rate",
        "percentunit",
        [
            Query("pay:success_ratio:rate15m", "now"),
            Query("pay:success_ratio:rate15m offset 7d", "a week ago"),
        ],
    ),
    Panel("Payments per second", "ops", _rate("pay_payment_attempts_total", "outcome")),
    Panel(
        "Declines by group",
        "ops",
        _rate("pay_payment_attempts_total", "decline_group", where='{outcome="failed"}'),
    ),
    Panel("Refunds", "ops", _rate("pay_refunds_total", "result")),
    Panel("Dunning", "ops", _rate("pay_dunning_total", "step", "result")),
    Panel("Open disputes", "short", _now("pay_dispute_open", "status")),
    Panel("Time to the first deadline", "s", _now("pay_dispute_due_seconds_min"), "stat"),
    Panel("Requests for a second person", "short", _now("pay_approvals_pending"), "stat"),
)

_PROCESSORS = (
    Panel("Attempts", "ops", _rate("pay_payment_attempts_total", "processor", "outcome")),
    Panel(
        "Share of calls that fail",
        "percentunit",
        [Query("pay:processor_errors:ratio5m", "{{processor}}")],
    ),
    Panel("Circuits (2 is open)", "short", _now("pay_circuit_state", "processor", "op")),
    Panel("Failovers", "ops", _rate("pay_failover_total", "from", "to", "reason")),
    Panel("Calls, p50", "s", _quantile(0.5, _CALLS, "processor")),
    Panel("Calls, p99", "s", _quantile(0.99, _CALLS, "processor")),
    Panel("Calls by operation and result", "ops", _rate(f"{_CALLS}_count", "op", "result")),
    Panel(
        "Attempt to outcome, p99",
        "s",
        _quantile(0.99, "pay_payment_duration_seconds", "processor"),
    ),
)

_PIPELINE = (
    Panel("Requests", "ops", _rate("api_requests_total", "status")),
    Panel("Answers, p99", "s", _quantile(0.99, "api_request_seconds", "resource")),
    Panel("Idempotency keys", "ops", _rate("pay_idempotency_total", "result")),
    Panel("Events waiting", "short", _now("pay_outbox_pending")),
    Panel("Oldest event", "s", _now("pay_outbox_oldest_age_seconds")),
    Panel(
        "Dead letters",
        "short",
        _now("pay_dead_letters", "queue") + _now("pay_inbound_dead_letters"),
        "stat",
    ),
    Panel("Webhooks", "ops", _rate("pay_webhook_deliveries_total", "direction", "result")),
    Panel(
        "Deliveries that succeed", "percentunit", [Query("pay:webhook_success_ratio:rate30m", "")]
    ),
    Panel("Processes", "short", [Query("up", "{{job}} {{instance}}")], "stat"),
)

_LEDGER = (
    Panel("Debits minus credits", "short", _now("pay_ledger_imbalance_minor", "currency"), "stat"),
    Panel("Open exceptions", "short", _now("pay_recon_breaks", "kind")),
    Panel(
        "Since the last reconciliation",
        "s",
        [
            Query(
                "time() - max by (gateway) (pay_recon_last_success_timestamp_seconds)",
                "{{gateway}}",
            )
        ],
    ),
)

BOARDS: Final = (
    Board("business", "Payments: business", _BUSINESS),
    Board("processors", "Payments: processors and routing", _PROCESSORS),
    Board("pipeline", "Payments: requests, outbox and webhooks", _PIPELINE),
    Board("ledger", "Payments: ledger and reconciliation", _LEDGER),
)


def render(board: Board) -> str:
    """Return the board as Grafana reads it."""
    dashboard: dict[str, Any] = {
        "uid": f"payments-{board.name}",
        "title": board.title,
        "tags": ["payments"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "panels": [_panel(place, panel) for place, panel in enumerate(board.panels)],
    }
    return json.dumps(dashboard, indent=2) + "\n"


def _panel(place: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(place, _COLUMNS)
    return {
        "id": place + 1,
        "type": panel.kind,
        "title": panel.title,
        "datasource": _DATASOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query.expr, "legendFormat": query.legend}
            for index, query in enumerate(panel.queries)
        ],
    }


def main() -> None:
    """Write all boards."""
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(render(board))


if __name__ == "__main__":
    main()
