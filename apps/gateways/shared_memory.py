"""The connection to Redis through which processes tell each other how gateways fare."""

import redis
from django.conf import settings

# The path of a payment must not wait for Redis; without its answer each process judges alone.
_SECONDS = 0.05

# What such a connection may raise; none of it is a reason to refuse a payment.
MEMORY_FAULTS: tuple[type[Exception], ...] = (redis.RedisError, OSError)


def connect_memory() -> "redis.Redis":
    """Return a client with a pool of its own; it connects when first used."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS
    )
