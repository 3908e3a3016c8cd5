"""The tick, and clearing out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from bounces import tasks
from bounces.clearing import CHUNK, clear_old_notices
from bounces.intake import store_raw
from bounces.models import Bounce, Door, NoticeState, RawNotice
from tests.bounces.notices import make_notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def work_queue(valkey: str) -> Iterator[Callable[[], int]]:
    """How many messages wait on the work queue of the real broker; empty at the start."""
    with redis.Redis.from_url(valkey) as broker:
        broker.delete("work")
        yield lambda: int(str(broker.llen("work")))


def test_tick_hands_out_batches(work_queue: Callable[[], int]) -> None:
    """A lost hint is given again; nothing depends on it."""
    for number in range(tasks.BATCH + 1):
        store_raw(f"mail {number}".encode(), envelope_to="x@bounce.example.com", door=Door.LMTP)
    tasks.tick()
    assert work_queue() == 2
    tasks.tick()
    assert work_queue() == 4


def test_tick_leaves_alone_what_is_in_hand(work_queue: Callable[[], int]) -> None:
    make_notice()
    RawNotice.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
    tasks.tick()
    assert work_queue() == 0


def test_batch_may_come_twice() -> None:
    notices = [make_notice("ordinary-mail").pk, make_notice("qmail-no-mailbox").pk]
    tasks.process_notices(notices)
    tasks.process_notices(notices)
    assert list(RawNotice.objects.order_by("pk").values_list("state", "tries")) == [
        (NoticeState.IGNORED, 1),
        (NoticeState.UNMATCHED, 1),
    ]
    assert Bounce.objects.count() == 1


def test_old_notices_are_cleared_out(settings: Settings) -> None:
    """C16: raw notices are kept 31 days by default; what is not read yet stays."""
    assert settings.NOTICE_KEEP_DAYS == 31
    now = timezone.now()
    for name, state, days in (
        ("qmail-no-mailbox", NoticeState.PROCESSED, 32),
        ("ordinary-mail", NoticeState.NEW, 32),
        ("arf-abuse", NoticeState.PROCESSED, 30),
    ):
        notice = make_notice(name)
        RawNotice.objects.filter(pk=notice.pk).update(state=state, received_at=now - timedelta(days=days))
    assert clear_old_notices(now=now) == 1
    assert set(RawNotice.objects.values_list("state", flat=True)) == {NoticeState.NEW, NoticeState.PROCESSED}
    assert clear_old_notices(now=now) == 0


def test_clearing_keeps_up_and_reads_no_contents() -> None:
    """C16: a call takes a bounded number of rows with their results; a call a second is far more than comes in."""
    now = timezone.now()
    rows = RawNotice.objects.bulk_create(
        RawNotice(digest=f"{number:064}", door=Door.LMTP, content=b"", state=NoticeState.PROCESSED)
        for number in range(CHUNK + 20)
    )
    Bounce.objects.bulk_create(Bounce(notice=row, recipient="x@example.jp", kind="hard") for row in rows)
    RawNotice.objects.update(received_at=now - timedelta(days=40))
    with CaptureQueriesContext(connection) as queries:
        assert clear_old_notices(now=now) == CHUNK
    assert not [query["sql"] for query in queries if '"content"' in query["sql"]]
    assert len(queries) <= 15
    assert (RawNotice.objects.count(), Bounce.objects.count()) == (20, 20)
    assert clear_old_notices(now=now) == 20
    assert CHUNK * 24 * 60 * 60 > 100 * 100_000
