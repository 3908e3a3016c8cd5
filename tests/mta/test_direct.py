"""The direct way: real DNS and real servers on different addresses of the loopback, all on one port."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest
from dnslib import RR
from pytest_django import Settings

from mta.connection_limits import Limits, limits_of
from mta.direct import Direct, has_route
from mta.engine import Outgoing, Result, Timeouts, send_batches
from mta.mx import MxResolver
from mta.resting import Resting
from mta.routes import Route
from mta.verdicts import Phase
from tests.mta.certificates import make_certificate, server_context
from tests.mta.fault_server import Drop, Fault, FaultServer, Hang, Say
from tests.mta.memory_ledger import MemoryLedger
from tests.mta.sending import BODY, IMPATIENT, PATIENT
from tests.senders.dns_server import ZoneServer, serve_zones

# The dot is waited for when the time is long over.
LATE_DOT = replace(PATIENT, dot=2)
ROUTE = Route("direct", "", 25, "none", "", "", "client.example", kind="direct")


@dataclass
class World:
    """Domains and their servers. `serve` starts a server on an address; all have the same port."""

    zones: ZoneServer
    stack: ExitStack
    port: int = 0
    servers: dict[str, FaultServer] = field(default_factory=dict)

    def zone(self, text: str) -> None:
        self.zones.records += RR.fromZone(text)

    def domain(self, name: str, *addresses: str) -> None:
        """Give a domain one MX for each address, the first one preferred."""
        for rank, address in enumerate(addresses, 1):
            host = "mx-" + address.replace(".", "-") + ".example"
            self.zone(f"{name}. 60 IN MX {rank}0 {host}.")
            if not any(str(record.rname) == f"{host}." for record in self.zones.records):
                self.zone(f"{host}. 60 IN A {address}")

    def serve(self, address: str, faults: Sequence[Fault] = (), **options: object) -> FaultServer:
        server = self.stack.enter_context(FaultServer(faults, host=address, port=self.port, **options))
        self.port = server.port
        self.servers[address] = server
        return server

    def setup(self, **options: object) -> Direct:
        chosen = {
            "resolver": MxResolver([self.zones.address], server_timeout=2, question_timeout=3),
            "port": self.port,
            "limits": lambda hosts: Limits(" ".join(hosts), 20, None),
            "resting": Resting(),
            "has_route": lambda: True,
            "may_be_here": True,
            **options,
        }
        return Direct(**chosen)

    def send(
        self,
        recipients: Sequence[str],
        *,
        route: Route = ROUTE,
        connections: int = 5,
        deadline: float | None = None,
        timeouts: Timeouts = PATIENT,
        direct: Direct | None = None,
        ledger: MemoryLedger | None = None,
        messages_per_connection: int | None = None,
    ) -> MemoryLedger:
        mails = [Outgoing(number, "news@shop.example", to, BODY) for number, to in enumerate(recipients, 1)]
        ledger = ledger or MemoryLedger()
        send_batches(
            [mails],
            route,
            ledger,
            connections=connections,
            window=64,
            deadline=deadline,
            timeouts=timeouts,
            messages_per_connection=messages_per_connection,
            direct=direct or self.setup(),
        )
        assert sorted(ledger.outcomes) == [mail.id for mail in mails]
        return ledger


@pytest.fixture
def world() -> Iterator[World]:
    with serve_zones() as zones, ExitStack() as stack:
        yield World(zones, stack)


def to(domain: str, count: int) -> list[str]:
    return [f"r{number}@{domain}" for number in range(count)]


# Where mails go


def test_each_domain_gets_its_mails_from_its_own_servers(world: World) -> None:
    first, second = world.serve("127.0.0.2"), world.serve("127.0.0.3")
    world.domain("one.example", "127.0.0.2")
    world.domain("two.example", "127.0.0.3")
    ledger = world.send([*to("one.example", 3), *to("TWO.example", 2)])
    assert ledger.results() == [Result.ACCEPTED] * 5
    assert {mail.rcpt_to for mail in first.accepted} == set(to("one.example", 3))
    assert {mail.rcpt_to for mail in second.accepted} == set(to("TWO.example", 2))
    assert ledger.outcomes[1].host == "mx-127-0-0-2.example"


def test_domains_with_the_same_servers_share_connections(world: World) -> None:
    server = world.serve("127.0.0.2")
    recipients = []
    for number in range(10):
        world.domain(f"d{number}.example", "127.0.0.2")
        recipients += to(f"d{number}.example", 3)
    assert Counter(world.send(recipients, connections=2).results()) == {Result.ACCEPTED: 30}
    assert server.connections <= 2


def test_implicit_mx_and_idn_and_quoted_addresses(world: World) -> None:
    """F1, and domains in Unicode."""
    server = world.serve("127.0.0.2")
    world.zone("plain.example. 60 IN A 127.0.0.2")
    world.domain("xn--wgv71a.jp", "127.0.0.2")
    long = "a" * (320 - len("@plain.example")) + "@plain.example"
    recipients = [
        "a..b@plain.example",
        '"c d"@plain.example',
        "a@日本.jp",
        "a@日本.JP",
        long,
        "x" + long,
        "a@[127.0.0.2]",
    ]
    ledger = world.send(recipients)
    assert ledger.results() == [Result.ACCEPTED] * 5 + [Result.REFUSED] * 2
    assert ledger.outcomes[6].status == "5.1.3"
    assert Counter(mail.rcpt_to for mail in server.accepted) == {
        '"a..b"@plain.example': 1,
        '"c d"@plain.example': 1,
        # Conversion to A-labels makes the letters small (UTS #46), also those of a label that has no others.
        "a@xn--wgv71a.jp": 2,
        long: 1,
    }


def test_sends_from_the_routes_address(world: World) -> None:
    server = world.serve("127.0.0.2")
    world.domain("one.example", "127.0.0.2")
    ledger = world.send(to("one.example", 1), route=replace(ROUTE, source_address="127.0.0.9"))
    assert ledger.results() == [Result.ACCEPTED]
    assert server.clients == ["127.0.0.9"]


@pytest.mark.parametrize(
    ("domain", "code", "status"),
    [
        ("null.example", 556, "5.1.10"),
        ("nowhere.invalid", None, "5.1.2"),
        ("text.example", None, "5.1.2"),
        ("homeless.example", None, "5.4.4"),
    ],
)
def test_domain_that_takes_no_mail_is_refused(world: World, domain: str, code: int | None, status: str) -> None:
    world.zone("""
null.example. 60 IN MX 0 .
text.example. 60 IN TXT "no mail"
homeless.example. 60 IN MX 10 nobody.example.
""")
    ledger = world.send(to(domain, 2))
    assert ledger.results() == [Result.REFUSED] * 2
    assert (ledger.outcomes[1].code, ledger.outcomes[1].status) == (code, status)


def test_dns_failure_and_cname_loop_are_tried_again_later(world: World) -> None:
    world.zone("loop.example. 60 IN CNAME loop2.example.\nloop2.example. 60 IN CNAME loop.example.")
    world.zone("halfway.example. 60 IN MX 10 failing.example.")
    world.zones.failing |= {"broken.example", "failing.example"}
    world.zones.silent.add("silent.example")
    ledger = world.send([f"a@{name}.example" for name in ("loop", "broken", "silent", "halfway")])
    assert ledger.results() == [Result.DEFERRED] * 4
    assert {outcome.status for outcome in ledger.outcomes.values()} == {"4.4.3"}


def test_own_addresses_are_never_connected_to(world: World) -> None:
    server = world.serve("127.0.0.1")
    world.domain("me.example", "127.0.0.1")
    world.zone("any.example. 60 IN A 0.0.0.0\nsix.example. 60 IN AAAA ::1\nmapped.example. 60 IN AAAA ::ffff:7f00:1")
    ledger = world.send(
        [f"a@{name}.example" for name in ("me", "any", "six", "mapped")], direct=world.setup(may_be_here=False)
    )
    assert ledger.results() == [Result.REFUSED] * 4
    assert server.connections == 0


# Which server of a domain


def test_next_server_where_nobody_listens(world: World) -> None:
    server = world.serve("127.0.0.3")
    world.domain("one.example", "127.0.0.2", "127.0.0.3")
    assert world.send(to("one.example", 3)).results() == [Result.ACCEPTED] * 3
    assert len(server.accepted) == 3


@pytest.mark.parametrize(
    "reply", [b"421 4.3.2 busy\r\n", b"554 5.7.1 not you\r\n", b"what?\r\n"], ids=["421", "554", "noise"]
)
def test_next_server_where_one_does_not_want(world: World, reply: bytes) -> None:
    world.serve("127.0.0.2", [Fault(Phase.GREETING, Say(reply, close=True))])
    server = world.serve("127.0.0.3")
    world.domain("one.example", "127.0.0.2", "127.0.0.3")
    assert world.send(to("one.example", 3)).results() == [Result.ACCEPTED] * 3
    assert len(server.accepted) == 3


def test_address_of_the_other_family_is_tried(world: World) -> None:
    """Nobody listens on ::1; the IPv4 address is the next."""
    server = world.serve("127.0.0.2")
    world.zone("both.example. 60 IN AAAA ::1\nboth.example. 60 IN A 127.0.0.2")
    assert world.send(to("both.example", 1)).results() == [Result.ACCEPTED]
    assert server.connections == 1


# Whose fault it is


def test_receiver_that_cannot_be_reached_is_tried_later_and_left_alone(world: World) -> None:
    world.serve("127.0.0.3")
    world.domain("gone.example", "127.0.0.2")
    world.domain("here.example", "127.0.0.3")
    direct = world.setup()
    ledger = world.send([*to("gone.example", 3), *to("here.example", 1)], direct=direct)
    assert ledger.results() == [Result.DEFERRED] * 3 + [Result.ACCEPTED]
    outcome = ledger.outcomes[1]
    assert (outcome.phase, outcome.code, outcome.host) == (Phase.CONNECT, None, "mx-127-0-0-2.example")
    # It listens again, and is asked once it had its rest.
    back = world.serve("127.0.0.2")
    assert world.send(to("gone.example", 1), direct=direct).results() == [Result.DEFERRED]
    assert back.connections == 0
    assert world.send(to("gone.example", 1), direct=world.setup()).results() == [Result.ACCEPTED]


@pytest.mark.parametrize(
    ("phase", "reply", "result"),
    [
        (Phase.GREETING, b"421 4.3.2 busy\r\n", Result.DEFERRED),
        (Phase.GREETING, b"554 5.7.1 blocked\r\n", Result.DEFERRED),
        (Phase.GREETING, b"521 host takes no mail\r\n", Result.REFUSED),
        (Phase.MAIL, b"451 4.7.1 later\r\n", Result.DEFERRED),
        (Phase.MAIL, b"550 5.7.1 sender not allowed\r\n", Result.REFUSED),
        (Phase.MAIL, b"421 4.7.0 slow down\r\n", Result.DEFERRED),
        (Phase.RCPT, b"421 4.7.0 slow down\r\n", Result.DEFERRED),
    ],
)
@pytest.mark.parametrize("features", [("PIPELINING",), ()], ids=["pipelining", "stepwise"])
def test_refusal_is_the_receivers_affair(
    world: World, phase: Phase, reply: bytes, result: Result, features: tuple[str, ...]
) -> None:
    server = world.serve("127.0.0.2", [Fault(phase, Say(reply))], features=(*features, "SIZE 1000000"))
    world.domain("one.example", "127.0.0.2")
    ledger = world.send(to("one.example", 4), connections=1)
    assert ledger.results() == [result] * 4
    assert {(outcome.phase, outcome.code) for outcome in ledger.outcomes.values()} == {(phase, int(reply[:3]))}
    assert server.connections == 1
    assert ledger.fenced == set()


def test_one_mail_refused_at_mail_leaves_the_others(world: World) -> None:
    server = world.serve("127.0.0.2", [Fault(Phase.MAIL, Say(b"452 4.3.1 later\r\n"), skip=1, times=1)])
    world.domain("one.example", "127.0.0.2")
    ledger = world.send(to("one.example", 4), connections=1)
    assert ledger.results() == [Result.ACCEPTED, Result.DEFERRED, Result.ACCEPTED, Result.ACCEPTED]
    assert server.connections == 1


@pytest.mark.parametrize("phase", [Phase.EHLO, Phase.MAIL, Phase.RCPT, Phase.DATA])
def test_connection_lost_before_the_dot_is_tried_later(world: World, phase: Phase) -> None:
    server = world.serve("127.0.0.2", [Fault(phase, Drop())])
    world.domain("one.example", "127.0.0.2")
    ledger = world.send(to("one.example", 3), connections=1)
    assert ledger.results() == [Result.DEFERRED] * 3
    assert server.accepted == []


def test_lost_after_the_dot_is_in_doubt(world: World) -> None:
    """F7."""
    world.serve("127.0.0.2", [Fault(Phase.DOT, Drop(), times=1)])
    world.domain("one.example", "127.0.0.2")
    ledger = world.send(to("one.example", 1))
    assert ledger.results() == [Result.DOUBT]


def test_without_a_network_nobody_is_blamed(world: World) -> None:
    """TCP to a broadcast address fails as it does without a route, and nothing leaves the machine."""
    world.domain("one.example", "127.255.255.255")
    world.domain("two.example", "127.255.255.255")
    world.zone("three.example. 60 IN A 127.255.255.255")
    recipients = [f"a@{name}.example" for name in ("one", "two", "three")]
    assert world.send(recipients, direct=world.setup(port=25)).results() == [Result.DEFERRED] * 3
    cut_off = world.setup(port=25, has_route=lambda: False)
    assert world.send(recipients, direct=cut_off).results() == [Result.ROUTE_FAULT] * 3


def test_unreachable_receiver_beside_a_reached_one_is_its_own_affair(world: World) -> None:
    world.serve("127.0.0.2")
    world.domain("here.example", "127.0.0.2")
    world.domain("there.example", "127.255.255.255")
    ledger = world.send(["a@here.example", "a@there.example"], direct=world.setup(has_route=lambda: False))
    assert ledger.results() == [Result.ACCEPTED, Result.DEFERRED]


def test_name_servers_that_are_all_silent_are_ours_to_mend(world: World) -> None:
    nobody = MxResolver(["127.0.0.1:9"], server_timeout=0.2, question_timeout=0.3)
    ledger = world.send(["a@one.example", "b@two.example", "c@two.example"], direct=world.setup(resolver=nobody))
    assert ledger.results() == [Result.ROUTE_FAULT] * 3
    assert ledger.outcomes[1].status == "4.4.3"


def test_own_address_that_is_none_is_ours_to_mend(world: World) -> None:
    world.serve("127.0.0.2")
    world.domain("one.example", "127.0.0.2")
    ledger = world.send(to("one.example", 2), route=replace(ROUTE, source_address="192.0.2.77"))
    assert ledger.results() == [Result.ROUTE_FAULT] * 2


def test_more_than_can_wait_without_a_network(world: World) -> None:
    world.domain("one.example", "127.255.255.255")
    cut_off = world.setup(port=25, has_route=lambda: False)
    assert Counter(world.send(to("one.example", 900), direct=cut_off).results()) == {Result.ROUTE_FAULT: 900}


# How many connections


def test_connections_to_one_set_of_servers_are_limited(world: World) -> None:
    server = world.serve("127.0.0.2")
    world.domain("one.example", "127.0.0.2")
    slow = MemoryLedger(before_fence=lambda ids: time.sleep(0.01))
    world.send(to("one.example", 100), connections=3, ledger=slow)
    assert server.connections == 3


def test_providers_connections_are_shared_by_its_sets_of_servers(world: World) -> None:
    server = world.serve("127.0.0.2")
    for number in range(8):
        world.zone(f"d{number}.example. 60 IN MX 10 mx{number}.provider.example.")
        world.zone(f"mx{number}.provider.example. 60 IN A 127.0.0.2")
    recipients = [to for number in range(8) for to in (f"a@d{number}.example", f"b@d{number}.example")]
    ledger = world.send(recipients, direct=world.setup(limits=lambda hosts: Limits("provider", 2, None)))
    assert Counter(ledger.results()) == {Result.ACCEPTED: 16}
    assert server.most_open <= 2


def test_all_connections_of_a_process_are_limited(world: World) -> None:
    server = world.serve("127.0.0.2")
    for number in range(30):
        world.zone(f"d{number}.example. 60 IN MX 10 mx{number}.example.\nmx{number}.example. 60 IN A 127.0.0.2")
    ledger = world.send([f"a@d{number}.example" for number in range(30)], direct=world.setup(most_connections=4))
    assert Counter(ledger.results()) == {Result.ACCEPTED: 30}
    assert server.most_open <= 4


@pytest.mark.parametrize(("ours", "theirs", "most"), [(3, None, 3), (None, 4, 4), (5, 2, 2)])
def test_connection_is_ended_after_so_many_mails(world: World, ours: int | None, theirs: int | None, most: int) -> None:
    server = world.serve("127.0.0.2")
    world.domain("one.example", "127.0.0.2")
    direct = world.setup(limits=lambda hosts: Limits("", 1, theirs))
    ledger = world.send(to("one.example", 12), direct=direct, messages_per_connection=ours)
    assert Counter(ledger.results()) == {Result.ACCEPTED: 12}
    assert server.connections == 12 // most
    assert server.commands.count(b"QUIT\r\n") == 12 // most


def test_connection_is_kept_for_the_next_batch_and_left_to_others(world: World) -> None:
    """An idle connection serves the next batch; where all are taken, it is ended for another receiver."""
    first, second = world.serve("127.0.0.2"), world.serve("127.0.0.3")
    world.domain("one.example", "127.0.0.2")
    world.domain("two.example", "127.0.0.3")
    sent: list[Outgoing] = []

    def batches() -> Iterator[list[Outgoing]]:
        for domain in ("one.example", "one.example", "two.example", "one.example"):
            # Long enough for the engine to look after its connections on the way.
            mails = [Outgoing(len(sent) + number, "", f"r{number}@{domain}", BODY) for number in range(1, 250)]
            sent.extend(mails)
            yield mails

    ledger = MemoryLedger()
    direct = world.setup(most_connections=1)
    send_batches(batches(), ROUTE, ledger, connections=1, window=64, timeouts=PATIENT, direct=direct)
    assert Counter(ledger.results()) == {Result.ACCEPTED: len(sent)}
    assert (len(first.accepted), len(second.accepted)) == (3 * 249, 249)
    assert first.connections <= 2
    assert second.connections == 1


def test_server_that_takes_fewer_connections_keeps_those_it_took(world: World) -> None:
    world.serve("127.0.0.2", [Fault(Phase.GREETING, Say(b"421 4.7.0 too many\r\n", close=True), skip=1)])
    world.domain("one.example", "127.0.0.2")
    slow = MemoryLedger(before_fence=lambda ids: time.sleep(0.01))
    assert Counter(world.send(to("one.example", 60), ledger=slow).results()) == {Result.ACCEPTED: 60}


def test_limits_are_those_of_the_provider_behind_the_servers() -> None:
    google = limits_of(["aspmx.l.google.com", "alt1.aspmx.l.google.com"])
    assert google.group == limits_of(["gmail-smtp-in.l.google.com"]).group == "gmail"
    assert limits_of(["mx.shop.example"]).group == "mx.shop.example"
    assert limits_of(["mx.shop.example"]).connections >= 1


# Slow and dead receivers


@pytest.mark.parametrize(("processes", "most"), [(1, 5), (2, 2), (5, 1), (20, 1)])
def test_a_providers_connections_are_those_of_all_processes_together(
    settings: Settings, processes: int, most: int
) -> None:
    """Each process has its part of them, also where the mails of several lanes lead to one provider."""
    settings.SEND_PROCESSES = processes
    assert limits_of(["aspmx.l.google.com"]).connections == most


def test_dead_receiver_does_not_keep_the_others_waiting(world: World) -> None:
    world.serve("127.0.0.2", [Fault(Phase.GREETING, Hang())])
    quick = world.serve("127.0.0.3")
    world.domain("dead.example", "127.0.0.2")
    world.domain("quick.example", "127.0.0.3")
    accepted_first: list[int] = []
    ledger = MemoryLedger()
    ledger.before_record = lambda outcomes: accepted_first.extend(outcome.id for outcome in outcomes)
    recipients = [*to("dead.example", 150), *to("quick.example", 200)]
    world.send(recipients, ledger=ledger, timeouts=replace(PATIENT, greeting=1))
    assert Counter(ledger.results()) == {Result.DEFERRED: 150, Result.ACCEPTED: 200}
    assert len(quick.accepted) == 200
    # All of the quick ones were done before the dead server was given up.
    assert set(accepted_first[:200]) == set(range(151, 351))


def test_what_is_not_begun_when_the_time_is_over_is_untouched(world: World) -> None:
    server = world.serve("127.0.0.2")
    world.domain("one.example", "127.0.0.2")
    slow = MemoryLedger(before_fence=lambda ids: time.sleep(0.05))
    ledger = world.send(to("one.example", 300), connections=1, deadline=2, ledger=slow)
    counts = Counter(ledger.results())
    assert set(counts) == {Result.ACCEPTED, Result.UNTOUCHED}
    assert counts[Result.ACCEPTED] == len(server.accepted) > 0


def test_lookup_that_lasts_longer_than_the_time_is_untouched(world: World) -> None:
    world.zones.silent.add("silent.example")
    patient = MxResolver([world.zones.address], server_timeout=5, question_timeout=5)
    ledger = world.send(to("silent.example", 3), deadline=0.2, direct=world.setup(resolver=patient))
    assert ledger.results() == [Result.UNTOUCHED] * 3


def test_server_that_hangs_on_a_used_connection_when_the_time_is_over(world: World) -> None:
    world.serve("127.0.0.2", [Fault(Phase.RCPT, Hang(), skip=1)], features=())
    world.domain("one.example", "127.0.0.2")
    ledger = world.send(to("one.example", 3), connections=1, deadline=1, timeouts=IMPATIENT)
    assert ledger.outcomes[1].result is Result.ACCEPTED
    assert {ledger.outcomes[2].result, ledger.outcomes[3].result} <= {Result.DEFERRED, Result.UNTOUCHED}


@pytest.mark.parametrize("before", [0, 1])
def test_receiver_that_holds_up_a_turn_at_the_dot_is_left_alone_for_longer(world: World, before: int) -> None:
    """One hostile domain of many recipients would otherwise keep every process waiting for most of the time."""
    server = world.serve("127.0.0.2", [Fault(Phase.DOT, Hang(), skip=before)], features=())
    world.domain("one.example", "127.0.0.2")
    moment = 0.0
    direct = world.setup(resting=Resting(clock=lambda: moment))
    ledger = world.send(to("one.example", before + 1), connections=1, deadline=1, timeouts=LATE_DOT, direct=direct)
    assert ledger.outcomes[before + 1].result is Result.DOUBT
    connections = server.connections
    moment = 1800.0
    assert world.send(to("one.example", 2), direct=direct).results() == [Result.DEFERRED] * 2
    assert server.connections == connections
    moment = 7200.0
    world.send(to("one.example", 1), timeouts=IMPATIENT, direct=direct)
    assert server.connections > connections


# TLS


def test_uses_tls_where_it_is_offered(world: World, tmp_path: object) -> None:
    tls = server_context(make_certificate(tmp_path))
    with_tls = world.serve("127.0.0.2", features=("PIPELINING", "STARTTLS"), tls=tls)
    without = world.serve("127.0.0.3")
    world.domain("tls.example", "127.0.0.2")
    world.domain("clear.example", "127.0.0.3")
    route = replace(ROUTE, security="opportunistic")
    assert world.send(["a@tls.example", "a@clear.example"], route=route).results() == [Result.ACCEPTED] * 2
    assert b"STARTTLS\r\n" in with_tls.commands
    assert b"STARTTLS\r\n" not in without.commands


def test_certificate_that_is_wanted_must_name_the_server(world: World, tmp_path: object) -> None:
    world.serve("127.0.0.2", features=("STARTTLS",), tls=server_context(make_certificate(tmp_path)))
    world.domain("tls.example", "127.0.0.2")
    ledger = world.send(["a@tls.example"], route=replace(ROUTE, security="starttls"))
    assert ledger.results() == [Result.DEFERRED]
    assert (ledger.outcomes[1].phase, ledger.outcomes[1].host) == (Phase.STARTTLS, "mx-127-0-0-2.example")


def test_machine_knows_whether_it_has_a_route() -> None:
    assert has_route() in (True, False)
