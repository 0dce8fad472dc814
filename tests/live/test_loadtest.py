"""`manage.py loadtest` over a real server: what went wrong is found, what went well is proven."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.api.models import ApiKey
from apps.payments.load import list_charges
from apps.payments.models import PaymentIntent
from simulator.testing import RunningSimulator
from tests.live.running import RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def load(web: RunningWeb, simulator: RunningSimulator, **options: Any) -> str:
    out = StringIO()
    call_command(
        "loadtest",
        url=web.url,
        simulator=simulator.url,
        stdout=out,
        **{"rate": 20.0, "seconds": 2.0, **options},
    )
    return out.getvalue()


def test_what_was_paid_under_load_is_charged_and_booked_once(
    web: RunningWeb, simulator: RunningSimulator
) -> None:
    told = load(web, simulator)

    paid = PaymentIntent.objects.filter(status="succeeded").count()
    assert paid > 10
    assert f"{paid} payments in " in told
    assert "failed: 0 (0.00%)" in told
    assert f"payments {paid}, ledger entries {paid} for {paid} payments" in told
    assert f"charges at the gateway {paid}" in told
    assert "Every payment is charged once, booked once, and the books are true." in told
    assert len(simulator.charges()) == paid


def test_a_charge_that_nobody_knows_of_is_found(
    web: RunningWeb, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def one_too_many(url: str, intents: frozenset[str]) -> Any:
        charges = await list_charges(url, intents)
        charges[next(iter(charges))] += 1
        return charges

    command = "apps.payments.management.commands.loadtest"
    monkeypatch.setattr(f"{command}.list_charges", one_too_many)

    with pytest.raises(CommandError, match="1 payments were charged more than once"):
        load(web, simulator, seconds=0.5)


def test_too_many_failures_and_a_slow_answer_fail_the_run(
    web: RunningWeb, simulator: RunningSimulator
) -> None:
    simulator.fault("refuse", rate=1)

    with pytest.raises(CommandError, match=r"of the payments failed, more than 0\.1%"):
        load(web, simulator, seconds=0.5)


def test_a_bound_on_p99_is_kept(web: RunningWeb, simulator: RunningSimulator) -> None:
    with pytest.raises(CommandError, match="p99 is above 1 ms"):
        load(web, simulator, seconds=0.5, p99_ms=1.0)


def test_there_is_a_key_for_each_share_of_the_rate(
    web: RunningWeb, simulator: RunningSimulator, settings: Any
) -> None:
    settings.RATE_LIMIT_WRITES_PER_SECOND = 10

    load(web, simulator, seconds=0.5)

    assert ApiKey.objects.filter(merchant__name__startswith="Load test").count() == 4
