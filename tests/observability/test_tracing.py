"""One request is one trace, from the API through the gateway to the handlers of its events."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from apps.api.models import Merchant
from apps.common import tracing
from apps.common.origin import Scope
from apps.outbox.relay import drain
from apps.payments.services.sweeps import sweep_attempts
from apps.webhooks.sender import send_due
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway, decline
from tests.webhooks.receivers import receiver
from tests.webhooks.shop import endpoint


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    monkeypatch.setattr(tracing, "_tracer", lambda: tracer)
    yield exporter
    provider.shutdown()


def pay(api: ApiClient, **headers: str) -> Any:
    return api.post(
        "/v1/payment_intents",
        {"amount": 1000, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"},
        **headers,
    )


def trace_id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


@pytest.mark.django_db
def test_request_gateway_and_handlers_are_one_trace(
    api: ApiClient, gateway: FakeGateway, spans: InMemorySpanExporter
) -> None:
    gateway.script = [decline("insufficient_funds")]
    request_id = pay(api).headers["Request-Id"]
    # What happened before in one transaction leaves in order, so the failure is not the first.
    drain(now=timezone.now())

    by_name = {span.name: span for span in spans.get_finished_spans()}
    request, call = by_name["POST IntentList"], by_name["gateway create"]
    handled = [span for name, span in by_name.items() if name.startswith("handle ")]
    digest = hashlib.sha256(request_id.encode()).digest()
    assert {trace_id(span) for span in (request, call, *handled)} == {
        int.from_bytes(digest[:16], "big")
    }
    assert handled
    assert call.parent is not None
    assert request.context is not None
    assert call.parent.span_id == request.context.span_id
    assert call.attributes == {"processor": gateway.name}


@pytest.mark.django_db(transaction=True)
def test_worker_gateway_and_webhook_belong_to_the_request_s_trace(
    api: ApiClient,
    merchant: Merchant,
    gateway: FakeGateway,
    spans: InMemorySpanExporter,
    settings: Any,
) -> None:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    now = timezone.now()
    with receiver() as shop:
        hook = endpoint(shop.url, scope=Scope(merchant.id, livemode=False))
        answer = pay(api, Prefer="respond-async")
        # The web process has gone on; workers do the rest.
        assert sweep_attempts(now=now + timedelta(seconds=1)) == 1
        drain(now=now)
        assert send_due(now=now) > 0

    digest = hashlib.sha256(answer.headers["Request-Id"].encode()).digest()
    finished = spans.get_finished_spans()
    mine = [span for span in finished if trace_id(span) == int.from_bytes(digest[:16], "big")]
    names = {span.name for span in mine}
    assert answer.status_code == 202
    assert {
        "POST IntentList", "sweep payments_paymentattempt", "gateway create", "deliver webhook",
    } <= names  # fmt: skip
    sent = [span for span in mine if span.name == "deliver webhook"]
    told = {message["id"]: message["type"] for message in shop.messages}
    assert {dict(span.attributes or {})["event"] for span in sent} == set(told)
    assert {"payment_intent.created", "payment_intent.succeeded"} <= set(told.values())
    assert {dict(span.attributes or {})["endpoint"] for span in sent} == {hook.id}
    assert {message["request"]["id"] for message in shop.messages} == {answer.headers["Request-Id"]}


@pytest.mark.django_db
def test_another_request_is_another_trace(
    api: ApiClient, gateway: FakeGateway, spans: InMemorySpanExporter
) -> None:
    pay(api)
    pay(api)

    requests = [span for span in spans.get_finished_spans() if span.name == "POST IntentList"]
    assert len({trace_id(span) for span in requests}) == 2


@pytest.mark.django_db
def test_nothing_is_traced_without_a_collector(api: ApiClient, gateway: FakeGateway) -> None:
    tracing._tracer.cache_clear()

    assert pay(api).status_code == 200
    assert tracing._tracer() is None
