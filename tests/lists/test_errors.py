"""Counting errors and stopping at the limit (A7)."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.db import connection

from lists.errors import ErrorEvent, Weight, count_error
from lists.models import AddressError, ClearedBy, StopReason, Subscriber, Subscription
from lists.recounting import clear_errors, limit_for
from tests.factories import make_list, make_subscriber, make_workspace

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
numbers = count(1000)


def make_event(key: str = "delivery:1", weight: Weight = Weight.COUNT, **fields: object) -> ErrorEvent:
    defaults = {
        "kind": "soft",
        "reason": "mailbox_full",
        "code": "552 5.2.2",
        "text": "552 5.2.2 mailbox full",
        "about": "秋のお知らせ",
    }
    return ErrorEvent(key=key, weight=weight, **defaults | fields)


def tell(subscriber: Subscriber, number: int, *, now: datetime = NOW) -> None:
    """Count so many errors of a subscriber, one after the other."""
    for _error in range(number):
        count_error(subscriber.pk, make_event(f"delivery:{next(numbers)}"), now=now)


def reload(subscriber: Subscriber) -> Subscriber:
    subscriber.refresh_from_db()
    return subscriber


@pytest.mark.django_db
def test_stops_at_the_third_error() -> None:
    """A7."""
    subscriber = make_subscriber()
    assert not count_error(subscriber.pk, make_event("delivery:1"), now=NOW)
    assert not count_error(subscriber.pk, make_event("delivery:2"), now=NOW)
    assert reload(subscriber).error_count == 2
    assert not subscriber.is_stopped()
    assert count_error(subscriber.pk, make_event("delivery:3"), now=NOW)
    assert reload(subscriber).is_stopped()
    assert subscriber.stop_reason == StopReason.ERRORS
    assert subscriber.stopped_at == NOW
    evidence = subscriber.errors.get(key="delivery:3")
    assert (evidence.code, evidence.text, evidence.about) == ("552 5.2.2", "552 5.2.2 mailbox full", "秋のお知らせ")


@pytest.mark.django_db
def test_one_event_told_twice_counts_once() -> None:
    subscriber = make_subscriber()
    for _repeat in range(5):
        assert not count_error(subscriber.pk, make_event("delivery:1"), now=NOW)
    assert reload(subscriber).error_count == 1
    assert subscriber.errors.count() == 1


@pytest.mark.django_db
def test_temporary_faults_count_once_a_campaign() -> None:
    subscriber = make_subscriber()
    for key in ("campaign:3", "campaign:3", "campaign:4"):
        count_error(subscriber.pk, make_event(key, Weight.ONCE_PER_CAMPAIGN), now=NOW)
    assert reload(subscriber).error_count == 2


@pytest.mark.django_db
def test_a_weight_of_stop_stops_at_once() -> None:
    subscriber = make_subscriber()
    assert count_error(subscriber.pk, make_event(weight=Weight.STOP, reason="user_unknown"), now=NOW)
    assert reload(subscriber).stop_reason == StopReason.ERRORS


@pytest.mark.django_db
def test_what_never_counts_is_only_kept() -> None:
    subscriber = make_subscriber()
    for number in range(5):
        assert not count_error(subscriber.pk, make_event(f"delivery:{number}", Weight.NEVER), now=NOW)
    assert reload(subscriber).error_count == 0
    assert subscriber.errors.filter(counted=False).count() == 5


@pytest.mark.django_db
def test_a_complaint_stops_at_once_and_is_no_error() -> None:
    subscriber = make_subscriber()
    assert count_error(subscriber.pk, make_event(complaint=True), now=NOW)
    assert reload(subscriber).stop_reason == StopReason.COMPLAINT
    assert subscriber.error_count == 0


@pytest.mark.django_db
def test_a_complaint_outranks_a_stop_by_errors() -> None:
    subscriber = make_subscriber()
    count_error(subscriber.pk, make_event(weight=Weight.STOP), now=NOW)
    assert not count_error(subscriber.pk, make_event("complaint:1", complaint=True), now=NOW)
    assert reload(subscriber).stop_reason == StopReason.COMPLAINT


@pytest.mark.django_db
def test_an_error_after_the_stop_is_kept_and_stops_nothing_again() -> None:
    subscriber = make_subscriber(status="stopped", stop_reason="unsubscribed")
    assert not count_error(subscriber.pk, make_event(weight=Weight.STOP), now=NOW)
    assert reload(subscriber).stop_reason == StopReason.UNSUBSCRIBED
    assert subscriber.errors.count() == 1


@pytest.mark.django_db
def test_a_subscriber_that_is_gone_is_left_alone() -> None:
    assert not count_error(987654, make_event(), now=NOW)
    assert not AddressError.objects.exists()


@pytest.mark.django_db
def test_hostile_text_is_cut_and_stored() -> None:
    subscriber = make_subscriber()
    count_error(subscriber.pk, make_event(code="5" * 50, text="a\0b" + "x" * 5000, about="件" * 500), now=NOW)
    evidence = subscriber.errors.get()
    assert (len(evidence.code), len(evidence.text), len(evidence.about)) == (20, 1000, 255)
    assert evidence.text.startswith("abx")


@pytest.mark.django_db
def test_the_limit_is_the_smallest_of_the_lists_own_limits() -> None:
    """A7: per workspace and per list."""
    workspace = make_workspace(error_limit=5)
    subscriber = make_subscriber(make_list(workspace))
    assert limit_for(subscriber) == 5
    for limit in (9, 7):
        Subscription.objects.create(mailing_list=make_list(workspace, error_limit=limit), subscriber=subscriber)
    assert limit_for(subscriber) == 7


@pytest.mark.django_db
def test_cleared_errors_count_no_more_but_stay_as_evidence() -> None:
    subscriber, other = make_subscriber(), make_subscriber()
    for row in (subscriber, other):
        count_error(row.pk, make_event("delivery:1"), now=NOW)
        count_error(row.pk, make_event("delivery:2"), now=NOW)
    later = NOW + timedelta(days=7)
    clear_errors([subscriber.pk], now=later)
    assert reload(subscriber).error_count == 0
    assert set(subscriber.errors.values_list("cleared_at", "cleared_by")) == {(later, ClearedBy.PERSON)}
    assert reload(other).error_count == 2
    # An event that was cleared is not counted again when it is told again.
    assert not count_error(subscriber.pk, make_event("delivery:2"), now=later)
    assert reload(subscriber).error_count == 0
    clear_errors([], now=later)


@pytest.mark.django_db
def test_the_error_that_reached_the_limit_is_marked() -> None:
    """A7."""
    subscriber = make_subscriber()
    tell(subscriber, 3)
    assert list(subscriber.errors.order_by("pk").values_list("stopped", flat=True)) == [False, False, True]
    # One that comes late, yet would have stopped it too, is marked as well: the first may be taken back.
    count_error(subscriber.pk, make_event("delivery:late"), now=NOW)
    assert subscriber.errors.get(key="delivery:late").stopped


@pytest.mark.django_db
def test_an_error_after_another_stop_is_not_marked() -> None:
    subscriber = make_subscriber(status="stopped", stop_reason="manual")
    count_error(subscriber.pk, make_event(weight=Weight.STOP), now=NOW)
    assert not subscriber.errors.get().stopped
    assert reload(subscriber).errors_due_at is None


@pytest.mark.django_db
def test_a_held_error_is_kept_and_neither_counts_nor_stops() -> None:
    """B16."""
    subscriber = make_subscriber()
    assert not count_error(subscriber.pk, make_event(weight=Weight.STOP, held_by="hold:7"), now=NOW)
    assert not reload(subscriber).is_stopped()
    assert subscriber.error_count == 0
    error = subscriber.errors.get()
    assert (error.held_by, error.counted, error.stopped) == ("hold:7", True, False)


@pytest.mark.django_db
def test_only_errors_within_the_period_count() -> None:
    """A7: within a period, whatever arrived in between."""
    workspace = make_workspace(error_limit=3, error_counting="period", error_period_days=30)
    subscriber = make_subscriber(workspace=workspace)
    for day in (0, 10, 35):
        count_error(subscriber.pk, make_event(f"delivery:{day}"), now=NOW + day * DAY)
    # The first has left the period before the third was told.
    assert reload(subscriber).error_count == 2
    assert subscriber.errors_due_at == NOW + 40 * DAY
    assert count_error(subscriber.pk, make_event("delivery:36"), now=NOW + 36 * DAY)


@pytest.mark.django_db
def test_errors_in_a_row_count_however_old_they_are() -> None:
    """A7: consecutive by default."""
    subscriber = make_subscriber()
    for day in (0, 400, 800):
        count_error(subscriber.pk, make_event(f"delivery:{day}"), now=NOW + day * DAY)
    assert reload(subscriber).is_stopped()


@pytest.mark.django_db
def test_a_success_is_looked_for_a_week_after_the_mail_that_failed_first() -> None:
    subscriber = make_subscriber()
    count_error(subscriber.pk, make_event("delivery:1", mailed_at=NOW - 3 * DAY), now=NOW)
    assert subscriber.errors.get().mailed_at == NOW - 3 * DAY
    assert reload(subscriber).errors_due_at == NOW + 4 * DAY
    count_error(subscriber.pk, make_event("delivery:2", mailed_at=NOW - DAY), now=NOW)
    assert reload(subscriber).errors_due_at == NOW + 4 * DAY


@pytest.mark.django_db(transaction=True)
def test_errors_told_at_once_are_all_counted() -> None:
    subscriber = make_subscriber(workspace=make_workspace(error_limit=4))
    stopped: list[bool] = []
    barrier = threading.Barrier(4)

    def shout(number: int) -> None:
        try:
            barrier.wait()
            for key in (f"delivery:{number}", "delivery:shared"):
                stopped.append(count_error(subscriber.pk, make_event(key), now=NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=shout, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reload(subscriber).error_count == subscriber.errors.count() == 5
    assert stopped.count(True) == 1
