"""Bulk actions: whom they reach, what they do, cancel, and taking over from a process that died."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User, Workspace
from lists.bulk import cancel_bulk, look, queue_bulk, restart_bulk
from lists.bulk_actions import ACTS, Act
from lists.bulk_claims import DEAD_AFTER, MAX_TRIES, requeue_dead_jobs, take_bulk_hints
from lists.bulk_turns import run_bulk
from lists.finding import Search
from lists.models import (
    BulkAction,
    BulkJob,
    BulkState,
    Consent,
    Headcount,
    MailingList,
    PeopleState,
    Segment,
    StopReason,
    Subscriber,
    SubscriberStatus,
    Subscription,
)
from tests.factories import make_errors, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
Ask = Callable[..., BulkJob]


@pytest.fixture
def actor(workspace: Workspace) -> User:
    """The person who asks."""
    return make_user(workspace)


@pytest.fixture
def ask(workspace: Workspace, actor: User) -> Ask:
    """A function that queues a bulk action."""

    def queue(action: BulkAction, search: Search | None = None, **fields: Any) -> BulkJob:
        chosen = look(workspace, search or Search())
        return queue_bulk(workspace, chosen, action, actor=actor, **{"why": "退会した会員"} | fields)

    return queue


def work(job: BulkJob, **options: Any) -> BulkJob:
    """Work on a job until it is over, two people at a time."""
    for _turn in range(50):
        if not run_bulk(job.pk, now=timezone.now(), **{"piece": 2} | options):
            break
    job.refresh_from_db()
    return job


def people(mailing_list: MailingList, number: int, **fields: Any) -> list[Subscriber]:
    return [make_subscriber(mailing_list, **fields) for _ in range(number)]


def test_stops_all_whom_the_search_finds(ask: Ask, mailing_list: MailingList, actor: User) -> None:
    found = make_subscriber(mailing_list, "taro@old.example")
    other = make_subscriber(mailing_list, "taro@new.example")
    job = work(ask(BulkAction.STOP, Search(q="@old.example")))
    assert (job.state, job.found, job.done, job.changed) == (BulkState.DONE, 1, 1, 1)
    found.refresh_from_db()
    other.refresh_from_db()
    assert (found.status, found.stop_reason, found.stop_note) == ("stopped", "manual", "退会した会員")
    assert other.status == SubscriberStatus.ACTIVE
    entry = AuditEntry.objects.get(action="subscriber.stopped")
    assert (entry.target, entry.actor, entry.detail["why"]) == (found.address, actor, "退会した会員")
    assert AuditEntry.objects.filter(action="bulk.stop", actor=actor).count() == 1


@pytest.mark.parametrize("reason", [StopReason.COMPLAINT, StopReason.UNSUBSCRIBED, StopReason.ERRORS])
def test_who_is_stopped_already_keeps_the_reason(reason: StopReason, ask: Ask, mailing_list: MailingList) -> None:
    """Also one by errors: the page says that they stay as they are, and a review may give them back (B16)."""
    refused = make_subscriber(mailing_list, status="stopped", stop_reason=reason)
    job = work(ask(BulkAction.STOP))
    refused.refresh_from_db()
    assert (refused.stop_reason, refused.stop_note, job.done, job.changed) == (reason, "", 1, 0)
    assert not AuditEntry.objects.filter(action="subscriber.stopped").exists()


def test_a_bulk_resume_never_overrides_the_recipients_will(ask: Ask, mailing_list: MailingList) -> None:
    """E13: who refused stays stopped, unless the person who asks gives a word for it."""
    by_errors = make_errors(make_subscriber(mailing_list), 1)
    Subscriber.objects.filter(pk=by_errors.pk).update(status="stopped", stop_reason="errors", stopped_at=timezone.now())
    refused = make_subscriber(mailing_list, status="stopped", stop_reason=StopReason.UNSUBSCRIBED)
    assert work(ask(BulkAction.RESUME)).changed == 1
    by_errors.refresh_from_db()
    refused.refresh_from_db()
    assert (by_errors.status, by_errors.error_count, refused.status) == ("active", 0, "stopped")
    entry = AuditEntry.objects.get(action="subscriber.resumed")
    assert (entry.detail["was"], entry.detail["why"]) == ("errors", "退会した会員")

    assert work(ask(BulkAction.RESUME, argument={"own_will": True})).changed == 1
    refused.refresh_from_db()
    assert refused.status == "active"


def test_who_refuses_after_the_asking_is_not_resumed(ask: Ask, mailing_list: MailingList) -> None:
    person = make_subscriber(mailing_list, status="stopped", stop_reason=StopReason.MANUAL)
    job = ask(BulkAction.RESUME, argument={"own_will": True})
    Subscriber.objects.filter(pk=person.pk).mark_stopped(StopReason.UNSUBSCRIBED, timezone.now())
    assert work(job).changed == 0
    person.refresh_from_db()
    assert person.stop_reason == StopReason.UNSUBSCRIBED


def test_what_another_job_changed_is_no_refusal(ask: Ask, mailing_list: MailingList) -> None:
    """Setting a value, as an import or an edit, moves `updated_at`, and says nothing of the recipient's will."""
    person = make_subscriber(mailing_list)
    Subscriber.objects.filter(pk=person.pk).mark_stopped(StopReason.UNSUBSCRIBED, timezone.now())
    values = ask(BulkAction.SET_ATTRIBUTE, argument={"attribute": "ランク", "value": "金"})
    resuming = ask(BulkAction.RESUME, argument={"own_will": True})
    assert (work(values).changed, work(resuming).changed) == (1, 1)


def test_adds_to_a_list_with_a_consent_a4(ask: Ask, mailing_list: MailingList, actor: User) -> None:
    target = make_list(mailing_list.workspace)
    new, known = make_subscriber(mailing_list), make_subscriber(mailing_list)
    Subscription.objects.create(mailing_list=target, subscriber=known)
    argument = {"list": target.pk, "text_version": "2026年4月版"}
    job = work(ask(BulkAction.ADD_TO_LIST, argument=argument, why="展示会の申込書"))
    assert (job.done, job.changed) == (2, 1)
    consent = Consent.objects.get()
    assert (consent.subscriber, consent.mailing_list, consent.source) == (new, target, "manual")
    assert (consent.evidence, consent.text_version, consent.recorded_by) == ("展示会の申込書", "2026年4月版", actor)
    target.refresh_from_db()
    assert (target.subscriptions.count(), target.generation) == (2, 1)


def test_removes_from_a_list_and_ends_the_consent(ask: Ask, mailing_list: MailingList) -> None:
    other = make_list(mailing_list.workspace)
    person = make_subscriber(mailing_list)
    Subscription.objects.create(mailing_list=other, subscriber=person)
    for place in (mailing_list, other):
        Consent.objects.create(subscriber=person, mailing_list=place, source="csv", at=timezone.now())
    assert work(ask(BulkAction.REMOVE_FROM_LIST, argument={"list": mailing_list.pk})).changed == 1
    assert list(person.subscriptions.values_list("mailing_list", flat=True)) == [other.pk]
    ended = Consent.objects.get(mailing_list=mailing_list)
    assert (ended.ended_at is not None, ended.list_name) == (True, mailing_list.name)
    assert Consent.objects.get(mailing_list=other).ended_at is None
    assert AuditEntry.objects.get(action="subscriber.unlisted").detail["list"] == mailing_list.name


@pytest.mark.parametrize("value", ["金", 12, ""])
def test_sets_an_attribute(value: Any, ask: Ask, mailing_list: MailingList, workspace: Workspace) -> None:
    changed = make_subscriber(mailing_list, attributes={"ランク": "銀", "会社名": "みほん"})
    same = make_subscriber(mailing_list, attributes={"ランク": value} if value != "" else {})
    before = same.updated_at
    job = work(ask(BulkAction.SET_ATTRIBUTE, argument={"attribute": "ランク", "value": value}))
    changed.refresh_from_db()
    same.refresh_from_db()
    assert job.changed == 1
    assert changed.attributes == {"会社名": "みほん"} | ({"ランク": value} if value != "" else {})
    assert same.updated_at == before
    assert PeopleState.objects.get(workspace=workspace).generation == 1
    assert AuditEntry.objects.get(action="subscriber.edited").detail["fields"] == ["ランク"]


def test_a_number_replaces_the_same_digits_as_text(ask: Ask, mailing_list: MailingList) -> None:
    person = make_subscriber(mailing_list, attributes={"点": True})
    assert work(ask(BulkAction.SET_ATTRIBUTE, argument={"attribute": "点", "value": 1})).changed == 1
    person.refresh_from_db()
    assert person.attributes["点"] == 1


def test_who_came_later_is_left_alone(ask: Ask, mailing_list: MailingList) -> None:
    people(mailing_list, 3)
    job = ask(BulkAction.STOP)
    late = make_subscriber(mailing_list)
    assert work(job).changed == 3
    late.refresh_from_db()
    assert late.status == SubscriberStatus.ACTIVE


def test_another_workspace_is_left_alone(ask: Ask, mailing_list: MailingList) -> None:
    other = make_list(make_workspace())
    strangers = people(other, 2)
    people(mailing_list, 2)
    strangers += people(other, 2)
    people(mailing_list, 1)
    assert work(ask(BulkAction.STOP)).changed == 3
    # Neither by a search nor by an argument that names its list.
    for job in (
        ask(BulkAction.RESUME, Search(list_id=other.pk)),
        ask(BulkAction.ADD_TO_LIST, argument={"list": other.pk}),
        ask(BulkAction.REMOVE_FROM_LIST, argument={"list": other.pk}),
    ):
        job = work(job)
        assert (job.state, job.changed, job.message) == (BulkState.CANCELLED, 0, "リストが削除されました。")
    assert Subscriber.objects.active().filter(pk__in=[row.pk for row in strangers]).count() == 4
    assert other.subscriptions.count() == 4


class Killed(BaseException):
    """The process ends here."""


def test_a_job_whose_process_is_killed_goes_on_where_it_was(ask: Ask, mailing_list: MailingList) -> None:
    target = make_list(mailing_list.workspace)
    people(mailing_list, 7)
    job = ask(BulkAction.ADD_TO_LIST, argument={"list": target.pk})
    pieces = 0

    def die_in_the_third(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
        nonlocal pieces
        pieces += 1
        changed = ACTS[BulkAction.ADD_TO_LIST](job, ids, now)
        if pieces == 3:
            raise Killed
        return changed

    with pytest.raises(Killed):
        work(job, acts={BulkAction.ADD_TO_LIST: die_in_the_third})
    job.refresh_from_db()
    assert (job.state, job.done, target.subscriptions.count()) == (BulkState.RUNNING, 4, 4)
    # Its row is still claimed; only silence frees it.
    assert not run_bulk(job.pk, now=timezone.now())
    assert requeue_dead_jobs(timezone.now()) == 0
    assert requeue_dead_jobs(timezone.now() + DEAD_AFTER + timedelta(seconds=1)) == 1
    job = work(job)
    assert (job.state, job.found, job.done, job.changed) == (BulkState.DONE, 7, 7, 7)
    assert target.subscriptions.count() == Consent.objects.count() == 7


def test_who_was_taken_over_writes_nothing_more(ask: Ask, mailing_list: MailingList) -> None:
    people(mailing_list, 4)
    job = ask(BulkAction.STOP)

    def lose_the_claim(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
        changed = ACTS[BulkAction.STOP](job, ids, now)
        BulkJob.objects.filter(pk=job.pk).update(attempt=9)
        return changed

    assert not run_bulk(job.pk, now=timezone.now(), piece=2, acts={BulkAction.STOP: lose_the_claim})
    assert Subscriber.objects.stopped().count() == 0


def test_a_turn_ends_and_the_next_goes_on(ask: Ask, mailing_list: MailingList) -> None:
    people(mailing_list, 5)
    job = ask(BulkAction.STOP)
    seconds = iter(range(0, 1000, 11))
    assert run_bulk(job.pk, now=timezone.now(), piece=2, clock=lambda: next(seconds))
    job.refresh_from_db()
    assert (job.state, job.done) == (BulkState.QUEUED, 2)
    assert work(job).changed == 5


def test_cancelling_stops_after_the_piece(ask: Ask, mailing_list: MailingList, actor: User) -> None:
    people(mailing_list, 5)
    job = ask(BulkAction.STOP)

    def be_cancelled(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
        cancel_bulk(BulkJob.objects.get(pk=job.pk), actor=actor, now=now)
        return ACTS[BulkAction.STOP](job, ids, now)

    job = work(job, acts={BulkAction.STOP: be_cancelled})
    assert (job.state, job.changed, Subscriber.objects.stopped().count()) == (BulkState.CANCELLED, 2, 2)
    assert not cancel_bulk(job, actor=actor, now=timezone.now())


def test_a_waiting_job_that_was_begun_is_ended_by_its_next_turn(
    ask: Ask, mailing_list: MailingList, actor: User, workspace: Workspace
) -> None:
    """So that whoever reads what it changed already hears of it."""
    people(mailing_list, 5)
    job = ask(BulkAction.STOP)
    seconds = iter(range(0, 1000, 11))
    assert run_bulk(job.pk, now=timezone.now(), piece=2, clock=lambda: next(seconds))
    assert not PeopleState.objects.filter(workspace=workspace, generation__gt=0).exists()
    assert cancel_bulk(job, actor=actor, now=timezone.now())
    assert job.state == BulkState.QUEUED
    job = work(job)
    assert (job.state, job.changed) == (BulkState.CANCELLED, 2)
    assert PeopleState.objects.get(workspace=workspace).generation == 1


def test_campaigns_begin_anew_once_however_many_turns_there_were(
    ask: Ask, mailing_list: MailingList, workspace: Workspace
) -> None:
    """A campaign that begins anew at every turn would never be frozen while a long job runs."""
    people(mailing_list, 7)
    target = make_list(workspace)
    job = ask(BulkAction.ADD_TO_LIST, argument={"list": target.pk})
    seconds = iter(range(0, 1000, 11))
    assert work(job, clock=lambda: next(seconds)).attempt == 5
    target.refresh_from_db()
    assert (PeopleState.objects.get(workspace=workspace).generation, target.generation) == (1, 1)


class Fault(Exception):
    """A fault of ours, as any."""


def fail(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    raise Fault


def fail_once(job: BulkJob, acts: Mapping[str, Act]) -> None:
    """A turn that fails, and the silence after it."""
    with pytest.raises(Fault):
        run_bulk(job.pk, now=timezone.now(), acts=acts, piece=2)
    assert requeue_dead_jobs(timezone.now() + DEAD_AFTER + timedelta(seconds=1)) == 1


def test_a_job_whose_every_turn_fails_is_given_up_and_lets_others_pass(
    ask: Ask, mailing_list: MailingList, actor: User
) -> None:
    people(mailing_list, 5)
    job, other = ask(BulkAction.STOP), ask(BulkAction.RESUME)
    for _try in range(MAX_TRIES):
        fail_once(job, {BulkAction.STOP: fail})
    job = work(job)
    assert (job.state, job.found, job.done, job.finished_at is not None) == (BulkState.FAILED, 5, 0, True)
    assert work(other).state == BulkState.DONE
    # The fault is mended, and a person has it go on.
    assert restart_bulk(job, actor=actor)
    assert not restart_bulk(job, actor=actor)
    job = work(job)
    assert (job.state, job.changed, job.finished_at is not None) == (BulkState.DONE, 5, True)
    assert AuditEntry.objects.filter(action="bulk.restart", actor=actor).count() == 1


def test_a_piece_that_is_done_gives_a_job_its_tries_back(ask: Ask, mailing_list: MailingList) -> None:
    people(mailing_list, 2 * MAX_TRIES + 6)
    job = ask(BulkAction.STOP)
    for _try in range(MAX_TRIES + 2):
        pieces = iter((ACTS[BulkAction.STOP], fail))
        fail_once(job, {BulkAction.STOP: lambda *args, found=pieces: next(found)(*args)})
    job = work(job)
    assert (job.state, job.changed) == (BulkState.DONE, 2 * MAX_TRIES + 6)


def test_a_job_that_always_fails_still_hears_that_it_is_cancelled(
    ask: Ask, mailing_list: MailingList, actor: User
) -> None:
    people(mailing_list, 1)
    job = ask(BulkAction.STOP)
    fail_once(job, {BulkAction.STOP: fail})
    assert cancel_bulk(job, actor=actor, now=timezone.now())
    assert work(job, acts={BulkAction.STOP: fail}).state == BulkState.CANCELLED


def test_a_waiting_job_is_cancelled_at_once(ask: Ask, mailing_list: MailingList, actor: User) -> None:
    people(mailing_list, 1)
    job = ask(BulkAction.STOP)
    assert cancel_bulk(job, actor=actor, now=timezone.now())
    assert job.state == BulkState.CANCELLED
    assert work(job).state == BulkState.CANCELLED
    assert Subscriber.objects.stopped().count() == 0
    assert AuditEntry.objects.filter(action="bulk.cancel").count() == 1


def test_jobs_of_a_workspace_go_one_after_the_other(ask: Ask, mailing_list: MailingList) -> None:
    people(mailing_list, 1)
    first, second = ask(BulkAction.STOP), ask(BulkAction.RESUME)
    now = timezone.now()
    assert list(take_bulk_hints(now, ACTS)) == [first.pk]
    assert list(take_bulk_hints(now, ACTS)) == []
    assert not run_bulk(second.pk, now=now)
    work(first)
    assert list(take_bulk_hints(now, ACTS)) == [second.pk]
    assert work(second).changed == 1


def test_erasing_waits_for_the_task_that_can_erase(ask: Ask, mailing_list: MailingList) -> None:
    ask(BulkAction.ERASE)
    assert list(take_bulk_hints(timezone.now(), ACTS)) == []


def test_a_changed_segment_ends_the_job(ask: Ask, mailing_list: MailingList, workspace: Workspace) -> None:
    people(mailing_list, 2)
    condition = {"field": "name", "op": "is_filled", "value": ""}
    segment = Segment.objects.create(workspace=workspace, name="全員", conditions={"v": 1, "all": [condition]})
    asked = Search(segment_id=segment.pk)
    job = ask(BulkAction.STOP, asked)
    Segment.objects.filter(pk=segment.pk).update(revision=2)
    job = work(job)
    assert (job.state, job.message) == (BulkState.CANCELLED, "セグメントの条件が変わりました。")
    job = ask(BulkAction.STOP, asked)
    Segment.objects.filter(pk=segment.pk).update(conditions={"v": 1, "all": []})
    job = work(job)
    assert (job.state, "条件がありません" in job.message) == (BulkState.CANCELLED, True)
    assert Subscriber.objects.stopped().count() == 0
    Segment.objects.filter(pk=segment.pk).update(conditions={"v": 1, "all": [condition]})
    assert work(ask(BulkAction.STOP, asked)).changed == 2
    job = ask(BulkAction.RESUME, asked)
    segment.delete()
    job = work(job)
    assert (job.state, job.message) == (BulkState.CANCELLED, "セグメントが削除されました。")


def test_the_figures_of_lists_are_counted_anew(
    ask: Ask, mailing_list: MailingList, django_capture_on_commit_callbacks: Any
) -> None:
    people(mailing_list, 1)
    with django_capture_on_commit_callbacks(execute=True):
        work(ask(BulkAction.STOP))
    assert set(Headcount.objects.values_list("mailing_list", flat=True)) == {None, mailing_list.pk}
