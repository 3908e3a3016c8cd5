"""A real authoritative DNS server on loopback, UDP and TCP on one port, with zones from files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from textwrap import dedent

from dnslib import CLASS, QTYPE, RCODE, RR, SOA, TXT, DNSError, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, TCPServer, UDPServer

ZONES = Path(__file__).parent / "zones"
HOST = "127.0.0.1"
STRING_LIMIT = 255
CHAIN_LIMIT = 8
UDP_LIMIT = 512
# Seconds that a negative answer may be kept (RFC 2308): less than the SOA record itself may.
NEGATIVE_TTL = 90


class Fault(StrEnum):
    """How a question goes wrong on purpose."""

    SERVFAIL = "servfail"
    REFUSED = "refused"
    SILENT = "silent"


class CuttingHandler(DNSHandler):  # type: ignore[misc]
    """Cuts UDP answers at 512 octets as RFC 1035 wants, so that the asker must come again by TCP."""

    def get_reply(self, data: bytes) -> bytes:
        reply = super().get_reply(data)
        if self.protocol == "tcp" or len(reply) <= UDP_LIMIT:
            return bytes(reply)
        # dnslib's own way of cutting drops the question too, which askers take for a forged answer.
        cut = DNSRecord.parse(data).reply()
        cut.header.tc = 1
        return bytes(cut.pack())


class ZoneServer(BaseResolver):  # type: ignore[misc]
    """Answers from its records; some names fail or stay silent on purpose."""

    def __init__(self) -> None:
        self.records: list[RR] = []
        # Names that are answered with SERVFAIL, and names that are never answered.
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        # The same for one type of a name: (name, "TXT").
        self.faults: dict[tuple[str, str], Fault] = {}
        self.asked: list[str] = []
        self.port = 0

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def load(self, filename: str) -> None:
        """Add the records of a file in tests/senders/zones."""
        self.add_zone((ZONES / filename).read_text(encoding="utf-8"))

    def add_zone(self, text: str) -> None:
        """Add the records of a zone, as its file has them."""
        self.records += RR.fromZone(dedent(text))

    def publish(self, name: str, *values: str | list[bytes]) -> None:
        """Make `values` the TXT records of a name, in place of those it had."""
        self.records = [rr for rr in self.records if key(rr.rname) != name or rr.rtype != QTYPE.TXT]
        for value in values:
            octets = value.encode() if isinstance(value, str) else b""
            pieces = [octets[at : at + STRING_LIMIT] for at in range(0, len(octets), STRING_LIMIT)]
            strings = pieces if isinstance(value, str) else value
            self.records.append(RR(name, QTYPE.TXT, rdata=TXT(strings), ttl=60))

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        name = key(request.q.qname)
        self.asked.append(name)
        fault = self.faults.get((name, QTYPE[request.q.qtype]))
        if name in self.silent or fault is Fault.SILENT:
            # dnslib sends nothing where a handler raises this.
            raise DNSError("silent on purpose")
        reply = request.reply()
        if name in self.failing or fault:
            reply.header.rcode = RCODE.REFUSED if fault is Fault.REFUSED else RCODE.SERVFAIL
            return reply
        if not self.answer(reply, name, request.q.qtype):
            reply.header.rcode = RCODE.NXDOMAIN
        if not any(rr.rtype == request.q.qtype for rr in reply.rr):
            times = (1, 3600, 900, 1209600, NEGATIVE_TTL)
            soa = SOA("ns.example", "hostmaster.example", times)
            reply.add_auth(RR(name.split(".")[-1], QTYPE.SOA, rdata=soa, ttl=2 * NEGATIVE_TTL))
        return reply

    def answer(self, reply: DNSRecord, name: str, qtype: int) -> bool:
        """Add the records of a name, along its CNAMEs; False where the name does not exist."""
        exists = False
        for _step in range(CHAIN_LIMIT):
            here = [rr for rr in self.records if key(rr.rname) == name] or self.wildcards(name)
            exists = exists or bool(here)
            reply.add_answer(*[rr for rr in here if rr.rtype == qtype])
            alias = next((rr for rr in here if rr.rtype == QTYPE.CNAME), None)
            if alias is None:
                break
            reply.add_answer(alias)
            name = key(alias.rdata.label)
        return exists or any(key(rr.rname).endswith(f".{name}") for rr in self.records)

    def wildcards(self, name: str) -> list[RR]:
        """Return the records of the nearest wildcard, under the name that was asked."""
        labels = name.split(".")
        for start in range(1, len(labels)):
            owner = "*." + ".".join(labels[start:])
            if here := [rr for rr in self.records if key(rr.rname) == owner]:
                return [RR(name, rr.rtype, CLASS.IN, rr.ttl, rr.rdata) for rr in here]
        return []


def key(name: object) -> str:
    """Return a name as it is compared."""
    return str(name).removesuffix(".").lower()


def listen() -> tuple[UDPServer, TCPServer]:
    """Return servers for UDP and TCP on one port; where TCP's is taken, another port is tried."""
    for _ in range(20):
        udp = UDPServer((HOST, 0), CuttingHandler)
        try:
            return udp, TCPServer(udp.server_address, CuttingHandler)
        except OSError:
            udp.server_close()
    raise OSError("no port is free for both UDP and TCP")


@contextmanager
def serve_zones() -> Iterator[ZoneServer]:
    """Serve a new ZoneServer on a free port."""
    zones = ZoneServer()
    logger = DNSLogger(log="-recv,-send,-request,-reply,-truncated,-error,-data", logf=lambda line: None)
    udp, tcp = listen()
    zones.port = udp.server_address[1]
    threads = []
    for server in (udp, tcp):
        server.resolver = zones
        server.logger = logger
        # Then closing the server waits until each answer is given and its socket closed.
        server.daemon_threads = False
        threads.append(threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}))
        threads[-1].start()
    try:
        yield zones
    finally:
        for server, thread in zip((udp, tcp), threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
