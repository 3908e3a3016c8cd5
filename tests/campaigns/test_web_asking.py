"""One address is asked for, at real servers that answer well, badly and with ill intent."""

import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.public_hosts import Address, is_public
from campaigns.web_asking import HEAD_BYTES, Asked, Asker, Verdict, ask
from senders.dns import DnsResolver
from tests.bounces.authority import Authority
from tests.campaigns.web_server import HOST, WebServer, drip, pour, say, send, serve_web
from tests.mta.certificates import server_context
from tests.senders.dns_server import ZoneServer, serve_zones


@pytest.fixture
def web() -> Iterator[WebServer]:
    with serve_web() as server:
        yield server


@pytest.fixture
def zones() -> Iterator[ZoneServer]:
    with serve_zones() as server:
        yield server


def make_asker(*servers: WebServer, zones: ZoneServer | None = None, **options: object) -> Asker:
    """Return who may ask at these servers besides the open internet."""
    ports = {server.port for server in servers}

    def may_ask(address: Address, port: int) -> bool:
        return (str(address) == HOST and port in ports) or is_public(address, port)

    resolver = DnsResolver([zones.address] if zones else ["127.0.0.1:1"], server_timeout=2, question_timeout=3)
    return Asker(resolver, **{"until": time.monotonic() + 20, "may_ask": may_ask} | options)


def test_what_is_there(web: WebServer) -> None:
    web.answers["/a?b=c"] = say(content_length=1234)
    assert ask(make_asker(web), web.url("/a?b=c#d")) == Asked(Verdict.THERE, 200, 1234)
    assert web.lines() == ["HEAD /a?b=c HTTP/1.1"]


def test_says_who_asks_and_nothing_more(web: WebServer) -> None:
    ask(make_asker(web), web.url("/").replace("//", "//user:secret@"))
    head = web.asked[0]
    assert f"\r\nHost: {HOST}:{web.port}\r\n" in head
    assert "Hypermail" in head
    assert not any(word in head for word in ("secret", "Referer", "Cookie", "Authorization"))


@pytest.mark.parametrize("status", [400, 404, 410, 500, 502])
def test_a_status_that_says_no(web: WebServer, status: int) -> None:
    web.answers["/"] = say(status)
    assert ask(make_asker(web), web.url("/")) == Asked(Verdict.STATUS, status)


@pytest.mark.parametrize("status", [401, 403, 429, 503, 999])
def test_a_wall_against_programs_is_no_fault(web: WebServer, status: int) -> None:
    web.answers["/"] = say(status)
    assert ask(make_asker(web), web.url("/")) == Asked(Verdict.UNTOLD, status)


@pytest.mark.parametrize("refusal", [say(405), say(501), say(404), send(b""), send(b"nonsense\r\n\r\n")])
def test_the_beginning_is_asked_for_where_head_is_refused(web: WebServer, refusal: object) -> None:
    web.heads["/"] = refusal  # type: ignore[assignment]
    web.answers["/"] = say(206, content_range="bytes 0-1023/400000", content_length=1024)
    assert ask(make_asker(web), web.url("/")) == Asked(Verdict.THERE, 206, 400_000)
    assert web.lines() == ["HEAD / HTTP/1.1", "GET / HTTP/1.1"]
    assert "\r\nRange: bytes=0-1023\r\n" in web.asked[1]


def test_an_empty_file_is_there(web: WebServer) -> None:
    web.answers["/"] = say(416)
    assert ask(make_asker(web), web.url("/")).verdict is Verdict.THERE


def test_interim_answers_are_skipped(web: WebServer) -> None:
    web.answers["/"] = send(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
    assert ask(make_asker(web), web.url("/")) == Asked(Verdict.THERE, 200, 7)


@pytest.mark.parametrize("length", ["-1", "x", "9" * 40, "²"])
def test_a_length_that_is_none(web: WebServer, length: str) -> None:
    web.answers["/"] = say(content_length=length)
    assert ask(make_asker(web), web.url("/")) == Asked(Verdict.THERE, 200, None)


def test_letters_beyond_ascii_are_asked_for_as_browsers_do(web: WebServer) -> None:
    web.answers["/%E6%98%A5%20a?q=%E7%A7%8B"] = say()
    assert ask(make_asker(web), web.url("/春 a?q=秋")).verdict is Verdict.THERE


class TestRedirects:
    def test_are_followed(self, web: WebServer) -> None:
        web.answers |= {"/1": say(301, location="/2"), "/2": say(302, location=web.url("/3")), "/3": say(404)}
        assert ask(make_asker(web), web.url("/1")) == Asked(Verdict.STATUS, 404)

    def test_to_another_domain_are_followed(self, web: WebServer, zones: ZoneServer) -> None:
        zones.add_zone("shop.example. 60 IN A 127.0.0.1\nother.test. 60 IN A 127.0.0.1\n")
        web.answers |= {"/": say(301, location=web.url("/on", "other.test")), "/on": say()}
        assert ask(make_asker(web, zones=zones), web.url("/", "shop.example")) == Asked(Verdict.THERE, 200)

    def test_end_after_three(self, web: WebServer) -> None:
        web.answers["/"] = say(307, location="/")
        assert ask(make_asker(web), web.url("/")).verdict is Verdict.FAR
        assert len(web.asked) == 4

    @pytest.mark.parametrize(
        "target",
        [
            "http://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://10.0.0.1/",
            "//localhost/",
            "http://2130706433/",
            "http://evil.example/",
        ],
    )
    def test_into_the_own_network_are_not_followed(self, web: WebServer, zones: ZoneServer, target: str) -> None:
        zones.add_zone("evil.example. 60 IN A 127.0.0.1\n")
        web.answers["/"] = say(302, location=target)
        assert ask(make_asker(web, zones=zones), web.url("/")).verdict is Verdict.NO_HOST
        assert len(web.asked) == 1

    def test_to_another_port_of_the_own_network(self, web: WebServer) -> None:
        with serve_web() as inner:
            web.answers["/"] = say(302, location=inner.url("/"))
            assert ask(make_asker(web), web.url("/")).verdict is Verdict.PORT
            assert inner.asked == []

    def test_to_our_own_pages_are_not_followed(self, web: WebServer) -> None:
        web.answers["/"] = say(302, location="https://mail.example/u/token/")
        asker = make_asker(web, own=frozenset({"mail.example"}))
        assert ask(asker, web.url("/")) == Asked(Verdict.THERE)

    @pytest.mark.parametrize(
        ("target", "verdict"),
        [
            ("app://open", Verdict.UNTOLD),
            ("file:///etc/passwd", Verdict.UNTOLD),
            ("http://[", Verdict.GARBLED),
            ("http://a:99999/", Verdict.NO_HOST),
        ],
    )
    def test_to_what_is_no_page(self, web: WebServer, target: str, verdict: Verdict) -> None:
        web.answers["/"] = say(302, location=target)
        assert ask(make_asker(web), web.url("/")).verdict is verdict

    def test_with_lines_smuggled_in_ask_one_question(self, web: WebServer) -> None:
        web.answers["/"] = send(b"HTTP/1.1 302 x\r\nLocation: /a\r\n HTTP/1.1\r\n X-Evil: 1\r\n\r\n")
        ask(make_asker(web), web.url("/"))
        assert not any("\r\nX-Evil" in head for head in web.asked)

    def test_each_name_is_looked_up_anew_and_only_once(self, web: WebServer, zones: ZoneServer) -> None:
        """The connection goes to the address that was judged: no second answer of the DNS comes in between."""
        zones.add_zone("shop.example. 0 IN A 127.0.0.1\n")
        web.answers["/"] = say()
        assert ask(make_asker(web, zones=zones), web.url("/", "shop.example")).verdict is Verdict.THERE
        assert zones.asked == ["shop.example"]
        assert f"\r\nHost: shop.example:{web.port}\r\n" in web.asked[0]


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    def test_the_name_is_in_the_certificate(self, authority: Authority, zones: ZoneServer) -> None:
        zones.add_zone("shop.example. 60 IN A 127.0.0.1\nother.example. 60 IN A 127.0.0.1\n")
        with serve_web(server_context(authority.issue("shop.example"))) as web:
            web.answers["/"] = say()
            asker = make_asker(web, zones=zones, context=ssl.create_default_context(cafile=authority.path))
            assert ask(asker, web.url("/", "shop.example")).verdict is Verdict.THERE
            assert ask(asker, web.url("/", "other.example")).verdict is Verdict.TLS

    def test_no_tls_where_it_should_be(self, web: WebServer) -> None:
        assert ask(make_asker(web), web.url("/").replace("http", "https")).verdict is Verdict.TLS


class TestHostileServers:
    def test_silence(self, web: WebServer) -> None:
        web.answers["/"] = lambda connection: time.sleep(0.5)
        assert ask(make_asker(web, request_seconds=0.2), web.url("/")).verdict is Verdict.SLOW

    def test_a_letter_now_and_then_does_not_hold_us(self, web: WebServer) -> None:
        web.answers["/"] = drip(0.02)
        assert ask(make_asker(web, request_seconds=0.3), web.url("/")).verdict is Verdict.SLOW

    def test_headers_of_ten_megabytes_are_not_read(self, web: WebServer) -> None:
        web.answers["/"] = pour
        assert ask(make_asker(web), web.url("/")).verdict is Verdict.GARBLED

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
            b"HTTP/1.1 100 x\r\n\r\n" * (HEAD_BYTES // 10),
            os.urandom(HEAD_BYTES * 2),
        ],
    )
    def test_what_is_no_answer(self, web: WebServer, answer: bytes) -> None:
        web.answers["/"] = send(answer)
        assert ask(make_asker(web), web.url("/")).verdict is Verdict.GARBLED

    def test_nobody_there(self, web: WebServer) -> None:
        with socket.create_server((HOST, 0)) as closed:
            url = f"http://{HOST}:{closed.getsockname()[1]}/"
        asker = make_asker(web, may_ask=lambda address, port: True)
        assert ask(asker, url).verdict is Verdict.REFUSED

    def test_nothing_is_asked_when_the_time_is_over(self, web: WebServer) -> None:
        asker = make_asker(web, until=time.monotonic() - 1)
        assert ask(asker, web.url("/")).verdict is Verdict.LATE
        assert web.asked == []

    def test_who_is_cut_off_by_our_own_time_is_not_called_slow(self, web: WebServer) -> None:
        web.answers["/"] = drip(0.02)
        asker = make_asker(web, until=time.monotonic() + 0.3)
        assert ask(asker, web.url("/")).verdict is Verdict.LATE

    def test_a_dns_that_is_silent(self, web: WebServer, zones: ZoneServer) -> None:
        zones.failing.add("shop.example")
        assert ask(make_asker(web, zones=zones), web.url("/", "shop.example")).verdict is Verdict.NO_DNS
