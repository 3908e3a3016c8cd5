"""Error counts that a success resets (A7), and errors that leave their period."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import connection

from campaigns.failures import Failure, record_notice, record_refusal
from campaigns.models import Campaign, Delivery, DeliveryState
from campaigns.recoveries import PIECE, find_proofs, recheck_errors
from lists.models import AddressError, ClearedBy, Subscriber
from mta.verdicts import Kind, Reason
from tests.factories import make_campaign, make_delivery, make_errors, make_list, make_subscriber, make_workspace

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def failed(subscriber: Subscriber, day: float, *, told: float | None = None) -> Subscriber:
    """Count an error of a mail that was sent on `day` and is told on the same day, or later."""
    return make_errors(subscriber, mailed_at=NOW + day * DAY, now=NOW + (day if told is None else told) * DAY)


def accepted(subscriber: Subscriber, day: float, state: str = DeliveryState.SENT) -> Delivery:
    campaign = make_campaign(make_list(subscriber.workspace))
    at = NOW + day * DAY
    return make_delivery(campaign, subscriber, state=state, mail_date=at, settled_at=at, fenced_at=at)


def count(subscriber: Subscriber, day: float) -> int:
    recheck_errors(now=NOW + day * DAY)
    subscriber.refresh_from_db()
    return subscriber.error_count


def test_a_success_that_stays_unbounced_for_7_days_resets_the_count() -> None:
    """A7."""
    subscriber = failed(failed(make_subscriber(), 0), 1)
    accepted(subscriber, 2)
    assert count(subscriber, 8.9) == 2
    assert subscriber.errors_due_at == NOW + 9 * DAY
    assert count(subscriber, 9) == 0
    assert subscriber.errors_due_at is None
    cleared = set(subscriber.errors.values_list("cleared_by", "cleared_at"))
    assert cleared == {(ClearedBy.SUCCESS, NOW + 9 * DAY)}


def test_a_mail_that_came_back_resets_nothing() -> None:
    """A7: stays unbounced."""
    subscriber = failed(make_subscriber(), 0)
    delivery = accepted(subscriber, 1)
    Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.BOUNCED)
    failed(subscriber, 1, told=5)
    assert count(subscriber, 30) == 2


@pytest.mark.parametrize("state", [DeliveryState.DOUBT, DeliveryState.FAILED, DeliveryState.EXCLUDED])
def test_only_what_a_server_accepted_proves_anything(state: str) -> None:
    subscriber = failed(make_subscriber(), 0)
    accepted(subscriber, 1, state)
    assert count(subscriber, 30) == 1


def test_a_mail_that_was_sent_before_proves_nothing() -> None:
    """The notice came late: the mail that was accepted in between is the proof, the one before is none."""
    subscriber = make_subscriber()
    accepted(subscriber, 0)
    failed(subscriber, 1, told=6)
    assert count(subscriber, 30) == 1
    accepted(subscriber, 31)
    assert count(subscriber, 37) == 1
    assert count(subscriber, 38) == 0


def test_a_mail_that_was_accepted_between_the_tries_proves_nothing() -> None:
    """A7: the mail that failed was first tried before, and refused after the other one was accepted."""
    subscriber = make_subscriber(make_list(make_workspace(error_limit=9, stop_unknown_at_once=False)))
    refused, returned, _between = (accepted(subscriber, day) for day in (0, 0, 1))
    token = uuid4()
    claimed = {"state": DeliveryState.CLAIMED, "lease_token": token, "lease_until": NOW + 4 * DAY}
    Delivery.objects.filter(pk=refused.pk).update(**claimed)
    unknown = Failure(DeliveryState.FAILED, Kind.HARD, Reason.USER_UNKNOWN)
    assert record_refusal(refused, unknown, token=token, now=NOW + 3 * DAY)
    Delivery.objects.filter(pk=returned.pk).update(fenced_at=NOW + 2 * DAY, settled_at=NOW + 2 * DAY)
    record_notice(returned.pk, replace(unknown, state=DeliveryState.BOUNCED), now=NOW + 3 * DAY)
    assert count(subscriber, 9) == 2
    accepted(subscriber, 4)
    assert count(subscriber, 30) == 0


def test_errors_of_later_mails_keep_counting() -> None:
    subscriber = failed(make_subscriber(), 0)
    accepted(subscriber, 1)
    failed(subscriber, 2)
    assert count(subscriber, 8) == 1
    assert subscriber.errors.get(cleared_at=None).mailed_at == NOW + 2 * DAY


def test_within_a_period_a_success_resets_nothing() -> None:
    """A7: errors leave the period instead."""
    subscriber = make_subscriber(workspace=make_workspace(error_counting="period", error_period_days=30))
    failed(subscriber, 0)
    accepted(subscriber, 1)
    assert count(subscriber, 29) == 1
    assert count(subscriber, 30) == 0
    assert not AddressError.objects.exclude(cleared_at=None).exists()


def test_a_stopped_address_is_not_looked_at() -> None:
    """Nobody is revived; a person decides."""
    subscriber = make_errors(make_subscriber(), 3, now=NOW)
    accepted(subscriber, 1)
    assert count(subscriber, 30) == 3
    assert subscriber.is_stopped()


def test_another_workspaces_mail_proves_nothing() -> None:
    subscriber, stranger = failed(make_subscriber(), 0), make_subscriber()
    accepted(stranger, 1)
    assert count(subscriber, 30) == 1


def test_one_run_is_bounded_and_the_next_goes_on() -> None:
    workspace = make_workspace()
    people = Subscriber.objects.bulk_create(
        Subscriber(
            workspace=workspace,
            address=f"p{n}@example.jp",
            address_key=f"p{n}@example.jp",
            error_count=1,
            errors_due_at=NOW,
        )
        for n in range(PIECE + 5)
    )
    recheck_errors(now=NOW)
    assert Subscriber.objects.filter(errors_due_at=NOW).count() == 5
    recheck_errors(now=NOW)
    assert not Subscriber.objects.filter(error_count=1).exists()
    assert recheck_errors(now=NOW) == 0
    assert len(people) == PIECE + 5


def test_a_run_costs_the_same_few_queries_however_many_are_due(django_assert_max_num_queries) -> None:
    mailing_list = make_list()
    for _number in range(20):
        accepted(failed(make_subscriber(mailing_list), 0), 1)
    assert Campaign.objects.count() == 20
    with django_assert_max_num_queries(16):
        recheck_errors(now=NOW + 8 * DAY)
    assert not Subscriber.objects.filter(error_count__gt=0).exists()


def test_nothing_is_proven_of_nobody() -> None:
    assert find_proofs([], now=NOW) == {}


@pytest.mark.django_db(transaction=True)
def test_a_reset_while_an_error_comes_in() -> None:
    """A7: whoever is first, the error of the later mail counts and the proven ones do not."""
    workspace = make_workspace(error_limit=9)
    for _round in range(5):
        subscriber = failed(failed(make_subscriber(workspace=workspace), 0), 0)
        accepted(subscriber, 1)
        barrier = threading.Barrier(2)

        def reset(barrier: threading.Barrier) -> None:
            barrier.wait()
            recheck_errors(now=NOW + 8 * DAY)

        def tell(barrier: threading.Barrier, pk: int) -> None:
            barrier.wait()
            failed(Subscriber.objects.get(pk=pk), 8)

        run_together(partial(reset, barrier), partial(tell, barrier, subscriber.pk))
        recheck_errors(now=NOW + 8 * DAY)
        subscriber.refresh_from_db()
        assert subscriber.error_count == 1
        assert subscriber.errors.live(None).get().mailed_at == NOW + 8 * DAY


def run_together(*jobs: Callable[[], None]) -> None:
    """Run each job in a thread of its own and close its connection."""

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
