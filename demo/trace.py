"""The trace of a payment, for a person."""

from collections.abc import Iterator
from typing import Any


def trace_lines(trace: dict[str, Any]) -> Iterator[str]:
    """Yield one line per step: when, what kind, what happened."""
    for step in trace["data"]:
        yield f"{step['at']:<27} {step['kind']:<9} {step['status']:<12} {step['summary']}"
