"""What became of the latest attempts, by gateway."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from apps.common.ids import first_id
from apps.fraud.policies import BLOCK_CODE
from apps.gateways.records import GatewayRecord
from apps.payments.states import AttemptStatus, ErrorClass

WINDOW: Final = timedelta(hours=24)
# Enough to tell a slow gateway from a fast one, and read within milliseconds.
LATEST: Final = 5_000

# An attempt whose predecessor ran elsewhere is where a payment left that gateway.
_RECORDS: Final = """
WITH latest AS (
    SELECT intent_id, number, gateway, status, error_class, decline_code, created_at, finished_at
    FROM payments_paymentattempt WHERE id >= %(since)s ORDER BY id DESC LIMIT %(latest)s
), moved AS (
    SELECT *, lead(gateway) OVER tries AS next_gateway, lead(created_at) OVER tries AS next_at
    FROM latest WHERE decline_code <> %(blocked)s
    WINDOW tries AS (PARTITION BY intent_id ORDER BY number)
)
SELECT gateway, count(*),
       count(*) FILTER (WHERE status = %(unknown)s OR error_class = %(not_sent)s),
       percentile_disc(0.95) WITHIN GROUP (
           ORDER BY extract(epoch FROM finished_at - created_at) * 1000),
       max(next_at) FILTER (WHERE next_gateway <> gateway)
FROM moved GROUP BY gateway
"""


def list_gateway_records(*, now: datetime) -> Mapping[str, GatewayRecord]:
    """Return the record of each gateway that had attempts within `WINDOW`, of at most `LATEST`."""
    asked: dict[str, str | int] = {
        "since": first_id("att", now - WINDOW),
        "latest": LATEST,
        "blocked": BLOCK_CODE,
        "unknown": AttemptStatus.UNKNOWN,
        "not_sent": ErrorClass.NOT_SENT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS, asked)
        return {
            gateway: GatewayRecord(
                attempts=attempts,
                faults=faults,
                p95_ms=None if p95 is None else int(p95),
                left_at=left_at,
            )
            for gateway, attempts, faults, p95, left_at in cursor.fetchall()
        }
