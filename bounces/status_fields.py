"""Reads the fields of a delivery status or feedback report (RFC 3464, RFC 5965), however badly they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bounces.parsed import Action, ParsedRecipient
from mta.verdicts import Phase

MAX_LINES = 20_000
MAX_LINE = 2000
# We write to one recipient at a time; more than this no notice of ours names.
MAX_RECIPIENTS = 100

FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60})[ \t]{0,20}:(.*)")
# A legacy carrier address may hold ".." (F1). Only ASCII: Japanese text stands right beside an address.
ADDRESS = re.compile(
    r'(?:"([!#-?A-~]{1,64})"|([A-Za-z0-9!#$%&*+/=?^_`{}~.-][A-Za-z0-9!#$%&\'*+/=?^_`{}~.-]{0,99}))@'
    r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,250})"
)
# Negative replies; a failed recipient's text often quotes positive ones too.
CODE = re.compile(r"(?<![0-9A-Za-z.@-])([45][0-5][0-9])(?![0-9A-Za-z_@]|\.[0-9])")
STATUS = re.compile(r"(?<![0-9A-Za-z.])([45]\.[0-9]{1,3}\.[0-9]{1,3})(?!\.?[0-9])")
ANY_STATUS = re.compile(r"(?<![0-9A-Za-z.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?!\.?[0-9])")
ACTIONS = {
    "failed": Action.FAILED,
    "failure": Action.FAILED,
    "expired": Action.FAILED,
    "delayed": Action.DELAYED,
    "delivered": Action.DELIVERED,
    "deliverable": Action.DELIVERED,
    "relayed": Action.DELIVERED,
    "expanded": Action.DELIVERED,
}
ABOUT_RECIPIENT = {"final-recipient", "original-recipient", "action", "status", "diagnostic-code", "remote-mta"}
# A further line of a reply, which some servers forget to indent.
REPLY_LINE = re.compile(r"[45]\d\d[ -]")
NAMES_RECIPIENT = ("final-recipient", "original-recipient", "x-actual-recipient")

# "5.1.0 - Unknown address error 550-'5.1.1 no such user' (delivery attempts: 0)" of Cisco's Email Security Appliance;
# its older versions write "('550', ['5.1.1 no such user'])".
WRAPPED = re.compile(
    r"[45]\.\d\.\d{1,3} - [A-Z][^'(]{3,80}?(?:\('([45]\d\d)', \[[\"'](.{3,1500})[\"']\]|([45]\d\d)-'(.{3,1500})')"
)

# What the sentence around a reply says about its step. The first that is found decides.
PHASES = (
    (
        re.compile(r"(?i)reply to (?:the )?(?:end of data|message body)|after end of data|after (?:the )?end of"),
        Phase.DOT,
    ),
    (
        re.compile(r"(?i)did not like our final data|after i sent the message|step: data send|\(data\)|\[body\]"),
        Phase.DOT,
    ),
    (re.compile(r"(?i)reply to (?:the )?rcpt to|after (?:pipelined )?(?:sending )?rcpt|>>> ?rcpt to"), Phase.RCPT),
    (
        re.compile(r"(?i)does not like recipient|did not like our rcpt|step: rcpt|\[rcpt_to\]|following rcpt command"),
        Phase.RCPT,
    ),
    (
        re.compile(r"(?i)reply to (?:the )?mail from|after (?:pipelined )?(?:sending )?mail from|>>> ?mail from"),
        Phase.MAIL,
    ),
    (re.compile(r"(?i)did not like our mail|step: mail|\[mail_from\]"), Phase.MAIL),
    (re.compile(r"(?i)-smtp command\s{1,4}rcpt"), Phase.RCPT),
    (re.compile(r"(?i)-smtp command\s{1,4}data"), Phase.DATA),
    (re.compile(r"(?i)reply to (?:the )?data|after (?:pipelined )?(?:sending )?data|>>> ?data"), Phase.DATA),
    (re.compile(r"(?i)reply to (?:the )?(?:ehlo|helo)|after (?:ehlo|helo)|>>> ?(?:ehlo|helo)"), Phase.EHLO),
    (
        re.compile(r"(?i)while (?:receiving|performing) the (?:initial )?(?:server )?greeting|initial connection"),
        Phase.GREETING,
    ),
)


def find_address(text: str) -> str:
    """Return the first mail address in a text, "" where there is none."""
    found = ADDRESS.search(text[:MAX_LINE])
    return join_address(found) if found else ""


def find_addresses(text: str) -> list[str]:
    """Return the mail addresses in a text, each once, in order."""
    return list(dict.fromkeys(join_address(found) for found in ADDRESS.finditer(text[:MAX_LINE])))


def join_address(found: re.Match[str]) -> str:
    """Join local part and domain of a match; the full stop of a sentence is no part of the domain."""
    return f"{found.group(1) or found.group(2)}@{found.group(3).rstrip('.-_')}"


def find_code(text: str) -> int | None:
    """Return the first negative SMTP reply code in a text."""
    found = CODE.search(text[:MAX_LINE])
    return int(found.group(1)) if found else None


def find_phase(text: str) -> Phase:
    """Return the step of the SMTP dialogue that a text speaks of, NOTICE where it names none."""
    return next((phase for pattern, phase in PHASES if pattern.search(text[:MAX_LINE])), Phase.NOTICE)


def read_fields(lines: Iterable[str]) -> list[dict[str, str]]:
    """Return the groups of fields that blank lines separate, names in lower case, values unfolded.

    A second Final-Recipient begins a group of its own even without a blank line. The first of two fields of
    one name is kept.
    """
    groups: list[dict[str, str]] = [{}]
    last = ""
    for number, raw in enumerate(lines):
        line = raw[:MAX_LINE].rstrip()
        if number >= MAX_LINES or len(groups) > MAX_RECIPIENTS:
            break
        if not line:
            last = ""
            if groups[-1]:
                groups.append({})
        elif last and (line[0] in " \t" or (last == "diagnostic-code" and REPLY_LINE.match(line))):
            groups[-1][last] = f"{groups[-1][last]} {line.strip()}"[:MAX_LINE]
        elif found := FIELD.match(line.lstrip()):
            last = found.group(1).lower()
            if last == "final-recipient" and last in groups[-1]:
                groups.append({})
            groups[-1].setdefault(last, found.group(2).strip())
    return [group for group in groups if group]


def read_status(text: str) -> tuple[list[ParsedRecipient], dict[str, str]]:
    """Return the recipients of a delivery status and the fields of the message as a whole.

    Some servers separate the fields of one recipient by blank lines, so a group without a recipient lends its
    fields to the next one that has one, else to the last.
    """
    whole: dict[str, str] = {}
    recipients: list[dict[str, str]] = []
    waiting: dict[str, str] = {}
    for group in read_fields(text.split("\n")):
        if any(find_address(group.get(name, "")) for name in NAMES_RECIPIENT):
            recipients.append({**waiting, **group})
            waiting = {}
        elif ABOUT_RECIPIENT & group.keys():
            waiting |= group
        if not whole or "reporting-mta" in group:
            whole |= group
    if waiting and recipients:
        recipients[-1] = {**waiting, **recipients[-1]}
    return [read_recipient(group) for group in recipients], whole


def read_recipient(group: dict[str, str]) -> ParsedRecipient:
    """Turn the fields of one recipient into what they say."""
    final, original, actual = (find_address(group.get(name, "")) for name in NAMES_RECIPIENT)
    text = read_diagnostic(group)
    told = ANY_STATUS.search(group.get("status", ""))
    status = told.group(1) if told else ""
    action = ACTIONS.get(group.get("action", "").partition(" ")[0].partition(";")[0].strip().lower())
    return ParsedRecipient(
        address=final or original or actual,
        original=original or actual,
        action=action or (Action.DELIVERED if status.startswith("2.") else Action.FAILED),
        code=find_code(text),
        status=finest_status(status, text),
        text=text,
        host=group.get("remote-mta", "").rpartition(";")[2].strip()[:255],
        phase=find_phase(text),
    )


def read_diagnostic(group: dict[str, str]) -> str:
    """Return the words of the server, or the exit code of the program, that a delivery failed with."""
    whole = group.get("diagnostic-code", "")
    kind, separator, said = whole.partition(";")
    text = said.strip() if separator and len(kind) < 20 else whole
    text = unwrap(text)
    if kind.strip().lower() == "x-unix" and text.isdigit():
        return f"x-unix; {text}"
    if category := group.get("x-powermta-bouncecategory", ""):
        # Its words have underscores here, so that none of them is read as a word of the server.
        return f"{text} (PowerMTA: {category.replace('-', '_')})".strip()
    return text


def unwrap(text: str) -> str:
    """Return a server's own reply out of what another wrote around it."""
    found = WRAPPED.search(text)
    return f"{found.group(1) or found.group(3)} {found.group(2) or found.group(4)}" if found else text


def finest_status(status: str, text: str) -> str:
    """Choose between the Status field and the code in the server's own words, which says more than "5.0.0"."""
    told = STATUS.search(text[:MAX_LINE])
    if told and (not status or status.endswith((".0.0", ".1.0"))):
        return told.group(1)
    return status
