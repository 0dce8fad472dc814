"""Cards that their banks replaced: the account updater's news, and reminders of cards that end."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from apps.common.origin import CLOCK, Origin
from apps.common.transactions import release_connection
from apps.gateways.registry import get_gateway
from apps.vault.models import GatewayToken, PaymentMethod
from apps.vault.policies import ends_before, reminder_horizon
from apps.vault.services.publishing import publish_method
from apps.vault.tokens import digests_of

# How many cards one sweep tells about.
BATCH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class CardUpdate:
    """The card that stands behind a method now; "" and 0 where nobody told."""

    last4: str
    exp_month: int
    exp_year: int


def sync_stored_method(
    *, gateway: str, token: str, origin: Origin, now: datetime
) -> PaymentMethod | None:
    """
    Read a method from a gateway that says it changed, and record the new card.

    None when the method is not ours, or nobody's any more.

    :raises GatewayError: the gateway could not be asked; try again later
    """
    row = GatewayToken.objects.filter(gateway=gateway, digest__in=digests_of(token)).first()
    if row is None:
        return None
    release_connection()
    details = get_gateway(gateway).retrieve_method(token).details
    update = CardUpdate(last4=details.last4, exp_month=details.exp_month, exp_year=details.exp_year)
    with transaction.atomic():
        method = PaymentMethod.objects.select_for_update().get(pk=row.payment_method_id)
        apply_card_update(method, update, origin=origin, now=now)
    return method


def apply_card_update(
    method: PaymentMethod, update: CardUpdate, *, origin: Origin, now: datetime
) -> bool:
    """
    Put the new card's face on a locked method and tell about it; False when nothing changed.

    Several gateways tell about the same new card, the first one makes the event.
    """
    known = (method.last4, method.exp_month, method.exp_year)
    told = (update.last4, update.exp_month, update.exp_year)
    if method.detached_at is not None or not all(told) or told == known:
        return False
    if ends_before(told[1:], known[1:]):
        # Old news that came late.
        return False
    method.last4, method.exp_month, method.exp_year = told
    # The new card ends at another time, of which its owner is told anew.
    method.expiry_told_at = None
    method.version += 1
    method.save(update_fields=["last4", "exp_month", "exp_year", "expiry_told_at", "version"])
    publish_method(method, "payment_method.automatically_updated", origin=origin, now=now)
    return True


def remind_of_expiry(*, now: datetime) -> int:
    """
    Tell about customers' cards that end within weeks, once for each; return how many.

    Whoever listens to `payment_method.expiring` writes to the customer.
    """
    year, month = reminder_horizon(now)
    ends_by_then = Q(exp_year__lt=year) | Q(exp_year=year, exp_month__lte=month)
    due = PaymentMethod.objects.filter(
        ends_by_then,
        customer__isnull=False,
        detached_at__isnull=True,
        expiry_told_at__isnull=True,
        exp_year__gt=0,
    ).order_by("exp_year", "exp_month")
    with transaction.atomic():
        methods = list(due.select_for_update(skip_locked=True)[:BATCH])
        for method in methods:
            method.expiry_told_at = now
            method.version += 1
            method.save(update_fields=["expiry_told_at", "version"])
            publish_method(method, "payment_method.expiring", origin=CLOCK, now=now)
    return len(methods)
