"""`manage.py trigger`: each event it offers does happen."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.api.models import Merchant
from apps.outbox.models import Event
from apps.payments.management.commands.trigger import _TRIGGERS
from simulator.testing import RunningSimulator
from tests.live.conftest import simulator

__all__ = ["simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.mark.parametrize("event", sorted(_TRIGGERS))
def test_the_event_happens_in_test_mode(
    event: str, merchant: Merchant, simulator: RunningSimulator
) -> None:
    told = StringIO()

    call_command("trigger", event, "--merchant", merchant.name, stdout=told)

    happened = Event.objects.get(object_id=told.getvalue().strip(), type=event)
    assert (happened.merchant_id, happened.livemode) == (merchant.id, False)
    assert happened.actor == "staff:shell"


@pytest.mark.parametrize(
    "words", [["no.such.event", "--merchant", "x"], ["customer.created", "--merchant", "nobody"]]
)
def test_what_it_cannot_do_is_refused(words: list[str], db: None) -> None:
    with pytest.raises(CommandError):
        call_command("trigger", *words)

    assert not Event.objects.exists()
