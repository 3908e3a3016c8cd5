"""Keeps hits in Redis until they are written: whoever clicks waits for no database."""

import logging
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from time import monotonic
from typing import Any, Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tracking.models import HitSource

logger = logging.getLogger(__name__)

# A stream: what is added stays until whoever wrote it into the database takes it out.
STREAM: Final = "hypermail:hits"
# A click is answered in any case; a Redis that does not answer is not asked again for a while.
SECONDS: Final = 0.5
REST: Final = 5.0
# About 200 MB: the queues of all work are in the same Redis. What comes beyond goes to the database.
MOST: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One hit as it came in; `entry` is its own for ever."""

    entry: str
    campaign: int
    delivery: int
    number: int
    source: HitSource
    at: datetime


class Unreachable(Exception):
    """Redis took nothing."""


class _Rest:
    """Until when this process leaves Redis alone, and until when there was room."""

    until = 0.0
    room_until = 0.0


class _Line(threading.local):
    """A thread's own connection for adding hits: the client's way through its pool costs more than all else of a click."""

    url = ""
    connection: Any = None

    def add(self, data: str) -> None:
        """Add to the stream. Raises redis.RedisError; a connection that a restart cut is opened anew."""
        if self.url != settings.REDIS_URL:
            self.url = settings.REDIS_URL
            self.connection = _client(self.url).connection_pool.make_connection()
        try:
            self._send(data)
        except redis.ConnectionError:
            self._send(data)

    def _send(self, data: str) -> None:
        try:
            self.connection.send_command("XADD", STREAM, "*", "e", data)
            self.connection.read_response()
        except redis.RedisError:
            self.connection.disconnect()
            raise


_line = _Line()


def make_entry(campaign: int, delivery: int, number: int, source: HitSource, at: datetime) -> Entry:
    """Return a new hit with a name of its own, by which it is counted once."""
    return Entry(secrets.token_hex(12), campaign, delivery, number, source, at)


def push(entry: Entry, *, most: int = MOST) -> None:
    """Add a hit. Raises Unreachable, also where so many wait already; it may have been added all the same."""
    now = monotonic()
    if now < _Rest.until:
        raise Unreachable
    try:
        if now >= _Rest.room_until:
            require_room(most)
            _Rest.room_until = now + REST
        _line.add(encode(entry))
    except redis.RedisError as error:
        _Rest.until = monotonic() + REST
        logger.warning("hits go to the database, since Redis does not take them: %s", error)
        raise Unreachable from error


def require_room(most: int) -> None:
    """Raise Unreachable where so many hits wait, and leave Redis alone for a while. Raises redis.RedisError."""
    if _client(settings.REDIS_URL).xlen(STREAM) >= most:
        _Rest.until = monotonic() + REST
        logger.error("hits go to the database, since %s of them wait: does a worker take the queue work?", most)
        raise Unreachable


def waiting() -> int:
    """Return how many hits wait to be written; 0 where Redis cannot be asked."""
    try:
        return int(_client(settings.REDIS_URL).xlen(STREAM))
    except redis.RedisError as error:
        logger.warning("it is not known whether hits wait: %s", error)
        return 0


def take(count: int) -> list[tuple[str, Entry | None]]:
    """Return the oldest hits, each with its place in the stream; None for what cannot be read.

    They stay there until `done`. Raises redis.RedisError.
    """
    found: Any = _client(settings.REDIS_URL).xrange(STREAM, count=count)
    return [(place.decode(), decode(fields.get(b"e", b""))) for place, fields in found]


def done(places: Sequence[str]) -> None:
    """Take out what was written. Raises redis.RedisError."""
    if places:
        _client(settings.REDIS_URL).xdel(STREAM, *places)


def encode(entry: Entry) -> str:
    """Return a hit as one text."""
    moment = int(entry.at.timestamp() * 1000)
    return f"{entry.entry} {entry.campaign} {entry.delivery} {entry.number} {entry.source.value} {moment}"


def decode(data: bytes) -> Entry | None:
    """Return the hit of a text; None where it is none."""
    try:
        name, campaign, delivery, number, source, moment = data.decode().split(" ")
        at = datetime.fromtimestamp(int(moment) / 1000, UTC)
        return Entry(name, int(campaign), int(delivery), int(number), HitSource(source), at)
    except (ValueError, OverflowError, OSError):
        return None


@cache
def _client(url: str) -> Any:
    """Return this process's client; its pool notices a fork. A connection that a restart cut is opened anew."""
    return redis.Redis.from_url(
        url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=Retry(NoBackoff(), 1)
    )
