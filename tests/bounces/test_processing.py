"""From a stored notice to the counted error, once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import zlib
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from bounces.batches import process_batch
from bounces.matching import Why, find_delivery
from bounces.models import Bounce, MatchedBy, NoticeState, RawNotice
from bounces.parsing import parse
from bounces.processing import LATER, LATER_AT_MOST, LEASE, LONGEST_WAIT, MAX_TRIES, process
from bounces.rereading import read_again
from bounces.rule_digest import CURRENT
from campaigns.models import Delivery, DeliveryState
from lists.models import StopReason, Subscriber
from mta.verdicts import Kind, Phase, Reason
from tests.bounces.notices import make_notice, message_id, read_email, signed_path
from tests.dead_sessions import wait_until_gone
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_workspace

pytestmark = pytest.mark.django_db


def make_sent(address: str = "taro@example.jp", **fields: object) -> Delivery:
    mailing_list = make_list()
    subscriber = make_subscriber(mailing_list, address)
    defaults = {"state": DeliveryState.SENT, "settled_at": timezone.now()}
    return make_delivery(make_campaign(mailing_list), subscriber, **defaults | fields)


def make_doubtful(**fields: object) -> Delivery:
    return make_sent(state=DeliveryState.DOUBT, fenced_at=timezone.now(), **fields)


def read(notice: RawNotice, now: datetime | None = None) -> RawNotice:
    process(notice.pk, now=now or timezone.now())
    notice.refresh_from_db()
    return notice


def test_bounce_with_signed_path_stops_the_address() -> None:
    """A7, B6, C4: a returned mail moves its delivery, counts, and stops 宛先不明 at once."""
    delivery = make_sent()
    notice = read(make_notice(to=signed_path(delivery)))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.kind, delivery.reason) == (DeliveryState.BOUNCED, Kind.HARD, Reason.USER_UNKNOWN)
    assert (delivery.code, delivery.phase) == ("5.1.1", Phase.RCPT)
    assert "User unknown in virtual mailbox table" in delivery.text
    assert (notice.state, notice.matched_by, notice.workspace) == (
        NoticeState.PROCESSED,
        MatchedBy.RETURN_PATH,
        delivery.workspace,
    )
    bounce = notice.bounces.get()
    assert (bounce.applied, bounce.delivery, bounce.recipient) == (True, delivery, "taro@example.jp")
    subscriber = Subscriber.objects.get()
    assert (subscriber.stop_reason, subscriber.error_count) == (StopReason.ERRORS, 1)


def test_case_of_the_path_does_not_matter() -> None:
    delivery = make_sent()
    assert read(make_notice(to=signed_path(delivery).upper())).state == NoticeState.PROCESSED


def test_message_id_leads_to_the_delivery() -> None:
    delivery = make_sent()
    notice = make_notice(**{"<d-12-bbbbbbbbbbbbbbbbbbbbbbbbbb@shop.example>": message_id(delivery)})
    assert read(notice).matched_by == MatchedBy.MESSAGE_ID
    assert Delivery.objects.get().state == DeliveryState.BOUNCED


def test_message_id_of_another_program_leads_nowhere() -> None:
    delivery = make_sent()
    notice = make_notice(**{"<d-12-bbbbbbbbbbbbbbbbbbbbbbbbbb@shop.example>": "<1234@other.example>"})
    assert read(notice).matched_by == MatchedBy.ADDRESS
    assert Delivery.objects.get(pk=delivery.pk).state == DeliveryState.SENT


def test_address_alone_is_listed_and_never_counted() -> None:
    """A notice that anybody could have written changes nothing: 未照合."""
    delivery = make_sent()
    notice = read(make_notice())
    assert (notice.state, notice.matched_by, notice.workspace) == (
        NoticeState.UNMATCHED,
        MatchedBy.ADDRESS,
        delivery.workspace,
    )
    assert not notice.bounces.get().applied
    assert Delivery.objects.get().state == DeliveryState.SENT
    assert Subscriber.objects.get().error_count == 0


def test_address_known_to_two_workspaces_is_nobodys() -> None:
    make_sent()
    make_sent()
    notice = read(make_notice())
    assert (notice.state, notice.matched_by, notice.workspace) == (NoticeState.UNMATCHED, "", None)


def test_notice_about_nobody_is_shown_where_there_is_one_workspace() -> None:
    workspace = make_workspace()
    assert read(make_notice()).workspace == workspace


def test_token_of_a_deleted_delivery_is_unmatched() -> None:
    delivery = make_sent("other@example.jp")
    path = signed_path(delivery)
    delivery.delete()
    assert read(make_notice(to=path)).state == NoticeState.UNMATCHED


def test_notice_seen_twice_counts_once() -> None:
    delivery = make_sent()
    first = make_notice(to=signed_path(delivery))
    assert make_notice(to=signed_path(delivery)).pk == first.pk
    read(first)
    read(first)
    # The same bounce by another way is a row of its own, and still counts once.
    again = read(make_notice("qmail-no-mailbox", to=signed_path(delivery)))
    assert again.state == NoticeState.PROCESSED
    assert not again.bounces.get().applied
    assert Subscriber.objects.get().error_count == 1


def test_bounce_proves_a_doubtful_delivery() -> None:
    """F7: a bounce with the token settles a row in doubt."""
    delivery = make_doubtful()
    read(make_notice(to=signed_path(delivery)))
    assert Delivery.objects.get().state == DeliveryState.BOUNCED


@pytest.mark.parametrize("name", ["postfix-delay", "auto-reply-japanese", "postfix-delivered", "reply-of-a-person"])
def test_what_is_no_error_never_counts_but_proves_the_arrival(name: str) -> None:
    """F7: delay notices and auto-replies never count; with a token they settle a doubt."""
    delivery = make_doubtful()
    notice = read(make_notice(name, to=signed_path(delivery)))
    assert (notice.state, notice.bounces.count()) == (NoticeState.IGNORED, 0)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (DeliveryState.SENT, "")
    assert Subscriber.objects.get().error_count == 0


def test_complaint_stops_at_once() -> None:
    delivery = make_sent()
    notice = read(make_notice("arf-abuse", to=signed_path(delivery)))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.kind) == (DeliveryState.COMPLAINED, Kind.COMPLAINT)
    assert Subscriber.objects.get().stop_reason == StopReason.COMPLAINT
    assert notice.state == NoticeState.PROCESSED


def test_complaint_that_hides_the_address() -> None:
    delivery = make_sent()
    notice = read(make_notice("arf-without-recipient", to=signed_path(delivery)))
    assert notice.bounces.get().recipient == delivery.address
    assert Delivery.objects.get().state == DeliveryState.COMPLAINED


def test_bounce_of_a_forwarded_mail_counts_for_its_delivery() -> None:
    delivery = make_sent("alias@example.com")
    notice = read(make_notice(to=signed_path(delivery)))
    assert notice.bounces.get().recipient == "taro@example.jp"
    assert Delivery.objects.get().state == DeliveryState.BOUNCED


def test_only_the_own_recipient_of_several_is_applied() -> None:
    """B13: results are per recipient and mailing."""
    delivery = make_sent("hanako@example.jp")
    notice = read(make_notice("postfix-two-recipients", to=signed_path(delivery)))
    assert list(notice.bounces.order_by("pk").values_list("recipient", "applied")) == [
        ("taro@example.jp", False),
        ("hanako@example.jp", True),
    ]
    delivery.refresh_from_db()
    assert delivery.reason == Reason.USER_UNKNOWN


def test_docomo_says_by_the_step_what_it_means() -> None:
    """F3: at RCPT it is an unknown address, after the data a refusal."""
    unknown, refused = make_sent("hanako@docomo.ne.jp"), make_sent("a..b@docomo.ne.jp")
    read(make_notice("docomo-unknown-at-rcpt", to=signed_path(unknown)))
    read(make_notice("docomo-refused-after-data", to=signed_path(refused)))
    unknown.refresh_from_db()
    refused.refresh_from_db()
    assert (unknown.reason, refused.reason) == (Reason.USER_UNKNOWN, Reason.REFUSED)


def test_cause_that_only_flufl_found_is_unknown() -> None:
    """B17: 原因不明 is a kind of its own."""
    delivery = make_sent()
    read(make_notice("flufl-only", to=signed_path(delivery)))
    delivery.refresh_from_db()
    assert (delivery.kind, delivery.reason) == (Kind.UNKNOWN, Reason.UNKNOWN)
    assert Subscriber.objects.get().error_count == 0


def test_notice_that_overtook_its_delivery_waits() -> None:
    now = timezone.now()
    held = {"lease_token": uuid4(), "lease_until": now, "fenced_at": now}
    delivery = make_sent(state=DeliveryState.FENCED, **held)
    notice = read(make_notice(to=signed_path(delivery)), now)
    assert (notice.state, notice.tries, notice.bounces.count()) == (NoticeState.NEW, 0, 0)
    assert read(notice, now).state == NoticeState.NEW
    Delivery.objects.update(state=DeliveryState.SENT, lease_token=None, lease_until=None)
    assert read(notice, now + LATER).state == NoticeState.PROCESSED


def test_notice_about_the_first_copy_waits_for_the_second() -> None:
    """A mail in doubt is sent again; the notice about its first copy must not get lost meanwhile."""
    delivery = make_sent(state=DeliveryState.PENDING, resends=1, mail_date=timezone.now())
    notice = make_notice(to=signed_path(delivery))
    now = notice.received_at
    for hours in (0, 1, 24):
        assert read(notice, now + timedelta(hours=hours)).state == NoticeState.NEW
        assert notice.tries == 0
        assert notice.lease_until is not None
        # The longer it waits, the less often it is looked at.
        assert notice.lease_until - now - timedelta(hours=hours) <= LATER_AT_MOST
    Delivery.objects.update(state=DeliveryState.SENT)
    assert read(notice, now + timedelta(hours=25)).state == NoticeState.PROCESSED
    assert Delivery.objects.get().state == DeliveryState.BOUNCED


def test_notice_does_not_wait_for_ever() -> None:
    delivery = make_sent(state=DeliveryState.PENDING, resends=1, mail_date=timezone.now())
    notice = make_notice(to=signed_path(delivery))
    read(notice, notice.received_at + LONGEST_WAIT)
    assert (notice.state, notice.note) == (NoticeState.UNMATCHED, Why.NEVER_SETTLED)
    assert notice.workspace == delivery.workspace


def test_notice_knows_under_which_rules_it_was_read() -> None:
    notice = read(make_notice("ordinary-mail"))
    assert notice.rules == CURRENT
    assert len(CURRENT) == 12


def test_rules_have_one_name_in_every_process() -> None:
    """Else everything would look as if older rules had read it."""
    told = {
        subprocess.run(
            [sys.executable, "-m", "tests.bounces.name_rules"],
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {CURRENT}


def test_notice_that_is_read_again_counts_now_and_only_once() -> None:
    """What was unmatched may be matched later; what it said before is replaced."""
    notice = read(make_notice("qmail-no-mailbox"))
    assert (notice.state, notice.bounces.count()) == (NoticeState.UNMATCHED, 1)
    delivery = make_sent()
    RawNotice.objects.update(envelope_to=signed_path(delivery))
    for _ in range(2):
        read_again(RawNotice.objects.all(), at_most=10)
        read(notice)
    assert (notice.state, notice.note) == (NoticeState.PROCESSED, "")
    assert [bounce.applied for bounce in notice.bounces.all()] == [True]
    assert Subscriber.objects.get().error_count == 1


def test_event_that_is_no_event_is_unreadable() -> None:
    notice = make_notice()
    RawNotice.objects.update(door="webhook", source="postmark", content=zlib.compress(b"[]"))
    read(notice)
    assert notice.note.startswith(Why.UNREADABLE)
    assert notice.state == NoticeState.NEW


def database_url() -> str:
    """Return the URL of this test's database, for another process."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    if values["HOST"].startswith("/"):
        # A Unix socket, as tests.postgres gives it.
        return f"postgres://{values['USER']}@/{values['HOST']}/{values['NAME']}"
    return f"postgres://{values['USER']}:{values['PASSWORD']}@{values['HOST']}:{values['PORT']}/{values['NAME']}"


@pytest.mark.django_db(transaction=True)
def test_killed_worker_loses_nothing_and_counts_nothing_twice() -> None:
    """kill -9 in the middle of a batch: what was not written is read again once its lease is over."""
    mailing_list = make_list()
    campaign = make_campaign(mailing_list)
    for _ in range(150):
        delivery = make_delivery(campaign, make_subscriber(mailing_list), state="sent", mail_date=timezone.now())
        make_notice(to=signed_path(delivery))
    environment = os.environ | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-m", "tests.bounces.process_notices_once"]
    worker = subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2])
    try:
        end = time.monotonic() + 60
        while RawNotice.objects.filter(state=NoticeState.PROCESSED).count() < 20 and time.monotonic() < end:
            time.sleep(0.01)
    finally:
        worker.kill()
        worker.wait(60)
    wait_until_gone()
    done = RawNotice.objects.filter(state=NoticeState.PROCESSED).count()
    assert 20 <= done < 150
    # Each notice is counted together with its state, or not at all.
    assert Subscriber.objects.filter(error_count=1).count() == done
    ids = list(RawNotice.objects.values_list("pk", flat=True))
    process_batch(ids, now=timezone.now() + LEASE)
    assert not RawNotice.objects.exclude(state=NoticeState.PROCESSED).exists()
    assert set(Subscriber.objects.values_list("error_count", flat=True)) == {1}
    assert Bounce.objects.filter(applied=True).count() == 150


def test_unreadable_notice_is_set_aside_after_three_tries() -> None:
    notice = make_notice()
    RawNotice.objects.update(content=b"no zlib")
    now = timezone.now()
    for number in range(1, MAX_TRIES + 1):
        read(notice, now + number * timedelta(hours=1))
        assert (notice.tries, notice.state) == (number, NoticeState.BROKEN if number == MAX_TRIES else NoticeState.NEW)
    assert notice.note


def test_notice_that_kills_its_process_is_set_aside() -> None:
    notice = make_notice()
    RawNotice.objects.update(tries=MAX_TRIES)
    assert read(notice).state == NoticeState.BROKEN


def test_notice_in_hand_is_left_alone() -> None:
    now = timezone.now()
    notice = make_notice()
    RawNotice.objects.update(lease_until=now + timedelta(seconds=5))
    assert read(notice, now).state == NoticeState.NEW
    assert read(notice, now + timedelta(seconds=5)).state == NoticeState.UNMATCHED


def test_unknown_id_is_no_error() -> None:
    process(12345, now=timezone.now())
    assert not RawNotice.objects.exists()


def test_signed_path_inside_the_returned_mail_is_used() -> None:
    delivery = make_sent()
    path = signed_path(delivery)
    parsed = parse(
        read_email("arf-abuse").replace(b"b-12-aaaaaaaaaaaaaaaaaaaaaaaaaa@bounce.example.com", path.encode())
    )
    match = find_delivery(RawNotice(envelope_to="reports@bounce.example.com"), parsed, now=timezone.now())
    assert (match.delivery, match.by) == (delivery, MatchedBy.RETURN_PATH)


@pytest.mark.django_db(transaction=True)
def test_two_tasks_with_one_notice_count_it_once() -> None:
    delivery = make_sent()
    notice = make_notice(to=signed_path(delivery))
    start = threading.Barrier(2)

    def work() -> None:
        try:
            start.wait(timeout=10)
            process(notice.pk, now=timezone.now())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Subscriber.objects.get().error_count == 1
    assert Bounce.objects.filter(applied=True).count() == 1
