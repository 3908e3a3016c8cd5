"""The installation's own servers: what is kept of their checks, when they are due, and the operator's page."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Workspace
from senders.dns import DnsResolver
from senders.models import CheckResult, ServerCheck, ServerCheckKind
from senders.outcomes import CheckSubject
from senders.server_checks import check_servers, own_servers
from senders.server_store import are_servers_due, list_checks, store_servers
from senders.tasks import check_own_servers
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db
NOW = timezone.now()
ZONE = """
    10.2.0.192.in-addr.arpa. 300 IN PTR mta.hypermail.example.
    mta.hypermail.example. 300 IN A 192.0.2.10
    bounce.hypermail.example. 300 IN MX 10 mta.hypermail.example.
    bounce.hypermail.example. 300 IN TXT "v=spf1 ip4:192.0.2.10 -all"
    _spf.hypermail.example. 300 IN TXT "v=spf1 ip4:192.0.2.10 -all"
"""


@pytest.fixture
def servers(settings: Settings, zones: ZoneServer) -> CheckSubject:
    """An installation of one address whose records are in order."""
    settings.SENDING_IPS = ["192.0.2.10"]
    settings.EHLO_NAME = "mta.hypermail.example"
    settings.RETURN_DOMAIN = "bounce.hypermail.example"
    settings.SPF_INCLUDE = "_spf.hypermail.example"
    zones.add_zone(ZONE)
    return own_servers()


def results() -> dict[str, str]:
    return {f"{check.kind} {check.subject}": check.result for check in list_checks()}


def test_every_check_of_an_installation_in_order(servers: CheckSubject, resolver: DnsResolver) -> None:
    """F5"""
    store_servers(check_servers(servers, resolver, blocklists=["bl.example"]), now=NOW)
    assert results() == {
        "ptr 192.0.2.10": "ok",
        "ehlo mta.hypermail.example": "ok",
        "include 192.0.2.10": "ok",
        "return_mx bounce.hypermail.example": "ok",
        "return_spf 192.0.2.10": "ok",
        # A list without its test entries is none.
        "blocklist bl.example 192.0.2.10": "unknown",
    }


def test_nothing_is_asked_without_sending_addresses(
    resolver: DnsResolver, zones: ZoneServer, settings: Settings
) -> None:
    settings.SENDING_IPS = []
    assert check_servers(own_servers(), resolver) == []
    assert zones.asked == []
    assert not are_servers_due(now=NOW)
    assert list_checks() == []


def test_what_is_not_ours_any_more_is_deleted(servers: CheckSubject, resolver: DnsResolver, settings: Settings) -> None:
    store_servers(check_servers(servers, resolver), now=NOW)
    settings.SENDING_IPS = ["192.0.2.11"]
    assert [check.kind for check in list_checks()] == ["ehlo", "return_mx"]
    store_servers(check_servers(own_servers(), resolver), now=NOW)
    assert not ServerCheck.objects.filter(subject="192.0.2.10").exists()
    assert results()["ptr 192.0.2.11"] == "missing"


def test_a_change_takes_the_place_of_the_last_result(
    servers: CheckSubject, resolver: DnsResolver, zones: ZoneServer
) -> None:
    store_servers(check_servers(servers, resolver), now=NOW)
    number = ServerCheck.objects.count()
    zones.failing.add("10.2.0.192.in-addr.arpa")
    later = NOW + timedelta(minutes=5)
    store_servers(check_servers(servers, resolver), now=later)
    assert ServerCheck.objects.count() == number
    check = ServerCheck.objects.get(kind=ServerCheckKind.PTR)
    assert (check.result, check.checked_at) == (CheckResult.UNKNOWN, later)


def test_due_once_a_day_and_for_each_new_address(
    servers: CheckSubject, resolver: DnsResolver, settings: Settings
) -> None:
    assert are_servers_due(now=NOW)
    store_servers(check_servers(servers, resolver), now=NOW)
    assert not are_servers_due(now=NOW + timedelta(hours=23))
    assert are_servers_due(now=NOW + timedelta(hours=25))
    settings.SENDING_IPS = ["192.0.2.10", "2001:DB8:0::11"]
    assert are_servers_due(now=NOW)


def test_the_task_checks_once(servers: CheckSubject, zones: ZoneServer) -> None:
    check_own_servers()
    asked = len(zones.asked)
    assert results()["ptr 192.0.2.10"] == "ok"
    check_own_servers()
    assert len(zones.asked) == asked


@pytest.mark.parametrize("host", ["localhost", "mta", "localhost.localdomain", "server.local", "192.0.2.10", ""])
def test_f5_a_name_that_nobody_outside_knows_is_to_be_set_first(
    resolver: DnsResolver, zones: ZoneServer, host: str
) -> None:
    """F5: nobody is told to have the reverse name set to localhost, or to give localhost an address."""
    zones.add_zone(ZONE)
    zones.add_zone("12.2.0.192.in-addr.arpa. 300 IN PTR lost.hypermail.example.")
    subject = CheckSubject(
        domain="",
        return_name="bounce.hypermail.example",
        include="_spf.hypermail.example",
        ips=(ip_address("192.0.2.10"), ip_address("192.0.2.11"), ip_address("192.0.2.12")),
        host=host,
    )
    told = {(one.kind, one.subject): one.outcome for one in check_servers(subject, resolver)}
    ehlo = told[ServerCheckKind.EHLO, host]
    assert (ehlo.result, "まず、環境変数 EHLO_NAME に" in ehlo.advice) == (CheckResult.MISSING, True)
    good, missing, wrong = (told[ServerCheckKind.PTR, f"192.0.2.{number}"] for number in (10, 11, 12))
    assert (good.result, good.advice) == (CheckResult.OK, "")
    assert (missing.result, wrong.result) == (CheckResult.MISSING, CheckResult.WRONG)
    for outcome in (missing, wrong):
        assert "逆引きを 送信サーバーの名前" in outcome.advice
        assert "localhost" not in outcome.advice


def test_many_addresses_are_bounded(resolver: DnsResolver, zones: ZoneServer) -> None:
    """There are not more questions than the budget has."""
    zones.add_zone(ZONE)
    subject = CheckSubject(
        domain="",
        return_name="bounce.hypermail.example",
        include="_spf.hypermail.example",
        ips=tuple(ip_address(f"192.0.2.{number}") for number in range(1, 250)),
        host="mta.hypermail.example",
    )
    outcomes = check_servers(subject, resolver, blocklists=["a.example", "b.example"])
    # A question that was not answered in time is asked again.
    assert len(set(zones.asked)) <= 600
    assert len(outcomes) == 2 + 249 * 5


def test_only_the_operator_sees_the_page(editor: Client, operator: Client, servers: CheckSubject) -> None:
    assert editor.get(reverse("server_checks")).status_code == 403
    assert editor.post(reverse("server_check_now")).status_code == 403
    assert operator.get(reverse("server_checks")).status_code == 200


def test_the_button_checks_once_a_minute(operator: Client, servers: CheckSubject, zones: ZoneServer) -> None:
    page = operator.post(reverse("server_check_now"), follow=True).content.decode()
    assert "送信サーバーの DNS を確認しました。" in page
    assert "mta.hypermail.example" in page
    asked = len(zones.asked)
    page = operator.post(reverse("server_check_now"), follow=True).content.decode()
    assert "1分ほど待ってから" in page
    assert len(zones.asked) == asked


def test_the_page_says_what_to_set(operator: Client, settings: Settings, zones: ZoneServer) -> None:
    settings.SENDING_IPS = []
    page = operator.get(reverse("server_checks")).content.decode()
    assert "SENDING_IPS に、メールを送信するサーバーの IP アドレスを設定してください" in page
    assert reverse("server_check_now") not in page
    answer = operator.post(reverse("server_check_now"), follow=True)
    assert "SENDING_IPS が未設定" in answer.content.decode()
    assert zones.asked == []


def test_the_page_asks_no_dns_and_few_queries(
    operator: Client,
    servers: CheckSubject,
    resolver: DnsResolver,
    zones: ZoneServer,
    workspace: Workspace,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    zones.records = [rr for rr in zones.records if "in-addr" not in str(rr.rname)]
    store_servers(check_servers(servers, resolver), now=NOW)
    asked = len(zones.asked)
    with django_assert_num_queries(4):
        page = operator.get(reverse("server_checks")).content.decode()
    assert len(zones.asked) == asked
    assert "逆引き(PTR)がありません" in page
    assert "light-bad" in page
