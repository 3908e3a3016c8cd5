"""Campaigns and the lists they go to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.deletion import Collector
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from campaigns.tag_words import readable
from lists.exceptions import ListsError
from lists.models import MailingList, Segment
from senders.models import Sender


def default_lifetime() -> timedelta:
    """Return how long a newsletter delivery is tried (setting DELIVERY_LIFETIME)."""
    return settings.DELIVERY_LIFETIME


def default_late_tolerance() -> timedelta:
    """Return how late a mailing may start without being asked about (setting LATE_TOLERANCE)."""
    return settings.LATE_TOLERANCE


class CampaignState(models.TextChoices):
    """Where a campaign stands."""

    DRAFT = "draft", _("下書き")
    SCHEDULED = "scheduled", _("予約済み")
    STARTING = "starting", _("準備中")
    SENDING = "sending", _("配信中")
    PAUSED = "paused", _("一時停止中")
    DONE = "done", _("配信完了")
    CANCELLED = "cancelled", _("中止")


class DoubtPolicy(models.TextChoices):
    """What is done with a delivery whose outcome stays unknown (結果不明)."""

    HOLD = "hold", _("再送しない(重複を避ける)")
    RESEND = "resend", _("1回だけ再送する(未達を避ける)")


class QuietMode(models.TextChoices):
    """Which 配信禁止時間 a mailing keeps."""

    WORKSPACE = "workspace", _("ワークスペースの設定に従う")
    OWN = "own", _("このメールだけの設定を使う")
    NONE = "none", _("いつでも配信する")


# So many are named in a sentence about several.
SUBJECTS_NAMED = 3
# A list that one of these still reads must not go away under it.
PLANNED = (CampaignState.SCHEDULED, CampaignState.STARTING, CampaignState.SENDING, CampaignState.PAUSED)


class AudienceInUse(ListsError):
    """A mailing needs the list or the segment that was to be deleted."""


def protect_planned(
    collector: Collector, field: models.Field[Any, Any], audiences: Collection[Audience | AudiencePart], using: str
) -> None:
    """On deletion of a list or a segment: raise AudienceInUse while a planned or repeated mailing uses it or a draft
    leaves its people out; else drop it from the others.

    A draft that lost an exclusion would go to people who must not have it.
    """
    planned = [found for found in audiences if found.campaign.state in PLANNED]
    if planned:
        sentence = gettext(
            "予約中または配信中の「%s」で使われているため、削除できません。予約を取り消すか、配信が終わってから削除してください。"
        )
        raise AudienceInUse(sentence % name_campaigns(planned), planned)
    masters = masters_among(audiences)
    if repeated := [found for found in audiences if found.campaign_id in masters]:
        sentence = gettext(
            "繰り返しの「%s」で使われているため、削除できません。元のメールの配信先から外すか、繰り返しを終了してから削除してください。"
        )
        raise AudienceInUse(sentence % name_campaigns(repeated), repeated)
    kept = [found for found in audiences if found.leaves_out and found.campaign.is_editable()]
    if kept:
        sentence = gettext(
            "下書き「%s」で、送らない相手(除く)に選ばれているため、削除できません。下書きの配信先から外してから削除してください。"
        )
        raise AudienceInUse(sentence % name_campaigns(kept), kept)
    models.CASCADE(collector, field, audiences, using)  # type: ignore[arg-type]


def masters_among(audiences: Collection[Audience | AudiencePart]) -> set[int]:
    """Return the ids of the drafts among the campaigns that are sent again and again."""
    asked = Campaign.objects.filter(pk__in={found.campaign_id for found in audiences})
    repeated = asked.filter(recurrences__isnull=False, recurrences__stopped_at=None)
    return set(repeated.values_list("pk", flat=True))


def name_campaigns(audiences: Iterable[Audience | AudiencePart]) -> str:
    """Return the first subjects of the campaigns in one order."""
    subjects = sorted({found.campaign.title for found in audiences})
    return "」「".join(subjects[:SUBJECTS_NAMED])


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def for_workspace(self, workspace: Workspace) -> CampaignQuerySet:
        """Keep the campaigns of one workspace."""
        return self.filter(workspace=workspace)

    def open(self, now: datetime) -> CampaignQuerySet:
        """Keep those that send at `now`: they are in 配信中, and not in their 配信禁止時間."""
        return self.filter(state=CampaignState.SENDING).exclude(closed_from__lte=now, closed_until__gt=now)


class Campaign(models.Model):
    """One mailing: what is sent, from whom, to which lists, when."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="campaigns")
    subject = models.CharField(_("件名"), max_length=200)
    text = models.TextField(_("テキスト本文"))
    html = models.TextField(_("HTML本文"), blank=True)
    # What lists of mails show behind the subject; it stands in the HTML part, out of sight.
    preheader = models.CharField(_("プリヘッダー"), max_length=200, blank=True)
    # For whom the regions of text and html are (designs/regions.py), stored with them: region n is for who fulfils the
    # conditions in place n - 1. None stands where a number is free.
    conditions: models.JSONField[list[dict[str, Any] | None], list[dict[str, Any] | None]] = models.JSONField(
        default=list, db_default=models.Value([], output_field=models.JSONField())
    )
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, null=True, related_name="campaigns")
    mailing_lists = models.ManyToManyField(MailingList, through="Audience", related_name="campaigns")
    folder = models.ForeignKey(
        "campaigns.Folder", on_delete=models.SET_NULL, null=True, blank=True, related_name="campaigns"
    )
    state = models.CharField(max_length=10, choices=CampaignState.choices, default=CampaignState.DRAFT)
    doubt_policy = models.CharField(max_length=10, choices=DoubtPolicy.choices, default=DoubtPolicy.HOLD)
    # How long a delivery is tried before it expires (一時的なエラー, B5).
    lifetime = models.DurationField(default=default_lifetime)
    # Why a scheduled mailing was not started but sent back to its author.
    problem = models.CharField(max_length=500, blank=True)
    scheduled_at = models.DateTimeField(_("配信日時"), null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # When the tick found nothing left to cancel of a mailing that was cancelled; None while it looks (campaigns/reaper.py).
    cleared_at = models.DateTimeField(null=True, blank=True)
    # The start or the newest resume: lifetimes do not run while a campaign is paused.
    lifetime_from = models.DateTimeField(null=True, blank=True)
    # What the mails say of the sender; frozen when the sending begins (campaigns/authors.py).
    author: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    # Whether it is measured as the workspace's rules say, and whether its mails carry links of ours; that is decided
    # when the sending begins (campaigns/reactions.py).
    wants_tracking = models.BooleanField(_("開封とクリックを計測する"), default=True)
    is_tracked = models.BooleanField(default=False)
    # Whether the workspace's シード get a copy when the sending begins.
    wants_seeds = models.BooleanField(_("シードにも送る"), default=True, db_default=False)
    # 配信禁止時間 (QuietHours): nothing is claimed or fenced from closed_from until closed_until, the present or the
    # next closed time. The tick looks for the one that follows (campaigns/quiet_hours.py).
    quiet_mode = models.CharField(
        _("配信禁止時間"), max_length=10, choices=QuietMode.choices, default=QuietMode.WORKSPACE
    )
    closed_from = models.DateTimeField(null=True, blank=True)
    closed_until = models.DateTimeField(null=True, blank=True)
    # PeopleState.generation when the freezing of a segment's people began; another one makes it begin anew.
    people_generation = models.PositiveIntegerField(null=True, blank=True)
    # 遅延許容: a start that comes later than this after its time waits for a person's word, from `late_since` on.
    late_tolerance = models.DurationField(default=default_late_tolerance)
    late_since = models.DateTimeField(null=True, blank=True)
    # When the managers were written to about that.
    late_told_at = models.DateTimeField(null=True, blank=True)
    # The managers are to be written to, since it fell back to a draft when it was to start (campaigns/sent_back_mails.py).
    back_to_mail = models.BooleanField(default=False, db_default=False)
    # Freezing the recipients: the last subscriber id that has its row, and the generation of each list then.
    start_cursor = models.BigIntegerField(default=0)
    list_generations: models.JSONField[dict[str, int], dict[str, int]] = models.JSONField(default=dict)
    # How many recipients the lists have, counted while the freezing goes on: for its progress alone.
    expected_count = models.PositiveIntegerField(null=True, blank=True)
    # The number of recipients, while they are frozen those that have their row. Once the freezing ended, the states of
    # the deliveries always add up to it.
    recipient_count = models.PositiveIntegerField(null=True, blank=True)
    # When the figures (Tally) are to be counted anew; None before the start and once they are final.
    tally_due_at = models.DateTimeField(null=True, blank=True)
    # No count begins before: one is at work, or the newest one took long.
    tally_not_before = models.DateTimeField(null=True, blank=True)
    # When the figures were counted last.
    tally_at = models.DateTimeField(null=True, blank=True)
    # Whether it went to a segment or left people out; that is decided when the sending begins, since its parts go with
    # their lists and segments.
    is_narrowed = models.BooleanField(default=False, db_default=False)
    # The mailing whose failures this one is for (失敗分に再送).
    resend_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="resends")
    # Rises with every save by a person; a form that was opened before an other save is told so.
    revision = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    # The number of the page that it was begun on: a save that comes twice finds the draft of the first.
    form_key = models.UUIDField(null=True, blank=True, editable=False)
    # Who saved it last; he does not approve it (承認).
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        indexes = [
            # For 配信履歴, newest first.
            models.Index(fields=["workspace", "-id"], name="campaign_newest"),
            # For the tick: what is due, what runs.
            models.Index(
                fields=["state", "scheduled_at"],
                condition=models.Q(state__in=["scheduled", "starting", "sending"]),
                name="campaign_running",
            ),
            # For the tick: what is left of which cancelled ones.
            models.Index(
                fields=["finished_at"],
                condition=models.Q(state="cancelled", cleared_at__isnull=True),
                name="campaign_to_clear",
            ),
            # For the tick: whose figures are to be counted anew.
            models.Index(
                fields=["tally_due_at"], condition=models.Q(tally_due_at__isnull=False), name="campaign_tally_due"
            ),
            models.Index(fields=["id"], condition=models.Q(back_to_mail=True), name="campaign_back_to_mail"),
            # For reports over a period.
            models.Index(fields=["workspace", "started_at"], name="campaign_by_start"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="scheduled") | models.Q(scheduled_at__isnull=False),
                name="campaign_schedule_has_time",
            ),
            models.UniqueConstraint(
                fields=["workspace", "created_by", "form_key"],
                condition=models.Q(form_key__isnull=False),
                name="campaign_begun_once",
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def title(self) -> str:
        """Return what pages call it: merge tags in words, and a draft may have no subject yet."""
        return readable(self.subject) or str(_("(件名なし)"))

    def audience_words(self) -> str:
        """Return the names of the lists and segments that it is sent to, and of those it leaves out."""
        parts = list(self.audience_parts.all())
        sent = [found.name for found in self.mailing_lists.all()]
        sent += [str(row.segment) for row in parts if row.part == Part.INCLUDE_SEGMENT]
        left_out = [str(row.mailing_list or row.segment) for row in parts if row.part != Part.INCLUDE_SEGMENT]
        return name_audience(sent, left_out)

    def is_editable(self) -> bool:
        """Say whether content and audience may still be changed."""
        return self.state == CampaignState.DRAFT

    def is_running(self) -> bool:
        """Say whether rows may still change by sending."""
        return self.state in (CampaignState.STARTING, CampaignState.SENDING, CampaignState.PAUSED)


def name_audience(sent: Iterable[str], left_out: Collection[str]) -> str:
    """Return an audience in words, by the names of what belongs to it and of what is left out."""
    words = "、".join(sent)
    return _("%(sent)s(除く: %(left_out)s)") % {"sent": words, "left_out": "、".join(left_out)} if left_out else words


class Audience(models.Model):
    """A list that a campaign is sent to."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="audiences")
    mailing_list = models.ForeignKey(MailingList, on_delete=protect_planned, related_name="audiences")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "mailing_list"], name="audience_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id} → {self.mailing_list_id}"

    @property
    def leaves_out(self) -> bool:
        """Say whether its people get nothing, as an AudiencePart says."""
        return False


class Part(models.TextChoices):
    """How a list or a segment belongs to an audience, beside the lists that a campaign is sent to."""

    INCLUDE_SEGMENT = "segment", _("送るセグメント")
    EXCLUDE_LIST = "not_list", _("除くリスト")
    EXCLUDE_SEGMENT = "not_segment", _("除くセグメント")


class AudiencePart(models.Model):
    """A segment that a campaign is sent to, or a list or segment whose people are left out."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="audience_parts")
    part = models.CharField(max_length=20, choices=Part.choices)
    mailing_list = models.ForeignKey(
        MailingList, on_delete=protect_planned, null=True, blank=True, related_name="audience_parts"
    )
    segment = models.ForeignKey(
        Segment, on_delete=protect_planned, null=True, blank=True, related_name="audience_parts"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "mailing_list"],
                condition=models.Q(mailing_list__isnull=False),
                name="audience_list_once",
            ),
            models.UniqueConstraint(
                fields=["campaign", "segment"], condition=models.Q(segment__isnull=False), name="audience_segment_once"
            ),
            models.CheckConstraint(
                condition=models.Q(part="not_list", mailing_list__isnull=False, segment=None)
                | models.Q(part__in=["segment", "not_segment"], mailing_list=None, segment__isnull=False),
                name="audience_part_names_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.get_part_display()} {self.mailing_list_id or self.segment_id}"

    @property
    def leaves_out(self) -> bool:
        """Say whether its people get nothing."""
        return self.part != Part.INCLUDE_SEGMENT
