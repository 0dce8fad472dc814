"""How days of a report look to people."""

from datetime import datetime, timedelta


def days_in_words(since: datetime, until: datetime) -> str:
    """Return the first and the last day of UTC that a span has a part of."""
    last = until - timedelta(microseconds=1)
    return f"{since:%d %b %Y} to {last:%d %b %Y}"
