"""Campaigns, their deliveries and lanes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.deletion import Collector
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEntry, Workspace
from lists.literals import Literal
from lists.models import MailingList, Subscriber
from mta.providers import PROVIDER_LABELS
from mta.verdicts import Kind, Phase, Reason
from senders.models import Sender


def default_lifetime() -> timedelta:
    """Return how long a newsletter delivery is tried (setting DELIVERY_LIFETIME)."""
    return settings.DELIVERY_LIFETIME


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


# A list that one of these still reads must not go away under it.
PLANNED = (CampaignState.SCHEDULED, CampaignState.STARTING, CampaignState.SENDING, CampaignState.PAUSED)


def protect_planned(
    collector: Collector, field: models.Field[Any, Any], audiences: Collection[Audience], using: str
) -> None:
    """On deletion of a list: refuse by ProtectedError while a planned mailing uses it, else drop it from the others."""
    used = [audience for audience in audiences if audience.campaign.state in PLANNED]
    if used:
        raise models.ProtectedError("a planned campaign uses this list", set(used))
    models.CASCADE(collector, field, audiences, using)  # type: ignore[arg-type]


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def for_workspace(self, workspace: Workspace) -> CampaignQuerySet:
        """Keep the campaigns of one workspace."""
        return self.filter(workspace=workspace)


class Campaign(models.Model):
    """One mailing: what is sent, from whom, to which lists, when."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="campaigns")
    subject = models.CharField(_("件名"), max_length=200)
    text = models.TextField(_("テキスト本文"))
    html = models.TextField(_("HTML本文"), blank=True)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, null=True, related_name="campaigns")
    mailing_lists = models.ManyToManyField(MailingList, through="Audience", related_name="campaigns")
    state = models.CharField(max_length=10, choices=CampaignState.choices, default=CampaignState.DRAFT)
    doubt_policy = models.CharField(max_length=10, choices=DoubtPolicy.choices, default=DoubtPolicy.HOLD)
    # How long a delivery is tried before it expires (一時的なエラー, B5).
    lifetime = models.DurationField(default=default_lifetime)
    # Why a scheduled mailing was not started but sent back to its author.
    problem = models.CharField(max_length=500, blank=True)
    scheduled_at = models.DateTimeField(_("配信日時"), null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # The start or the newest resume: lifetimes do not run while a campaign is paused.
    lifetime_from = models.DateTimeField(null=True, blank=True)
    # What the mails say of the sender; frozen when the sending begins (campaigns/authors.py).
    author: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(default=dict)
    # Freezing the recipients: the last subscriber id that has its row, and the generation of each list then.
    start_cursor = models.BigIntegerField(default=0)
    list_generations: models.JSONField[dict[str, int], dict[str, int]] = models.JSONField(default=dict)
    # The number of recipients when the freezing ended; the states of the deliveries always add up to it.
    recipient_count = models.PositiveIntegerField(null=True, blank=True)
    # When the figures (Tally) are to be counted anew; None before the start and once they are final.
    tally_due_at = models.DateTimeField(null=True, blank=True)
    # No count begins before: one is at work, or the newest one took long.
    tally_not_before = models.DateTimeField(null=True, blank=True)
    # When the figures were counted last.
    tally_at = models.DateTimeField(null=True, blank=True)
    # The mailing whose failures this one is for (失敗分に再送).
    resend_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="resends")
    # Rises with every save by a person; a form that was opened before an other save is told so.
    revision = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
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
            # For the tick: whose figures are to be counted anew.
            models.Index(
                fields=["tally_due_at"], condition=models.Q(tally_due_at__isnull=False), name="campaign_tally_due"
            ),
            # For reports over a period.
            models.Index(fields=["workspace", "started_at"], name="campaign_by_start"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="scheduled") | models.Q(scheduled_at__isnull=False),
                name="campaign_schedule_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    def is_editable(self) -> bool:
        """Say whether content and audience may still be changed."""
        return self.state == CampaignState.DRAFT

    def is_running(self) -> bool:
        """Say whether rows may still change by sending."""
        return self.state in (CampaignState.STARTING, CampaignState.SENDING, CampaignState.PAUSED)


class Audience(models.Model):
    """A list that a campaign is sent to."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="audiences")
    mailing_list = models.ForeignKey(MailingList, on_delete=protect_planned, related_name="audiences")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "mailing_list"], name="audience_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id} → {self.mailing_list_id}"


class Lane(models.Model):
    """配送レーン: route × provider, kept per workspace so that a pause or backlog of one is nobody else's."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="lanes")
    route = models.CharField(max_length=50)
    provider = models.CharField(max_length=20)
    # Set while a person holds this lane back (A13); other lanes go on.
    paused_at = models.DateTimeField(null=True, blank=True)
    # Rows claimed while this is set become 送信除外 (A13).
    excluded_at = models.DateTimeField(null=True, blank=True)
    # Set while the relay or our own side is at fault: nothing is tried until then, no attempt is burnt.
    held_until = models.DateTimeField(null=True, blank=True)
    held_because = models.CharField(max_length=500, blank=True)
    # Route faults in a row; the pause grows with it.
    fault_count = models.PositiveSmallIntegerField(default=0)
    # A task for this lane was asked for or is at work; until then the tick does not ask again.
    hinted_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "route", "provider"], name="lane_once")]

    def __str__(self) -> str:
        return f"{self.route} × {self.provider}"

    def provider_label(self) -> str:
        """Return the provider's name for people."""
        return PROVIDER_LABELS.get(self.provider, self.provider)


class DeliveryState(models.TextChoices):
    """The life of a delivery (docs/states.md). The words claim no more than is known (B3)."""

    PENDING = "pending", _("送信待ち")
    CLAIMED = "claimed", _("送信中")
    FENCED = "fenced", _("送信確認中")
    DEFERRED = "deferred", _("再送待ち")
    SENT = "sent", _("受信サーバー受付")
    FAILED = "failed", _("配信エラー")
    EXPIRED = "expired", _("一時的なエラー")
    BOUNCED = "bounced", _("エラーメール返送")
    COMPLAINED = "complained", _("迷惑メール報告")
    DOUBT = "doubt", _("結果不明")
    EXCLUDED = "excluded", _("送信除外")
    CANCELLED = "cancelled", _("中止")


CLAIMABLE = (DeliveryState.PENDING, DeliveryState.DEFERRED)
# Doubt is terminal for the campaign: evidence or the policy may still move it.
TERMINAL = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.EXPIRED,
    DeliveryState.BOUNCED,
    DeliveryState.COMPLAINED,
    DeliveryState.DOUBT,
    DeliveryState.EXCLUDED,
    DeliveryState.CANCELLED,
)
# 失敗 in 配信履歴 and in the report of failed addresses.
FAILURES = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.BOUNCED, DeliveryState.COMPLAINED)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def for_workspace(self, workspace: Workspace) -> DeliveryQuerySet:
        """Keep the deliveries of one workspace."""
        return self.filter(workspace=workspace)

    def failures(self) -> DeliveryQuerySet:
        """Keep what 失敗 counts."""
        return self.filter(state__in=[Literal(state.value) for state in FAILURES])


class Delivery(models.Model):
    """配信先1件: one campaign to one recipient. Created when the campaign starts, never deleted by sending."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="deliveries")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="deliveries")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.SET_NULL, null=True, related_name="deliveries")
    lane = models.ForeignKey(Lane, on_delete=models.PROTECT, related_name="deliveries")
    # Frozen at the start, so that a retry is byte-identical.
    address = models.CharField(_("メールアドレス"), max_length=320)
    address_key = models.CharField(max_length=320)
    name = models.CharField(_("お名前"), max_length=200, blank=True)
    attributes: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    # The Date header; frozen at the first claim.
    mail_date = models.DateTimeField(null=True, blank=True)

    state = models.CharField(_("状態"), max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    due_at = models.DateTimeField()
    # Attempts that were burnt; a fault of ours or of the relay burns none.
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fenced_at = models.DateTimeField(null=True, blank=True)
    # How often the row went from doubt back to pending: at most once.
    resends = models.PositiveSmallIntegerField(default=0)
    settled_at = models.DateTimeField(null=True, blank=True)

    # The newest reply or notice.
    code = models.CharField(_("エラーコード"), max_length=20, blank=True)
    kind = models.CharField(_("種別"), max_length=20, choices=Kind.choices, blank=True)
    reason = models.CharField(_("理由"), max_length=20, choices=Reason.choices, blank=True)
    phase = models.CharField(max_length=10, choices=Phase.choices, blank=True)
    rule = models.CharField(max_length=60, blank=True)
    text = models.CharField(_("受信サーバーの応答"), max_length=1000, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "subscriber"], name="delivery_subscriber_once"),
            models.UniqueConstraint(fields=["campaign", "address_key"], name="delivery_address_once"),
            models.CheckConstraint(
                condition=~models.Q(state__in=["claimed", "fenced"])
                | models.Q(lease_token__isnull=False, lease_until__isnull=False),
                name="delivery_claim_has_lease",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["fenced", "doubt"]) | models.Q(fenced_at__isnull=False),
                name="delivery_fence_has_time",
            ),
        ]
        indexes = [
            # For claims: due rows of a lane, campaign by campaign.
            models.Index(
                fields=["lane", "campaign", "due_at"],
                condition=models.Q(state__in=["pending", "deferred"]),
                name="delivery_due",
            ),
            # For the reaper: leases and fences that ran out.
            models.Index(
                fields=["lease_until"], condition=models.Q(state__in=["claimed", "fenced"]), name="delivery_leased"
            ),
            # For counts by state and the rows behind each count.
            models.Index(fields=["campaign", "state", "id"], name="delivery_by_state"),
            # For the failures of a campaign by provider, kind, reason and state, and their rows in this order. With
            # the address in it, a search for a part of it reads the index alone.
            models.Index(
                fields=["campaign", "lane", "kind", "reason", "state", "id", "address_key"],
                condition=models.Q(state__in=["failed", "expired", "bounced", "complained"]),
                name="delivery_failed",
            ),
            # For matching a notice that has only an address.
            models.Index(fields=["workspace", "address_key", "-id"], name="delivery_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.address} {self.state}"


class Tally(models.Model):
    """How many deliveries of a campaign to one provider stand where: what reports add up, counted in the background.

    The rows of a campaign are replaced together, so they always add up to one moment's state.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="tallies")
    provider = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=DeliveryState.choices)
    kind = models.CharField(max_length=20, choices=Kind.choices, blank=True)
    reason = models.CharField(max_length=20, choices=Reason.choices, blank=True)
    number = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "provider", "state", "kind", "reason"], name="tally_once")
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.provider} {self.state} {self.number}"


class HoldState(models.TextChoices):
    """What a person decided about stops that were held for review."""

    OPEN = "open", _("確認待ち")
    APPLIED = "applied", _("配信停止にした")
    DROPPED = "dropped", _("停止しないと決めた")


class StopHold(models.Model):
    """停止の保留: 宛先不明 of one provider jumped in a mailing, which may be a disguised block (B16)."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="stop_holds")
    provider = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=HoldState.choices, default=HoldState.OPEN)
    # The figures that opened it: 宛先不明, and all that were tried.
    unknown = models.PositiveIntegerField()
    tried = models.PositiveIntegerField()
    opened_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    # Errors are taken back or applied piece by piece: when the next piece is due (None: all is done), and the
    # last delivery that was looked at.
    sweep_due_at = models.DateTimeField(null=True, blank=True)
    sweep_cursor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "provider"], name="stop_hold_once")]
        indexes = [
            # For the tick: which holds have errors to take back or to apply.
            models.Index(fields=["sweep_due_at"], condition=models.Q(sweep_due_at__isnull=False), name="stop_hold_due"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.provider} {self.state}"

    def key(self) -> str:
        """Return the name under which errors are held (AddressError.held_by)."""
        return f"hold:{self.pk}"

    def provider_label(self) -> str:
        """Return the provider's name for people."""
        return PROVIDER_LABELS.get(self.provider, self.provider)

    def percent(self) -> float:
        """Return what part of the tried deliveries was 宛先不明 when the hold was opened, in per cent."""
        return 100 * self.unknown / self.tried


class GateState(models.TextChoices):
    """What a lasting 配信エラー率 led to (A15)."""

    OPEN = "open", _("制限なし")
    WARNED = "warned", _("注意")
    SLOWED = "slowed", _("速度制限中")
    STOPPED = "stopped", _("一時停止中")


class ErrorGate(models.Model):
    """配信エラー率の制限 of one workspace: its figures, its step, and limits of its own where the operator set some."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="error_gate")
    state = models.CharField(max_length=10, choices=GateState.choices, default=GateState.OPEN)
    since = models.DateTimeField(null=True, blank=True)
    # The newest figures: per cent of `tried` that failed for the address's or the sender's fault.
    percent = models.FloatField(default=0)
    tried = models.PositiveIntegerField(default=0)
    measured_at = models.DateTimeField(null=True, blank=True)
    # Empty: the installation's limits (settings GATE_*).
    warn_percent = models.FloatField(_("注意の割合(%)"), null=True, blank=True)
    slow_percent = models.FloatField(_("速度制限の割合(%)"), null=True, blank=True)
    stop_percent = models.FloatField(_("一時停止の割合(%)"), null=True, blank=True)
    # The operator set this step: the figures may raise it, and only the operator lowers it.
    by_hand = models.BooleanField(default=False)
    # The newest step, where the managers have not been written to about it yet.
    to_mail = models.ForeignKey(AuditEntry, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # The operator lifted the limits: only mailings that start later are looked at.
    released_at = models.DateTimeField(null=True, blank=True)
    # The pace while slowed: the minute that is being counted, and how many were claimed in it.
    minute = models.DateTimeField(null=True, blank=True)
    claimed = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.state} {self.percent:.1f}%"


class TestMailState(models.TextChoices):
    """Where a test mail stands."""

    QUEUED = "queued", _("送信待ち")
    SENDING = "sending", _("送信中")
    SENT = "sent", _("受信サーバー受付")
    FAILED = "failed", _("送信できませんでした")


class TestMail(models.Model):
    """A draft sent to one address for a look. Counts nowhere."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="test_mails")
    address = models.CharField(_("テスト送信先"), max_length=320)
    # The subscriber whose values fill the merge tags; empty = the fallbacks.
    subscriber = models.ForeignKey(Subscriber, on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=TestMailState.choices, default=TestMailState.QUEUED)
    text = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(state__in=["queued", "sending"]), name="test_mail_queued")
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} → {self.address}"
