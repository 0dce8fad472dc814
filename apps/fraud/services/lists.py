"""Keep lists of values: what is always blocked, always allowed, or asked for by a rule."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from apps.common.errors import ResourceMissing
from apps.common.metadata import with_metadata
from apps.common.origin import Origin, Scope
from apps.common.rows import get_row
from apps.fraud.errors import ListAliasTaken, ListFull, ListInUse, ListItemExists
from apps.fraud.models import Rule, ValueList, ValueListItem
from apps.fraud.policies import as_listed
from apps.fraud.rules import lists_of
from apps.fraud.rulesets import MAX_ITEMS
from apps.fraud.services.rules import count_up
from apps.fraud.states import RuleStatus

_IN_USE = (RuleStatus.DRAFT, RuleStatus.SHADOW, RuleStatus.LIVE)


def create_list(
    *,
    scope: Scope,
    alias: str,
    name: str,
    item_type: str,
    metadata: Mapping[str, str],
    origin: Origin,
    now: datetime,
) -> ValueList:
    """
    Make an empty list.

    :raises ListAliasTaken: rules could not tell the two apart
    """
    try:
        with transaction.atomic():
            created = ValueList.objects.create(
                merchant_id=scope.merchant_id,
                livemode=scope.livemode,
                alias=alias,
                name=name,
                item_type=item_type,
                metadata=dict(metadata),
                created_by=origin.actor,
                created_at=now,
            )
            count_up(scope)
    except IntegrityError as error:
        raise ListAliasTaken(alias=alias, param="alias") from error
    return created


def update_list(*, scope: Scope, list_id: str, changes: Mapping[str, Any]) -> ValueList:
    """
    Change a list's name or metadata. Its alias stays, for rules use it.

    :raises ResourceMissing: no such list
    """
    get_list(scope, list_id)
    with transaction.atomic():
        found = ValueList.objects.select_for_update().get(pk=list_id)
        changes = with_metadata(changes, found.metadata)
        for field, value in changes.items():
            setattr(found, field, value)
        found.save(update_fields=list(changes))
    return found


def delete_list(*, scope: Scope, list_id: str) -> None:
    """
    Delete a list with its values.

    :raises ResourceMissing: no such list
    :raises ListInUse: a rule asks for it
    """
    found = get_list(scope, list_id)
    rules = Rule.objects.filter(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        status__in=_IN_USE,
        expression__contains=found.alias,
    )
    for rule in rules:
        if found.alias in lists_of(rule.expression):
            raise ListInUse(value_list=found.id, rule=rule.id)
    with transaction.atomic():
        found.delete()
        count_up(scope)


def create_item(
    *,
    scope: Scope,
    list_id: str,
    value: str,
    reason: str = "",
    expires_at: datetime | None = None,
    waits: bool = False,
    origin: Origin,
    now: datetime,
) -> ValueListItem:
    """
    Put a value on a list, for good or until `expires_at`; one that `waits` has no effect yet.

    :raises ResourceMissing: no such list
    :raises ListItemExists: it is on the list already
    :raises ListFull: the list has MAX_ITEMS values
    """
    found = get_list(scope, list_id, param="value_list")
    if ValueListItem.objects.filter(value_list=found)[:MAX_ITEMS].count() >= MAX_ITEMS:
        raise ListFull(value_list=found.id, limit=MAX_ITEMS)
    text = as_listed(value, found.item_type)
    item, is_new = ValueListItem.objects.get_or_create(
        value_list=found,
        value=text,
        defaults={
            "reason": reason,
            "expires_at": expires_at,
            "waits": waits,
            "created_by": origin.actor,
            "created_at": now,
        },
    )
    if not is_new:
        raise ListItemExists(item=item.id, param="value")
    with transaction.atomic():
        count_up(scope)
    return item


def put_on_list(
    *,
    scope: Scope,
    alias: str,
    item_type: str,
    value: str,
    reason: str,
    origin: Origin,
    now: datetime,
) -> None:
    """Put a value on the list of this alias, for good; a list that is missing is made."""
    found = ValueList.objects.filter(
        merchant_id=scope.merchant_id, livemode=scope.livemode, alias=alias
    ).first()
    if found is None:
        found = create_list(
            scope=scope,
            alias=alias,
            name=alias.replace("_", " ").capitalize(),
            item_type=item_type,
            metadata={},
            origin=origin,
            now=now,
        )
    kept = as_listed(value, found.item_type)
    if not ValueListItem.objects.filter(value_list=found, value=kept).exists():
        create_item(
            scope=scope, list_id=found.id, value=value, reason=reason, origin=origin, now=now
        )


def delete_item(*, scope: Scope, item_id: str) -> None:
    """
    Take a value off its list.

    :raises ResourceMissing: no such value
    """
    item = get_item(scope, item_id)
    with transaction.atomic():
        item.delete()
        count_up(scope)


def get_list(scope: Scope, list_id: str, *, param: str = "id") -> ValueList:
    """
    Return the list.

    :raises ResourceMissing: not of this account and mode
    """
    return get_row(ValueList.objects, scope, list_id, resource="radar.value_list", param=param)


def get_item(scope: Scope, item_id: str) -> ValueListItem:
    """
    Return the value with its list.

    :raises ResourceMissing: not of this account and mode
    """
    item = (
        ValueListItem.objects.select_related("value_list")
        .filter(
            pk=item_id,
            value_list__merchant_id=scope.merchant_id,
            value_list__livemode=scope.livemode,
        )
        .first()
    )
    if item is None:
        raise ResourceMissing(resource="radar.value_list_item", id=item_id[:60], param="id")
    return item
