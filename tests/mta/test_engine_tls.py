"""The engine over TLS and with a login."""

import ssl
from collections import Counter
from pathlib import Path

import pytest

from mta.engine import Result
from mta.routes import Security
from mta.verdicts import Phase
from tests.mta.certificates import make_certificate, server_context
from tests.mta.fault_server import Drop, Fault, FaultServer, Say
from tests.mta.sending import LOOPS, PIPELINING, make_mails, make_route, send_to


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("security", ["starttls", "tls", "opportunistic"])
def test_sends_over_tls(security: Security, certificate: Path, monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    features = (*PIPELINING, "STARTTLS")
    tls = server_context(certificate)
    with FaultServer(features=features, tls=tls, implicit_tls=security == "tls") as server:
        route = make_route(server.port, security=security)
        ledger = send_to(server, make_mails(10), connections=2, route=route, loop_factory=LOOPS[loop])
    assert Counter(ledger.results()) == {Result.ACCEPTED: 10}
    assert (b"STARTTLS\r\n" in server.commands) is (security != "tls")


@pytest.mark.parametrize(("security", "phase"), [("starttls", Phase.STARTTLS), ("tls", Phase.CONNECT)])
def test_unknown_certificate_is_a_fault_of_the_route(security: Security, phase: Phase, certificate: Path) -> None:
    tls = server_context(certificate)
    with FaultServer(features=("STARTTLS",), tls=tls, implicit_tls=security == "tls") as server:
        ledger = send_to(server, make_mails(2), route=make_route(server.port, security=security))
        assert Counter(ledger.results()) == {Result.ROUTE_FAULT: 2}
        assert ledger.outcomes[1].phase == phase
        assert "CERTIFICATE_VERIFY_FAILED" in ledger.outcomes[1].text
        # Unless the operator knows the relay and says so.
        route = make_route(server.port, security=security, verify=False)
        assert Counter(send_to(server, make_mails(2), route=route).results()) == {Result.ACCEPTED: 2}


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize(
    "action",
    [
        None,
        Say(b"454 4.7.0 not now\r\n"),
        Say(b"220 go\r\nnonsense\r\n"),
        Say(b"220 go\r\n", close=True),
        Drop(),
    ],
    ids=["handshake", "refused", "noise", "closed", "reset"],
)
def test_opportunistic_tls_that_fails_is_done_without(action: Say | Drop | None, certificate: Path, loop: str) -> None:
    tls = server_context(certificate)
    faults = [Fault(Phase.STARTTLS, action, times=1)] if action else []
    if not faults:
        # A server that can only speak what no client wants any more.
        tls.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with FaultServer(faults, (*PIPELINING, "STARTTLS"), tls=tls) as server:
        route = make_route(server.port, security="opportunistic")
        ledger = send_to(server, make_mails(3), route=route, loop_factory=LOOPS[loop])
    assert Counter(ledger.results()) == {Result.ACCEPTED: 3}
    assert server.connections == 2
    assert server.commands.count(b"STARTTLS\r\n") == 1


def test_server_that_speaks_no_tls_on_a_tls_port() -> None:
    with FaultServer() as server:
        ledger = send_to(server, make_mails(1), route=make_route(server.port, security="tls"))
    assert (ledger.results(), ledger.outcomes[1].phase) == ([Result.ROUTE_FAULT], Phase.CONNECT)
    assert "WRONG_VERSION_NUMBER" in ledger.outcomes[1].text


def test_relay_without_starttls_gets_nothing_in_clear() -> None:
    with FaultServer() as server:
        ledger = send_to(
            server, make_mails(2), route=make_route(server.port, security="starttls", login=("user", "secret"))
        )
    assert ledger.outcomes[1].phase == Phase.STARTTLS
    assert server.commands == [b"EHLO client.example\r\n"]


def test_text_smuggled_in_before_tls_is_not_believed(certificate: Path) -> None:
    """RFC 3207 section 4.2: what was said before the handshake must be thrown away."""
    faults = [Fault(Phase.STARTTLS, Say(b"220 go\r\n250 smuggled\r\n"))]
    with FaultServer(faults, ("STARTTLS",), tls=server_context(certificate)) as server:
        ledger = send_to(server, make_mails(1), route=make_route(server.port, security="starttls", verify=False))
    assert (ledger.results(), ledger.outcomes[1].phase) == ([Result.ROUTE_FAULT], Phase.STARTTLS)


@pytest.mark.parametrize("offer", ["AUTH PLAIN LOGIN", "AUTH LOGIN", "AUTH=LOGIN PLAIN", "auth Plain", "AUTH CRAM-MD5"])
def test_logs_in(offer: str) -> None:
    with FaultServer(features=(*PIPELINING, offer), login=("送信者", "p@ss word")) as server:
        route = make_route(server.port, login=("送信者", "p@ss word"))
        ledger = send_to(server, make_mails(2), route=route)
    assert Counter(ledger.results()) == {Result.ACCEPTED: 2}
    assert server.logins == 1


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ("AUTH PLAIN", 535),
        ("AUTH LOGIN", 535),
        ("AUTH CRAM-MD5", 535),
        ("AUTH GSSAPI", None),
        ("SIZE", None),
    ],
)
def test_login_that_fails_is_a_fault_of_the_route(offer: str, code: int | None) -> None:
    with FaultServer(features=(offer,), login=("user", "right")) as server:
        ledger = send_to(server, make_mails(2), route=make_route(server.port, login=("user", "wrong")))
    assert Counter(ledger.results()) == {Result.ROUTE_FAULT: 2}
    assert (ledger.outcomes[1].phase, ledger.outcomes[1].code) == (Phase.AUTH, code)
    assert "wrong" not in "".join(outcome.text.replace("wrong user", "") for outcome in ledger.outcomes.values())
