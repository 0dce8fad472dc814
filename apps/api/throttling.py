"""
The rate limit: a token bucket per API key in Redis, one round trip per request.

Without Redis every request is allowed: payments matter more than the limit. That is counted and
logged, and for a second after a failure nobody asks Redis again, so that a dead one slows nothing.
"""

import logging
import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import redis
from django.conf import settings
from prometheus_client import Counter

from apps.api.errors import RateLimited

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 0.05
PAUSE_AFTER_FAILURE_SECONDS: Final = 1.0
_MICROSECONDS: Final = 1_000_000

_unavailable = Counter("api_rate_limit_unavailable", "Requests allowed because Redis was away.")
_refused = Counter("api_rate_limited", "Requests refused by the rate limit.", ["kind"])

# The bucket is one number: the time at which it is full again. Time is the Redis server's.
_TAKE: Final = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local per_token, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local room = burst * per_token - (full_at - now)
if room < per_token then
    return {0, 0, per_token - room}
end
full_at = full_at + per_token
local lifetime = math.ceil((full_at - now) / 1000) + 1
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', lifetime)
return {1, math.floor((room - per_token) / per_token), full_at - now}
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the limit said; `reset_seconds` is when the bucket is full again, or lets one pass."""

    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        """Return the headers of the answer."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


def take_token(key_id: str, *, write: bool) -> Allowance:
    """
    Count one request of an API key.

    :raises RateLimited: the key's bucket is empty; carries the Allowance as `allowance`
    """
    limit = settings.RATE_LIMIT_WRITES_PER_SECOND if write else settings.RATE_LIMIT_READS_PER_SECOND
    kind = "write" if write else "read"
    answer = _ask(f"rl:{key_id}:{kind}", limit) if settings.RATE_LIMIT_ENABLED else None
    if answer is None:
        return Allowance(limit, limit, 0)
    is_allowed, remaining, wait_microseconds = answer
    allowance = Allowance(limit, remaining, -(-wait_microseconds // _MICROSECONDS))
    if not is_allowed:
        _refused.labels(kind).inc()
        refusal = RateLimited(limit=limit, retry_after=max(1, allowance.reset_seconds))
        refusal.context["allowance"] = allowance
        raise refusal
    return allowance


class _Pause:
    """Until when Redis is left alone; a plain float, since a race costs one more question."""

    until = 0.0


def _ask(name: str, limit: int) -> tuple[int, int, int] | None:
    if time.monotonic() < _Pause.until:
        _unavailable.inc()
        return None
    try:
        result: Any = _script()(keys=[name], args=[_MICROSECONDS // limit, limit])
    except redis.RedisError as error:
        _Pause.until = time.monotonic() + PAUSE_AFTER_FAILURE_SECONDS
        _unavailable.inc()
        logger.warning("rate limit is off, Redis does not answer: %s", error)
        return None
    return int(result[0]), int(result[1]), int(result[2])


@cache
def _script() -> Any:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
    return client.register_script(_TAKE)
