"""The form of a route: what people type is mended or refused where it was typed, and passwords stay secret."""

import pytest
from django.utils.datastructures import MultiValueDict

from mta.mail_routes import read_row
from mta.models import MailRoute
from mta.route_changes import RouteDetails, RouteTaken, create_route, update_route
from mta.route_forms import ReceiverForm, RouteForm
from tests.factories import make_mail_route, make_user

pytestmark = pytest.mark.django_db


def fill(**fields: str) -> MultiValueDict[str, str]:
    """Return what a browser sends; an empty value is a check box that is not ticked."""
    values = {
        "name": "社外リレー",
        "kind": "relay",
        "host": "smtp.example.jp",
        "security": "starttls",
        "verify": "on",
        "connections": "20",
    } | fields
    return MultiValueDict({name: [value] for name, value in values.items() if value or name in ("host", "name")})


def refused(row: MailRoute | None = None, **fields: str) -> dict[str, str]:
    """Return the first refusal of each field."""
    form = RouteForm(fill(**fields), row=row)
    assert not form.is_valid()
    return {name: str(errors[0]) for name, errors in form.errors.items()}


def details(row: MailRoute | None = None, **fields: str) -> RouteDetails:
    form = RouteForm(fill(**fields), row=row)
    assert form.is_valid(), form.errors
    return form.details()


@pytest.mark.parametrize(("security", "port"), [("none", 25), ("opportunistic", 25), ("starttls", 587), ("tls", 465)])
def test_usual_port_is_filled_in(security: str, port: int) -> None:
    assert details(security=security).port == port
    assert details(security=security, port="2525").port == 2525


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        (" SMTP.Example.jp ", "smtp.example.jp"),
        ("smtp.example.jp.", "smtp.example.jp"),
        ("smtp.日本語.jp", "smtp.xn--wgv71a119e.jp"),
        ("smtp.straße.de", "smtp.xn--strae-oqa.de"),
        ("postfix", "postfix"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_hosts(typed: str, host: str) -> None:
    assert details(host=typed).host == host


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": ""}, "name", "経路名を入力"),
        ({"name": "a\nb"}, "name", "1行で"),
        ({"host": ""}, "host", "ホスト名を入力"),
        ({"host": "smtp://smtp.example.jp"}, "host", "「smtp://」などを付けずに"),
        ({"host": "https://smtp.example.jp/"}, "host", "「smtp://」などを付けずに"),
        ({"host": "smtp.example.jp/mail"}, "host", "「/」から後ろ"),
        ({"host": "user@smtp.example.jp"}, "host", "「@」の前"),
        ({"host": "smtp.example.jp:587"}, "host", "「ポート番号」の欄"),
        ({"host": "[2001:db8::1]:587"}, "host", "「ポート番号」の欄"),
        ({"host": "smtp example jp"}, "host", "つづりを確認"),
        ({"host": "-x.example"}, "host", "つづりを確認"),
        ({"host": "192.0.2.999"}, "host", "IPアドレスの形"),
        ({"port": "0"}, "port", "1以上"),
        ({"port": "65536"}, "port", "65535以下"),
        ({"port": "smtp"}, "port", "半角の整数"),
        ({"port": "465"}, "port", "最初からTLSで話すポート"),
        ({"port": "587", "security": "tls"}, "port", "465番にするか"),
        ({"port": "25", "security": "tls"}, "port", "465番にするか"),
        ({"password": "secret"}, "username", "ユーザー名を入力"),
        ({"username": "user"}, "password", "パスワードを入力"),
        ({"username": "user", "password": "secret", "security": "none"}, "security", "暗号化せずに"),
        ({"username": "user", "password": "secret", "security": "opportunistic"}, "security", "暗号化せずに"),
        ({"username": "user\r\n", "password": "a\x00b"}, "password", "文字"),
        ({"kind": "direct"}, "host", "ホスト名を空欄に"),
        ({"kind": "direct", "host": "", "security": "tls"}, "security", "最初からのTLS"),
        ({"kind": "direct", "host": "", "port": "587"}, "port", "25番で受け取ります"),
        ({"kind": "direct", "host": "", "username": "u", "password": "p"}, "username", "ログインしません"),
        ({"kind": "pigeon"}, "kind", "pigeon"),
        ({"security": ""}, "security", "必須"),
        ({"source_address": "192.0.2"}, "source_address", "IPアドレスを入力"),
        ({"ehlo_name": "http://mail.example"}, "ehlo_name", "付けずに"),
        ({"connections": ""}, "connections", "1以上"),
        ({"connections": "501"}, "connections", "500以下"),
        ({"per_minute": "0"}, "per_minute", "1以上"),
        ({"per_minute": "1.5"}, "per_minute", "半角の整数"),
        ({"messages_per_connection": "-1"}, "messages_per_connection", "1以上"),
        ({"senders": "shop.example, http://x/"}, "senders", "「http://x/」はドメインでもメールアドレスでもありません"),
        ({"senders": "shop.example\nlocalhost\n*"}, "senders", "「localhost」「*」"),
    ],
)
def test_bad_input_is_answered_where_it_was_made(fields: dict[str, str], field: str, words: str) -> None:
    answers = refused(**fields)
    assert list(answers) == [field]
    assert words in answers[field]


def test_login_in_clear_is_for_this_machine_only() -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        assert details(host=host, security="none", username="u", password="p").username == "u"  # noqa: S106


def test_direct_way_needs_little() -> None:
    found = details(kind="direct", host="", security="opportunistic", ehlo_name="192.0.2.1")
    assert (found.host, found.port, found.ehlo_name) == ("", 25, "[192.0.2.1]")
    assert details(ehlo_name="2001:db8::1").ehlo_name == "[IPv6:2001:db8::1]"


def test_senders_are_kept_one_a_line() -> None:
    """E16"""
    typed = "Shop.Example\uff0c @www.example\u3000\r\n.news.example、info@shop.example\n\nshop.example"
    assert details(senders=typed).senders == "shop.example\nwww.example\nnews.example\ninfo@shop.example"


def test_name_belongs_to_one_route() -> None:
    row = make_mail_route(name="社外リレー")
    assert "同じ名前" in refused()["name"]
    assert details(row).name == "社外リレー"


def test_form_never_holds_a_stored_password() -> None:
    row = make_mail_route(login=("user", "geheim"))
    html = RouteForm(row=row).as_p()
    assert "geheim" not in html
    assert "空欄のまま" in html
    bound = RouteForm(fill(username="user", password="getippt", host=""))  # noqa: S106
    assert not bound.is_valid()
    assert "getippt" not in bound.as_p()


def test_password_is_kept_changed_and_dropped() -> None:
    actor = make_user()
    row = make_mail_route(name="社外リレー", host="smtp.example.jp", login=("user", "first"))
    assert update_route(row, details(row, username="user", per_minute="60"), "", actor=actor) == ["1分間の上限(通)"]
    row.refresh_from_db()
    assert (read_row(row).password, row.per_minute) == ("first", 60)
    changed = update_route(row, details(row, username="user", password="次の言葉"), "次の言葉", actor=actor)  # noqa: S106
    row.refresh_from_db()
    assert (changed, read_row(row).password) == (["1分間の上限(通)", "パスワード"], "次の言葉")
    update_route(row, details(row), "", actor=actor)
    row.refresh_from_db()
    assert (row.username, bytes(row.password)) == ("", b"")
    assert "パスワードを入力" in refused(row, username="user")["password"]


def test_stored_password_is_not_handed_to_another_host() -> None:
    row = make_mail_route(host="smtp.example.jp", login=("user", "first"))
    assert "入力し直して" in refused(row, username="user", host="smtp.evil.example")["password"]
    assert details(row, username="user", host="smtp.other.example", password="p").host == "smtp.other.example"  # noqa: S106


def test_nothing_changed_is_nothing_stored() -> None:
    row = make_mail_route(name="社外リレー", host="smtp.example.jp")
    before = row.updated_at
    assert update_route(row, details(row), "", actor=make_user()) == []
    row.refresh_from_db()
    assert row.updated_at == before


def test_one_route_is_the_normal_one() -> None:
    first = make_mail_route(is_default=True)
    second = create_route(details(is_default="on"), "", actor=make_user())
    first.refresh_from_db()
    assert (first.is_default, second.is_default) == (False, True)


def test_two_people_who_save_the_same_name_at_once() -> None:
    found = details()
    create_route(found, "", actor=make_user())
    with pytest.raises(RouteTaken):
        create_route(found, "", actor=make_user())
    row = make_mail_route()
    with pytest.raises(RouteTaken):
        update_route(row, found, "", actor=make_user())


@pytest.mark.parametrize(
    ("typed", "domain"),
    [("example.jp", "example.jp"), (" 日本語.jp ", "xn--wgv71a119e.jp"), ("taro@Example.jp", "example.jp")],
)
def test_domain_of_a_receiver(typed: str, domain: str) -> None:
    form = ReceiverForm({"domain": typed})
    assert form.is_valid()
    assert form.cleaned_data["domain"] == domain


@pytest.mark.parametrize("typed", ["", "localhost", "a.jp, b.jp", "http://example.jp"])
def test_no_domain_of_a_receiver(typed: str) -> None:
    assert not ReceiverForm({"domain": typed}).is_valid()
