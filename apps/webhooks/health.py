"""How endpoints fared within the last day: read from their newest deliveries."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from apps.common.ids import first_id

HOURS: Final = 24
# The newest deliveries of an endpoint that are looked at: beside many endpoints, and on its page.
LOOK_THROUGH_IN_LISTS: Final = 500
LOOK_THROUGH: Final = 5_000
_HOUR_SECONDS: Final = 3600

_SQL: Final = """
WITH recent AS MATERIALIZED (
    SELECT wanted.id AS endpoint_id, delivery.*
      FROM unnest(%s::varchar[]) AS wanted (id)
     CROSS JOIN LATERAL (
        SELECT id, status, attempts, created_at FROM webhooks_delivery
         WHERE endpoint_id = wanted.id AND id >= %s
         ORDER BY id DESC LIMIT %s
     ) delivery
), took AS (
    SELECT endpoint_id,
           percentile_disc(0.95) WITHIN GROUP (ORDER BY attempt.duration_ms) AS p95_ms
      FROM recent JOIN webhooks_deliveryattempt attempt ON attempt.delivery_id = recent.id
     GROUP BY endpoint_id
)
SELECT endpoint_id, floor(extract(epoch FROM %s - created_at) / %s)::int AS hours_ago,
       count(*) FILTER (WHERE status = 'succeeded'), count(*), min(p95_ms)
  FROM recent LEFT JOIN took USING (endpoint_id)
 WHERE status = 'succeeded' OR status <> 'canceled' AND attempts > 0
 GROUP BY 1, 2
"""


@dataclass(slots=True)
class Health:
    """
    How many deliveries were tried and arrived, by hours ago; how long the slowest in 20 took.

    `p95_ms` is of all tries, None without any.
    """

    hours: dict[int, tuple[int, int]] = field(default_factory=dict)
    p95_ms: int | None = None

    @property
    def tried(self) -> int:
        return sum(tried for _, tried in self.hours.values())

    @property
    def arrived(self) -> int:
        return sum(arrived for arrived, _ in self.hours.values())


def read_health(
    endpoint_ids: Collection[str], *, now: datetime, look_through: int = LOOK_THROUGH
) -> Mapping[str, Health]:
    """Return how these endpoints fared within 24 hours."""
    since = first_id("wd", now - timedelta(hours=HOURS))
    health = {endpoint_id: Health() for endpoint_id in endpoint_ids}
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [list(endpoint_ids), since, look_through, now, _HOUR_SECONDS])
        for endpoint_id, hours_ago, arrived, tried, p95_ms in cursor:
            health[endpoint_id].hours[hours_ago] = (arrived, tried)
            health[endpoint_id].p95_ms = p95_ms
    return health
