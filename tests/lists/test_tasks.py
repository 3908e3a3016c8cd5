"""The tasks of lists, with a real broker."""

import json
from collections.abc import Callable, Iterator

import pytest
import redis
from django.utils import timezone

from lists.erasing import erase
from lists.import_claims import DEAD_AFTER, claim_check, claim_import
from lists.import_running import approve_import
from lists.models import CsvImport, ImportState, Segment, Subscriber
from lists.tasks import run_import, sweep_traces, tick
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db
Importer = Callable[..., CsvImport]


@pytest.fixture
def broker(valkey: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(valkey)
    client.delete("lists")
    yield client
    client.close()


def asked_imports(broker: redis.Redis) -> list[int]:
    """Return the imports that tasks are asked for; counts are asked for beside them."""
    tasks = [json.loads(message)["headers"] for message in broker.lrange("lists", 0, -1)]
    return [int(task["argsrepr"].strip("(),")) for task in tasks if task["task"] == run_import.name]


def test_the_tick_asks_for_a_waiting_import_once(queue_csv: Importer, broker: redis.Redis) -> None:
    csv_import = queue_csv(make_list(), "email\na@example.jp\n")
    tick()
    tick()
    assert asked_imports(broker) == [csv_import.pk]
    run_import(csv_import.pk)
    run_import(csv_import.pk)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.CHECKED
    tick()
    assert asked_imports(broker) == [csv_import.pk]


def test_the_tick_asks_again_once_the_import_is_approved(queue_csv: Importer, broker: redis.Redis) -> None:
    csv_import = queue_csv(make_list(), "email\na@example.jp\n")
    run_import(csv_import.pk)
    approve_import(csv_import, actor=None)
    tick()
    tick()
    assert asked_imports(broker) == [csv_import.pk]
    run_import(csv_import.pk)
    run_import(csv_import.pk)
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.rows_new) == (ImportState.DONE, 1)


def test_a_lost_message_is_asked_for_again(queue_csv: Importer, broker: redis.Redis) -> None:
    csv_import = queue_csv(make_list(), "email\na@example.jp\n")
    tick()
    broker.flushall()
    CsvImport.objects.update(hinted_until=timezone.now())
    tick()
    assert asked_imports(broker) == [csv_import.pk]


@pytest.mark.parametrize("is_approved", [False, True])
def test_the_tick_takes_over_from_a_process_that_died(
    queue_csv: Importer, broker: redis.Redis, is_approved: bool
) -> None:
    csv_import = queue_csv(make_list(), "email\na@example.jp\n")
    long_ago = timezone.now() - 2 * DEAD_AFTER
    if is_approved:
        run_import(csv_import.pk)
        approve_import(csv_import, actor=None)
        assert claim_import(csv_import.pk, now=long_ago)
    else:
        assert claim_check(csv_import.pk, now=long_ago)
    tick()
    assert asked_imports(broker) == [csv_import.pk]
    run_import(csv_import.pk)
    csv_import.refresh_from_db()
    states = (ImportState.DONE, 3) if is_approved else (ImportState.CHECKED, 2)
    assert (csv_import.state, csv_import.attempt) == states
    assert Subscriber.objects.count() == int(is_approved)


def test_the_tick_has_texts_looked_through_after_an_erasing(broker: redis.Redis) -> None:
    person = make_subscriber(address="taro@example.jp")
    Segment.objects.create(
        workspace=person.workspace,
        name="一人",
        conditions={"v": 1, "all": [{"field": "address", "op": "is", "value": "taro@example.jp"}]},
    )
    erase([person.pk], workspace=person.workspace, actor=None, now=timezone.now())
    tick()
    tasks = [json.loads(message)["headers"]["task"] for message in broker.lrange("lists", 0, -1)]
    assert sweep_traces.name in tasks
    sweep_traces()
    assert "taro" not in str(Segment.objects.get().conditions)
    broker.delete("lists")
    tick()
    assert not broker.exists("lists")
