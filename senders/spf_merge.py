"""Proposes the one SPF record to publish: what a domain has already, made readable, and our include (D1, A5)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from senders import spf
from senders.dns import Absent, RecordType, Resolver
from senders.spf_audit import audit_record
from senders.spf_record import SpfSyntaxError, parse
from senders.spf_report import LIMITS, SpfFault

# Where nothing is set yet: the domain's own servers, and doubt about all others (D1).
FIRST_TERMS = ("a", "mx")
DEFAULT_ALL = "~all"
# Of several records none counts today, so the one that refuses least is kept; "+all" becomes "~all".
MILDEST = ("?all", "~all", "all", "+all", "-all")
# One character-string of a TXT record holds so many octets; with more than the second figure the answer to a question
# may not fit into one UDP packet (RFC 7208 section 3.4).
STRING_LIMIT = 255
ANSWER_LIMIT = 450
# What people put before an address: another mechanism, no mechanism, "=" for ":".
ADDRESS_PREFIX = re.compile(r"(?P<qualifier>[+?~-]?)(?:(?:ip|ipv4|ipv6|ip4|ip6|a|mx)[:=])?", re.IGNORECASE)
MODIFIER_WITH_COLON = re.compile(r"^(redirect|exp):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Change:
    """A word of today's records that the proposal leaves out or writes otherwise, and why, for people."""

    word: str
    why: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A record to publish, valid by RFC 7208.

    `lookups` are the questions that it needs, those of its own words only where no resolver was given; `warnings` are
    sentences for people.
    """

    value: str
    changes: tuple[Change, ...]
    lookups: int
    warnings: tuple[str, ...]


def propose(records: Sequence[str], *, include: str, domain: str, resolver: Resolver | None = None) -> Proposal:
    """Return the one record to publish in place of `records`, which are the SPF records that a domain has.

    Nobody who may send now is dropped. Two or more records become one (RFC 7208 section 4.5); words that nobody can
    read, which make today's record void, are mended where it is clear what was meant. `include` is the setting
    SPF_INCLUDE, empty where none is asked for; the domain that it names gets none.
    """
    texts = find_texts(records)
    target = spf.include_target(include)
    draft = Draft(target="" if target == domain else target)
    for text in texts:
        draft.add(text)
    if not texts:
        draft.kept = [word for word in FIRST_TERMS if not is_absent(word, domain, resolver)]
    value = draft.compose()
    return Proposal(value, tuple(draft.changes), *weigh(value, domain, resolver, draft.warnings))


def find_texts(records: Sequence[str]) -> list[str]:
    """Return the SPF records among some, in an order that does not depend on that of the answer.

    Those pasted with quotation marks have no effect: they count only where there is no other.
    """
    return sorted(filter(spf.is_spf, records)) or sorted(
        text for text in (record.strip(spf.WRAPPING) for record in records) if spf.is_spf(text)
    )


@dataclass(slots=True)
class Draft:
    """The words of the record to come. `target` is the domain of our include, empty where none is asked for."""

    target: str
    kept: list[str] = field(default_factory=list)
    alls: list[str] = field(default_factory=list)
    redirects: list[str] = field(default_factory=list)
    exps: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Take in the words of one record."""
        terms = [spf.parse_term(word) for word in self.read_words(text)]
        has_all = any(term.is_all() for term in terms)
        is_behind_all = False
        for term in terms:
            if term.is_redirect() and has_all:
                self.changes.append(Change(term.text, _("「all」と一緒に書かれた redirect は使われません。")))
            elif is_behind_all and not term.is_all() and not term.is_modifier:
                self.warnings.append(
                    _("「%(word)s」は「all」の後ろにあるため今は使われていません。「all」の前に移しました。")
                    % {"word": term.text}
                )
                self.keep(term)
            else:
                self.keep(term)
            is_behind_all = is_behind_all or term.is_all()

    def read_words(self, text: str) -> Iterator[str]:
        """Return the words of a record that can be read, or that could be mended."""
        words = [word for word in text.split(" ")[1:] if word]
        while words:
            word = words.pop(0)
            if is_readable(word):
                yield word
                continue
            meant = mend(word)
            # "include: spf.example" is one word with a space in it.
            if not meant and word.endswith(":") and words and (meant := mend(word + words[0])):
                word = f"{word} {words.pop(0)}"
            if meant:
                self.changes.append(
                    Change(word, _("「%(meant)s」の書き誤りとみて直しました。") % {"meant": meant[:80]})
                )
                yield meant
            else:
                self.changes.append(Change(word, _("読み取れないため、SPF 全体が無効になる原因です。")))

    def keep(self, term: spf.Term) -> None:
        """Put a word where it belongs; each word once."""
        if term.is_all():
            self.alls.append(term.text)
        elif term.is_redirect():
            self.redirects.append(term.value)
        elif term.is_modifier and term.name == "exp":
            self.exps.append(term.text)
        elif self.is_ours(term) and term.qualifier != "+":
            self.changes.append(Change(term.text, _("このままでは当サービスからの送信が認められません。")))
        else:
            self.kept.append(term.text)

    def is_ours(self, term: spf.Term) -> bool:
        """Say whether a word includes our target, whatever its qualifier."""
        return bool(self.target) and term.name == "include" and spf.normal_domain(term.value) == self.target

    def compose(self) -> str:
        """Return the record: what was kept, our include, and one ending."""
        ending = self.find_ending()
        if self.target and not any(self.is_ours(spf.parse_term(word)) for word in self.kept):
            self.kept.append(f"include:{self.target}")
        # Each word once, as it was first written.
        first = {word.lower(): word for word in reversed(self.kept)}
        self.kept = [word for word in self.kept if first.pop(word.lower(), None) is not None]
        for word in self.exps[1:]:
            self.changes.append(Change(word, _("exp は1つしか書けません。はじめのものを残しました。")))
        return " ".join([spf.VERSION, *self.kept, ending, *self.exps[:1]])

    def find_ending(self) -> str:
        """Return the mildest `all`, else the only redirect, else "~all"; other redirects become includes."""
        different = list(dict.fromkeys(self.redirects))
        if not self.alls and len(different) == 1:
            return f"redirect={different[0]}"
        for name in different:
            self.changes.append(
                Change(
                    f"redirect={name}",
                    _("1つにまとめるため「include:%(name)s」に書き換えました。") % {"name": name[:80]},
                )
            )
            self.keep(spf.parse_term(f"include:{name}"))
        endings = sorted({word.lower() for word in self.alls}, key=MILDEST.index) or [DEFAULT_ALL]
        for word in endings[1:]:
            self.changes.append(
                Change(word, _("all は1つにします。いちばんゆるい「%(kept)s」を残しました。") % {"kept": endings[0]})
            )
        if endings[0] in ("all", "+all"):
            self.changes.append(Change(endings[0], _("世界中のどのサーバーからの送信も許すため「~all」に変えました。")))
            return DEFAULT_ALL
        return endings[0]


def is_readable(word: str) -> bool:
    """Say whether a word is valid by itself; the name of a mechanism with "=" is a modifier without effect."""
    term = spf.parse_term(word)
    if term.is_modifier and term.name in spf.MECHANISMS:
        return False
    try:
        parse(f"{spf.VERSION} {word}")
    except SpfSyntaxError:
        return False
    return True


def mend(word: str) -> str:
    """Return what an unreadable word was surely meant to be; empty where nobody can tell."""
    word = word.strip(",;\"'")
    candidates = (
        word,
        word.replace("=", ":", 1),
        MODIFIER_WITH_COLON.sub(r"\1=", word),
        *(ADDRESS_PREFIX.sub(rf"\g<qualifier>{name}:", word, count=1) for name in ("ip4", "ip6")),
    )
    return next((candidate for candidate in candidates if candidate and is_readable(candidate)), "")


def is_absent(word: str, domain: str, resolver: Resolver | None) -> bool:
    """Say whether a word of the first record, "a" or "mx", would name nothing: that costs a void look-up."""
    if resolver is None:
        return False
    kinds = (RecordType.MX,) if word == "mx" else (RecordType.A, RecordType.AAAA)
    return all(isinstance(resolver.find(domain, kind), Absent) for kind in kinds)


def weigh(value: str, domain: str, resolver: Resolver | None, warnings: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Return the look-ups that a record needs, and what else people must know about it."""
    warnings = list(warnings)
    if resolver is None:
        record = parse(value)
        lookups = sum(mechanism.asks() for mechanism in record.effective()) + record.follows_redirect()
    else:
        audit = audit_record(domain, value, resolver)
        lookups = audit.lookups
        for trouble in audit.troubles:
            if trouble.fault == SpfFault.INCLUDE_NONE:
                warnings.append(
                    _("%(name)s に SPF レコードがありません。使っていなければ「%(term)s」を取り除いてください。")
                    % {"name": trouble.at[:80], "term": trouble.term[:80]}
                )
    if lookups > LIMITS.lookups:
        warnings.append(
            _(
                "DNS への問い合わせが %(count)d 回になり、上限の 10 回を超えます。使っていない include などを取り除いてください。"
            )
            % {"count": lookups}
        )
    if len(value) > ANSWER_LIMIT:
        warnings.append(_("450文字を超えています。長い SPF レコードは受信側で読み取れないことがあります。"))
    elif len(value) > STRING_LIMIT:
        warnings.append(_("255文字を超えています。1つの TXT レコードの中で、255文字以内ずつに分けて登録してください。"))
    return lookups, tuple(warnings)
