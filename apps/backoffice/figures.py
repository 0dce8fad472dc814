"""Numbers about approvals for people."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from apps.backoffice.models import User
from apps.backoffice.selectors import count_approvals_for


def count_waiting_approvals(user: User, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many requests of others this person may decide about."""
    return count_approvals_for(user)


def approvals_badge(request: HttpRequest) -> str:
    """Return the number beside the inbox in the sidebar, nothing for none."""
    user: Any = request.user
    return str(count_approvals_for(user) or "")
