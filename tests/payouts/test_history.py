"""Sellers and transfers are the fold of their events, and nothing changes them silently."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, InternalError, connection, transaction
from django.utils import timezone

from apps.outbox.history import Difference, differences_of, find_differences
from apps.outbox.models import Event
from apps.payments.services.refunds import request_refund, run_refund
from apps.payouts.models import Seller, Transfer
from apps.payouts.services.sellers import resume_seller, suspend_seller, update_seller
from apps.payouts.services.shares import release_shares
from apps.payouts.services.transfers import reverse_transfer, update_transfer
from tests.factories.payments import SCOPE, TESTER, confirmed_intent
from tests.factories.payouts import paid_seller, seller_of
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db


def types(object_id: str) -> list[str]:
    events = Event.objects.filter(object_id=object_id).order_by("sequence")
    return list(events.values_list("type", flat=True))


def test_a_share_that_lived_through_all_is_the_fold_of_its_events(gateway: FakeGateway) -> None:
    now = timezone.now()
    seller = seller_of(delay_days=1, reserve_basis_points=1000, reserve_days=1)
    intent = confirmed_intent(
        amount=1000, transfer_destination=seller.id, application_fee_amount=100
    )
    release_shares(now=now + timedelta(days=2))
    for amount in (333, 667):
        asked = request_refund(
            scope=SCOPE, intent_id=intent.id, amount=amount, origin=TESTER, now=now
        )
        run_refund(refund_id=asked.id, origin=TESTER, now=now)
    release_shares(now=now + timedelta(days=4))

    share = Transfer.objects.get()
    assert (share.status, share.amount_reversed, share.fee_returned) == ("reversed", 900, 100)
    assert types(share.id) == [
        "transfer.created", "transfer.updated", "transfer.reversed", "transfer.reversed",
    ]  # fmt: skip
    assert share.version == 4
    assert list(find_differences()) == []


def test_a_transfer_by_wish_is_the_fold_of_its_events(gateway: FakeGateway) -> None:
    paid_seller(1000, reserve_basis_points=500)
    transfer = Transfer.objects.get()
    assert (transfer.status, transfer.reserve_amount) == ("available", 50)

    now = timezone.now()
    reverse_transfer(scope=SCOPE, transfer_id=transfer.id, amount=300, origin=TESTER, now=now)
    update_transfer(
        scope=SCOPE, transfer_id=transfer.id, metadata={"a": "b"}, origin=TESTER, now=now
    )

    assert types(transfer.id) == ["transfer.created", "transfer.reversed", "transfer.updated"]
    assert list(find_differences()) == []


def test_a_seller_is_the_fold_of_its_events() -> None:
    seller = seller_of(name="Ada", fee_basis_points=250)
    now = timezone.now()

    terms = {"name": "Ada & Co", "may_go_negative": True}
    update_seller(scope=SCOPE, seller_id=seller.id, fields=terms, origin=TESTER, now=now)
    suspend_seller(scope=SCOPE, seller_id=seller.id, origin=TESTER, now=now)
    resume_seller(scope=SCOPE, seller_id=seller.id, origin=TESTER, now=now)

    seller.refresh_from_db()
    assert (seller.version, seller.status, seller.name) == (4, "active", "Ada & Co")
    assert types(seller.id) == ["account.created", *["account.updated"] * 3]
    assert list(find_differences()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payouts_transfer SET amount_reversed = 1",
        "UPDATE payouts_transfer SET status = 'pending'",
        "UPDATE payouts_seller SET payout_destination = 'ba_thief'",
        "UPDATE payouts_seller SET fee_basis_points = 1, version = version + 1",
    ],
)
def test_postgresql_refuses_a_change_without_its_event(sql: str) -> None:
    paid_seller(1000)
    flush()

    with pytest.raises((IntegrityError, InternalError), match="event"):
        change(sql)


def test_rebuild_names_the_column_that_is_not_what_the_events_say() -> None:
    seller = paid_seller(1000)
    flush()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payouts_seller DISABLE TRIGGER USER")
        cursor.execute("UPDATE payouts_seller SET payout_destination = 'ba_thief'")
        cursor.execute("ALTER TABLE payouts_seller ENABLE TRIGGER USER")

    assert list(differences_of(Seller)) == [
        Difference(seller.id, "payout_destination", "ba_thief", "ba_seller")
    ]


def flush() -> None:
    """Let what waits for the commit happen now."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def change(sql: str) -> None:
    """Change rows as raw SQL does, up to the commit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        flush()
