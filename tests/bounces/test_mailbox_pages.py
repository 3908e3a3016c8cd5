"""The pages of the mailboxes, and what they store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Role, User, Workspace
from bounces.mailbox_pages import light_of
from bounces.models import Mailbox, MailboxFault, RawNotice
from senders.secrets import decrypt
from tests.bounces.mail_servers import ImapScript, Words, serve_script
from tests.bounces.mailbox_making import make_mail, make_mailbox, read
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db
SECRET = "mi-tsu-password"  # noqa: S105
DETAILS = {
    "protocol": "imap",
    "host": "IMAP.Example.JP.",
    "security": "tls",
    "port": "",
    "username": "bounce@example.jp",
    "password": SECRET,
    "folder": "",
    "after_reading": "delete",
}
ClientFor = Callable[[User], Client]


@pytest.fixture
def client(client_for: ClientFor, workspace: Workspace) -> Client:
    return client_for(make_user(workspace))


def create(client: Client, **changed: str) -> str:
    return client.post(reverse("mailbox_create"), DETAILS | changed, follow=True).content.decode()


def post(client: Client, name: str, mailbox: Mailbox, **data: Any) -> str:
    return client.post(reverse(name, args=[mailbox.pk]), data, follow=True).content.decode()


def test_adds_a_mailbox(client: Client, workspace: Workspace) -> None:
    page = create(client)
    assert "受信メールボックスを追加しました" in page
    mailbox = Mailbox.objects.get()
    assert (mailbox.workspace, mailbox.host, mailbox.port) == (workspace, "imap.example.jp", 993)
    assert mailbox.folder == "INBOX"
    assert SECRET not in mailbox.password
    assert decrypt(mailbox.password.encode()).decode() == SECRET
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("mailbox.create", "bounce@example.jp (imap.example.jp)")
    assert SECRET not in str(entry.detail)


@pytest.mark.parametrize(
    ("protocol", "security", "host", "port"),
    [
        ("imap", "starttls", "imap.example.jp", 143),
        ("imap", "none", "localhost", 143),
        ("pop3", "tls", "pop.example.jp", 995),
        ("pop3", "starttls", "pop.example.jp", 110),
        ("pop3", "none", "192.168.1.5", 110),
    ],
)
def test_ports_follow_protocol_and_security(client: Client, protocol: str, security: str, host: str, port: int) -> None:
    create(client, protocol=protocol, security=security, host=host, folder="Errors", after_reading="move")
    mailbox = Mailbox.objects.get()
    assert mailbox.port == port
    assert (mailbox.folder, mailbox.after_reading) == (
        ("INBOX", "delete") if protocol == "pop3" else ("Errors", "move")
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": ""}, "必須"),
        ({"host": "https://imap.example.jp/"}, "サーバーの名前だけを入力してください"),
        ({"host": "a b"}, "サーバーの名前だけを入力してください"),
        ({"host": "-x.example"}, "サーバーの名前だけを入力してください"),
        ({"host": "x" * 64 + ".jp"}, "サーバーの名前だけを入力してください"),
        ({"security": "none"}, "暗号化なしで接続できません"),
        ({"security": "none", "host": "8.8.8.8"}, "暗号化なしで接続できません"),
        ({"port": "6379"}, "ポートは110、143、993、995のどれか"),
        ({"port": "70000"}, "65535"),
        ({"username": "a\r\nb"}, "改行や制御文字は使えません"),
        ({"password": "a\x00b"}, "文字"),
        ({"folder": "IN\nBOX"}, "改行や制御文字は使えません"),
    ],
)
def test_refuses_what_cannot_be(client: Client, changed: dict[str, str], words: str) -> None:
    assert words in create(client, **changed)
    assert not Mailbox.objects.exists()


def test_other_ports_where_the_installation_allows_them(client: Client, settings: Settings) -> None:
    settings.MAILBOX_ANY_PORT = True
    create(client, port="1993")
    assert Mailbox.objects.get().port == 1993


def test_japanese_domain_name(client: Client) -> None:
    create(client, host="メール.example.jp")
    assert Mailbox.objects.get().host == "xn--4dkua4c.example.jp"


def test_sharp_s_is_a_letter_of_its_own(client: Client) -> None:
    create(client, host="imap.straße.de")
    assert Mailbox.objects.get().host == "imap.xn--strae-oqa.de"


def test_same_mailbox_twice(client: Client, workspace: Workspace, client_for: ClientFor) -> None:
    create(client)
    assert "すでにあります" in create(client)
    other = make_workspace()
    create(client_for(make_user(other)))
    assert Mailbox.objects.filter(workspace=other).count() == 1


def test_nothing_can_be_encrypted(client: Client, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = []
    assert "ENCRYPTION_KEYS" in create(client)
    assert not Mailbox.objects.exists()


def test_edits_and_keeps_the_password(client: Client) -> None:
    create(client)
    mailbox = Mailbox.objects.get()
    Mailbox.objects.update(failures=3, problem="壊れています", due_at=timezone.now() + timedelta(hours=1))
    url = reverse("mailbox_edit", args=[mailbox.pk])
    assert SECRET not in client.get(url).content.decode()
    assert mailbox.password not in client.get(url).content.decode()
    client.post(url, DETAILS | {"password": "", "folder": "Errors"})
    changed = Mailbox.objects.get()
    assert (changed.folder, changed.password) == ("Errors", mailbox.password)
    assert (changed.failures, changed.problem, changed.due_at) == (0, "", None)
    client.post(url, DETAILS | {"password": "another"})
    assert decrypt(Mailbox.objects.get().password.encode()) == b"another"
    assert AuditEntry.objects.filter(action="mailbox.update").count() == 2


@pytest.mark.parametrize("changed", [{"host": "evil.example"}, {"host": "localhost", "security": "none"}])
def test_stored_password_goes_to_no_other_server(client: Client, changed: dict[str, str]) -> None:
    """Otherwise a member could have it sent to a server of his own."""
    create(client)
    mailbox = Mailbox.objects.get()
    page = client.post(reverse("mailbox_edit", args=[mailbox.pk]), DETAILS | {"password": ""} | changed)
    assert "パスワードを入力し直してください" in page.content.decode()
    assert Mailbox.objects.get().host == "imap.example.jp"


def test_edit_to_a_mailbox_that_is_there(client: Client) -> None:
    create(client)
    create(client, username="other@example.jp")
    mailbox = Mailbox.objects.get(username="other@example.jp")
    page = client.post(reverse("mailbox_edit", args=[mailbox.pk]), DETAILS)
    assert "すでにあります" in page.content.decode()


def test_another_mailbox_has_other_faults(client: Client, workspace: Workspace) -> None:
    mailbox = make_mailbox(workspace, host="imap.example.jp", security="tls")
    MailboxFault.objects.create(mailbox=mailbox, uid="1.1", at=timezone.now())
    client.post(reverse("mailbox_edit", args=[mailbox.pk]), DETAILS)
    assert not MailboxFault.objects.exists()


def test_pause_and_resume(client: Client, workspace: Workspace) -> None:
    mailbox = make_mailbox(workspace)
    for _ in range(2):
        assert "停止中" in post(client, "mailbox_pause", mailbox)
    assert not Mailbox.objects.get().is_active
    for _ in range(2):
        assert "確認待ち" in post(client, "mailbox_resume", mailbox)
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["mailbox.create", "mailbox.pause", "mailbox.resume"]


def test_delete_asks_first(client: Client, workspace: Workspace) -> None:
    mailbox = make_mailbox(workspace)
    assert "この設定を削除しますか" in client.get(reverse("mailbox_delete", args=[mailbox.pk])).content.decode()
    assert Mailbox.objects.exists()
    post(client, "mailbox_delete", mailbox)
    assert not Mailbox.objects.exists()
    assert AuditEntry.objects.filter(action="mailbox.delete").count() == 1


@pytest.mark.usefixtures("mail_ports")
def test_connection_test(client: Client, workspace: Workspace) -> None:
    with serve_script(ImapScript({1: make_mail(), 2: make_mail()})) as port:
        page = post(client, "mailbox_test", make_mailbox(workspace, port=port))
    assert "接続できました。メールが2通あります。" in page
    assert RawNotice.objects.count() == 0


@pytest.mark.usefixtures("mail_ports")
@pytest.mark.parametrize(
    ("replies", "step", "answer"),
    [
        ({b"AUTHENTICATE": b"TAG NO [AUTHENTICATIONFAILED] <b>no</b>\r\n"}, "ログイン", "&lt;b&gt;no&lt;/b&gt;"),
        ({b"SELECT": b"TAG NO [NONEXISTENT] where?\r\n"}, "フォルダーを開く", "where?"),
        ({b"SEARCH": b"TAG NO later\r\n"}, "メールの一覧", "later"),
    ],
)
def test_connection_test_says_which_step_failed(
    client: Client, workspace: Workspace, replies: dict[bytes, bytes], step: str, answer: str
) -> None:
    with serve_script(ImapScript({}, replies=replies)) as port:
        page = post(client, "mailbox_test", make_mailbox(workspace, port=port))
    assert f"「{step}」の段階で失敗しました" in page
    assert answer in page


@pytest.mark.usefixtures("mail_ports")
def test_connection_test_of_no_mail_server(client: Client, workspace: Workspace) -> None:
    with serve_script(Words(b"SSH-2.0-x\r\n")) as port:
        page = post(client, "mailbox_test", make_mailbox(workspace, port=port))
    assert "「接続」の段階で失敗しました" in page


def test_lost_key(client: Client, workspace: Workspace, settings: Settings) -> None:
    mailbox = make_mailbox(workspace)
    settings.ENCRYPTION_KEYS = ["YW5vdGhlci1rZXktb2YtdGhpcnR5LXR3by1ieXRlcyE="]
    assert "パスワードを入力し直してください" in post(client, "mailbox_test", mailbox)
    assert "パスワードを入力し直してください" in read(mailbox).problem


def test_shows_what_was_set_aside(client: Client, workspace: Workspace) -> None:
    mailbox = make_mailbox(workspace)
    MailboxFault.objects.create(
        mailbox=mailbox, uid="7.3", tries=3, why="<i>読めません</i>", at=timezone.now(), set_aside=True
    )
    MailboxFault.objects.create(mailbox=mailbox, uid="7.4", tries=1, why="もう一度", at=timezone.now())
    page = client.get(reverse("mailbox_detail", args=[mailbox.pk])).content.decode()
    assert "7.3" in page
    assert "&lt;i&gt;読めません" in page
    post(client, "mailbox_retry", mailbox)
    assert MailboxFault.objects.get().uid == "7.4"
    assert "次回また試す" in post(client, "mailbox_retry", mailbox)


def test_lights(workspace: Workspace) -> None:
    now = timezone.now()
    mailbox = make_mailbox(workspace)
    assert light_of(mailbox, now=now).tone == "info"
    assert light_of(mailbox, now=now + timedelta(hours=2)).tone == "warn"
    mailbox.read_at = mailbox.checked_at = now
    assert light_of(mailbox, now=now).tone == "ok"
    mailbox.problem = "壊れています"
    assert light_of(mailbox, now=now).sentence == "壊れています"
    mailbox.is_active = False
    assert light_of(mailbox, now=now).tone == "muted"


def test_index_takes_the_same_queries_for_many(client: Client, workspace: Workspace) -> None:
    url = reverse("mailbox_index")
    make_mailbox(workspace)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    for number in range(20):
        make_mailbox(workspace, username=f"user{number}")
    with CaptureQueriesContext(connection) as many:
        page = client.get(url).content.decode()
    assert "user19" in page
    assert len(many) == len(one)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_only_for_administrators(client_for: ClientFor, workspace: Workspace, role: Role) -> None:
    mailbox = make_mailbox(workspace)
    client = client_for(make_user(workspace, role=role))
    names = [("mailbox_index", []), ("mailbox_create", []), ("mailbox_detail", [mailbox.pk])]
    assert {client.get(reverse(name, args=args)).status_code for name, args in names} == {403}
    assert "受信メールボックス" not in client.get(reverse("notice_index")).content.decode()


def test_stranger_finds_nothing(client_for: ClientFor, workspace: Workspace) -> None:
    mailbox = make_mailbox(workspace, username="nobody-else@example.jp")
    client = client_for(make_user(make_workspace()))
    assert "nobody-else" not in client.get(reverse("mailbox_index")).content.decode()
    assert client.post(reverse("mailbox_test", args=[mailbox.pk])).status_code == 404
