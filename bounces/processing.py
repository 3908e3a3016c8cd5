"""Takes a stored notice through reading, matching and counting, once."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from accounts.models import Workspace
from bounces.matching import Match, find_delivery
from bounces.mime_reading import MAX_BYTES, UnreadableNotice
from bounces.models import Bounce, NoticeState, RawNotice
from bounces.parsed import Action, NoticeKind, ParsedNotice, ParsedRecipient
from bounces.parsing import parse
from campaigns.deliveries import record_evidence
from campaigns.failures import Failure, Recorded, record_notice
from campaigns.models import Delivery, DeliveryState
from mta.replies import classify
from mta.verdicts import Kind, Reason, Verdict

MAX_TRIES = 3
LEASE = timedelta(seconds=60)
# How long a notice waits that overtook the record of its own delivery.
LATER = timedelta(seconds=5)
COUNTED = (NoticeKind.BOUNCE, NoticeKind.COMPLAINT)


def process(notice_id: int, *, now: datetime) -> None:
    """Read one notice and move what it is about. A second call for the same notice does nothing."""
    notice = take_notice(notice_id, now=now)
    if notice is None:
        return
    try:
        parsed = parse(unpack(notice.content))
    except (UnreadableNotice, zlib.error) as error:
        give_back(notice, str(error))
        return
    settle(notice, parsed, now=now)


def take_notice(notice_id: int, *, now: datetime) -> RawNotice | None:
    """Take a notice that nobody reads; set it aside when reading it failed three times."""
    free = RawNotice.objects.unread(now=now).filter(pk=notice_id)
    if free.filter(tries__lt=MAX_TRIES).update(tries=F("tries") + 1, lease_until=now + LEASE):
        return RawNotice.objects.get(pk=notice_id)
    free.update(state=NoticeState.BROKEN, lease_until=None)
    return None


def unpack(content: bytes | memoryview) -> bytes:
    """Decompress a stored mail, never to more than a mail may have."""
    return zlib.decompressobj().decompress(bytes(content), MAX_BYTES)


def give_back(notice: RawNotice, why: str) -> None:
    """Leave a notice for another try; after the last one it is broken."""
    state = NoticeState.BROKEN if notice.tries >= MAX_TRIES else NoticeState.NEW
    RawNotice.objects.filter(pk=notice.pk, state=NoticeState.NEW).update(state=state, lease_until=None, note=why[:300])


@transaction.atomic
def settle(notice: RawNotice, parsed: ParsedNotice, *, now: datetime) -> None:
    """Write what a notice says, in one transaction with its state, so that it counts once."""
    if not RawNotice.objects.select_for_update().filter(pk=notice.pk, state=NoticeState.NEW).exists():
        return
    match = find_delivery(notice.envelope_to, parsed)
    chosen = choose_recipient(parsed, match.delivery)
    recorded = apply(parsed, chosen, match, now=now)
    if recorded is Recorded.TOO_EARLY:
        RawNotice.objects.filter(pk=notice.pk).update(lease_until=now + LATER, tries=F("tries") - 1)
        return
    if parsed.kind in COUNTED:
        write_bounces(notice, parsed, match, applied=chosen if recorded is Recorded.DONE else None)
    RawNotice.objects.filter(pk=notice.pk).update(
        state=final_state(parsed, match),
        kind=parsed.kind,
        reading=parsed.rule[:60],
        matched_by=match.by or "",
        workspace=match.delivery.workspace_id if match.delivery else only_workspace(),
        lease_until=None,
    )


def apply(parsed: ParsedNotice, chosen: ParsedRecipient | None, match: Match, *, now: datetime) -> Recorded:
    """Move the delivery of a proven match. Any mail with a valid token proves that the delivery arrived."""
    if match.delivery is None or not match.is_proven():
        return Recorded.IGNORED
    if parsed.kind not in COUNTED or chosen is None:
        record_evidence(match.delivery.pk, now=now)
        return Recorded.IGNORED
    return record_notice(match.delivery.pk, describe(parsed, chosen), now=now)


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


def write_bounces(notice: RawNotice, parsed: ParsedNotice, match: Match, *, applied: ParsedRecipient | None) -> None:
    """Write a row for each recipient that a notice tells of."""
    recipients = list(parsed.recipients)
    if applied is not None and applied not in recipients:
        recipients.append(applied)
    rows = []
    for recipient in recipients:
        verdict = judge(parsed, recipient)
        rows.append(
            Bounce(
                notice=notice,
                delivery=match.delivery if recipient is applied or len(recipients) == 1 else None,
                recipient=recipient.address[:320],
                kind=verdict.kind,
                reason=verdict.reason,
                code=code_of(recipient)[:20],
                text=recipient.text[:1000],
                rule=verdict.rule[:60],
                applied=recipient is applied,
            )
        )
    Bounce.objects.bulk_create(rows, ignore_conflicts=True)


def final_state(parsed: ParsedNotice, match: Match) -> NoticeState:
    """Return where a read notice ends."""
    if parsed.kind not in COUNTED:
        return NoticeState.IGNORED
    return NoticeState.PROCESSED if match.is_proven() else NoticeState.UNMATCHED


def only_workspace() -> int | None:
    """Return the workspace where the installation has just one: a notice that fits nothing is shown there."""
    found = list(Workspace.objects.values_list("pk", flat=True)[:2])
    return found[0] if len(found) == 1 else None
