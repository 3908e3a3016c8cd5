"""The one door for failures: an SMTP refusal, a used-up retry and a bounce notice all enter here."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from django.db import transaction

from accounts.models import Workspace
from campaigns.erased import keep_text
from campaigns.models import CLAIMABLE, Delivery, DeliveryState, HoldState, Lane, StopHold
from campaigns.tally import mark_due
from lists.errors import ErrorEvent, Weight, count_error
from mta.verdicts import Kind, Phase, Reason

TEXT_LIMIT = 1000
# States whose outcome is not recorded yet.
OPEN = (*CLAIMABLE, DeliveryState.CLAIMED, DeliveryState.FENCED)
# How much an error of each reason says about the address (docs/bounces.md); a reason not named never counts.
WEIGHTS = {
    Reason.HOST_UNKNOWN: Weight.COUNT,
    Reason.MAILBOX_FULL: Weight.COUNT,
    Reason.SUSPENDED: Weight.COUNT,
    Reason.REFUSED: Weight.COUNT,
    Reason.TEMPORARY: Weight.ONCE_PER_CAMPAIGN,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a failure. `code` is the enhanced status or the three-digit reply, "" if neither was told."""

    state: DeliveryState
    kind: Kind
    reason: Reason
    code: str = ""
    text: str = ""
    phase: Phase = Phase.NOTICE
    rule: str = ""


class Recorded(Enum):
    """What became of a failure that was told."""

    DONE = auto()
    # The row is still being sent, or will be again; the notice must be looked at again later.
    TOO_EARLY = auto()
    # The row ended otherwise, or the same was told before.
    IGNORED = auto()


def record_refusal(delivery: Delivery, failure: Failure, *, token: UUID, now: datetime) -> bool:
    """Settle a row that its worker holds as failed or expired, and count the error.

    Returns False where the row is no longer the worker's own.
    """
    own = Delivery.objects.filter(
        pk=delivery.pk, lease_token=token, state__in=(DeliveryState.CLAIMED, DeliveryState.FENCED)
    )
    with transaction.atomic():
        if not own.update(lease_token=None, lease_until=None, **settle_columns(failure, now)):
            return False
        count(delivery, failure, now=now)
    return True


def record_notice(delivery_id: int, failure: Failure, *, now: datetime) -> Recorded:
    """Move an accepted or doubtful row to bounced or complained, and count the error.

    The caller has matched the notice to the row by a signed token.
    """
    complaint = failure.kind == Kind.COMPLAINT
    returned = Delivery.objects.filter(pk=delivery_id, state__in=returnable(failure))
    with transaction.atomic():
        moved = returned.update(lease_token=None, lease_until=None, **settle_columns(failure, now))
        if moved or complaint:
            # Whoever complains must not be sent to again, whatever became of this delivery meanwhile.
            delivery = Delivery.objects.select_related("workspace", "campaign").get(pk=delivery_id)
            count(delivery, failure, now=now)
            mark_due(delivery.campaign_id, now=now)
    return Recorded.DONE if moved else unsettled_or_ignored(delivery_id)


def returnable(failure: Failure) -> tuple[DeliveryState, ...]:
    """Return the states from which a notice moves a row: whoever complains may have bounced before."""
    accepted = (DeliveryState.SENT, DeliveryState.DOUBT)
    return (*accepted, DeliveryState.BOUNCED) if failure.kind == Kind.COMPLAINT else accepted


def unsettled_or_ignored(delivery_id: int) -> Recorded:
    """Say whether a notice came before its row's outcome was recorded, or is of no use.

    A row that waits to be sent again has sent a copy before, for its token was read in a mail: that notice waits too.
    """
    early = Delivery.objects.filter(pk=delivery_id, state__in=OPEN)
    return Recorded.TOO_EARLY if early.exists() else Recorded.IGNORED


def settled(failure: Failure, now: datetime) -> dict[str, object]:
    """Return the columns that a failure writes."""
    return {
        "state": failure.state,
        "settled_at": now,
        "kind": failure.kind,
        "reason": failure.reason,
        "code": failure.code[:20],
        # PostgreSQL cannot store NUL, which a server's text may contain.
        "text": failure.text.replace("\0", "")[:TEXT_LIMIT],
        "phase": failure.phase,
        "rule": failure.rule[:60],
    }


def settle_columns(failure: Failure, now: datetime) -> dict[str, object]:
    """Return the columns for rows that nobody has locked: a reply is kept only where the person was not erased."""
    columns = settled(failure, now)
    return columns | {"text": keep_text(str(columns["text"]))}


def count(delivery: Delivery, failure: Failure, *, now: datetime) -> None:
    """Count the failure against its subscriber, if there still is one; a review may hold it (B16)."""
    if delivery.subscriber_id is None:
        return
    held_by = find_holder(delivery) if failure.reason == Reason.USER_UNKNOWN else ""
    count_error(delivery.subscriber_id, make_event(delivery, failure, held_by=held_by), now=now)


def make_event(delivery: Delivery, failure: Failure, *, held_by: str) -> ErrorEvent:
    """Return what a failure of a delivery is to its subscriber; `held_by` is the review that holds it, or ""."""
    complaint = failure.kind == Kind.COMPLAINT
    return ErrorEvent(
        key=f"{'complaint' if complaint else 'delivery'}:{delivery.pk}",
        weight=weigh(failure, delivery.workspace),
        kind=failure.kind,
        reason=failure.reason,
        code=failure.code[:20],
        text=failure.text[:TEXT_LIMIT],
        about=delivery.campaign.subject,
        complaint=complaint,
        mailed_at=sent_at(delivery, failure),
        held_by=held_by,
    )


def sent_at(delivery: Delivery, failure: Failure) -> datetime | None:
    """Return when the mail was sent that failed; None where that is the moment at which it is told.

    A mail may be sent days after its first try: what was accepted in between came before it and proves nothing.
    """
    returned = failure.state in (DeliveryState.BOUNCED, DeliveryState.COMPLAINED)
    return delivery.fenced_at or delivery.mail_date if returned else None


def find_holder(delivery: Delivery) -> str:
    """Return the name of the review that holds 宛先不明 of the delivery's provider in its mailing, "" for none."""
    lane = Lane.objects.filter(pk=delivery.lane_id)
    holds = StopHold.objects.filter(campaign=delivery.campaign_id, provider__in=lane.values("provider"))
    hold = holds.exclude(state=HoldState.APPLIED).first()
    return hold.key() if hold else ""


def weigh(failure: Failure, workspace: Workspace) -> Weight:
    """Return how much a failure counts towards エラー停止 under the workspace's settings (A7, B11, B17)."""
    if failure.reason == Reason.USER_UNKNOWN:
        return Weight.STOP if stops_at_once(failure.kind, workspace) else Weight.COUNT
    if failure.reason == Reason.UNKNOWN:
        return Weight.COUNT if workspace.count_unknown_reason else Weight.NEVER
    return WEIGHTS.get(failure.reason, Weight.NEVER)


def stops_at_once(kind: str, workspace: Workspace) -> bool:
    """Say whether 宛先不明 of a kind stops the address whatever its count."""
    return kind == Kind.HARD and workspace.stop_unknown_at_once
