"""Looks at every branch of an SPF record, whatever the sending address: look-ups, faults, what it lets pass (RFC 7208)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from senders.dns import Absent, Answer, CouldNotAsk, Found, RecordType, Resolver
from senders.spf import is_spf
from senders.spf_evaluation import Stop, fit, read_record
from senders.spf_macros import MacroFacts, expand, find_letters
from senders.spf_record import Mechanism, Record, is_domain_name
from senders.spf_report import LIMITS, SpfFault, Trouble, not_answered

# So many look-ups are counted: records that name each other have no end.
COUNT_LIMIT = 40
# Macros that are the same for every mail of a domain.
FIXED_MACROS = frozenset("do")


@dataclass(frozen=True, slots=True)
class Node:
    """One record of the tree. `term` is the word that led here, empty at the top; `text` is empty where there is none.

    `lookups` are those of this record and of all below it.
    """

    depth: int
    domain: str
    term: str
    text: str
    lookups: int = 0


@dataclass(frozen=True, slots=True)
class SpfAudit:
    """What a domain's record needs and lets pass.

    `texts` are the SPF records of the domain itself. `lookups` is the most that an evaluation can need (COUNT_LIMIT =
    that or more), `voids` the number of words that name nothing. `reaches` are the domains whose pass is a pass of this
    domain, over include or redirect, `open_at` those that let the whole world pass, `uses_ptr` those with a "ptr".
    `unanswered` are the questions that could not be asked (SpfFault.DNS, BUDGET), which make all figures lower bounds. `ttl` is
    that of the domain's own answer in seconds, None where it could not be asked.
    """

    domain: str
    texts: tuple[str, ...]
    lookups: int
    voids: int
    troubles: tuple[Trouble, ...]
    unanswered: tuple[Trouble, ...]
    nodes: tuple[Node, ...]
    reaches: frozenset[str]
    open_at: tuple[str, ...]
    uses_ptr: tuple[str, ...]
    ttl: int | None = None


def audit(domain: str, resolver: Resolver) -> SpfAudit:
    """Look at the record that a domain publishes; that there is none is no trouble here."""
    answer = resolver.find_txt(domain)
    walk = Walk(domain, resolver)
    walk.visit(answer, (domain,), "", is_open=True)
    return walk.result(spf_texts(answer), None if isinstance(answer, CouldNotAsk) else answer.ttl)


def audit_record(domain: str, text: str, resolver: Resolver) -> SpfAudit:
    """Look at a record before it is published."""
    walk = Walk(domain, resolver)
    walk.visit(Found((text,)), (domain,), "", is_open=True)
    return walk.result((text,), None)


def spf_texts(answer: Answer) -> tuple[str, ...]:
    """Return the SPF records among the TXT records of an answer."""
    return tuple(text for text in answer.values if is_spf(text)) if isinstance(answer, Found) else ()


@dataclass(slots=True)
class Walk:
    """The state of one audit."""

    domain: str
    resolver: Resolver
    lookups: int = 0
    voids: list[Trouble] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    unanswered: list[Trouble] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    reaches: set[str] = field(default_factory=set)
    open_at: list[str] = field(default_factory=list)
    uses_ptr: list[str] = field(default_factory=list)

    def result(self, texts: tuple[str, ...], ttl: int | None) -> SpfAudit:
        """Return what was seen, the limits of the whole judged too (RFC 7208 section 4.6.4)."""
        troubles = list(self.troubles)
        if self.lookups > LIMITS.lookups:
            troubles.append(Trouble(SpfFault.LOOKUPS, self.domain, path=(self.domain,)))
        return SpfAudit(
            domain=self.domain,
            texts=texts,
            lookups=self.lookups,
            voids=len(self.voids),
            # The first void look-up that is one too many.
            troubles=tuple(dict.fromkeys([*troubles, *self.voids[LIMITS.voids :][:1]])),
            unanswered=tuple(dict.fromkeys(self.unanswered)),
            nodes=tuple(self.nodes),
            reaches=frozenset(self.reaches),
            open_at=tuple(dict.fromkeys(self.open_at)),
            uses_ptr=tuple(dict.fromkeys(self.uses_ptr)),
            ttl=ttl,
        )

    def visit(self, answer: Answer, path: tuple[str, ...], term: str, *, is_open: bool) -> bool:
        """Look at the record in an answer; False where there is none. `is_open` = what passes here passes at the top."""
        domain, texts = path[-1], spf_texts(answer)
        if isinstance(answer, CouldNotAsk):
            self.unanswered.append(not_answered(answer, domain, term, path=path))
        at, before = len(self.nodes), self.lookups
        self.nodes.append(Node(len(path) - 1, domain, term, "\n".join(texts)))
        if texts:
            try:
                self.look_at_all(read_record(texts, path), path, is_open=is_open)
            except Stop as stop:
                self.troubles.append(stop.trouble)
        self.nodes[at] = replace(self.nodes[at], lookups=self.lookups - before)
        return bool(texts) or isinstance(answer, CouldNotAsk)

    def look_at_all(self, record: Record, path: tuple[str, ...], *, is_open: bool) -> None:
        """Look at all words of a record that have an effect."""
        for mechanism in record.effective():
            passes = is_open and mechanism.qualifier == "+"
            if self.lookups >= COUNT_LIMIT:
                return
            self.lookups += mechanism.asks()
            if mechanism.name == "include":
                self.descend(mechanism.text, mechanism.spec, path, SpfFault.INCLUDE_NONE, is_open=passes)
            elif mechanism.name in LOOKS:
                LOOKS[mechanism.name](self, mechanism, path)
            elif passes and (mechanism.network is None or mechanism.network.prefixlen == 0):
                self.open_at.append(path[-1])
        if record.follows_redirect() and self.lookups < COUNT_LIMIT:
            self.lookups += 1
            self.descend(f"redirect={record.redirect}", record.redirect, path, SpfFault.REDIRECT_NONE, is_open=is_open)

    def descend(self, term: str, spec: str, path: tuple[str, ...], fault: SpfFault, *, is_open: bool) -> None:
        """Look at the record that a word names; `fault` is what it is where there is none."""
        target = self.find_target(spec, path)
        if target is None:
            return
        below = (*path, target)
        if target in path:
            self.troubles.append(Trouble(SpfFault.LOOP, target, term, path=below))
            return
        if is_open:
            self.reaches.add(target)
        answer = self.resolver.find_txt(target) if is_domain_name(target) else Absent()
        if not self.visit(answer, below, term, is_open=is_open):
            self.troubles.append(Trouble(fault, target, term, path=below))

    def look_at_addresses(self, mechanism: Mechanism, path: tuple[str, ...]) -> None:
        """Look whether the name of an "a" has an address, of whatever family."""
        if not self.ask(mechanism, path, RecordType.A) and not self.ask(mechanism, path, RecordType.AAAA):
            self.count_void(mechanism, path)

    def look_at_hosts(self, mechanism: Mechanism, path: tuple[str, ...]) -> None:
        """Look at the MX records that an "mx" names."""
        hosts = self.ask(mechanism, path, RecordType.MX)
        if not hosts:
            self.count_void(mechanism, path)
        if len(hosts) > LIMITS.hosts:
            self.troubles.append(Trouble(SpfFault.MX_LIMIT, path[-1], mechanism.text, path=path))

    def look_at_existence(self, mechanism: Mechanism, path: tuple[str, ...]) -> None:
        """Look whether the name of an "exists" does, where that does not depend on the mail."""
        if not self.ask(mechanism, path, RecordType.A):
            self.count_void(mechanism, path)

    def note_ptr(self, _mechanism: Mechanism, path: tuple[str, ...]) -> None:
        """Note a "ptr": what it asks depends on the address."""
        self.uses_ptr.append(path[-1])

    def ask(self, mechanism: Mechanism, path: tuple[str, ...], kind: RecordType) -> tuple[str, ...]:
        """Return the records of the name of a mechanism; the word itself where they cannot be known, which is no void."""
        target = self.find_target(mechanism.spec, path)
        if target is None:
            return (mechanism.text,)
        answer = self.resolver.find(target, kind) if is_domain_name(target) else Absent()
        if isinstance(answer, CouldNotAsk):
            self.unanswered.append(not_answered(answer, target, mechanism.text, path=path))
            return (mechanism.text,)
        return answer.values if isinstance(answer, Found) else ()

    def count_void(self, mechanism: Mechanism, path: tuple[str, ...]) -> None:
        """Keep a word that names nothing."""
        self.voids.append(Trouble(SpfFault.VOIDS, path[-1], mechanism.text, path=path))

    def find_target(self, spec: str, path: tuple[str, ...]) -> str | None:
        """Return the name that a word names; None where that depends on the mail."""
        if not spec:
            return path[-1]
        if not find_letters(spec) <= FIXED_MACROS:
            return None
        facts = MacroFacts(IPv4Address(0), "", self.domain, path[-1], helo="", find_name=str)
        return fit(expand(spec, facts))


LOOKS: dict[str, Callable[[Walk, Mechanism, tuple[str, ...]], None]] = {
    "a": Walk.look_at_addresses,
    "mx": Walk.look_at_hosts,
    "exists": Walk.look_at_existence,
    "ptr": Walk.note_ptr,
}
