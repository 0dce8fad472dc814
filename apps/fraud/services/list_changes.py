"""
Put values on lists and take them off, as staff do: what makes us stricter acts at once.

To put on a block list and to take off an allow list lets fewer payments through, and may be
urgent. Everything else lets more through, or depends on the rules that ask for the list: like a
rule it waits for a second person.
"""

from datetime import datetime
from typing import Final

from django.db import transaction

from apps.backoffice.models import Approval
from apps.backoffice.services import request_approval
from apps.common.origin import Origin, Scope, scope_of
from apps.fraud.models import ValueList, ValueListItem
from apps.fraud.policies import makes_stricter
from apps.fraud.services.lists import create_item, delete_item, get_item, get_list
from apps.fraud.services.rules import count_up

# The kind under which a change waits for a second person, in config/approvals.py.
APPROVAL_KIND: Final = "value_list"
ADD: Final = "add"
REMOVE: Final = "remove"


def put_value(
    *,
    scope: Scope,
    list_id: str,
    value: str,
    reason: str,
    expires_at: datetime | None,
    origin: Origin,
    now: datetime,
) -> tuple[ValueListItem, Approval | None]:
    """
    Put a value on a list, or ask a second person to; return it, and the request if there is one.

    A value that waits has no effect. The request names it by its id, so that no request holds an
    address.

    :raises ResourceMissing: no such list
    :raises ListItemExists: it is on the list already, or waits to be
    :raises ListFull: the list has MAX_ITEMS values
    """
    found = get_list(scope, list_id)
    waits = not makes_stricter(found.alias, is_added=True)
    with transaction.atomic():
        item = create_item(
            scope=scope,
            list_id=list_id,
            value=value,
            reason=reason,
            expires_at=expires_at,
            waits=waits,
            origin=origin,
            now=now,
        )
        if not waits:
            return item, None
        return item, _ask(found, item, ADD, scope=scope, reason=reason, origin=origin, now=now)


def take_value(
    *, scope: Scope, item_id: str, reason: str, origin: Origin, now: datetime
) -> Approval | None:
    """
    Take a value off its list, or ask a second person to; return the request if there is one.

    :raises ResourceMissing: no such value
    :raises ApprovalWaiting: somebody asked before
    """
    item = get_item(scope, item_id)
    if makes_stricter(item.value_list.alias, is_added=False):
        delete_item(scope=scope, item_id=item_id)
        return None
    return _ask(item.value_list, item, REMOVE, scope=scope, reason=reason, origin=origin, now=now)


def finish_change(approval: Approval) -> None:
    """
    Let happen what a second person agreed to; only the approval calls this.

    :raises ResourceMissing: the value or its list is gone meanwhile
    """
    scope = scope_of(approval)
    if approval.payload["change"] == REMOVE:
        delete_item(scope=scope, item_id=approval.subject_id)
        return
    item = get_item(scope, approval.subject_id)
    with transaction.atomic():
        item.waits = False
        item.save(update_fields=["waits"])
        count_up(scope)


def drop_change(approval: Approval) -> None:
    """Forget a value that nobody agreed to; only the approval calls this."""
    if approval.payload["change"] == ADD:
        ValueListItem.objects.filter(pk=approval.subject_id, waits=True).delete()


def _ask(
    found: ValueList,
    item: ValueListItem,
    change: str,
    *,
    scope: Scope,
    reason: str,
    origin: Origin,
    now: datetime,
) -> Approval:
    return request_approval(
        scope=scope,
        kind=APPROVAL_KIND,
        subject_id=item.id,
        payload={"change": change, "list": found.alias},
        reason=reason,
        origin=origin,
        now=now,
    )
