"""What can be set when the simulator starts, and changed while it runs."""

from dataclasses import dataclass

_DAY_SECONDS = 24 * 60 * 60


@dataclass(slots=True)
class Settings:
    """All in seconds."""

    # A bank debit is settled after days; a developer does not wait that long.
    debit_delay: float = 3.0
    # Holds on cards end after a week, as at most banks.
    authorization_lifetime: float = 7.0 * _DAY_SECONDS
    # Stripe promises a day; what is older is forgotten, and the key is free again.
    idempotency_lifetime: float = 1.0 * _DAY_SECONDS
    # Money taken today may be paid out two days later.
    available_after: float = 2.0 * _DAY_SECONDS
    payout_delay: float = 3.0
    # Payers complain weeks later; a developer does not wait that long.
    dispute_delay: float = 3.0
    dispute_deadline: float = 7.0 * _DAY_SECONDS
    # Webhooks leave shortly after the answer, so they usually come second, but nothing says so.
    webhook_delay: float = 0.02
    # How far the payment search lags behind; at Stripe up to a minute.
    search_lag: float = 0.0
