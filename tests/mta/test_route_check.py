"""接続テスト against real servers that are wrong in every way: which step is named, and what is advised."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from dnslib import RR
from pytest_django import Settings

from mta.route_check import Finding, Patience, Result, check_route, choose_addresses
from mta.route_problems import ADVICE, STEP_LABELS, Problem, Step, problem_of_code, problem_of_connecting
from mta.routes import Route, Security
from mta.verdicts import Phase
from tests.mta.certificates import make_certificate, server_context
from tests.mta.fault_server import Close, Drop, Fault, FaultServer, Hang, Say
from tests.mta.sending import PIPELINING, make_route
from tests.senders.dns_server import ZoneServer, serve_zones

SHORT = Patience(step=0.3, answer=0.3, whole=5)
WITH_TLS = (*PIPELINING, "STARTTLS")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def run(route: Route, patience: Patience | None = None) -> list[Finding]:
    findings = check_route(route, patience=patience)
    # Every step stands there once, in order, and all that follow the one that failed were not reached.
    assert [finding.step for finding in findings] == sorted(
        {finding.step for finding in findings}, key=list(Step).index
    )
    results = [finding.result for finding in findings]
    if Result.FAILED in results:
        assert set(results[results.index(Result.FAILED) + 1 :]) <= {Result.SKIPPED}
    return findings


def failure(findings: list[Finding]) -> tuple[Step, Problem | None]:
    failed = [finding for finding in findings if finding.result is Result.FAILED]
    assert len(failed) == 1
    assert ADVICE[failed[0].problem or Problem.TIMEOUT]
    return failed[0].step, failed[0].problem


def answer_of(findings: list[Finding], step: Step) -> str:
    return next(finding.answer for finding in findings if finding.step is step)


@contextmanager
def nobody() -> Iterator[int]:
    """A port where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield closed.getsockname()[1]


@contextmanager
def talker(words: bytes) -> Iterator[int]:
    """A server of something else, which says its words and waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    peer, _address = server.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(words)
                    peer.settimeout(2)
                    try:
                        peer.recv(1024)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        stop.set()
        socket.create_connection(server.getsockname()).close()
        thread.join()


def test_words_for_everything() -> None:
    assert set(STEP_LABELS) == set(Step)
    assert set(ADVICE) == set(Problem)


def test_good_route_is_tried_to_its_end_and_no_mail_is_sent(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = FaultServer(
        features=(*WITH_TLS, "AUTH PLAIN LOGIN"), tls=server_context(certificate), login=("user", "pass")
    )
    with server:
        findings = run(make_route(server.port, security="starttls", login=("user", "pass")))
    assert {finding.result for finding in findings} == {Result.OK}
    steps = [Step.CONNECT, Step.GREETING, Step.EHLO, Step.STARTTLS, Step.AUTH, Step.MAIL]
    assert [finding.step for finding in findings] == steps
    assert answer_of(findings, Step.GREETING) == "220 fault.example ESMTP"
    assert "TLSv1.3" in answer_of(findings, Step.STARTTLS)
    assert answer_of(findings, Step.AUTH).startswith("235")
    assert answer_of(findings, Step.MAIL).startswith("250")
    assert b"MAIL FROM:<hypermail-check@bounce.example.com>\r\n" in server.commands
    assert server.commands[-2:] == [b"RSET\r\n", b"QUIT\r\n"]
    assert server.accepted == []


def test_good_route_that_begins_with_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with FaultServer(tls=server_context(certificate), implicit_tls=True) as server:
        route = replace(make_route(server.port, security="tls"), host="localhost")
        findings = run(route)
    assert {finding.result for finding in findings} == {Result.OK}
    assert "127.0.0.1" in answer_of(findings, Step.NAME)
    assert answer_of(findings, Step.TLS) == "TLSv1.3"


def test_name_that_does_not_exist() -> None:
    step, problem = failure(run(replace(make_route(25), host="no-such-host.invalid")))
    # Without any DNS the name cannot even be asked for.
    assert step is Step.NAME
    assert problem in (Problem.NAME_NOT_FOUND, Problem.NAME_NO_ANSWER)


def test_wrong_port() -> None:
    with nobody() as port:
        findings = run(make_route(port))
    assert failure(findings) == (Step.CONNECT, Problem.REFUSED)
    assert f"127.0.0.1:{port}" in answer_of(findings, Step.CONNECT)


@pytest.mark.parametrize("source", ["192.0.2.77", "::1"])
def test_address_to_send_from_that_is_not_ours(source: str) -> None:
    with FaultServer() as server:
        findings = run(replace(make_route(server.port), source_address=source))
    assert failure(findings) == (Step.CONNECT, Problem.SOURCE_ADDRESS)


def test_port_that_waits_for_tls(certificate: Path) -> None:
    with FaultServer(tls=server_context(certificate), implicit_tls=True) as server:
        assert failure(run(make_route(server.port), SHORT)) == (Step.GREETING, Problem.TLS_EXPECTED)
        route = make_route(server.port, security="starttls")
        assert failure(run(route, SHORT)) == (Step.GREETING, Problem.TLS_EXPECTED)


def test_tls_where_the_port_speaks_in_clear() -> None:
    with FaultServer() as server:
        findings = run(make_route(server.port, security="tls"))
    assert failure(findings) == (Step.TLS, Problem.PLAIN_EXPECTED)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (b"* OK IMAP4rev1 ready\r\n", Problem.NOT_SMTP),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Problem.NOT_SMTP),
        (b"", Problem.TIMEOUT),
    ],
)
def test_server_of_something_else(words: bytes, problem: Problem) -> None:
    with talker(words) as port:
        assert failure(run(make_route(port), None if words else SHORT)) == (Step.GREETING, problem)


def test_no_starttls_is_offered_and_no_password_is_sent() -> None:
    with FaultServer(features=(*PIPELINING, "AUTH PLAIN")) as server:
        findings = run(make_route(server.port, security="starttls", login=("user", "pass")))
    assert failure(findings) == (Step.STARTTLS, Problem.NO_STARTTLS)
    assert [finding.step for finding in findings if finding.result is Result.SKIPPED] == [Step.AUTH, Step.MAIL]
    assert server.commands == [b"EHLO client.example\r\n"]


def test_where_encryption_is_not_required_its_absence_is_a_warning() -> None:
    with FaultServer() as server:
        findings = run(make_route(server.port, security="opportunistic"))
    results = {finding.step: (finding.result, finding.problem) for finding in findings}
    assert results[Step.STARTTLS] == (Result.WARNED, Problem.UNENCRYPTED)
    assert results[Step.MAIL] == (Result.OK, None)


@pytest.mark.parametrize(("security", "step"), [("starttls", Step.STARTTLS), ("tls", Step.TLS)])
def test_certificates(
    security: Security, step: Step, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(pem: Path) -> tuple[Step, Problem | None]:
        with FaultServer(features=WITH_TLS, tls=server_context(pem), implicit_tls=security == "tls") as server:
            return failure(run(make_route(server.port, security=security)))

    assert check(certificate) == (step, Problem.SELF_SIGNED)
    for number, (options, problem) in enumerate(
        [
            ({"name": "other.example", "address": "192.0.2.1"}, Problem.OTHER_NAME),
            ({"days": -1}, Problem.EXPIRED),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        pem = make_certificate(folder, **options)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert check(pem) == (step, problem)


def test_certificate_that_is_not_looked_at(certificate: Path) -> None:
    with FaultServer(features=WITH_TLS, tls=server_context(certificate)) as server:
        findings = run(make_route(server.port, security="starttls", verify=False))
    assert {finding.result for finding in findings} == {Result.OK}


@pytest.mark.parametrize(
    ("offer", "problem"),
    [
        ("AUTH PLAIN", Problem.WRONG_PASSWORD),
        ("AUTH LOGIN", Problem.WRONG_PASSWORD),
        ("AUTH GSSAPI", Problem.AUTH_MECHANISM),
        ("8BITMIME", Problem.NO_AUTH),
    ],
)
def test_login(offer: str, problem: Problem) -> None:
    with FaultServer(features=(offer,), login=("user", "right")) as server:
        findings = run(make_route(server.port, login=("user", "wrong")))
    assert failure(findings) == (Step.AUTH, problem)
    if problem is Problem.WRONG_PASSWORD:
        assert answer_of(findings, Step.AUTH).startswith("535 5.7.8")


@pytest.mark.parametrize("echo", [b"wr0ng!", b"d3IwbmchIQ==", b"AHVzZXIAd3IwbmchIQ=="])
def test_password_that_the_server_repeats_is_not_kept(echo: bytes) -> None:
    faults = [Fault(Phase.AUTH, Say(b"535 no such login: %b\r\n" % echo))]
    with FaultServer(faults, ("AUTH PLAIN",), login=("user", "wr0ng!!")) as server:
        findings = run(make_route(server.port, login=("user", "wr0ng!!")))
    said = answer_of(findings, Step.AUTH)
    assert "d3Iw" not in said
    assert "wr0ng!!" not in said


@pytest.mark.parametrize(
    ("phase", "reply", "step", "problem"),
    [
        (Phase.GREETING, b"554 5.7.1 go away\r\n", Step.GREETING, Problem.GREETING_REFUSED),
        (Phase.GREETING, b"421 too many\r\n", Step.GREETING, Problem.LATER),
        (Phase.EHLO, b"421 4.3.2 busy\r\n", Step.EHLO, Problem.LATER),
        (Phase.STARTTLS, b"454 not now\r\n", Step.STARTTLS, Problem.LATER),
        (Phase.STARTTLS, b"501 no\r\n", Step.STARTTLS, Problem.STARTTLS_REFUSED),
        (Phase.AUTH, b"454 4.7.0 later\r\n", Step.AUTH, Problem.LATER),
        (Phase.AUTH, b"534 5.7.9 weak\r\n", Step.AUTH, Problem.AUTH_REFUSED),
        (Phase.MAIL, b"530 5.7.0 Authentication required\r\n", Step.MAIL, Problem.LOGIN_NEEDED),
        (Phase.MAIL, b"530 5.7.0 Must issue a STARTTLS command first\r\n", Step.MAIL, Problem.TLS_NEEDED),
        (Phase.MAIL, b"553 5.7.1 not your address\r\n", Step.MAIL, Problem.MAIL_REFUSED),
        (Phase.MAIL, b"451 greylisted\r\n", Step.MAIL, Problem.LATER),
    ],
)
def test_refusals(phase: Phase, reply: bytes, step: Step, problem: Problem, certificate: Path) -> None:
    faults = [Fault(phase, Say(reply))]
    features = (*WITH_TLS, "AUTH PLAIN")
    with FaultServer(faults, features, tls=server_context(certificate), login=("u", "p")) as server:
        findings = run(make_route(server.port, security="starttls", verify=False, login=("u", "p")))
    assert failure(findings) == (step, problem)
    assert answer_of(findings, step) == reply.decode().strip()


def test_refusals_of_our_name_and_of_anything_else() -> None:
    """A server that refuses EHLO is greeted by HELO too, so that one refusal alone is none."""
    assert problem_of_code(Step.EHLO, 550, "bad name") is Problem.EHLO_REFUSED
    assert problem_of_code(Step.CONNECT, 550, "") is Problem.COMMAND_REFUSED


@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.EHLO, Phase.AUTH, Phase.MAIL])
@pytest.mark.parametrize(
    ("action", "problem"), [(Hang(), Problem.TIMEOUT), (Close(), Problem.CLOSED), (Drop(), Problem.CLOSED)]
)
def test_silence_and_lost_connections(phase: Phase, action: Hang | Close | Drop, problem: Problem) -> None:
    with FaultServer([Fault(phase, action)], ("AUTH PLAIN",), login=("u", "p")) as server:
        patience = SHORT if isinstance(action, Hang) else None
        step, found = failure(run(make_route(server.port, login=("u", "p")), patience))
    assert (step.value, found) == (phase.value, problem)


def test_whole_check_has_an_end() -> None:
    with FaultServer([Fault(Phase.MAIL, Hang())]) as server:
        findings = run(make_route(server.port), Patience(whole=0.5))
    assert failure(findings) == (Step.MAIL, Problem.TIMEOUT)
    assert answer_of(findings, Step.EHLO).startswith("250")


def test_hostile_answers_are_cut_and_cleaned() -> None:
    reply = b"554 \x1b[31m" + b"x" * 900 + b"\r\n"
    with FaultServer([Fault(Phase.GREETING, Say(reply))]) as server:
        said = answer_of(run(make_route(server.port)), Step.GREETING)
    assert len(said) <= 300
    assert said.isprintable()


# The direct way


@pytest.fixture
def zones(settings: Settings) -> Iterator[ZoneServer]:
    with serve_zones() as served:
        settings.DNS_SERVERS = [served.address]
        yield served


def direct_route(port: int, **fields: str) -> Route:
    route = replace(make_route(port, security="opportunistic"), kind="direct", host="", ehlo_name="out.shop.example")
    return replace(route, **fields)


def try_receiver(zones: ZoneServer, zone: str, route: Route, patience: Patience | None = None) -> list[Finding]:
    zones.records = RR.fromZone(zone)
    return check_route(route, domain="receiver.example", patience=patience)


ONE_HOST = "receiver.example. 60 IN MX 10 mx.receiver.example.\nmx.receiver.example. 60 IN A 127.0.0.1\n"


def test_direct_way_greets_the_receivers_server_and_goes(zones: ZoneServer, certificate: Path) -> None:
    with FaultServer(features=WITH_TLS, tls=server_context(certificate)) as server:
        findings = try_receiver(zones, ONE_HOST, direct_route(server.port))
    assert {finding.result for finding in findings} == {Result.OK}
    names = [Step.HELLO_NAME, Step.MX, Step.NAME, Step.CONNECT, Step.GREETING, Step.EHLO, Step.STARTTLS]
    assert [finding.step for finding in findings] == names
    assert answer_of(findings, Step.MX) == "receiver.example: mx.receiver.example"
    assert server.commands[0] == b"EHLO out.shop.example\r\n"
    assert not [command for command in server.commands if command.startswith(b"MAIL")]


def test_next_server_is_tried_where_the_first_is_away(zones: ZoneServer) -> None:
    zone = ONE_HOST + "receiver.example. 60 IN MX 5 gone.receiver.example.\n"
    with FaultServer() as server:
        findings = try_receiver(zones, zone, direct_route(server.port))
    assert answer_of(findings, Step.MX) == "receiver.example: gone.receiver.example, mx.receiver.example"
    assert answer_of(findings, Step.EHLO).startswith("250")


@pytest.mark.parametrize("name", ["localhost", "mail", "mail.local"])
def test_name_that_means_nothing_to_receivers_is_a_warning(zones: ZoneServer, name: str) -> None:
    with FaultServer() as server:
        findings = try_receiver(zones, ONE_HOST, direct_route(server.port, ehlo_name=name))
    assert (findings[0].step, findings[0].problem) == (Step.HELLO_NAME, Problem.HELLO_NAME)
    assert answer_of(findings, Step.EHLO).startswith("250")


@pytest.mark.parametrize(
    ("zone", "step", "problem"),
    [
        ("other.example. 60 IN A 127.0.0.1\n", Step.MX, Problem.NO_MX_HOST),
        ("receiver.example. 60 IN TXT x\n", Step.MX, Problem.NO_MX_HOST),
        ("receiver.example. 60 IN MX 0 .\n", Step.MX, Problem.NULL_MX),
        ("receiver.example. 60 IN MX 10 mx.receiver.example.\n", Step.NAME, Problem.NAME_NOT_FOUND),
    ],
)
def test_domains_without_a_server(zones: ZoneServer, zone: str, step: Step, problem: Problem) -> None:
    findings = try_receiver(zones, zone, direct_route(25))
    assert failure(findings) == (step, problem)
    assert findings[-1].result is Result.SKIPPED


def test_dns_that_fails(zones: ZoneServer) -> None:
    zones.failing.add("receiver.example")
    assert failure(try_receiver(zones, ONE_HOST, direct_route(25))) == (Step.MX, Problem.DNS_FAILED)


def test_server_is_reached_over_the_family_that_this_machine_has(zones: ZoneServer) -> None:
    """An address of RFC 6666 (100::/64) leads nowhere."""
    aaaa = "".join(f"mx.receiver.example. 60 IN AAAA 100::{number}\n" for number in range(1, 4))
    with FaultServer() as server:
        findings = try_receiver(zones, aaaa + ONE_HOST, direct_route(server.port), Patience(step=1, whole=10))
    assert answer_of(findings, Step.CONNECT) == f"127.0.0.1:{server.port}"


def test_one_address_of_each_family_is_tried() -> None:
    addresses = ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"]
    assert choose_addresses(addresses) == ["2001:db8::1", "192.0.2.1"]
    assert choose_addresses(addresses, "192.0.2.9") == ["192.0.2.1"]
    assert choose_addresses(["192.0.2.1"], "2001:db8::9") == ["192.0.2.1"]


def test_port_that_is_closed_to_us(zones: ZoneServer) -> None:
    with nobody() as port:
        assert failure(try_receiver(zones, ONE_HOST, direct_route(port))) == (Step.CONNECT, Problem.REFUSED)


def test_blocked_port_25_is_told_as_such() -> None:
    assert problem_of_connecting(TimeoutError(), 25, has_source=False) is Problem.PORT_25
    assert problem_of_connecting(TimeoutError(), 587, has_source=False) is Problem.CONNECT_TIMEOUT
