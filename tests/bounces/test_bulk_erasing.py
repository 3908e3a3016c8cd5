"""Erasing many people as a bulk action: everywhere, piece by piece, with the consents kept for a month (F4)."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.utils import timezone

from accounts.models import AuditEntry, Workspace
from bounces.bulk_erasing import ERASING
from bounces.tasks import STEPS, erase_in_bulk, hint_erasures
from campaigns.models import Delivery
from lists.bulk import look, queue_bulk
from lists.bulk_claims import HINT_FOR
from lists.bulk_turns import run_bulk
from lists.finding import Search
from lists.models import BulkAction, BulkJob, BulkState, Consent, ErasedAddress, Subscriber
from lists.sweeping import has_due_sweeps
from lists.tasks import run_bulk_job, tick
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(workspace: Workspace) -> BulkJob:
    """A waiting job that erases the five people of a domain; one of another domain and a stranger are there, too."""
    mailing_list = make_list(workspace)
    campaign = make_campaign(mailing_list, state="done")
    for number in range(5):
        person = make_subscriber(mailing_list, f"reader{number}@old.example")
        Consent.objects.create(subscriber=person, mailing_list=mailing_list, source="csv", at=timezone.now())
        make_delivery(campaign, person, state="sent", settled_at=timezone.now())
    make_subscriber(mailing_list, "stays@new.example")
    make_subscriber(make_list(make_workspace()), "stranger@old.example")
    chosen = look(workspace, Search(q="@old.example"))
    return queue_bulk(workspace, chosen, BulkAction.ERASE, actor=make_user(workspace), why="保存期間の終わり")


@pytest.fixture
def waiting(valkey: str) -> Iterator[Callable[[], list[Any]]]:
    """The messages on the queue of lists of the real broker, as (task, arguments); empty at the start."""
    with redis.Redis.from_url(valkey) as broker:
        broker.delete("lists")

        def read() -> list[Any]:
            found = [json.loads(message) for message in broker.lrange("lists", 0, -1)]
            return [(row["headers"]["task"], *json.loads(base64.b64decode(row["body"]))[0]) for row in found]

        yield read
        broker.delete("lists")


def test_erases_all_whom_the_search_finds_f4(job: BulkJob) -> None:
    while run_bulk(job.pk, now=timezone.now(), acts=ERASING, piece=2):
        pass
    job.refresh_from_db()
    assert (job.state, job.found, job.changed) == (BulkState.DONE, 5, 5)
    assert sorted(Subscriber.objects.values_list("address", flat=True)) == ["stays@new.example", "stranger@old.example"]
    assert Delivery.objects.filter(address__contains="old.example").count() == 0
    assert ErasedAddress.objects.filter(workspace=job.workspace).count() == 5
    consents = Consent.objects.filter(subscriber=None, digest__isnull=False, ended_at__isnull=False)
    assert consents.count() == 5
    erased = AuditEntry.objects.filter(action="subscriber.erased", actor=job.created_by)
    assert [entry.detail for entry in erased] == [{"why": "保存期間の終わり", "bulk": job.pk}] * 5
    assert has_due_sweeps(timezone.now())


def test_the_tick_asks_for_it_once(job: BulkJob, waiting: Callable[[], list[Any]]) -> None:
    assert hint_erasures in STEPS
    now = timezone.now()
    hint_erasures(now=now)
    hint_erasures(now=now)
    assert waiting() == [(erase_in_bulk.name, job.pk)]
    # A message that was lost is sent again.
    hint_erasures(now=now + HINT_FOR)
    assert len(waiting()) == 2


def test_the_task_erases(job: BulkJob, waiting: Callable[[], list[Any]]) -> None:
    erase_in_bulk(job.pk)
    job.refresh_from_db()
    assert (job.state, job.changed) == (BulkState.DONE, 5)
    # Nothing is left to ask for.
    assert waiting() == []


def test_the_tick_of_lists_asks_for_the_others(job: BulkJob, waiting: Callable[[], list[Any]]) -> None:
    """The oldest job of a workspace first: the one that erases."""
    chosen = look(job.workspace, Search())
    stop = queue_bulk(job.workspace, chosen, BulkAction.STOP, actor=None, why="退会")
    tick()
    assert [found for found in waiting() if found[0] == run_bulk_job.name] == []
    erase_in_bulk(job.pk)
    tick()
    assert [found for found in waiting() if found[0] == run_bulk_job.name] == [(run_bulk_job.name, stop.pk)]
    run_bulk_job(stop.pk)
    assert Subscriber.objects.filter(workspace=job.workspace).active().count() == 0
