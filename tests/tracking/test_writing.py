"""Buffered hits come into the database once each, whatever dies in between; old ones are forgotten."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from campaigns.erasing import erase_mails
from campaigns.models import Delivery
from campaigns.reactions import take_hits
from hypermail.valkey import find_free_port
from lists.models import Subscriber
from lists.traces import Gone
from tests.dead_sessions import wait_until_gone
from tests.tracking.conftest import NOW, make_tracked
from tracking import buffer
from tracking.buffer import STREAM, make_entry
from tracking.links import make_token
from tracking.models import ANY_LINK, Figure, Hit, HitSource, HourFigure, TrackedMailing
from tracking.settling import MOST_OF_ONE, Recipient, settle_hits
from tracking.writing import erase_hits, forget_hits, store, write_hits

pytestmark = pytest.mark.django_db


def push(campaign, number: int = 1, count: int = 1, *, delivery: int = 0, at=None) -> None:
    for index in range(count):
        own = delivery or 1000 + index
        buffer.push(make_entry(campaign.pk, own, number, HitSource.HUMAN, at or timezone.now()))


def settle(now=None, *, failed=None, find=None) -> int:
    someone = Subscriber.objects.values_list("pk", flat=True)[0]
    return settle_hits(
        now=now or timezone.now() + timedelta(minutes=1),
        find_recipients=find or (lambda ids: {pk: Recipient(someone, None) for pk in ids}),
        record_evidence=lambda ids: None,
        failed={} if failed is None else failed,
    )


def test_writes_what_is_buffered_and_takes_it_out(campaign):
    push(campaign, count=7)
    assert write_hits(now=timezone.now(), piece=3)
    assert Hit.objects.count() == 7
    assert buffer.waiting() == 0


def test_a_writer_that_died_before_it_took_them_out_doubles_nothing(campaign, stream):
    push(campaign, count=3)
    found = [entry for _place, entry in buffer.take(10) if entry]
    store(found, now=timezone.now())
    assert buffer.waiting() == 3
    assert write_hits(now=timezone.now())
    assert (Hit.objects.count(), buffer.waiting()) == (3, 0)


def test_what_cannot_be_read_holds_up_nobody(campaign, stream):
    stream.xadd(STREAM, {"e": "rubbish"})
    stream.xadd(STREAM, {"x": "y"})
    stream.xadd(STREAM, {"e": "n 1 2 3 human 99999999999999999999"})
    push(campaign)
    assert write_hits(now=timezone.now())
    assert (Hit.objects.count(), buffer.waiting()) == (1, 0)


def test_hits_of_unknown_and_of_old_mailings_are_dropped(campaign, settings: Settings):
    now = timezone.now()
    entries = [make_entry(pk, 1, 1, HitSource.HUMAN, now) for pk in (campaign.pk, campaign.pk + 1)]
    TrackedMailing.objects.update(frozen_at=now - timedelta(days=settings.HIT_KEEP_DAYS))
    store(entries, now=now)
    assert not Hit.objects.exists()


def test_without_redis_the_link_works_and_the_hit_is_written(campaign, settings: Settings):
    row = Delivery.objects.filter(campaign=campaign).first()
    path = f"/c/{campaign.pk}/1/{make_token(campaign.pk, row.pk)}"
    settings.REDIS_URL = f"redis://127.0.0.1:{find_free_port()}/0"
    for _click in range(2):
        assert Client().get(path, headers={"user-agent": "Mozilla/5.0 (X11)"}).status_code == 302
    assert Hit.objects.count() == 2
    assert buffer.waiting() == 0


def test_more_than_redis_shall_hold_goes_to_the_database(campaign):
    push(campaign, count=3)
    entry = make_entry(campaign.pk, 1, 1, HitSource.HUMAN, timezone.now())
    # There was room a moment ago.
    buffer.push(entry, most=3)
    buffer._Rest.room_until = 0.0
    for _hit in range(2):
        with pytest.raises(buffer.Unreachable):
            buffer.push(entry, most=3)
    assert buffer.waiting() == 4


def test_figures_grow_once_and_stay_when_hits_are_forgotten(campaign, settings: Settings):
    moment = timezone.now()
    push(campaign, count=4, at=moment)
    push(campaign, 2, count=2, at=moment)
    write_hits(now=timezone.now())
    assert settle() == 6
    assert settle() == 0
    figures = {row.number: (row.human_hits, row.people) for row in Figure.objects.all()}
    # Of six clicks, four are those of whoever followed both links at once.
    assert figures == {1: (2, 2), 2: (0, 0), ANY_LINK: (2, 2)}
    assert Figure.objects.get(number=ANY_LINK).machine_hits == 4
    # Those of the machine are in no hour.
    assert list(HourFigure.objects.values_list("clicked", "clicks", "opened", "opens")) == [(2, 2, 0, 0)]
    later = timezone.now() + timedelta(days=settings.HIT_KEEP_DAYS + 1)
    assert [forget_hits(now=later, piece=4) for _step in range(3)] == [4, 2, 0]
    assert not Hit.objects.exists()
    assert {row.number: (row.human_hits, row.people) for row in Figure.objects.all()} == figures
    assert TrackedMailing.objects.get().forgotten_at == later


def test_one_recipient_can_fill_neither_table_nor_figures(campaign):
    """Whoever was forwarded a mail can follow its link all day long."""
    begun, batches = timezone.now() - timedelta(hours=1), (MOST_OF_ONE - 30, 60, 40)
    for batch, count in enumerate(batches):
        for second in range(count):
            push(campaign, delivery=5, at=begun + timedelta(minutes=10 * batch, seconds=6 * second))
        push(campaign, delivery=6, at=begun + timedelta(minutes=10 * batch))
        write_hits(now=timezone.now())
        settle()
    rows = Counter(Hit.objects.values_list("delivery", flat=True))
    assert rows == {5: MOST_OF_ONE, 6: len(batches)}
    figure = Figure.objects.get(number=1)
    assert (figure.human_hits, figure.people) == (MOST_OF_ONE + len(batches), 2)
    assert not Hit.objects.filter(is_settled=False).exists()


def test_hits_wait_until_those_that_came_with_them_are_there(campaign):
    now = timezone.now()
    push(campaign, 1, delivery=5, at=now)
    write_hits(now=now)
    assert settle(now + timedelta(seconds=14)) == 0
    push(campaign, 2, delivery=5, at=now + timedelta(milliseconds=800))
    write_hits(now=now)
    assert settle(now + timedelta(seconds=15.5)) == 1
    assert settle(now + timedelta(seconds=18)) == 1
    assert set(Hit.objects.values_list("source", flat=True)) == {"machine"}


def test_an_erased_person_takes_the_hits_along_f4(campaign):
    """F4: the figures stay."""
    rows = list(Delivery.objects.filter(campaign=campaign).order_by("pk"))
    for row in rows:
        push(campaign, delivery=row.pk)
    write_hits(now=timezone.now())
    settle()
    person = Subscriber.objects.get(deliveries=rows[0])
    erase_mails(Gone(campaign.workspace, [person], {person.address_key: person.pk}), NOW)
    assert list(Hit.objects.values_list("delivery", flat=True)) == [rows[1].pk]
    assert Figure.objects.get(number=1).people == 2
    erase_hits([rows[1].pk])
    assert not Hit.objects.exists()


def test_a_hit_that_waited_while_the_person_was_erased_goes_f4(campaign):
    """F4: nothing of an erased person is written again."""
    row = Delivery.objects.filter(campaign=campaign).earliest("pk")
    push(campaign, delivery=row.pk, at=timezone.now() - timedelta(minutes=1))
    person = Subscriber.objects.get(deliveries=row)
    erase_mails(Gone(campaign.workspace, [person], {person.address_key: person.pk}), NOW)
    take_hits(now=timezone.now())
    assert buffer.waiting() == 0
    assert not Hit.objects.exists()
    assert not Figure.objects.exists()


def test_hits_written_while_their_mailing_was_forgotten_are_dropped(campaign):
    push(campaign)
    write_hits(now=timezone.now())
    TrackedMailing.objects.update(forgotten_at=timezone.now())
    settle()
    assert not Hit.objects.exists()


def test_a_mailing_that_fails_does_not_hold_up_the_others(campaign):
    other = make_tracked()
    push(campaign, count=3, at=timezone.now() - timedelta(minutes=1))
    push(other, delivery=5000)
    write_hits(now=timezone.now())
    someone = Subscriber.objects.values_list("pk", flat=True)[0]

    def find(ids):
        if 1000 in ids:
            raise RuntimeError
        return {pk: Recipient(someone, None) for pk in ids}

    failed: dict[int, Exception] = {}
    assert [settle(failed=failed, find=find) for _piece in range(2)] == [4, 0]
    assert list(failed) == [campaign.pk]
    assert list(Hit.objects.filter(is_settled=True).values_list("mailing_id", flat=True)) == [other.pk]


def test_hits_of_a_mailing_that_is_gone_are_dropped(campaign):
    push(campaign)
    write_hits(now=timezone.now())
    Hit.objects.update(mailing=campaign.pk + 1)
    assert settle() == 1
    assert not Hit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_that_write_and_settle_at_once_count_once(campaign):
    push(campaign, count=300)
    push(campaign, 0, count=300)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _round in range(3):
                write_hits(now=timezone.now(), piece=50)
                settle()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    settle()
    assert Hit.objects.filter(is_settled=True).count() == 600
    figures = {row.number: row for row in Figure.objects.all()}
    assert (figures[0].human_hits, figures[0].people) == (300, 300)
    assert (figures[1].human_hits, figures[1].people) == (300, 300)


WRITER = """
import sys, django
django.setup()
from django.conf import settings
settings.REDIS_URL = sys.argv[1]
settings.DATABASES["default"]["NAME"] = sys.argv[2]
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[2]
from django.utils import timezone
from tracking.writing import write_hits
print("ready", flush=True)
while True:
    write_hits(now=timezone.now(), piece=20)
"""


def wait_for(number: int) -> None:
    """Wait until so many hits are written."""
    end = time.monotonic() + 60
    while Hit.objects.count() < number:
        assert time.monotonic() < end


@pytest.mark.django_db(transaction=True)
def test_writers_killed_at_any_moment_lose_and_double_nothing(campaign, valkey):
    for turn in range(5):
        push(campaign, count=400)
        name = str(connection.settings_dict["NAME"])
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
        command = [sys.executable, "-c", WRITER, valkey, name]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as writer:
            try:
                assert writer.stdout.readline() == b"ready\n"
                wait_for(turn * 400 + 50 + 40 * turn)
            finally:
                writer.send_signal(signal.SIGKILL)
        wait_until_gone()
        assert write_hits(now=timezone.now())
        assert Hit.objects.count() == (turn + 1) * 400
        assert buffer.waiting() == 0
