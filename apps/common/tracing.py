"""
Traces through request, gateway, outbox and worker, for a collector of OpenTelemetry.

All work for one request is one trace, whose id is computed of the request's id: whatever carries
the request's id, such as every event, carries the trace, days later and in other processes too.
Nothing is loaded and next to nothing is spent while OTEL_EXPORTER_OTLP_ENDPOINT is empty.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer


@contextmanager
def span(name: str, *, request_id: str = "", **attributes: str) -> Iterator[None]:
    """
    Trace the work within; `request_id` says for whom, where no span around it does.

    An exception that leaves it marks the span as failed, and goes on. Attributes are ids and names,
    never amounts, people or secrets.
    """
    tracer = _tracer()
    if tracer is None:
        yield
        return
    context = _context_of(request_id) if request_id else None
    with tracer.start_as_current_span(name, context=context, attributes=attributes):
        yield


@cache
def _tracer() -> "Tracer | None":
    """Return the tracer of this process, made when first asked for: after a fork, not before."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": "payments"}))
    # As OpenTelemetry has it: the endpoint is the collector's, each signal has a path below.
    base = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/")
    exporter = OTLPSpanExporter(endpoint=f"{base}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("payments")


def _context_of(request_id: str) -> "Context":
    """Return the request as a parent: its trace and span ids are a digest of its own id."""
    from opentelemetry import trace  # noqa: PLC0415

    digest = hashlib.sha256(request_id.encode()).digest()
    parent = trace.SpanContext(
        trace_id=int.from_bytes(digest[:16], "big"),
        span_id=int.from_bytes(digest[16:24], "big"),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))
