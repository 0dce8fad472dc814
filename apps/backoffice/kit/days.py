"""How many rows of a list each of the last days brought, drawn small."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.contrib.admin.options import IncorrectLookupParameters
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.backoffice.kit.counts import narrow
from apps.common.ids import first_id
from apps.common.sql import planned_for_values

DAYS: Final = 30
# The newest so many rows are counted, whatever the filter finds: fewer than a page may look at.
ROWS_COUNTED: Final = 20_000
# Fewer whole days than this are no course of anything.
DAYS_LEAST: Final = 3
_HEIGHT, _STEP, _WIDTH = 24, 6, 4

_PER_DAY: Final = """
SELECT (created_at AT TIME ZONE 'UTC')::date, count(*) FROM ({rows}) AS row GROUP BY 1
"""


def draw_days(screen: Any, request: HttpRequest, query: str) -> SafeString | str:
    """
    Return the course of the list under a filter, "" where there is none to be seen.

    Days are those of UTC. A day of which not all rows were counted is left out.
    """
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    try:
        shown = narrow(screen, request, query)
    except IncorrectLookupParameters:
        return ""
    with planned_for_values():
        if shown.reads_rows:
            first = max(first, _first_looked_at(shown.root_queryset))
        found = _count(shown.queryset.filter(pk__gte=_first_id(screen, first)))
    if sum(found.values()) == ROWS_COUNTED:
        first = min(found) + timedelta(days=1)
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    counts = {day: found.get(day, 0) for day in days}
    return _draw(counts) if len(days) >= DAYS_LEAST and any(counts.values()) else ""


def _first_looked_at(rows: QuerySet[Any]) -> date:
    """Return the first whole day among the rows that a filter without an index looks at."""
    times = rows.order_by("-pk").values_list("created_at", flat=True)
    last: datetime | None = next(iter(times[ROWS_COUNTED - 1 : ROWS_COUNTED]), None)
    return date.min if last is None else last.astimezone(UTC).date() + timedelta(days=1)


def _first_id(screen: Any, day: date) -> str:
    return first_id(screen.days_of, datetime.combine(day, time.min, tzinfo=UTC))


def _count(rows: QuerySet[Any]) -> dict[date, int]:
    times = rows.order_by("-pk").values("created_at")[:ROWS_COUNTED]
    sql, params = times.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_PER_DAY.format(rows=sql), params)
        return dict(cursor.fetchall())


def _draw(counts: Mapping[date, int]) -> SafeString:
    """Return a column for each day, and in words what they come to."""
    most = max(counts.values())
    busiest = max(counts, key=counts.__getitem__)
    # What is little is still seen.
    heights = [max(count * _HEIGHT // most, 1) if count else 0 for count in counts.values()]
    bars = format_html_join(
        "",
        '<rect class="bo-bar bo-bar-busy" x="{}" y="{}" width="{}" height="{}"/>',
        (
            (place * _STEP, _HEIGHT - height, _WIDTH, height)
            for place, height in enumerate(heights)
            if height
        ),
    )
    said = gettext("%(sum)s in %(days)s days, most on %(day)s: %(most)s") % {
        "sum": f"{sum(counts.values()):,}",
        "days": len(counts),
        "day": busiest.isoformat(),
        "most": f"{most:,}",
    }
    return format_html(
        '<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true" focusable="false">'
        '{2}<rect class="bo-track" y="{3}" width="{0}" height="1"/></svg> {4}',
        len(counts) * _STEP,
        _HEIGHT + 1,
        bars,
        _HEIGHT,
        said,
    )
