"""When a campaign is sent: schedule, start, pause, resume, cancel. Each is one filtered update."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from campaigns import closed_times
from campaigns.approvals import rely_on_approval
from campaigns.deliveries import cancel_unsent, unsent
from campaigns.error_gate import is_stopped
from campaigns.late_starts import startable, too_late, waiting
from campaigns.models import Campaign, CampaignState
from campaigns.preflight.check import require_clear
from campaigns.sendable import CampaignError, require_sendable, require_sender, stopped_sentence
from campaigns.tally import mark_due

# The furthest a campaign may be scheduled ahead; a later date is a slip of the year.
FURTHEST = timedelta(days=366)


def schedule(
    campaign: Campaign,
    at: datetime,
    *,
    actor: User | None,
    now: datetime,
    ticks: Collection[str] | None = None,
    is_made_up_for: bool = False,
) -> None:
    """draft → scheduled for `at`; raises CampaignError for a past time or anything that is missing.

    `ticks` are the keys of the yellow findings of 配信前チェック that a person confirmed; None where nobody is asked.
    `is_made_up_for` allows a past time, which 遅延許容 then judges. A second call (a double click, a second tab) finds no draft and raises, so a mailing starts once.
    """
    require_time(campaign, now if is_made_up_for else at, now=now)
    require_no_master(campaign)
    require_sendable(campaign)
    if is_stopped(campaign.workspace):
        raise CampaignError(campaign, stopped_sentence())
    report = require_clear(campaign, ticks, at=at, now=now, actor=actor)
    with transaction.atomic():
        drafts = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.DRAFT, revision=campaign.revision)
        if not drafts.update(state=CampaignState.SCHEDULED, scheduled_at=at, late_since=None, problem=""):
            raise CampaignError(
                campaign,
                _(
                    "このメールはすでに予約または配信されているか、別の画面で変更されました。最新の状態を確かめてください。"
                ),
            )
        rely_on_approval(campaign, actor)
        closed_times.renew(campaign.pk, now=now)
        confirmed = [] if ticks is None else [finding.sentence for finding in report.yellows]
        told = {"confirmed": " / ".join(confirmed)} if confirmed else {}
        record(campaign.workspace, actor, "campaign.schedule", str(campaign.pk), at=at.isoformat(), **told)


def require_time(campaign: Campaign, at: datetime, *, now: datetime) -> None:
    """Raise CampaignError for a time that is over or too far ahead."""
    if at < now - timedelta(minutes=1):
        raise CampaignError(campaign, _("配信日時が過去です。これからの日時を指定してください。"))
    if at > now + FURTHEST:
        raise CampaignError(campaign, _("配信日時が1年以上先です。年を確かめてください。"))


def require_no_master(campaign: Campaign) -> None:
    """Raise CampaignError where the campaign is the draft of a 繰り返し, whose copies are sent."""
    if campaign.recurrences.filter(stopped_at=None).exists():
        raise CampaignError(campaign, _("繰り返しの元のメールは、直接配信できません。複製してから配信してください。"))


def reschedule(campaign: Campaign, at: datetime, *, actor: User, now: datetime) -> None:
    """scheduled → scheduled for another time; what was checked and approved holds, since the time is no part of it.

    Raises CampaignError for a time that cannot be, and once it has started.
    """
    require_time(campaign, at, now=now)
    with transaction.atomic():
        scheduled = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.SCHEDULED)
        if not scheduled.update(scheduled_at=at, late_since=None):
            raise CampaignError(campaign, _("すでに配信が始まったか、予約が取り消されたため、日時を変更できません。"))
        closed_times.renew(campaign.pk, now=now)
        record(campaign.workspace, actor, "campaign.reschedule", str(campaign.pk), at=at.isoformat())


def unschedule(campaign: Campaign, *, actor: User) -> None:
    """scheduled → draft, until the last moment; raises CampaignError once it has started."""
    with transaction.atomic():
        scheduled = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.SCHEDULED)
        if not scheduled.update(state=CampaignState.DRAFT, scheduled_at=None, late_since=None):
            raise CampaignError(campaign, _("すでに配信が始まっているため、予約を取り消せません。"))
        record(campaign.workspace, actor, "campaign.unschedule", str(campaign.pk))


def start_due(*, now: datetime) -> int:
    """scheduled → starting for every campaign whose time has come; return how many.

    In a workspace that is stopped for its 配信エラー率 they stay scheduled, and start once that is lifted (A15).
    One that is later than it may be (遅延許容) waits for `start_late`.
    """
    due = startable(now=now).exclude(too_late(now)).values_list("pk", flat=True)
    # Somebody may have given one of them another time meanwhile.
    own = waiting(list(due), now=now).exclude(too_late(now))
    return own.update(state=CampaignState.STARTING, started_at=now)


def start_late(campaign: Campaign, *, actor: User, now: datetime) -> None:
    """scheduled → starting for a campaign that was too late to start by itself, by a person's word."""
    require_sender(campaign)
    if is_stopped(campaign.workspace):
        raise CampaignError(campaign, stopped_sentence())
    with transaction.atomic():
        late = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.SCHEDULED, late_since__isnull=False)
        if not late.update(state=CampaignState.STARTING, started_at=now, late_since=None):
            raise CampaignError(
                campaign, _("すでに配信を始めたか、予約が取り消されています。最新の状態を確かめてください。")
            )
        closed_times.renew(campaign.pk, now=now)
        record(campaign.workspace, actor, "campaign.start_late", str(campaign.pk))


def pause(campaign: Campaign, *, actor: User) -> None:
    """sending → paused: nothing more is claimed, and what is claimed is not fenced."""
    with transaction.atomic():
        if not Campaign.objects.filter(pk=campaign.pk, state=CampaignState.SENDING).update(state=CampaignState.PAUSED):
            raise CampaignError(campaign, _("配信中ではないため、一時停止できません。"))
        record(campaign.workspace, actor, "campaign.pause", str(campaign.pk))


def resume(campaign: Campaign, *, actor: User, now: datetime) -> None:
    """paused → sending; the lifetimes of waiting rows begin anew."""
    require_sender(campaign)
    with transaction.atomic():
        paused = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.PAUSED)
        if not paused.update(state=CampaignState.SENDING, lifetime_from=now):
            raise CampaignError(campaign, _("一時停止中ではないため、再開できません。"))
        closed_times.renew(campaign.pk, now=now)
        mark_due(campaign.pk, now=now)
        record(campaign.workspace, actor, "campaign.resume", str(campaign.pk))


def cancel(campaign: Campaign, *, actor: User, now: datetime) -> int:
    """sending/paused → cancelled (残りを中止); return how many rows are not sent.

    A campaign that is still being frozen is cancelled too; what it has of rows is cancelled with it. From now on
    nothing of it is claimed or fenced; the rows of a large one follow piece by piece (reaper.cancel_leftovers).
    """
    running = (CampaignState.STARTING, CampaignState.SENDING, CampaignState.PAUSED)
    with transaction.atomic():
        if not Campaign.objects.filter(pk=campaign.pk, state__in=running).update(
            state=CampaignState.CANCELLED, finished_at=now
        ):
            raise CampaignError(campaign, _("配信中ではないため、中止できません。"))
        stopped = unsent([campaign.pk]).count()
        cancel_unsent([campaign.pk], now=now)
        mark_due(campaign.pk, now=now)
        record(campaign.workspace, actor, "campaign.cancel", str(campaign.pk), unsent=stopped)
    return stopped
