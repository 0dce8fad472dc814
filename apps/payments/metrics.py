"""What payments count about themselves; a processor is a gateway account of the settings."""

from prometheus_client import Counter, Histogram

from apps.payments.models import PaymentAttempt, Refund

# Seconds; a payment answers within five, a 3DS challenge takes minutes.
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)

_attempts = Counter(
    "pay_payment_attempts",
    "Attempts that came to another status while nobody knew how they end.",
    ["processor", "method", "outcome", "decline_group"],
)
_seconds = Histogram(
    "pay_payment_duration_seconds",
    "From the start of an attempt to its outcome.",
    ["processor"],
    buckets=_BUCKETS,
)
_failovers = Counter(
    "pay_failover", "Payments that went on at another gateway.", ["from", "to", "reason"]
)
_refunds = Counter("pay_refunds", "Refunds that came to a new status.", ["result"])


def count_attempt(attempt: PaymentAttempt) -> None:
    """Count what an attempt that was open has just come to; it may still be open."""
    _attempts.labels(
        attempt.gateway, attempt.method_type, attempt.status, attempt.error_class
    ).inc()
    if attempt.finished_at is not None:
        taken = attempt.finished_at - attempt.created_at
        _seconds.labels(attempt.gateway).observe(taken.total_seconds())


def count_failover(left: PaymentAttempt, followed: PaymentAttempt) -> None:
    """Count that a payment went on elsewhere, and why."""
    reason = left.error_class or left.status
    _failovers.labels(left.gateway, followed.gateway, reason).inc()


def count_refund(refund: Refund) -> None:
    """Count the status which a refund has just reached."""
    _refunds.labels(refund.status).inc()
