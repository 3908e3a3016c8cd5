"""Says what a notice means for a recipient, and which of its recipients is the one that a delivery went to."""

from __future__ import annotations

from bounces.parsed import Action, NoticeKind, ParsedNotice, ParsedRecipient
from campaigns.failures import Failure
from campaigns.models import Delivery, DeliveryState
from mta.replies import classify
from mta.verdicts import Kind, Reason, Verdict

# Kinds of mail that tell of an error.
COUNTED = (NoticeKind.BOUNCE, NoticeKind.COMPLAINT)


def choose_recipient(parsed: ParsedNotice, delivery: Delivery | None) -> ParsedRecipient | None:
    """Return the failed recipient that is about a delivery: its own address, else the first, as after a forward."""
    failed = [recipient for recipient in parsed.recipients if recipient.action is Action.FAILED]
    if parsed.kind == NoticeKind.COMPLAINT and not failed and delivery is not None:
        # Many complaints hide the address; the token still names it.
        return ParsedRecipient(delivery.address)
    own = delivery.address_key if delivery else ""
    return next(
        (recipient for recipient in failed if own in (recipient.address.lower(), recipient.original.lower())),
        failed[0] if failed else None,
    )


def describe(parsed: ParsedNotice, recipient: ParsedRecipient) -> Failure:
    """Turn what a notice says of a recipient into the failure that is recorded."""
    verdict = judge(parsed, recipient)
    return Failure(
        state=DeliveryState.COMPLAINED if verdict.kind == Kind.COMPLAINT else DeliveryState.BOUNCED,
        kind=verdict.kind,
        reason=verdict.reason,
        code=code_of(recipient),
        text=recipient.text,
        phase=recipient.phase,
        rule=verdict.rule,
    )


def judge(parsed: ParsedNotice, recipient: ParsedRecipient) -> Verdict:
    """Say what a notice means for one of its recipients."""
    if parsed.kind == NoticeKind.COMPLAINT:
        return Verdict(Kind.COMPLAINT, Reason.COMPLAINT, parsed.rule)
    if recipient.action is Action.DELAYED:
        return Verdict(Kind.NOT_BOUNCE, Reason.DELAYED, parsed.rule)
    if recipient.action is Action.DELIVERED:
        return Verdict(Kind.NOT_BOUNCE, Reason.DELIVERED, parsed.rule)
    if not parsed.trusted:
        return Verdict(Kind.UNKNOWN, Reason.UNKNOWN, parsed.rule)
    host = recipient.host or recipient.address.rpartition("@")[2]
    return classify(recipient.code, recipient.status, recipient.text, recipient.phase, host)


def code_of(recipient: ParsedRecipient) -> str:
    """Return the error code as people see it: the enhanced status, else the three digits."""
    return recipient.status or (str(recipient.code) if recipient.code else "")
