"""Lock a payer out by what they are known by."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.common.origin import Origin, Scope
from apps.fraud.models import ValueListItem
from apps.fraud.policies import as_listed
from apps.fraud.services.lists import put_on_list
from apps.fraud.services.reviews import CARD_BLOCKLIST
from apps.fraud.states import ItemType

# By these aliases the lists act without any rule.
BLOCKLISTS: Final[Mapping[ItemType, str]] = {
    ItemType.CUSTOMER_ID: "customer_blocklist",
    ItemType.EMAIL: "email_blocklist",
    ItemType.CARD_FINGERPRINT: CARD_BLOCKLIST,
}


def block_payer(
    *,
    scope: Scope,
    known_by: Mapping[ItemType, str],
    reason: str,
    origin: Origin,
    now: datetime,
) -> None:
    """
    Let nobody pay any more who is known by one of these; what is blocked already stays so.

    Lists that are missing are made.

    :raises ListFull: a list takes no more values
    """
    with transaction.atomic():
        for kind, value in known_by.items():
            put_on_list(
                scope=scope,
                alias=BLOCKLISTS[kind],
                item_type=kind,
                value=value,
                reason=reason[:200],
                origin=origin,
                now=now,
            )


def find_blocked(scope: Scope, known_by: Mapping[ItemType, str]) -> set[ItemType]:
    """Return by which of these a payer is blocked."""
    held = ValueListItem.objects.filter(
        value_list__merchant_id=scope.merchant_id,
        value_list__livemode=scope.livemode,
        value_list__alias__in=[BLOCKLISTS[kind] for kind in known_by],
        value__in=[as_listed(value, kind) for kind, value in known_by.items()],
    ).values_list("value_list__alias", "value")
    blocked = set(held)
    return {
        kind
        for kind, value in known_by.items()
        if (BLOCKLISTS[kind], as_listed(value, kind)) in blocked
    }
