"""A return domain of the customer's own: which may be chosen, when it is used, and that an outage takes nothing away (E9)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry, Role, Workspace
from senders.dns import DnsResolver
from senders.domains import register_domain
from senders.errors import AddressRefused
from senders.models import CheckKind, CheckResult, DnsCheck, Sender, SenderDomain
from senders.rechecks import recheck_due
from senders.records import expected_records
from senders.return_domain import is_own_return_domain, own_return_domain, return_domain_of, set_return_name
from senders.verification import verify_domain
from tests.factories import make_sender, make_user, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
NAME = "bounce.shop.example"
DAY = timedelta(days=1)
CONFIRM = timedelta(minutes=60)


@pytest.fixture(autouse=True)
def installation(settings: Settings) -> None:
    settings.OWN_RETURN_DOMAINS = True
    settings.RETURN_DOMAIN = "bounce.hypermail.example"
    settings.SPF_INCLUDE = "_spf.hypermail.example"
    settings.SENDING_IPS = ["192.0.2.10"]
    settings.RECHECK_CONFIRM_MINUTES = 60


@pytest.fixture
def domain(zones: ZoneServer) -> SenderDomain:
    """A domain that proved itself and chose a return domain, whose CNAME is there."""
    workspace = make_workspace()
    domain = register_domain(workspace, "shop.example")
    make_sender(workspace, "news@shop.example")
    key = domain.dkim_keys.get()
    zones.publish("shop.example", "v=spf1 include:_spf.hypermail.example ~all")
    zones.publish("_spf.hypermail.example", "v=spf1 ip4:192.0.2.10 -all")
    zones.publish(f"{key.selector}._domainkey.shop.example", f"v=DKIM1; k=rsa; p={key.public_key}")
    zones.add_zone("bounce.hypermail.example. 300 IN MX 10 mx.hypermail.example.")
    zones.add_zone(f"{NAME}. 300 IN CNAME bounce.hypermail.example.")
    set_return_name(domain, NAME, actor=None)
    return domain


def take_away(zones: ZoneServer) -> None:
    """Make the CNAME disappear."""
    zones.records = [rr for rr in zones.records if str(rr.rname).rstrip(".") != NAME]


def look(domain: SenderDomain, resolver: DnsResolver, *, now: datetime = NOW, by_hand: bool = True) -> SenderDomain:
    """Check as a person or as the daily task does, and return the domain as it is stored then."""
    fresh = SenderDomain.objects.get(pk=domain.pk)
    verify_domain(fresh, resolver, now=now, actor=make_user(domain.workspace) if by_hand else None)
    return SenderDomain.objects.get(pk=domain.pk)


def test_it_is_used_once_the_dns_leads_it_to_us(domain: SenderDomain, resolver: DnsResolver) -> None:
    """E9"""
    assert (own_return_domain(domain), return_domain_of(domain)) == ("", "bounce.hypermail.example")
    stored = look(domain, resolver)
    assert (stored.return_proved_at, return_domain_of(stored)) == (NOW, NAME)
    assert look(stored, resolver, now=NOW + DAY).return_proved_at == NOW
    assert DnsCheck.objects.get(domain=domain, kind=CheckKind.RETURN).result == CheckResult.OK


def test_it_is_not_used_where_the_installation_does_not_offer_it(
    domain: SenderDomain, resolver: DnsResolver, settings: Settings
) -> None:
    """E9: the server in front may refuse what is not for RETURN_DOMAIN, and no error would ever come back."""
    look(domain, resolver)
    settings.OWN_RETURN_DOMAINS = False
    stored = look(domain, resolver, now=NOW + DAY)
    assert (own_return_domain(stored), return_domain_of(stored)) == ("", "bounce.hypermail.example")
    assert not [record for record in expected_records(stored) if record.kind == CheckKind.RETURN]
    # What began before goes on coming back.
    assert is_own_return_domain(NAME)
    # Nobody looked at it meanwhile: it is proved anew when it is offered again.
    assert not DnsCheck.objects.filter(kind=CheckKind.RETURN).exists()
    settings.OWN_RETURN_DOMAINS = True
    assert own_return_domain(SenderDomain.objects.get()) == ""
    assert own_return_domain(look(domain, resolver, now=NOW + 2 * DAY)) == NAME


def test_a_persons_bad_look_counts_at_once(domain: SenderDomain, resolver: DnsResolver, zones: ZoneServer) -> None:
    look(domain, resolver)
    take_away(zones)
    stored = look(domain, resolver, now=NOW + DAY)
    assert (stored.return_proved_at, return_domain_of(stored)) == (None, "bounce.hypermail.example")
    # Sending goes on: it is no required check.
    assert stored.is_verified()


def test_the_daily_bad_look_counts_the_second_time(
    domain: SenderDomain, resolver: DnsResolver, zones: ZoneServer
) -> None:
    look(domain, resolver)
    take_away(zones)
    first = NOW + DAY
    stored = look(domain, resolver, now=first, by_hand=False)
    assert (stored.return_proved_at, stored.recheck_at) == (NOW, first + CONFIRM)
    # Two looks within seconds are one.
    second = first + timedelta(seconds=5)
    stored = look(domain, resolver, now=second, by_hand=False)
    assert (stored.return_proved_at, stored.recheck_at) == (NOW, second + CONFIRM)
    SenderDomain.objects.update(recheck_at=first + CONFIRM)
    DnsCheck.objects.update(checked_at=first)
    assert recheck_due(resolver, now=first + CONFIRM) == 1
    stored = SenderDomain.objects.get(pk=domain.pk)
    assert (stored.return_proved_at, stored.is_verified()) == (None, True)


def test_a_good_look_in_between_begins_anew(domain: SenderDomain, resolver: DnsResolver, zones: ZoneServer) -> None:
    look(domain, resolver)
    there = list(zones.records)
    for day in (1, 2, 3):
        take_away(zones)
        assert look(domain, resolver, now=NOW + day * DAY, by_hand=False).return_proved_at == NOW
        zones.records = list(there)
        assert look(domain, resolver, now=NOW + day * DAY + CONFIRM, by_hand=False).return_proved_at == NOW


@pytest.mark.parametrize("by_hand", [True, False])
def test_an_outage_takes_nothing_away(
    domain: SenderDomain, resolver: DnsResolver, zones: ZoneServer, *, by_hand: bool
) -> None:
    look(domain, resolver)
    zones.failing.add(NAME)
    for day in (1, 2, 3):
        assert look(domain, resolver, now=NOW + day * DAY, by_hand=by_hand).return_proved_at == NOW
    assert DnsCheck.objects.get(domain=domain, kind=CheckKind.RETURN).result == CheckResult.UNKNOWN


def test_a_name_that_is_changed_during_a_look_is_not_proved_by_it(domain: SenderDomain, resolver: DnsResolver) -> None:
    stale = SenderDomain.objects.get(pk=domain.pk)
    set_return_name(domain, "other.shop.example", actor=None)
    verify_domain(stale, resolver, now=NOW)
    assert SenderDomain.objects.get(pk=domain.pk).return_proved_at is None


def test_another_name_has_to_be_proved_anew(domain: SenderDomain, resolver: DnsResolver) -> None:
    look(domain, resolver)
    assert set_return_name(domain, "errors.shop.example", actor=None)
    assert not set_return_name(domain, " ERRORS.shop.example. ", actor=None)
    stored = SenderDomain.objects.get(pk=domain.pk)
    assert (stored.return_name, stored.return_proved_at) == ("errors.shop.example", None)
    assert not DnsCheck.objects.filter(domain=domain, kind=CheckKind.RETURN).exists()
    entry = AuditEntry.objects.filter(action="sender_domain.return").latest("pk")
    assert entry.detail == {"before": NAME, "after": "errors.shop.example"}


def test_without_a_name_nothing_is_asked(domain: SenderDomain, resolver: DnsResolver, zones: ZoneServer) -> None:
    look(domain, resolver)
    set_return_name(domain, "", actor=None)
    zones.asked.clear()
    stored = look(domain, resolver, now=NOW + DAY)
    assert (stored.return_name, own_return_domain(stored)) == ("", "")
    assert NAME not in zones.asked


def test_the_records_to_set(domain: SenderDomain, resolver: DnsResolver) -> None:
    """E9"""

    def shown() -> list[tuple[str, str, str]]:
        fresh = SenderDomain.objects.get(pk=domain.pk)
        records = [record for record in expected_records(fresh) if record.kind == CheckKind.RETURN]
        return [(record.type, record.host, record.value) for record in records]

    assert shown() == [("CNAME", "bounce", "bounce.hypermail.example")]
    look(domain, resolver)
    assert shown() == [
        ("CNAME", "bounce", "bounce.hypermail.example"),
        ("MX", "bounce", "10 mx.hypermail.example"),
        ("TXT", "bounce", "v=spf1 include:_spf.hypermail.example ~all"),
    ]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("shop.example", "サブドメイン"),
        ("bounce.other.example", "サブドメイン"),
        ("bounceshop.example", "サブドメイン"),
        # C3
        ("mail.gmail.com", "フリーメール"),
        ("https://bounce.shop.example", "https://"),
        ("bounce_mail.shop.example", "アンダースコア"),
        ("192.0.2.1", "IPアドレス"),
        ("co.jp", "登録の単位"),
        ("news.shop.example", "送信元のドメインです"),
        (f"{'a' * 63}.{'b' * 63}.{'c' * 63}.shop.example", "189文字"),
        (f"{'a' * 64}.shop.example", "63文字"),
        ("taken.shop.example", "登録できません"),
        ("owned.shop.example", "登録できません"),
    ],
)
def test_names_that_are_refused(name: str, word: str) -> None:
    """C3 E9"""
    workspace = make_workspace()
    domain = SenderDomain.objects.create(workspace=workspace, name="shop.example")
    SenderDomain.objects.create(workspace=workspace, name="news.shop.example")
    proved: dict[str, Any] = {"workspace": make_workspace(), "verified_at": NOW, "return_proved_at": NOW}
    SenderDomain.objects.create(name="mail.shop.example", return_name="taken.shop.example", **proved)
    SenderDomain.objects.create(name="owned.shop.example", **proved)
    with pytest.raises(AddressRefused) as refused:
        set_return_name(domain, name, actor=None)
    assert word in refused.value.sentence
    assert proved["workspace"].name not in refused.value.sentence
    assert SenderDomain.objects.get(pk=domain.pk).return_name == ""


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        (" Bounce.Shop.Co.Jp. ", "bounce.shop.co.jp"),
        ("bounce。shop。co.jp", "bounce.shop.co.jp"),
        ("もどり.shop.co.jp", "xn--p9j6bza.shop.co.jp"),
        ("bounce.news.shop.co.jp", "bounce.news.shop.co.jp"),
    ],
)
def test_names_are_cleaned(name: str, stored: str) -> None:
    domain = SenderDomain.objects.create(workspace=make_workspace(), name="news.shop.co.jp")
    set_return_name(domain, name, actor=None)
    assert domain.return_name == stored


def test_an_unproved_stranger_keeps_nobody_out() -> None:
    """Whoever types a name first has no right to it."""
    SenderDomain.objects.create(workspace=make_workspace(), name="shop.example", return_name=NAME, return_proved_at=NOW)
    domain = SenderDomain.objects.create(workspace=make_workspace(), name="shop.example")
    assert set_return_name(domain, NAME, actor=None)


def test_known_names_are_remembered_for_a_minute() -> None:
    SenderDomain.objects.create(workspace=make_workspace(), name="x.example", return_name="minute.x.example")
    assert not is_own_return_domain("", clock=lambda: 0.0)
    assert is_own_return_domain("minute.x.example", clock=lambda: 0.0)
    SenderDomain.objects.update(return_name="")
    assert is_own_return_domain("minute.x.example", clock=lambda: 59.0)
    assert not is_own_return_domain("minute.x.example", clock=lambda: 61.0)


def page_of(workspace: Workspace, role: Role) -> tuple[Client, str, SenderDomain]:
    """Return a browser of a member, the page of a domain's return domain, and the domain."""
    domain = make_sender(workspace, "news@shop.example").domain
    client = Client()
    client.force_login(make_user(workspace, role=role))
    return client, reverse("domain_return", args=[domain.pk]), domain


def test_an_editor_chooses_on_the_page() -> None:
    client, page, domain = page_of(make_workspace(), Role.EDITOR)
    assert "bounce.shop.example" in client.get(page).content.decode()
    answer = client.post(page, {"name": "Bounce.shop.example"}, follow=True)
    assert "保存しました" in answer.content.decode()
    assert "bounce.hypermail.example" in answer.content.decode()
    assert SenderDomain.objects.get(pk=domain.pk).return_name == NAME
    # Mailings that began with the old name keep it.
    assert "bounce.shop.example をやめるときも" in client.get(page).content.decode()
    answer = client.post(page, {"name": ""}, follow=True)
    assert "当サービスのドメインに戻ります" in answer.content.decode()
    assert "bounce.shop.example の DNS のレコードを消さないでください" in answer.content.decode()
    assert SenderDomain.objects.get(pk=domain.pk).return_name == ""


def test_there_is_one_card_with_two_ways() -> None:
    """E9: the CNAME, and folded what may stand in its place; the way to change it stands in the same card."""
    client, page, domain = page_of(make_workspace(), Role.EDITOR)
    shown = client.get(reverse("domain_detail", args=[domain.pk])).content.decode()
    assert shown.count("エラーメールの戻り先</h2>") == 1
    set_return_name(domain, NAME, actor=None)
    proposed = "CNAME bounce.hypermail.example\nMX 10 mx1.hypermail.example\nTXT v=spf1 ip4:192.0.2.10 ~all"
    check = DnsCheck.objects.create(
        domain=domain, kind=CheckKind.RETURN, result=CheckResult.MISSING, expected=proposed, checked_at=NOW
    )

    def read_card() -> str:
        shown = client.get(reverse("domain_detail", args=[domain.pk])).content.decode()
        assert shown.count("エラーメールの戻り先</h2>") == 1
        return shown.split('id="return"')[1].split("</section>")[0]

    first, second = read_card().split("方法2: MX と TXT")
    assert page in first
    assert "方法1: CNAME" in first
    assert "mx1.hypermail.example" not in first
    assert "mx1.hypermail.example" in second
    assert "<details open>" not in first
    check.found = "MX 10 elsewhere.example"
    check.save(update_fields=["found"])
    assert "<details open>" in read_card().split("方法2: MX と TXT")[0]


def test_the_page_is_closed_where_the_installation_does_not_offer_it(settings: Settings) -> None:
    client, page, domain = page_of(make_workspace(), Role.EDITOR)
    assert page in client.get(reverse("domain_detail", args=[domain.pk])).content.decode()
    settings.OWN_RETURN_DOMAINS = False
    DnsCheck.objects.create(domain=domain, kind=CheckKind.RETURN, result=CheckResult.OK, checked_at=NOW)
    for answer in (client.get(page, follow=True), client.post(page, {"name": NAME}, follow=True)):
        shown = answer.content.decode()
        assert "システム管理者にお問い合わせください" in shown
        assert page not in shown
        assert "エラーメールの戻り先</" not in shown
    assert SenderDomain.objects.get(pk=domain.pk).return_name == ""


def test_a_refused_name_is_told_on_the_form() -> None:
    client, page, _domain = page_of(make_workspace(), Role.EDITOR)
    assert "サブドメインを入力してください" in client.post(page, {"name": "shop.example"}).content.decode()
    shown = client.post(page, {"name": "https://bounce.shop.example/"}).content.decode()
    assert "(例: bounce.shop.example)" in shown
    assert "example.co.jp" not in shown
    assert not Sender.objects.filter(domain__return_name__gt="").exists()


def test_a_viewer_and_a_stranger_choose_nothing() -> None:
    client, page, domain = page_of(make_workspace(), Role.VIEWER)
    assert client.post(page, {"name": NAME}).status_code == 403
    stranger, _page, _domain = page_of(make_workspace(), Role.EDITOR)
    assert stranger.post(page, {"name": NAME}).status_code == 404
    assert SenderDomain.objects.get(pk=domain.pk).return_name == ""
