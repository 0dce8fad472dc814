"""Numbers about approvals and the audit trail, for people and for Prometheus."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from prometheus_client import Metric

from apps.backoffice.models import Approval, User
from apps.backoffice.selectors import count_approvals_for
from apps.backoffice.services.audit import find_latest_check
from apps.backoffice.states import ApprovalStatus
from apps.common.metrics import gauge


def count_waiting_approvals(user: User, *, now: datetime) -> int:  # noqa: ARG001 - a card's shape
    """Return how many requests of others this person may decide about."""
    return count_approvals_for(user)


def approvals_badge(request: HttpRequest) -> str:
    """Return the number beside the inbox in the sidebar, nothing for none."""
    user: Any = request.user
    return str(count_approvals_for(user) or "")


def measure_approvals(now: datetime) -> Iterable[Metric]:
    """Yield how many requests wait for a second person."""
    waiting = Approval.objects.filter(status=ApprovalStatus.PENDING, expires_at__gt=now).count()
    yield gauge("pay_approvals_pending", "Requests for a second person.", [((), waiting)], ())


def measure_audit_trail(_now: datetime) -> Iterable[Metric]:
    """Yield whether the chain of the audit trail is broken, and when that was last looked at."""
    check = find_latest_check()
    # The names are there before the first check: alerts ask for them.
    broken = [((), float(check.is_broken))] if check else []
    yield gauge("pay_audit_chain_broken", "1: the audit trail was tampered with.", broken, ())
    checked_at = [((), check.checked_at.timestamp())] if check else []
    yield gauge("pay_audit_checked_timestamp_seconds", "When that was checked.", checked_at, ())
