"""The sandbox's pages: a list with search, a mail with its parts, its HTML locked up."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Role, User
from mta.sandbox.links import link_urls, open_in_new_tab
from mta.sandbox.reading import read_mail
from mta.sandbox.store import Store
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db

MAIL = """\
From: =?utf-8?b?44G/44G744KT5ZWG5bqX?= <shop@shop.example>
To: reader@example.jp
Subject: =?utf-8?b?56eL44Gu44GK55+l44KJ44Gb?=
DKIM-Signature: v=1; a=rsa-sha256; d=shop.example;
 b=abcdef
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=x

--x
Content-Type: text/plain; charset=utf-8

本文です <b>太字でない</b>
--x
Content-Type: text/html; charset=utf-8

<p>HTMLです</p><script>alert(1)</script>
--x--
""".replace("\n", "\r\n").encode()


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Iterator[Store]:
    settings.DATA_DIR = tmp_path
    settings.SANDBOX = True
    with Store.open() as opened:
        yield opened


@pytest.fixture
def client(client_for: Callable[[User], Client]) -> Client:
    return client_for(make_user(make_workspace(), Role.VIEWER))


def add(store: Store, rcpt_to: str = "reader@example.jp", subject: str = "秋のお知らせ", content: bytes = MAIL) -> int:
    return store.add(
        mail_from="b-1-x@bounce.localhost", rcpt_to=[rcpt_to], subject=subject, answer="", content=content, now=0
    )


def test_lists_the_newest_first(store: Store, client: Client) -> None:
    add(store, subject="一通目")
    add(store, subject="二通目")
    html = client.get("/sandbox/").content.decode()
    assert html.index("二通目") < html.index("一通目")


def test_searches_recipients_and_subjects(store: Store, client: Client) -> None:
    add(store, "taro@example.jp", "春のセール")
    add(store, "hanako@example.jp", "100%還元")
    assert "hanako" not in client.get("/sandbox/", {"q": "taro@"}).content.decode()
    html = client.get("/sandbox/", {"q": "0%還"}).content.decode()
    assert "hanako" in html
    assert "taro" not in html
    assert "見つかりませんでした" in client.get("/sandbox/", {"q": "100_還元"}).content.decode()


def test_pages_through_many(store: Store, client: Client) -> None:
    for number in range(51):
        add(store, subject=f"件名{number:03}")
    assert "件名000" not in client.get("/sandbox/").content.decode()
    assert "件名000" in client.get("/sandbox/", {"page": "2"}).content.decode()


def test_says_what_to_do_when_empty(store: Store, client: Client) -> None:
    assert "メールはまだ届いていません" in client.get("/sandbox/").content.decode()


def test_shows_a_mail_with_decoded_headers_and_signature(store: Store, client: Client) -> None:
    html = client.get(f"/sandbox/{add(store)}/").content.decode()
    assert "秋のお知らせ" in html
    assert "みほん商店" in html
    assert "a=rsa-sha256; d=shop.example; b=abcdef" in html
    assert '<iframe class="preview-frame" sandbox="allow-popups allow-popups-to-escape-sandbox"' in html
    assert "alert(1)" not in html


@pytest.mark.parametrize(
    ("tab", "shown"),
    [
        ("text", "本文です &lt;b&gt;太字でない&lt;/b&gt;"),
        ("headers", "秋のお知らせ"),
        ("source", "=?utf-8?b?56eL44Gu44GK55+l44KJ44Gb?="),
        ("nonsense", "<iframe"),
    ],
)
def test_tabs(store: Store, client: Client, tab: str, shown: str) -> None:
    assert shown in client.get(f"/sandbox/{add(store)}/", {"tab": tab}).content.decode()


def test_locks_up_the_html_part(store: Store, client: Client) -> None:
    response = client.get(f"/sandbox/{add(store)}/html/")
    assert "<p>HTMLです</p>" in response.content.decode()
    directives = [part.strip() for part in response["Content-Security-Policy"].split(";")]
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in directives
    assert "form-action 'none'" in directives
    assert "default-src 'none'" in directives
    assert "script-src 'none'" in directives
    assert "frame-src 'none'" in directives
    assert response["X-Frame-Options"] == "SAMEORIGIN"


def test_links_of_the_html_part_open_in_a_new_tab(store: Store, client: Client) -> None:
    html = client.get(f"/sandbox/{add(store)}/html/").content.decode()
    assert html.startswith('<base target="_blank"><p>')
    assert b"<base" not in MAIL


def test_a_doctype_stays_in_front() -> None:
    assert open_in_new_tab("\n<!DOCTYPE html>\n<p>x") == '\n<!DOCTYPE html><base target="_blank">\n<p>x'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://shop.example/u/a?b=1&c=2", "https://shop.example/u/a?b=1&amp;c=2"),
        ("http://127.0.0.1:8000/u/x-y_z/をご覧ください。", "http://127.0.0.1:8000/u/x-y_z/"),
        ("（https://shop.example/）", "https://shop.example/"),
    ],
)
def test_urls_of_the_text_are_links(text: str, shown: str) -> None:
    assert f'<a href="{shown}" target="_blank" rel="noopener nofollow">{shown}</a>' in link_urls(text)


@pytest.mark.parametrize("text", ["javascript:alert(1)", "info@shop.example", "www.shop.example", "data:text/html,x"])
def test_nothing_else_of_the_text_is_a_link(text: str) -> None:
    assert link_urls(text) == text


def test_the_text_stays_escaped() -> None:
    linked = link_urls('<i>"x"</i> https://shop.example/"onclick="x <b>&amp;')
    assert "<i>" not in linked
    assert "&lt;b&gt;&amp;amp;" in linked
    assert 'href="https://shop.example/" target' in linked
    assert '"onclick' not in linked


def test_the_text_tab_shows_links(store: Store, client: Client) -> None:
    number = add(store, content=b"Subject: x\r\n\r\nStop: https://shop.example/u/1/\r\n")
    assert '<a href="https://shop.example/u/1/" target="_blank"' in client.get(f"/sandbox/{number}/").content.decode()


def test_a_mail_that_is_gone(store: Store, client: Client) -> None:
    assert client.get("/sandbox/999/").status_code == 404
    assert client.get("/sandbox/999/html/").status_code == 404


@pytest.mark.parametrize("url", ["/sandbox/", "/sandbox/1/", "/sandbox/1/html/"])
def test_access(store: Store, settings: Settings, client: Client, url: str) -> None:
    add(store)
    assert client.get(url).status_code == 200
    assert client.post(url).status_code == 405
    assert Client().get(url).status_code == 302
    settings.SANDBOX = False
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no header at all",
        b"Subject: \xff\xfe\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xe3\x81",
        b"Subject: =?utf-8?b?broken?=\r\nFrom: =?nonsense?q?x?=\r\n\r\nx",
        b'Content-Type: multipart/mixed; boundary=""\r\n\r\nx',
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx",
    ],
)
def test_reads_broken_mail_without_failing(store: Store, client: Client, content: bytes) -> None:
    number = add(store, subject="", content=content)
    for tab in ("", "text", "headers", "source"):
        assert client.get(f"/sandbox/{number}/", {"tab": tab}).status_code == 200


def test_names_attachments() -> None:
    content = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
        b'--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\n1,2\r\n--b--\r\n'
    )
    assert read_mail(content).attachments == ["a.csv"]
