"""One connection: greeting, login, and what it finds out about the server."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from mta.routes import Route
from mta.smtp import Connection, Timeouts, open_connection, tls_context
from mta.smtp_auth import answer_challenge, choose_mechanism
from mta.smtp_replies import Fault as ConnectionFault
from mta.smtp_replies import Reply
from mta.verdicts import Phase
from tests.mta.certificates import make_certificate, server_context
from tests.mta.fault_server import Close, Fault, FaultServer, Say
from tests.mta.sending import IMPATIENT, PATIENT, make_route


def look_at(route: Route, timeouts: Timeouts = PATIENT) -> Connection:
    """Open a connection, end it in good order, and return it."""

    async def look() -> Connection:
        connection = await open_connection(route, timeouts=timeouts, tls=tls_context(route))
        await connection.quit()
        await connection.close()
        return connection

    return asyncio.run(look())


def fault_of(route: Route, timeouts: Timeouts = PATIENT) -> ConnectionFault:
    with pytest.raises(ConnectionFault) as raised:
        look_at(route, timeouts)
    return raised.value


def test_knows_what_the_server_offers() -> None:
    with FaultServer(features=("PIPELINING", "size 1000", "8BITMIME", "x-odd 1 2")) as server:
        connection = look_at(make_route(server.port))
    assert connection.features == {"PIPELINING": "", "SIZE": "1000", "8BITMIME": "", "X-ODD": "1 2"}
    assert (connection.is_pipelining, connection.size_limit) == (True, 1000)


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE lots", "SIZE \u0661", "SIZE -1"])
def test_limit_that_is_none(size: str) -> None:
    with FaultServer(features=(size,)) as server:
        assert look_at(make_route(server.port)).size_limit == 0


@pytest.mark.parametrize("reply", [b"500 what?\r\n", b"502 5.5.1 no\r\n", b"504 no\r\n"])
def test_server_without_ehlo_is_greeted_with_helo(reply: bytes) -> None:
    """RFC 5321 section 3.2."""
    with FaultServer([Fault(Phase.EHLO, Say(reply))]) as server:
        connection = look_at(make_route(server.port))
    assert connection.features == {}
    assert server.commands == [b"EHLO client.example\r\n", b"HELO client.example\r\n", b"QUIT\r\n"]


@pytest.mark.parametrize("reply", [b"421 4.3.2 closing\r\n", b"450 later\r\n", b"220 hm\r\n"])
def test_other_answers_to_ehlo_are_a_fault(reply: bytes) -> None:
    with FaultServer([Fault(Phase.EHLO, Say(reply))]) as server:
        fault = fault_of(make_route(server.port))
    assert (fault.answer.phase, fault.answer.code) == (Phase.EHLO, int(reply[:3]))
    assert server.commands == [b"EHLO client.example\r\n"]


def test_slow_drip_is_no_answer() -> None:
    """The time for a reply counts from the question, however many lines come on the way."""
    with FaultServer([Fault(Phase.GREETING, Say(b"220-wait\r\n"))]) as server:
        fault = fault_of(make_route(server.port), IMPATIENT)
    assert (fault.answer.phase, fault.answer.text) == (Phase.GREETING, "the server did not answer in time")


# Logging in


@pytest.mark.parametrize(
    ("offered", "is_private", "mechanism"),
    [
        (("CRAM-MD5", "LOGIN", "PLAIN"), True, "PLAIN"),
        (("CRAM-MD5", "LOGIN"), True, "LOGIN"),
        (("CRAM-MD5", "GSSAPI"), True, "CRAM-MD5"),
        (("CRAM-MD5", "LOGIN", "PLAIN"), False, "CRAM-MD5"),
    ],
)
def test_mechanism(offered: tuple[str, ...], is_private: bool, mechanism: str) -> None:
    assert choose_mechanism(offered, is_private=is_private) == mechanism


@pytest.mark.parametrize(
    ("offered", "is_private", "why"),
    [
        (("PLAIN", "LOGIN"), False, "without encryption"),
        (("GSSAPI",), False, "none of AUTH CRAM-MD5"),
        ((), True, "none of AUTH PLAIN, LOGIN, CRAM-MD5"),
    ],
)
def test_no_mechanism(offered: tuple[str, ...], is_private: bool, why: str) -> None:
    with pytest.raises(ConnectionFault, match=why):
        choose_mechanism(offered, is_private=is_private)


def test_answers_the_challenge_of_the_rfc() -> None:
    """The example of RFC 2195 section 2."""
    challenge = Reply(334, (b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",))
    expected = b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"
    assert answer_challenge(challenge, b"tim", b"tanstaaftanstaaf") == expected


def test_challenge_that_is_none() -> None:
    with FaultServer([Fault(Phase.AUTH, Say(b"334 ???\r\n"))], ("AUTH CRAM-MD5",)) as server:
        fault = fault_of(make_route(server.port, login=("user", "secret")))
    assert (fault.answer.phase, fault.answer.code) == (Phase.AUTH, None)


def test_connection_lost_while_logging_in() -> None:
    with FaultServer([Fault(Phase.AUTH, Close())], ("AUTH CRAM-MD5",)) as server:
        fault = fault_of(make_route(server.port, login=("user", "secret")))
    assert fault.answer.phase == Phase.AUTH


def test_password_waits_for_the_encryption(tmp_path: Path) -> None:
    """Where TLS fails and may, the password is not sent in clear instead."""
    tls = server_context(make_certificate(tmp_path))
    features = ("STARTTLS", "AUTH PLAIN LOGIN")
    with FaultServer(features=features, tls=tls, login=("user", "secret"), host="127.0.0.2") as server:
        route = replace(make_route(server.port, security="opportunistic", login=("user", "secret")), host="127.0.0.2")
        look_at(route)
        assert server.logins == 1
        server.faults = [Fault(Phase.STARTTLS, Say(b"454 4.7.0 not now\r\n"))]
        # A name that is not this machine's; the address is.
        elsewhere = replace(route, host="relay.example")

        async def look() -> None:
            await open_connection(elsewhere, timeouts=PATIENT, tls=tls_context(elsewhere), address="127.0.0.2")

        with pytest.raises(ConnectionFault, match="without encryption"):
            asyncio.run(look())
    assert not [command for command in server.commands[-3:] if command.startswith(b"AUTH")]


# TLS


def test_tells_how_it_is_encrypted(tmp_path: Path) -> None:
    tls = server_context(make_certificate(tmp_path))

    async def look(route: Route) -> str:
        connection = await open_connection(route, timeouts=PATIENT, tls=tls_context(route))
        version = connection.tls_version()
        await connection.close()
        return version

    with FaultServer(features=("STARTTLS",), tls=tls) as server:
        assert asyncio.run(look(make_route(server.port, security="opportunistic"))).startswith("TLSv1.")
        assert asyncio.run(look(make_route(server.port))) == ""


def test_certificate_is_wanted_where_tls_is() -> None:
    wanted = tls_context(make_route(1, security="starttls"))
    assert wanted is not None
    assert (wanted.verify_mode, wanted.check_hostname) == (ssl.CERT_REQUIRED, True)
    for route in (make_route(1, security="tls", verify=False), make_route(1, security="opportunistic")):
        context = tls_context(route)
        assert context is not None
        assert context.verify_mode == ssl.CERT_NONE
    assert tls_context(make_route(1)) is None


def test_certificate_of_another_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with FaultServer(features=("STARTTLS",), tls=server_context(certificate), host="127.0.0.2") as server:
        fault = fault_of(replace(make_route(server.port, security="starttls"), host="127.0.0.2"))
    assert fault.answer.phase == Phase.STARTTLS
    assert "not valid for '127.0.0.2'" in fault.answer.text
