"""Cards that end are told of once, early enough to bring another one."""

from datetime import UTC, datetime

import pytest

from apps.common.origin import CLOCK
from apps.customers.models import Customer
from apps.outbox.models import Event
from apps.vault.models import PaymentMethod
from apps.vault.services import detach_method
from apps.vault.services.updates import CardUpdate, apply_card_update, remind_of_expiry
from tests.factories.payments import SCOPE, TESTER, stored_method
from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db

# A month before the end of April has begun to run.
NOW = datetime(2027, 4, 2, tzinfo=UTC)


def owned_card(*, month: int, year: int) -> PaymentMethod:
    customer = Customer.objects.create(
        merchant_id=SCOPE.merchant_id, livemode=SCOPE.livemode, created_at=NOW
    )
    method = stored_method()
    method.customer, method.last4, method.exp_month, method.exp_year = customer, "4242", month, year
    method.save()
    return method


def told() -> list[str]:
    events = Event.objects.filter(type="payment_method.expiring").order_by("id")
    return list(events.values_list("object_id", flat=True))


def test_cards_that_end_within_a_month_are_told_of_once() -> None:
    ending, ended = owned_card(month=5, year=2027), owned_card(month=12, year=2026)
    owned_card(month=6, year=2027)
    stored_method()

    assert remind_of_expiry(now=NOW) == 2
    assert remind_of_expiry(now=NOW) == 0

    assert told() == [ended.id, ending.id]


def test_a_renewed_card_is_told_of_again_when_it_ends(gateways: FakeGateway) -> None:
    method = owned_card(month=4, year=2027)
    remind_of_expiry(now=NOW)
    method.refresh_from_db()

    renewal = CardUpdate(last4="7777", exp_month=5, exp_year=2030)
    assert apply_card_update(method, renewal, origin=CLOCK, now=NOW)

    assert remind_of_expiry(now=NOW) == 0
    assert remind_of_expiry(now=NOW.replace(year=2030)) == 1


@pytest.mark.parametrize(
    "old_news",
    [
        CardUpdate(last4="4242", exp_month=4, exp_year=2027),
        CardUpdate(last4="1111", exp_month=3, exp_year=2027),
        CardUpdate(last4="", exp_month=0, exp_year=0),
    ],
)
def test_news_that_tells_nothing_new_changes_nothing(old_news: CardUpdate) -> None:
    method = owned_card(month=4, year=2027)

    assert not apply_card_update(method, old_news, origin=CLOCK, now=NOW)
    assert not Event.objects.filter(object_id=method.id).exists()


def test_a_detached_card_is_nobody_s_concern(gateways: FakeGateway) -> None:
    method = owned_card(month=4, year=2027)
    detach_method(scope=SCOPE, method_id=method.id, origin=TESTER, now=NOW)
    renewal = CardUpdate(last4="7777", exp_month=5, exp_year=2030)

    assert remind_of_expiry(now=NOW) == 0
    assert not apply_card_update(
        PaymentMethod.objects.get(pk=method.id), renewal, origin=CLOCK, now=NOW
    )
