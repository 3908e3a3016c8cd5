"""What the engine reports, as states of deliveries."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from campaigns.claims import LEASE, Claim
from campaigns.models import CampaignState, Delivery, DeliveryState, Lane
from campaigns.outcomes import FAULT_PAUSE, Accepted, DeliveryLedger, accept, record_outcome, record_unbuildable
from lists.models import AddressError, StopReason
from mta.outcomes import Outcome, Result
from mta.providers import policy_of
from mta.verdicts import Kind, Phase, Reason
from tests.factories import make_campaign, make_delivery

pytestmark = pytest.mark.django_db
HELD = (DeliveryState.CLAIMED, DeliveryState.FENCED)


def held_delivery(state, **fields):
    """Return a row as its worker holds it."""
    now = timezone.now()
    campaign = make_campaign(state=CampaignState.SENDING, lifetime_from=now)
    defaults = {
        "lease_token": uuid4(),
        "lease_until": now + LEASE,
        "attempts": 1,
        "mail_date": now,
        "fenced_at": None if state == DeliveryState.CLAIMED else now,
    }
    return make_delivery(campaign, state=state, **defaults | fields)


def outcome(delivery, result, code=None, text="", status="", phase=Phase.RCPT):
    return Outcome(id=delivery.pk, result=result, code=code, status=status, text=text, phase=phase)


def record(delivery, told, *, token=None, now=None):
    done = record_outcome(delivery, told, token=token or delivery.lease_token, now=now or timezone.now())
    delivery.refresh_from_db()
    return done


@pytest.mark.parametrize("state", [DeliveryState.FENCED, DeliveryState.DOUBT])
def test_a_250_after_the_dot_means_accepted_by_the_receiving_server(state):
    """B3: 受信サーバー受付, not 到達. A late 250 settles a doubt."""
    delivery = held_delivery(state)
    assert record(delivery, outcome(delivery, Result.ACCEPTED, 250, "2.0.0 Ok: queued as 4D", "2.0.0", Phase.DOT))
    assert delivery.state == DeliveryState.SENT
    assert delivery.get_state_display() == "受信サーバー受付"
    assert delivery.code == "2.0.0"
    assert delivery.text == "2.0.0 Ok: queued as 4D"
    assert delivery.lease_token is None


@pytest.mark.parametrize(
    "state", [state for state in DeliveryState if state not in (DeliveryState.FENCED, DeliveryState.DOUBT)]
)
def test_a_250_moves_no_other_state(state):
    delivery = held_delivery(state)
    assert not record(delivery, outcome(delivery, Result.ACCEPTED, 250))
    assert delivery.state == state


@pytest.mark.parametrize("result", list(Result))
@pytest.mark.parametrize("state", HELD)
def test_nothing_moves_with_another_token(state, result):
    delivery = held_delivery(state)
    assert not record(delivery, outcome(delivery, result, 250), token=uuid4())
    assert delivery.state == state


@pytest.mark.parametrize("state", HELD)
def test_a_5xx_for_the_recipient_fails_the_row(state):
    """C34, C15: 5xx is final, and the server's own words are kept."""
    delivery = held_delivery(state)
    assert record(delivery, outcome(delivery, Result.REFUSED, 550, "5.1.1 User unknown", "5.1.1"))
    assert delivery.state == DeliveryState.FAILED
    assert (delivery.kind, delivery.reason, delivery.code) == (Kind.HARD, Reason.USER_UNKNOWN, "5.1.1")
    assert delivery.text == "5.1.1 User unknown"
    assert delivery.phase == Phase.RCPT
    assert delivery.rule


def test_an_unknown_address_stops_its_subscriber_at_once():
    delivery = held_delivery(DeliveryState.CLAIMED)
    record(delivery, outcome(delivery, Result.REFUSED, 550, "5.1.1 User unknown", "5.1.1"))
    delivery.subscriber.refresh_from_db()
    assert delivery.subscriber.stop_reason == StopReason.ERRORS
    assert AddressError.objects.get().about == delivery.campaign.subject


def test_a_block_of_ours_is_never_counted_against_the_address():
    """B11: ブロック never burns an address."""
    delivery = held_delivery(DeliveryState.FENCED)
    record(delivery, outcome(delivery, Result.REFUSED, 554, "5.7.1 Message rejected as spam", "5.7.1", Phase.DOT))
    delivery.subscriber.refresh_from_db()
    assert delivery.kind == Kind.BLOCK
    assert delivery.subscriber.error_count == 0
    assert not AddressError.objects.get().counted


@pytest.mark.parametrize("state", HELD)
def test_a_4xx_defers_the_row_to_its_next_attempt(state):
    """C21, C34: greylisting is retried."""
    now = timezone.now()
    delivery = held_delivery(state)
    assert record(delivery, outcome(delivery, Result.DEFERRED, 451, "4.7.1 Greylisted", "4.7.1"), now=now)
    assert delivery.state == DeliveryState.DEFERRED
    # A little later than that, so that rows which were deferred together come due apart.
    assert timedelta(minutes=5) <= delivery.due_at - now <= timedelta(minutes=5.5)
    assert delivery.attempts == 1
    assert delivery.text == "4.7.1 Greylisted"
    assert not AddressError.objects.exists()


def test_a_4xx_that_names_its_wait_is_obeyed():
    """C21."""
    now = timezone.now()
    delivery = held_delivery(DeliveryState.CLAIMED)
    record(delivery, outcome(delivery, Result.DEFERRED, 450, "Greylisted for 20 minutes"), now=now)
    assert timedelta(minutes=20) <= delivery.due_at - now <= timedelta(minutes=22)


def test_a_provider_is_tried_again_by_its_own_schedule():
    """B4, C22: the interval differs by receiver."""
    now = timezone.now()
    delivery = held_delivery(DeliveryState.CLAIMED)
    Lane.objects.filter(pk=delivery.lane_id).update(provider="docomo")
    delivery.lane.refresh_from_db()
    record(delivery, outcome(delivery, Result.DEFERRED, 451, "4.3.0 Try later"), now=now)
    wait = policy_of("docomo").retry[0]
    assert wait > timedelta(minutes=5)
    assert wait <= delivery.due_at - now <= wait * 1.1


@pytest.mark.parametrize("state", HELD)
def test_a_4xx_with_its_retries_used_up_expires(state):
    """B5: 一時的なエラー."""
    now = timezone.now()
    long_ago = now - timedelta(hours=24)
    delivery = held_delivery(state, mail_date=long_ago)
    delivery.campaign.lifetime_from = long_ago
    assert record(delivery, outcome(delivery, Result.DEFERRED, 451, "4.3.0 Try later", "4.3.0"), now=now)
    assert delivery.state == DeliveryState.EXPIRED
    assert delivery.get_state_display() == "一時的なエラー"
    assert AddressError.objects.get().counted


def test_the_time_that_a_retry_waited_for_its_turn_is_no_part_of_its_lifetime():
    """C23: where a lane may send little, a retry that was due after five minutes may be made after a day."""
    now = timezone.now()
    long_ago = now - timedelta(hours=30)
    delivery = held_delivery(
        DeliveryState.CLAIMED, mail_date=long_ago, due_at=long_ago + timedelta(minutes=5), attempts=2
    )
    delivery.campaign.lifetime_from = long_ago
    record(delivery, outcome(delivery, Result.DEFERRED, 451, "4.3.0 Try later", "4.3.0"), now=now)
    assert delivery.state == DeliveryState.DEFERRED
    assert delivery.due_at >= now + timedelta(minutes=15)


def test_a_resume_begins_the_lifetime_anew():
    now = timezone.now()
    delivery = held_delivery(DeliveryState.CLAIMED, mail_date=now - timedelta(hours=30))
    record(delivery, outcome(delivery, Result.DEFERRED, 451, "4.3.0 Try later"), now=now)
    assert delivery.state == DeliveryState.DEFERRED


@pytest.mark.parametrize("result", [Result.ROUTE_FAULT, Result.WITHDRAWN, Result.UNTOUCHED])
def test_a_fault_of_ours_gives_the_row_back_and_burns_no_attempt(result):
    now = timezone.now()
    delivery = held_delivery(DeliveryState.CLAIMED)
    assert record(delivery, outcome(delivery, result, 535, "Authentication failed", phase=Phase.AUTH), now=now)
    assert delivery.state == DeliveryState.PENDING
    assert delivery.attempts == 0
    assert delivery.lease_token is None
    assert delivery.due_at == now + (FAULT_PAUSE if result is Result.ROUTE_FAULT else timedelta(0))
    assert not AddressError.objects.exists()


@pytest.mark.parametrize("result", [Result.ROUTE_FAULT, Result.WITHDRAWN, Result.UNTOUCHED])
def test_a_fenced_row_whose_dot_was_surely_not_sent_is_given_back_by_its_worker(result):
    delivery = held_delivery(DeliveryState.FENCED)
    assert record(delivery, outcome(delivery, result))
    assert (delivery.state, delivery.fenced_at, delivery.attempts) == (DeliveryState.PENDING, None, 0)


def test_a_connection_lost_after_the_dot_leaves_the_row_in_doubt():
    """F7: 結果不明, counted and listed."""
    delivery = held_delivery(DeliveryState.FENCED)
    assert record(delivery, outcome(delivery, Result.DOUBT, text="connection lost", phase=Phase.DOT))
    assert delivery.state == DeliveryState.DOUBT
    assert delivery.get_state_display() == "結果不明"
    assert delivery.lease_token is not None


def test_no_doubt_without_a_fence():
    delivery = held_delivery(DeliveryState.CLAIMED)
    assert not record(delivery, outcome(delivery, Result.DOUBT))
    assert delivery.state == DeliveryState.CLAIMED


def test_a_row_cancelled_in_mid_send_stays_cancelled():
    delivery = held_delivery(DeliveryState.CLAIMED)
    Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.CANCELLED, lease_token=None, lease_until=None)
    assert not record(delivery, outcome(delivery, Result.WITHDRAWN))
    assert delivery.state == DeliveryState.CANCELLED


def test_a_mail_that_cannot_be_built_fails_alone_and_is_our_fault():
    delivery = held_delivery(DeliveryState.CLAIMED)
    assert record_unbuildable(delivery, "件名に改行があります", token=delivery.lease_token, now=timezone.now())
    delivery.refresh_from_db()
    assert (delivery.state, delivery.kind) == (DeliveryState.FAILED, Kind.BLOCK)
    delivery.subscriber.refresh_from_db()
    assert delivery.subscriber.error_count == 0


def test_the_ledger_writes_a_batch_and_remembers_the_first_fault():
    good, bad = held_delivery(DeliveryState.FENCED), held_delivery(DeliveryState.CLAIMED)
    token = good.lease_token
    Delivery.objects.filter(pk=bad.pk).update(lease_token=token)
    ledger = DeliveryLedger()
    ledger.take(Claim(token, timezone.now() + LEASE, [good, bad]))
    fault = outcome(bad, Result.ROUTE_FAULT, 421, "closing")
    ledger.record([outcome(good, Result.ACCEPTED, 250, "ok"), fault])
    assert (ledger.signs.answered, ledger.signs.fault) == (1, fault)
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.SENT, DeliveryState.PENDING}


def test_many_acceptances_at_once_give_the_same_rows_as_one_by_one():
    """The plain way is the oracle; rows of another worker and of other states are left alone by both."""
    now, token = timezone.now(), uuid4()

    def make_rows(name):
        campaign = make_campaign(subject=name, state=CampaignState.SENDING, lifetime_from=now)
        held = {"lease_token": token, "lease_until": now + LEASE, "fenced_at": now, "kind": Kind.SOFT, "rule": "old"}
        return [
            make_delivery(campaign, state=state, **held | more)
            for state, more in (
                (DeliveryState.FENCED, {}),
                (DeliveryState.DOUBT, {}),
                (DeliveryState.FENCED, {"lease_token": uuid4()}),
                (DeliveryState.CLAIMED, {}),
                (DeliveryState.SENT, {}),
                (DeliveryState.FENCED, {}),
            )
        ]

    def told(rows):
        return [
            Outcome(row.pk, Result.ACCEPTED, 250, "2.0.0" if index % 2 else "", f'250 "Ok" \\ {index} 受付', Phase.DOT)
            for index, row in enumerate(rows)
        ]

    def state_of(rows):
        columns = ("state", "settled_at", "lease_token", "code", "text", "phase", "kind", "reason", "rule")
        own = [str(row.lease_token) for row in rows]
        found = Delivery.objects.filter(pk__in=[row.pk for row in rows]).order_by("pk").values(*columns)
        # Foreign tokens differ from row to row; whether they are still there is what counts.
        return [row | {"lease_token": str(row["lease_token"]) in own} for row in found]

    plain, together = make_rows("一件ずつ"), make_rows("まとめて")
    moved = sum(
        record_outcome(row, outcome, token=token, now=now) for row, outcome in zip(plain, told(plain), strict=True)
    )
    accepted = told(together)
    ids, codes = [one.id for one in accepted], [one.status or str(one.code) for one in accepted]
    together_moved = accept(Accepted(ids, [token] * len(ids), codes, [one.text for one in accepted]), now=now)
    assert together_moved == moved == 3
    assert state_of(together) == state_of(plain)


def test_a_row_that_one_turn_claims_twice_has_one_mail():
    """Its lease was over while its mail waited for the fence: that mail goes on under the new claim."""
    delivery = held_delivery(DeliveryState.CLAIMED)
    ledger = DeliveryLedger()
    assert ledger.take(Claim(token=uuid4(), until=delivery.lease_until, deliveries=[delivery])) == [delivery]
    again = Claim(token=delivery.lease_token, until=delivery.lease_until, deliveries=[delivery])
    assert ledger.take(again) == []
    assert ledger.fence([delivery.pk]) == {delivery.pk}
    ledger.record([outcome(delivery, Result.ACCEPTED, 250, phase=Phase.DOT)])
    delivery.refresh_from_db()
    assert (delivery.state, ledger.signs.answered) == (DeliveryState.SENT, 1)
    # With its outcome it is forgotten.
    assert ledger.take(again) == [delivery]


@pytest.mark.parametrize("result", [Result.ACCEPTED, Result.DEFERRED, Result.REFUSED])
def test_a_commit_keeps_outcomes_and_fences_other_rows(result):
    fenced, claimed = (held_delivery(state) for state in reversed(HELD))
    ledger = ledger_of(fenced, claimed)
    assert ledger.commit([outcome(fenced, result, 250, phase=Phase.DOT)], [claimed.pk]) == {claimed.pk}
    states = dict(Delivery.objects.values_list("pk", "state"))
    assert states[claimed.pk] == DeliveryState.FENCED
    assert states[fenced.pk] not in HELD
    assert set(ledger.rows) == {claimed.pk}


def test_a_commit_moves_no_row_that_another_worker_holds():
    fenced, claimed, own = (held_delivery(state) for state in (*reversed(HELD), DeliveryState.FENCED))
    ledger = ledger_of(fenced, claimed, own)
    Delivery.objects.filter(pk__in=[fenced.pk, claimed.pk]).update(lease_token=uuid4())
    accepted = [outcome(row, Result.ACCEPTED, 250, phase=Phase.DOT) for row in (fenced, own)]
    assert ledger.commit(accepted, [claimed.pk]) == set()
    states = dict(Delivery.objects.values_list("pk", "state"))
    assert states == {fenced.pk: "fenced", claimed.pk: "claimed", own.pk: "sent"}


def ledger_of(*deliveries):
    """Return a ledger that holds rows of one claim each."""
    ledger = DeliveryLedger()
    for delivery in deliveries:
        ledger.take(Claim(token=delivery.lease_token, until=delivery.lease_until, deliveries=[delivery]))
    return ledger
