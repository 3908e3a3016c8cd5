"""Takes a stored notice through reading, matching and counting, once.

`process` is the plain way, a notice at a time; `batches.process_batch` does the same for many at once and is held
against it by a test.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.models import Workspace
from bounces import rule_digest
from bounces.dmarc_reports import store_dmarc_report
from bounces.erased import blank, forget_mails
from bounces.judging import COUNTED, choose_recipient, code_of, describe, judge
from bounces.matching import Match, Why, find_delivery
from bounces.mime_reading import MAX_BYTES, UnreadableNotice
from bounces.models import Bounce, Door, NoticeState, RawNotice
from bounces.parsed import NoticeKind, ParsedNotice, ParsedRecipient
from bounces.parsing import parse
from bounces.webhook_events import parse_event
from campaigns.deliveries import record_evidence
from campaigns.erased import is_erased
from campaigns.failures import Recorded, record_notice
from lists.transactions import retry_transaction

MAX_TRIES = 3
# Longer than a batch of notices takes that all use up their time.
LEASE = timedelta(seconds=240)
# The pause after a failed reading, as many times as it failed: a busy machine may be the cause.
PAUSE = timedelta(seconds=20)
# How long a notice waits whose delivery is still being sent: at first, at most, and all in all.
LATER = timedelta(seconds=5)
LATER_AT_MOST = timedelta(hours=1)
LONGEST_WAIT = timedelta(days=7)


def process(notice_id: int, *, now: datetime) -> None:
    """Read one notice and move what it is about. A second call for the same notice does nothing.

    Raises what reading it raised, if that was a fault of ours; the notice is left for another try.
    """
    notice = take_notice(notice_id, now=now)
    if notice is None:
        return
    try:
        parsed = read(notice)
        retry_transaction(lambda: settle(notice, parsed, now=now))
    except Exception as error:
        give_back(notice, error, now=now)
        if not is_expected(error):
            raise


def take_notice(notice_id: int, *, now: datetime) -> RawNotice | None:
    """Take a notice that nobody reads; set it aside when reading it failed three times."""
    free = RawNotice.objects.unread(now=now).filter(pk=notice_id)
    if free.filter(tries__lt=MAX_TRIES).update(tries=F("tries") + 1, lease_until=now + LEASE):
        return RawNotice.objects.get(pk=notice_id)
    if free.update(state=NoticeState.BROKEN, lease_until=None, note=Why.KILLED, rules=rule_digest.CURRENT):
        show_somewhere(notice_id)
    return None


def read(notice: RawNotice) -> ParsedNotice:
    """Read a notice as its door says. Raises UnreadableNotice or zlib.error where that is not possible.

    What a person has assigned is a bounce without a cause where it cannot be read.
    """
    try:
        content = unpack(notice.content)
        return parse_event(content, notice.source) if notice.door == Door.WEBHOOK else parse(content)
    except (UnreadableNotice, zlib.error):
        if notice.assigned_to is None:
            raise
        recipient = ParsedRecipient(notice.assigned_to.address)
        return ParsedNotice(NoticeKind.BOUNCE, "by-hand", (recipient,), trusted=False)


def unpack(content: bytes | memoryview) -> bytes:
    """Decompress a stored mail, never to more than a mail may have. Raises zlib.error where it is damaged."""
    return zlib.decompressobj().decompress(bytes(content), MAX_BYTES)


def is_expected(error: Exception) -> bool:
    """Say whether the mail is to blame for an error and not the program."""
    return isinstance(error, UnreadableNotice | zlib.error)


def give_back(notice: RawNotice, error: Exception, *, now: datetime) -> None:
    """Leave a notice for another try after a pause; after the last one it is broken, and says why."""
    is_last = notice.tries >= MAX_TRIES
    why = Why.UNREADABLE if isinstance(error, UnreadableNotice) else Why.DAMAGED
    RawNotice.objects.filter(pk=notice.pk, state=NoticeState.NEW).update(
        state=NoticeState.BROKEN if is_last else NoticeState.NEW,
        lease_until=None if is_last else now + PAUSE * notice.tries,
        note=f"{why if is_expected(error) else Why.FAULT}: {type(error).__name__}: {error}"[:300],
        rules=rule_digest.CURRENT,
    )
    if is_last:
        show_somewhere(notice.pk)


def show_somewhere(notice_id: int) -> None:
    """Give a notice that fits nothing to the only workspace, if there is just one; else it is the operator's."""
    RawNotice.objects.filter(pk=notice_id, workspace=None).update(workspace=only_workspace())


@transaction.atomic
def settle(notice: RawNotice, parsed: ParsedNotice, *, now: datetime) -> None:
    """Write what a notice says, in one transaction with its state, so that it counts once."""
    if RawNotice.objects.select_for_update().filter(pk=notice.pk, state=NoticeState.NEW).exists():
        write_down(notice, parsed, now=now)


def write_down(notice: RawNotice, parsed: ParsedNotice, *, now: datetime) -> None:
    """Match a notice, move its delivery and write what became of it. The caller holds its row in a transaction."""
    match = find_delivery(notice, parsed, now=now)
    chosen = choose_recipient(parsed, match.delivery)
    recorded = apply(parsed, chosen, match, now=now)
    if recorded is Recorded.TOO_EARLY:
        if may_wait(notice, now=now):
            postpone(notice, now=now)
            return
        match = replace(match, why=Why.NEVER_SETTLED)
    if notice.reading:
        # It was read before; what was written then counted nothing.
        notice.bounces.all().delete()
    applied = chosen if recorded is Recorded.DONE else None
    Bounce.objects.bulk_create(make_bounces(notice, parsed, match, applied=applied), ignore_conflicts=True)
    RawNotice.objects.filter(pk=notice.pk).update(**settled(notice, parsed, match))
    keep_report(notice, parsed)
    if is_erased(match.delivery):
        forget_mails([notice.pk])


def apply(parsed: ParsedNotice, chosen: ParsedRecipient | None, match: Match, *, now: datetime) -> Recorded:
    """Move the delivery of a match that counts. Any mail with a valid token proves that the delivery arrived."""
    if match.delivery is None or not match.counts():
        return Recorded.IGNORED
    if parsed.kind not in COUNTED or chosen is None:
        record_evidence(match.delivery.pk, now=now)
        return Recorded.IGNORED
    return record_notice(match.delivery.pk, describe(parsed, chosen), now=now)


def keep_report(notice: RawNotice, parsed: ParsedNotice) -> None:
    """Store the DMARC report that a notice holds, if any."""
    if parsed.kind == NoticeKind.REPORT and notice.door != Door.WEBHOOK:
        store_dmarc_report(unpack(notice.content))


def postpone(notice: RawNotice, *, now: datetime) -> None:
    """Look at a notice again later; the longer it has waited, the longer it waits."""
    pause = min(max((now - notice.received_at) / 4, LATER), LATER_AT_MOST)
    RawNotice.objects.filter(pk=notice.pk).update(lease_until=now + pause, tries=F("tries") - 1)


def may_wait(notice: RawNotice, *, now: datetime) -> bool:
    """Say whether a notice whose delivery is still being sent is looked at again later."""
    return now < notice.received_at + LONGEST_WAIT


def settled(notice: RawNotice, parsed: ParsedNotice, match: Match) -> dict[str, Any]:
    """Return the columns that say where a notice ends, and how it got there."""
    state = final_state(parsed, match)
    return {
        "state": state,
        "kind": parsed.kind,
        "reading": parsed.rule[:60],
        "matched_by": match.by or "",
        "workspace_id": match.delivery.workspace_id if match.delivery else notice.workspace_id or only_workspace(),
        "lease_until": None,
        "note": match.why if state == NoticeState.UNMATCHED else "",
        "rules": rule_digest.CURRENT,
    }


def make_bounces(
    notice: RawNotice, parsed: ParsedNotice, match: Match, *, applied: ParsedRecipient | None
) -> list[Bounce]:
    """Return a row for each recipient that a notice tells of; none for what is no error."""
    if parsed.kind not in COUNTED:
        return []
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
    return blank(rows) if is_erased(match.delivery) else rows


def final_state(parsed: ParsedNotice, match: Match) -> NoticeState:
    """Return where a read notice ends."""
    if parsed.kind not in COUNTED:
        return NoticeState.IGNORED
    return NoticeState.PROCESSED if match.counts() and match.why != Why.NEVER_SETTLED else NoticeState.UNMATCHED


def only_workspace() -> int | None:
    """Return the workspace where the installation has just one: a notice that fits nothing is shown there."""
    found = list(Workspace.objects.values_list("pk", flat=True)[:2])
    return found[0] if len(found) == 1 else None
