"""One request is one trace, from the API through the gateway to the handlers of its events."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from apps.common import tracing
from apps.common.sentry import scrub
from apps.outbox.relay import drain
from tests.conftest import ApiClient
from tests.fake_gateway import FakeGateway, decline


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    monkeypatch.setattr(tracing, "_tracer", lambda: tracer)
    yield exporter
    provider.shutdown()


def pay(api: ApiClient) -> Any:
    return api.post(
        "/v1/payment_intents",
        {"amount": 1000, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"},
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
