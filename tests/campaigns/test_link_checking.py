"""The links and pictures of a draft: which are asked for, within which time, and what is kept of it."""

import json
import time
from collections.abc import Iterator

import pytest

from campaigns.link_checking import MOST_LINKS, Targets, check_targets, targets_of
from campaigns.models import Campaign
from campaigns.preflight.content import read_content
from campaigns.public_hosts import is_public, is_public_or_loopback
from campaigns.web_asking import Asker
from senders.dns import DnsResolver
from tests.campaigns.web_server import WebServer, drip, say, send, serve_web


@pytest.fixture
def web() -> Iterator[WebServer]:
    with serve_web() as server:
        yield server


def make_asker(seconds: float = 20) -> Asker:
    resolver = DnsResolver(["127.0.0.1:1"], server_timeout=0.1, question_timeout=0.1)
    return Asker(resolver, until=time.monotonic() + seconds, may_ask=is_public_or_loopback)


def targets(html: str = "", text: str = "") -> Targets:
    return targets_of([read_content(Campaign(html=html, text=text))])


def test_links_of_both_parts_and_pictures_are_asked_for_once() -> None:
    html = '<a href="https://a.example/?x=1&amp;y=2">a</a><a href="https://b.example/">b</a><img src="https://b.example/c.png">'
    assert targets(html, "https://b.example/ と http://d.example/") == Targets(
        ("https://a.example/?x=1&y=2", "https://b.example/", "http://d.example/"), ("https://b.example/c.png",)
    )


@pytest.mark.parametrize(
    "url",
    [
        "{{unsubscribe_url}}",
        "https://shop.example/?m={{address}}",
        "https://{{name}}.example/",
        "http://testserver/u/1-abc/",
        "HTTP://TESTSERVER/t/1/1/1-abc",
        "mailto:a@shop.example",
        "javascript:alert(1)",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "https://[",
        "https://",
        "https://shop.example/" + "a" * 2000,
    ],
)
def test_what_is_somebodys_own_or_no_page_is_never_asked_for(url: str) -> None:
    assert targets(f'<a href="{url}">a</a><img src="{url}">', url) == Targets((), ())


def test_there_is_a_limit() -> None:
    html = "".join(f'<a href="https://a.example/{number}">a</a>' for number in range(200))
    assert len(targets(html).links) == MOST_LINKS


def test_what_is_kept_are_addresses_verdicts_and_figures(web: WebServer) -> None:
    web.answers |= {
        "/good": say(content_length=5),
        "/wall": say(403),
        "/b.png": send(b"HTTP/1.1 200 secret words\r\nContent-Length: 400000\r\nX: secret\r\n\r\nsecret"),
    }
    good, gone, wall, picture = (web.url(path) for path in ("/good", "/gone", "/wall", "/b.png"))
    result = check_targets(Targets((good, gone, wall), (picture,)), make_asker())
    assert result == {
        "asked": 4,
        "told": 3,
        "broken": [[gone, "status", 404]],
        "unsure": [[wall, "untold", 403]],
        "sizes": {picture: 400_000},
    }
    assert "secret" not in json.dumps(result)


def test_servers_that_never_end_are_left_when_the_time_is_over(web: WebServer) -> None:
    urls = tuple(web.url(f"/{number}") for number in range(MOST_LINKS))
    web.answers |= {f"/{number}": drip(0.05) for number in range(MOST_LINKS)}
    result = check_targets(Targets(urls, ()), make_asker(0.5))
    assert {verdict for _url, verdict, _status in result["unsure"]} == {"late"}
    assert result["told"] == 0


def test_the_own_network_is_asked_for_nothing(web: WebServer) -> None:
    url = web.url("/")
    asker = Asker(DnsResolver(["127.0.0.1:1"]), until=time.monotonic() + 5, may_ask=is_public)
    check_targets(Targets((url, "http://127.0.0.1/", "http://169.254.169.254/latest/"), ()), asker)
    assert web.asked == []
