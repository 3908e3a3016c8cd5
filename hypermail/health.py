"""Answers of machines that watch us: is the process up, and can it work?"""

import logging

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)

BROKER_SECONDS = 2


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers. Asks nobody else, so a broken database restarts no web server."""
    return plain("ok")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether database, migrations and broker are as they should be: 200, or 503 with what is not."""
    faults = [*check_database(), *check_broker()]
    return plain("\n".join(faults) or "ok", status=503 if faults else 200)


def check_database() -> list[str]:
    """Return what is wrong with the database, without details that only the log may have."""
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        logger.exception("the database does not answer")
        return ["database: unreachable"]
    return [f"database: {len(pending)} migrations are not applied"] if pending else []


def check_broker() -> list[str]:
    """Return what is wrong with Redis or Valkey."""
    url = settings.REDIS_URL
    try:
        with redis.Redis.from_url(url, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS) as broker:
            broker.ping()
    except redis.RedisError:
        logger.exception("the broker does not answer")
        return ["broker: unreachable"]
    return []


def plain(text: str, *, status: int = 200) -> HttpResponse:
    """Return plain text with a line end."""
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", status=status)
