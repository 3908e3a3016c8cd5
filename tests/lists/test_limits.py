"""Limits of エラー停止: previews, and applying them to the errors that are there (A7)."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction

from accounts.models import AuditEntry, ErrorCounting, Workspace
from lists.limits import Rule, apply_limits, mark_errors, mark_limits, preview_list_limit, preview_rule
from lists.models import AddressError, StopReason, Subscriber, Subscription
from lists.recounting import Proof, lock_subscribers, reconsider
from tests.factories import make_errors, make_list, make_subscriber, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def change(workspace: Workspace, **fields: object) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(**fields)
    workspace.refresh_from_db()


def apply(workspace: Workspace) -> int:
    mark_limits(workspace, now=NOW)
    return apply_limits(workspace, now=NOW)


def rule(limit: int, counting: str = "consecutive", days: int = 90) -> Rule:
    return Rule(limit, ErrorCounting(counting), timedelta(days=days))


def stopped(workspace: Workspace) -> set[str]:
    return set(Subscriber.objects.for_workspace(workspace).stopped().values_list("address", flat=True))


def test_a_lowered_limit_applies_to_counts_already_collected() -> None:
    """A7."""
    workspace = make_workspace(error_limit=5)
    ordinary, other = make_list(workspace), make_list(workspace, error_limit=4)
    three = make_errors(make_subscriber(ordinary, "three@example.jp"), 3, now=NOW)
    make_errors(make_subscriber(ordinary, "two@example.jp"), 2, now=NOW)
    make_errors(make_subscriber(other, "spared@example.jp"), 3, now=NOW)
    make_errors(make_subscriber(workspace=make_workspace(error_limit=9)), 4, now=NOW)
    assert apply(workspace) == 0
    assert preview_rule(workspace, rule(3), now=NOW) == 1
    change(workspace, error_limit=3)
    assert apply(workspace) == 1
    assert stopped(workspace) == {"three@example.jp"}
    three.refresh_from_db()
    assert (three.stop_reason, three.stopped_at, three.errors_due_at) == (StopReason.ERRORS, NOW, None)
    assert list(three.errors.order_by("pk").values_list("stopped", flat=True)) == [False, False, True]
    assert AuditEntry.objects.get().detail == {"stopped": 1}
    assert preview_list_limit(other, 2) == 1
    other.error_limit = 2
    other.save()
    assert apply(workspace) == 1
    assert stopped(workspace) == {"three@example.jp", "spared@example.jp"}


def test_a_raised_limit_revives_nobody() -> None:
    """A7."""
    workspace = make_workspace(error_limit=1)
    subscriber = make_errors(make_subscriber(make_list(workspace)), now=NOW)
    change(workspace, error_limit=10)
    assert apply(workspace) == 0
    subscriber.refresh_from_db()
    assert subscriber.is_stopped()


def test_the_preview_of_a_list_knows_the_other_lists_of_its_people() -> None:
    """A7: per list; the smallest own limit decides."""
    workspace = make_workspace(error_limit=9)
    mailing_list, strict = make_list(workspace, error_limit=8), make_list(workspace, error_limit=7)
    make_errors(make_subscriber(mailing_list), 3, now=NOW)
    both = make_errors(make_subscriber(mailing_list), 6, now=NOW)
    Subscription.objects.create(mailing_list=strict, subscriber=both)
    make_errors(make_subscriber(strict), 6, now=NOW)
    assert preview_list_limit(mailing_list, 3) == 2
    assert preview_list_limit(mailing_list, 6) == 1
    assert preview_list_limit(mailing_list, 7) == 0
    # Without an own limit that of the workspace holds, except for who is on the strict list.
    workspace.error_limit = 3
    mailing_list.workspace = workspace
    assert preview_list_limit(mailing_list, None) == 1


def test_the_preview_of_a_period_counts_only_what_is_in_it() -> None:
    """A7: mode and period are previewed too, and the number is what saving them does."""
    workspace = make_workspace(error_limit=9)
    for days, address in ((5, "new@example.jp"), (40, "old@example.jp")):
        make_errors(make_subscriber(make_list(workspace), address), 2, now=NOW - days * DAY)
    patient = make_list(workspace, error_limit=5)
    make_errors(make_subscriber(patient), 2, now=NOW)
    assert preview_rule(workspace, rule(2), now=NOW) == 2
    assert preview_rule(workspace, rule(2, "period", 30), now=NOW) == 1
    assert preview_rule(workspace, rule(2, "period", 60), now=NOW) == 2
    assert preview_rule(workspace, rule(3, "period", 60), now=NOW) == 0
    change(workspace, error_limit=2, error_counting="period", error_period_days=30)
    mark_errors(workspace, now=NOW)
    assert apply_limits(workspace, now=NOW) == 1
    assert stopped(workspace) == {"new@example.jp"}
    assert Subscriber.objects.get(address="old@example.jp").error_count == 0
    # A longer period counts what it reaches back to.
    assert preview_rule(workspace, rule(2, "period", 60), now=NOW) == 1
    change(workspace, error_period_days=60)
    mark_errors(workspace, now=NOW)
    assert apply_limits(workspace, now=NOW) == 1


def test_errors_leave_the_period_one_by_one() -> None:
    """A7: the count falls by itself; nobody is revived."""
    workspace = make_workspace(error_counting="period", error_period_days=30, error_limit=3)
    subscriber = make_subscriber(workspace=workspace)
    for day in (0, 10):
        make_errors(subscriber, now=NOW + day * DAY)
    gone = make_errors(make_subscriber(workspace=workspace), 3, now=NOW)
    assert gone.is_stopped()
    for day, number, due in ((29, 2, 30), (30, 1, 40), (40, 0, None)):
        now = NOW + day * DAY
        due_at = NOW + due * DAY if due else None
        reconsider([subscriber.pk], now=now)
        subscriber.refresh_from_db()
        assert (subscriber.error_count, subscriber.errors_due_at) == (number, due_at)
    assert AddressError.objects.uncleared().count() == 5
    gone.refresh_from_db()
    assert gone.is_stopped()


def test_what_was_proven_meanwhile_is_not_stopped() -> None:
    workspace = make_workspace(error_limit=5)
    proven = make_errors(make_subscriber(workspace=workspace), 3, now=NOW - 20 * DAY)
    change(workspace, error_limit=3)
    mark_limits(workspace, now=NOW)
    proof = {proven.pk: Proof(NOW - 10 * DAY, NOW + 7 * DAY)}
    assert apply_limits(workspace, now=NOW, prove=lambda _ids: proof) == 0
    proven.refresh_from_db()
    assert (proven.error_count, proven.is_stopped()) == (0, False)


def test_the_tick_finds_what_a_killed_request_has_left() -> None:
    """Marked in the transaction that stores the limit; the rest is left to the tick."""
    workspace = make_workspace(error_limit=5)
    subscriber = make_errors(make_subscriber(workspace=workspace), 3, now=NOW)
    change(workspace, error_limit=3)
    assert mark_limits(workspace, now=NOW) == 1
    assert Subscriber.objects.filter(errors_due_at__lte=NOW).get() == subscriber


def test_rules_that_count_the_same_are_known() -> None:
    assert rule(3).counts_like(rule(5, days=7))
    assert rule(3, "period", 30).counts_like(rule(5, "period", 30))
    assert not rule(3, "period", 30).counts_like(rule(3, "period", 31))
    assert not rule(3, "period", 30).counts_like(rule(3))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one lock for all rows")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mark", [mark_limits, mark_errors])
def test_marking_waits_for_nobody_in_a_circle(mark: Callable[..., int]) -> None:
    """Who counts errors locks in the order of the ids; so the one who marks must not hold the second row by then."""
    workspace = make_workspace(error_limit=9)
    first, second = (make_errors(make_subscriber(make_list(workspace)), number, now=NOW) for number in (2, 1))
    change(workspace, error_limit=1)
    # Also in the table the first row now stands behind the second.
    Subscriber.objects.filter(pk=first.pk).update(name="新しい名前")
    marked: list[int] = []

    def work() -> None:
        try:
            with transaction.atomic():
                marked.append(mark(workspace, now=NOW))
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    with transaction.atomic():
        lock_subscribers([first.pk])
        thread.start()
        time.sleep(0.5)
        assert Subscriber.objects.select_for_update(no_key=True, nowait=True).get(pk=second.pk)
    thread.join()
    assert marked == [2]
