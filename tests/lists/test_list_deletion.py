"""Deleting a list: gone at once, emptied in the background, refused where something names it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.signals import post_init
from django.dispatch import receiver
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User, Workspace
from campaigns.models import Audience, AudiencePart, Part
from campaigns.models.campaign import AudienceInUse
from lists.bulk_turns import run_bulk
from lists.conditions import SegmentRefused, read_conditions
from lists.consents import purge_ended
from lists.list_deletion import ListInUse, delete_list
from lists.models import BulkJob, BulkState, Consent, CsvImport, ImportState, MailingList, Segment, Subscriber
from lists.segment_editing import save_segment
from tests.factories import make_campaign, make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor(workspace: Workspace) -> User:
    """The person who deletes."""
    return make_user(workspace)


def delete(mailing_list: MailingList, actor: User) -> BulkJob:
    return delete_list(mailing_list, actor=actor, now=timezone.now())


def work(job: BulkJob) -> BulkJob:
    """Do what is left to do in the background, two people at a time."""
    while run_bulk(job.pk, now=timezone.now(), piece=2):
        pass
    job.refresh_from_db()
    return job


def test_is_gone_at_once_and_emptied_later(mailing_list: MailingList, actor: User) -> None:
    other = make_list(mailing_list.workspace)
    for _person in range(5):
        person = make_subscriber(mailing_list)
        person.subscriptions.create(mailing_list=other)
        Consent.objects.create(subscriber=person, mailing_list=mailing_list, source="csv", at=timezone.now())
    job = delete(mailing_list, actor)
    assert list(MailingList.objects.all()) == [other]
    # Its name is free again.
    make_list(mailing_list.workspace, name=mailing_list.name)
    assert mailing_list.subscriptions.count() == 5
    assert (work(job).state, job.changed) == (BulkState.DONE, 5)
    assert (mailing_list.subscriptions.count(), other.subscriptions.count(), Subscriber.objects.count()) == (0, 5, 5)
    assert Consent.objects.filter(ended_at=None).count() == 0


def test_its_imports_and_files_go(
    finished: CsvImport, mailing_list: MailingList, actor: User, django_capture_on_commit_callbacks: Any
) -> None:
    storage, name = finished.file.storage, finished.file.name
    assert name is not None
    with django_capture_on_commit_callbacks(execute=True):
        work(delete(mailing_list, actor))
    assert (CsvImport.objects.count(), storage.exists(name)) == (0, False)


def test_an_import_that_waits_is_cancelled(finished: CsvImport, mailing_list: MailingList, actor: User) -> None:
    CsvImport.objects.update(state=ImportState.RUNNING)
    delete(mailing_list, actor)
    finished.refresh_from_db()
    assert finished.state == ImportState.CANCELLED


def test_a_planned_mailing_protects_its_list(mailing_list: MailingList, actor: User) -> None:
    make_campaign(mailing_list, state="scheduled", scheduled_at=timezone.now())
    with pytest.raises(AudienceInUse):
        delete(mailing_list, actor)
    mailing_list.refresh_from_db()
    assert (mailing_list.deleted_at, BulkJob.objects.count(), Audience.objects.count()) == (None, 0, 1)


def test_a_planned_mailing_protects_a_list_that_it_leaves_out(mailing_list: MailingList, actor: User) -> None:
    campaign = make_campaign(make_list(mailing_list.workspace), state="scheduled", scheduled_at=timezone.now())
    AudiencePart.objects.create(campaign=campaign, part=Part.EXCLUDE_LIST, mailing_list=mailing_list)
    with pytest.raises(AudienceInUse):
        delete(mailing_list, actor)


def test_drafts_and_finished_mailings_forget_the_list_at_once(mailing_list: MailingList, actor: User) -> None:
    """Nobody who plans the draft later sends to people who are still being taken off."""
    make_campaign(mailing_list)
    done = make_campaign(mailing_list, state="done")
    AudiencePart.objects.create(campaign=done, part=Part.EXCLUDE_LIST, mailing_list=mailing_list)
    delete(mailing_list, actor)
    assert (Audience.objects.count(), AudiencePart.objects.count()) == (0, 0)


def test_a_draft_protects_a_list_that_it_leaves_out(mailing_list: MailingList, actor: User) -> None:
    """Without it the draft would go to those who must not have it."""
    others = make_list(mailing_list.workspace)
    for subject in ("春", "夏"):
        draft = make_campaign(others, subject=subject)
        AudiencePart.objects.create(campaign=draft, part=Part.EXCLUDE_LIST, mailing_list=mailing_list)
    with pytest.raises(AudienceInUse, match="下書き「夏」「春」で、送らない相手"):
        delete(mailing_list, actor)
    mailing_list.refresh_from_db()
    assert (mailing_list.deleted_at, AudiencePart.objects.count()) == (None, 2)


def test_a_list_that_goes_while_a_segment_names_it_is_refused(mailing_list: MailingList, actor: User) -> None:
    named = {"v": 1, "all": [{"field": "list", "op": "on", "value": [mailing_list.pk]}]}
    delete(mailing_list, actor)
    with pytest.raises(SegmentRefused, match="リストが削除"):
        save_segment(
            Segment(workspace=mailing_list.workspace, name="会員"), read_conditions(named), revision=0, actor=actor
        )
    assert not Segment.objects.exists()


def test_a_second_click_is_told_nothing_new(editor: Client, mailing_list: MailingList, actor: User) -> None:
    @receiver(post_init, sender=MailingList)
    def first_click(**_given: Any) -> None:
        post_init.disconnect(first_click, sender=MailingList)
        delete(mailing_list, actor)

    # The page read the list before the first click took it away.
    answer = editor.post(reverse("list_delete", args=[mailing_list.pk]))
    assert (answer.status_code, answer["Location"]) == (302, reverse("list_index"))
    assert BulkJob.objects.count() == 1


def test_a_segment_that_names_the_list_protects_it(mailing_list: MailingList, actor: User) -> None:
    condition = {"field": "list", "op": "on", "value": mailing_list.pk}
    Segment.objects.create(
        workspace=mailing_list.workspace, name="会員", conditions={"v": 1, "all": [{"v": 1, "any": [condition]}]}
    )
    with pytest.raises(ListInUse, match="会員"):
        delete(mailing_list, actor)
    mailing_list.refresh_from_db()
    assert mailing_list.deleted_at is None


def test_the_row_stays_until_its_last_consent_goes_f4(mailing_list: MailingList, actor: User) -> None:
    person = make_subscriber(mailing_list)
    Consent.objects.create(subscriber=person, mailing_list=mailing_list, source="csv", at=timezone.now())
    work(delete(mailing_list, actor))
    now = timezone.now()
    purge_ended(now=now + timedelta(days=30), last_mailed=lambda ids: {})
    assert Consent.objects.get().mailing_list == mailing_list
    purge_ended(now=now + timedelta(days=32), last_mailed=lambda ids: {})
    assert (Consent.objects.count(), MailingList.everything.count()) == (0, 0)
