"""Stops that wait for review where one provider's 宛先不明 jumps in a mailing (B16)."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import AuditEntry, User
from campaigns import holds
from campaigns.failures import Failure, record_notice, record_refusal
from campaigns.holds import AFTERMATH, commonest_texts, decide, held_errors, look_for_jumps, open_holds, sweep_holds
from campaigns.models import Campaign, Delivery, DeliveryState, HoldState, StopHold, Tally
from campaigns.tally import refresh
from lists.models import AddressError, StopReason, Subscriber
from lists.subscribers import stop
from mta.verdicts import Kind, Phase, Reason
from tests.factories import make_campaign, make_delivery, make_errors, make_lane, make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def campaign() -> Campaign:
    campaign = make_campaign(state="sending", started_at=NOW)
    campaign.workspace.hold_minimum = 3
    campaign.workspace.save()
    return campaign


@pytest.fixture
def editor(campaign: Campaign) -> User:
    return make_user(campaign.workspace)


def sent(campaign: Campaign, number: int, provider: str = "docomo", **fields: object) -> list[Delivery]:
    lane = make_lane(campaign.workspace, provider=provider)
    fields = {"state": DeliveryState.SENT, "lane": lane, "settled_at": NOW, "mail_date": NOW} | fields
    return [make_delivery(campaign, **fields) for _row in range(number)]


def failure(reason: Reason = Reason.USER_UNKNOWN, kind: Kind = Kind.HARD, state: str = "bounced") -> Failure:
    text = "550 5.1.1 <reader@example.jp> User unknown"
    return Failure(DeliveryState(state), kind, reason, "5.1.1", text, Phase.RCPT, "unknown-user")


def bounce(deliveries: list[Delivery], now: datetime = NOW, **fields: object) -> None:
    for delivery in deliveries:
        record_notice(delivery.pk, failure(**fields), now=now)


def look(campaign: Campaign, now: datetime = NOW) -> int:
    """Count the figures and look for jumps, as the task does."""
    campaign.refresh_from_db()
    refresh(campaign, now=now)
    return look_for_jumps(campaign, now=now)


def people(campaign: Campaign, **fields: object) -> int:
    return Subscriber.objects.for_workspace(campaign.workspace).filter(**fields).count()


def settle(hold: StopHold) -> None:
    """Let all the ticks happen that have something to do for a hold."""
    for _tick in range(20):
        hold.refresh_from_db()
        if hold.sweep_due_at is None:
            return
        sweep_holds(now=hold.sweep_due_at)
    pytest.fail("the sweep does not end")


def jump(campaign: Campaign, number: int = 4) -> StopHold:
    """Have 宛先不明 jump for docomo, and the hold opened and settled."""
    bounce(sent(campaign, number))
    assert look(campaign) == 1
    hold = StopHold.objects.get()
    settle(hold)
    return hold


def test_a_jump_of_one_provider_is_held_and_its_stops_are_taken_back(campaign: Campaign) -> None:
    """B16."""
    sent(campaign, 6)
    bounce(sent(campaign, 4))
    sent(campaign, 3, "gmail")
    others = sent(campaign, 2, "gmail")
    bounce(others)
    assert people(campaign, status="stopped") == 6
    assert look(campaign) == 1
    hold = StopHold.objects.get()
    assert (hold.provider, hold.state, hold.unknown, hold.tried) == ("docomo", HoldState.OPEN, 4, 10)
    assert AuditEntry.objects.filter(action="hold.open").get().detail == {
        "provider": "ドコモ",
        "unknown": 4,
        "tried": 10,
    }
    settle(hold)
    # The other provider's did not jump and stay as they were.
    assert people(campaign, status="stopped") == 2
    assert people(campaign, status="active", error_count=0) == 13
    assert held_errors(hold).count() == 4
    assert AuditEntry.objects.get(action="hold.revive").detail == {"changed": 4}
    assert list(open_holds(campaign.workspace)) == [hold]


def test_what_comes_later_is_held_as_it_comes(campaign: Campaign) -> None:
    """B16: by notice and by SMTP."""
    hold = jump(campaign)
    bounce(sent(campaign, 2))
    token = uuid4()
    refused = sent(campaign, 1, state="fenced", lease_token=token, lease_until=NOW, fenced_at=NOW)[0]
    assert record_refusal(refused, failure(state="failed"), token=token, now=NOW)
    assert held_errors(hold).count() == 7
    assert people(campaign, status="stopped") == 0
    assert people(campaign, error_count__gt=0) == 0
    # Other reasons, providers and mailings count as ever.
    bounce(sent(campaign, 1, state="sent"), reason=Reason.MAILBOX_FULL, kind=Kind.SOFT)
    bounce(sent(campaign, 1, "gmail"))
    bounce(sent(make_campaign(make_list(campaign.workspace)), 1))
    assert people(campaign, error_count=1) == 3
    assert people(campaign, status="stopped") == 2


@pytest.mark.parametrize(("unknown", "fine", "opens"), [(2, 0, 0), (3, 13, 0), (3, 12, 1), (19, 100, 0)])
def test_both_the_share_and_the_number_must_be_reached(campaign: Campaign, unknown: int, fine: int, opens: int) -> None:
    """B16: 20 % and the number."""
    bounce(sent(campaign, unknown))
    sent(campaign, fine)
    assert look(campaign) == opens


def test_what_was_not_tried_is_not_counted_among_the_tried(campaign: Campaign) -> None:
    """B16: rows that wait do not hide a jump, nor does one that expired count as 宛先不明."""
    bounce(sent(campaign, 3))
    for state in ("pending", "deferred", "excluded", "cancelled"):
        sent(campaign, 10, state=state)
    sent(campaign, 2, state="expired", reason="mailbox_full", kind="soft")
    sent(campaign, 1, state="doubt", fenced_at=NOW)
    assert look(campaign) == 1
    assert StopHold.objects.get().tried == 6


def test_the_default_is_20_per_cent_and_at_least_20() -> None:
    """B16."""
    campaign = make_campaign(state="sending", started_at=NOW)
    Tally.objects.create(campaign=campaign, provider="au", state="failed", reason="user_unknown", number=19)
    assert look_for_jumps(campaign, now=NOW) == 0
    Tally.objects.update(number=20)
    assert look_for_jumps(campaign, now=NOW) == 1


def test_a_hold_opens_once(campaign: Campaign) -> None:
    jump(campaign)
    assert look(campaign) == 0
    assert StopHold.objects.count() == 1


def test_a_complaint_after_the_stop_stays(campaign: Campaign) -> None:
    """B16: a complaint or an unsubscription always outranks."""
    deliveries = sent(campaign, 4)
    bounce(deliveries)
    record_notice(deliveries[0].pk, failure(Reason.COMPLAINT, Kind.COMPLAINT, "complained"), now=NOW)
    stop(deliveries[1].subscriber, StopReason.UNSUBSCRIBED, actor=None, now=NOW)
    sent(campaign, 1)
    assert look(campaign) == 1
    settle(StopHold.objects.get())
    assert people(campaign, stop_reason="complaint") == people(campaign, stop_reason="unsubscribed") == 1
    assert people(campaign, status="active") == 3


def test_dropped_errors_stay_as_evidence_and_never_count(campaign: Campaign, editor: User) -> None:
    """B16."""
    hold = jump(campaign)
    assert decide(hold, HoldState.DROPPED, actor=editor, now=NOW)
    bounce(sent(campaign, 2))
    settle(hold)
    assert AddressError.objects.count() == held_errors(hold).count() == 6
    assert people(campaign, error_count__gt=0) == people(campaign, status="stopped") == 0
    assert look(campaign) == 0
    entry = AuditEntry.objects.get(action="hold.drop")
    assert (entry.actor, entry.detail) == (editor, {"provider": "ドコモ", "held": 4})


def test_applied_errors_count_and_stop(campaign: Campaign, editor: User) -> None:
    """B16."""
    hold = jump(campaign)
    soft = sent(campaign, 1)
    bounce(soft, kind=Kind.SOFT)
    assert decide(hold, HoldState.APPLIED, actor=editor, now=NOW)
    assert people(campaign, stop_reason="errors") == 4
    assert people(campaign, status="active", error_count=1) == 1
    assert not held_errors(hold).exists()
    # What comes later counts at once, and the hold does not open again.
    bounce(sent(campaign, 2))
    assert people(campaign, stop_reason="errors") == 6
    settle(hold)
    assert look(campaign) == 0
    assert not open_holds(campaign.workspace).exists()
    assert AuditEntry.objects.get(action="hold.apply").detail == {"provider": "ドコモ", "held": 5}


def test_who_was_proven_while_the_hold_waited_is_not_stopped(campaign: Campaign, editor: User) -> None:
    """B16: a later mail that stayed unbounced says more than the refusal."""
    hold = jump(campaign)
    proven = Subscriber.objects.earliest("pk")
    later = NOW + timedelta(days=1)
    make_delivery(make_campaign(make_list(campaign.workspace)), proven, state="sent", mail_date=later, settled_at=later)
    assert decide(hold, HoldState.APPLIED, actor=editor, now=later + timedelta(days=7))
    proven.refresh_from_db()
    assert (proven.status, proven.error_count) == ("active", 0)
    assert people(campaign, stop_reason="errors") == 3


def test_a_hold_is_decided_once(campaign: Campaign, editor: User) -> None:
    hold = jump(campaign)
    assert decide(hold, HoldState.DROPPED, actor=editor, now=NOW)
    assert not decide(hold, HoldState.APPLIED, actor=editor, now=NOW)
    assert people(campaign, status="stopped") == 0


def test_a_sweep_that_was_killed_goes_on(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece: each is a transaction of its own, and the cursor may lag behind."""
    monkeypatch.setattr(holds, "PIECE", 3)
    bounce(sent(campaign, 8))
    look(campaign)
    hold = StopHold.objects.get()
    sweep_holds(now=NOW)
    assert people(campaign, status="active") == 3
    # The process died after the piece and before its cursor was written.
    StopHold.objects.update(sweep_cursor=0)
    for _tick in range(4):
        sweep_holds(now=NOW)
    assert people(campaign, status="active") == 8
    assert held_errors(hold).count() == 8
    settle(hold)


def test_who_counted_while_the_hold_opened_is_found_later(campaign: Campaign) -> None:
    """B16: an error whose transaction did not see the hold yet."""
    late = sent(campaign, 1)
    hold = jump_without_the_last_sweep(campaign)
    # As a transaction does that looked for a hold before there was one, and commits now.
    StopHold.objects.update(state=HoldState.APPLIED)
    bounce(late)
    StopHold.objects.update(state=HoldState.OPEN)
    assert people(campaign, status="stopped") == 1
    hold.refresh_from_db()
    assert hold.sweep_due_at == NOW + AFTERMATH
    settle(hold)
    assert people(campaign, status="stopped") == 0
    assert held_errors(hold).count() == 5


def jump_without_the_last_sweep(campaign: Campaign) -> StopHold:
    bounce(sent(campaign, 4))
    assert look(campaign) == 1
    for _tick in range(2):
        sweep_holds(now=NOW)
    return StopHold.objects.get()


def test_a_sweep_that_began_too_early_begins_again(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "PIECE", 2)
    bounce(sent(campaign, 4))
    look(campaign)
    sweep_holds(now=NOW)
    first = Delivery.objects.order_by("pk").first()
    AddressError.objects.filter(key=f"delivery:{first.pk}").update(held_by="")
    # The next piece comes when nobody can have overlooked the hold: it looks at everything again.
    sweep_holds(now=NOW + AFTERMATH)
    assert AddressError.objects.get(key=f"delivery:{first.pk}").held_by == StopHold.objects.get().key()


def test_a_deleted_subscriber_is_no_hindrance(campaign: Campaign) -> None:
    deliveries = sent(campaign, 4)
    bounce(deliveries)
    deliveries[0].subscriber.delete()
    look(campaign)
    hold = StopHold.objects.get()
    settle(hold)
    assert held_errors(hold).count() == 3


def test_the_commonest_texts_are_told_without_addresses(campaign: Campaign) -> None:
    assert commonest_texts(jump(campaign), most=3) == [("550 5.1.1 <…> User unknown", 4)]


def test_errors_of_earlier_mailings_stay_counted(campaign: Campaign) -> None:
    deliveries = sent(campaign, 4)
    make_errors(deliveries[0].subscriber, 2, now=NOW)
    bounce(deliveries)
    look(campaign)
    settle(StopHold.objects.get())
    assert sorted(Subscriber.objects.values_list("error_count", flat=True)) == [0, 0, 0, 2]


@pytest.mark.django_db(transaction=True)
def test_counts_while_a_hold_opens() -> None:
    """B16: whoever comes first, in the end every error is held and nobody is stopped."""
    campaign = make_campaign(state="sending", started_at=NOW)
    type(campaign.workspace).objects.update(hold_minimum=1, hold_percent=1)
    first, *rest = sent(campaign, 9)
    bounce([first])
    campaign.refresh_from_db()
    refresh(campaign, now=NOW)
    barrier = threading.Barrier(3)

    def count(deliveries: list[Delivery]) -> None:
        try:
            barrier.wait()
            bounce(deliveries)
        finally:
            connection.close()

    def open_it() -> None:
        try:
            barrier.wait()
            look_for_jumps(Campaign.objects.get(pk=campaign.pk), now=NOW)
            for _tick in range(3):
                sweep_holds(now=NOW)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=count, args=(rest[:4],)),
        threading.Thread(target=count, args=(rest[4:],)),
        threading.Thread(target=open_it),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hold = StopHold.objects.get()
    settle(hold)
    assert held_errors(hold).count() == 9
    assert not make_subscriber().is_stopped()
    assert people(campaign, status="stopped") == people(campaign, error_count__gt=0) == 0
