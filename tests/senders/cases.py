"""Cases for the checks of domains, read from zone files: what the DNS says, how it fails, and the verdict expected."""

import re
from collections import defaultdict
from dataclasses import dataclass
from ipaddress import ip_address

from dnslib import QTYPE, RR, TXT

from senders.dns import DnsResolver, Resolver
from senders.dns_budget import BudgetResolver
from senders.outcomes import CheckSubject
from tests.senders.case_keys import fill_keys, read_key
from tests.senders.dns_server import STRING_LIMIT, ZONES, Fault, ZoneServer

MARK = ";!"
REPEATED = re.compile(r"\{(?P<text>[^{}]*)\*(?P<times>\d+)\}")
# Seconds: short where a case waits for an answer that never comes.
TIMEOUT, SILENT_TIMEOUT = 5.0, 0.6


@dataclass(frozen=True)
class Case:
    """One zone file. Its directives are comments ";! key: value"; a key may come several times.

    check: which check judges it · domain, include, ips, return_name, own_return, host, report_address: the subject · expect: the result
    key: of the subject, "selector rsa|ed25519 [waiting] [cname=target]"; {rsa} in a file is its p= (case_keys.py)
    advice, found, expected, line: a piece that has to be there · tone: the tone and the label of a line
    fault: "servfail|refused|silent name [type]", all types where none is named
    txt: a record that zone files cannot hold, "name text|hex value", its strings apart by "|"; "{y*60000}" repeats
    why: what the case is about. Other keys belong to the check.
    """

    name: str
    directives: dict[str, list[str]]
    zone: str

    def get(self, key: str, default: str = "") -> str:
        """Return the value of a key that comes once."""
        return self.directives.get(key, [default])[0]

    def all(self, key: str) -> list[str]:
        """Return all values of a key."""
        return self.directives.get(key, [])

    def subject(self) -> CheckSubject:
        """Return the domain as the checks see it."""
        return CheckSubject(
            domain=self.get("domain"),
            keys=tuple(map(read_key, self.all("key"))),
            return_name=self.get("return_name"),
            own_return_name=self.get("own_return"),
            include=self.get("include"),
            ips=tuple(ip_address(ip) for ip in self.get("ips").split()),
            host=self.get("host", "mta.hypermail.example"),
            report_address=self.get("report_address"),
        )

    def publish(self, server: ZoneServer) -> None:
        """Make a server answer as the case says."""
        server.records, server.faults = [], {}
        server.failing, server.silent = set(), set()
        server.add_zone(self.zone)
        for text in self.all("txt"):
            name, form, value = text.split(" ", 2)
            server.records.append(RR(name, QTYPE.TXT, rdata=TXT(read_strings(form, value)), ttl=300))
        for text in self.all("fault"):
            word, name, *kinds = text.split()
            fault = Fault(word)
            for kind in kinds or ("TXT", "A", "AAAA", "MX", "CNAME", "PTR"):
                server.faults[name, kind] = fault

    def resolver(self, server: ZoneServer) -> Resolver:
        """Return the resolver of production, asking the server."""
        is_silent = any(text.startswith(Fault.SILENT) for text in self.all("fault"))
        seconds = SILENT_TIMEOUT if is_silent else TIMEOUT
        inner = DnsResolver([server.address], server_timeout=seconds, question_timeout=seconds)
        return BudgetResolver(inner, seconds=60.0)


def read_strings(form: str, value: str) -> list[bytes]:
    """Return the character-strings of a TXT record."""
    if form == "hex":
        return [bytes.fromhex(part) for part in value.split("|")]
    value = REPEATED.sub(lambda match: match["text"] * int(match["times"]), value)
    strings = [part.encode() for part in value.split("|")]
    return [string[at : at + STRING_LIMIT] for string in strings for at in range(0, len(string) or 1, STRING_LIMIT)]


def read_case(name: str) -> Case:
    """Return the case of a file."""
    directives: dict[str, list[str]] = defaultdict(list)
    lines = fill_keys((ZONES / f"{name}.zone").read_text(encoding="utf-8")).splitlines()
    for line in lines:
        if line.startswith(MARK):
            key, _colon, value = line.removeprefix(MARK).partition(":")
            directives[key.strip()].append(value.strip())
    return Case(name, dict(directives), "\n".join(line for line in lines if not line.startswith(";")))


def read_cases() -> list[Case]:
    """Return all files that are cases."""
    cases = [read_case(path.stem) for path in sorted(ZONES.glob("*.zone"))]
    return [case for case in cases if case.get("check")]
