"""Write what stands encrypted anew under the newest key, so that older keys can be taken away."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

from apps.common.encryption import (
    DecryptionFailed,
    EncryptedTextField,
    blind_index,
    decrypt,
    encrypt,
    is_current,
)

# Rows rewritten in one transaction: short enough that payments hardly wait for the locks.
BATCH = 200


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done to one column; `unreadable` rows were written with a key that is gone."""

    column: str
    rewritten: int
    unreadable: int


def rotate_field_keys() -> Iterator[Rotated]:
    """Rewrite every encrypted column of the platform, a batch at a time."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield _rotate_column(model, field)


def _rotate_column(model: type[models.Model], field: EncryptedTextField) -> Rotated:
    table, column = model._meta.db_table, str(field.column)
    context = f"{table}.{column}"
    rewritten = unreadable = 0
    last: Any = None
    while rows := _next_rows(model, column, last):
        last = rows[-1][0]
        stale = [(pk, stored) for pk, stored in rows if stored and not is_current(stored)]
        with transaction.atomic():
            for pk, stored in stale:
                try:
                    plain = decrypt(stored, context=context)
                except DecryptionFailed:
                    unreadable += 1
                    continue
                rewritten += _rewrite(model, field, pk, stored, plain)
    return Rotated(context, rewritten, unreadable)


def _next_rows(model: type[models.Model], column: str, last: Any) -> list[tuple[Any, str]]:
    pk, table = model._meta.pk.column, model._meta.db_table
    where = f"WHERE {pk} > %s" if last is not None else ""
    select = f"SELECT {pk}, {column} FROM {table} {where} ORDER BY {pk} LIMIT {BATCH}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(select, [last] if last is not None else [])
        return list(cursor.fetchall())


def _rewrite(
    model: type[models.Model], field: EncryptedTextField, pk: Any, stored: str, plain: str
) -> int:
    """Write it anew unless somebody has changed it meanwhile; the digest beside it goes along."""
    table, column = model._meta.db_table, str(field.column)
    context = f"{table}.{column}"
    values = {column: encrypt(plain, context=context)}
    if field.digest_column:
        values[field.digest_column] = blind_index(plain, context=context)
    assignments = ", ".join(f"{name} = %s" for name in values)
    is_same = f"{model._meta.pk.column} = %s AND {column} = %s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {assignments} WHERE {is_same}",  # noqa: S608
            [*values.values(), pk, stored],
        )
        return int(cursor.rowcount)
