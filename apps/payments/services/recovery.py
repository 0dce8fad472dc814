"""Recovery on demand: ask about every open outcome now, and tell what each look brought."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from apps.common.errors import DomainError
from apps.gateways.registry import UnknownGateway
from apps.payments.models import PaymentAttempt, Refund
from apps.payments.policies import LEASE
from apps.payments.selectors import get_attempt_and_intent
from apps.payments.services.attempts import resolve_attempt
from apps.payments.services.refunds import run_refund
from apps.payments.states import AttemptStatus, Operation, RefundStatus

# Read by id in such parts, so that any number of open payments takes the same memory.
_BATCH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovery:
    """One look at an attempt or refund: how it stood before and after, and what went wrong."""

    object_id: str
    intent_id: str
    gateway: str
    before: str
    after: str
    payment: str = ""
    trouble: str = ""

    def __str__(self) -> str:
        moved = f"{self.before} -> {self.after}" if self.before != self.after else self.before
        payment = f", payment {self.payment}" if self.payment else ""
        trouble = f" ({self.trouble})" if self.trouble else ""
        return f"{self.intent_id} {self.object_id} at {self.gateway}: {moved}{payment}{trouble}"


def recover_attempts(*, now: datetime) -> Iterator[Recovery]:
    """
    Ask about each attempt that is due, lost, or was given up.

    Those whose runner lives are left to it, those that never began to the worker. The sweeper
    would come to the same, on its own schedule.
    """
    lost = Q(status=AttemptStatus.UNKNOWN) & (Q(due_at__isnull=True) | Q(due_at__gt=now + LEASE))
    waiting = PaymentAttempt.objects.filter(checks__gte=0).exclude(operation=Operation.NONE)
    for attempt_id in _walk(waiting.filter(Q(due_at__lte=now) | lost)):
        yield _recover_attempt(attempt_id, now=now)


def recover_refunds(*, now: datetime) -> Iterator[Recovery]:
    """Send or ask about each refund without an outcome; one that is being sent is left."""
    waiting = Refund.objects.filter(status=RefundStatus.PENDING)
    is_free = Q(due_at__isnull=True) | Q(due_at__lte=now) | Q(due_at__gt=now + LEASE)
    for refund_id in _walk(waiting.filter(is_free)):
        yield _recover_refund(refund_id, now=now)


def _walk(rows: QuerySet[PaymentAttempt] | QuerySet[Refund]) -> Iterator[str]:
    """Yield each id once, in order: a row that stays open is not met again."""
    last = ""
    while batch := list(
        rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_BATCH]
    ):
        yield from batch
        last = batch[-1]


def _recover_attempt(attempt_id: str, *, now: datetime) -> Recovery:
    before, intent = get_attempt_and_intent(attempt_id)
    trouble = ""
    try:
        resolve_attempt(attempt_id=attempt_id, now=now)
    except (DomainError, UnknownGateway) as error:
        trouble = f"{type(error).__name__}: {error}"
    after, intent = get_attempt_and_intent(attempt_id)
    return Recovery(
        object_id=attempt_id,
        intent_id=intent.id,
        gateway=before.gateway,
        before=str(before.status),
        after=str(after.status),
        payment=str(intent.status),
        trouble=trouble,
    )


def _recover_refund(refund_id: str, *, now: datetime) -> Recovery:
    before = Refund.objects.select_related("attempt").get(pk=refund_id)
    trouble, after = "", before
    try:
        after = run_refund(refund_id=refund_id, now=now)
    except (DomainError, UnknownGateway) as error:
        trouble = f"{type(error).__name__}: {error}"
    return Recovery(
        object_id=refund_id,
        intent_id=before.intent_id,
        gateway=before.attempt.gateway,
        before=str(before.status),
        after=str(after.status),
        trouble=trouble,
    )
