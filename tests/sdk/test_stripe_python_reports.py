"""Stripe's own Python SDK, unmodified: report types and report runs."""

import hashlib
from datetime import UTC, datetime

import httpx
import pytest
import stripe

from tests.live.running import RunningWeb

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

OCTOBER = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp())
NOVEMBER = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())


def test_a_report_is_chosen_run_listed_and_read(
    client: stripe.StripeClient, web: RunningWeb, secret_key: str
) -> None:
    types = client.v1.reporting.report_types.list().data
    one = client.v1.reporting.report_types.retrieve("ledger.trial_balance.1")

    run = client.v1.reporting.report_runs.create(
        {
            "report_type": one.id,
            "parameters": {
                "interval_start": OCTOBER,
                "interval_end": NOVEMBER,
                "currency": "eur",
            },
        }
    )

    assert one.name in {each.name for each in types}
    assert (run.status, run.report_type, run.parameters.currency) == ("succeeded", one.id, "eur")
    assert client.v1.reporting.report_runs.retrieve(run.id).id == run.id
    assert [each.id for each in client.v1.reporting.report_runs.list().auto_paging_iter()] == [
        run.id
    ]
    assert run.result is not None
    assert run.result.url is not None
    file = httpx.get(f"{web.url}{run.result.url}", auth=(secret_key, ""))
    assert hashlib.sha256(file.content).hexdigest() == run.result["sha256"]


def test_a_report_that_is_not_there_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.reporting.report_types.retrieve("balance.summary.1")

    assert (refusal.value.http_status, refusal.value.param) == (404, "id")
