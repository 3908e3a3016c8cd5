"""繰り返し: starts, changes and stops them, and makes the mailing of each time once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User, Workspace
from campaigns.approvals import (
    digest_of,
    is_approved,
    live_approval,
    needs_approval,
    not_approved_sentence,
    void_changed,
)
from campaigns.audiences import audience_of
from campaigns.closed_times import zone_of
from campaigns.drafts import make_copy
from campaigns.models import Approval, Campaign, CampaignState, Occurrence, Recurrence, Rhythm
from campaigns.recurrence_dates import Plan, following, moved, newest_until
from campaigns.scheduling import schedule
from campaigns.sendable import CampaignError

# Recurrences that one tick serves; the next one goes on.
BATCH: Final = 20
# Recurrences that one tick looks at, where many fail.
MOST_DUE: Final = 1_000


def plan_of(recurrence: Recurrence) -> Plan:
    """Return when a stored recurrence sends."""
    weekdays = frozenset(int(digit) for digit in recurrence.weekdays)
    rhythm = Rhythm(recurrence.rhythm)
    return Plan(rhythm, recurrence.at, weekdays, recurrence.month_day, recurrence.ends_on)


def columns_of(plan: Plan) -> dict[str, Any]:
    """Return the columns of a recurrence that hold a plan."""
    is_weekly = plan.rhythm == Rhythm.WEEKLY
    return {
        "rhythm": plan.rhythm,
        "weekdays": "".join(str(day) for day in sorted(plan.weekdays)) if is_weekly else "",
        "month_day": None if is_weekly else plan.month_day,
        "at": plan.at,
        "ends_on": plan.ends_on,
    }


def running(workspace_id: int) -> QuerySet[Recurrence]:
    """Return the recurrences of a workspace that send something still, the next ones first."""
    found = Recurrence.objects.filter(workspace=workspace_id, stopped_at=None)
    return found.select_related("master").order_by(F("next_at").asc(nulls_last=True), "pk")


# ── by a person's word ────────────────────────────────────────────────────────────────────────────────────────────


def start(campaign: Campaign, plan: Plan, *, actor: User, now: datetime) -> Recurrence:
    """Repeat a draft, or a copy of a mailing that is none any more.

    Where approval is needed it begins paused, since what is approved is the draft with its plan. Raises CampaignError
    for a plan that never sends, for a draft that is repeated already, and for one that is not as it was when it was read.
    """
    next_at = require_next(campaign, plan, now=now)
    with transaction.atomic():
        master = lock_as_read(campaign)
        if master.state != CampaignState.DRAFT:
            master = make_copy(master, created_by=actor)
        if master.recurrences.filter(stopped_at=None).exists():
            raise CampaignError(campaign, _("このメールはすでに繰り返しの元になっています。"))
        if is_double(master, plan):
            raise CampaignError(
                campaign,
                _(
                    "同じ内容を、同じ配信先に、同じ日時に送る繰り返しがすでにあります。「繰り返し」の一覧を確かめてください。"
                ),
            )
        recurrence = Recurrence.objects.create(
            workspace=master.workspace, master=master, started_by=actor, next_at=next_at, **columns_of(plan)
        )
        note_change(recurrence, master, "recurrence.create", actor=actor, now=now)
    return recurrence


def is_double(master: Campaign, plan: Plan) -> bool:
    """Say whether somebody, in another tab say, repeats the same for the same people at the same times already."""
    same = {f"master__{name}": getattr(master, name) for name in ("subject", "text", "html")}
    others = running(master.workspace_id).filter(**same, **columns_of(plan))
    return any(audience_of(other.master) == audience_of(master) for other in others)


def change(recurrence: Recurrence, plan: Plan, *, actor: User, now: datetime) -> None:
    """Give a recurrence another plan. Raises CampaignError for one that never sends, once it was stopped, or where its
    master is not as it was when it was read.
    """
    next_at = require_next(recurrence.master, plan, now=now)
    with transaction.atomic():
        master = lock_as_read(recurrence.master)
        values = columns_of(plan) | {"next_at": next_at, "started_by": actor}
        if not still_on(recurrence).update(**values):
            raise stopped(recurrence)
        recurrence.refresh_from_db()
        note_change(recurrence, master, "recurrence.update", actor=actor, now=now)


def note_change(recurrence: Recurrence, master: Campaign, action: str, *, actor: User, now: datetime) -> None:
    """Let a new plan count as a save of the master: who made it does not approve it, and what was approved is void."""
    Campaign.objects.filter(pk=master.pk).update(revision=F("revision") + 1, edited_by=actor)
    void_changed(master)
    if needs_approval(master.workspace, actor) and not is_approved(master):
        still_on(recurrence).filter(paused_at=None).update(paused_at=now)
        recurrence.refresh_from_db()
    record(master.workspace, actor, action, str(master.pk))


def pause(recurrence: Recurrence, *, actor: User, now: datetime) -> None:
    """Make no more mailings for now."""
    with transaction.atomic():
        if not still_on(recurrence).filter(paused_at=None).update(paused_at=now):
            raise CampaignError(recurrence.master, _("繰り返しは、すでに一時停止または終了しています。"))
        record(recurrence.workspace, actor, "recurrence.pause", str(recurrence.master_id))


def resume(recurrence: Recurrence, *, actor: User, now: datetime) -> None:
    """Go on with the next time; those that passed meanwhile are left out. Raises CampaignError without approval."""
    with transaction.atomic():
        master = lock(recurrence.master_id)
        recurrence.refresh_from_db()
        if needs_approval(master.workspace, actor) and not is_approved(master):
            url = reverse("campaign_preview", args=[master.pk])
            raise CampaignError(
                master, _("承認されていないため、再開できません。内容の確認画面で承認を依頼してください。"), url
            )
        next_at = require_next(master, plan_of(recurrence), now=now)
        paused = still_on(recurrence).filter(paused_at__isnull=False)
        if not paused.update(paused_at=None, next_at=next_at, started_by=actor):
            raise CampaignError(master, _("繰り返しは一時停止中ではないため、再開できません。"))
        # What goes out from now on is this person's word.
        Campaign.objects.filter(pk=master.pk).update(edited_by=actor)
        record(master.workspace, actor, "recurrence.resume", str(master.pk))


def stop(recurrence: Recurrence, *, actor: User, now: datetime) -> None:
    """End a recurrence for good; its master is an ordinary draft again."""
    with transaction.atomic():
        if not still_on(recurrence).update(stopped_at=now, next_at=None):
            raise stopped(recurrence)
        record(recurrence.workspace, actor, "recurrence.stop", str(recurrence.master_id))


def still_on(recurrence: Recurrence) -> QuerySet[Recurrence]:
    """Return the row as long as nobody stopped it."""
    return Recurrence.objects.filter(pk=recurrence.pk, stopped_at=None)


def stopped(recurrence: Recurrence) -> CampaignError:
    """Return what is said of a recurrence that was stopped."""
    return CampaignError(recurrence.master, _("この繰り返しは終了しています。"))


def require_next(campaign: Campaign, plan: Plan, *, now: datetime) -> datetime:
    """Return the next time of a plan; raises CampaignError where it has none."""
    found = following(plan, now, campaign.workspace.zone)
    if found is None:
        raise CampaignError(campaign, _("終了日までに配信する日がありません。終了日を確かめてください。"))
    return found


def lock(campaign_id: int) -> Campaign:
    """Return a campaign with its row locked; always before the row of its recurrence, so that nobody waits in a circle."""
    found = Campaign.objects.select_for_update(no_key=True, of=("self",)).select_related("workspace", "sender__domain")
    return found.get(pk=campaign_id)


def lock_as_read(campaign: Campaign) -> Campaign:
    """Return a campaign with its row locked; raises CampaignError where somebody saved it since it was read."""
    master = lock(campaign.pk)
    if master.revision != campaign.revision:
        raise CampaignError(
            campaign, _("元のメールが変更されました。内容と宛先を確かめてから、もう一度お試しください。")
        )
    return master


def follow_zone(workspace: Workspace, before: ZoneInfo, *, now: datetime) -> int:
    """Let the recurrences of a workspace follow its new zone, in the transaction that stores it; return how many.

    Their plans stay as they are, and so does what was approved. Those that are paused are planned when they go on.
    """
    waiting = Recurrence.objects.filter(workspace=workspace, stopped_at=None, paused_at=None, next_at__isnull=False)
    found = list(waiting.select_for_update(no_key=True).order_by("pk"))
    for recurrence in found:
        if recurrence.next_at is not None:
            at = moved(plan_of(recurrence), recurrence.next_at, before, workspace.zone, now=now)
            Recurrence.objects.filter(pk=recurrence.pk).update(next_at=at)
    return len(found)


# ── by the tick ───────────────────────────────────────────────────────────────────────────────────────────────────


def make_due(*, now: datetime) -> int:
    """Make the mailings of recurrences whose time has come, BATCH at most; return how many. One that fails holds up no
    other: so many that fail are passed over with their times unmade, and tried again by the next tick.
    """
    due = Recurrence.objects.filter(next_at__lte=now, paused_at=None).order_by("next_at", "pk")
    made, failures = 0, []
    for recurrence in list(due[:MOST_DUE]):
        try:
            made += make_next(recurrence, now=now)
        except Exception as error:
            failures.append(error)
        if made >= BATCH:
            break
    if failures:
        raise ExceptionGroup("recurrences", failures)
    return made


def make_next(recurrence: Recurrence, *, now: datetime) -> bool:
    """Make the mailing of the newest time that has come, in one transaction; say whether this call did.

    Of times that were missed the newest alone is made up for. The filtered update lets one of several ticks go on; the
    constraint on occurrences holds also where the clock or the database went back.
    """
    seen = recurrence.next_at
    with transaction.atomic():
        master = lock(recurrence.master_id)
        waiting = Recurrence.objects.filter(pk=recurrence.pk, next_at=seen, paused_at=None)
        current = waiting.select_for_update(no_key=True, of=("self",)).select_related("started_by").first()
        if current is None or seen is None:
            return False
        # Read behind the lock, which whoever changes the zone waits for or has.
        plan, zone = plan_of(current), zone_of(current.workspace_id)
        at = max(seen, newest_until(plan, now, zone) or seen)
        if not waiting.update(next_at=following(plan, now, zone)):
            return False
        occurrence, is_new = Occurrence.objects.get_or_create(recurrence=current, at=at)
        if is_new:
            fill(occurrence, current, master, now=now)
    return is_new


def fill(occurrence: Occurrence, recurrence: Recurrence, master: Campaign, *, now: datetime) -> None:
    """Copy the master and schedule the copy for its time; one that is refused stays a draft that says why."""
    copy = make_copy(master, created_by=recurrence.started_by)
    occurrence.campaign = copy
    actor = answers_for(recurrence, master)
    try:
        pass_approval_on(master, copy, actor)
        schedule(copy, occurrence.at, actor=actor, now=now, is_made_up_for=True)
    except CampaignError as error:
        occurrence.problem, occurrence.to_mail = error.sentence[:500], True
        Campaign.objects.filter(pk=copy.pk).update(problem=occurrence.problem)
        record(master.workspace, None, "recurrence.refused", str(copy.pk), why=error.sentence)
    else:
        record(master.workspace, None, "recurrence.occur", str(copy.pk), at=occurrence.at.isoformat())
    occurrence.save(update_fields=["campaign", "problem", "to_mail"])


def answers_for(recurrence: Recurrence, master: Campaign) -> User | None:
    """Return by whose word the next mailing goes out: who started the 繰り返し, or who changed its draft since then and
    may send nothing without approval.
    """
    editor = master.edited_by or master.created_by
    return editor if needs_approval(master.workspace, editor) else recurrence.started_by


def lacks_approval(recurrence: Recurrence) -> bool:
    """Say whether its mailings stay drafts until somebody approves the master."""
    master = recurrence.master
    return needs_approval(master.workspace, answers_for(recurrence, master)) and not is_approved(master)


def pass_approval_on(master: Campaign, copy: Campaign, actor: User | None) -> None:
    """Let the approval of the master be one of its copy, which has the same content; raises CampaignError without one."""
    if not needs_approval(master.workspace, actor):
        return
    approval = live_approval(master) if is_approved(master) else None
    if approval is None:
        raise CampaignError(copy, not_approved_sentence())
    Approval.objects.create(
        campaign=copy,
        digest=digest_of(copy),
        state=approval.state,
        asked_by=approval.asked_by,
        asked_at=approval.asked_at,
        decided_by=approval.decided_by,
        decided_at=approval.decided_at,
        note=approval.note,
    )
