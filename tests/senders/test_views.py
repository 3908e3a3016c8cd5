"""The pages of senders and domains: the plain way through, access, and bad input."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, Role, User, Workspace
from accounts.requests import WorkspaceRequest
from senders.dkim_keys import active_key, public_record
from senders.forms import SenderForm
from senders.models import Sender, SenderDomain
from senders.records import dkim_name
from senders.registry import SenderDetails, archive_sender, create_sender
from senders.views import try_create
from tests.factories import make_sender, make_user, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

LogIn = Callable[[User], Client]
DETAILS = SenderDetails("みほん商店", "", "みほん商店株式会社", "東京都千代田区", "03-0000-0000")
POSTED = {
    "name": "みほん商店",
    "address": "news@shop.example",
    "reply_to": "info@shop.example",
    "legal_name": "みほん商店株式会社",
    "postal_address": "東京都千代田区千代田1-1",
    "contact": "https://shop.example/contact",
}


def told(response: Any) -> str:
    """Return the messages that a test response left for the next page."""
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


class TestTheWayThrough:
    def test_the_empty_page_says_what_to_do(self, editor: Client) -> None:
        page = editor.get("/senders/").content.decode()
        assert "送信元がまだありません" in page
        assert 'href="/senders/new/"' in page

    def test_a_sender_is_added_and_leads_to_the_records(self, editor: Client, workspace: Workspace) -> None:
        response = editor.post("/senders/new/", POSTED)
        sender = Sender.objects.get(workspace=workspace)
        assert response.headers["Location"] == f"/senders/domains/{sender.domain_id}/"
        assert (sender.reply_to, sender.contact) == ("info@shop.example", "https://shop.example/contact")
        page = editor.get(response.headers["Location"]).content.decode()
        key = active_key(sender.domain)
        assert key is not None
        assert public_record(key) in page
        assert 'data-copy="dkim-value"' in page
        # A second SPF or DMARC record would make the first one void: nobody knows yet what is there.
        assert "spf-value" not in page
        assert "dmarc-value" not in page
        assert page.count("今の設定に合わせた「設定する値」を表示します") == 2
        assert "まだ確認していません" in page

    def test_a_lookalike_is_asked_about_once(self, editor: Client, workspace: Workspace) -> None:
        posted = POSTED | {"address": "news@gmial.com"}
        page = editor.post("/senders/new/", posted).content.decode()
        assert "「gmail.com」とよく似ています" in page
        assert 'name="seen" value="gmial.com"' in page
        assert not SenderDomain.objects.exists()
        # Another slip is another question.
        other = editor.post("/senders/new/", posted | {"address": "news@gmall.com", "seen": "gmial.com"})
        assert "「gmail.com」とよく似ています" in other.content.decode()
        assert editor.post("/senders/new/", posted | {"seen": "gmial.com"}).status_code == 302
        assert Sender.objects.get(workspace=workspace).domain.name == "gmial.com"
        # A domain that is registered was asked about.
        assert editor.post("/senders/new/", posted | {"address": "info@gmial.com"}).status_code == 302

    def test_a6_the_check_shows_found_and_advice(self, editor: Client, workspace: Workspace, zones: ZoneServer) -> None:
        """A6"""
        zones.publish("shop.example", "v=spf1 mx ~all")
        domain = create_sender(workspace, "news@shop.example", DETAILS).domain
        response = editor.post(f"/senders/domains/{domain.pk}/check/")
        assert "DKIM がまだありません" in told(response)
        page = editor.get(response.headers["Location"]).content.decode()
        assert "v=spf1 mx ~all" in page
        assert "DKIM レコードがありません" in page
        assert "設定が必要" in page

    def test_a_proved_domain_turns_green(self, editor: Client, workspace: Workspace, zones: ZoneServer) -> None:
        zones.load("example.zone")
        domain = create_sender(workspace, "news@shop.example", DETAILS).domain
        key = active_key(domain)
        assert key is not None
        zones.publish(dkim_name(key.selector, domain.name), public_record(key))
        assert "このドメインから配信できます" in told(editor.post(f"/senders/domains/{domain.pk}/check/"))
        assert "配信できます" in editor.get("/senders/").content.decode()
        zones.failing |= {"shop.example", dkim_name(key.selector, domain.name)}
        SenderDomain.objects.update(check_started_at=None)
        assert "前回までの結果" in told(editor.post(f"/senders/domains/{domain.pk}/check/"))

    def test_an_ed25519_key_is_added_once(self, editor: Client, workspace: Workspace) -> None:
        domain = create_sender(workspace, "news@shop.example", DETAILS).domain
        page = f"/senders/domains/{domain.pk}/"
        assert "Ed25519の鍵を追加する" in editor.get(page).content.decode()
        assert "追加しました" in told(editor.post(f"{page}ed25519/"))
        assert "すでにあります" in told(editor.post(f"{page}ed25519/"))
        key = domain.dkim_keys.get(algorithm="ed25519")
        shown = editor.get(page).content.decode()
        assert public_record(key) in shown
        assert "Ed25519の鍵を追加する" not in shown
        assert AuditEntry.objects.get(action="sender_domain.add_key").target == str(key)

    def test_without_an_encryption_key_none_is_added(
        self, editor: Client, workspace: Workspace, settings: Settings
    ) -> None:
        domain = create_sender(workspace, "news@shop.example", DETAILS).domain
        settings.ENCRYPTION_KEYS = []
        assert "ENCRYPTION_KEYS" in told(editor.post(f"/senders/domains/{domain.pk}/ed25519/"))
        assert not domain.dkim_keys.filter(algorithm="ed25519").exists()

    def test_details_are_changed_and_the_address_stays(self, editor: Client, workspace: Workspace) -> None:
        sender = make_sender(workspace, "news@shop.example")
        assert "みほん商店株式会社" in editor.get(f"/senders/{sender.pk}/edit/").content.decode()
        changed = POSTED | {"name": "新しい名前", "address": "other@shop.example"}
        assert editor.post(f"/senders/{sender.pk}/edit/", changed).headers["Location"] == "/senders/"
        sender.refresh_from_db()
        assert (sender.name, sender.address) == ("新しい名前", "news@shop.example")

    def test_a_sender_is_archived_and_restored(self, editor: Client, workspace: Workspace) -> None:
        sender = make_sender(workspace)
        for _twice in range(2):
            editor.post(f"/senders/{sender.pk}/archive/")
        page = editor.get("/senders/").content.decode()
        assert "使用を終了した送信元(1件)" in page
        for _twice in range(2):
            editor.post(f"/senders/{sender.pk}/restore/")
        sender.refresh_from_db()
        assert not sender.is_archived()

    def test_the_sandbox_says_that_checks_are_not_required(
        self, editor: Client, workspace: Workspace, settings: Settings
    ) -> None:
        settings.REQUIRE_VERIFIED_SENDERS = False
        response = editor.post("/senders/new/", POSTED)
        assert response.headers["Location"] == "/senders/"
        page = editor.get("/senders/").content.decode()
        assert "この環境はサンドボックスです" in page
        assert "確認不要" in page
        domain = SenderDomain.objects.get()
        assert "この環境はサンドボックスです" in editor.get(f"/senders/domains/{domain.pk}/").content.decode()

    def test_f4_the_form_explains_the_law(self, editor: Client) -> None:
        """F4"""
        assert "特定電子メール法" in editor.get("/senders/new/").content.decode()

    def test_punycode_is_shown_in_both_forms(self, editor: Client, workspace: Workspace) -> None:
        create_sender(workspace, "news@日本語.jp", DETAILS)
        assert "日本語.jp (xn--wgv71a119e.jp)" in editor.get("/senders/").content.decode()

    def test_the_number_of_queries_does_not_grow(self, editor: Client, workspace: Workspace) -> None:
        counts = []
        for number in range(3):
            create_sender(workspace, f"news@shop{number}.example", DETAILS)
            with CaptureQueriesContext(connection) as queries:
                editor.get("/senders/")
            counts.append(len(queries))
        assert len(set(counts)) == 1


class TestAccess:
    def pages(self, workspace: Workspace) -> list[tuple[str, str]]:
        sender = make_sender(workspace, f"news@shop{workspace.pk}.example")
        return [
            ("get", f"/senders/{sender.pk}/edit/"),
            ("post", f"/senders/{sender.pk}/edit/"),
            ("post", f"/senders/{sender.pk}/archive/"),
            ("post", f"/senders/{sender.pk}/restore/"),
            ("post", f"/senders/domains/{sender.domain_id}/check/"),
            ("post", f"/senders/domains/{sender.domain_id}/ed25519/"),
        ]

    def test_a_viewer_reads_and_changes_nothing(self, workspace: Workspace, client_for: LogIn) -> None:
        viewer = client_for(make_user(workspace, Role.VIEWER))
        for method, path in [*self.pages(workspace), ("get", "/senders/new/"), ("post", "/senders/new/")]:
            assert getattr(viewer, method)(path, POSTED).status_code == 403, path
        sender = Sender.objects.get()
        page = viewer.get("/senders/").content.decode()
        assert sender.address in page
        assert "/senders/new/" not in page
        page = viewer.get(f"/senders/domains/{sender.domain_id}/").content.decode()
        assert "/check/" not in page

    def test_a_viewer_of_an_empty_workspace_is_told_whom_to_ask(self, workspace: Workspace, client_for: LogIn) -> None:
        page = client_for(make_user(workspace, Role.VIEWER)).get("/senders/").content.decode()
        assert "管理者または作成者に依頼" in page

    def test_another_workspaces_senders_do_not_exist(self, workspace: Workspace, client_for: LogIn) -> None:
        stranger = client_for(make_user(make_workspace(), Role.ADMIN))
        for method, path in self.pages(workspace):
            assert getattr(stranger, method)(path, POSTED).status_code == 404, path
        sender = Sender.objects.get()
        assert stranger.get(f"/senders/domains/{sender.domain_id}/").status_code == 404
        assert sender.address not in stranger.get("/senders/").content.decode()

    def test_who_is_not_logged_in_is_sent_to_the_login(self, workspace: Workspace, client: Client) -> None:
        for method, path in self.pages(workspace):
            assert "/login/" in getattr(client, method)(path).headers["Location"]

    def test_get_never_acts(self, editor: Client, workspace: Workspace) -> None:
        for method, path in self.pages(workspace)[2:]:
            assert method == "post"
            assert editor.get(path).status_code == 405


class TestBadInput:
    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("name", "みほん\r\nBcc: victim@example.net", "改行や制御文字は使えません"),
            ("legal_name", "みほん\x0b株式会社", "改行や制御文字は使えません"),
            ("contact", "a\u202egro.example", "改行や制御文字は使えません"),
            ("address", "news@shop.example\r\nBcc: victim", "空白や改行が入っています"),
            ("address", "me@gmail.com", "なりすまし"),
            ("address", "news@https://shop.example", "ドメイン名だけ"),
            ("address", "news@co.jp", "登録の単位"),
            ("address", "news@192.0.2.1", "IPアドレス"),
            ("address", "news", "「名前@ドメイン」"),
            ("reply_to", "info@shop", "末尾まで入力"),
            ("name", "", "差出人名を入力してください。"),
            ("address", "", "送信元アドレスを入力してください。"),
            ("legal_name", "", "送信者の氏名または名称を入力してください。"),
            ("postal_address", "", "住所を入力してください。"),
            ("contact", "", "苦情・問い合わせの受付先を入力してください。"),
            ("postal_address", "x" * 201, "200"),
        ],
    )
    def test_is_refused_at_its_field(self, editor: Client, field: str, value: str, sentence: str) -> None:
        response = editor.post("/senders/new/", POSTED | {field: value})
        assert response.status_code == 200
        errors = response.context["form"].errors
        assert set(errors) == {field}
        assert sentence in errors.as_text()
        assert not Sender.objects.exists()

    def test_a3_all_errors_show_at_once(self, editor: Client, workspace: Workspace) -> None:
        """A3"""
        errors = editor.post("/senders/new/", {"address": "me@gmail.com"}).context["form"].errors
        assert set(errors) == {"name", "address", "legal_name", "postal_address", "contact"}
        assert "なりすまし" in errors["address"][0]
        make_sender(workspace, "news@shop.example")
        response = editor.post("/senders/new/", POSTED | {"name": "", "address": "NEWS@shop.example"})
        assert "すでに登録されています" in response.context["form"].errors["address"][0]
        assert set(response.context["form"].errors) == {"name", "address"}

    def test_an_address_added_in_the_same_moment_is_refused_at_its_field(
        self, workspace: Workspace, rf: RequestFactory
    ) -> None:
        forms = [SenderForm(workspace, POSTED) for _twice in range(2)]
        assert all(form.is_valid() for form in forms)
        request = cast(WorkspaceRequest, rf.post("/senders/new/"))
        request.workspace, request.user = workspace, make_user(workspace, Role.EDITOR)
        assert try_create(request, forms[0])
        assert try_create(request, forms[1]) is None
        assert "すでに登録されています" in forms[1].errors["address"][0]

    def test_another_workspaces_domain_is_refused_at_the_field(self, editor: Client) -> None:
        make_sender(make_workspace(), "news@shop.example")
        response = editor.post("/senders/new/", POSTED)
        assert "登録できません" in response.context["form"].errors["address"][0]

    def test_a_missing_encryption_key_is_told_above_the_form(self, editor: Client, settings: Settings) -> None:
        settings.ENCRYPTION_KEYS = []
        response = editor.post("/senders/new/", POSTED)
        assert "ENCRYPTION_KEYS" in response.content.decode()
        assert not SenderDomain.objects.exists()

    def test_a_bad_change_keeps_the_sender(self, editor: Client, workspace: Workspace) -> None:
        sender = make_sender(workspace)
        response = editor.post(f"/senders/{sender.pk}/edit/", POSTED | {"name": "a\nb"})
        assert "改行や制御文字" in response.content.decode()

    def test_a_thousand_checks_in_a_minute(self, editor: Client, workspace: Workspace, zones: ZoneServer) -> None:
        domain = create_sender(workspace, "news@shop.example", DETAILS).domain
        answers = [told(editor.post(f"/senders/domains/{domain.pk}/check/")) for _press in range(5)]
        assert "確認しました" in answers[0]
        assert all("確認したばかりです" in answer for answer in answers[1:])
        assert zones.asked.count("_dmarc.shop.example") == 1

    def test_a_silent_dns_is_told_and_does_not_hang(
        self, editor: Client, workspace: Workspace, zones: ZoneServer
    ) -> None:
        domain = create_sender(workspace, "news@shop.example", DETAILS).domain
        zones.failing |= {"shop.example", "_dmarc.shop.example"}
        response = editor.post(f"/senders/domains/{domain.pk}/check/")
        page = editor.get(response.headers["Location"]).content.decode()
        assert "設定の誤りとは限りません" in page

    def test_hostile_dns_text_is_escaped(self, editor: Client, workspace: Workspace, zones: ZoneServer) -> None:
        zones.publish("shop.example", "v=spf1 <script>alert(1)</script>")
        domain = create_sender(workspace, "news@shop.example", DETAILS).domain
        response = editor.post(f"/senders/domains/{domain.pk}/check/")
        page = editor.get(response.headers["Location"]).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_archived_senders_leave_the_list_of_domains(editor: Client, workspace: Workspace) -> None:
    sender = make_sender(workspace, "old@old.example")
    archive_sender(sender, now=timezone.now())
    page = editor.get("/senders/").content.decode()
    assert f"/senders/domains/{sender.domain_id}/" not in page
    assert "使用を終了した送信元(1件)" in page
