"""
The log of what a customer did: written as lines of text, which the packet reads as a table again.

Evidence is text, which people shorten and add to before it is sent. So each line stands for itself:
one that has our form is a row, any other stays as it was written. Pure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

# Stands between the parts of a line.
_BETWEEN = " · "
_LINE = re.compile(rf"(\d{{4}}-\d\d-\d\d \d\d:\d\d) UTC{_BETWEEN}(.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """One thing that a customer did; `at` is in UTC, as it is written: `2026-11-02 09:15`."""

    at: str
    action: str
    ip_address: str = ""
    device: str = ""


def use_at(moment: datetime, *, action: str, ip_address: str, device: str) -> Use:
    """Return what was done at that moment; each part on one line."""
    action, ip_address, device = (" ".join(each.split()) for each in (action, ip_address, device))
    at = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
    return Use(at=at, action=action, ip_address=ip_address, device=device)


def write_log(uses: Iterable[Use], *, left_out: str = "") -> str:
    """Return the log as text, a line for each; `left_out` says how many more there are."""
    lines = [
        _BETWEEN.join(filter(None, (f"{use.at} UTC", use.action, use.ip_address, use.device)))
        for use in uses
    ]
    return "\n".join([*lines, *filter(None, [left_out])])


def read_line(line: str) -> Use | None:
    """Return what a line of the log tells, None when it has another form."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        return None
    at, told = found.groups()
    parts = told.split(_BETWEEN)
    # An action may hold what stands between the parts. What it was done from tells where it ends.
    place = next((place for place, part in enumerate(parts) if place and _is_address(part)), None)
    if place is None:
        action, *device = parts
        return Use(at=at, action=action, device=_BETWEEN.join(device))
    return Use(
        at=at,
        action=_BETWEEN.join(parts[:place]),
        ip_address=parts[place],
        device=_BETWEEN.join(parts[place + 1 :]),
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
