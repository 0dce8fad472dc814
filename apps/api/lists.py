"""Lists: keyset pages by id, newest first, one statement per page."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from django.db.models import Exists, Model, Q, QuerySet

from apps.api.fields import IntegerField, TextField, TimestampField
from apps.api.schemas import RequestSchema
from apps.common.errors import InvalidParameter, ResourceMissing

M = TypeVar("M", bound=Model)

DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 100
LAST_SECOND: Final = datetime(9999, 12, 31, 23, 59, 58, tzinfo=UTC)


class CreatedRange(RequestSchema):
    gt = TimestampField(required=False)
    gte = TimestampField(required=False)
    lt = TimestampField(required=False)
    lte = TimestampField(required=False)


class CreatedField(CreatedRange):
    """`created[gte]=...`, or `created=...` for one second."""

    def read(self, params: Any, param: str) -> dict[str, Any]:
        """Return lookups of the creation time."""
        if isinstance(params, dict):
            return super().read(params, param)
        return {"exact": TimestampField().read(params, param)}


class ListSchema(RequestSchema):
    """The parameters of every list; a resource adds its filters."""

    limit = IntegerField(required=False, default=DEFAULT_LIMIT, min_value=1, max_value=MAX_LIMIT)
    starting_after = TextField(required=False, max_length=255, min_length=1)
    ending_before = TextField(required=False, max_length=255, min_length=1)
    created = CreatedField(required=False)


def list_page(
    rows: QuerySet[M],
    params: dict[str, Any],
    *,
    url: str,
    show: Callable[[M], dict[str, Any]],
    created_field: str = "created_at",
) -> dict[str, Any]:
    """
    Return one page of `rows`, which are filtered to the caller's scope but not ordered.

    `params` are the loaded parameters of a `ListSchema`; `show` returns a row as the API shows it.

    :raises InvalidParameter: both cursors at once
    :raises ResourceMissing: the cursor is no object of these rows
    """
    limit = params.get("limit", DEFAULT_LIMIT)
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise InvalidParameter(
            "starting_after and ending_before exclude each other.", param="ending_before"
        )
    cursor = after or before
    for lookup, moment in params.get("created", {}).items():
        rows = _created(rows, created_field, lookup, moment)
    page = rows
    if cursor:
        # The look-up of the cursor rides along; a page that is empty asks again on its own below.
        page = rows.filter(Q(pk__lt=cursor) if after else Q(pk__gt=cursor)).filter(
            Exists(rows.filter(pk=cursor))
        )
    found = list(page.order_by("pk" if before else "-pk")[: limit + 1])
    if cursor and not found:
        _check_cursor(rows, cursor, "starting_after" if after else "ending_before")
    has_more, shown = len(found) > limit, found[:limit]
    if before:
        shown.reverse()
    return list_envelope([show(row) for row in shown], url=url, has_more=has_more)


def list_envelope(
    entries: list[dict[str, Any]], *, url: str, has_more: bool = False
) -> dict[str, Any]:
    """Return the list object around the entries."""
    return {"object": "list", "url": url, "has_more": has_more, "data": entries}


def _check_cursor(rows: QuerySet[M], cursor: str, param: str) -> None:
    if not rows.filter(pk=cursor).exists():
        raise ResourceMissing(param=param, resource=_name(rows), id=cursor[:60])


def _name(rows: QuerySet[M]) -> str:
    return str(rows.model._meta.verbose_name)


def _created(rows: QuerySet[M], field: str, lookup: str, moment: datetime) -> QuerySet[M]:
    """
    Filter by creation time in whole seconds, as it is shown: 10.7 is `gte` 10, not `gt` 10.
    """
    last = moment + timedelta(seconds=1) if moment < LAST_SECOND else moment
    conditions = {
        "gte": {"gte": moment},
        "gt": {"gte": last},
        "lt": {"lt": moment},
        "lte": {"lt": last},
        "exact": {"gte": moment, "lt": last},
    }
    return rows.filter(**{f"{field}__{test}": at for test, at in conditions[lookup].items()})
