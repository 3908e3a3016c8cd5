"""How many rows of a lane may be claimed now."""

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from campaigns.claims import claim_due
from campaigns.models import DomainCap, Lane
from campaigns.outcomes import DeliveryLedger
from campaigns.pacing import RECHECK, Grant, buckets_for, give_back, grant, note
from mta.models import Pace
from mta.outcomes import Outcome, Result
from mta.pace import FULL, Replies, Sign
from mta.provider_policies import POLICIES
from mta.routes import Route, parse_route
from mta.verdicts import Phase
from tests.factories import make_campaign, make_delivery, make_lane, make_workspace
from tests.throttles import connect, fill, forget_buckets

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture(autouse=True)
def empty_buckets() -> Iterator[None]:
    forget_buckets()
    yield
    forget_buckets()


def make_route(**fields: Any) -> Route:
    route = parse_route("smtp://127.0.0.1:25", ehlo_name="mx.example.jp")
    return Route(**{name: getattr(route, name) for name in Route.__slots__} | fields)


RELAYED = make_route()
DIRECT = make_route(name="route-1", kind="direct", host="")


def docomo(**fields: Any) -> Lane:
    return make_lane(make_workspace(), **{"provider": "docomo", **fields})


def fresh(lane: Lane) -> Lane:
    return Lane.objects.get(pk=lane.pk)


def replies(text: str, number: int = 1, *, accepted: int = 0, began: datetime = NOW) -> Replies:
    seen = Replies(began=began)
    outcomes = [Outcome(1, Result.DEFERRED, 421, "", text, Phase.RCPT)] * number
    for each, outcome in enumerate([*outcomes, *[Outcome(1, Result.ACCEPTED, 250)] * accepted]):
        seen.see(outcome, domain=f"d{each}.example", is_retry=False)
    return seen


TOO_FAST = "4.7.0 Too many connections, slow down"


def test_a_lane_without_limits_costs_one_read_a_turn(
    settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """No Redis is asked: there is none at this port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{unused.getsockname()[1]}/0"
        lane = docomo()
        with django_assert_num_queries(1):
            for _ in range(5):
                assert grant(lane, RELAYED, wanted=200, now=NOW) == Grant(200)
                give_back(lane, RELAYED, 50)


def test_carriers_have_their_own_pattern_on_the_direct_way(settings: Settings) -> None:
    """C22: few connections, few mails over each, so many a minute; the way through an unpaced relay has none of it."""
    settings.SEND_PROCESSES = 2
    lane = docomo()
    policy = POLICIES["docomo"]
    fill("provider:relay:docomo", 1000)
    granted = grant(lane, DIRECT, wanted=200, now=NOW)
    assert granted.rows == 50
    assert granted.connections == policy.connections // 2
    assert granted.messages_per_connection == policy.messages_per_connection
    assert grant(fresh(lane), make_route(is_paced=True), wanted=200, now=NOW).connections == policy.connections // 2
    assert grant(fresh(lane), RELAYED, wanted=200, now=NOW) == Grant(200)


def test_a_process_has_at_least_one_connection(settings: Settings) -> None:
    settings.SEND_PROCESSES = 16
    assert grant(docomo(), DIRECT, wanted=200, now=NOW).connections == 1


def test_waits_where_the_bucket_is_empty() -> None:
    """A bucket begins empty: what Redis forgot is never sent at once."""
    lane = docomo()
    granted = grant(lane, DIRECT, wanted=200, now=NOW)
    assert granted.rows == 0
    assert granted.again_at is not None
    assert timedelta(0) < granted.again_at - NOW <= timedelta(seconds=5)


def test_the_route_has_a_rate_of_its_own() -> None:
    lane, route = docomo(), make_route(per_minute=120)
    fill("route:relay", 1000)
    assert grant(lane, route, wanted=200, now=NOW).rows == 10
    assert grant(lane, route, wanted=200, now=NOW).rows == 0


def test_a_domain_is_capped_on_every_route() -> None:
    """C23: 1分間に〇通, for the workspace's mails to the domain, on a relay without any other limit too."""
    lane = docomo(domain="example.jp", provider="other")
    other = make_lane(lane.workspace, provider="other", domain="example.com")
    DomainCap.objects.create(workspace=lane.workspace, domain="example.jp", per_minute=60)
    fill(f"domain:{lane.workspace_id}:example.jp", 1000)
    assert grant(lane, RELAYED, wanted=200, now=NOW).rows == 5
    assert grant(lane, RELAYED, wanted=200, now=NOW).rows == 0
    # A lane whose cap was removed has none, until its rows are back in the provider's lane.
    assert grant(other, RELAYED, wanted=200, now=NOW).rows == 200


def test_the_tightest_limit_decides_and_nothing_more_is_taken() -> None:
    lane = docomo(domain="docomo.ne.jp")
    DomainCap.objects.create(workspace=lane.workspace, domain="docomo.ne.jp", per_minute=12)
    fill(f"domain:{lane.workspace_id}:docomo.ne.jp", 1)
    fill("provider:relay:docomo", 50)
    assert grant(lane, DIRECT, wanted=200, now=NOW).rows == 1
    with connect() as client:
        assert float(client.hget("throttle:{provider:relay:docomo}", "tokens")) == 49


def test_gives_back_what_was_not_claimed() -> None:
    lane = docomo()
    fill("provider:relay:docomo", 40)
    assert grant(lane, DIRECT, wanted=40, now=NOW).rows == 40
    give_back(lane, DIRECT, 30)
    assert grant(lane, DIRECT, wanted=200, now=NOW).rows >= 30


def test_workspaces_share_a_provider_and_take_turns() -> None:
    """A16, C28: nobody takes more than a few seconds' worth, and whoever was refused first is served first."""
    first, second = docomo(), docomo()
    fill("provider:relay:docomo", 1000)
    assert grant(first, DIRECT, wanted=200, now=NOW).rows == 50
    assert grant(second, DIRECT, wanted=200, now=NOW).rows == 0
    fill("provider:relay:docomo", 50)
    assert grant(first, DIRECT, wanted=200, now=NOW).rows == 0
    assert grant(second, DIRECT, wanted=200, now=NOW).rows == 50


def test_an_excluded_lane_is_not_held_back() -> None:
    """A13: its rows become 送信除外 without a token, and without Redis."""
    lane = docomo(excluded_at=NOW)
    Pace.objects.create(route="relay", provider="docomo", level=3, suspended_until=NOW + timedelta(hours=1))
    assert grant(lane, DIRECT, wanted=200, now=NOW) == Grant(200)
    give_back(lane, DIRECT, 200)


def test_a_request_for_less_slows_an_unpaced_lane() -> None:
    lane = docomo()
    slow = replies(TOO_FAST, accepted=99, began=NOW - timedelta(seconds=5))
    assert note(lane, RELAYED, slow, now=NOW)
    [bucket] = buckets_for(fresh(lane), RELAYED)
    assert bucket.per_minute == 600
    assert "Too many connections" in Pace.objects.get().because
    # Whoever sends to the provider by this route is slower, and nobody else.
    assert buckets_for(docomo(), RELAYED) == [bucket]
    assert buckets_for(docomo(provider="gmail"), RELAYED) == []
    assert buckets_for(docomo(route="route-7"), RELAYED) == []


def test_a_request_for_less_halves_the_configured_rate(settings: Settings) -> None:
    """C22."""
    settings.SEND_PROCESSES = 1
    lane = docomo()
    assert note(lane, DIRECT, replies(TOO_FAST, accepted=9), now=NOW)
    [bucket] = buckets_for(fresh(lane), DIRECT)
    assert bucket.per_minute == 300
    assert grant(fresh(lane), DIRECT, wanted=1, now=NOW).connections == 2


def test_accepted_mail_changes_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    lane = docomo()
    assert lane.speed == FULL
    with django_assert_num_queries(0):
        assert not note(lane, DIRECT, replies("", 0, accepted=50), now=NOW)


def test_suspends_where_everything_is_refused_and_looks_again() -> None:
    """A13: the provider's lane rests, the others go on; the operator's reset is seen within seconds."""
    lane = docomo()
    assert note(lane, RELAYED, replies(TOO_FAST, 5), now=NOW)
    assert grant(fresh(lane), RELAYED, wanted=200, now=NOW) == Grant(0, again_at=NOW + RECHECK)
    late = NOW + timedelta(minutes=5) - timedelta(seconds=1)
    assert grant(fresh(lane), RELAYED, wanted=200, now=late).again_at == late + timedelta(seconds=1)
    assert grant(docomo(provider="gmail"), RELAYED, wanted=200, now=NOW).rows == 200


def test_a_capped_domain_does_not_speak_for_all_other_servers() -> None:
    lane = docomo(provider="other", domain="example.jp")
    assert not note(lane, RELAYED, replies(TOO_FAST, 50), now=NOW)
    assert note(docomo(provider="other"), RELAYED, replies(TOO_FAST, 50), now=NOW)


def test_what_the_ledger_saw_slows_the_provider_and_spares_the_recipient() -> None:
    """C22: the reply of a real turn: the row is deferred, the lane slower."""
    campaign = make_campaign(state="sending", started_at=NOW)
    row = make_delivery(campaign, lane=make_lane(campaign.workspace, provider="yahoo"))
    ledger = DeliveryLedger()
    ledger.take(claim_due(row.lane, now=timezone.now(), limit=9))
    told = "[TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume"
    ledger.record([Outcome(row.pk, Result.DEFERRED, 421, "4.7.0", told, Phase.MAIL)])
    assert note(row.lane, RELAYED, ledger.replies, now=timezone.now())
    row.refresh_from_db()
    assert (row.state, row.reason) == ("deferred", "rate_limited")
    pace = Pace.objects.get()
    assert (pace.provider, pace.level, pace.code, pace.because) == ("yahoo", 1, "4.7.0", told)


def test_retries_of_a_small_server_leave_all_others_their_speed() -> None:
    """A16, C28: those that were put off come due together; the lane belongs to every workspace of the route."""
    campaign = make_campaign(state="sending", started_at=NOW)
    lane = make_lane(campaign.workspace, provider="other")
    for attempts, number in ((0, 2), (1, 9)):
        rows = [
            make_delivery(campaign, lane=lane, address=f"a{attempts}@d{each}.example", attempts=attempts)
            for each in range(number)
        ]
        ledger = DeliveryLedger()
        ledger.take(claim_due(lane, now=timezone.now(), limit=99))
        ledger.record([Outcome(row.pk, Result.DEFERRED, 421, "4.7.0", TOO_FAST, Phase.RCPT) for row in rows])
        assert ledger.replies.number[Sign.ASKED] == number
        assert not note(lane, RELAYED, ledger.replies, now=timezone.now())


def test_what_persists_in_a_slow_lane_slows_it_further() -> None:
    """C22: its turns hold so few mails that none is a complaint by itself."""
    lane = docomo()
    assert note(lane, DIRECT, replies(TOO_FAST, accepted=9), now=NOW)
    later = NOW + timedelta(minutes=1)
    vague = "4.3.2 Service not available, closing transmission channel"
    assert [note(fresh(lane), DIRECT, replies(vague, 2), now=later) for _ in range(3)] == [False, False, True]
    assert Pace.objects.get().level == 2


def test_nothing_goes_where_redis_is_down(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """What has a limit waits a few seconds; the log says so once, not with every call."""
    lane = docomo()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{unused.getsockname()[1]}/0"
        for _ in range(3):
            granted = grant(lane, DIRECT, wanted=200, now=NOW)
            assert (granted.rows, granted.again_at) == (0, NOW + timedelta(seconds=5))
        give_back(lane, DIRECT, 5)
    assert len([record for record in caplog.records if record.name == "mta.throttle"]) == 1
