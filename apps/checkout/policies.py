"""Decisions about the hosted page that need no database; time is passed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.checkout.states import PageState, SessionStatus
from apps.payments.states import IntentStatus

# How long the link of a session works. Stripe's bounds, and its default.
LIFETIME = timedelta(hours=24)
SHORTEST_LIFETIME = timedelta(minutes=30)

# A payer who comes back later than this is told that it was paid before, not that it just worked.
JUST_PAID = timedelta(minutes=10)

# When a session whose payment is on its way is looked at again; news of the payment ring sooner.
LOOK_AGAIN = timedelta(seconds=30)

S = IntentStatus

PAID = frozenset({S.SUCCEEDED, S.REQUIRES_CAPTURE, S.REFUNDED})
_STATES: Mapping[str, PageState] = {
    S.CREATED: PageState.OPEN,
    S.REQUIRES_ACTION: PageState.VERIFICATION,
    S.PROCESSING: PageState.PROCESSING,
    # The gateway moved other money: a person looks at it, and the payer must not pay again.
    S.CONFLICTED: PageState.PROCESSING,
    S.SUCCEEDED: PageState.SUCCEEDED,
    S.REQUIRES_CAPTURE: PageState.SUCCEEDED,
    S.REFUNDED: PageState.SUCCEEDED,
    S.CANCELED: PageState.CANCELED,
    S.EXPIRED: PageState.EXPIRED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What decides about the page: the session's status, its payment's, and when each may end."""

    session: str
    intent: str
    error_type: str
    expires_at: datetime
    completed_at: datetime | None


def page_state(standing: Standing, now: datetime) -> PageState:
    """Return which page the payer sees."""
    if standing.session == SessionStatus.EXPIRED:
        is_canceled = standing.intent == S.CANCELED and now < standing.expires_at
        return PageState.CANCELED if is_canceled else PageState.EXPIRED
    if standing.completed_at is not None and now >= standing.completed_at + JUST_PAID:
        return PageState.ALREADY_PAID
    is_payable = standing.intent in {S.CREATED, S.FAILED}
    if is_payable and now >= standing.expires_at:
        return PageState.EXPIRED
    if standing.intent == S.FAILED:
        is_fault = standing.error_type == "api_error"
        return PageState.UNAVAILABLE if is_fault else PageState.DECLINED
    return _STATES[standing.intent]
