"""How money, moments, statuses and ids look to people."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from babel.numbers import format_decimal
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.backoffice.kit.reader import may_open, page_of
from apps.common.money import exponent, to_major

NOTHING: Final = "\u2013"


class Tone(StrEnum):
    """What a colour says: nobody has to act, somebody waits, somebody has to act."""

    GOOD = "good"
    NEUTRAL = "neutral"
    BUSY = "busy"
    WARNING = "warning"
    BAD = "bad"


def money(amount: int | None, currency: str) -> str:
    """Return e.g. `1,234.50 EUR` for minor units; the currency decides about the decimals."""
    if amount is None:
        return NOTHING
    decimals = exponent(currency)
    pattern = f"#,##0.{'0' * decimals}" if decimals else "#,##0"
    number = format_decimal(to_major(amount, currency), format=pattern, locale="en")
    # A no-break space: an amount never loses its currency at the end of a line.
    return f"{number}\u00a0{currency.upper()}"


def plain_amount(amount: int, currency: str) -> str:
    """Return major units as a person would type them: `1234.50`."""
    return f"{to_major(amount, currency):.{exponent(currency)}f}"


def moment(at: datetime | None) -> SafeString | str:
    """Return a short time; the page shows it in the reader's zone, with UTC when pointed at."""
    if at is None:
        return NOTHING
    utc = timezone.localtime(at, timezone.get_default_timezone())
    return format_html(
        '<time class="bo-time" datetime="{}" title="{} UTC">{}</time>',
        utc.isoformat(),
        f"{utc:%Y-%m-%d %H:%M:%S}",
        f"{utc:%d %b %H:%M}",
    )


def age(at: datetime, *, now: datetime) -> str:
    """Return how long ago that was, in the largest unit: `3 d`, `12 min`."""
    seconds = max(0, int((now - at).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def words(code: str) -> str:
    """Return a status or another code as a person says it: `requires_capture` in words."""
    return gettext(code.replace("_", " ").capitalize()) if code else ""


def chip(text: str, tone: Tone = Tone.NEUTRAL) -> SafeString:
    """Return a small coloured label."""
    return format_html('<span class="bo-chip bo-chip-{}">{}</span>', tone, text)


def mode_chip(*, livemode: bool) -> SafeString:
    """Return whether the money is real."""
    return chip("Live", Tone.GOOD) if livemode else chip("Test")


def person(actor: str) -> str:
    """Return who an actor such as `staff:ada@shop.example` is."""
    return actor.partition(":")[2] or NOTHING


def strip(tones: Sequence[Tone]) -> SafeString:
    """Return a row of small coloured cells, the oldest first; the words stand beside it."""
    cells = format_html_join(
        "",
        '<rect class="bo-bar bo-bar-{}" x="{}" width="4" height="14" rx="1"/>',
        ((tone, place * 5) for place, tone in enumerate(tones)),
    )
    return format_html(
        '<svg class="bo-strip" viewBox="0 0 {0} 14" width="{0}" height="14" aria-hidden="true"'
        ' focusable="false">{1}</svg>',
        len(tones) * 5,
        cells,
    )


def identifier(id_: str) -> SafeString | str:
    """Return an id that can be copied with a click; one of ours leads to its page."""
    if not id_:
        return NOTHING
    url, shown = page_of(id_), format_html("<code>{}</code>", id_)
    return format_html(
        '<span class="bo-id">{1}'
        '<button type="button" class="bo-copy material-symbols-outlined" data-copy="{0}"'
        ' aria-label="Copy {0}">content_copy</button></span>',
        id_,
        link(url, shown) if url else shown,
    )


def copyable(text: str) -> SafeString:
    """Return words that can be copied with a click."""
    return format_html(
        '<span class="bo-said">{0} <button type="button" class="bo-copy material-symbols-outlined"'
        ' data-copy="{0}" aria-label="Copy">content_copy</button></span>',
        text,
    )


def link(url: str, text: str) -> SafeString:
    """Return a link to another page of the back-office, or its text to who may not open that."""
    if not may_open(url):
        return format_html("{}", text)
    return format_html('<a class="bo-link" href="{}">{}</a>', url, text)


def outside(url: str, text: str) -> SafeString:
    """Return a link to somebody else's site, which opens beside ours and learns nothing of it."""
    return format_html(
        '<a class="bo-link" href="{}" target="_blank" rel="noopener noreferrer">{} ↗</a>', url, text
    )


def stacked(first: str, second: str) -> SafeString:
    """Return two lines of a cell, the second one smaller."""
    return format_html('<span class="bo-stack">{}<small>{}</small></span>', first, second)


def masked(email: str) -> str:
    """Return an e-mail address by which only those recognise it who know it."""
    name, at, domain = email.partition("@")
    return f"{name[:1]}•••@{domain}" if at else email and f"{email[:1]}•••"
