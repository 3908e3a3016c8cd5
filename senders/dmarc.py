"""Finds the DMARC policy of a domain and its Organizational Domain by the DNS Tree Walk (RFC 9989 section 4.10)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from senders.dns import Absent, CouldNotAsk, Found, RecordType, Resolver

# A longer name is cut to so many labels after the first question, so that eight questions are the most (section 4.10).
MOST_LABELS = 8
CUT_LABELS = 7
# The first tag of a record: nothing stands before it (section 4.8).
VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*")
POLICY_TAGS = ("p", "sp", "np")


class Policy(StrEnum):
    """What the owner of a domain asks receivers to do with mail that fails (section 4.7)."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


WEAKER = {Policy.NONE: Policy.NONE, Policy.QUARANTINE: Policy.NONE, Policy.REJECT: Policy.QUARANTINE}


class Psd(StrEnum):
    """Whether a record is one of a Public Suffix Domain (section 4.7)."""

    YES = "y"
    NO = "n"
    UNKNOWN = "u"


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A DMARC record that receivers can use. `sp` and `np` are what holds where the record does not say it itself.

    `has_policy` = p= is there; `unreadable` are the policies that cannot be read, as written, which make the whole record
    count as p=none; `repeated` names the tags that come twice, of which the first counts here; `wrong_tags` are no tags.
    """

    text: str
    p: Policy
    sp: Policy
    np: Policy
    has_policy: bool
    is_strict_dkim: bool
    is_strict_spf: bool
    psd: Psd
    is_testing: bool
    rua: tuple[str, ...]
    unreadable: tuple[str, ...]
    repeated: tuple[str, ...]
    wrong_tags: tuple[str, ...]


def is_dmarc(text: str) -> bool:
    """Say whether a TXT record is a DMARC record: its first tag is v=DMARC1, in capitals (RFC 9989 section 4.7)."""
    return VERSION.fullmatch(text.partition(";")[0]) is not None


def is_almost_dmarc(text: str) -> bool:
    """Say whether a TXT record is meant to be a DMARC record, pasted with quotation marks or misspelled as it may be."""
    return re.match(r"[\s\"'“”]*v\s*=\s*dmarc", text, re.IGNORECASE) is not None


def parse(text: str) -> DmarcRecord | None:
    """Return a record as receivers read it, or None where it is none that they use.

    What is no tag is passed over. Where a policy cannot be read, the record counts as p=none if it names a place for
    reports, else not at all (RFC 9989 section 4.10.1).
    """
    if not is_dmarc(text):
        return None
    tags, repeated, wrong = read_tags(text)
    policies = {name: tags[name].lower() for name in POLICY_TAGS if name in tags}
    unreadable = [f"{name}={tags[name]}" for name, value in policies.items() if value not in set(Policy)]
    rua = tuple(uri.strip() for uri in tags.get("rua", "").split(",") if uri.strip().lower().startswith("mailto:"))
    if unreadable and not rua:
        return None
    if unreadable:
        policies = {"p": "none"}
    p = Policy(policies.get("p", "none"))
    sp = Policy(policies.get("sp", p))
    psd = tags.get("psd", "u").lower()
    return DmarcRecord(
        text=text,
        p=p,
        sp=sp,
        np=Policy(policies.get("np", sp)),
        has_policy="p" in tags,
        is_strict_dkim=tags.get("adkim", "r").lower() == "s",
        is_strict_spf=tags.get("aspf", "r").lower() == "s",
        psd=Psd(psd) if psd in set(Psd) else Psd.UNKNOWN,
        is_testing=tags.get("t", "n").lower() == "y",
        rua=rua,
        unreadable=tuple(unreadable),
        repeated=tuple(dict.fromkeys(repeated)),
        wrong_tags=tuple(wrong),
    )


def read_tags(text: str) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the tags of a record, the first of each name, the names that come again, and what is no tag."""
    tags: dict[str, str] = {}
    repeated: list[str] = []
    wrong: list[str] = []
    for part in text.split(";"):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        if not (equals and name.isalnum()):
            wrong.append(part.strip())
        elif name.lower() in tags:
            repeated.append(name.lower())
        else:
            tags[name.lower()] = value
    return tags, repeated, wrong


@dataclass(frozen=True, slots=True)
class Place:
    """One name of a walk: the domain, the TXT records at _dmarc below it, and the DMARC record that is usable.

    Of several records at one name none counts (RFC 9989 section 4.10).
    """

    domain: str
    texts: tuple[str, ...]
    record: DmarcRecord | None

    def dmarc_texts(self) -> list[str]:
        """Return those of the TXT records that are meant to be DMARC records."""
        return [text for text in self.texts if is_dmarc(text)]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a walk found.

    `record` is the one that speaks for the author domain, at `policy_domain`, and `policy` what it asks for; they are None,
    "" and None where there is none. `could_not_ask` is why the walk ended without an answer: then the rest is what was
    found up to there.
    """

    author: str
    places: tuple[Place, ...]
    organizational_domain: str
    record: DmarcRecord | None
    policy_domain: str
    policy: Policy | None
    ttl: int | None
    could_not_ask: CouldNotAsk | None = None


def walk_names(domain: str) -> Iterator[str]:
    """Yield the domains at which a walk looks: the domain itself, then its parents up to the top one, at most eight."""
    yield domain
    labels = domain.split(".")
    rest = labels[-CUT_LABELS:] if len(labels) > MOST_LABELS else labels[1:]
    while rest:
        yield ".".join(rest)
        rest = rest[1:]


def discover(domain: str, resolver: Resolver) -> Discovery:
    """Return the policy that holds for mail from a domain (ASCII), and its Organizational Domain."""
    places: list[Place] = []
    could_not_ask: CouldNotAsk | None = None
    ttl = None
    for name in walk_names(domain):
        answer = resolver.find_txt(f"_dmarc.{name}")
        if isinstance(answer, CouldNotAsk):
            could_not_ask = answer
            break
        if name == domain:
            ttl = answer.ttl
        place = read_place(name, answer.values if isinstance(answer, Found) else ())
        places.append(place)
        if place.record and (place.record.psd is Psd.NO or (place.record.psd is Psd.YES and name != domain)):
            break
    records = {place.domain: place.record for place in places if place.record}
    organizational = find_organizational_domain(domain, records)
    ruling = find_ruling(domain, organizational, records)
    return Discovery(
        author=domain,
        places=tuple(places),
        organizational_domain=organizational,
        record=records.get(ruling),
        policy_domain=ruling,
        policy=find_policy(domain, ruling, records[ruling], resolver) if ruling else None,
        ttl=ttl,
        could_not_ask=could_not_ask,
    )


def read_place(domain: str, texts: tuple[str, ...]) -> Place:
    """Return what the TXT records at a domain's _dmarc say."""
    candidates = [text for text in texts if is_dmarc(text)]
    return Place(domain, texts, parse(candidates[0]) if len(candidates) == 1 else None)


def find_organizational_domain(domain: str, records: Mapping[str, DmarcRecord]) -> str:
    """Return the Organizational Domain that a walk from `domain` found (RFC 9989 section 4.10.2).

    `records` are the usable ones by their domain, in the order of the walk.
    """
    for name, record in records.items():
        if record.psd is Psd.NO:
            return name
        if record.psd is Psd.YES and name != domain:
            return ".".join(domain.split(".")[-(name.count(".") + 2) :])
    return min(records, key=lambda name: name.count("."), default=domain)


def find_ruling(domain: str, organizational: str, records: Mapping[str, DmarcRecord]) -> str:
    """Return whose record rules: the domain's own, its Organizational Domain's, or the public suffix's; "" for none."""
    suffixes = (name for name, record in records.items() if record.psd is Psd.YES)
    return next((name for name in (domain, organizational, *suffixes) if name in records), "")


def find_policy(domain: str, ruling: str, record: DmarcRecord, resolver: Resolver) -> Policy:
    """Return what the ruling record asks for; in testing (t=y) that is the next weaker policy (RFC 9989 section 4.7)."""
    policy = find_written_policy(domain, ruling, record, resolver)
    return WEAKER[policy] if record.is_testing else policy


def find_written_policy(domain: str, ruling: str, record: DmarcRecord, resolver: Resolver) -> Policy:
    """Return p= of the ruling record's own domain, np= for a name that does not exist, else sp=."""
    if ruling == domain:
        return record.p
    if record.np is record.sp:
        return record.sp
    answer = resolver.find(domain, RecordType.A)
    is_nowhere = isinstance(answer, Absent) and not answer.exists
    return record.np if is_nowhere else record.sp
