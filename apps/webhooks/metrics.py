"""What webhooks count about themselves, in both directions."""

from prometheus_client import Counter

_deliveries = Counter(
    "pay_webhook_deliveries",
    "In: what became of gateways' events. Out: tries to deliver ours.",
    ["direction", "result"],
)


def count_inbound(result: str, number: int = 1) -> None:
    """Count events of gateways: `received`, `refused`, or the status they came to."""
    _deliveries.labels("in", result).inc(number)


def count_outbound(*, succeeded: bool) -> None:
    """Count one try to deliver an event of ours."""
    _deliveries.labels("out", "succeeded" if succeeded else "failed").inc()
