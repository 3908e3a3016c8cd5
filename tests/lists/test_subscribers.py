"""Stopping subscribers: the count, the reason that stays, the audit log."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import AuditEntry
from lists.models import StopReason, Subscriber
from lists.subscribers import resume, stop
from tests.factories import make_list, make_subscriber
from tests.lists.clock import NOW


def entries() -> list[tuple[str, object]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "detail"))


@pytest.mark.django_db
def test_a_stop_is_written_down_once() -> None:
    subscriber = make_subscriber()
    assert stop(subscriber, StopReason.MANUAL, actor=None, now=NOW)
    assert not stop(subscriber, StopReason.MANUAL, actor=None, now=NOW)
    assert (subscriber.stop_reason, subscriber.stopped_at) == (StopReason.MANUAL, NOW)
    assert entries() == [("subscriber.stopped", {"reason": "manual"})]


@pytest.mark.django_db
def test_unsubscribing_after_a_stop_by_errors_is_written_down() -> None:
    subscriber = make_subscriber(status="stopped", stop_reason="errors")
    since = subscriber.stopped_at
    for _click in range(2):
        assert not stop(subscriber, StopReason.UNSUBSCRIBED, actor=None, now=NOW)
    assert (subscriber.stop_reason, subscriber.stopped_at) == (StopReason.UNSUBSCRIBED, since)
    assert entries() == [("subscriber.stopped", {"reason": "unsubscribed", "was": "errors"})]


@pytest.mark.django_db
@pytest.mark.parametrize("reason", [StopReason.ERRORS, StopReason.MANUAL, StopReason.COMPLAINT])
def test_nothing_replaces_what_the_recipient_wants(reason: StopReason) -> None:
    subscriber = make_subscriber(status="stopped", stop_reason="unsubscribed")
    assert not stop(subscriber, reason, actor=None, now=NOW)
    assert subscriber.stop_reason == StopReason.UNSUBSCRIBED
    assert entries() == []


@pytest.mark.django_db
def test_only_those_newly_stopped_are_counted() -> None:
    mailing_list = make_list()
    make_subscriber(mailing_list)
    make_subscriber(mailing_list, status="stopped", stop_reason="errors")
    make_subscriber(mailing_list, status="stopped", stop_reason="complaint")
    people = Subscriber.objects.for_workspace(mailing_list.workspace)
    assert people.mark_stopped(StopReason.UNSUBSCRIBED, NOW) == 1
    reasons = sorted(people.values_list("stop_reason", flat=True))
    assert reasons == ["complaint", "unsubscribed", "unsubscribed"]
    assert people.mark_stopped(StopReason.MANUAL, NOW) == 0
    assert sorted(people.values_list("stop_reason", flat=True)) == reasons


@pytest.mark.django_db
def test_a_stop_by_hand_replaces_one_by_errors() -> None:
    """A person's word holds also where the errors are taken back; they replace no word of a person."""
    subscriber = make_subscriber(status="stopped", stop_reason="errors", stopped_at=NOW - timedelta(days=1))
    assert not stop(subscriber, StopReason.MANUAL, actor=None, now=NOW)
    assert (subscriber.stop_reason, subscriber.stopped_at) == (StopReason.MANUAL, NOW - timedelta(days=1))
    assert not stop(subscriber, StopReason.ERRORS, actor=None, now=NOW)
    assert subscriber.stop_reason == StopReason.MANUAL


@pytest.mark.django_db(transaction=True)
def test_unsubscribing_wins_over_a_bounce_at_the_same_moment() -> None:
    for _round in range(5):
        subscriber = make_subscriber()
        barrier = threading.Barrier(2)
        stopped: list[int] = []

        def work(reason: StopReason, pk: int, barrier: threading.Barrier, stopped: list[int]) -> None:
            try:
                barrier.wait()
                stopped.append(Subscriber.objects.filter(pk=pk).mark_stopped(reason, NOW))
            finally:
                connection.close()

        threads = [
            threading.Thread(target=work, args=(reason, subscriber.pk, barrier, stopped))
            for reason in (StopReason.ERRORS, StopReason.UNSUBSCRIBED)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        subscriber.refresh_from_db()
        assert subscriber.stop_reason == StopReason.UNSUBSCRIBED
        assert sum(stopped) == 1


@pytest.mark.django_db
def test_nobody_is_resumed_against_a_wish_that_came_in_between() -> None:
    subscriber = make_subscriber(status="stopped", stop_reason="errors")
    seen = Subscriber.objects.get(pk=subscriber.pk)
    stop(subscriber, StopReason.COMPLAINT, actor=None, now=NOW)
    assert not resume(seen, "アドレスを確かめた", actor=None, now=NOW)
    assert (seen.status, seen.stop_reason) == ("stopped", StopReason.COMPLAINT)
    assert [action for action, _detail in entries()] == ["subscriber.stopped"]
