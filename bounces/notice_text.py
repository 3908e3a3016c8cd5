"""Finds the recipients that failed in a notice written for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bounces.mime_reading import Budget
from bounces.notice_phrases import ORIGINAL_BEGINS, OTHER_ADDRESS, OUR_ADDRESS, RECIPIENT_LEAD
from bounces.parsed import ParsedRecipient
from bounces.status_fields import ADDRESS, CODE, STATUS, find_address, find_code, find_phase, finest_status

MAX_LINES = 1000
MAX_LINE = 1000
MAX_RECIPIENTS = 500
MAX_TEXT = 1000
# So short a text says nothing by itself; a lone recipient then gets what the notice says as a whole.
FEW_WORDS = 15

# "<a@example.jp>: reason" of qmail and Postfix, "a@example.jp: reason" of OpenSMTPD.
LABELLED = re.compile(r"^\s{0,8}(?:<([^<>\s]{3,320})>|([^<>\s:]{3,320}))\s{0,4}:(?:\s(.*)|$)")
# An address alone on its line, in a list or with its reason in brackets.
ALONE = re.compile(
    r"^\s{0,20}(?:[-*・\d.)]{1,4}\s{1,4}|to:\s{0,4}|[「『])?(?:[^<>@、。,.:]{0,80}<)?([^<>\s()\[\]]{1,320}@[^<>\s()\[\]:,;」』]{2,255})[>」』]?"
    r"(?:<mailto:[^<>\s]{1,320}>)?\s{0,8}([(\[].{0,500}|\.{3}.{0,500})?$",
    re.IGNORECASE,
)
# "550 5.1.1 <a@example.jp>... User unknown" of sendmail.
REPLY_ABOUT = re.compile(
    r"^\s{0,8}(?:<<< )?[45]\d\d[ -][\d. ]{0,12}<?([^<>\s]{1,320}@[^<>\s]{2,255}?)>?(?:\.\.\.|:|\s|$)"
)
# "a@example.jp Invalid Address": the address first, then what is wrong with it.
FIRST = re.compile(r"^\s{0,8}<?([^<>\s:]{1,320}@[^<>\s:,;]{2,255})>? [\[(]?[A-Za-z]{2}")
COMMAND = re.compile(r"(?i)^\s{0,8}>>> ?(.{1,300})")
ANSWER = re.compile(r"^\s{0,8}<<< ?(.{1,1000})")
SOURCE = re.compile(r"(?i)\b(?:host|remote host|server|from)[ :]+<?([a-z0-9-]+(?:\.[a-z0-9-]+)+)")


@dataclass(slots=True)
class Entry:
    """A recipient and the lines that were said about it."""

    address: str
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Reader:
    """Reads line by line; a line belongs to the recipient named last, or to the notice as a whole."""

    ours: set[str]
    entries: dict[str, Entry] = field(default_factory=dict)
    current: Entry | None = None
    common: list[str] = field(default_factory=list)
    command: str = ""

    def read(self, line: str) -> None:
        """Take one line."""
        if found := COMMAND.match(line):
            self.command = found.group(1)
            if self.command.lower().startswith("rcpt"):
                self.open(find_address(self.command), "")
            return
        if found := ANSWER.match(line):
            line = (
                f"{found.group(1)} (in reply to {self.command.partition(':')[0]})" if self.command else found.group(1)
            )
        address, text = name_recipient(line)
        if not (address and self.open(address, text)):
            self.add(line.strip())

    def open(self, address: str, text: str) -> bool:
        """Begin or go on with a recipient; False for an address that is no recipient's."""
        if not address or address.lower() in self.ours or OUR_ADDRESS.match(address):
            return False
        if address not in self.entries and len(self.entries) >= MAX_RECIPIENTS:
            return False
        self.current = self.entries.setdefault(address, Entry(address))
        if text.strip():
            self.current.lines.append(text.strip())
        return True

    def add(self, line: str) -> None:
        """Give a line to whom it belongs."""
        if line:
            (self.current.lines if self.current else self.common).append(line)


def name_recipient(line: str) -> tuple[str, str]:
    """Return the failed recipient that a line names and what it says of it, ("", "") where it names none."""
    if "@" not in line or OTHER_ADDRESS.search(line):
        return "", ""
    if found := LABELLED.match(line):
        label = find_address(found.group(1) or found.group(2))
        if label:
            return label, found.group(3) or ""
    if found := REPLY_ABOUT.match(line) or FIRST.match(line):
        return find_address(found.group(1)), line
    if found := ALONE.match(line):
        said = line if " " in line[: found.start(1)].strip() else found.group(2) or ""
        return find_address(found.group(1)), said.strip(" ()[].")
    for found in ADDRESS.finditer(line):
        before = line[: found.start()].rstrip("<'\"「『")
        if RECIPIENT_LEAD.search(f"{before.rstrip()} "):
            return find_address(found.group(0)), line
    return "", ""


def notice_lines(text: str) -> Iterator[str]:
    """Yield the lines of the notice itself, up to the returned mail, without what a reply quotes."""
    for number, line in enumerate(text.split("\n")):
        if number >= MAX_LINES or ORIGINAL_BEGINS.search(line[:MAX_LINE]):
            return
        if not line.startswith(">") or line.startswith(">>>"):
            yield line[:MAX_LINE].rstrip()


def read_text(text: str, ours: set[str], budget: Budget) -> list[ParsedRecipient]:
    """Return the recipients that a text names as failed. `ours` are lower-case addresses that are none."""
    reader = Reader(ours)
    for line in notice_lines(text):
        budget.require_time()
        reader.read(line)
    alone = len(reader.entries) == 1
    return [read_entry(entry, reader.common, alone) for entry in reader.entries.values()]


def read_entry(entry: Entry, common: list[str], alone: bool) -> ParsedRecipient:
    """Turn the lines about a recipient into what they say; a lone recipient owns the whole notice."""
    own = " ".join(entry.lines)
    lines = entry.lines if len(own) > FEW_WORDS or (own and not alone) else entry.lines + common
    text = the_reply(entry.lines) or (the_reply(common) if alone or not own else "") or " ".join(lines)
    code = find_code(text)
    source = SOURCE.search(" ".join(lines)[:2000])
    return ParsedRecipient(
        address=entry.address,
        code=code,
        status=finest_status("", text),
        text=text[:MAX_TEXT],
        host=source.group(1) if source else "",
        phase=find_phase(" ".join(lines)),
    )


def the_reply(lines: list[str]) -> str:
    """Return the server's own words among the lines: from the last that holds a code to the end, "" without one."""
    for number, line in enumerate(lines):
        if CODE.search(line) or STATUS.search(line):
            return " ".join(lines[number:])[:MAX_TEXT]
    return ""
