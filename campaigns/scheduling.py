"""When a campaign is sent: schedule, start, pause, resume, cancel. Each is one filtered update."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from campaigns import closed_times
from campaigns.audiences import audience_of
from campaigns.deliveries import cancel_unsent, unsent
from campaigns.error_gate import is_stopped
from campaigns.late_starts import startable, too_late, waiting
from campaigns.merge_tags import broken_tags, unknown_tags
from campaigns.models import Campaign, CampaignState
from campaigns.tally import mark_due
from lists.audience import people_of
from lists.segment_counts import first_people
from lists.segments import SegmentRefused
from senders.errors import SenderError
from senders.verification import require_verified

# The furthest a campaign may be scheduled ahead; a later date is a slip of the year.
FURTHEST = timedelta(days=366)
# Seconds for which somebody to send to is looked for.
LOOK = 0.05


class CampaignError(Exception):
    """A campaign that cannot do what was asked, with a sentence that says what to do."""

    def __init__(self, campaign: Campaign, sentence: str) -> None:
        super().__init__(sentence)
        self.campaign = campaign
        self.sentence = sentence


def require_sendable(campaign: Campaign) -> None:
    """Raise CampaignError with the first thing that is missing before the campaign may be sent."""
    if campaign.sender is None:
        raise CampaignError(campaign, _("送信元が選ばれていません。編集画面で送信元を選んでください。"))
    if not campaign.subject.strip() or not campaign.text.strip():
        raise CampaignError(campaign, _("件名とテキスト本文を入力してください。"))
    if broken := broken_tags(f"{campaign.subject}\n{campaign.text}"):
        raise CampaignError(
            campaign, _("差し込みの書き方が正しくない箇所があります:「%s」。本文を直してください。") % broken[0]
        )
    unknown = unknown_tags(campaign.workspace, campaign.subject, campaign.text, campaign.html)
    if unknown:
        raise CampaignError(
            campaign,
            _("差し込み項目 %(tags)s は登録されていません。本文を直してください。")
            % {"tags": "、".join("{{" + tag + "}}" for tag in unknown)},
        )
    try:
        require_verified(campaign.sender)
    except SenderError as error:
        raise CampaignError(campaign, error.sentence) from error
    require_audience(campaign)


def require_audience(campaign: Campaign) -> None:
    """Raise CampaignError where the campaign is sent to nobody, as far as a moment's look can tell."""
    audience = audience_of(campaign)
    if audience.is_empty:
        raise CampaignError(campaign, _("配信先のリストが選ばれていません。編集画面でリストを選んでください。"))
    try:
        people = people_of(campaign.workspace, audience, now=timezone.now())
    except SegmentRefused as error:
        raise CampaignError(campaign, error.sentence) from error
    found, is_certain = first_people(people, campaign.workspace, 1, budget=LOOK)
    if found or not is_certain:
        return
    if audience.is_plain:
        raise CampaignError(
            campaign, _("選んだリストに配信できる宛先がありません。ファイルを取り込むか、別のリストを選んでください。")
        )
    raise CampaignError(
        campaign, _("選んだ配信先に当てはまる人がいません。セグメントの条件と、除く相手を確かめてください。")
    )


def schedule(campaign: Campaign, at: datetime, *, actor: User, now: datetime) -> None:
    """draft → scheduled for `at`; raises CampaignError for a past time or anything that is missing.

    A second call (a double click, a second tab) finds no draft and raises, so a mailing starts once.
    """
    if at < now - timedelta(minutes=1):
        raise CampaignError(campaign, _("配信日時が過去です。これからの日時を指定してください。"))
    if at > now + FURTHEST:
        raise CampaignError(campaign, _("配信日時が1年以上先です。年を確かめてください。"))
    require_sendable(campaign)
    if is_stopped(campaign.workspace):
        raise CampaignError(campaign, stopped_sentence())
    with transaction.atomic():
        drafts = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.DRAFT, revision=campaign.revision)
        if not drafts.update(state=CampaignState.SCHEDULED, scheduled_at=at, late_since=None, problem=""):
            raise CampaignError(
                campaign,
                _(
                    "このメールはすでに予約または配信されているか、別の画面で変更されました。最新の状態を確かめてください。"
                ),
            )
        closed_times.renew(campaign.pk, now=now)
        record(campaign.workspace, actor, "campaign.schedule", str(campaign.pk), at=at.isoformat())


def stopped_sentence() -> str:
    """Return why nothing can be started in a stopped workspace (A15)."""
    return _(
        "このワークスペースの配信は一時停止中です。ホームの「配信エラー率の内訳と対処を見る」で理由を確かめてください。"
    )


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
    return waiting(list(due)).update(state=CampaignState.STARTING, started_at=now)


def start_late(campaign: Campaign, *, actor: User, now: datetime) -> None:
    """scheduled → starting for a campaign that was too late to start by itself, by a person's word."""
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
