"""What the clock starts; wired in config/schedule.py."""

import logging
from datetime import datetime

from apps.common.errors import DomainError
from apps.common.origin import CLOCK
from apps.subscriptions.selectors import Times
from apps.subscriptions.services.dunning import pass_slots
from apps.subscriptions.services.duties import bill_due
from apps.subscriptions.services.subscriptions import expire_incomplete

logger = logging.getLogger(__name__)


def run_billing(*, now: datetime) -> int:
    """Do a batch of what is due for those who live in real time; return how many there were."""
    looked_at, expiring = bill_due(Times(now, now))
    for subscription_id in expiring:
        try:
            expire_incomplete(subscription_id=subscription_id, origin=CLOCK, now=now)
        except DomainError as refusal:
            logger.warning("%s is not given up yet: %s", subscription_id, refusal)
    return looked_at


def run_dunning(*, now: datetime) -> int:
    """Move the schedules of which a slot is due in real time; return how many there were."""
    return len(pass_slots(Times(now, now)))
