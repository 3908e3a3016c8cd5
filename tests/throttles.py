"""What tests do to the token buckets in the session's Valkey."""

from typing import Any

import redis
from django.conf import settings


def connect() -> Any:
    """Return a client of the session's Valkey."""
    return redis.Redis.from_url(settings.REDIS_URL)


def forget_buckets() -> None:
    """Delete every bucket, as a FLUSHALL would."""
    with connect() as client:
        for key in client.scan_iter("throttle:*"):
            client.delete(key)


def fill(key: str, tokens: float) -> None:
    """Make a bucket hold so many tokens, as if it had been left alone."""
    with connect() as client:
        seconds, micros = client.time()
        client.hset(f"throttle:{{{key}}}", mapping={"tokens": tokens, "at": seconds + micros / 1e6})
