"""The operator's pages of routes: who may, what they show, what they change, and the check that they ask for."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import AuditEntry, Role, User
from mta.mail_routes import load_route
from mta.models import MailRoute, RouteCheck, RouteCircuit
from mta.route_check import Patience
from mta.route_checks import OVERDUE, ask_for_check, run_check, waiting_checks
from tests.factories import make_mail_route, make_user, make_workspace
from tests.mta.fault_server import FaultServer

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]
FORM = {
    "name": "社外リレー",
    "kind": "relay",
    "host": "smtp.example.jp",
    "security": "starttls",
    "verify": "on",
    "username": "user",
    "password": "very-secret",
    "connections": "5",
    "senders": "shop.example",
}


def url(name: str, key: str = "") -> str:
    return reverse(name, args=[key] if key else [])


def read(client: Client, name: str, key: str = "") -> str:
    answer = client.get(url(name, key))
    assert answer.status_code == 200
    return answer.content.decode()


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def actions() -> list[str]:
    return list(AuditEntry.objects.filter(workspace=None).order_by("pk").values_list("action", flat=True))


def test_relay_of_the_settings_stands_first(operator: Client, settings: Settings) -> None:
    settings.RELAY_URL = "smtps://user:very-secret@relay.example"
    make_mail_route(name="二番目", senders="shop.example, www.example", for_verified=True)
    html = read(operator, "route_index")
    assert html.index("環境変数のリレー") < html.index("二番目")
    for part in ("relay.example:465", "shop.example、www.example", "検証済みの送信元ドメイン", "通常の経路"):
        assert part in html
    assert "very-secret" not in html
    assert "編集" not in read(operator, "route_detail", "relay")
    assert operator.get(url("route_edit", "relay")).status_code == 404


def test_relay_that_cannot_be_read_is_told(operator: Client, settings: Settings) -> None:
    settings.RELAY_URL = "http://user:very-secret@relay.example"
    for html in (read(operator, "route_index"), read(operator, "route_detail", "relay")):
        assert "障害中" in html
        assert "smtp+starttls://" in html
        assert "very-secret" not in html


def test_states(operator: Client) -> None:
    now = timezone.now()
    make_mail_route(name="止めた経路", disabled_at=now, is_default=True)
    ill = make_mail_route(name="故障の経路")
    RouteCircuit.objects.create(
        route=ill.key(), opened_at=now, retry_at=now + timedelta(minutes=2), phase="auth", because="535 no such user"
    )
    html = words(read(operator, "route_index"))
    for part in (
        "有効",
        "無効",
        "通常の経路(無効のため使われません)",
        "障害中",
        "AUTH: 535 no such user",
        "次の確認",
    ):
        assert part in html
    assert "エラーにもなりません" in read(operator, "route_detail", ill.key())


def test_list_costs_the_same_for_many(operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(30):
        row = make_mail_route(senders=f"shop{number}.example")
        RouteCheck.objects.create(route=row.key(), checked_at=timezone.now())
    with django_assert_max_num_queries(6):
        read(operator, "route_index")
    with django_assert_max_num_queries(9):
        read(operator, "route_detail", row.key())


def test_adds_and_changes_a_route(operator: Client) -> None:
    answer = operator.post(url("route_create"), FORM)
    row = MailRoute.objects.get()
    assert answer["Location"] == url("route_detail", row.key())
    route = load_route(row.key())
    assert (route.host, route.port, route.password, route.connections) == ("smtp.example.jp", 587, "very-secret", 5)
    answer = operator.post(url("route_edit", row.key()), FORM | {"password": "", "port": "2587", "verify": ""})
    assert answer.status_code == 302
    route = load_route(row.key())
    assert (route.port, route.verify, route.password) == (2587, False, "very-secret")
    assert actions() == ["route.create", "route.update"]
    entry = AuditEntry.objects.order_by("pk")[1]
    assert entry.detail == {"fields": ["ポート番号", "証明書を確認する"]}
    html = read(operator, "route_detail", row.key())
    assert "配信経路の変更" in html
    assert "ポート番号・証明書を確認する" in html
    pages = html + read(operator, "route_edit", row.key()) + read(operator, "route_index")
    assert "very-secret" not in pages


def test_refused_form_keeps_what_was_typed_but_the_password(operator: Client) -> None:
    html = operator.post(url("route_create"), FORM | {"host": "smtp://x"}).content.decode()
    assert "「smtp://」などを付けずに" in html
    assert 'value="smtp://x"' in html
    assert "very-secret" not in html
    assert not MailRoute.objects.exists()


def test_password_that_cannot_be_encrypted(operator: Client, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = []
    html = operator.post(url("route_create"), FORM).content.decode()
    assert "ENCRYPTION_KEYS" in html
    assert "very-secret" not in html


def test_change_lets_a_broken_route_be_tried_at_once(operator: Client) -> None:
    row, now = make_mail_route(name="社外リレー"), timezone.now()
    RouteCircuit.objects.create(route=row.key(), opened_at=now, retry_at=now + timedelta(hours=1), faults=3)
    operator.post(url("route_edit", row.key()), FORM)
    assert RouteCircuit.objects.filter(retry_at__lte=timezone.now()).exists()


def test_a_changed_connection_is_untested(operator: Client) -> None:
    row = make_mail_route(name="社外リレー")
    report = [{"step": "connect", "result": "ok", "problem": "", "answer": ""}]
    RouteCheck.objects.create(route=row.key(), checked_at=timezone.now(), report=report)
    assert "まだ成功していません" not in read(operator, "route_detail", row.key())
    operator.post(url("route_edit", row.key()), FORM)
    html = read(operator, "route_detail", row.key())
    assert "まだ試していません" in html
    assert "まだ成功していません" in html


def test_switches_the_normal_route(operator: Client) -> None:
    row = make_mail_route(name="社外リレー")
    assert "通常の経路を切り替えますか" in read(operator, "route_detail", row.key())
    operator.post(url("route_default", row.key()))
    row.refresh_from_db()
    assert row.is_default
    assert "通常の経路を切り替えますか" not in read(operator, "route_detail", row.key())
    operator.post(url("route_default", "relay"))
    row.refresh_from_db()
    assert not row.is_default
    assert actions() == ["route.default", "route.default"]
    MailRoute.objects.update(disabled_at=timezone.now())
    operator.post(url("route_default", row.key()))
    row.refresh_from_db()
    assert not row.is_default


@pytest.mark.parametrize("key", ["route-1", "route-x", "nothing"])
def test_no_such_route(operator: Client, key: str) -> None:
    for name in ("route_detail", "route_edit", "route_report"):
        assert operator.get(url(name, key)).status_code == 404
    for name in ("route_check", "route_default"):
        assert operator.post(url(name, key)).status_code == 404


# 接続テスト


def run_waiting(patience: Patience | None = None) -> None:
    for check in waiting_checks(now=timezone.now()):
        run_check(check.pk, now=timezone.now(), patience=patience)


def test_check_is_asked_for_run_elsewhere_and_reported(operator: Client) -> None:
    with FaultServer(features=("AUTH PLAIN",), login=("user", "right")) as server:
        row = make_mail_route(
            host="127.0.0.1", port=server.port, security="none", login=("user", "geheim"), disabled_at=timezone.now()
        )
        operator.post(url("route_check", row.key()))
        html = read(operator, "route_detail", row.key())
        assert "接続を確かめています" in html
        assert 'hx-trigger="every 1s"' in html
        run_waiting()
    html = read(operator, "route_report", row.key())
    assert "hx-trigger" not in html
    for part in (
        "ログイン(AUTH)",
        "失敗",
        "535 5.7.8 wrong user or password",
        "ユーザー名かパスワードが違います",
        "未確認",
    ):
        assert part in html
    assert "失敗" in words(read(operator, "route_index"))
    assert server.accepted == []


def test_relay_of_the_settings_is_checked_too(operator: Client, settings: Settings) -> None:
    with FaultServer() as server:
        settings.RELAY_URL = f"smtp://127.0.0.1:{server.port}"
        operator.post(url("route_check", "relay"))
        run_waiting()
    assert "成功" in words(read(operator, "route_report", "relay"))


def test_direct_way_asks_for_a_domain(operator: Client) -> None:
    row = make_mail_route(kind="direct", host="", port=25, security="opportunistic")
    assert "宛先のドメイン" in read(operator, "route_detail", row.key())
    answer = operator.post(url("route_check", row.key()), {"domain": "localhost"})
    assert "ドメインを1つだけ" in answer.content.decode()
    assert not RouteCheck.objects.exists()
    operator.post(url("route_check", row.key()), {"domain": "日本語.jp"})
    assert RouteCheck.objects.get().domain == "xn--wgv71a119e.jp"


def test_route_that_cannot_be_read_is_a_finding(operator: Client, settings: Settings) -> None:
    row = make_mail_route(login=("user", "secret"))
    settings.ENCRYPTION_KEYS = []
    ask_for_check(row.key(), now=timezone.now())
    run_waiting()
    html = read(operator, "route_report", row.key())
    assert "設定の読み取り" in html
    assert "パスワードを復号できません" in html


def test_one_check_at_a_time(operator: Client) -> None:
    row, now = make_mail_route(), timezone.now()
    assert ask_for_check(row.key(), now=now)
    assert not ask_for_check(row.key(), now=now + timedelta(seconds=1))
    assert "いま行っているところ" in operator.post(url("route_check", row.key()), follow=True).content.decode()
    assert ask_for_check(row.key(), now=now + OVERDUE)


def test_check_that_nobody_took_is_told_and_given_up(operator: Client) -> None:
    row = make_mail_route()
    ask_for_check(row.key(), now=timezone.now() - OVERDUE)
    assert not waiting_checks(now=timezone.now()).exists()
    html = read(operator, "route_report", row.key())
    assert "始まらないか、途中で止まりました" in html
    assert "hx-trigger" not in html


def test_doubled_hint_runs_once() -> None:
    with FaultServer() as server:
        row = make_mail_route(host="127.0.0.1", port=server.port, security="none")
        ask_for_check(row.key(), now=timezone.now())
        check = RouteCheck.objects.get()
        run_check(check.pk, now=timezone.now())
        asked = server.connections
        run_check(check.pk, now=timezone.now())
        assert server.connections == asked


def test_report_of_a_check_that_was_asked_for_anew_is_dropped() -> None:
    row, now = make_mail_route(host="127.0.0.1", port=1, security="none"), timezone.now()
    ask_for_check(row.key(), now=now - OVERDUE)
    RouteCheck.objects.update(started_at=now - OVERDUE)
    assert ask_for_check(row.key(), now=now)
    assert [check.started_at for check in waiting_checks(now=now)] == [None]


# Access


@pytest.mark.parametrize("name", ["route_index", "route_create", "route_detail", "route_edit", "route_report"])
def test_pages_are_the_operators(name: str, client: Client, client_for: Login) -> None:
    key = make_mail_route(name="ひみつ").key() if name not in ("route_index", "route_create") else ""
    assert client.get(url(name, key))["Location"].startswith("/accounts/login/")
    for role in Role:
        answer = client_for(make_user(make_workspace(), role=role)).get(url(name, key))
        assert answer.status_code == 403
        assert "ひみつ" not in answer.content.decode()
    assert client_for(make_user(is_superuser=True)).get(url(name, key)).status_code == 200


@pytest.mark.parametrize("name", ["route_edit", "route_check", "route_default"])
def test_steps_are_the_operators(name: str, client: Client, client_for: Login) -> None:
    row = make_mail_route(name="社外リレー")
    member = client_for(make_user(make_workspace(), role=Role.ADMIN))
    assert client.post(url(name, row.key()), FORM)["Location"].startswith("/accounts/login/")
    assert member.post(url(name, row.key()), FORM).status_code == 403
    row.refresh_from_db()
    assert (row.username, row.is_default, RouteCheck.objects.count(), actions()) == ("", False, 0, [])
