"""Find a merchant's rows by their ids."""

from collections.abc import Collection
from typing import Any, TypeVar

from django.db import models

from apps.common.errors import ResourceMissing
from apps.common.origin import Scope

M = TypeVar("M", bound=models.Model)

# How much of an unknown id a refusal repeats.
SHOWN_ID_CHARS = 60


def get_row(
    rows: models.Manager[M] | models.QuerySet[M],
    scope: Scope,
    id_: Any,
    *,
    resource: str,
    param: str | None = None,
) -> M:
    """
    Return the row with this id within the walls of the call; `rows` may be locked.

    :raises ResourceMissing: not of this account and mode; names the `resource` and the `param`
    """
    row = rows.filter(pk=id_, merchant_id=scope.merchant_id, livemode=scope.livemode).first()
    if row is None:
        raise ResourceMissing(resource=resource, id=str(id_)[:SHOWN_ID_CHARS], param=param)
    return row


def get_rows(
    rows: models.Manager[M] | models.QuerySet[M], scope: Scope, ids: Collection[Any]
) -> models.QuerySet[M]:
    """Return those of the rows with these ids that are within the walls of the call."""
    return rows.filter(pk__in=ids, merchant_id=scope.merchant_id, livemode=scope.livemode)
