"""Counts of attempts: exact at the same moment, the same with Redis and without."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.common.ids import new_id
from apps.common.origin import Scope
from apps.fraud import velocity
from apps.fraud.features import describe_purchase
from apps.fraud.models import Tally
from apps.fraud.profiles import Profile
from apps.fraud.services.assessments import Subject, assess_attempt, scope_key, sighting_of
from apps.fraud.tasks import drop_old_tallies
from apps.fraud.velocity import Counts, count_attempt, count_decline, digest, learn_fraud
from tests.factories.fraud import NOON, live_rule, subject

AT = int(NOON.timestamp())


def seen(scope: Scope, *, at: int = AT, amount: int = 5000, **changes: Any) -> Counts:
    judged = subject(scope, **changes)
    return count_attempt(sighting_of(judged, amount=amount, at=at))


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(velocity, "_ask", lambda sighting: None)


def assess(judged: Subject) -> str:
    try:
        return str(assess_attempt(judged, now=NOON).action)
    finally:
        connection.close()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_ac_093_of_five_parallel_attempts_a_limit_of_three_lets_three_pass(scope: Scope) -> None:
    live_rule(scope, "block", "card_attempts_1h > 3")
    attempts = [subject(scope) for _ in range(5)]

    with ThreadPoolExecutor(max_workers=5) as pool:
        actions = sorted(pool.map(assess, attempts))

    assert actions == ["allow", "allow", "allow", "block", "block"]


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_ac_093_holds_without_redis_as_well(scope: Scope, without_redis: None) -> None:
    live_rule(scope, "block", "card_attempts_1h > 3")
    attempts = [subject(scope) for _ in range(5)]

    with ThreadPoolExecutor(max_workers=5) as pool:
        actions = sorted(pool.map(assess, attempts))

    assert actions == ["allow", "allow", "allow", "block", "block"]


def test_windows_slide_and_forget(scope: Scope) -> None:
    seen(scope, ip="10.0.0.1")
    counts = seen(scope, ip="10.0.0.1", at=AT + 3500).velocity
    assert (counts["ip_attempts_1h"], counts["ip_amount_1h"]) == (2, 10_000)

    counts = seen(scope, ip="10.0.0.1", at=AT + 7400).velocity

    assert counts["ip_attempts_1h"] == 1
    assert counts["ip_attempts_24h"] == 3
    assert counts["card_attempts_7d"] == 3
    later = seen(scope, ip="10.0.0.1", at=AT + int(timedelta(days=9).total_seconds())).velocity
    assert later["ip_attempts_7d"] == 1


def test_a_retry_of_one_request_counts_once(scope: Scope) -> None:
    seen(scope, once="the-key")

    counts = seen(scope, once="the-key").velocity

    assert counts["card_attempts_1h"] == 1
    assert counts["like_attempts_1m"] == 1


def times_alike(scope: Scope, *seconds: int) -> list[int]:
    return [seen(scope, at=AT + second).velocity["like_attempts_1m"] for second in seconds]


# The clock's minute begins 53 seconds after AT: it is none of the window's business.
LIKE_ATTEMPTS = [
    ((0, 60), [1, 2]),
    ((0, 61), [1, 1]),
    ((0, 50, 61, 121, 182), [1, 2, 2, 2, 1]),
    ((52, 54), [1, 2]),
]


@pytest.mark.parametrize(("seconds", "counts"), LIKE_ATTEMPTS)
def test_ac_017_like_attempts_are_counted_over_the_sixty_seconds_before_each(
    scope: Scope, seconds: tuple[int, ...], counts: list[int]
) -> None:
    assert times_alike(scope, *seconds) == counts


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "counts"), LIKE_ATTEMPTS)
def test_ac_017_like_attempts_are_counted_the_same_without_redis(
    scope: Scope, without_redis: None, seconds: tuple[int, ...], counts: list[int]
) -> None:
    assert times_alike(scope, *seconds) == counts


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_redis", [True, False])
def test_ac_017_of_like_payments_at_one_moment_one_passes(
    scope: Scope, has_redis: bool, request: pytest.FixtureRequest
) -> None:
    if not has_redis:
        request.getfixturevalue("without_redis")
    live_rule(scope, "block", "is_duplicate")
    alike = [subject(scope, customer="cus_1") for _ in range(5)]

    with ThreadPoolExecutor(max_workers=5) as pool:
        actions = sorted(pool.map(assess, alike))

    assert actions == ["allow", *["block"] * 4]


def test_merchants_and_modes_are_counted_apart(scope: Scope) -> None:
    seen(scope)

    live = seen(Scope(scope.merchant_id, livemode=True)).velocity
    other = seen(Scope(new_id("mer"), livemode=False)).velocity

    assert (live["card_attempts_1h"], other["card_attempts_1h"]) == (1, 1)


def test_different_cards_of_one_address_are_counted(scope: Scope) -> None:
    for number in range(4):
        seen(scope, ip="10.0.0.9", card=f"fp_{number}")

    counts = seen(scope, ip="10.0.0.9", card="fp_0").velocity

    assert counts["ip_cards_1h"] == 4
    assert counts["card_attempts_1h"] == 2


def test_a_decline_is_counted_once_however_often_it_is_heard(scope: Scope) -> None:
    card = {"card": digest("fp_ordinary")}
    for _ in range(2):
        count_decline(scope=scope_key(scope), entities=card, at=AT, attempt_id="att_1")

    assert seen(scope).velocity["card_declines_1h"] == 1


def test_the_profile_of_redis_is_the_profile_of_a_replay(scope: Scope) -> None:
    card, seller = Profile(), Profile()
    amounts = [1000, 1200, 900, 1100, 7000, 1000, 950]
    for number, amount in enumerate(amounts):
        at = AT + number * 40_000
        counts = seen(scope, at=at, amount=amount)

        online = describe_purchase(amount=amount, at=at, card=counts.card, seller=counts.seller)
        assert online == describe_purchase(amount=amount, at=at, card=card, seller=seller)

        is_outlier = card.is_outlier(amount)
        card.remember(amount=amount, at=at, is_outlier=is_outlier)
        seller.remember(amount=amount, at=at, is_outlier=is_outlier)
    assert sum(day.outliers for day in card.days.values()) == 1


def test_a_known_fraud_reaches_the_profiles_of_card_and_seller(scope: Scope) -> None:
    seen(scope)
    for _ in range(2):
        learn_fraud(
            scope=scope_key(scope), card=digest("fp_ordinary"), seller="acct_books",
            currency="EUR", at=AT, attempt_id="att_1", is_plain=True,
        )  # fmt: skip

    counts = seen(scope)

    assert [day.frauds for day in counts.card.days.values()] == [1]
    assert [day.plain_frauds for day in counts.seller.days.values()] == [1]


def test_nothing_of_a_payer_stands_in_clear_in_redis(scope: Scope) -> None:
    seen(scope, ip="203.0.113.77", email="ada@example.org", card="fp_secret")

    keys = b" ".join(velocity.redis_client().scan_iter(match=f"*{scope.merchant_id}*"))

    assert keys
    for secret in (b"203.0.113.77", b"ada@example.org", b"fp_secret"):
        assert secret not in keys


@pytest.mark.parametrize("is_told", [True, False])
def test_a_new_key_takes_the_counters_of_the_old_one_along(
    scope: Scope, settings: Any, is_told: bool
) -> None:
    payer: dict[str, Any] = {
        "ip": "203.0.113.77", "email": "ada@example.org", "customer": "cus_1",
    }  # fmt: skip
    settings.FRAUD_HASH_KEY = "the first key"
    for card in ("fp_0", "fp_1", "fp_2"):
        seen(scope, card=card, amount=1000, **payer)
    settings.FRAUD_HASH_KEY_BEFORE = "the first key" if is_told else ""
    settings.FRAUD_HASH_KEY = "another key"

    counts = [seen(scope, card=card, **payer) for card in ("fp_0", "fp_1", "fp_3")]

    told = [(each.velocity["ip_attempts_1h"], each.velocity["ip_cards_1h"]) for each in counts]
    assert told == ([(4, 3), (5, 3), (6, 4)] if is_told else [(1, 1), (2, 2), (3, 3)])
    assert [each.velocity["card_attempts_1h"] for each in counts] == (
        [2, 2, 1] if is_told else [1, 1, 1]
    )
    assert [sum(day.count for day in each.card.days.values()) for each in counts] == (
        [1, 1, 0] if is_told else [0, 0, 0]
    )


@pytest.mark.django_db
def test_counters_of_an_outage_are_dropped_when_no_window_reaches_them(
    scope: Scope, without_redis: None
) -> None:
    seen(scope, ip="10.0.0.1")
    assert Tally.objects.exists()

    assert drop_old_tallies(now=NOON + timedelta(days=7)) == 0
    assert drop_old_tallies(now=NOON + timedelta(days=9)) > 0

    assert not Tally.objects.exists()
