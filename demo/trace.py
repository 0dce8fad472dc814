"""The trace of a payment, for a person."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any


def trace_lines(trace: dict[str, Any]) -> Iterator[str]:
    """Yield the story of the payment, one step a line, with the time since the first step."""
    steps: list[dict[str, Any]] = trace["data"]
    if not steps:
        return
    first = datetime.fromisoformat(steps[0]["at"])
    for step in steps:
        seconds = (datetime.fromisoformat(step["at"]) - first).total_seconds()
        head = f"+{seconds:6.3f}s  {step['kind']:<8}{step['status']:<11}"
        if "postings" in step:
            yield head + str(step["summary"]).partition(":")[0]
            yield from map(_posting, step["postings"])
        else:
            yield head + step["summary"]


def _posting(leg: dict[str, Any]) -> str:
    side = "debit" if leg["amount"] > 0 else "credit"
    amount = f"{abs(leg['amount'])} {leg['currency']}"
    return f"{side:>36}{amount:>14}  {leg['account']} ({leg['layer']})"
