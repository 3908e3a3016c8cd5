"""The tick asks for waiting files; the task judges them."""

import json
import os
from collections.abc import Iterator

import pytest
import redis
from django.utils import timezone

from cleaning import tasks
from cleaning.work import Cleaning
from tests.cleaning.conftest import Cleaner
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db
QUEUE = "lists"


@pytest.fixture
def broker(valkey: str) -> Iterator[redis.Redis]:
    """The broker, in whose queue of lists nothing waits."""
    with redis.Redis.from_url(valkey) as client:
        client.delete(QUEUE)
        yield client
        client.delete(QUEUE)


def begin_now(begin_file: Cleaner, content: str) -> Cleaning:
    """Begin a file at this moment, as the tick looks at the clock."""
    cleaning = begin_file(content, asks_dns=True)
    about = cleaning.about()
    about.began = timezone.now().timestamp()
    cleaning.write_about(about)
    return cleaning


def test_the_tick_asks_once_for_what_waits(begin_file: Cleaner, broker: redis.Redis, zones: ZoneServer) -> None:
    cleaning = begin_now(begin_file, "email\na@shop.example\nb@nowhere.example\n")
    tasks.tick()
    tasks.tick()
    assert broker.llen(QUEUE) == 1
    message = json.loads(broker.lpop(QUEUE))
    assert message["headers"]["task"] == "cleaning.tasks.judge"
    assert cleaning.token in message["headers"]["argsrepr"]
    tasks.judge(cleaning.token)
    report = cleaning.report()
    assert report
    assert (report.is_over, report.rows, report.domains_asked) == (True, 2, 2)
    tasks.tick()
    assert broker.llen(QUEUE) == 0


def test_a_lost_hint_is_given_again(begin_file: Cleaner, broker: redis.Redis) -> None:
    cleaning = begin_now(begin_file, "email\na@example.jp\n")
    tasks.tick()
    os.utime(cleaning.folder / "hinted", (1, 1))
    tasks.tick()
    assert broker.llen(QUEUE) == 2


def test_the_tick_deletes_what_is_old(begin_file: Cleaner, broker: redis.Redis) -> None:
    cleaning = begin_file("email\na@example.jp\n")
    tasks.tick()
    assert not cleaning.folder.exists()
    tasks.judge(cleaning.token)
    tasks.judge("../..")
    assert broker.llen(QUEUE) == 0
