"""
Counts of attempts, in Redis: incremented first, then read, in one script and one round trip.

Of attempts at the same moment each sees itself and those before it, so a limit lets exactly as
many pass as it says (AC-93). While Redis is away PostgreSQL counts, in the same form and just as
exactly; what Redis had counted before is missing then, and the assessment says so (`degraded`).
"""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import redis
from django.conf import settings
from django.db import connection
from prometheus_client import Counter

from apps.fraud.profiles import KEEP_DAYS, SECONDS_PER_DAY, Profile, read_profile

logger = logging.getLogger(__name__)

# The whole assessment has 50 ms; a Redis that needs this long is as good as away.
TIMEOUT_SECONDS: Final = 0.02
PAUSE_AFTER_FAILURE_SECONDS: Final = 1.0

_unavailable = Counter("fraud_velocity_unavailable", "Assessments counted without Redis.")

# What all keys begin with, inside their braces.
KEY_PREFIX: Final = "fr"

# Who is counted. The order is that of the keys in the script.
ENTITIES: Final = ("card", "customer", "ip", "email", "email_domain", "device")


@dataclass(frozen=True, slots=True)
class Window:
    """Counted in buckets of `seconds`: the running one and the `buckets` before it."""

    name: str
    letter: str
    seconds: int
    buckets: int


WINDOWS: Final = (
    Window("1h", "m", 300, 12),
    Window("24h", "h", 3_600, 24),
    Window("7d", "d", 86_400, 7),
)
# Two like attempts within this long are suspected to be one wish (AC-17).
DUPLICATE_SECONDS: Final = 60
_ONCE_SECONDS: Final = 86_400
_VELOCITY_SECONDS: Final = 8 * SECONDS_PER_DAY
_PROFILE_SECONDS: Final = (KEEP_DAYS + 1) * SECONDS_PER_DAY
# Cards remembered per IP address or customer, and like attempts; a number at this limit means "at
# least".
MAX_DISTINCT: Final = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """
    An attempt as it is counted: `entities` are keyed digests, empty where nothing is known.

    `former` holds the digests of the key before, while there is one. `amount` is hundredths of the
    currency's major unit; of nothing, when a card is only saved:
    that is no purchase, so no profile knows of it. `like` is equal for attempts that look the same.
    """

    scope: str
    once: str
    entities: Mapping[str, str]
    seller: str
    currency: str
    like: str
    amount: int
    at: int
    former: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What was counted; `is_exact` is False when the past before an outage is missing."""

    velocity: Mapping[str, int]
    card: Profile
    seller: Profile
    is_exact: bool = True


def digest(value: str, *, key: str = "") -> str:
    """
    Return what stands for an address, e-mail or card in keys and records; "" for nothing.

    `key` is FRAUD_HASH_KEY unless given.
    """
    if not value:
        return ""
    secret = (key or settings.FRAUD_HASH_KEY).encode()
    return hmac.new(secret, value.strip().lower().encode(), hashlib.sha256).hexdigest()[:24]


# KEYS: guard, duplicate, card profile, seller profile, cards of the IP, cards of the customer,
# then one per known entity. Profiles tell of the past only, so they are read before they count.
_COUNT: Final = """
local at, amount, card = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local today, keep = math.floor(at / 86400), tonumber(ARGV[4])
local is_new = redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[5])

local function read(key)
    local flat, kept, old = redis.call('HGETALL', key), {}, {}
    for i = 1, #flat, 2 do
        local day = string.match(flat[i], '^(%d+):')
        if day and tonumber(day) <= today - keep then
            old[#old + 1] = flat[i]
        else
            kept[#kept + 1] = flat[i]
            kept[#kept + 1] = flat[i + 1]
        end
    end
    if #old > 0 then redis.call('HDEL', key, unpack(old)) end
    return kept
end

local function is_outlier(fields)
    local count, total = 0, 0
    for i = 1, #fields, 2 do
        local letter = string.match(fields[i], ':(%a)$')
        if letter == 'n' then count = count + fields[i + 1] end
        if letter == 'o' then count = count - fields[i + 1] end
        if letter == 's' then total = total + fields[i + 1] end
    end
    return count >= 3 and amount * count > 3 * total
end

local function remember(key, outlier)
    local day = string.format('%d', today)
    redis.call('HINCRBY', key, day .. ':n', 1)
    if outlier then
        redis.call('HINCRBY', key, day .. ':o', 1)
    else
        redis.call('HINCRBY', key, day .. ':s', ARGV[2])
        redis.call('HINCRBY', key, day .. ':q', string.format('%.0f', amount * amount))
    end
    redis.call('HSETNX', key, 'first', ARGV[1])
    redis.call('HSET', key, 'last', ARGV[1])
    redis.call('EXPIRE', key, ARGV[6])
end

local answer = {read(KEYS[3]), read(KEYS[4])}
if is_new and amount > 0 then
    local outlier = is_outlier(answer[1])
    remember(KEYS[3], outlier)
    remember(KEYS[4], outlier)
    redis.call('ZADD', KEYS[2], at, KEYS[1])
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. at - ARGV[7])
    redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -tonumber(ARGV[8]) - 1)
    redis.call('EXPIRE', KEYS[2], ARGV[7] + 1)
end
answer[3] = redis.call('ZCOUNT', KEYS[2], at - ARGV[7], '+inf')

for i = 5, 6 do
    if is_new then
        redis.call('ZADD', KEYS[i], at, card)
        redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', at - 86400)
        redis.call('ZREMRANGEBYRANK', KEYS[i], 0, -tonumber(ARGV[8]) - 1)
        redis.call('EXPIRE', KEYS[i], 86400)
    end
    answer[#answer + 1] = redis.call('ZCOUNT', KEYS[i], at - 3600, '+inf')
    answer[#answer + 1] = redis.call('ZCARD', KEYS[i])
end

for i = 7, #KEYS do
    local fields = {}
    for letter, size in string.gmatch(ARGV[10], '(%a):(%d+)') do
        local bucket = letter .. math.floor(at / size)
        if is_new then
            redis.call('HINCRBY', KEYS[i], bucket .. ':n', 1)
            redis.call('HINCRBY', KEYS[i], bucket .. ':s', ARGV[2])
        end
    end
    if is_new then redis.call('EXPIRE', KEYS[i], ARGV[9]) end
    local flat, old = redis.call('HGETALL', KEYS[i]), {}
    for j = 1, #flat, 2 do
        local letter, bucket = string.match(flat[j], '^(%a)(%d+):')
        local size, most = string.match(ARGV[10], letter .. ':(%d+):(%d+)')
        if not size or tonumber(bucket) < math.floor(at / size) - most then
            old[#old + 1] = flat[j]
        else
            fields[#fields + 1] = flat[j]
            fields[#fields + 1] = flat[j + 1]
        end
    end
    for from = 1, #old, 1000 do
        redis.call('HDEL', KEYS[i], unpack(old, from, math.min(from + 999, #old)))
    end
    answer[#answer + 1] = fields
end
return answer
"""
_WINDOWS_ARG: Final = " ".join(f"{w.letter}:{w.seconds}:{w.buckets}" for w in WINDOWS)


def count_attempt(sighting: Sighting) -> Counts:
    """
    Count the attempt and return what is known with it; counting it again only reads.

    Never fails for want of Redis.
    """
    answer = _ask(sighting)
    if answer is None:
        _unavailable.inc()
        return _count_in_sql(sighting)
    card, seller, alike, ip_1h, ip_24h, customer_1h, customer_24h, *hashes = answer
    velocity = {
        "like_attempts_1m": alike,
        "ip_cards_1h": ip_1h,
        "ip_cards_24h": ip_24h,
        "customer_cards_1h": customer_1h,
        "customer_cards_24h": customer_24h,
    }
    for entity, flat in zip(_known(sighting), hashes, strict=True):
        velocity.update(read_windows(entity, _pairs(flat), at=sighting.at))
    if not sighting.entities.get("ip"):
        velocity.update(ip_cards_1h=0, ip_cards_24h=0)
    if not sighting.entities.get("customer"):
        velocity.update(customer_cards_1h=0, customer_cards_24h=0)
    return Counts(
        velocity=velocity, card=read_profile(_pairs(card)), seller=read_profile(_pairs(seller))
    )


def recount(sighting: Sighting) -> None:
    """
    Count an attempt of the past.

    :raises redis.RedisError: Redis is away; nothing is counted anywhere else
    """
    _script()(keys=_keys(sighting), args=_arguments(sighting))


def forget_counts() -> None:
    """
    Delete every count and profile of all merchants.

    :raises redis.RedisError: Redis is away
    """
    client = redis_client()
    for key in client.scan_iter(match=f"{{{KEY_PREFIX}:*", count=1_000):
        client.unlink(key)


def read_windows(
    entity: str, fields: Mapping[bytes, bytes], *, at: int, letters: str = "nsx"
) -> dict[str, int]:
    """Return the counts per window: attempts (n), their sum (s) and declines (x)."""
    names = {"n": "attempts", "s": "amount", "x": "declines"}
    counts = {f"{entity}_{names[k]}_{w.name}": 0 for w in WINDOWS for k in letters}
    by_letter = {window.letter: window for window in WINDOWS}
    for name, value in fields.items():
        bucket, _, kind = name.decode().partition(":")
        window = by_letter.get(bucket[0])
        if window and int(bucket[1:]) >= at // window.seconds - window.buckets:
            counts[f"{entity}_{names[kind]}_{window.name}"] += int(value)
    return counts


def count_decline(*, scope: str, entities: Mapping[str, str], at: int, attempt_id: str) -> None:
    """Count a bank's no against the card, the IP and the rest; hearing it twice counts once."""
    _change(
        f"{{{scope}}}:once:{attempt_id}:x",
        [
            (f"{{{scope}}}:v:{entity}:{entities[entity]}", _buckets(at, "x"), _VELOCITY_SECONDS)
            for entity in ENTITIES
            if entities.get(entity)
        ],
    )


def learn_fraud(
    *,
    scope: str,
    card: str,
    seller: str,
    currency: str,
    at: int,
    attempt_id: str,
    is_plain: bool,
) -> None:
    """Note in the profiles that the purchase of back then was fraud; twice counts once."""
    day = at // SECONDS_PER_DAY
    field = {f"{day}:f": 1, **({f"{day}:p": 1} if is_plain else {})}
    _change(
        f"{{{scope}}}:once:{attempt_id}:f",
        [
            (f"{{{scope}}}:p:card:{currency}:{card}", field, _PROFILE_SECONDS),
            (f"{{{scope}}}:p:seller:{currency}:{seller}", field, _PROFILE_SECONDS),
        ],
    )


def _buckets(at: int, kind: str) -> dict[str, int]:
    return {f"{window.letter}{at // window.seconds}:{kind}": 1 for window in WINDOWS}


def _change(guard: str, changes: Iterable[tuple[str, Mapping[str, int], int]]) -> None:
    """Add to hashes once; Redis being away costs these counts and nothing else."""
    try:
        client = redis_client()
        if not client.set(guard, "1", nx=True, ex=_VELOCITY_SECONDS):
            return
        with client.pipeline(transaction=True) as pipeline:
            for key, fields, seconds in changes:
                for field, by in fields.items():
                    pipeline.hincrby(key, field, by)
                pipeline.expire(key, seconds)
            pipeline.execute()
    except redis.RedisError as error:
        logger.warning("risk counts were not changed, Redis does not answer: %s", error)


def _known(sighting: Sighting) -> list[str]:
    return [entity for entity in ENTITIES if sighting.entities.get(entity)]


def _keys(sighting: Sighting) -> list[str]:
    """Return the keys in the order of the script; the braces keep them in one slot of a cluster."""
    scope = f"{{{sighting.scope}}}"
    profile, *counters = _hashed_keys(sighting, sighting.entities)
    return [
        f"{scope}:once:{sighting.once}",
        f"{scope}:alike:{sighting.like}",
        profile,
        f"{scope}:p:seller:{sighting.currency}:{sighting.seller}",
        *counters,
    ]


def _hashed_keys(sighting: Sighting, of: Mapping[str, str]) -> list[str]:
    """Return the keys that name somebody by a digest: profile, cards of the IP, of the customer."""
    scope = f"{{{sighting.scope}}}"
    return [
        f"{scope}:p:card:{sighting.currency}:{of['card']}",
        f"{scope}:cards:ip:{of.get('ip', '')}",
        f"{scope}:cards:customer:{of.get('customer', '')}",
        *(f"{scope}:v:{entity}:{of[entity]}" for entity in _known(sighting)),
    ]


def _carry_over(sighting: Sighting) -> None:
    """
    Give the counters of the key before their new names, each when it is first needed again.

    This card's old name goes from the sets, since its new one is put in with the attempt.
    """
    with redis_client().pipeline(transaction=False) as pipeline:
        before = _hashed_keys(sighting, sighting.former)
        for old, new in zip(before, _hashed_keys(sighting, sighting.entities), strict=True):
            pipeline.renamenx(old, new)
            if ":cards:" in new:
                pipeline.zrem(new, sighting.former["card"])
        # That there is nothing to be carried over is the usual answer, and an error to Redis.
        pipeline.execute(raise_on_error=False)


class _Pause:
    """Until when Redis is left alone; a plain float, since a race costs one more question."""

    until = 0.0


def _ask(sighting: Sighting) -> Any:
    if time.monotonic() < _Pause.until:
        return None
    try:
        if sighting.former:
            _carry_over(sighting)
        return _script()(keys=_keys(sighting), args=_arguments(sighting))
    except redis.RedisError as error:
        _Pause.until = time.monotonic() + PAUSE_AFTER_FAILURE_SECONDS
        logger.warning("velocity is counted in PostgreSQL, Redis does not answer: %s", error)
        return None


def _arguments(sighting: Sighting) -> Sequence[Any]:
    return [
        sighting.at, sighting.amount, sighting.entities["card"], KEEP_DAYS, _ONCE_SECONDS,
        _PROFILE_SECONDS, DUPLICATE_SECONDS, MAX_DISTINCT, _VELOCITY_SECONDS, _WINDOWS_ARG,
    ]  # fmt: skip


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


_COUNT_IN_SQL: Final = "SELECT fraud_count_attempt(%s::jsonb)"


def _count_in_sql(sighting: Sighting) -> Counts:
    buckets = [*_buckets(sighting.at, "n"), *_buckets(sighting.at, "s")]
    job = {
        "guard": f"{sighting.scope}:{sighting.once}"[:200],
        "like": f"{sighting.scope}:{sighting.like}",
        "like_since": sighting.at - DUPLICATE_SECONDS,
        "at": sighting.at,
        "amount": sighting.amount,
        "expires_at": sighting.at + _VELOCITY_SECONDS,
        "keys": {
            entity: f"{sighting.scope}:{entity}:{sighting.entities[entity]}"
            for entity in _known(sighting)
        },
        "buckets": buckets,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_IN_SQL, [json.dumps(job)])
        answer = json.loads(cursor.fetchone()[0])
    velocity = {
        "like_attempts_1m": answer["like"],
        "ip_cards_1h": 0, "ip_cards_24h": 0, "customer_cards_1h": 0, "customer_cards_24h": 0,
    }  # fmt: skip
    for entity in _known(sighting):
        fields = {k.encode(): str(v).encode() for k, v in answer["counts"].get(entity, {}).items()}
        velocity.update(read_windows(entity, fields, at=sighting.at))
    return Counts(velocity=velocity, card=Profile(), seller=Profile(), is_exact=False)


@cache
def redis_client() -> Any:
    """Return this process's client; it takes a connection from its pool for each command."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )


@cache
def _script() -> Any:
    return redis_client().register_script(_COUNT)
