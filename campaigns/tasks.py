"""Celery tasks. A message is a hint that may be lost or doubled; the rows say what is to be done."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from celery import shared_task
from celery.signals import worker_process_shutdown
from django.utils import timezone

from campaigns import (
    approval_mails,
    chains,
    closed_times,
    consent_keeping,
    content_checks,
    domain_caps,
    error_gate,
    gate_mails,
    holds,
    late_starts,
    link_hosts,
    reactions,
    reaper,
    recoveries,
    recurrence_mails,
    recurrences,
    scheduling,
    send_queue,
    sent_back_mails,
    split_tests,
    stragglers,
    tally,
    test_mails,
    turns,
)
from campaigns.freezing import freeze_recipients, starts_to_hint
from campaigns.models import Campaign
from lists.exclusion_entries import forget_old
from mta import pace_store
from mta.tasks import hint_mail_domains, hint_route_checks
from tracking.writing import forget_hits

logger = logging.getLogger(__name__)


class Step(Protocol):
    """One thing that the tick sees to."""

    __name__: str

    def __call__(self, *, now: datetime) -> object:
        """Do what is due at `now`."""
        ...


# Campaigns that one tick asks to be counted; the next one goes on.
TALLIES = 10
# A hint that nobody took in this many seconds is out of date: the tick has given a new one.
STALE = 10.0


@shared_task
def tick() -> None:
    """Ask the database what is due, and hint at it. Beat calls it every second; two at once do no harm."""
    take_steps(STEPS, now=timezone.now())


@shared_task
def slow_tick() -> None:
    """Do the same for what may be some seconds late; beat calls it every ten."""
    take_steps(SLOW_STEPS, now=timezone.now())


def take_steps(steps: Sequence[Step], *, now: datetime) -> None:
    """Take each step, also after one that failed: others serve other workspaces. Raises the failures at the end."""
    failures = []
    for step in steps:
        try:
            step(now=now)
        except Exception as error:
            logger.exception("tick: %s failed", step.__name__)
            failures.append(error)
    if failures:
        raise ExceptionGroup("tick", failures)


def hint_turns(*, now: datetime) -> None:
    """Ask for the chains of turns that are missing in workspaces with due rows."""
    room = chains.most_queued() - send_queue.waiting()
    for link in chains.start_missing(now=now, room=room):
        send_turn.apply_async(tuple(link), queue="send", expires=chains.ALIVE.total_seconds())


def hint_starts(*, now: datetime) -> None:
    """Ask for the recipients of starting campaigns to be frozen."""
    for pk in starts_to_hint(now=now).values_list("pk", flat=True):
        start_campaign.apply_async((pk,), queue="work", expires=STALE)


def hint_link_hosts(*, now: datetime) -> None:
    """Ask for hosts of links to be checked."""
    for pk in link_hosts.due_hosts(now=now):
        check_link_host.apply_async((pk,), queue="work", expires=STALE)


def hint_test_mails(*, now: datetime) -> None:
    """Ask for queued test mails and seeds to be sent."""
    for pk in test_mails.tests_to_hint(now=now):
        send_test_mail.apply_async((pk,), queue="send", expires=STALE)


def hint_content_checks(*, now: datetime) -> None:
    """Ask for the draft that waits longest to be checked; one at a time, since each may take eight seconds."""
    for pk in content_checks.waiting(now=now).order_by("asked_at").values_list("pk", flat=True)[:1]:
        check_draft_content.apply_async((pk,), queue="work", expires=STALE)


def hint_tallies(*, now: datetime) -> None:
    """Ask for the figures of campaigns to be counted."""
    for pk in tally.due_tallies(now=now, limit=TALLIES):
        count_tally.apply_async((pk,), queue="work", expires=STALE)


def hint_gate_mails(*, now: datetime) -> None:
    """Ask for managers to be written to about steps of the gate."""
    for pk in gate_mails.gates_to_mail():
        mail_gate.apply_async((pk,), queue="work", expires=STALE)


def hint_late_mails(*, now: datetime) -> None:
    """Ask for managers to be written to about mailings that did not start in time."""
    for pk in late_starts.late_to_mail():
        mail_late.apply_async((pk,), queue="work", expires=STALE)


def hint_sent_back_mails(*, now: datetime) -> None:
    """Ask for managers to be written to about mailings that fell back to drafts."""
    for pk in sent_back_mails.to_mail():
        mail_sent_back.apply_async((pk,), queue="work", expires=STALE)


def hint_approval_mails(*, now: datetime) -> None:
    """Ask for the people concerned to be written to about what was asked and decided of mailings."""
    for pk in approval_mails.approvals_to_mail():
        mail_approval.apply_async((pk,), queue="work", expires=STALE)


def hint_occurrence_mails(*, now: datetime) -> None:
    """Ask for managers to be written to about times of recurrences that were not sent."""
    for pk in recurrence_mails.occurrences_to_mail():
        mail_occurrence.apply_async((pk,), queue="work", expires=STALE)


def hint_split_tests(*, now: datetime) -> None:
    """Ask for A/Bテスト to be decided, and for the rest of those that are to get the winner."""
    for pk in split_tests.tests_to_hint(now=now):
        take_split_test.apply_async((pk,), queue="work", expires=STALE)


def hint_split_mails(*, now: datetime) -> None:
    """Ask for managers to be written to about A/Bテスト that nobody decided."""
    for pk in split_tests.tests_to_remind(now=now):
        mail_split_test.apply_async((pk,), queue="work", expires=STALE)


def hint_hits(*, now: datetime) -> None:
    """Ask for opens and clicks to be written and counted."""
    if reactions.hits_are_due(now=now):
        take_hits.apply_async(queue="work", expires=STALE)


STEPS: tuple[Step, ...] = (
    closed_times.renew_due,
    recurrences.make_due,
    late_starts.hold_late,
    scheduling.start_due,
    hint_starts,
    hint_turns,
    hint_test_mails,
    hint_content_checks,
    hint_tallies,
    hint_route_checks,
    reaper.cancel_leftovers,
    reaper.finish_campaigns,
    holds.sweep_holds,
    domain_caps.move_rows,
)
# What nobody waits for.
SLOW_STEPS: tuple[Step, ...] = (
    hint_link_hosts,
    error_gate.evaluate_due,
    hint_gate_mails,
    hint_mail_domains,
    hint_late_mails,
    hint_sent_back_mails,
    hint_approval_mails,
    hint_occurrence_mails,
    hint_split_tests,
    hint_split_mails,
    reaper.reap_claims,
    reaper.reap_fences,
    reactions.prove_doubts,
    reaper.resend_doubts,
    reaper.expire_deliveries,
    test_mails.give_up_test_mails,
    recoveries.recheck_errors,
    pace_store.recover_paces,
    consent_keeping.purge_consents,
    forget_old,
    hint_hits,
    forget_hits,
)


@shared_task
def start_campaign(campaign_id: int) -> None:
    """Freeze the recipients of a starting campaign."""
    freeze_recipients(campaign_id, now=timezone.now())


@shared_task
def send_turn(workspace_id: int, number: int, step: int) -> None:
    """Take one turn of a workspace's chain; where work is left, others get their turn first."""
    following = turns.run(chains.Link(workspace_id, number, step))
    if following is not None:
        send_turn.apply_async(tuple(following), queue="send", expires=chains.ALIVE.total_seconds())


@worker_process_shutdown.connect
def end_stragglers(**_info: object) -> None:
    """Let the mails on their way have their outcomes before a process ends."""
    stragglers.STRAGGLERS.end()


@shared_task
def send_test_mail(test_mail_id: int) -> None:
    """Send one test mail."""
    test_mails.send_test_mail(test_mail_id, now=timezone.now())


@shared_task
def check_draft_content(content_check_id: int) -> None:
    """Ask others about the content of a draft."""
    content_checks.run(content_check_id, now=timezone.now())


@shared_task
def check_link_host(host_id: int) -> None:
    """Ask whether the host of a workspace's links leads here."""
    link_hosts.check_due(host_id, now=timezone.now())


@shared_task
def count_tally(campaign_id: int) -> None:
    """Count the figures of a campaign if they are due, and look at what they tell of 宛先不明 (B16)."""
    now = timezone.now()
    if tally.refresh_due(campaign_id, now=now):
        holds.look_for_jumps(Campaign.objects.get(pk=campaign_id), now=now)


@shared_task
def mail_gate(gate_id: int) -> None:
    """Write to a workspace's managers about the newest step of its gate."""
    gate_mails.mail_step(gate_id, now=timezone.now())


@shared_task
def mail_late(campaign_id: int) -> None:
    """Write to a workspace's managers about a mailing that did not start in time."""
    late_starts.mail_late(campaign_id, now=timezone.now())


@shared_task
def mail_sent_back(campaign_id: int) -> None:
    """Write to a workspace's managers about a mailing that fell back to a draft."""
    sent_back_mails.mail_sent_back(campaign_id)


@shared_task
def mail_approval(approval_id: int) -> None:
    """Write to the people concerned about an approval."""
    approval_mails.mail_approval(approval_id)


@shared_task
def mail_occurrence(occurrence_id: int) -> None:
    """Write to a workspace's managers about a time of a recurrence that was not sent."""
    recurrence_mails.mail_occurrence(occurrence_id)


@shared_task
def take_split_test(test_id: int) -> None:
    """Decide an A/Bテスト and send the winner to the rest."""
    split_tests.go_on(test_id, now=timezone.now())


@shared_task
def mail_split_test(test_id: int) -> None:
    """Write to a workspace's managers about an A/Bテスト that nobody decided."""
    split_tests.remind(test_id, now=timezone.now())


@shared_task
def take_hits() -> None:
    """Write the buffered opens and clicks, and count those that waited long enough."""
    reactions.take_hits(now=timezone.now())
