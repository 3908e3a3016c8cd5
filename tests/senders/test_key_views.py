"""The pages of DKIM keys: the way through, access, what is handed out, and that no private key is ever shown."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.contrib.messages import get_messages
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from dnslib import RR
from pytest_django import Settings

from accounts.models import AuditEntry, Role, User, Workspace
from senders.dkim_import import import_key
from senders.dkim_keys import (
    KeyState,
    active_key,
    cname_target,
    generate_key,
    key_state,
    public_record,
    store_key,
)
from senders.dkim_rotation import begin
from senders.dns import DnsResolver
from senders.domains import register_domain
from senders.models import CheckResult, DkimKey, DnsCheck, KeyAlgorithm, SenderDomain
from senders.records import dkim_name, expected_records
from senders.verification import verify_domain
from tests.factories import make_user, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

LogIn = Callable[[User], Client]
Captured = pytest.CaptureFixture[str]
PEM, RSA_PEM = (
    key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for key in (Ed25519PrivateKey.generate(), generate_private_key(65537, 2048))
)
ZONE = "dkim.hypermail.example"


@pytest.fixture
def domain() -> SenderDomain:
    return register_domain(make_workspace(), "shop.example")


@pytest.fixture
def admin(domain: SenderDomain) -> Client:
    client = Client()
    client.force_login(make_user(domain.workspace, role=Role.ADMIN))
    return client


def url(domain: SenderDomain, rest: str = "") -> str:
    return f"/senders/domains/{domain.pk}/keys/{rest}"


def told(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def page_of(client: Client, domain: SenderDomain) -> str:
    return client.get(url(domain)).content.decode()


def test_a_key_is_switched_by_a_button(admin: Client, domain: SenderDomain, zones: ZoneServer) -> None:
    """B1 A6"""
    old = active_key(domain)
    assert old is not None
    assert "新しい鍵を作る(RSA-2048)" in page_of(admin, domain)
    assert "新しい鍵を作りました" in told(admin.post(url(domain, "begin/"), {"algorithm": "rsa"}))
    new = DkimKey.objects.exclude(pk=old.pk).get()
    page = page_of(admin, domain)
    assert public_record(new) in page
    assert "まだ見つかっていません" in page
    assert "新しい鍵を作る(" not in page
    response = admin.post(url(domain, f"{new.pk}/switch/"))
    assert "まだ DNS で確認できていません" in told(response)
    assert "DKIM レコードがありません" in told(response)
    # Again at once: the DNS is asked each ten seconds at most.
    again = told(admin.post(url(domain, f"{new.pk}/switch/")))
    assert "確認したばかりです" in again
    assert "もう一度「レコードを確認して切り替える」を押して" in again
    SenderDomain.objects.update(check_started_at=None)
    zones.publish(dkim_name(new.selector, domain.name), public_record(new))
    assert "鍵を切り替えました" in told(admin.post(url(domain, f"{new.pk}/switch/")))
    assert [key_state(key) for key in DkimKey.objects.order_by("pk")] == [KeyState.SUPERSEDED, KeyState.SIGNING]
    page = page_of(admin, domain)
    assert "まで残してください" in page
    assert "切り替え済み" in page
    DkimKey.objects.filter(pk=old.pk).update(retired_at=timezone.now())
    assert "使用を終了した鍵(1件)" in page_of(admin, domain)


def test_the_button_looks_at_the_new_key_alone(admin: Client, domain: SenderDomain, zones: ZoneServer) -> None:
    """B1: a fault of SPF that nobody asked about stops nothing."""
    new = generate_key(domain)
    SenderDomain.objects.update(verified_at=timezone.now())
    DnsCheck.objects.create(domain=domain, kind="spf", result=CheckResult.OK, checked_at=timezone.now())
    zones.publish(dkim_name(new.selector, domain.name), public_record(new))
    assert "鍵を切り替えました" in told(admin.post(url(domain, f"{new.pk}/switch/")))
    stored = SenderDomain.objects.get()
    assert (stored.is_verified(), stored.is_checking) == (True, False)
    assert DnsCheck.objects.get(kind="spf").result == CheckResult.OK
    assert domain.name not in zones.asked


def test_a_key_that_was_found_in_a_look_that_was_overtaken_is_looked_for_again(
    admin: Client, domain: SenderDomain, zones: ZoneServer
) -> None:
    new = generate_key(domain)
    zones.publish(dkim_name(new.selector, domain.name), public_record(new))
    SenderDomain.objects.update(checked_at=timezone.now() + timedelta(minutes=1))
    assert "まだ DNS で確認できていません" in told(admin.post(url(domain, f"{new.pk}/switch/")))
    assert not SenderDomain.objects.get().is_checking


def test_a_missing_record_of_a_replaced_key_is_shown_with_what_to_set(
    admin: Client, domain: SenderDomain, zones: ZoneServer
) -> None:
    """B1 A6"""
    old, new = active_key(domain), generate_key(domain)
    assert old is not None
    zones.publish(dkim_name(new.selector, domain.name), public_record(new))
    assert "鍵を切り替えました" in told(admin.post(url(domain, f"{new.pk}/switch/")))
    SenderDomain.objects.update(check_started_at=None)
    zones.publish("gmail.com", "unrelated")
    admin.post(f"/senders/domains/{domain.pk}/check/")
    page = admin.get(f"/senders/domains/{domain.pk}/").content.decode()
    assert f"切り替える前の鍵({old.selector})のレコードが DNS に見つかりません" in page
    assert old.public_key[:60] in page
    assert "この鍵のレコードが DNS に見つかりません" in page_of(admin, domain)


def test_an_outage_switches_nothing(admin: Client, domain: SenderDomain, zones: ZoneServer) -> None:
    new = generate_key(domain)
    zones.failing.add(dkim_name(new.selector, domain.name))
    assert "応答がなく" in told(admin.post(url(domain, f"{new.pk}/switch/")))
    assert key_state(DkimKey.objects.get(pk=new.pk)) is KeyState.WAITING


def test_a_key_that_waits_is_abandoned(admin: Client, domain: SenderDomain) -> None:
    new = generate_key(domain)
    assert "取りやめました" in told(admin.post(url(domain, f"{new.pk}/abandon/")))
    assert not DkimKey.objects.filter(pk=new.pk).exists()
    old = DkimKey.objects.get()
    assert "取りやめられません" in told(admin.post(url(domain, f"{old.pk}/abandon/")))


def test_a_second_rotation_is_refused_with_the_reason(admin: Client, domain: SenderDomain, settings: Settings) -> None:
    admin.post(url(domain, "begin/"), {"algorithm": "rsa"})
    assert "すでにあります" in told(admin.post(url(domain, "begin/"), {"algorithm": "rsa"}))
    admin.post(url(domain, "begin/"), {"algorithm": "dsa"})
    assert DkimKey.objects.count() == 2
    DkimKey.objects.filter(activated_at=None).delete()
    settings.ENCRYPTION_KEYS = []
    assert "ENCRYPTION_KEYS" in told(admin.post(url(domain, "begin/"), {"algorithm": "rsa"}))


def test_a_key_is_imported_and_never_shown(admin: Client, domain: SenderDomain) -> None:
    assert "autocomplete" in admin.get(url(domain, "import/")).content.decode()
    posted = {"selector": "Mail2026", "pem": PEM}
    response = admin.post(url(domain, "import/"), posted)
    assert response.headers["Location"] == url(domain)
    assert response.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    key = DkimKey.objects.get(selector="mail2026")
    page = page_of(admin, domain)
    assert "読み込み" in page
    assert public_record(key) in page
    secret = PEM.splitlines()[1]
    assert secret not in page
    for wrong in ({"selector": "mail2026", "pem": PEM}, {"selector": "", "pem": PEM}, {"selector": "a b", "pem": PEM}):
        shown = admin.post(url(domain, "import/"), wrong).content.decode()
        assert secret not in shown
        assert 'aria-invalid="true"' in shown


def test_what_is_no_key_is_told_at_its_field(admin: Client, domain: SenderDomain, settings: Settings) -> None:
    shown = admin.post(url(domain, "import/"), {"selector": "s1", "pem": "ひみつ"}).content.decode()
    assert "秘密鍵として読み取れません" in shown
    assert "ひみつ" not in shown
    settings.ENCRYPTION_KEYS = []
    shown = admin.post(url(domain, "import/"), {"selector": "s1", "pem": PEM}).content.decode()
    assert "ENCRYPTION_KEYS" in shown


def test_records_are_handed_out_as_lines_of_a_zone_file(admin: Client, domain: SenderDomain) -> None:
    old, new = active_key(domain), generate_key(domain, KeyAlgorithm.ED25519)
    assert old is not None
    DkimKey.objects.create(domain=domain, selector="gone", private_key=b"", public_key="x", retired_at=timezone.now())
    response = admin.get(url(domain, "records.txt"))
    assert response.headers["Content-Disposition"] == 'attachment; filename="dkim-shop.example.txt"'
    records = RR.fromZone(response.content.decode())
    assert [str(record.rname) for record in records] == [
        f"{key.selector}._domainkey.shop.example." for key in (old, new)
    ]
    assert [b"".join(record.rdata.data).decode() for record in records] == [public_record(key) for key in (old, new)]


class TestCname:
    @pytest.fixture(autouse=True)
    def zone(self, settings: Settings) -> None:
        settings.DKIM_CNAME_ZONE = ZONE

    def test_records_lead_into_our_zone(
        self, admin: Client, domain: SenderDomain, zones: ZoneServer, resolver: DnsResolver, capsys: Captured
    ) -> None:
        key = active_key(domain)
        assert key is not None
        target = cname_target(DkimKey.objects.get())
        assert target.startswith(f"{key.selector}.shop.example.{domain.pk}-")
        assert target.endswith(f".{ZONE}")
        assert "CNAME レコード" in page_of(admin, domain)
        assert "登録の方法を変えました" in told(admin.post(url(domain, "style/"), {"key_as_cname": "1"}))
        # The key signs, and nobody saw its record yet: the page shows what to set, and leads to the steps.
        assert target in page_of(admin, domain)
        assert f"/senders/domains/{domain.pk}/#dkim" in page_of(admin, domain)
        domain.refresh_from_db()
        (record,) = expected_records(domain)
        assert (record.type, record.value) == ("CNAME", target)
        exported = admin.get(url(domain, "records.txt")).content.decode()
        assert exported == f"{key.selector}._domainkey.shop.example. 3600 IN CNAME {target}.\n"
        zones.add_zone(exported)
        verify_domain(domain, resolver, now=timezone.now())
        assert DnsCheck.objects.get(kind="dkim").result == CheckResult.UNKNOWN
        zones.publish(target, public_record(key))
        verify_domain(domain, resolver, now=timezone.now())
        assert DnsCheck.objects.get(kind="dkim").result == CheckResult.OK
        assert target not in page_of(admin, domain)
        assert f"/senders/domains/{domain.pk}/#dkim" in page_of(admin, domain)
        admin.post(url(domain, "style/"), {"key_as_cname": ""})
        domain.refresh_from_db()
        assert not domain.key_as_cname
        call_command("export_dkim_zone")
        assert target in capsys.readouterr().out
        # The CNAME may stay as it is, and what is missing in our zone is still our fault.
        zones.publish(target)
        verify_domain(domain, resolver, now=timezone.now())
        assert DnsCheck.objects.get(kind="dkim").result == CheckResult.UNKNOWN
        entries = AuditEntry.objects.filter(action="sender_domain.key_style").order_by("pk")
        assert [entry.detail["after"] for entry in entries] == ["CNAME", "TXT"]

    def test_it_is_offered_where_there_is_a_zone_and_room(
        self, admin: Client, domain: SenderDomain, settings: Settings
    ) -> None:
        settings.DKIM_CNAME_ZONE = f"{'z' * 60}.{'z' * 60}.{'z' * 60}.{'z' * 60}.example"
        assert "CNAME レコード" not in page_of(admin, domain)
        admin.post(url(domain, "style/"), {"key_as_cname": "1"})
        assert not SenderDomain.objects.get().key_as_cname
        # Chosen before the zone had so long a name.
        SenderDomain.objects.update(key_as_cname=True)
        (record,) = expected_records(SenderDomain.objects.get())
        assert record.type == "TXT"
        settings.DKIM_CNAME_ZONE = ""
        assert "CNAME レコード" not in page_of(admin, domain)

    def test_the_zone_holds_the_keys_in_use_of_all_workspaces(self, domain: SenderDomain, capsys: Captured) -> None:
        other = register_domain(make_workspace(), "another.example")
        old, new = active_key(domain), generate_key(domain)
        assert old is not None
        DkimKey.objects.filter(pk=old.pk).update(superseded_at=timezone.now())
        DkimKey.objects.create(
            domain=domain, selector="gone", private_key=b"", public_key="x", retired_at=timezone.now()
        )
        first = active_key(other)
        assert first is not None
        SenderDomain.objects.update(key_as_cname=True)
        # Its records were TXTs from the beginning.
        register_domain(make_workspace(), "third.example")
        texts = []
        for _twice in range(2):
            call_command("export_dkim_zone")
            texts.append(capsys.readouterr().out)
        assert texts[0] == texts[1]
        records = RR.fromZone(texts[0])
        keys = [first, *sorted((old, new), key=lambda key: key.selector)]
        assert [str(record.rname) for record in records] == [f"{cname_target(key)}." for key in keys]
        assert [b"".join(record.rdata.data).decode() for record in records] == list(map(public_record, keys))
        assert "PRIVATE" not in texts[0]

    def test_a_cname_that_was_left_leads_nobody_to_the_key_of_a_stranger(
        self, admin: Client, domain: SenderDomain, zones: ZoneServer, resolver: DnsResolver, capsys: Captured
    ) -> None:
        key = DkimKey.objects.get()
        call_command("export_dkim_zone")
        assert capsys.readouterr().out == ""
        admin.post(url(domain, "style/"), {"key_as_cname": "1"})
        zones.add_zone(admin.get(url(domain, "records.txt")).content.decode())
        domain.delete()
        stranger = make_user(make_workspace())
        taken = register_domain(stranger.memberships.get().workspace, "shop.example")
        DkimKey.objects.all().delete()
        SenderDomain.objects.update(key_as_cname=True)
        import_key(taken, key.selector, RSA_PEM, actor=stranger)
        call_command("export_dkim_zone")
        zones.add_zone(capsys.readouterr().out)
        verify_domain(taken, resolver, now=timezone.now(), actor=stranger)
        assert DnsCheck.objects.get(kind="dkim").result == CheckResult.MISSING

    def test_names_that_are_too_long_are_left_out(self, capsys: Captured) -> None:
        name = ".".join(["a" * 50] * 4) + ".example"
        domain = SenderDomain.objects.create(workspace=make_workspace(), name=name, key_as_cname=True)
        store_key(domain, Ed25519PrivateKey.generate(), selector="s" * 40, activated_at=None)
        call_command("export_dkim_zone")
        assert capsys.readouterr().out == ""


def test_without_a_zone_there_is_nothing_to_write() -> None:
    with pytest.raises(CommandError, match="DKIM_CNAME_ZONE"):
        call_command("export_dkim_zone")


def test_an_old_key_is_told(admin: Client, domain: SenderDomain, settings: Settings) -> None:
    assert "長く使っている鍵です" not in page_of(admin, domain)
    DkimKey.objects.update(activated_at=timezone.now() - timedelta(days=settings.KEY_REMIND_DAYS))
    assert "長く使っている鍵です" in page_of(admin, domain)


class TestAccess:
    def test_viewers_look_and_change_nothing(self, domain: SenderDomain, client_for: LogIn) -> None:
        key = begin(domain, KeyAlgorithm.RSA, actor=make_user(domain.workspace))
        for role in (Role.VIEWER, Role.EDITOR):
            client = client_for(make_user(domain.workspace, role=role))
            page = page_of(client, domain)
            assert key.selector in page
            assert "切り替える</button>" not in page
            assert client.get(url(domain, "records.txt")).status_code == 200
            for rest in ("begin/", "import/", "style/", f"{key.pk}/switch/", f"{key.pk}/abandon/"):
                assert client.post(url(domain, rest)).status_code == 403
            assert client.get(url(domain, "import/")).status_code == 403

    def test_keys_of_others_are_not_there(self, domain: SenderDomain, workspace: Workspace, client_for: LogIn) -> None:
        own = register_domain(workspace, "own.example")
        client = client_for(make_user(workspace, role=Role.ADMIN))
        key = begin(domain, KeyAlgorithm.RSA, actor=make_user(domain.workspace))
        for rest in ("", "records.txt", "import/"):
            assert client.get(url(domain, rest)).status_code == 404
        for where in (domain, own):
            for rest in (f"{key.pk}/switch/", f"{key.pk}/abandon/"):
                assert client.post(url(where, rest)).status_code == 404


def test_the_number_of_queries_does_not_grow(admin: Client, domain: SenderDomain) -> None:
    counts = []
    page_of(admin, domain)
    for number in range(3):
        was = {"activated_at": timezone.now(), "superseded_at": timezone.now()}
        DkimKey.objects.create(domain=domain, selector=f"s{number}", private_key=b"", public_key="x", **was)
        with CaptureQueriesContext(connection) as queries:
            admin.get(url(domain))
        counts.append(len(queries))
    assert len(set(counts)) == 1
