"""Token buckets that all workers of an installation share: an atomic script in Redis, by the clock of Redis.

A bucket that Redis does not know begins empty, so nothing it forgets (FLUSHALL, a restart) becomes a burst.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

logger = logging.getLogger(__name__)

# A bucket holds at most so many seconds' worth: the longest burst, and what one taker gets at once.
BURST: Final = 5.0
# How long a worker waits for Redis.
SOCKET_SECONDS: Final = 1.0
# When Redis could not be asked, it is asked again after this long.
AGAIN_SECONDS: Final = 5.0
# Whoever was told to come back and does not within this time loses its place.
LATE_SECONDS: Final = 10.0
# A bucket that nobody asked for so long is forgotten.
IDLE_SECONDS: Final = 600

# KEYS: two for each bucket, what it holds and who waits for it. ARGV: the taker, the tokens wanted, the time (empty
# outside of tests), and for each bucket its tokens a second and the most it holds. Returns the tokens granted, and as
# text the seconds after which to ask again. Nobody takes from a bucket while somebody else has waited for it longer.
TAKE: Final = """
local taker, wanted, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if not now then
    local clock = redis.call('TIME')
    now = clock[1] + clock[2] / 1000000
end
local late, idle = tonumber(ARGV[4]), tonumber(ARGV[5])
local granted, buckets = wanted, {}
for i = 1, #KEYS / 2 do
    local bucket = {key = KEYS[2 * i - 1], queue = KEYS[2 * i]}
    local rate, most = tonumber(ARGV[4 + 2 * i]), tonumber(ARGV[5 + 2 * i])
    local held = redis.call('HMGET', bucket.key, 'tokens', 'at')
    local tokens, at = tonumber(held[1] or 0), tonumber(held[2] or now)
    bucket.tokens = math.min(most, tokens + math.max(0, now - at) * rate)
    bucket.at = math.max(at, now)
    bucket.rate, bucket.most, bucket.ahead = rate, most, 0
    for _, waiting in ipairs(redis.call('ZRANGE', bucket.queue, 0, -1)) do
        local until_ = tonumber(redis.call('HGET', bucket.key, 'late:' .. waiting) or 0)
        if until_ <= now then
            redis.call('ZREM', bucket.queue, waiting)
            redis.call('HDEL', bucket.key, 'late:' .. waiting)
        elseif waiting == taker then
            break
        else
            bucket.ahead = bucket.ahead + 1
        end
    end
    bucket.open = bucket.ahead == 0 and math.floor(bucket.tokens + 0.000001) or 0
    granted = math.min(granted, bucket.open)
    buckets[i] = bucket
end
local wait = 0
for _, bucket in ipairs(buckets) do
    if granted > 0 then
        bucket.tokens = math.max(0, bucket.tokens - granted)
        redis.call('ZREM', bucket.queue, taker)
        redis.call('HDEL', bucket.key, 'late:' .. taker)
    elseif wanted > 0 and bucket.open == 0 then
        local target = math.max(1, math.min(wanted, bucket.most / 2))
        local own = math.max(1 / bucket.rate, (target - bucket.tokens) / bucket.rate)
        own = own + bucket.ahead * math.min(1, bucket.most / bucket.rate)
        wait = math.max(wait, own)
    end
    redis.call('HSET', bucket.key, 'tokens', string.format('%.6f', bucket.tokens), 'at', string.format('%.6f', bucket.at))
end
for _, bucket in ipairs(buckets) do
    if granted == 0 and wanted > 0 and bucket.open == 0 then
        redis.call('ZADD', bucket.queue, 'NX', string.format('%.6f', now), taker)
        redis.call('HSET', bucket.key, 'late:' .. taker, string.format('%.6f', now + wait + late))
    end
    redis.call('EXPIRE', bucket.key, idle)
    redis.call('EXPIRE', bucket.queue, idle)
end
return {granted, string.format('%.6f', wait)}
"""

# KEYS: what each bucket holds. ARGV: the tokens that come back, and the most that each bucket holds.
GIVE_BACK: Final = """
for i, key in ipairs(KEYS) do
    local tokens = redis.call('HGET', key, 'tokens')
    if tokens then
        local full = math.min(tonumber(ARGV[1 + i]), tonumber(tokens) + tonumber(ARGV[1]))
        redis.call('HSET', key, 'tokens', string.format('%.6f', full))
    end
end
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit of so many tokens a minute, known to all workers by its key."""

    key: str
    per_minute: float

    @property
    def a_second(self) -> float:
        """The tokens that flow in."""
        return self.per_minute / 60

    @property
    def most(self) -> float:
        """The tokens that it holds at most: a few seconds' worth, at least one."""
        return max(1.0, self.a_second * BURST)

    def holds(self) -> str:
        """Return the key of what it holds. The braces keep both keys on one node of a cluster."""
        return f"throttle:{{{self.key}}}"

    def waits(self) -> str:
        """Return the key of who waits for it."""
        return f"throttle:{{{self.key}}}:waiting"


@dataclass(frozen=True, slots=True)
class Taken:
    """What was granted; where that is nothing, after how many seconds to ask again."""

    tokens: int
    again: float = 0.0


class Unreachable:
    """Whether Redis failed last time, so that an outage is logged once and not with every call."""

    is_known = False


def take(buckets: Sequence[Bucket], *, wanted: int, taker: str, now: float | None = None) -> Taken:
    """Take up to `wanted` tokens from every bucket at once: as many as the emptiest of them grants.

    `taker` names who asks; those that were refused get their turn in the order in which they first asked. `now` (in
    seconds) stands for the clock of Redis in tests. Without Redis nothing is granted.
    """
    keys = [key for bucket in buckets for key in (bucket.holds(), bucket.waits())]
    figures = [figure for bucket in buckets for figure in (bucket.a_second, bucket.most)]
    moment = "" if now is None else repr(now)
    try:
        granted, again = _scripts(settings.REDIS_URL)[0](
            keys, [taker, wanted, moment, LATE_SECONDS, IDLE_SECONDS, *figures]
        )
    except redis.RedisError as error:
        _note_outage(error)
        return Taken(0, AGAIN_SECONDS)
    Unreachable.is_known = False
    return Taken(int(granted), float(again))


def give_back(buckets: Sequence[Bucket], tokens: int) -> None:
    """Return tokens that were taken and not used; without Redis they are lost, which costs a little time."""
    if tokens <= 0 or not buckets:
        return
    try:
        _scripts(settings.REDIS_URL)[1]([bucket.holds() for bucket in buckets], [tokens, *(b.most for b in buckets)])
    except redis.RedisError as error:
        _note_outage(error)


def _note_outage(error: redis.RedisError) -> None:
    if not Unreachable.is_known:
        logger.error("throttle: Redis cannot be asked, nothing with a limit is sent: %s", error)
    Unreachable.is_known = True


@lru_cache(maxsize=4)
def _client(url: str) -> Any:
    """Return this process's client; its pool notices a fork. A connection that a restart cut is opened anew."""
    return redis.Redis.from_url(
        url,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


@lru_cache(maxsize=4)
def _scripts(url: str) -> tuple[Script, Script]:
    client = _client(url)
    return client.register_script(TAKE), client.register_script(GIVE_BACK)
