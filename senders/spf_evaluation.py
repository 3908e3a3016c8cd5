"""Evaluates SPF for one sending address as a receiver does (RFC 7208 check_host), and tells each step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from senders.dns import Absent, CouldNotAsk, Found, RecordType, Resolver
from senders.spf import is_spf
from senders.spf_macros import MacroError, MacroFacts, expand
from senders.spf_record import NAME_LIMIT, Mechanism, Record, SpfSyntaxError, is_domain_name, parse
from senders.spf_report import (
    LIMITS,
    UNANSWERED,
    Limits,
    SpfFault,
    SpfReport,
    SpfResult,
    Step,
    Trouble,
    not_answered,
)

Address = IPv4Address | IPv6Address

UNKNOWN_NAME = "unknown"


RESULTS = {"+": SpfResult.PASS, "-": SpfResult.FAIL, "~": SpfResult.SOFTFAIL, "?": SpfResult.NEUTRAL}


def check_host(
    ip: Address,
    domain: str,
    sender: str,
    *,
    helo: str,
    resolver: Resolver,
    limits: Limits = LIMITS,
    timestamp: int = 0,
    explains: bool = False,
) -> SpfReport:
    """Return whether `ip` may send as `domain` (RFC 7208 section 4).

    `sender` is the address of MAIL FROM, whose domain need not be `domain`; a missing local part is "postmaster".
    `timestamp` in seconds is what the macro "t" stands for, `explains` = ask for the explanation of a fail too. Of time there is as much as the resolver grants: what it
    does not answer is a temporary error.
    """
    local_part, _at, sender_domain = sender.rpartition("@")
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    evaluation = Evaluation(
        ip=mapped or ip,
        local_part=local_part or "postmaster",
        sender_domain=sender_domain,
        helo=helo,
        resolver=resolver,
        limits=limits,
        timestamp=timestamp,
        explains=explains,
    )
    domain = domain.lower().removesuffix(".")
    try:
        verdict = evaluation.evaluate(domain, ())
    except Stop as stop:
        result = SpfResult.TEMPERROR if stop.trouble.fault in UNANSWERED else SpfResult.PERMERROR
        return evaluation.report(domain, Verdict(result), stop.trouble)
    return evaluation.report(domain, verdict)


class Stop(Exception):
    """Ends an evaluation at once: an error anywhere is the result of the whole."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the record of one domain came to; `exp` and `domain` are those of the record that decided."""

    result: SpfResult
    matched: str = ""
    exp: str = ""
    domain: str = ""


@dataclass(slots=True)
class Evaluation:
    """The state of one evaluation over all its records."""

    ip: Address
    local_part: str
    sender_domain: str
    helo: str
    resolver: Resolver
    limits: Limits
    timestamp: int
    explains: bool
    record: str = ""
    lookups: int = 0
    voids: int = 0
    steps: list[Step] = field(default_factory=list)
    names: tuple[str, ...] | None = None

    def report(self, domain: str, verdict: Verdict, trouble: Trouble | None = None) -> SpfReport:
        """Return the report, with the explanation of a fail."""
        return SpfReport(
            verdict.result,
            domain,
            self.record,
            verdict.matched,
            trouble,
            self.lookups,
            self.voids,
            tuple(self.steps),
            self.explain(verdict) if self.explains and verdict.result == SpfResult.FAIL else "",
        )

    def evaluate(self, domain: str, path: tuple[str, ...]) -> Verdict:
        """Return what the record of a domain says of the address; raises Stop."""
        path = (*path, domain)
        record = self.find_record(domain, path)
        if record is None:
            return Verdict(SpfResult.NONE)
        for mechanism in record.effective():
            if self.matches(mechanism, path):
                return Verdict(RESULTS[mechanism.qualifier], mechanism.text, record.exp, domain)
        if not record.redirect:
            return Verdict(SpfResult.NEUTRAL)
        return self.redirect(record, path)

    def find_record(self, domain: str, path: tuple[str, ...]) -> Record | None:
        """Return the record of a domain, None where it has none (RFC 7208 sections 4.3 to 4.6)."""
        if not is_domain_name(domain) or "." not in domain or domain.startswith("["):
            return None
        answer = self.resolver.find_txt(domain)
        if isinstance(answer, CouldNotAsk):
            raise Stop(not_answered(answer, domain, path=path))
        texts = [text for text in answer.values if is_spf(text)] if isinstance(answer, Found) else []
        if not texts:
            return None
        if len(path) == 1:
            self.record = "\n".join(texts)
        return read_record(texts, path, self.limits)

    def redirect(self, record: Record, path: tuple[str, ...]) -> Verdict:
        """Return what the record that another one names says (RFC 7208 section 6.1)."""
        term = f"redirect={record.redirect}"
        self.count_lookup(term, path)
        target = self.find_target(record.redirect, path[-1])
        self.note(path, term, None, target)
        verdict = self.evaluate(target, path)
        if verdict.result == SpfResult.NONE:
            raise Stop(Trouble(SpfFault.REDIRECT_NONE, target, term, path=(*path, target)))
        return verdict

    def matches(self, mechanism: Mechanism, path: tuple[str, ...]) -> bool:
        """Say whether a mechanism matches the address, and note it."""
        if mechanism.asks():
            self.count_lookup(mechanism.text, path)
        if mechanism.name == "include":
            return self.matches_include(mechanism, path)
        if mechanism.name == "all":
            matched, note = True, ""
        elif mechanism.network is not None:
            matched, note = self.ip in mechanism.network, ""
        else:
            matched, note = MATCHERS[mechanism.name](self, mechanism, path)
        self.note(path, mechanism.text, matched, note)
        return matched

    def matches_include(self, mechanism: Mechanism, path: tuple[str, ...]) -> bool:
        """Say whether the record of another domain lets the address pass (RFC 7208 section 5.2)."""
        target = self.find_target(mechanism.spec, path[-1])
        at = len(self.steps)
        self.note(path, mechanism.text, None, target)
        result = self.evaluate(target, path).result
        if result == SpfResult.NONE:
            raise Stop(Trouble(SpfFault.INCLUDE_NONE, target, mechanism.text, path=(*path, target)))
        matched = result == SpfResult.PASS
        # The include stands before the words of the record that it names.
        if at < len(self.steps):
            self.steps[at] = Step(
                len(path) - 1, path[-1], mechanism.text, matched, self.lookups, self.voids, str(result)
            )
        return matched

    def matches_a(self, mechanism: Mechanism, path: tuple[str, ...]) -> tuple[bool, str]:
        """Compare with the addresses of a name (RFC 7208 section 5.3)."""
        values = self.ask(self.find_target(mechanism.spec, path[-1]), self.address_type(), mechanism, path)
        return any(self.is_near(value, mechanism) for value in values), ", ".join(values)

    def matches_mx(self, mechanism: Mechanism, path: tuple[str, ...]) -> tuple[bool, str]:
        """Compare with the addresses of the hosts that take mail for a name (RFC 7208 section 5.4)."""
        values = self.ask(self.find_target(mechanism.spec, path[-1]), RecordType.MX, mechanism, path)
        hosts = [value.partition(" ")[2] for value in values]
        if len(hosts) > self.limits.hosts:
            raise Stop(Trouble(SpfFault.MX_LIMIT, path[-1], mechanism.text, path=path))
        for host in hosts:
            # Hosts without an address of this family are usual: they do not count as questions without an answer.
            addresses = self.ask(host, self.address_type(), mechanism, path, is_term=False)
            if any(self.is_near(address, mechanism) for address in addresses):
                return True, host
        return False, ", ".join(hosts)

    def matches_ptr(self, mechanism: Mechanism, path: tuple[str, ...]) -> tuple[bool, str]:
        """Compare with the names of the address (RFC 7208 section 5.5)."""
        target = self.find_target(mechanism.spec, path[-1])
        names = self.find_names()
        # An error, or names that do not lead back, are no match but no void look-up (RFC 7208 sections 4.6.4, 5.5).
        if isinstance(self.resolver.find(self.ip.reverse_pointer, RecordType.PTR), Absent):
            self.count_void(mechanism.text, path)
        return any(is_within(name, target) for name in names), ", ".join(names)

    def matches_exists(self, mechanism: Mechanism, path: tuple[str, ...]) -> tuple[bool, str]:
        """Ask whether a name has an IPv4 address, whatever family the connection has (RFC 7208 section 5.7)."""
        target = self.find_target(mechanism.spec, path[-1])
        return bool(self.ask(target, RecordType.A, mechanism, path)), target

    def ask(
        self, name: str, kind: RecordType, mechanism: Mechanism, path: tuple[str, ...], *, is_term: bool = True
    ) -> tuple[str, ...]:
        """Return the records of a name; none at all counts where it is what a mechanism names itself."""
        answer = self.resolver.find(name, kind) if is_domain_name(name) else Absent()
        if isinstance(answer, CouldNotAsk):
            raise Stop(not_answered(answer, name, mechanism.text, path=path))
        if isinstance(answer, Found):
            return answer.values
        if is_term:
            self.count_void(mechanism.text, path)
        return ()

    def count_lookup(self, term: str, path: tuple[str, ...]) -> None:
        """Count a word that asks the DNS; raises Stop past the limit."""
        self.lookups += 1
        if self.lookups > self.limits.lookups:
            raise Stop(Trouble(SpfFault.LOOKUPS, path[-1], term, path=path))

    def count_void(self, term: str, path: tuple[str, ...]) -> None:
        """Count a word whose question had no answer; raises Stop past the limit."""
        self.voids += 1
        if self.voids > self.limits.voids:
            raise Stop(Trouble(SpfFault.VOIDS, path[-1], term, path=path))

    def note(self, path: tuple[str, ...], term: str, matched: bool | None, note: str) -> None:
        """Keep a step, up to the limit: a hostile record may have ten thousand words."""
        if len(self.steps) < self.limits.steps:
            self.steps.append(Step(len(path) - 1, path[-1], term, matched, self.lookups, self.voids, note))

    def find_target(self, spec: str, domain: str) -> str:
        """Return the name that a domain-spec stands for, the domain itself where there is none (RFC 7208 section 4.8)."""
        return fit(expand(spec, self.facts(domain))) if spec else domain

    def facts(self, domain: str) -> MacroFacts:
        """Return what macros stand for in the record of a domain."""
        return MacroFacts(
            ip=self.ip,
            local_part=self.local_part,
            sender_domain=self.sender_domain,
            domain=domain,
            helo=self.helo,
            find_name=lambda: self.find_name(domain),
            timestamp=self.timestamp,
        )

    def find_name(self, domain: str) -> str:
        """Return the name of the address for the macro "p": within the domain if there is one (RFC 7208 section 7.3)."""
        ordered = sorted(self.find_names(), key=lambda name: (name != domain, not is_within(name, domain)))
        return ordered[0] if ordered else UNKNOWN_NAME

    def find_names(self) -> tuple[str, ...]:
        """Return the names of the address that lead back to it; errors of the DNS mean no name (RFC 7208 section 5.5)."""
        if self.names is None:
            answer = self.resolver.find(self.ip.reverse_pointer, RecordType.PTR)
            hosts = answer.values[: self.limits.hosts] if isinstance(answer, Found) else ()
            self.names = tuple(host.lower() for host in hosts if self.leads_back(host))
        return self.names

    def leads_back(self, host: str) -> bool:
        """Say whether a name has our address."""
        answer = self.resolver.find(host, self.address_type()) if is_domain_name(host) else Absent()
        return isinstance(answer, Found) and any(ip_address(value) == self.ip for value in answer.values)

    def address_type(self) -> RecordType:
        """Return the type of record that holds addresses of the family of the connection."""
        return RecordType.A if self.ip.version == 4 else RecordType.AAAA

    def is_near(self, value: str, mechanism: Mechanism) -> bool:
        """Say whether the address is the same as another as far as the prefix of the mechanism goes."""
        prefix = mechanism.prefix4 if self.ip.version == 4 else mechanism.prefix6
        rest = self.ip.max_prefixlen - prefix
        return int(self.ip) >> rest == int(ip_address(value)) >> rest

    def explain(self, verdict: Verdict) -> str:
        """Return what the domain says about a fail, empty where it cannot be had (RFC 7208 section 6.2)."""
        if not verdict.exp:
            return ""
        name = self.find_target(verdict.exp, verdict.domain)
        answer = self.resolver.find_txt(name) if is_domain_name(name) else Absent()
        if not isinstance(answer, Found) or len(answer.values) > 1:
            return ""
        try:
            return expand(answer.values[0], self.facts(verdict.domain), is_explanation=True)
        except MacroError:
            return ""


MATCHERS: dict[str, Callable[[Evaluation, Mechanism, tuple[str, ...]], tuple[bool, str]]] = {
    "a": Evaluation.matches_a,
    "mx": Evaluation.matches_mx,
    "ptr": Evaluation.matches_ptr,
    "exists": Evaluation.matches_exists,
}


def read_record(texts: Sequence[str], path: tuple[str, ...], limits: Limits = LIMITS) -> Record:
    """Return the record among the SPF records of the last domain of a path; raises Stop where it cannot be used."""
    if len(texts) > 1:
        raise Stop(Trouble(SpfFault.MANY_RECORDS, path[-1], path=path))
    if len(texts[0]) > limits.characters:
        raise Stop(Trouble(SpfFault.LENGTH, path[-1], path=path))
    try:
        return parse(texts[0])
    except SpfSyntaxError as error:
        raise Stop(Trouble(SpfFault.SYNTAX, path[-1], error.term, error.fault, path)) from None


def fit(name: str) -> str:
    """Return an expanded name as it is asked for: without the closing dot; too long ones lose labels on the left."""
    name = name.lower().removesuffix(".")
    return name if len(name) <= NAME_LIMIT else name[-NAME_LIMIT - 1 :].partition(".")[2]


def is_within(name: str, domain: str) -> bool:
    """Say whether a name is a domain or below it."""
    return name == domain or name.endswith(f".{domain}")
