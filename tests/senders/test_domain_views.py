"""The pages of domains: adding one by itself, the guided page, the panel, the difference, removing, the verified ones."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, Role, User, Workspace
from senders.dkim_keys import active_key, public_record
from senders.domain_registry import UNUSED_LIMIT
from senders.models import DkimKey, DnsCheck, SenderDomain
from senders.records import dkim_name
from tests.factories import make_mail_route, make_sender, make_user, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

LogIn = Callable[[User], Client]
NEW = "/senders/domains/new/"


def told(response: Any) -> str:
    """Return the messages that a test response left for the next page."""
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def publish_key(zones: ZoneServer, domain: SenderDomain) -> None:
    """Put the DKIM record of a domain into the DNS."""
    key = active_key(domain)
    assert key is not None
    zones.publish(dkim_name(key.selector, domain.name), public_record(key))


class TestAdding:
    def test_e9_a_domain_alone_leads_to_its_records(
        self, editor: Client, workspace: Workspace, zones: ZoneServer, settings: Settings
    ) -> None:
        """E6 E9: what the domain has already is looked at at once, so that every value is there to see."""
        settings.SPF_INCLUDE = "_spf.hypermail.example"
        zones.publish("shop.example", "v=spf1 mx -all")
        response = editor.post(NEW, {"name": "ｓｈｏｐ．ｅｘａｍｐｌｅ"})
        domain = SenderDomain.objects.get(workspace=workspace)
        assert response.headers["Location"] == f"/senders/domains/{domain.pk}/"
        assert "「shop.example」を追加しました" in told(response)
        page = editor.get(response.headers["Location"]).content.decode()
        assert "v=spf1 mx include:_spf.hypermail.example -all" in page
        assert "v=DMARC1; p=none" in page
        key = active_key(domain)
        assert key is not None
        assert public_record(key) in page
        assert AuditEntry.objects.get(action="sender_domain.create").target == "shop.example"

    def test_the_page_shows_where_one_is(self, editor: Client, workspace: Workspace, zones: ZoneServer) -> None:
        domain = SenderDomain.objects.create(workspace=workspace, name="shop.example")
        path = f"/senders/domains/{domain.pk}/"
        assert '<li aria-current="step">今の DNS を調べる</li>' in editor.get(path).content.decode()
        editor.post(f"{path}check/")
        assert '<li aria-current="step">DNS に登録</li>' in editor.get(path).content.decode()
        DnsCheck.objects.update(result="unknown")
        assert '<li aria-current="step">確認する</li>' in editor.get(path).content.decode()
        SenderDomain.objects.update(verified_at=timezone.now())
        page = editor.get(path).content.decode()
        assert 'aria-current="step"' not in page
        assert page.count('<li class="is-done">') == 3

    def test_a_domain_that_is_there_is_opened(self, editor: Client, workspace: Workspace, zones: ZoneServer) -> None:
        sender = make_sender(workspace, "news@shop.example")
        response = editor.post(NEW, {"name": "shop.example"})
        assert response.headers["Location"] == f"/senders/domains/{sender.domain_id}/"
        assert "すでに登録されています" in told(response)
        assert SenderDomain.objects.count() == 1

    def test_without_its_turn_the_page_asks_for_the_press(
        self, editor: Client, workspace: Workspace, zones: ZoneServer, settings: Settings
    ) -> None:
        settings.CHECKS_PER_MINUTE = 1
        SenderDomain.objects.create(
            workspace=workspace, name="other.example", check_started_at=timezone.now(), checked_at=timezone.now()
        )
        page = editor.get(editor.post(NEW, {"name": "shop.example"}).headers["Location"]).content.decode()
        assert "まだ確認していません" in page
        assert zones.asked == []

    @pytest.mark.parametrize(
        ("typed", "sentence"),
        [
            ("", "ドメイン名を入力してください"),
            ("https://shop.example", "「https://」を付けずに"),
            ("shop.example/contact", "「/」から後ろ"),
            ("shop .example", "空白"),
            ("news@shop.example", "「@」より後ろ"),
            ("my_shop.example", "アンダースコア"),
            (".".join(["abcdefgh"] * 28) + ".ab", "253文字まで"),
            ("x" * 5000, "253文字まで"),
            ("co.jp", "登録の単位"),
            ("192.0.2.1", "IPアドレス"),
            ("gmail.com", "フリーメール"),
            ("docomo.ne.jp", "携帯会社"),
        ],
    )
    def test_bad_input_has_a_sentence_of_its_own(self, editor: Client, typed: str, sentence: str) -> None:
        response = editor.post(NEW, {"name": typed})
        assert sentence in response.context["form"].errors["name"][0]
        assert not SenderDomain.objects.exists()

    def test_another_workspaces_domain_is_refused_without_saying_whose(self, editor: Client) -> None:
        other = make_workspace(name="よその商店")
        make_sender(other, "news@shop.example")
        response = editor.post(NEW, {"name": "shop.example"})
        assert "登録できません" in response.context["form"].errors["name"][0]
        assert "よその商店" not in response.content.decode()

    def test_a_lookalike_is_noted_and_not_refused(self, editor: Client, zones: ZoneServer) -> None:
        page = editor.post(NEW, {"name": "gmial.com"}).content.decode()
        assert "「gmail.com」とよく似ています" in page
        assert not SenderDomain.objects.exists()
        response = editor.post(NEW, {"name": "gmial.com", "seen": "gmial.com"})
        page = editor.get(response.headers["Location"]).content.decode()
        assert "「gmail.com」とよく似ています" in page
        assert "「gmail.com」とよく似ています" in editor.get("/senders/").content.decode()
        # Who proved it meant it.
        SenderDomain.objects.update(verified_at=timezone.now())
        assert "よく似ています" not in editor.get("/senders/").content.decode()
        assert "よく似ています" not in editor.get(response.headers["Location"]).content.decode()

    def test_punycode_is_shown_in_both_forms(self, editor: Client, zones: ZoneServer) -> None:
        response = editor.post(NEW, {"name": "日本語.jp"})
        assert "日本語.jp (xn--wgv71a119e.jp)" in told(response)
        assert "日本語.jp (xn--wgv71a119e.jp)" in editor.get(response.headers["Location"]).content.decode()

    def test_a_missing_encryption_key_is_told_above_the_form(self, editor: Client, settings: Settings) -> None:
        settings.ENCRYPTION_KEYS = []
        assert "ENCRYPTION_KEYS" in editor.post(NEW, {"name": "shop.example"}).content.decode()
        assert not SenderDomain.objects.exists()

    def test_unused_domains_have_a_limit(self, editor: Client, workspace: Workspace) -> None:
        SenderDomain.objects.bulk_create(
            SenderDomain(workspace=workspace, name=f"shop{number}.example") for number in range(UNUSED_LIMIT)
        )
        response = editor.post(NEW, {"name": "shop.example"})
        assert "使わないものを削除" in response.context["form"].errors["name"][0]


class TestPressing:
    def test_many_presses_are_refused_in_one_sentence(
        self, editor: Client, workspace: Workspace, zones: ZoneServer
    ) -> None:
        """One check; what the others were told fills no page."""
        domain = SenderDomain.objects.create(workspace=workspace, name="shop.example")
        path = f"/senders/domains/{domain.pk}/"
        for _press in range(40):
            assert editor.post(f"{path}check/").status_code == 302
        page = editor.get(path).content.decode()
        assert page.count("確認したばかりです") == 1
        assert "確認しました。" in page


class TestListing:
    def test_a_domain_without_a_sender_is_listed(self, editor: Client, workspace: Workspace) -> None:
        SenderDomain.objects.create(workspace=workspace, name="shop.example")
        page = editor.get("/senders/").content.decode()
        assert "shop.example" in page
        assert "確認待ち" in page
        assert "まだ送信元がありません" in page

    def test_it_is_not_checked_each_day(self, editor: Client, workspace: Workspace) -> None:
        domain = SenderDomain.objects.create(workspace=workspace, name="shop.example", recheck_at=timezone.now())
        assert "送信元に使うと、毎日自動で確認します" in editor.get(f"/senders/domains/{domain.pk}/").content.decode()
        make_sender(workspace, "news@shop.example")
        assert "次の自動確認" in editor.get(f"/senders/domains/{domain.pk}/").content.decode()

    def test_the_number_of_queries_does_not_grow(self, editor: Client, workspace: Workspace) -> None:
        counts = []
        for number in range(3):
            SenderDomain.objects.create(workspace=workspace, name=f"shop{number}.example")
            with CaptureQueriesContext(connection) as queries:
                editor.get("/senders/")
            counts.append(len(queries))
        assert len(set(counts)) == 1


class TestRemoving:
    def test_an_unused_domain_is_removed_with_its_key(
        self, editor: Client, workspace: Workspace, zones: ZoneServer
    ) -> None:
        path = editor.post(NEW, {"name": "shop.example"}).headers["Location"]
        assert "このドメインを削除する" in editor.get(path).content.decode()
        response = editor.post(f"{path}remove/")
        assert response.headers["Location"] == "/senders/"
        assert not SenderDomain.objects.exists()
        assert not DkimKey.objects.exists()
        assert AuditEntry.objects.get(action="sender_domain.remove").target == "shop.example"
        assert editor.post(f"{path}remove/").status_code == 404

    @pytest.mark.parametrize("is_archived", [False, True])
    def test_one_that_a_sender_has_stays(self, editor: Client, workspace: Workspace, *, is_archived: bool) -> None:
        sender = make_sender(workspace, archived_at=timezone.now() if is_archived else None)
        path = f"/senders/domains/{sender.domain_id}/"
        assert "このドメインを削除する" not in editor.get(path).content.decode()
        assert "削除できません" in told(editor.post(f"{path}remove/"))
        assert SenderDomain.objects.count() == 1

    def test_others_remove_nothing(self, workspace: Workspace, client_for: LogIn) -> None:
        domain = SenderDomain.objects.create(workspace=workspace, name="shop.example")
        path = f"/senders/domains/{domain.pk}/remove/"
        assert client_for(make_user(workspace, Role.VIEWER)).post(path).status_code == 403
        assert client_for(make_user(make_workspace(), Role.ADMIN)).post(path).status_code == 404
        assert SenderDomain.objects.count() == 1


class TestPanel:
    def test_the_page_speaks_the_language_of_the_panel(
        self, editor: Client, workspace: Workspace, zones: ZoneServer
    ) -> None:
        path = editor.post(NEW, {"name": "shop.example"}).headers["Location"]
        assert "一般的な手順" in editor.get(path).content.decode()
        response = editor.post(f"{path}panel/", {"panel": "route53"})
        assert response.headers["Location"] == f"{path}#panel"
        page = editor.get(path).content.decode()
        assert 'value="route53" aria-pressed="true"' in page
        assert "レコード名" in page
        assert "docs.aws.amazon.com" in page
        key = active_key(SenderDomain.objects.get())
        assert key is not None
        assert f"&quot;{public_record(key)[:255]}&quot; &quot;{public_record(key)[255:]}&quot;" in page
        editor.post(f"{path}panel/", {"panel": "onamae"})
        assert "公式の案内は確認できていません" in editor.get(path).content.decode()

    def test_an_unknown_panel_changes_nothing(self, editor: Client, workspace: Workspace) -> None:
        domain = SenderDomain.objects.create(workspace=workspace, name="shop.example", panel="sakura")
        editor.post(f"/senders/domains/{domain.pk}/panel/", {"panel": "nobody"})
        domain.refresh_from_db()
        assert domain.panel == "sakura"

    def test_a_sub_domain_is_told_how_its_host_is_read(self, editor: Client, workspace: Workspace) -> None:
        domain = SenderDomain.objects.create(workspace=workspace, name="news.shop.co.jp")
        page = editor.get(f"/senders/domains/{domain.pk}/").content.decode()
        assert "shop.co.jp の画面に入力する形" in page
        other = SenderDomain.objects.create(workspace=workspace, name="shop.co.jp")
        assert "の画面に入力する形" not in editor.get(f"/senders/domains/{other.pk}/").content.decode()

    def test_a_viewer_sees_the_guide_and_chooses_nothing(self, workspace: Workspace, client_for: LogIn) -> None:
        domain = SenderDomain.objects.create(workspace=workspace, name="shop.example", panel="cloudflare")
        viewer = client_for(make_user(workspace, Role.VIEWER))
        page = viewer.get(f"/senders/domains/{domain.pk}/").content.decode()
        assert "developers.cloudflare.com" in page
        assert 'name="panel"' not in page
        assert viewer.post(f"/senders/domains/{domain.pk}/panel/", {"panel": "other"}).status_code == 403


class TestResult:
    def test_a6_d1_found_expected_difference_and_time(
        self, editor: Client, workspace: Workspace, zones: ZoneServer, settings: Settings
    ) -> None:
        """A6 D1"""
        settings.SPF_INCLUDE = "_spf.hypermail.example"
        zones.publish("_spf.hypermail.example", "v=spf1 ip4:192.0.2.1 ~all")
        zones.add_zone('shop.example. 3600 IN TXT "v=spf1 mx -all"\nshop.example. 300 IN MX 10 shop.example.')
        path = editor.post(NEW, {"name": "shop.example"}).headers["Location"]
        page = editor.get(path).content.decode()
        assert "設定する値との違い" in page
        assert "足りない" in page
        assert "この名前の情報は、最大60分、古いまま見えることがあります" in page
        assert "DNS は、「登録がない」という答えを最大2分のあいだ覚えています" in page
        assert "もう一度確認できるのは" in page
        DnsCheck.objects.update(checked_at=timezone.now() - timedelta(hours=2))
        SenderDomain.objects.update(check_started_at=timezone.now() - timedelta(hours=2))
        page = editor.get(path).content.decode()
        assert "最大60分" not in page
        assert "もう一度確認できるのは" not in page

    def test_an_earlier_value_is_called_so_and_asks_for_nothing(self, editor: Client, workspace: Workspace) -> None:
        """A6"""
        domain = SenderDomain.objects.create(workspace=workspace, name="shop.example")
        text = "v=DMARC1; p=none; rua=mailto:dmarc@shop.example"
        seen = timezone.now() - timedelta(days=3)
        DnsCheck.objects.create(
            domain=domain,
            kind="dmarc",
            result="unknown",
            found=text,
            expected=text,
            found_at=seen,
            checked_at=timezone.now(),
        )
        page = editor.get(f"/senders/domains/{domain.pk}/").content.decode()
        assert "前回見つかった値(" in page
        assert "書き換えてください" not in page

    def test_an_alias_has_no_value_to_set(self, editor: Client, workspace: Workspace, zones: ZoneServer) -> None:
        """A TXT record beside a CNAME cannot be set: the page does not offer one to copy."""
        zones.add_zone("shop.example. 300 IN CNAME web.host.example.\nweb.host.example. 300 IN A 192.0.2.80")
        path = editor.post(NEW, {"name": "shop.example"}).headers["Location"]
        page = editor.get(path).content.decode()
        assert "ホームページの制作会社に相談" in page
        assert 'id="spf-value"' not in page

    def test_of_two_spf_records_one_is_to_be_deleted(
        self, editor: Client, workspace: Workspace, zones: ZoneServer, settings: Settings
    ) -> None:
        """D1"""
        settings.SPF_INCLUDE = "_spf.hypermail.example"
        zones.publish("_spf.hypermail.example", "v=spf1 ip4:192.0.2.1 ~all")
        zones.publish("shop.example", "v=spf1 mx ~all", "v=spf1 a ~all")
        path = editor.post(NEW, {"name": "shop.example"}).headers["Location"]
        page = editor.get(path).content.decode()
        assert "今の SPF レコードのうち1つをこの値に書き換え、ほかの SPF レコードは削除してください。" in page
        assert page.count("v=spf1 a ~all") == 1

    def test_a_proof_is_nothing_to_choose(self, editor: Client, workspace: Workspace) -> None:
        """It waits for the key, and has words of its own."""
        domain = SenderDomain.objects.create(workspace=workspace, name="shop.example")
        for kind, result in (("dkim", "missing"), ("proof", "wrong")):
            DnsCheck.objects.create(domain=domain, kind=kind, result=result, checked_at=timezone.now())

        def read_card() -> str:
            page = editor.get(f"/senders/domains/{domain.pk}/").content.decode()
            return page.split('id="proof"')[1].split("</section>")[0]

        assert "DKIM のレコードを登録すると確認できます" in read_card()
        assert "任意" not in read_card()
        assert "要修正" not in read_card()
        DnsCheck.objects.update(result="ok")
        assert "確認済み" in read_card()

    def test_a_mended_domain_turns_green(self, editor: Client, workspace: Workspace, zones: ZoneServer) -> None:
        path = editor.post(NEW, {"name": "shop.example"}).headers["Location"]
        domain = SenderDomain.objects.get()
        zones.publish("shop.example", domain.checks.get(kind="spf").expected)
        publish_key(zones, domain)
        SenderDomain.objects.update(check_started_at=None)
        assert "このドメインから配信できます" in told(editor.post(f"{path}check/"))
        page = editor.get(path).content.decode()
        assert "設定する値との違い" not in page
        assert page.count("設定する値を見る") >= 2

    def test_the_tree_of_spf_is_told_apart(self, editor: Client, workspace: Workspace) -> None:
        domain = SenderDomain.objects.create(workspace=workspace, name="shop.example")
        lines = [
            {"tone": "muted", "label": "192.0.2.1 を調べた順番", "text": ""},
            {"tone": "muted", "label": "include:a.example", "text": "一致しない"},
            {"tone": "muted", "label": "　ip4:192.0.2.9", "text": "一致しない"},
            {"tone": "muted", "label": "　　　　　　all", "text": "一致"},
        ]
        DnsCheck.objects.create(domain=domain, kind="spf", result="wrong", lines=lines, checked_at=timezone.now())
        page = editor.get(f"/senders/domains/{domain.pk}/").content.decode()
        assert '<li class="check-heading">192.0.2.1 を調べた順番</li>' in page
        assert 'data-depth="1"' in page
        assert 'data-depth="4"' in page

    def test_an_alias_beside_a_record_is_explained(
        self, editor: Client, workspace: Workspace, zones: ZoneServer
    ) -> None:
        zones.add_zone("news.shop.example. 300 IN CNAME host.example.\nhost.example. 300 IN A 192.0.2.80")
        path = editor.post(NEW, {"name": "news.shop.example"}).headers["Location"]
        assert (
            "CNAME(host.example)が登録されているため、TXT レコードを一緒に登録できません"
            in editor.get(path).content.decode()
        )


class TestVerified:
    def test_e3_the_setting_is_filled_by_verification_and_read_only(self, editor: Client, workspace: Workspace) -> None:
        """E3"""
        path = "/senders/verified/"
        assert "まだありません" in editor.get(path).content.decode()
        make_sender(workspace, "news@shop.example")
        SenderDomain.objects.create(workspace=workspace, name="open.example")
        make_sender(make_workspace(), "news@other.example")
        page = editor.get(path).content.decode()
        assert "shop.example" in page
        assert "open.example" not in page
        assert "other.example" not in page
        main = page[page.index("<main") :]
        assert "<form" not in main
        assert editor.post(path).status_code == 405

    def test_e1_the_route_is_explained(self, editor: Client, workspace: Workspace) -> None:
        """E1"""
        assert "通常の経路で送ります" in editor.get("/senders/verified/").content.decode()
        make_mail_route(for_verified=True)
        assert "「検証済みの送信元ドメインに使う」経路で送ります" in editor.get("/senders/verified/").content.decode()


@pytest.mark.parametrize("path", ["/senders/new/", NEW])
def test_d3_d4_why_a_from_address_is_proved(editor: Client, path: str) -> None:
    """D3 D4"""
    page = editor.get(path).content.decode()
    for word in ("なりすまし", "経由", "迷惑メール", "SPF", "DKIM", "DMARC"):
        assert word in page
