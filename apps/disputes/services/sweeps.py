"""What disputes do by the clock: send, ask, remind, expire; and find what no webhook told."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection

from apps.common.origin import CLOCK
from apps.common.transactions import release_connection
from apps.disputes.models import Dispute, FraudReport, Submission
from apps.disputes.policies import POLL_AGAIN
from apps.disputes.services.deadlines import pass_deadlines
from apps.disputes.services.evidence import send_submission
from apps.disputes.services.record import record_dispute
from apps.disputes.services.standing_orders import carry_out_policy
from apps.disputes.services.warnings import record_fraud_warning
from apps.gateways.base import Gateway
from apps.gateways.errors import GatewayError
from apps.gateways.registry import gateway_names, get_gateway
from apps.webhooks.errors import UnknownObject

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How many disputes one sweep reads.
BATCH = 50
# Gateways repeat webhooks for three days; what came before was told, or found by this sweep.
LOOK_BACK = timedelta(days=4)

_CLAIM = """
UPDATE disputes_dispute SET next_check_at = %s
WHERE id IN (
    SELECT id FROM disputes_dispute WHERE next_check_at <= %s
    ORDER BY next_check_at LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


def sweep_disputes(*, now: datetime) -> int:
    """Take up open disputes that are due; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [now + POLL_AGAIN, now, BATCH])
        claimed = [row[0] for row in cursor.fetchall()]
    for dispute_id in claimed:
        try:
            check_dispute(dispute_id=dispute_id, now=now)
        except Exception:
            logger.exception("%s was not checked; it is tried again", dispute_id)
    return len(claimed)


def check_dispute(*, dispute_id: str, now: datetime) -> None:
    """
    Read the dispute, send evidence that waits, then remind of it or let it expire.

    It is read first, since the bank may have evidence of which only the answer got lost. A dispute
    that nobody works on is first of all subject to the merchant's standing orders. A gateway that
    cannot be asked stops neither the reminder nor the end.
    """
    _read_again(dispute_id, now=now)
    for submission_id in _unsent(dispute_id):
        send_submission(submission_id=submission_id, now=now)
    carry_out_policy(dispute_id=dispute_id, now=now)
    pass_deadlines(dispute_id=dispute_id, now=now)


def find_missed_disputes(*, now: datetime) -> int:
    """Record what no webhook told about disputes; return how many of them were new."""
    return sum(_find_missed(name, now=now) for name in gateway_names())


def find_missed_warnings(*, now: datetime) -> int:
    """Record the banks' warnings of fraud that no webhook told; return how many were new."""
    return sum(_find_missed_warnings(name, now=now) for name in gateway_names())


def _find_missed(gateway: str, *, now: datetime) -> int:
    """
    Record what the gateway lists; what we know already changes nothing.

    Known disputes are recorded, too: one that is over is not polled any more, and may come back.
    """
    told = _ask(gateway, lambda port: port.list_disputes(since=now - LOOK_BACK))
    references = {each.reference for each in told}
    rows = Dispute.objects.filter(gateway=gateway, gateway_reference__in=references)
    known = set(rows.values_list("gateway_reference", flat=True))
    for result in told:
        try:
            record_dispute(gateway=gateway, result=result, origin=CLOCK, now=now)
        except UnknownObject as reason:
            logger.warning("%s: %s", gateway, reason)
    return len(references - known)


def _find_missed_warnings(gateway: str, *, now: datetime) -> int:
    told = _ask(gateway, lambda port: port.list_fraud_warnings(since=now - LOOK_BACK))
    references = {each.reference for each in told}
    rows = FraudReport.objects.filter(gateway=gateway, gateway_reference__in=references)
    missed = references - set(rows.values_list("gateway_reference", flat=True))
    for warning in told:
        try:
            record_fraud_warning(gateway=gateway, warning=warning, origin=CLOCK, now=now)
        except UnknownObject as reason:
            logger.warning("%s: %s", gateway, reason)
    return len(missed)


def _ask(gateway: str, question: Callable[[Gateway], Iterable[T]]) -> list[T]:
    """Return what the gateway lists; nothing while it cannot be asked."""
    release_connection()
    try:
        return list(question(get_gateway(gateway)))
    except GatewayError as error:
        logger.warning("%s was not asked: %s: %s", gateway, type(error).__name__, error)
        return []


def _unsent(dispute_id: str) -> list[str]:
    unsent = Submission.objects.filter(
        dispute_id=dispute_id, sent_at__isnull=True, refused_at__isnull=True
    )
    return list(unsent.values_list("id", flat=True))


def _read_again(dispute_id: str, *, now: datetime) -> None:
    dispute = Dispute.objects.get(pk=dispute_id)
    release_connection()
    try:
        result = get_gateway(dispute.gateway).retrieve_dispute(dispute.gateway_reference)
    except GatewayError as error:
        logger.warning("dispute %s: %s: %s", dispute_id, type(error).__name__, error)
        return
    record_dispute(gateway=dispute.gateway, result=result, origin=CLOCK, now=now)
