"""How each gateway fares, and taking one out of use by hand."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.common.errors import InvalidParameter
from apps.gateways.calls import circuit_breaker
from apps.gateways.circuit import CircuitState, Trip
from apps.gateways.circuit_redis import RedisBoard
from apps.gateways.errors import GatewayNotSent
from apps.gateways.records import GatewayRecord, read_gateway_states, take_back, take_out
from tests.factories.payments import attempt_of, confirmed_intent, stored_method
from tests.fake_gateway import FakeGateway, use_gateways

pytestmark = pytest.mark.django_db

MAIN, SPARE = "stripe_main", "stripe_spare"


@pytest.fixture
def main(settings: Any) -> Iterator[FakeGateway]:
    main = FakeGateway(MAIN)
    with use_gateways(settings, main, FakeGateway(SPARE)):
        yield main


def pay() -> str:
    """Return the gateway at which a new payment ended up."""
    token = stored_method(MAIN, SPARE).id
    return attempt_of(confirmed_intent(token=token)).gateway


def test_the_record_tells_faults_speed_share_and_the_last_failover(main: FakeGateway) -> None:
    assert pay() == MAIN
    main.before = [GatewayNotSent("down")]
    assert pay() == SPARE

    first, second = read_gateway_states(now=timezone.now())

    assert (first.name, first.record.attempts, first.record.faults) == (MAIN, 2, 1)
    assert (second.name, second.record.attempts, second.record.faults) == (SPARE, 1, 0)
    assert (first.share_percent, second.share_percent) == (66, 33)
    assert first.record.p95_ms is not None
    assert first.record.left_at is not None
    assert second.record.left_at is None


def test_without_attempts_a_gateway_has_an_empty_record(main: FakeGateway) -> None:
    states = read_gateway_states(now=timezone.now())

    assert [(each.record, each.share_percent) for each in states] == [(GatewayRecord(), 0)] * 2


def test_a_gateway_taken_out_gets_no_new_payments_until_it_is_taken_back(main: FakeGateway) -> None:
    now = timezone.now()
    take_out(gateway=MAIN, until=now + timedelta(hours=1), now=now)

    assert pay() == SPARE
    assert read_gateway_states(now=now)[0].circuit == CircuitState.OPEN

    take_back(gateway=MAIN, now=now)
    assert pay() == MAIN


@pytest.mark.parametrize(
    ("gateway", "hours", "said"),
    [
        ("moon", 1, "There is no gateway moon."),
        (MAIN, 25, "A gateway rests for a day at most."),
        (SPARE, 1, "No other gateway takes payments now."),
    ],
)
def test_what_cannot_be_taken_out_is_refused_and_stays(
    main: FakeGateway, gateway: str, hours: int, said: str
) -> None:
    now = timezone.now()
    if gateway == SPARE:
        take_out(gateway=MAIN, until=now + timedelta(hours=1), now=now)
    before = [each.circuit for each in read_gateway_states(now=now)]

    with pytest.raises(InvalidParameter) as refusal:
        take_out(gateway=gateway, until=now + timedelta(hours=hours), now=now)

    assert refusal.value.message == said
    assert [each.circuit for each in read_gateway_states(now=now)] == before
    assert circuit_breaker().state(gateway=SPARE, operation="create", now=now) == 0


def test_redis_keeps_a_rest_until_it_is_over() -> None:
    kept: dict[str, int] = {}

    class Memory:
        def get(self, name: str) -> bytes | None:
            return None

        def set(self, name: str, value: str, *, px: int, nx: bool = False) -> bool | None:
            kept[name] = px
            return True

        def delete(self, *names: str) -> int:
            return 0

    now = timezone.now()
    RedisBoard(Memory()).write("a:create", Trip(1, now + timedelta(hours=4)), now=now)

    assert kept == {"circuit:a:create": (4 * 60 + 10) * 60_000}
