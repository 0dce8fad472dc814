"""Sentry hears of errors where an installation wants that, without secrets; or is not there."""

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from apps.common.sentry import report_errors, scrub

DSN = "https://public@sentry.example/1"


class Kept(Transport):
    """Keeps what would be sent."""

    envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Envelope]]:
    init = sentry_sdk.init
    monkeypatch.setattr(sentry_sdk, "init", lambda **options: init(transport=Kept, **options))
    Kept.envelopes.clear()
    yield Kept.envelopes
    init(dsn=None)


def test_what_is_logged_as_an_error_is_reported_without_secrets(kept: list[Envelope]) -> None:
    report_errors(DSN, environment="staging")

    logging.getLogger("apps.payments").error("refused 4242424242424242 of ada@payer.example")
    logging.getLogger("apps.payments").warning("nothing to report")

    (envelope,) = kept
    event = envelope.get_event()
    assert event is not None
    assert event["environment"] == "staging"
    assert event["logentry"]["message"] == "refused [card number] of [redacted]"
    assert event["level"] == "error"


def test_without_an_address_nothing_of_sentry_is_loaded() -> None:
    asked = "import sys, django; django.setup(); print('sentry_sdk' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_sentry_gets_neither_bodies_nor_secrets() -> None:
    report = scrub(
        {
            "message": "refused 4242424242424242 with sk_test_51abcdefghijk",
            "request": {"url": "https://x/v1/refunds", "data": {"email": "a@example.com"},
                        "headers": {"Authorization": "Bearer sk_test_1"}, "cookies": "a=b"},
        },
        {},
    )  # fmt: skip

    assert report["request"] == {"url": "https://x/v1/refunds"}
    assert report["message"] == "refused [card number] with [redacted]"
