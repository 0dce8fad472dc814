"""Slack is told what a person has to look at, once, with a link; without an address nobody is."""

import json
from typing import Any

import httpx
import pytest
from django.utils import timezone

from apps.api.models import Merchant
from apps.common.ids import new_id
from apps.common.origin import CLOCK, Scope
from apps.outbox.models import Event, Message
from apps.outbox.relay import drain
from apps.outbox.services import EventDraft, publish

pytestmark = pytest.mark.django_db

ADDRESS = "https://hooks.slack.example/services/secret"


class Slack:
    """Takes what is posted, or fails."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200

    def post(self, url: str, *, json: Any, timeout: float) -> httpx.Response:
        assert (url, timeout) == (ADDRESS, 5.0)
        self.texts.append(json["text"])
        return httpx.Response(self.status, request=httpx.Request("POST", url))


@pytest.fixture
def slack(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Slack:
    settings.SLACK_WEBHOOK_URL = ADDRESS
    settings.PUBLIC_BASE_URL = "https://pay.example"
    fake = Slack()
    monkeypatch.setattr(httpx, "post", fake.post)
    return fake


def happen(merchant: Merchant, type_: str, object_id: str, **shown: Any) -> Event:
    scope = Scope(merchant.id, livemode=False)
    draft = EventDraft(
        merchant_id=scope.merchant_id,
        livemode=scope.livemode,
        type=type_,
        object_id=object_id,
        sequence=1,
        object={"id": object_id, **shown},
        data={},
        actor=CLOCK.actor,
        created_at=timezone.now(),
    )
    publish(draft)
    drain(now=timezone.now())
    return Event.objects.get(object_id=object_id)


def test_a_run_with_new_exceptions_is_told_with_a_link(merchant: Merchant, slack: Slack) -> None:
    run = new_id("run")

    happen(merchant, "reconciliation.run_completed", run, exceptions={"opened": 2})

    (text,) = slack.texts
    assert text.startswith("[ticket] Statement and ledger differ. <https://pay.example/admin/")
    assert text.endswith(f"|{run}> (reconciliation.run_completed, test mode)")


def test_a_run_in_which_all_agrees_is_not_told(merchant: Merchant, slack: Slack) -> None:
    run = new_id("run")

    happen(merchant, "reconciliation.run_completed", run, exceptions={"opened": 0, "open": 3})

    assert slack.texts == []


def test_a_payment_that_differs_at_its_gateway_wakes_somebody(
    merchant: Merchant, slack: Slack
) -> None:
    happen(merchant, "payment_intent.conflicted", new_id("pi"))

    assert [text.split()[0] for text in slack.texts] == ["[page]"]


def test_slack_away_holds_nothing_up_and_its_address_is_not_logged(
    merchant: Merchant, slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    slack.status = 500

    happen(merchant, "payout.failed", new_id("po"))

    assert not Message.objects.exists()
    assert "Slack did not take the alert" in caplog.text
    assert "secret" not in json.dumps(caplog.text)


def test_without_an_address_nobody_is_told(merchant: Merchant, slack: Slack, settings: Any) -> None:
    settings.SLACK_WEBHOOK_URL = ""

    happen(merchant, "payout.failed", new_id("po"))

    assert slack.texts == []
