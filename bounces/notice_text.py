"""Finds the recipients that failed in a notice written for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from bounces.mime_reading import Budget
from bounces.notice_phrases import ORIGINAL_BEGINS, OTHER_ADDRESS, OUR_ADDRESS, RECIPIENT_LEAD, RECIPIENT_TRAIL
from bounces.parsed import ParsedRecipient
from bounces.status_fields import ADDRESS, CODE, STATUS, find_address, find_code, find_phase, finest_status, unwrap
from mta.verdicts import Phase

MAX_LINES = 1000
MAX_LINE = 1000
MAX_CHARACTERS = 100_000
# The words that name an address stand right before it.
LEAD_WINDOW = 100
MAX_ADDRESSES_IN_LINE = 10
MAX_RECIPIENTS = 100
MAX_TEXT = 1000
# So short a text says nothing by itself; a lone recipient then gets what the notice says as a whole.
FEW_WORDS = 12
# A paragraph as long as this is the reason; what follows is advice to the reader.
WHOLE_REASON = 70

# "<a@example.jp>: reason" of qmail and Postfix, "a@example.jp: reason" of OpenSMTPD.
LABELLED = re.compile(r"^\s{0,8}(?:<([^<>\s]{3,320})>|([^<>\s:]{3,320}))\s{0,4}:(?:\s(.*)|$)")
# An address alone on its line, in a list or with its reason in brackets.
ALONE = re.compile(
    r"^\s{0,20}(?:[-*・\d.)]{1,4}>?\s{1,4}|>>> ?|[「『])?(?:[^<>@、。,.:]{0,80}<)?([^<>\s()\[\]@]{1,320}@[^<>\s()\[\]:,;」』@]{2,255})[>」』]?"
    r"(?:\s{0,4}<[^<>\s]{1,330}>)?\s{0,8}([(\[].{0,500}|\.{3}.{0,500})?$",
    re.IGNORECASE,
)
# "550 5.1.1 <a@example.jp>... User unknown" of sendmail.
REPLY_ABOUT = re.compile(
    r"^\s{0,8}(?:<<< )?[45]\d\d[ -][\d. ]{0,12}<?([^<>\s@]{1,320}@[^<>\s@]{2,255}?)>?(?:\.\.\.|:|\s|$)"
)
# "a@example.jp Invalid Address": the address first, then what is wrong with it.
FIRST = re.compile(r"^\s{0,8}<?([^<>\s:@]{1,320}@[^<>\s:,;@]{2,255})>?\s{1,4}[\[(]?[A-Za-z]{2}")
# The header of the returned mail, as Exchange quotes it; the list of who failed may come after it.
TO_LINE = re.compile(r"(?i)^\s{0,20}to:\s{0,20}[^@]{0,80}@")
# The dialogue with the other server. Sendmail and Courier mark what was sent by ">>>", InterScan by "Sent <<<".
COMMAND = re.compile(
    r"(?i)^\s{0,8}(?:(?:sent )?>>>|sent <<<) ?((?:rcpt to|mail from|data|ehlo|helo|starttls|auth|quit|rset|\.$).{0,300})"
)
ANSWER = re.compile(r"(?i)^\s{0,8}(?:(?:received )?<<<|received >>>) ?(.{1,1000})")
ACCEPTED = re.compile(r"[23]\d\d\b")
# What a server says around another's reply.
INTRODUCED = re.compile(
    r"(?i)^.{0,600}?(?:responded as follows|following error message|server returned was|response was|failed with|said|replied)"
    r"\s{0,3}:\s{0,3}[\[\"']?(?=[45]\d\d[ -])"
)
# What sendmail makes of any refusal of the body.
SUMMARY = re.compile(r"(?i)554 .{0,400}service unavailable")
CONTINUED = re.compile(r"\d\d\d-")
RULE_OFF = re.compile(r"[^\w<>]{0,200}")
TRANSCRIPT = re.compile(r"(?i)^\s{0,8}-{2,} ?transcript of session")
SOURCE = re.compile(r"(?i)\b(?:host|remote host|server|from)[ :]+<?([a-z0-9-]+(?:\.[a-z0-9-]+)+)")


@dataclass(slots=True)
class Entry:
    """A recipient and the lines that were said about it."""

    address: str
    lines: list[str] = field(default_factory=list)
    # What the other server answered to RCPT, where a transcript shows it.
    answers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Reader:
    """Reads line by line; a line belongs to the recipient named last, or to the notice as a whole.

    In a transcript it is the other way round: what a program or server said stands before the recipient it is about.
    """

    ours: set[str]
    entries: dict[str, Entry] = field(default_factory=dict)
    current: Entry | None = None
    common: list[str] = field(default_factory=list)
    # What was said after the body was sent; it is about all who were accepted before.
    after_data: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    written_to: list[str] = field(default_factory=list)
    command: str = ""
    in_transcript: bool = False

    def read(self, line: str) -> None:
        """Take one line."""
        if found := COMMAND.match(line):
            self.read_command(found.group(1))
        elif found := ANSWER.match(line):
            self.read_answer(found.group(1))
        elif TRANSCRIPT.match(line):
            self.in_transcript = True
        elif TO_LINE.match(line):
            self.written_to.append(find_address(line))
            self.add(line.strip())
        else:
            self.read_words(line)

    def read_command(self, command: str) -> None:
        """Take what was sent to the other server."""
        self.command = command
        if command[:4].lower() == "rcpt":
            self.open(find_address(command))

    def read_answer(self, answer: str) -> None:
        """Take what the other server answered; what it accepted is no news."""
        verb = self.command[:4].strip().lower()
        if ACCEPTED.match(answer):
            return
        if not verb:
            self.read_words(answer)
            return
        if verb in ("data", "."):
            self.after_data.append(answer)
        elif verb == "rcpt":
            (self.current.answers if self.current else self.common).append(in_reply_to("RCPT TO", answer))
        else:
            self.pending.append(in_reply_to(self.command.partition(":")[0], answer))

    def read_words(self, line: str) -> None:
        """Take any other line."""
        address, text = name_recipient(line)
        if address and self.open(address):
            self.settle_pipelined(line)
            self.add(" ".join([*self.pending, text]).strip())
            self.pending = []
        elif self.in_transcript and line:
            self.pending.append(line.strip())
        else:
            self.add(line.strip())

    def settle_pipelined(self, line: str) -> None:
        """Give the recipient that a line of a transcript names the answer that stands before it.

        RCPT and DATA are sent together (RFC 2920), so an answer below DATA may be one to RCPT: sendmail then goes on
        with a line about the recipient, and only "Service unavailable" means that the body was refused.
        """
        if self.current and self.in_transcript and self.after_data and not SUMMARY.match(line):
            self.current.answers += [in_reply_to("RCPT TO", answer) for answer in self.after_data]
            self.after_data = []

    def open(self, address: str) -> bool:
        """Begin or go on with a recipient; False for an address that is no recipient's."""
        if not address or address.lower() in self.ours or OUR_ADDRESS.match(address):
            return False
        if address not in self.entries and len(self.entries) >= MAX_RECIPIENTS:
            return False
        self.current = self.entries.setdefault(address, Entry(address))
        return True

    def add(self, line: str) -> None:
        """Give a line to whom it belongs. Blank lines and rules divide it into paragraphs."""
        line = "" if RULE_OFF.fullmatch(line) else line
        lines = self.current.lines if self.current else self.common
        if line or (lines and lines[-1]):
            lines.append(line)

    def finish(self) -> None:
        """Settle what was left open at the end."""
        self.common += self.pending
        if not self.entries:
            for address in self.written_to:
                self.open(address)


def in_reply_to(command: str, answer: str) -> str:
    """Return an answer with its step; the lines of one answer are joined later, so only its last names it."""
    return answer if CONTINUED.match(answer) else f"{answer} (in reply to {command})"


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
    for found in islice(ADDRESS.finditer(line), MAX_ADDRESSES_IN_LINE):
        before = line[max(found.start() - LEAD_WINDOW, 0) : found.start()].rstrip("<'\"「『")
        if RECIPIENT_LEAD.search(f"{before.rstrip()} ") or RECIPIENT_TRAIL.match(line, found.end()):
            return find_address(found.group(0)), line
    return "", ""


def notice_lines(text: str) -> Iterator[str]:
    """Yield the lines of the notice itself, up to the returned mail, without what a reply quotes."""
    for number, line in enumerate(text[:MAX_CHARACTERS].split("\n")):
        if number >= MAX_LINES or ORIGINAL_BEGINS.match(line[:MAX_LINE]):
            return
        if not line.startswith(">") or line.startswith(">>>"):
            yield line[:MAX_LINE].rstrip()


def read_text(text: str, ours: set[str], budget: Budget) -> list[ParsedRecipient]:
    """Return the recipients that a text names as failed. `ours` are lower-case addresses that are none."""
    reader = Reader(ours)
    for line in notice_lines(text):
        budget.require_time()
        reader.read(line)
    reader.finish()
    return [read_entry(entry, reader) for entry in reader.entries.values()]


def read_entry(entry: Entry, reader: Reader) -> ParsedRecipient:
    """Turn the lines about a recipient into what they say; a lone recipient owns the whole notice."""
    alone = len(reader.entries) == 1
    own = reason_of(entry.lines)
    # A label and the address itself are no reason.
    words = ADDRESS.sub("", own)
    enough = len(words) > FEW_WORDS or (bool(words) and not alone)
    lines = entry.lines if enough else entry.lines + reader.common
    told = " ".join(line for line in lines if line)[:2000]
    text = (
        the_answer(entry, reader)
        or the_reply(entry.lines)
        or (the_reply(reader.common) if alone or not own else "")
        or (own if enough else told)
    )
    text = unwrap(text)
    source = SOURCE.search(told)
    phase = find_phase(text)
    return ParsedRecipient(
        address=entry.address,
        code=find_code(text),
        status=finest_status("", text),
        text=text[:MAX_TEXT],
        host=source.group(1) if source else "",
        phase=phase if phase is not Phase.NOTICE else find_phase(told),
    )


def the_answer(entry: Entry, reader: Reader) -> str:
    """Return what the other server answered about a recipient in a transcript, "" where there is none.

    The answer to the body is about those whom the server did not refuse before, and whose reason, if one is given,
    is this answer.
    """
    if entry.answers:
        return " ".join(entry.answers)[:MAX_TEXT]
    answer = " ".join(in_reply_to("DATA", line) for line in reader.after_data)[:MAX_TEXT]
    reason = the_reply(entry.lines)
    given = CODE.search(reason)
    about_it = given is None or given.group(1) in answer[:4] or SUMMARY.match(reason)
    return answer if about_it else ""


def the_reply(lines: list[str]) -> str:
    """Return the server's own words among the lines: the paragraph from the first code on, "" without one."""
    for number, line in enumerate(lines):
        if CODE.search(line) or STATUS.search(line):
            rest = lines[number:]
            words = " ".join(rest[: rest.index("")] if "" in rest else rest)
            return INTRODUCED.sub("", words, count=1)[:MAX_TEXT].rstrip("]")
    return ""


def reason_of(lines: list[str]) -> str:
    """Return as many paragraphs as it takes to give a reason."""
    reason = ""
    for line in lines:
        if not line and len(reason) > WHOLE_REASON:
            break
        reason = f"{reason} {line}".strip()
    return reason[:MAX_TEXT]
