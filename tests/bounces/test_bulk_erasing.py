"""Erasing many people as a bulk action: everywhere, piece by piece, with the consents kept for a month (F4)."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, Workspace
from bounces.bulk_erasing import ERASING
from bounces.tasks import STEPS, hint_erasures
from campaigns.models import Delivery
from lists import bulk_turns
from lists.bulk import newest_id, queue_bulk
from lists.bulk_claims import take_bulk_hints
from lists.bulk_turns import run_bulk
from lists.finding import Search
from lists.models import BulkAction, BulkJob, BulkState, Consent, ErasedAddress, Subscriber
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
    search = Search(q="@old.example")
    actor = make_user(workspace)
    return queue_bulk(workspace, search, BulkAction.ERASE, actor=actor, last_id=newest_id(), why="保存期間の終わり")


def test_erases_all_whom_the_search_finds_f4(job: BulkJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_turns, "ERASED_AT_ONCE", 2)
    while run_bulk(job.pk, now=timezone.now(), acts=ERASING):
        pass
    job.refresh_from_db()
    assert (job.state, job.found, job.changed) == (BulkState.DONE, 5, 5)
    assert sorted(Subscriber.objects.values_list("address", flat=True)) == ["stays@new.example", "stranger@old.example"]
    assert Delivery.objects.filter(address__contains="old.example").count() == 0
    assert ErasedAddress.objects.filter(workspace=job.workspace).count() == 5
    consents = Consent.objects.filter(subscriber=None, digest__isnull=False, ended_at__isnull=False)
    assert consents.count() == 5
    assert AuditEntry.objects.filter(action="subscriber.erased", actor=job.created_by).count() == 5


def test_the_tick_asks_for_it_once(job: BulkJob, django_capture_on_commit_callbacks: Any) -> None:
    assert hint_erasures in STEPS
    now = timezone.now()
    assert list(take_bulk_hints(now, ERASING)) == [job.pk]
    hint_erasures(now=now)
    job.refresh_from_db()
    assert job.state == BulkState.QUEUED
