"""What the platform tells Prometheus: under the names of the contract, and only so much."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

import config.urls  # noqa: F401 - the API's counters begin when its views are loaded
from apps.common.metrics import render_metrics, sources
from apps.gateways.errors import GatewayNotSent, GatewayUnknown
from apps.outbox.models import Message
from apps.payments.services.refunds import request_refund, run_refund
from deploy.observability.boards import BOARDS
from tests.conftest import ApiClient
from tests.factories.payments import (
    SCOPE,
    TESTER,
    confirmed_intent,
    created_intent,
    stored_method,
)
from tests.fake_gateway import FakeGateway

ROOT = Path(__file__).resolve().parents[2]
# The contract of names (and of labels): whoever watches the platform counts on them.
CONTRACT = {
    "pay_payment_attempts_total": {"processor", "method", "outcome", "decline_group"},
    "pay_payment_duration_seconds_bucket": {"processor", "le"},
    "pay_processor_request_duration_seconds_bucket": {"processor", "op", "result", "le"},
    "pay_failover_total": {"from", "to", "reason"},
    "pay_circuit_state": {"processor", "op"},
    "pay_idempotency_total": {"result"},
    "pay_outbox_pending": set(),
    "pay_outbox_oldest_age_seconds": set(),
    "pay_dead_letters": {"queue"},
    "pay_webhook_deliveries_total": {"direction", "result"},
    "pay_ledger_imbalance_minor": {"currency"},
    "pay_recon_breaks": {"kind"},
    "pay_recon_last_success_timestamp_seconds": {"gateway"},
    "pay_dispute_open": {"status"},
    "pay_dispute_due_seconds_min": set(),
    "pay_chargeback_ratio": {"network"},
    "pay_dunning_total": {"step", "result"},
    "pay_refunds_total": {"result"},
    "pay_approvals_pending": set(),
}
MOST_SERIES = 2000
# Of others: Prometheus itself and the blackbox exporter.
FOREIGN = {"up", "probe_ssl_earliest_cert_expiry"}


@pytest.fixture(autouse=True)
def _ask_anew() -> Iterator[None]:
    sources.forget()
    yield
    sources.forget()


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def shown() -> dict[str, list[Any]]:
    families = text_string_to_metric_families(render_metrics().decode())
    samples: dict[str, list[Any]] = {}
    for family in families:
        samples.setdefault(family.name, [])
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample)
    return samples


def known_names() -> set[str]:
    """Return every name that a query may use, with the suffixes of counters and histograms."""
    plain = {name.removesuffix("_total") for name in shown()}
    suffixes = ("", "_total", "_bucket", "_count", "_sum")
    return {f"{name}{suffix}" for name in plain for suffix in suffixes}


@pytest.mark.django_db
def test_every_name_of_the_contract_is_there() -> None:
    assert set(CONTRACT) - known_names() == set()


@pytest.mark.django_db
def test_labels_are_those_of_the_contract_and_the_series_stay_few() -> None:
    samples = shown()
    ours = {name: rows for name, rows in samples.items() if name.startswith("pay_")}

    for name, labels in CONTRACT.items():
        for sample in samples.get(name, []):
            assert set(sample.labels) == labels, name
    assert sum(len(rows) for rows in ours.values()) < MOST_SERIES


@pytest.mark.django_db
def test_what_has_counted_nothing_yet_has_the_labels_of_the_contract_as_well() -> None:
    render_metrics()
    counters = REGISTRY._names_to_collectors.items()
    declared = {name: set(getattr(each, "_labelnames", ())) for name, each in counters}
    declared |= {metric.name: set(vars(metric)["_labelnames"]) for metric in sources.collect()}

    assert {name: declared[name] for name in CONTRACT} == {
        name: labels - {"le"} for name, labels in CONTRACT.items()
    }


@pytest.mark.django_db
def test_boards_and_rules_ask_only_for_what_there_is() -> None:
    folder = ROOT / "deploy" / "observability" / "prometheus"
    recorded = set(re.findall(r"record: (\S+)", (folder / "rules.yml").read_text()))
    queries = [query.expr for board in BOARDS for panel in board.panels for query in panel.queries]
    rules = (folder / "rules.yml").read_text() + (folder / "alerts.yml").read_text()
    text = "\n".join([*queries, *re.findall(r"expr: (?:>\n)?((?:.+\n)(?: {10,}.+\n)*)", rules)])

    asked = set(re.findall(r"\b(?:pay|api|fraud|probe)[_:][\w:]+|\bup\b", text))

    assert asked - known_names() - recorded == FOREIGN


@pytest.mark.django_db
def test_gauges_cost_the_database_one_round_in_ten_seconds(
    django_assert_max_num_queries: Any,
) -> None:
    with django_assert_max_num_queries(2 * len(settings.METRIC_SOURCES)):
        render_metrics()
    with django_assert_max_num_queries(0):
        render_metrics()


@pytest.mark.django_db
def test_an_event_that_waits_and_a_dead_letter_are_seen(gateway: FakeGateway) -> None:
    created_intent()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_message SET available_at = now() - interval '90 seconds'"
            " WHERE id = (SELECT min(id) FROM outbox_message)"
        )
    waiting = Message.objects.count()

    samples = shown()

    assert samples["pay_outbox_pending"][0].value == waiting
    assert 90 <= samples["pay_outbox_oldest_age_seconds"][0].value < 100
    assert samples["pay_dead_letters"][0].value == 0
    # A charge that was not made has moved nothing.
    assert {s.value for s in samples.get("pay_ledger_imbalance_minor", [])} <= {0.0}


@pytest.mark.django_db
def test_a_payment_counts_its_outcome_once_and_its_call(gateway: FakeGateway) -> None:
    labels = {
        "processor": gateway.name, "method": "card", "outcome": "captured", "decline_group": "",
    }  # fmt: skip
    call = {"processor": gateway.name, "op": "create", "result": "ok"}
    payments = counted("pay_payment_attempts_total", **labels)
    calls = counted("pay_processor_request_duration_seconds_count", **call)

    confirmed_intent()

    assert counted("pay_payment_attempts_total", **labels) == payments + 1
    assert counted("pay_processor_request_duration_seconds_count", **call) == calls + 1


@pytest.mark.django_db
def test_a_refund_counts_its_end_and_a_payment_how_long_it_took(gateway: FakeGateway) -> None:
    took = {"processor": gateway.name}
    refunds = counted("pay_refunds_total", result="succeeded")
    payments = counted("pay_payment_duration_seconds_count", **took)

    intent = confirmed_intent(amount=900)
    now = timezone.now()
    asked = request_refund(scope=SCOPE, intent_id=intent.id, amount=100, origin=TESTER, now=now)
    run_refund(refund_id=asked.id, now=now)

    assert counted("pay_refunds_total", result="succeeded") == refunds + 1
    assert counted("pay_payment_duration_seconds_count", **took) == payments + 1


@pytest.mark.django_db
def test_an_unknown_outcome_counts_as_that(gateway: FakeGateway) -> None:
    gateway.after = [GatewayUnknown("read timeout"), GatewayUnknown("read timeout")]
    labels = {
        "processor": gateway.name, "method": "card", "outcome": "unknown", "decline_group": "",
    }  # fmt: skip
    before = counted("pay_payment_attempts_total", **labels)

    confirmed_intent()

    assert counted("pay_payment_attempts_total", **labels) == before + 1


@pytest.mark.django_db
def test_a_failover_names_both_gateways_and_the_reason(
    two_gateways: tuple[FakeGateway, FakeGateway],
) -> None:
    first, second = two_gateways
    first.before = [GatewayNotSent("connection refused")]
    labels = {"from": first.name, "to": second.name, "reason": "not_sent"}
    before = counted("pay_failover_total", **labels)

    confirmed_intent(token=stored_method(first.name, second.name).id)

    assert counted("pay_failover_total", **labels) == before + 1


@pytest.mark.django_db
def test_keys_count_by_what_they_met(api: ApiClient) -> None:
    def keys() -> dict[str, float]:
        names = ("new", "replay", "conflict")
        return {name: counted("pay_idempotency_total", result=name) for name in names}

    before = keys()
    api.post("/v1/customers", {"email": "a@example.com"}, key="k-1")
    api.post("/v1/customers", {"email": "a@example.com"}, key="k-1")
    api.post("/v1/customers", {"email": "b@example.com"}, key="k-1")

    after = keys()
    assert {name: after[name] - before[name] for name in after} == {
        "new": 1, "replay": 1, "conflict": 1,
    }  # fmt: skip


@pytest.mark.django_db
def test_the_address_serves_both_kinds() -> None:
    answer = Client(REMOTE_ADDR="127.0.0.1").get("/metrics")

    assert answer.status_code == 200
    assert b"pay_payment_attempts_total" in answer.content
    assert b"pay_outbox_pending 0.0" in answer.content


def test_an_installation_without_optional_packages_tells_its_metrics() -> None:
    program = (
        "import sys\n"
        "for name in ('numpy', 'lightgbm', 'confluent_kafka', 'opentelemetry', 'sentry_sdk'):\n"
        "    sys.modules[name] = None\n"
        "import django\n"
        "django.setup()\n"
        "import config.urls\n"
        "from apps.common.metrics import _load_counters\n"
        "_load_counters()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
