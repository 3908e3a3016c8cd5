"""The queue of turns that wait for a process: how long it is."""

import logging
from functools import cache

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

# The list under which Celery keeps the messages of the queue.
QUEUE = "send"
# A broker that does not answer is not waited for: the turn goes on.
BROKER_SECONDS = 1


def waiting() -> int:
    """Return how many messages wait in the queue; 0 where the broker cannot be asked."""
    try:
        return int(broker(settings.REDIS_URL).llen(QUEUE))
    except redis.RedisError as error:
        logger.warning("the length of the queue is not known: %s", error)
        return 0


@cache
def broker(url: str) -> "redis.Redis":
    """Return the client of a broker, which keeps its connection."""
    return redis.Redis.from_url(url, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS)
