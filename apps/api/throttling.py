"""
The rate limits: token buckets in Redis, per API key, per address and per customer.

A request takes from the buckets of its key and its address in one round trip; a write that names a
customer from the customer's in another. See docs/api/limits.md for what they are for.

Without Redis every request is allowed: payments matter more than the limit. That is counted and
logged, and for a second after a failure nobody asks Redis again, so that a dead one slows nothing.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import redis
from django.conf import settings
from prometheus_client import Counter

from apps.api.errors import RateLimited
from apps.common.origin import Scope

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 0.05
PAUSE_AFTER_FAILURE_SECONDS: Final = 1.0
_MICROSECONDS: Final = 1_000_000

_unavailable = Counter("api_rate_limit_unavailable", "Requests allowed because Redis was away.")
_refused = Counter("api_rate_limited", "Requests refused by a rate limit.", ["kind"])

# A bucket is one number: the time at which it is full again. Time is the Redis server's. Either
# all buckets give a token or none does; the answer names the first one that is empty, from 1, or
# else what is left in the first one.
_TAKE: Final = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local rooms, per_token = {}, {}
for i, key in ipairs(KEYS) do
    per_token[i] = math.floor(1000000 / ARGV[i])
    local full_at = math.max(tonumber(redis.call('GET', key) or 0), now)
    rooms[i] = ARGV[i] * per_token[i] - (full_at - now)
    if rooms[i] < per_token[i] then
        return {i, 0, per_token[i] - rooms[i]}
    end
end
for i, key in ipairs(KEYS) do
    local full_in = ARGV[i] * per_token[i] - rooms[i] + per_token[i]
    redis.call('SET', key, string.format('%.0f', now + full_in), 'PX',
               math.ceil(full_in / 1000) + 1)
end
return {0, math.floor(rooms[1] / per_token[1]) - 1,
        ARGV[1] * per_token[1] - rooms[1] + per_token[1]}
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is limited, how it is called in Redis, and how many requests a second it gives."""

    subject: str
    name: str
    limit: int


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


def take_token(key_id: str, *, write: bool, address: str = "") -> Allowance:
    """
    Count one request of an API key and of the address it comes from.

    :raises RateLimited: a bucket is empty; carries the Allowance as `allowance`
    """
    buckets = [_key_bucket(key_id, write=write)]
    if address:
        buckets.append(_address_bucket(address))
    return _take(buckets, kind="write" if write else "read")


def take_address_token(address: str) -> Allowance:
    """
    Count one request without a valid key, so that keys are not guessed at any speed.

    :raises RateLimited: the address has sent too many requests, with or without a key
    """
    bucket = _address_bucket(address)
    return _take([bucket], kind="keyless") if address else Allowance(bucket.limit, bucket.limit, 0)


def take_customer_token(customer_id: str, *, scope: Scope) -> None:
    """
    Count one write about a customer.

    :raises RateLimited: too many writes about one customer
    """
    mode = "live" if scope.livemode else "test"
    name = f"rl:customer:{scope.merchant_id}:{mode}:{customer_id}"
    limit: int = settings.RATE_LIMIT_CUSTOMER_WRITES_PER_SECOND
    _take([Bucket("customer", name, limit)], kind="customer")


def _key_bucket(key_id: str, *, write: bool) -> Bucket:
    limit = settings.RATE_LIMIT_WRITES_PER_SECOND if write else settings.RATE_LIMIT_READS_PER_SECOND
    return Bucket("key", f"rl:{key_id}:{'write' if write else 'read'}", limit)


def _address_bucket(address: str) -> Bucket:
    return Bucket("address", f"rl:address:{address}", settings.RATE_LIMIT_ADDRESS_PER_SECOND)


def _take(buckets: Sequence[Bucket], *, kind: str) -> Allowance:
    answer = _ask(buckets) if settings.RATE_LIMIT_ENABLED else None
    if answer is None:
        return Allowance(buckets[0].limit, buckets[0].limit, 0)
    empty, remaining, wait_microseconds = answer
    bucket = buckets[max(0, empty - 1)]
    allowance = Allowance(bucket.limit, remaining, -(-wait_microseconds // _MICROSECONDS))
    if empty:
        _refused.labels(kind).inc()
        raise RateLimited(
            limit=bucket.limit,
            subject=bucket.subject,
            retry_after=max(1, allowance.reset_seconds),
            allowance=allowance,
        )
    return allowance


class _Pause:
    """Until when Redis is left alone; a plain float, since a race costs one more question."""

    until = 0.0


def _ask(buckets: Sequence[Bucket]) -> tuple[int, int, int] | None:
    if time.monotonic() < _Pause.until:
        _unavailable.inc()
        return None
    try:
        result: Any = _script()(
            keys=[bucket.name for bucket in buckets], args=[bucket.limit for bucket in buckets]
        )
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
