"""Log lines: what they are about, and what never stands in them."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone

from apps.common.logs import about, begin_work, logging_config
from apps.gateways.errors import GatewayUnknown
from apps.payments.services.sweeps import sweep_attempts
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway

PAY: Final = {
    "amount": 1000, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa",
}  # fmt: skip


class Lines:
    """What was logged, line by line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Add the production's own formatter to the loggers of this process."""
    lines = Lines()
    config = logging_config(form="json", level="INFO")["formatters"]["line"]
    factory = config.pop("()")
    handler = logging.StreamHandler(lines.stream)
    handler.setFormatter(factory(**config))
    root = logging.getLogger()
    root.addHandler(handler)
    begin_work()
    yield lines
    root.removeHandler(handler)


def test_a_line_says_when_how_bad_who_and_what(lines: Lines) -> None:
    logging.getLogger("apps.somewhere").warning("paid %s", "in full")

    (line,) = lines.read()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "paid in full", "level": "warning", "logger": "apps.somewhere"}


def test_what_the_work_is_about_stands_on_its_lines_and_on_no_other(lines: Lines) -> None:
    logger = logging.getLogger("apps.somewhere")
    begin_work(request_id="req_1")
    with about(payment="pi_1"):
        logger.error("within")
    logger.error("after")
    begin_work(job="other")
    logger.error("elsewhere")

    within, after, elsewhere = lines.read()
    assert (within["request_id"], within["payment"]) == ("req_1", "pi_1")
    assert (after["request_id"], "payment" in after) == ("req_1", False)
    assert (elsewhere["job"], "request_id" in elsewhere) == ("other", False)


@pytest.mark.parametrize(
    "secret",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "sk_test_51abcdefghijk",
        "whsec_c2VjcmV0c2VjcmV0",
        "pi_1_secret_abcdef",
        "ada@example.com",
    ],
)
def test_no_secret_and_no_person_stands_in_a_line(lines: Lines, secret: str) -> None:
    logger = logging.getLogger("apps.somewhere")
    logger.error("refused %s", secret)
    logger.error("with more", extra={"payload": {"note": secret}})
    with about(note=secret):
        logger.error("bound")
    try:
        int(f"not a number: {secret}")
    except ValueError:
        logger.exception("a traceback")

    assert len(lines.read()) == 4
    assert secret not in lines.stream.getvalue()


def test_a_text_cannot_pretend_to_be_a_line(lines: Lines) -> None:
    logging.getLogger("apps.somewhere").error('end\n{"level": "info", "event": "forged"}')

    assert len(lines.read()) == 1


@pytest.mark.django_db
def test_a_failed_call_names_request_payment_attempt_and_gateway(
    lines: Lines, api: ApiClient, gateway: FakeGateway
) -> None:
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]

    answer = api.post("/v1/payment_intents", PAY)

    first, second = (line for line in lines.read() if "gateway call failed" in line["event"])
    assert first["request_id"] == second["request_id"] == answer.headers["Request-Id"]
    assert first["payment"] == answer.json()["id"]
    assert first["attempt"].startswith("att_")
    assert first["gateway"] == gateway.name


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    config = logging_config(form="text", level="INFO")["formatters"]["line"]
    formatter = config.pop("()")(**config)
    record = logging.LogRecord("apps.x", logging.ERROR, "x.py", 1, "it broke", (), None)
    begin_work(request_id="req_1")

    line = formatter.format(record)

    assert line.endswith("error it broke  logger=apps.x request_id=req_1")


@pytest.mark.django_db
def test_a_worker_s_line_names_the_request_that_asked_and_the_payment(
    lines: Lines, api: ApiClient, gateway: FakeGateway
) -> None:
    answer = api.post("/v1/payment_intents", PAY, Prefer="respond-async")
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]
    begin_work(job="sweep")

    assert sweep_attempts(now=timezone.now() + timedelta(seconds=1)) == 1

    first, *_ = (line for line in lines.read() if "gateway call failed" in line["event"])
    assert first["job"] == "sweep"
    assert first["request_id"] == answer.headers["Request-Id"]
    assert first["payment"] == first["object"] == answer.json()["id"]
    assert first["attempt"].startswith("att_")


@pytest.mark.django_db
def test_nothing_secret_or_personal_of_a_payment_reaches_a_line(
    lines: Lines, api: ApiClient, gateway: FakeGateway
) -> None:
    logging.getLogger("apps").setLevel(logging.DEBUG)
    person = {"receipt_email": "canary@payer.example", "description": "for canary@payer.example"}
    gateway.after = [GatewayUnknown("timeout of sk_live_canary99 for 4242424242424242")] * 2

    answer = api.post("/v1/payment_intents", PAY | person)
    api.post("/v1/payment_intents", PAY | {"description": "card 4242 4242 4242 4242"})

    text = lines.stream.getvalue()
    secrets = (answer.json()["client_secret"], api.secret_key, "canary", "4242424242424242")
    assert "gateway call failed" in text
    assert [secret for secret in secrets if secret in text] == []
    logging.getLogger("apps").setLevel(logging.NOTSET)
