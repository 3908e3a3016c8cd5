"""Many notices at once: the same as one by one, whatever goes wrong with one of them."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bounces.batches import process_batch
from bounces.intake import store_raw
from bounces.matching import Why
from bounces.models import Bounce, Door, NoticeState, RawNotice
from bounces.processing import MAX_TRIES, process
from campaigns.models import Campaign, Delivery, DeliveryState, StopHold
from lists.models import AddressError, Subscriber
from tests.bounces.notices import EMAILS, make_notice, read_email, signed_path
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber

FORMATS = sorted((EMAILS / "formats").glob("*.eml"))
OTHERS = sorted(EMAILS.glob("*.eml"))


def make_sent(mailing_list: Any = None, address: str = "", **fields: Any) -> Delivery:
    mailing_list = mailing_list or make_list()
    now = timezone.now()
    defaults = {"state": DeliveryState.SENT, "settled_at": now, "mail_date": now}
    return make_delivery(make_campaign(mailing_list), make_subscriber(mailing_list, address), **defaults | fields)


def make_mixed_post() -> list[int]:
    """Store a notice of every form, and what makes them special: doubles, strangers, two about one subscriber."""
    mailing_list = make_list(error_limit=2)
    now = timezone.now()
    for number, path in enumerate([*FORMATS, *OTHERS]):
        state = (DeliveryState.SENT, DeliveryState.DOUBT, DeliveryState.FAILED, DeliveryState.PENDING)[number % 11 % 4]
        fields = {"fenced_at": now} if state == DeliveryState.DOUBT else {}
        delivery = make_sent(mailing_list, f"r{number}@example.jp", state=state, **fields)
        store_raw(path.read_bytes(), envelope_to=signed_path(delivery), door=Door.LMTP)
        if number % 5 == 0:
            # The same by another server: the row is told of twice.
            store_raw(read_email("qmail-no-mailbox"), envelope_to=signed_path(delivery), door=Door.LMTP)
        if number % 7 == 0:
            again = make_delivery(make_campaign(mailing_list), delivery.subscriber, state="sent", mail_date=now)
            store_raw(read_email("sendmail-mailbox-full"), envelope_to=signed_path(again), door=Door.LMTP)
    held = make_sent(mailing_list, "held@example.jp")
    StopHold.objects.create(campaign=held.campaign, provider="other", unknown=20, tried=30, opened_at=now)
    store_raw(read_email("postfix-user-unknown"), envelope_to=signed_path(held), door=Door.LMTP)
    orphan = make_sent(mailing_list, "gone@example.jp")
    Subscriber.objects.filter(address_key=orphan.address_key).delete()
    store_raw(read_email("postfix-user-unknown"), envelope_to=signed_path(orphan), door=Door.LMTP)
    store_raw(read_email("postfix-user-unknown"), envelope_to="nobody@bounce.example.com", door=Door.LMTP)
    return list(RawNotice.objects.order_by("pk").values_list("pk", flat=True))


def snapshot() -> dict[str, list[Any]]:
    """Return what processing has written, without the numbers that every run gives anew."""
    offset = RawNotice.objects.order_by("pk").values_list("pk", flat=True)[0]
    stopped = ("address", "status", "stop_reason", "error_count", "stopped_at", "errors_due_at")
    bounces = Bounce.objects.order_by("notice", "recipient").values_list(
        "notice", "delivery__address", "recipient", "kind", "reason", "code", "text", "rule", "applied"
    )
    return {
        "notices": list(
            RawNotice.objects.order_by("pk").values_list(
                "state", "kind", "reading", "matched_by", "note", "rules", "tries", "lease_until"
            )
        ),
        "bounces": [(notice - offset, *rest) for notice, *rest in bounces],
        "deliveries": list(
            Delivery.objects.order_by("pk").values_list(
                "address", "state", "kind", "reason", "code", "phase", "rule", "text", "settled_at", "lease_until"
            )
        ),
        "campaigns": list(Campaign.objects.order_by("pk").values_list("tally_due_at")),
        "subscribers": list(Subscriber.objects.order_by("pk").values_list(*stopped)),
        "errors": list(
            AddressError.objects.order_by("subscriber", "key").values_list(
                "subscriber__address", "at", "counted", "stopped", "mailed_at", "held_by", "kind", "reason", "text"
            )
        ),
    }


@pytest.mark.django_db
def test_batch_writes_what_one_by_one_writes() -> None:
    """The plain way is the measure: notices, deliveries, errors and subscribers end alike."""
    ids = make_mixed_post()
    moment = timezone.now().replace(microsecond=0) + timedelta(minutes=1)
    undone = connection.savepoint() if connection.in_atomic_block else ""
    for pk in ids:
        process(pk, now=moment)
    plainly = snapshot()
    connection.savepoint_rollback(undone)
    for start in range(0, len(ids), 40):
        process_batch(ids[start : start + 40], now=moment)
    together = snapshot()
    for part, rows in plainly.items():
        assert together[part] == rows, part
    assert {state for state, *_rest in plainly["notices"]} >= {
        NoticeState.NEW,
        NoticeState.PROCESSED,
        NoticeState.IGNORED,
        NoticeState.UNMATCHED,
    }
    assert any(row[3] for row in plainly["errors"])
    assert any(row[5] for row in plainly["errors"])


@pytest.mark.django_db
def test_batch_needs_few_statements(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    mailing_list = make_list()
    ids = [make_notice(to=signed_path(make_sent(mailing_list))).pk for _ in range(30)]
    with django_assert_max_num_queries(40):
        process_batch(ids, now=timezone.now())
    assert Delivery.objects.filter(state=DeliveryState.BOUNCED).count() == 30


@pytest.mark.django_db
def test_batch_may_come_twice() -> None:
    delivery = make_sent()
    notice = make_notice(to=signed_path(delivery))
    for _ in range(2):
        process_batch([notice.pk, notice.pk, 12345], now=timezone.now())
    assert Subscriber.objects.get().error_count == 1
    assert RawNotice.objects.get().tries == 1


def poison(notice: RawNotice) -> None:
    """Let the database refuse every bounce of a notice, as a fault of ours would."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "CREATE TRIGGER poison BEFORE INSERT ON bounces_bounce"
                f" WHEN NEW.notice_id = {notice.pk} BEGIN SELECT RAISE(ABORT, 'poisoned'); END"
            )
        else:
            cursor.execute(f"ALTER TABLE bounces_bounce ADD CONSTRAINT poison CHECK (notice_id <> {notice.pk})")


@pytest.mark.django_db(transaction=True)
def test_poisoned_notice_does_not_stop_its_batch() -> None:
    """The others are counted; it is tried three times, and then says why it is broken."""
    mailing_list = make_list()
    good = [make_sent(mailing_list) for _ in range(3)]
    ids = [make_notice(to=signed_path(delivery)).pk for delivery in good]
    bad = make_sent(mailing_list)
    notice = make_notice(to=signed_path(bad))
    poison(notice)
    try:
        for number in range(MAX_TRIES):
            with pytest.raises(ExceptionGroup) as raised:
                process_batch([notice.pk, *ids], now=timezone.now() + number * timedelta(hours=1))
            assert raised.group_contains(DatabaseError)
        process_batch([notice.pk], now=timezone.now() + timedelta(days=1))
    finally:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("DROP TRIGGER poison")
            else:
                cursor.execute("ALTER TABLE bounces_bounce DROP CONSTRAINT poison")
    notice.refresh_from_db()
    assert (notice.state, notice.tries) == (NoticeState.BROKEN, MAX_TRIES)
    assert notice.note.startswith(Why.FAULT)
    bad.refresh_from_db()
    # Nothing of it was written: the delivery moves together with the notice or not at all.
    assert (bad.state, AddressError.objects.filter(subscriber=bad.subscriber_id).count()) == (DeliveryState.SENT, 0)
    assert Delivery.objects.filter(state=DeliveryState.BOUNCED).count() == 3


@pytest.mark.django_db
def test_unreadable_notice_waits_and_the_others_are_counted() -> None:
    delivery = make_sent()
    good, bad = make_notice(to=signed_path(delivery)), make_notice("ordinary-mail")
    RawNotice.objects.filter(pk=bad.pk).update(content=b"no zlib")
    now = timezone.now()
    process_batch([bad.pk, good.pk], now=now)
    assert Delivery.objects.get().state == DeliveryState.BOUNCED
    bad.refresh_from_db()
    assert (bad.state, bad.note.partition(":")[0]) == (NoticeState.NEW, Why.DAMAGED)
    assert bad.lease_until is not None
    assert bad.lease_until > now


@pytest.mark.django_db
def test_notice_that_was_tried_before_is_taken_by_itself() -> None:
    """Whatever kills its process counts as tried alone: its neighbours do not become 読み取り不可 with it."""
    suspect, other = make_notice("ordinary-mail"), make_notice("qmail-no-mailbox")
    RawNotice.objects.filter(pk=suspect.pk).update(tries=MAX_TRIES)
    process_batch([suspect.pk, other.pk], now=timezone.now())
    suspect.refresh_from_db()
    other.refresh_from_db()
    assert (suspect.state, suspect.note) == (NoticeState.BROKEN, Why.KILLED)
    assert (other.state, other.tries) == (NoticeState.UNMATCHED, 1)


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_one_batch_count_it_once() -> None:
    mailing_list = make_list()
    deliveries = [make_sent(mailing_list) for _ in range(10)]
    ids = [make_notice(to=signed_path(delivery)).pk for delivery in deliveries]
    start = threading.Barrier(2)
    raised: list[BaseException] = []

    def work(order: list[int]) -> None:
        try:
            start.wait(timeout=10)
            process_batch(order, now=timezone.now())
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []
    assert not RawNotice.objects.exclude(state=NoticeState.PROCESSED, tries=1).exists()
    assert set(Subscriber.objects.values_list("error_count", flat=True)) == {1}
    assert Bounce.objects.filter(applied=True).count() == 10
