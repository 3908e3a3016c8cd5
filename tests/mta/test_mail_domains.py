"""Domains whose provider only their mail servers tell, looked up at a real DNS server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from dns.resolver import NoResolverConfiguration
from dnslib import RR
from pytest_django import Settings

from mta.mail_domains import (
    AGAIN,
    AGAIN_AFTER_FAILURE,
    LEASE,
    Enquiry,
    find_providers,
    is_any_due,
    is_plausible,
    look_up_due,
    note_domains,
    take_due,
)
from mta.models import MailDomain
from mta.mx import MxResolver
from tests.senders.dns_server import ZoneServer, serve_zones

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 3, 0, 10, tzinfo=UTC)
ZONE = """
hosted.example. 60 IN MX 10 aspmx.l.google.com.
hosted.example. 60 IN MX 20 mx.elsewhere.example.
office.example. 60 IN MX 0 office-example.mail.protection.outlook.com.
own.example. 60 IN MX 10 mx.own.example.
plain.example. 60 IN A 192.0.2.1
null.example. 60 IN MX 0 .
hostile.example. 60 IN MX 10 "a b.google.com.evil.example."
alias.example. 60 IN CNAME hosted.example.
"""


@pytest.fixture(autouse=True)
def lookups(settings: Settings) -> None:
    settings.MX_LOOKUPS = True


@pytest.fixture
def zones() -> Iterator[ZoneServer]:
    with serve_zones() as server:
        server.records += RR.fromZone(ZONE)
        yield server


def look_up(zones: ZoneServer, *domains: str, **options: object) -> dict[str, MailDomain]:
    """Note domains, look them up without spreading the times, and return their rows."""
    note_domains(domains, now=NOW)
    resolver = MxResolver([zones.address], server_timeout=2, question_timeout=3)
    look_up_due(**{"now": NOW, "resolver": resolver, "chance": lambda: 0.5} | options)
    return {row.domain: row for row in MailDomain.objects.all()}


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        ("hosted.example", "gmail"),
        ("alias.example", "gmail"),
        ("office.example", "microsoft"),
        ("own.example", ""),
        ("plain.example", ""),
        ("null.example", ""),
        ("missing.example", ""),
        ("hostile.example", ""),
    ],
)
def test_the_mail_servers_tell_the_provider(zones: ZoneServer, domain: str, provider: str) -> None:
    row = look_up(zones, domain)[domain]
    assert (row.provider, row.looked_up_at, row.due_at) == (provider, NOW, NOW + AGAIN)
    assert find_providers({domain, "unknown.example"}) == {domain: provider}


@pytest.mark.parametrize("fault", ["failing", "silent"])
def test_a_failure_of_the_dns_leaves_what_is_known(zones: ZoneServer, fault: str) -> None:
    getattr(zones, fault).add("hosted.example")
    MailDomain.objects.create(domain="hosted.example", provider="gmail", looked_up_at=NOW - AGAIN, due_at=NOW)
    row = look_up(zones)["hosted.example"]
    assert (row.provider, row.looked_up_at) == ("gmail", NOW - AGAIN)
    assert row.due_at == NOW + AGAIN_AFTER_FAILURE


def test_a_domain_that_moved_is_found_at_its_new_provider(zones: ZoneServer) -> None:
    MailDomain.objects.create(domain="own.example", provider="gmail", looked_up_at=NOW - AGAIN, due_at=NOW)
    assert look_up(zones)["own.example"].provider == ""


def test_only_what_is_due_is_asked_and_so_many_at_once(zones: ZoneServer) -> None:
    MailDomain.objects.create(domain="office.example", due_at=NOW + timedelta(seconds=1))
    MailDomain.objects.create(domain="plain.example", due_at=NOW - timedelta(days=1))
    rows = look_up(zones, "hosted.example", limit=1)
    assert [domain for domain, row in rows.items() if row.looked_up_at] == ["plain.example"]
    assert is_any_due(now=NOW)


def test_time_runs_out(zones: ZoneServer) -> None:
    """What was not reached is nobody's fault: it is due again when the lease is over."""
    zones.silent.add("hosted.example")
    rows = look_up(zones, "hosted.example", seconds=0)
    assert (rows["hosted.example"].looked_up_at, rows["hosted.example"].due_at) == (None, NOW + LEASE)


def test_two_tasks_share_the_work() -> None:
    note_domains({"a.example", "b.example", "c.example"}, now=NOW)
    first, second = (take_due(MailDomain.objects.all(), now=NOW, limit=2) for _ in range(2))
    assert (len(first), len(second), take_due(MailDomain.objects.all(), now=NOW, limit=2)) == (2, 1, [])
    assert not {row.pk for row in first} & {row.pk for row in second}
    assert len(take_due(MailDomain.objects.all(), now=NOW + LEASE, limit=9)) == 3


def test_times_are_spread(zones: ZoneServer) -> None:
    earliest = look_up(zones, "own.example", chance=lambda: 0.0)["own.example"].due_at
    assert earliest == NOW + AGAIN * 0.75


def test_known_providers_and_odd_names_are_never_asked_about(zones: ZoneServer) -> None:
    names = ("gmail.com", "mb.softbank.ne.jp", "[192.0.2.1]", "localhost", "a..example", "-.example", "a b.example",
             "x" * 64 + ".example", "a." * 130 + "example", "192.0.2.1", "ex\nample.jp", "")  # fmt: skip
    assert look_up(zones, *names) == {}
    assert zones.asked == []
    assert not any(is_plausible(name) for name in names[2:])
    assert all(is_plausible(name) for name in ("shop.example", "xn--wgv71a.jp", "a_b.jp", "1.example"))


def test_a_second_note_changes_nothing(zones: ZoneServer) -> None:
    row = look_up(zones, "hosted.example")["hosted.example"]
    note_domains({"hosted.example"}, now=NOW + timedelta(days=1))
    assert MailDomain.objects.get().due_at == row.due_at


def test_switched_off_nothing_is_noted_or_asked(zones: ZoneServer, settings: Settings) -> None:
    MailDomain.objects.create(domain="hosted.example", due_at=NOW)
    settings.MX_LOOKUPS = False
    assert look_up(zones, "own.example")["hosted.example"].looked_up_at is None
    assert (zones.asked, is_any_due(now=NOW), MailDomain.objects.count()) == ([], False, 1)


def test_many_domains_take_few_queries(zones: ZoneServer, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(12):
        look_up(zones, *(f"shop{number}.example" for number in range(60)))
    assert MailDomain.objects.filter(looked_up_at=NOW).count() == 60


def resolver_at(zones: ZoneServer) -> MxResolver:
    return MxResolver([zones.address], server_timeout=0.8, question_timeout=0.8)


def test_an_enquiry_finds_out_at_once(zones: ZoneServer) -> None:
    """What the background was to look up too, and has not yet."""
    note_domains({"office.example"}, now=NOW)
    looks: list[None] = []
    enquiry = Enquiry(make_resolver=lambda: resolver_at(zones))
    names = {"hosted.example", "office.example", "own.example", "gmail.com", "localhost"}
    assert enquiry.ask_about(names, now=NOW, on_look=lambda: looks.append(None))
    assert looks == [None]
    assert find_providers(names) == {"hosted.example": "gmail", "office.example": "microsoft", "own.example": ""}
    assert not is_any_due(now=NOW + LEASE)
    assert not enquiry.ask_about({"plain.example"}, now=NOW, on_look=bool)
    assert find_providers({"plain.example"}) == {"plain.example": ""}


def test_an_enquiry_leaves_to_others_what_they_are_at(zones: ZoneServer) -> None:
    note_domains({"hosted.example"}, now=NOW)
    assert take_due(MailDomain.objects.all(), now=NOW, limit=9)
    assert not Enquiry(make_resolver=lambda: resolver_at(zones)).ask_about({"hosted.example"}, now=NOW, on_look=bool)
    assert zones.asked == []


def test_nobody_waits_for_a_dead_dns_twice(zones: ZoneServer) -> None:
    zones.silent |= {"hosted.example", ""}
    enquiry = Enquiry(make_resolver=lambda: resolver_at(zones))
    assert not enquiry.ask_about({"hosted.example"}, now=NOW, on_look=bool)
    zones.silent.clear()
    asked = len(zones.asked)
    assert not enquiry.ask_about({"office.example"}, now=NOW, on_look=bool)
    assert len(zones.asked) == asked
    # The background has them.
    due = MailDomain.objects.order_by("domain").values_list("domain", "due_at")
    assert [domain for domain, at in due if at <= NOW] == ["office.example"]
    assert is_any_due(now=NOW + AGAIN_AFTER_FAILURE * 1.5)


def test_a_machine_without_a_dns_waits_for_none() -> None:
    def make_resolver() -> MxResolver:
        raise NoResolverConfiguration

    looks: list[None] = []
    enquiry = Enquiry(make_resolver=make_resolver)
    for domain in ("hosted.example", "office.example"):
        assert not enquiry.ask_about({domain}, now=NOW, on_look=lambda: looks.append(None))
    assert looks == [None]
    assert is_any_due(now=NOW)


def test_one_dead_domain_is_no_dead_dns(zones: ZoneServer) -> None:
    zones.silent.add("own.example")
    enquiry = Enquiry(make_resolver=lambda: resolver_at(zones))
    assert not enquiry.ask_about({"own.example"}, now=NOW, on_look=bool)
    assert enquiry.ask_about({"hosted.example"}, now=NOW, on_look=bool)


def test_an_enquiry_ends_with_its_time(zones: ZoneServer) -> None:
    """By a clock that jumps: nothing is asked once the seconds are over, and what was not asked is noted."""
    moments = iter((0.0, 20.0, 20.0, 35.0))
    enquiry = Enquiry(make_resolver=lambda: resolver_at(zones), seconds=30, clock=lambda: next(moments))
    for domain in ("own.example", "plain.example", "hosted.example"):
        assert not enquiry.ask_about({domain}, now=NOW, on_look=bool)
    assert find_providers({"own.example", "plain.example", "hosted.example"}) == {
        "own.example": "",
        "plain.example": "",
    }
    assert is_any_due(now=NOW)


def test_an_enquiry_asks_nothing_where_that_is_switched_off(zones: ZoneServer, settings: Settings) -> None:
    settings.MX_LOOKUPS = False
    assert not Enquiry(make_resolver=lambda: resolver_at(zones)).ask_about({"hosted.example"}, now=NOW, on_look=bool)
    assert (zones.asked, MailDomain.objects.count()) == ([], 0)
