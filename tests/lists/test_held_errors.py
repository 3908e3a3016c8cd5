"""Errors that a review holds: taken back, and counted after all (B16)."""

from datetime import timedelta

import pytest

from lists.errors import Weight
from lists.held_errors import count_held, hold_errors
from lists.models import AddressError, StopReason, Subscriber
from lists.recounting import clear_errors
from tests.factories import make_errors, make_list, make_subscriber, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db
HOLD = "hold:7"


def unknown(subscriber: Subscriber, key: str = "delivery:1", weight: Weight = Weight.STOP, **fields: object) -> None:
    make_errors(subscriber, key=key, weight=weight, kind="hard", reason="user_unknown", now=NOW, **fields)


def hold(subscriber: Subscriber, key: str = "delivery:1") -> int:
    revived = hold_errors({subscriber.pk: key}, HOLD, now=NOW)
    subscriber.refresh_from_db()
    return revived


def apply(*, stops: bool = True) -> int:
    held = AddressError.objects.filter(held_by=HOLD)
    return count_held(dict.fromkeys(held.values_list("pk", flat=True), stops), now=NOW)


def test_who_was_stopped_by_exactly_such_an_error_is_active_again() -> None:
    """B16."""
    subscriber = make_errors(make_subscriber(), 1, now=NOW)
    unknown(subscriber)
    assert subscriber.is_stopped()
    assert hold(subscriber) == 1
    assert (subscriber.status, subscriber.stop_reason, subscriber.error_count) == ("active", "", 1)
    assert subscriber.errors_due_at == NOW
    error = subscriber.errors.get(key="delivery:1")
    assert (error.held_by, error.stopped, error.counted) == (HOLD, False, True)
    # A second call, as after a crash, changes nothing.
    assert hold(subscriber) == 0
    assert subscriber.error_count == 1


@pytest.mark.parametrize("reason", [StopReason.COMPLAINT, StopReason.UNSUBSCRIBED, StopReason.MANUAL])
def test_what_a_person_decided_stays(reason: StopReason) -> None:
    """B16: a complaint or an unsubscription outranks all; who was also stopped by hand is not made active."""
    subscriber = make_subscriber()
    unknown(subscriber)
    Subscriber.objects.filter(pk=subscriber.pk).mark_stopped(reason, NOW)
    assert hold(subscriber) == 0
    assert (subscriber.stop_reason, subscriber.error_count) == (reason, 0)


def test_who_would_be_stopped_without_it_stays_stopped() -> None:
    limited = make_subscriber(make_list(make_workspace(error_limit=9), error_limit=2))
    make_errors(limited, 1, now=NOW)
    unknown(limited)
    make_errors(limited, 1, now=NOW)
    assert hold(limited) == 0
    assert (limited.stop_reason, limited.error_count) == (StopReason.ERRORS, 2)
    # Another error would have stopped it at once.
    twice = make_subscriber()
    unknown(twice)
    unknown(twice, "delivery:2")
    assert hold(twice) == 0
    assert twice.is_stopped()


def test_a_stop_that_was_there_before_stays() -> None:
    subscriber = make_subscriber()
    unknown(subscriber, "delivery:0")
    unknown(subscriber, weight=Weight.COUNT)
    AddressError.objects.filter(key="delivery:1").update(stopped=False)
    assert hold(subscriber) == 0
    assert subscriber.is_stopped()


def test_what_is_cleared_or_of_another_mailing_is_left_alone() -> None:
    cleared, other = make_subscriber(), make_subscriber()
    unknown(cleared)
    clear_errors([cleared.pk], now=NOW)
    unknown(other, "delivery:2")
    assert hold_errors({cleared.pk: "delivery:1", other.pk: "delivery:1", 987654: "delivery:2"}, HOLD, now=NOW) == 0
    assert not AddressError.objects.filter(held_by=HOLD).exists()


def test_an_applied_error_counts_and_stops() -> None:
    """B16: applied, the stops happen."""
    stopping, counting = make_subscriber(), make_subscriber()
    unknown(stopping, held_by=HOLD)
    unknown(counting, weight=Weight.COUNT, held_by=HOLD)
    numbers = dict(AddressError.objects.values_list("subscriber_id", "pk"))
    decision = {numbers[stopping.pk]: True, numbers[counting.pk]: False}
    assert count_held(decision, now=NOW) == 1
    stopping.refresh_from_db()
    counting.refresh_from_db()
    assert (stopping.stop_reason, stopping.error_count) == (StopReason.ERRORS, 1)
    assert (counting.status, counting.error_count) == ("active", 1)
    assert stopping.errors.get().stopped
    assert not counting.errors.get().stopped
    # A second call changes nothing.
    assert count_held(decision, now=NOW) == 0


def test_an_applied_error_that_reaches_the_limit_stops() -> None:
    subscriber = make_errors(make_subscriber(), 2, now=NOW)
    unknown(subscriber, weight=Weight.COUNT, held_by=HOLD)
    assert apply(stops=False) == 1
    subscriber.refresh_from_db()
    assert (subscriber.error_count, subscriber.is_stopped()) == (3, True)


def test_an_error_that_was_cleared_while_it_was_held_does_not_count() -> None:
    """A person who resumes an address has cleared what was held, too."""
    subscriber = make_subscriber()
    unknown(subscriber, held_by=HOLD)
    clear_errors([subscriber.pk], now=NOW)
    assert apply() == 0
    subscriber.refresh_from_db()
    assert (subscriber.error_count, subscriber.is_stopped()) == (0, False)


def test_an_applied_error_that_left_the_period_does_not_stop() -> None:
    workspace = make_workspace(error_counting="period", error_period_days=30)
    subscriber = make_subscriber(workspace=workspace)
    unknown(subscriber, held_by=HOLD)
    errors = dict.fromkeys(AddressError.objects.values_list("pk", flat=True), True)
    assert count_held(errors, now=NOW + timedelta(days=31)) == 0
