"""停止の保留: where 宛先不明 of one provider jumps in a mailing, its stops wait for a person's decision (B16)."""

import re
import time
from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from accounts import audit
from accounts.models import User, Workspace
from campaigns.failures import stops_at_once
from campaigns.models import FAILURES, Campaign, Delivery, HoldState, Lane, StopHold, Tally
from campaigns.recoveries import find_proofs
from campaigns.tally import TRIED
from lists.held_errors import count_held, hold_errors
from lists.models import AddressError
from lists.transactions import retry_transaction
from mta.verdicts import Reason

# Holds that one tick looks after.
HOLDS = 10
# Errors that one piece of a sweep moves.
PIECE = 500
# Errors that are moved while a person waits, for at most so many seconds; the tick goes on with the others.
AT_ONCE = 5000
PATIENCE = 5.0
# Who counted an error while the hold was opened or decided may not have seen it; after so long all such
# transactions are over, and a last sweep finds what they left.
AFTERMATH = timedelta(minutes=1)
# Errors whose texts are looked at for the commonest.
SAMPLE = 1000
ADDRESS = re.compile(r"<?[^\s<>]+@[^\s<>]+>?")


def look_for_jumps(campaign: Campaign, *, now: datetime) -> int:
    """Open a hold for each provider whose 宛先不明 jumped in the campaign, read from its tally; return how many.

    A provider that has a hold in this campaign, decided or not, gets no other.
    """
    workspace = campaign.workspace
    opened = 0
    for provider, unknown, tried in count_unknown(campaign):
        if unknown >= workspace.hold_minimum and 100 * unknown >= workspace.hold_percent * tried:
            opened += open_hold(campaign, provider, unknown=unknown, tried=tried, now=now)
    return opened


def count_unknown(campaign: Campaign) -> QuerySet[Tally, tuple[str, int, int]]:
    """Return provider, 宛先不明 and tried deliveries of a campaign's providers without a hold, from its tally."""
    held = StopHold.objects.filter(campaign=campaign).values("provider")
    tried = Tally.objects.filter(campaign=campaign, state__in=TRIED).exclude(provider__in=held).order_by()
    unknown = Sum("number", filter=Q(reason=Reason.USER_UNKNOWN, state__in=FAILURES), default=0)
    return tried.values_list("provider").annotate(unknown=unknown, tried=Sum("number"))


@transaction.atomic
def open_hold(campaign: Campaign, provider: str, *, unknown: int, tried: int, now: datetime) -> bool:
    """Open a hold and have what was counted already taken back; False where there is one."""
    hold, is_new = StopHold.objects.get_or_create(
        campaign=campaign,
        provider=provider,
        defaults={"unknown": unknown, "tried": tried, "opened_at": now, "sweep_due_at": now},
    )
    if is_new:
        label = hold.provider_label()
        audit.record(
            campaign.workspace, None, "hold.open", campaign.subject, provider=label, unknown=unknown, tried=tried
        )
    return is_new


def sweep_holds(*, now: datetime) -> int:
    """Take a piece of each hold's errors back, or count it where the hold was applied; return how many errors."""
    due = StopHold.objects.filter(sweep_due_at__lte=now).select_related("campaign__workspace")
    return sum(sweep(hold, now=now) for hold in due.order_by("sweep_due_at")[:HOLDS])


def sweep(hold: StopHold, *, now: datetime) -> int:
    """Do one piece of a hold; return how many errors were looked at. Two at once do no harm, nor does a crash."""
    if hold.state == HoldState.APPLIED:
        return apply_piece(hold, now=now)
    return take_back_piece(hold, now=now)


def take_back_piece(hold: StopHold, *, now: datetime) -> int:
    """Hold the next errors that were counted before the hold was seen."""
    settled = hold.opened_at + AFTERMATH
    # A sweep that began too early to be the last begins again.
    is_early = hold.sweep_due_at is not None and hold.sweep_due_at < settled <= now
    begin = 0 if is_early else hold.sweep_cursor
    piece = list(unknown_deliveries(hold).filter(pk__gt=begin).order_by("pk")[:PIECE])
    keys = {subscriber: f"delivery:{pk}" for pk, subscriber in piece if subscriber is not None}
    revived = retry_transaction(lambda: hold_errors(keys, hold.key(), now=now)) if keys else 0
    if revived:
        audit.record(hold.campaign.workspace, None, "hold.revive", hold.campaign.subject, changed=revived)
    cursor = piece[-1][0] if piece else 0
    finish_piece(hold, cursor=cursor, is_last=not piece, since=hold.opened_at, now=now)
    return len(piece)


def unknown_deliveries(hold: StopHold) -> QuerySet[Delivery, tuple[int, int | None]]:
    """Return the ids of the 宛先不明 deliveries of a hold, and of their subscribers."""
    lanes = Lane.objects.filter(workspace=hold.campaign.workspace_id, provider=hold.provider)
    failed = Delivery.objects.filter(campaign=hold.campaign_id, lane__in=list(lanes), reason=Reason.USER_UNKNOWN)
    return failed.failures().values_list("pk", "subscriber_id")


def apply_piece(hold: StopHold, *, now: datetime) -> int:
    """Count the next errors that are still held, as if they were told now."""
    errors = list(held_errors(hold).order_by("pk").values_list("pk", "kind", "subscriber")[:PIECE])
    stops = {pk: stops_at_once(kind, hold.campaign.workspace) for pk, kind, _subscriber in errors}
    if stops:
        # Meanwhile a later mail may have proven the address.
        proofs = find_proofs([subscriber for _pk, _kind, subscriber in errors], now=now)
        retry_transaction(lambda: count_held(stops, now=now, proofs=proofs))
    finish_piece(hold, cursor=0, is_last=not stops, since=hold.decided_at or now, now=now)
    return len(stops)


def held_errors(hold: StopHold) -> QuerySet[AddressError]:
    """Return the errors that a hold holds."""
    return AddressError.objects.filter(held_by=hold.key())


def finish_piece(hold: StopHold, *, cursor: int, is_last: bool, since: datetime, now: datetime) -> None:
    """Note how far a sweep has come; the last one begins when nobody can have overlooked the hold any more."""
    due: datetime | None = now
    if is_last:
        due = since + AFTERMATH if now < since + AFTERMATH else None
    # Guarded by what this sweep began with: a decision meanwhile begins a sweep of its own.
    own = StopHold.objects.filter(pk=hold.pk, state=hold.state, sweep_cursor=hold.sweep_cursor)
    if own.update(sweep_cursor=cursor, sweep_due_at=due):
        hold.sweep_cursor, hold.sweep_due_at = cursor, due


def decide(hold: StopHold, state: HoldState, *, actor: User, now: datetime) -> bool:
    """Apply or drop an open hold for good; False where somebody was first.

    Up to AT_ONCE errors are moved at once (for PATIENCE seconds), the others by the tick.
    """
    with transaction.atomic():
        waiting = StopHold.objects.filter(pk=hold.pk, state=HoldState.OPEN)
        # What was not taken back yet still is where the hold is dropped; counting begins from the start.
        if not waiting.update(state=state, decided_at=now, decided_by=actor, sweep_due_at=now, sweep_cursor=0):
            return False
        action = "hold.apply" if state == HoldState.APPLIED else "hold.drop"
        campaign = hold.campaign
        audit.record(
            campaign.workspace,
            actor,
            action,
            campaign.subject,
            provider=hold.provider_label(),
            held=held_errors(hold).count(),
        )
    hold.refresh_from_db()
    until = time.monotonic() + PATIENCE
    for _piece in range(AT_ONCE // PIECE):
        if not sweep(hold, now=now) or time.monotonic() > until:
            break
    return True


def open_holds(workspace: Workspace) -> QuerySet[StopHold]:
    """Return the holds that wait for a decision, the oldest first."""
    holds = StopHold.objects.filter(campaign__workspace=workspace, state=HoldState.OPEN)
    return holds.select_related("campaign").order_by("opened_at", "pk")


def commonest_texts(hold: StopHold, *, most: int) -> list[tuple[str, int]]:
    """Return the server's commonest words in a hold's newest errors, without addresses, and how often each was told."""
    texts = unknown_deliveries(hold).order_by("-pk").values_list("text", flat=True)[:SAMPLE]
    return Counter(ADDRESS.sub("<…>", text) for text in texts).most_common(most)
