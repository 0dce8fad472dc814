"""Everything that the platform holds about one customer, for the person who asked for it."""

import json
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from apps.common.origin import Origin, Scope
from apps.common.rows import get_row
from apps.compliance.models import DataRequest, RequestKind
from apps.compliance.personal_data import OBJECT_IDS, SECTIONS, Section
from apps.customers.models import Customer

# Of one section. `left_out` counts the rest, which the API's lists show page by page.
MAX_ROWS: Final = 10_000

_ROWS = """
SELECT to_jsonb(own_row) - %(hidden)s::text[], count(*) OVER ()
  FROM (SELECT * FROM {table} WHERE {where}) AS own_row LIMIT %(limit)s
"""
_EVENTS = """
SELECT jsonb_build_object('id', id, 'type', type, 'object_id', object_id, 'actor', actor,
                          'created_at', created_at), count(*) OVER ()
  FROM outbox_event WHERE object_id IN ({objects}) ORDER BY id LIMIT %(limit)s
"""
# Walls and machinery of ours tell a person nothing about themselves.
_NEVER_SHOWN: Final = ("merchant_id", "livemode", "version")


def export_customer(
    *, scope: Scope, customer_id: str, origin: Origin, now: datetime
) -> dict[str, Any]:
    """
    Return all that is stored about the customer, by section, and note that it was given out.

    Rows are as they are stored: amounts are minor units, times are ISO 8601. A deleted customer
    can be exported; of an erased one there is nothing left but money and ids.

    :raises ResourceMissing: no such customer in this account and mode
    """
    customer = get_row(Customer.objects, scope, customer_id, resource="customer", param="customer")
    with transaction.atomic():
        sections, left_out = _read_sections(customer.id)
        request = DataRequest.objects.create(
            merchant_id=scope.merchant_id,
            livemode=scope.livemode,
            customer_id=customer.id,
            kind=RequestKind.EXPORT,
            actor=origin.actor,
            request_id=origin.request_id,
            idempotency_key=origin.idempotency_key,
            counts={name: len(rows) for name, rows in sections.items()},
            created_at=now,
            finished_at=now,
        )
    return {
        "id": request.id,
        "object": "customer_export",
        "created": int(now.timestamp()),
        "customer": customer.id,
        "left_out": left_out,
        "livemode": scope.livemode,
        "sections": sections,
    }


def _read_sections(customer_id: str) -> tuple[dict[str, list[Any]], dict[str, int]]:
    sections: dict[str, list[Any]] = {}
    left_out: dict[str, int] = {}
    statements = {section.name: _rows_of(section) for section in SECTIONS if section.key == "id"}
    hidden = {section.name: [*_NEVER_SHOWN, *section.hidden] for section in SECTIONS}
    statements["events"] = _EVENTS.format(objects=OBJECT_IDS.format(customer="%(customer)s"))
    with connection.cursor() as cursor:
        for name, statement in statements.items():
            cursor.execute(
                statement,
                {"customer": customer_id, "limit": MAX_ROWS, "hidden": hidden.get(name, [])},
            )
            rows = cursor.fetchall()
            sections[name] = [_as_json(row) for row, _ in rows]
            if rows and rows[0][1] > MAX_ROWS:
                left_out[name] = rows[0][1] - MAX_ROWS
    return sections, left_out


def _rows_of(section: Section) -> str:
    return _ROWS.format(table=section.table, where=section.where.format(customer="%(customer)s"))


def _as_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
