"""Says where a published record differs from the one to set: terms of SPF, tags of DKIM and DMARC, names; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from senders import spf

# Parts that are shown, and characters of each: a record of somebody hostile has thousands.
PARTS_LIMIT = 60
PART_LIMIT = 200
# What the line of a CNAME begins with beside lines of other types.
ALIAS = "CNAME "
# Characters around the place where two keys part.
AROUND = 8


class Mark(StrEnum):
    """How a part of a record stands."""

    SAME = "same"
    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"


MARK_WORDS = {
    Mark.SAME: gettext_lazy("同じ"),
    Mark.MISSING: gettext_lazy("足りない"),
    Mark.EXTRA: gettext_lazy("余分"),
    Mark.CHANGED: gettext_lazy("違う"),
}
MARK_TONES = {Mark.SAME: "muted", Mark.MISSING: "bad", Mark.EXTRA: "warn", Mark.CHANGED: "bad"}


@dataclass(frozen=True, slots=True)
class Part:
    """A term or tag: `text` as it is or should be, `note` says more of what is changed."""

    mark: Mark
    text: str
    note: str = ""

    def word(self) -> str:
        """Return the mark for people."""
        return str(MARK_WORDS[self.mark])

    def tone(self) -> str:
        """Return the tone of the mark."""
        return MARK_TONES[self.mark]


def find_difference(found: str, expected: str) -> tuple[Part, ...]:
    """Return the parts of what is to be set and of what was found (records apart by line ends), in order.

    Empty where nothing was found, where nothing is to be set, or where both say the same.
    """
    texts = found.splitlines()
    if not texts or not expected:
        return ()
    if spf.is_spf(expected):
        parts = compare_terms(texts, expected)
    elif expected.startswith("v="):
        parts = compare_tags(texts, expected)
    else:
        parts = compare_lines(texts, expected.splitlines())
    if all(part.mark is Mark.SAME for part in parts):
        return ()
    return tuple(Part(part.mark, shorten(part.text), part.note) for part in parts[:PARTS_LIMIT])


def compare_lines(found: Sequence[str], expected: Sequence[str]) -> list[Part]:
    """Compare whole values, each behind its type where there are several: a CNAME, or the MX and TXT in its place.

    Of a name with a CNAME the DNS tells what stands at its target, too: that is nothing to mend.
    """
    has_alias = found[0].startswith(ALIAS)
    found = [line for line in found if line.startswith(ALIAS) == has_alias]
    # Where only the CNAME is to be set it takes the place of everything.
    expected = [line for line in expected if line.startswith(ALIAS) == has_alias] or expected
    known = [spf.normal_domain(line) for line in found]
    wanted = [spf.normal_domain(line) for line in expected]
    parts = [
        Part(Mark.SAME if name in known else Mark.MISSING, line) for line, name in zip(expected, wanted, strict=True)
    ]
    return parts + [Part(Mark.EXTRA, line) for line, name in zip(found, known, strict=True) if name not in wanted]


def compare_terms(found: Sequence[str], expected: str) -> list[Part]:
    """Compare the words of SPF records; of several records all words count as there."""
    words = [word for text in found for word in text.strip(spf.WRAPPING).split()]
    there = [word.lower() for word in words]
    wanted = expected.split()
    parts = [Part(Mark.SAME if word.lower() in there else Mark.MISSING, word) for word in wanted]
    lower = {word.lower() for word in wanted}
    parts += [Part(Mark.EXTRA, word) for word in dict.fromkeys(words) if word.lower() not in lower]
    if len(found) > 1:
        # What several records have in common they repeat of necessity, and in no order.
        return parts
    for word in dict.fromkeys(wanted):
        times = there.count(word.lower())
        if times > 1:
            note = _("今は%(count)d回書かれています。1つだけ残します。") % {"count": times}
            parts.append(Part(Mark.EXTRA, word, note))
    if all(part.mark is Mark.SAME for part in parts) and there != [word.lower() for word in wanted]:
        parts.append(Part(Mark.CHANGED, expected, _("並び順を直した値です。")))
    return parts


def compare_tags(found: Sequence[str], expected: str) -> list[Part]:
    """Compare the tags of the record that comes nearest; others are superfluous."""
    wanted = read_tags(expected)
    nearest = max(found, key=lambda text: sum(read_tags(text).get(name) == value for name, value in wanted.items()))
    there = read_tags(nearest)
    parts = [compare_tag(name, value, there.get(name)) for name, value in wanted.items()]
    parts += [Part(Mark.EXTRA, write_tag(name, value)) for name, value in there.items() if name not in wanted]
    rest = list(found)
    rest.remove(nearest)
    return parts + [Part(Mark.EXTRA, text, _("同じ名前に1件だけ残します。")) for text in rest]


def compare_tag(name: str, wanted: str | None, found: str | None) -> Part:
    """Compare one tag; `found` is None where it is not there."""
    if found is None or wanted is None:
        return Part(Mark.MISSING, write_tag(name, wanted))
    if name == "p" and len(wanted) > PART_LIMIT:
        # A key may be broken by spaces (RFC 6376 section 3.6.1).
        found = "".join(found.split())
        if found != wanted:
            return Part(Mark.CHANGED, f"{name}=…", explain_key(found, wanted))
    if found == wanted:
        return Part(Mark.SAME, write_tag(name, wanted))
    if not found:
        return Part(Mark.CHANGED, write_tag(name, wanted), _("今は空です。"))
    return Part(Mark.CHANGED, write_tag(name, wanted), _("今の値は「%(found)s」です。") % {"found": shorten(found)})


def explain_key(found: str, wanted: str) -> str:
    """Return where a published key parts from ours."""
    if not found:
        return _("今は空です(失効の意味になります)。")
    if wanted.startswith(found):
        return _("はじめの%(length)d文字だけが登録されています(全体は%(all)d文字)。途中で切れています。") % {
            "length": len(found),
            "all": len(wanted),
        }
    at = next((at for at, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), len(wanted))
    if at == len(wanted):
        return _("%(length)d文字目から後ろが余分です。") % {"length": at + 1}
    start = max(0, at - AROUND)
    return _("%(at)d文字目から違います。今の値は「…%(found)s…」、設定する値は「…%(wanted)s…」です。") % {
        "at": at + 1,
        "found": found[start : at + AROUND],
        "wanted": wanted[start : at + AROUND],
    }


def read_tags(text: str) -> dict[str, str | None]:
    """Return the tags of a record however badly it is written; what has no "=" is a name without a value."""
    tags: dict[str, str | None] = {}
    for part in text.strip(spf.WRAPPING).split(";"):
        name, equals, value = part.partition("=")
        if part.strip():
            tags.setdefault(name.strip().lower() if equals else part.strip(), value.strip() if equals else None)
    return tags


def write_tag(name: str, value: str | None) -> str:
    """Return a tag as it stands in a record."""
    return name if value is None else f"{name}={value}"


def shorten(text: str) -> str:
    """Return a piece of a record that fits a line."""
    return text if len(text) <= PART_LIMIT else f"{text[: PART_LIMIT - 1]}…"
