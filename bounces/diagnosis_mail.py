"""A mail as this system would send it now, with what a receiver would note about it, from stored checks alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from bounces.dmarc_stored import read_published
from bounces.domain_rules import BAD, Known, rank, read_known, return_spf, sending_addresses
from campaigns.authors import freeze_author
from campaigns.models import Campaign, Delivery
from campaigns.rendering import Renderer
from mta.errors import MtaError
from mta.outcomes import Outgoing
from senders.auth_results import AuthResult, authentication_results
from senders.dmarc import Discovery
from senders.errors import SenderError
from senders.models import CheckKind, CheckResult, DnsCheck, Sender, ServerCheck, ServerCheckKind
from senders.return_check import is_alias
from senders.spf_report import SpfResult

# Who the receiver and the recipient are: names for examples (RFC 2606).
RECEIVER = "mx.example.net"
RECIPIENT = "recipient@example.net"
# The number of a row that never is, the largest: what is made of it leads nowhere, and to nobody else.
NO_ROW = 2**63 - 1
SIGNATURE = re.compile(r"^DKIM-Signature:((?:.*\r\n)(?:[ \t].*\r\n)*)", re.MULTILINE | re.IGNORECASE)
# So much of b= tells two signatures apart (RFC 6008 section 5.1).
SIGNATURE_START = 8

Checks = Mapping[str, DnsCheck]

# A key record that is not there is a permanent error, another key a failure (RFC 8601 section 2.7.1).
DKIM_WORDS = {
    CheckResult.OK: "pass",
    CheckResult.MISSING: "permerror",
    CheckResult.WRONG: "fail",
    CheckResult.UNKNOWN: "temperror",
}
# RFC 8601 section 2.7.3.
IPREV_WORDS = DKIM_WORDS
SPF_WORDS = {
    CheckResult.OK: "pass",
    CheckResult.MISSING: "none",
    CheckResult.WRONG: "fail",
    CheckResult.UNKNOWN: "temperror",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a receiver says of one method, for people, in a tone of the pages."""

    label: str
    tone: str


@dataclass(frozen=True, slots=True)
class SampleMail:
    """The head of a mail with the receiver's field on top; where none could be made, `problem` says why."""

    headers: str = ""
    verdicts: tuple[Verdict, ...] = ()
    # The sending address that it is seen from, empty where none is known.
    address: str = ""
    problem: str = ""


def make_sample(sender: Sender, servers: Sequence[ServerCheck], *, now: datetime) -> SampleMail:
    """Return the head of the sender's newest mailing as it would leave now; asks no DNS and stores nothing.

    `sender` comes with its domain and the checks of that.
    """
    try:
        outgoing = render_sample(sender, now=now)
    except (MtaError, SenderError) as error:
        return SampleMail(problem=error.sentence)
    head = outgoing.data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace") + "\r\n"
    checks = {check.kind: check for check in sender.domain.checks.all()}
    address = worst_address(servers)
    iprev = read_iprev(find_server(servers, ServerCheckKind.PTR, address))
    spf = read_spf(outgoing.mail_from, checks, find_server(servers, ServerCheckKind.RETURN_SPF, address))
    dkim = read_signatures(head, checks) or [AuthResult("none")]
    dmarc = read_dmarc(sender.domain.name, read_known(sender.domain, servers), checks)
    field = authentication_results(RECEIVER, iprev=iprev, spf=spf, dkim=dkim, dmarc=dmarc)
    named = [(_("逆引き"), iprev), ("SPF", spf), *(("DKIM", one) for one in dkim), ("DMARC", dmarc)]
    return SampleMail(
        headers=f"Return-Path: <{outgoing.mail_from}>\r\n{field}\r\n{head}".replace("\r\n", "\n"),
        verdicts=tuple(judge(str(name), result) for name, result in named),
        address=address,
    )


def judge(name: str, result: AuthResult | None) -> Verdict:
    """Return a result for people; None is one that was never checked."""
    if result is None:
        return Verdict(f"{name}: {_('未確認')}", "muted")
    tone = {"pass": "ok", "temperror": "muted"}.get(result.result, "warn")
    return Verdict(f"{name}: {result.result}", tone)


def render_sample(sender: Sender, *, now: datetime) -> Outgoing:
    """Return what the newest mailing of a sender, or a short mail where there is none, would be if it left now.

    It is rendered and signed as all mails are. Raises MtaError or SenderError where that cannot be done.
    """
    newest = Campaign.objects.filter(workspace=sender.workspace_id, sender=sender, started_at__isnull=False)
    found = newest.order_by("-started_at", "-pk").values("pk", "subject", "text", "html").first()
    content = found or {"pk": NO_ROW, "subject": _("配信診断の見本"), "text": _("配信診断の見本です。")}
    # Not the mailing itself: what it froze of its sender and its keys may be out of date.
    campaign = Campaign(workspace_id=sender.workspace_id, sender=sender, **content)
    freeze_author(campaign)
    delivery = Delivery(pk=NO_ROW, campaign=campaign, address=RECIPIENT, due_at=now, mail_date=now)
    return Renderer().render_plainly(delivery)


def worst_address(servers: Sequence[ServerCheck]) -> str:
    """Return the sending address whose mail fares worst with receivers, of equals the first; empty where none is set."""
    spf = return_spf(servers)
    reverse = {one.subject: CheckResult(one.result) for one in servers if one.kind == ServerCheckKind.PTR}
    badness = {address: (rank(spf.get(address)), rank(reverse.get(address))) for address in sending_addresses()}
    return max(badness, key=lambda address: badness[address], default="")


def find_server(servers: Sequence[ServerCheck], kind: ServerCheckKind, address: str) -> ServerCheck | None:
    """Return what is known of a sending address."""
    return next((check for check in servers if check.kind == kind and check.subject == address), None)


def read_iprev(check: ServerCheck | None) -> AuthResult | None:
    """Return whether the reverse name of the sending address leads back to it (RFC 8601 section 2.7.3)."""
    if check is None:
        return None
    word = IPREV_WORDS[CheckResult(check.result)]
    return AuthResult(word, (("policy.iprev", check.subject),), check.found.partition("\n")[0])


def read_spf(mail_from: str, checks: Checks, check: ServerCheck | None) -> AuthResult | None:
    """Return what SPF says of the domain that errors return to: ours, which `check` is about, or one of the customer's own.

    One that is found to be a CNAME to ours has the record of ours.
    """
    domain = mail_from.rpartition("@")[2]
    properties = (("smtp.mailfrom", mail_from),)
    own = checks.get(CheckKind.RETURN) if domain != settings.RETURN_DOMAIN else None
    if domain != settings.RETURN_DOMAIN and own is None:
        return None
    if own and not (own.result == CheckResult.OK and is_alias(own.found, settings.RETURN_DOMAIN)):
        return AuthResult(SPF_WORDS[CheckResult(own.result)], properties)
    if check is None:
        return None
    # The first line is the word of the evaluation (senders/server_checks.py).
    word = check.found.partition("\n")[0]
    return AuthResult(word if word in set(SpfResult) else SPF_WORDS[CheckResult(check.result)], properties)


def read_signatures(head: str, checks: Checks) -> list[AuthResult]:
    """Return what a receiver says of each signature in the head of a mail."""
    results = []
    for found in SIGNATURE.finditer(head):
        tags = dict(part.strip().split("=", 1) for part in "".join(found[1].split()).split(";") if "=" in part)
        is_rsa = tags["a"].startswith("rsa")
        check = checks.get(CheckKind.DKIM if is_rsa else CheckKind.ED25519)
        proof = checks.get(CheckKind.PROOF)
        word = DKIM_WORDS[CheckResult(check.result)] if check else "temperror"
        if word == "pass" and is_rsa and proof and proof.result == CheckResult.WRONG:
            word = "fail"
        names = [("header.d", tags["d"]), ("header.s", tags["s"]), ("header.a", tags["a"])]
        results.append(AuthResult(word, (*names, ("header.b", tags["b"][:SIGNATURE_START]))))
    return results


def read_dmarc(author: str, known: Known, checks: Checks) -> AuthResult | None:
    """Return what DMARC says: whether what passes belongs to the author's domain, as the rules of providers are told (C26)."""
    check = checks.get(CheckKind.DMARC)
    if check is None:
        return None
    properties: tuple[tuple[str, str], ...] = (("header.from", author),)
    published = read_published(author, check)
    # A record that is in order is wrong for us where nothing of our mail can pass.
    is_usable = check.result == CheckResult.OK or (check.result == CheckResult.WRONG and published.record is not None)
    if not is_usable:
        word = {CheckResult.MISSING: "none", CheckResult.WRONG: "permerror"}.get(CheckResult(check.result), "temperror")
        return AuthResult(word, properties)
    if published.policy:
        # What holds after sp= and t= (RFC 9989 section 9.1); what stands in the record is for people.
        properties += (("policy.dmarc", str(published.policy)),)
    word = "fail" if known.aligned in BAD else "temperror"
    word = "pass" if known.aligned == CheckResult.OK else word
    return AuthResult(word, properties, describe_policy(published))


def describe_policy(published: Discovery) -> str:
    """Return the policy as its record has it, as a comment."""
    if published.record is None:
        return ""
    tags = [f"p={published.record.p}"]
    if published.policy_domain != published.author:
        tags.append(f"sp={published.record.sp}")
    if published.record.is_testing:
        tags.append("t=y")
    return " ".join(tags)
