"""Values that staff put on lists and take off: alone where it makes us stricter, else by two."""

from datetime import timedelta
from typing import Any

import pytest

from apps.backoffice.models import Approval
from apps.backoffice.services import approve, reject
from apps.backoffice.services.approvals import expire_approvals
from apps.common.errors import ResourceMissing
from apps.common.origin import Origin, Scope
from apps.fraud.errors import ListItemExists
from apps.fraud.models import ValueList, ValueListItem
from apps.fraud.rulesets import forget_rules, rules_in_force
from apps.fraud.services.list_changes import put_value, take_value
from apps.fraud.services.lists import create_list, put_on_list
from apps.fraud.states import ItemType
from tests.factories.backoffice import staff
from tests.factories.fraud import AUTHOR, NOON

pytestmark = pytest.mark.django_db

ADDRESS = "mallory@payer.example"


def made(scope: Scope, alias: str) -> ValueList:
    return create_list(
        scope=scope,
        alias=alias,
        name=alias,
        item_type="email",
        metadata={},
        origin=AUTHOR,
        now=NOON,
    )


def put(scope: Scope, found: ValueList) -> tuple[ValueListItem, Approval | None]:
    return put_value(
        scope=scope,
        list_id=found.id,
        value=ADDRESS,
        reason="Known to us.",
        expires_at=None,
        origin=AUTHOR,
        now=NOON,
    )


def take(scope: Scope, item: ValueListItem) -> Approval | None:
    return take_value(scope=scope, item_id=item.id, reason="A mistake.", origin=AUTHOR, now=NOON)


def is_listed(scope: Scope, alias: str) -> bool:
    forget_rules()
    loaded, _ = rules_in_force(scope)
    return loaded.lists[alias].holds(ADDRESS, now=NOON)


def agree(approval: Approval | None) -> None:
    assert approval is not None
    lead = staff("fraud.change_rule")
    approve(approval_id=approval.id, user=lead, origin=Origin(actor=lead.actor), now=NOON)


def test_a_value_blocks_at_once_and_leaves_the_block_list_by_two(scope: Scope) -> None:
    blocked = made(scope, "email_blocklist")

    item, nobody = put(scope, blocked)
    assert (nobody, is_listed(scope, blocked.alias)) == (None, True)

    asked = take(scope, item)
    assert is_listed(scope, blocked.alias)
    agree(asked)
    assert not is_listed(scope, blocked.alias)


def test_a_value_is_let_through_by_two_and_leaves_the_allow_list_at_once(scope: Scope) -> None:
    allowed = made(scope, "email_allowlist")

    item, asked = put(scope, allowed)
    assert (item.waits, is_listed(scope, allowed.alias)) == (True, False)

    agree(asked)
    assert is_listed(scope, allowed.alias)
    assert take(scope, item) is None
    assert not is_listed(scope, allowed.alias)


def test_a_list_that_rules_ask_for_changes_by_two_in_both_directions(scope: Scope) -> None:
    asked_for = made(scope, "partners")

    item, asked = put(scope, asked_for)
    agree(asked)
    assert is_listed(scope, asked_for.alias)
    agree(take(scope, item))
    assert not is_listed(scope, asked_for.alias)


def test_a_no_and_silence_forget_the_value(scope: Scope) -> None:
    allowed = made(scope, "email_allowlist")
    lead = staff("fraud.change_rule")

    _, refused = put(scope, allowed)
    assert refused is not None
    reject(
        approval_id=refused.id,
        user=lead,
        note="Who is this?",
        origin=Origin(actor=lead.actor),
        now=NOON,
    )
    assert not ValueListItem.objects.exists()

    put(scope, allowed)
    expire_approvals(now=NOON + timedelta(hours=73))
    assert not ValueListItem.objects.exists()


def test_a_no_to_taking_a_value_off_leaves_it_there(scope: Scope) -> None:
    blocked = made(scope, "email_blocklist")
    item, _ = put(scope, blocked)
    take(scope, item)

    expire_approvals(now=NOON + timedelta(hours=73))

    assert is_listed(scope, blocked.alias)


def test_a_value_that_waits_is_not_asked_for_again(scope: Scope) -> None:
    allowed = made(scope, "email_allowlist")
    put(scope, allowed)

    with pytest.raises(ListItemExists):
        put(scope, allowed)

    assert (ValueListItem.objects.count(), Approval.objects.count()) == (1, 1)


def test_what_was_taken_off_meanwhile_is_not_put_in_force(scope: Scope) -> None:
    allowed = made(scope, "email_allowlist")
    item, asked = put(scope, allowed)
    item.delete()

    with pytest.raises(ResourceMissing):
        agree(asked)


def test_a_request_names_no_address(scope: Scope) -> None:
    item, asked = put(scope, made(scope, "email_allowlist"))

    assert asked is not None
    assert asked.subject_id == item.id
    assert asked.payload == {"change": "add", "list": "email_allowlist"}


def test_what_is_on_a_list_in_small_letters_is_put_there_once(scope: Scope) -> None:
    wish: dict[str, Any] = {
        "scope": scope, "alias": "card_blocklist", "item_type": ItemType.CARD_FINGERPRINT,
        "value": "Xt5EWLLDS7FJjR1c", "origin": AUTHOR,
    }  # fmt: skip

    put_on_list(**wish, reason="First review.", now=NOON)
    put_on_list(**wish, reason="Second review.", now=NOON)

    item = ValueListItem.objects.get(value_list__alias="card_blocklist")
    assert (item.value, item.reason) == ("xt5ewllds7fjjr1c", "First review.")
