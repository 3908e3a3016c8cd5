"""The tasks of lists, with a real broker."""

from collections.abc import Callable, Iterator

import pytest
import redis
from django.utils import timezone

from lists.import_claims import DEAD_AFTER, claim_import
from lists.models import CsvImport, ImportState, Subscriber
from lists.tasks import run_import, tick
from tests.factories import make_list

pytestmark = pytest.mark.django_db
Importer = Callable[..., CsvImport]


@pytest.fixture
def broker(valkey: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(valkey)
    client.delete("lists")
    yield client
    client.close()


def test_the_tick_asks_for_a_waiting_import_once(queue_csv: Importer, broker: redis.Redis) -> None:
    csv_import = queue_csv(make_list(), "email\na@example.jp\n")
    tick()
    tick()
    assert broker.llen("lists") == 1
    run_import(csv_import.pk)
    run_import(csv_import.pk)
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.rows_new) == (ImportState.DONE, 1)
    tick()
    assert broker.llen("lists") == 1


def test_a_lost_message_is_asked_for_again(queue_csv: Importer, broker: redis.Redis) -> None:
    csv_import = queue_csv(make_list(), "email\na@example.jp\n")
    tick()
    broker.flushall()
    CsvImport.objects.update(hinted_until=timezone.now())
    tick()
    assert broker.llen("lists") == 1
    run_import(csv_import.pk)
    assert Subscriber.objects.count() == 1


def test_the_tick_takes_over_from_a_process_that_died(queue_csv: Importer, broker: redis.Redis) -> None:
    csv_import = queue_csv(make_list(), "email\na@example.jp\n")
    assert claim_import(csv_import.pk, now=timezone.now() - 2 * DEAD_AFTER)
    tick()
    assert broker.llen("lists") == 1
    run_import(csv_import.pk)
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.attempt) == (ImportState.DONE, 2)
