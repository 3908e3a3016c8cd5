"""How many people there are: live for few, from kept figures for many."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from accounts.models import Workspace
from lists import headcounts
from lists.headcounts import ListCounts, count_workspace, counts_of, has_due, mark_due, recount_due
from lists.held_errors import revive
from lists.models import Headcount, MailingList, Subscriber, Subscription
from lists.subscribers import resume
from tests.factories import make_list, make_subscriber, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db


def fill(mailing_list: MailingList, number: int, **fields: Any) -> None:
    for _number in range(number):
        make_subscriber(mailing_list, **fields)


def make_large(mailing_list: MailingList, number: int) -> None:
    """Put so many people on a list, by two statements."""
    people = Subscriber.objects.bulk_create(
        Subscriber(
            workspace=mailing_list.workspace, address=f"many{line}@example.jp", address_key=f"many{line}@example.jp"
        )
        for line in range(number)
    )
    Subscription.objects.bulk_create(Subscription(mailing_list=mailing_list, subscriber=person) for person in people)


def test_a_few_people_are_counted_live(mailing_list: MailingList) -> None:
    fill(mailing_list, 3)
    fill(mailing_list, 2, status="stopped")
    assert counts_of([mailing_list])[mailing_list.pk] == ListCounts(5, 2)
    assert count_workspace(mailing_list.workspace) == ListCounts(5, 2)
    assert counts_of([]) == {}


def test_many_lists_cost_three_queries(workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    lists = [make_list(workspace) for _number in range(20)]
    for mailing_list in lists:
        fill(mailing_list, 1)
    with django_assert_num_queries(3):
        counts = counts_of(lists)
    assert set(counts.values()) == {ListCounts(1, 0)}


def test_many_people_are_counted_by_the_tick(mailing_list: MailingList) -> None:
    make_large(mailing_list, headcounts.LIVE + 1)
    counts = counts_of([mailing_list])[mailing_list.pk]
    assert (counts.total, counts.is_counting) == (headcounts.LIVE + 1, True)
    assert count_workspace(mailing_list.workspace).is_counting
    mark_due(mailing_list.workspace_id, [mailing_list.pk], now=NOW)
    assert has_due(NOW)
    assert recount_due(NOW) == 2
    assert not has_due(NOW)
    expected = ListCounts(headcounts.LIVE + 1, 0, NOW)
    assert counts_of([mailing_list])[mailing_list.pk] == expected
    assert count_workspace(mailing_list.workspace) == expected


def test_the_largest_lists_of_a_page_are_not_counted_live(workspace: Workspace) -> None:
    lists = [make_list(workspace) for _number in range(3)]
    for mailing_list in lists:
        fill(mailing_list, 2)
    counts = counts_of(lists, at_once=5)
    assert sorted(found.is_counting for found in counts.values()) == [False, False, True]


def test_a_list_that_nobody_counted_is_counted_by_the_tick(mailing_list: MailingList) -> None:
    fill(mailing_list, 1)
    assert has_due(NOW)
    assert recount_due(NOW) == 2
    assert Headcount.objects.get(mailing_list=mailing_list).total == 1
    assert Headcount.objects.get(mailing_list=None).total == 1


def test_a_change_during_the_count_is_counted_again(mailing_list: MailingList) -> None:
    mark_due(mailing_list.workspace_id, [mailing_list.pk], now=NOW)
    later = NOW + timedelta(seconds=1)
    changes = iter([True])

    def change(execute: Any, sql: str, *rest: Any) -> Any:
        """Put somebody on the list once its places were counted."""
        found = execute(sql, *rest)
        if "COUNT(" in sql and "lists_subscription" in sql and next(changes, False):
            fill(mailing_list, 1)
            mark_due(mailing_list.workspace_id, [mailing_list.pk], now=later)
        return found

    with connection.execute_wrapper(change):
        recount_due(NOW)
    counted = Headcount.objects.get(mailing_list=mailing_list)
    assert (counted.total, counted.due_at) == (0, later)
    recount_due(later)
    counted.refresh_from_db()
    assert (counted.total, counted.due_at) == (1, None)


def test_of_two_who_count_one_row_one_does(mailing_list: MailingList) -> None:
    mark_due(mailing_list.workspace_id, [mailing_list.pk], now=NOW)
    number = Headcount.objects.count()
    counted: list[int] = []

    def rival(execute: Any, sql: str, *rest: Any) -> Any:
        """Count everything when the other one has read what is due, and has not begun."""
        if sql.startswith("UPDATE") and not counted:
            counted.append(0)
            counted[0] = recount_due(NOW)
        return execute(sql, *rest)

    with connection.execute_wrapper(rival):
        assert recount_due(NOW) == 0
    assert counted == [number]


def test_a_count_that_broke_off_is_begun_anew(mailing_list: MailingList) -> None:
    mark_due(mailing_list.workspace_id, now=NOW)
    Headcount.objects.update(due_at=NOW + headcounts.LEASE)
    assert recount_due(NOW) == 0
    assert recount_due(NOW + headcounts.LEASE) == 1


def test_large_figures_follow_the_stops_after_a_while(mailing_list: MailingList) -> None:
    fill(mailing_list, 1)
    mark_due(mailing_list.workspace_id, [mailing_list.pk], now=NOW)
    recount_due(NOW)
    Headcount.objects.update(total=headcounts.LIVE + 1)
    later = NOW + headcounts.FRESH_FOR + timedelta(seconds=1)
    assert not has_due(later)
    Subscriber.objects.update(status="stopped", stop_reason="errors", stopped_at=NOW + timedelta(seconds=5))
    assert not has_due(NOW + timedelta(minutes=1))
    assert has_due(later)
    recount_due(later)
    assert Headcount.objects.get(mailing_list=mailing_list).stopped == 1


def test_marking_twice_keeps_one_row_each(mailing_list: MailingList) -> None:
    for _time in range(2):
        mark_due(mailing_list.workspace_id, [mailing_list.pk], now=NOW)
    assert Headcount.objects.count() == 2
    # A list of somebody else, or one that is gone, is left out.
    mark_due(make_workspace().pk, [mailing_list.pk, 10**9], now=NOW)
    assert Headcount.objects.filter(mailing_list=mailing_list).count() == 1


def large_list(mailing_list: MailingList) -> Subscriber:
    """Have a list counted as large, with one stopped person on it."""
    person = make_subscriber(mailing_list, status="stopped", stop_reason="errors", stopped_at=NOW)
    mark_due(mailing_list.workspace_id, [mailing_list.pk], now=NOW)
    recount_due(NOW)
    Headcount.objects.update(total=headcounts.LIVE + 1)
    assert not has_due(NOW)
    return person


def test_large_figures_fall_after_a_resume(mailing_list: MailingList, django_capture_on_commit_callbacks: Any) -> None:
    person = large_list(mailing_list)
    with django_capture_on_commit_callbacks(execute=True):
        assert resume(person, "依頼", actor=None, now=NOW)
    assert has_due(NOW)
    assert recount_due(NOW) == 2
    assert [row.stopped for row in Headcount.objects.all()] == [0, 0]


def test_large_figures_fall_after_a_review(mailing_list: MailingList, django_capture_on_commit_callbacks: Any) -> None:
    person = large_list(mailing_list)
    with django_capture_on_commit_callbacks(execute=True):
        assert revive([person], now=NOW) == 1
    assert recount_due(NOW) == 2
    assert [row.stopped for row in Headcount.objects.all()] == [0, 0]
