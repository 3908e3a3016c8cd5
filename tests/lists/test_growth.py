"""読者数の推移: days counted once after their midnight, and shown as points, words and a picture without inventing any."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, Workspace
from hypermail.celery import app as celery_app
from hypermail.demo_growth import grow
from lists.day_counts import count_day, count_days, has_due_days
from lists.growth import DEFAULT, SPANS, make_points, read_growth, read_span
from lists.models import DayCount, MailingList, Subscriber, Subscription
from lists.tasks import slow_tick
from tests.factories import make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
# Ten past midnight in Tokyo.
NOW = datetime(2026, 11, 22, 15, 10, tzinfo=UTC)
DAY = date(2026, 11, 22)


@pytest.fixture
def mailing_list(workspace):
    """A list and a workspace that were there before."""
    mailing_list = make_list(workspace)
    before = NOW - timedelta(days=100)
    Workspace.objects.update(created_at=before)
    MailingList.objects.update(created_at=before)
    return mailing_list


def add(mailing_list, number=1, *, at=NOW - timedelta(days=50), **fields):
    people = [make_subscriber(mailing_list, **fields) for _ in range(number)]
    Subscriber.objects.filter(pk__in=[person.pk for person in people]).update(created_at=at)
    Subscription.objects.filter(subscriber__in=people).update(created_at=at)


def stop(mailing_list, reason, at):
    add(mailing_list, status="stopped", stop_reason=reason, stopped_at=at)


def rows():
    return {
        (row.mailing_list_id is not None, row.date): (row.total, row.stopped, row.joined, row.left, row.failed)
        for row in DayCount.objects.all()
    }


def take_published():
    """Return the tasks that wait for workers of the lists, and forget them."""
    found = []
    with celery_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("lists")
        try:
            while True:
                message = queue.get(block=False)
                message.ack()
                found.append(message.headers["task"])
        except queue.Empty:
            queue.close()
    return found


# ── counting ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_day_is_counted_after_its_midnight_with_who_came_and_went(mailing_list):
    during = NOW - timedelta(hours=2)
    add(mailing_list, 3)
    add(mailing_list, 2, at=during)
    add(mailing_list, at=NOW - timedelta(minutes=5))
    stop(mailing_list, "unsubscribed", during)
    stop(mailing_list, "complaint", during)
    stop(mailing_list, "errors", during)
    stop(mailing_list, "manual", during)
    stop(mailing_list, "errors", NOW - timedelta(days=3))
    assert has_due_days(NOW)
    assert count_days(NOW) == 2
    assert rows() == {(True, DAY): (11, 5, 2, 2, 1), (False, DAY): (11, 5, 2, 2, 1)}


def test_it_is_counted_once(mailing_list):
    count_days(NOW)
    add(mailing_list)
    assert not has_due_days(NOW + timedelta(hours=20))
    assert count_days(NOW + timedelta(hours=20)) == 0
    assert {row[0] for row in rows().values()} == {0}
    assert has_due_days(NOW + timedelta(hours=24))


def test_who_counts_at_the_same_moment_keeps_the_first_row(mailing_list):
    first = count_day(mailing_list.workspace_id, mailing_list.pk, DAY, "Asia/Tokyo")
    first.save()
    add(mailing_list)
    count_days(NOW)
    assert DayCount.objects.get(mailing_list=mailing_list).total == 0
    with pytest.raises(IntegrityError), transaction.atomic():
        count_day(mailing_list.workspace_id, mailing_list.pk, DAY, "Asia/Tokyo").save()


def test_each_workspace_has_its_own_midnight(mailing_list):
    berlin = make_workspace(time_zone="Europe/Berlin")
    Workspace.objects.filter(pk=berlin.pk).update(created_at=NOW - timedelta(days=9))
    count_days(NOW)
    assert set(DayCount.objects.filter(workspace=berlin).values_list("date", flat=True)) == {date(2026, 11, 21)}
    assert set(DayCount.objects.exclude(workspace=berlin).values_list("date", flat=True)) == {DAY}


def test_what_was_made_since_has_no_day_yet(workspace):
    make_list(workspace)
    MailingList.objects.update(created_at=NOW)
    Workspace.objects.update(created_at=NOW)
    assert not has_due_days(NOW)


def test_lists_that_are_being_deleted_are_left_out(mailing_list):
    MailingList.objects.update(deleted_at=NOW)
    assert count_days(NOW) == 1
    assert set(rows()) == {(False, DAY)}


def test_deleting_a_list_or_a_workspace_takes_its_days_along(mailing_list):
    count_days(NOW)
    mailing_list.delete()
    assert DayCount.objects.count() == 1


def test_the_minute_asks_for_the_count_only_when_something_is_due(mailing_list):
    take_published()
    slow_tick()
    assert take_published() == ["lists.tasks.count_ended_days"]
    count_days(timezone.now())
    slow_tick()
    assert take_published() == []


# ── points and words ──────────────────────────────────────────────────────────────────────────────────────────────


def keep(workspace, mailing_list, days_ago, total, *, stopped=0, **fields):
    day = date(2026, 11, 23) - timedelta(days=days_ago)
    return DayCount.objects.create(
        workspace=workspace, mailing_list=mailing_list, date=day, total=total, stopped=stopped, **fields
    )


def growth_of(workspace, mailing_list=None, days=30):
    return read_growth(workspace, mailing_list, days, today=date(2026, 11, 23))


def test_growth_compares_the_first_and_the_last_known_day(workspace):
    keep(workspace, None, 31, 5)
    keep(workspace, None, 20, 110, stopped=10, joined=7)
    keep(workspace, None, 1, 145, stopped=20, joined=3, left=2, failed=1)
    found = growth_of(workspace)
    assert (found.is_known, found.change, found.percent) == (True, 25, 25.0)
    assert (found.joined, found.left, found.failed) == (10, 2, 1)
    assert [point.active for point in found.known] == [125, 100]
    # Nothing is drawn over the days of which nothing is known.
    assert found.steps == ()


def test_neighbours_are_joined_by_a_line(workspace):
    for ago in (1, 2, 3, 6):
        keep(workspace, None, ago, 100 + ago)
    assert len(growth_of(workspace).steps) == 2


def test_longer_spans_have_columns_of_several_days(workspace):
    for ago in range(1, 365):
        keep(workspace, None, ago, 1000 - ago, joined=1)
    for days, step in SPANS.items():
        found = growth_of(workspace, days=days)
        assert len(found.columns) == -(-days // step)
        assert found.last.active == 999
        assert found.joined == min(days, 364)


@pytest.mark.parametrize(("numbers", "percent"), [((0, 10), None), ((10, 0), -100.0), ((10, 10), 0.0)])
def test_from_nobody_there_is_no_percent(workspace, numbers, percent):
    keep(workspace, None, 2, numbers[0])
    keep(workspace, None, 1, numbers[1])
    assert growth_of(workspace).percent == percent


def test_one_day_alone_is_no_growth(workspace):
    keep(workspace, None, 1, 10)
    assert not growth_of(workspace).is_known
    assert make_points({}, date(2026, 11, 1), 30)[0].active is None


def test_the_scale_begins_near_the_numbers_where_they_are_large(workspace):
    keep(workspace, None, 2, 100_010)
    keep(workspace, None, 1, 100_390)
    assert [tick.label for tick in growth_of(workspace).people_ticks] == ["100,000", "100,200", "100,400"]


@pytest.mark.parametrize("given", ["", "7", "x", "9" * 30, "-30"])
def test_a_span_that_is_none_is_the_usual_one(given):
    assert read_span({"days": given}) == DEFAULT
    assert read_span({"days": "365"}) == 365


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def member(workspace, client_for):
    return client_for(make_user(workspace, Role.VIEWER))


def pages(member, mailing_list, **asked):
    urls = (reverse("home"), reverse("list_detail", args=[mailing_list.pk]))
    return [member.get(url, asked).content.decode() for url in urls]


def test_home_and_the_list_show_their_own_growth(member, mailing_list, workspace):
    make_subscriber(mailing_list)
    today = timezone.now().astimezone(workspace.zone).date()
    for found, numbers in ((None, (1000, 1250)), (mailing_list, (200, 190))):
        for ago, total in zip((9, 1), numbers, strict=True):
            date = today - timedelta(days=ago)
            DayCount.objects.create(workspace=workspace, mailing_list=found, date=date, total=total, stopped=0)
    home, detail = pages(member, mailing_list)
    assert "+250 人(+25.0%)" in " ".join(home.split())
    assert "−10 人(-5.0%)" in " ".join(detail.split())
    assert 'aria-current="true">30日' in home
    assert 'aria-current="true">1年' in pages(member, mailing_list, days="365")[0]
    assert len(home) < 100_000


def test_before_there_is_anything_the_card_says_when(member, mailing_list):
    make_subscriber(mailing_list)
    assert all("2日分がそろうと" in page for page in pages(member, mailing_list))
    keep(mailing_list.workspace, None, 0, 1)
    DayCount.objects.update(date=timezone.now().date() - timedelta(days=2))
    assert "から数え始めました" in pages(member, mailing_list)[0]


def test_the_demonstration_grew_to_what_it_is(mailing_list):
    add(mailing_list, 30)
    grow(mailing_list.workspace, now=NOW)
    found = growth_of(mailing_list.workspace, mailing_list)
    assert found.last.active == 30
    assert found.change > 0
