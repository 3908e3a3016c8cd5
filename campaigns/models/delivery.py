"""Deliveries: one campaign to one recipient, and their states."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from campaigns.models.campaign import Campaign
from campaigns.models.lane import Lane
from campaigns.models.split_test import LETTERS, UNDECIDED
from lists.literals import Literal
from lists.models import Subscriber
from mta.verdicts import Kind, Phase, Reason


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

    def waiting(self) -> DeliveryQuerySet:
        """Keep what waits to be claimed; written out, so that SQLite too sees that the index of due rows has it."""
        return self.filter(state__in=[Literal(state.value) for state in CLAIMABLE])

    def failures(self) -> DeliveryQuerySet:
        """Keep what 失敗 counts."""
        return self.filter(state__in=[Literal(state.value) for state in FAILURES])


class Delivery(models.Model):
    """配信先1件: one campaign to one recipient. Created when the campaign starts, never deleted by sending."""

    # Every change of state writes all indexes anew, so the references have none of their own. What asks by subscriber
    # or campaign uses those below; by workspace or lane alone only their deletion asks.
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.SET_NULL, null=True, related_name="deliveries", db_index=False
    )
    lane = models.ForeignKey(Lane, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    # Frozen at the start, so that a retry is byte-identical.
    address = models.CharField(_("メールアドレス"), max_length=320)
    address_key = models.CharField(max_length=320)
    name = models.CharField(_("お名前"), max_length=200, blank=True)
    attributes: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    # Which of the mailing's variants it gets (A/Bテスト): 0 is the mailing itself.
    variant = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Bit n-1 is set where the condition with the number n held for the recipient (designs/regions.py).
    shown = models.PositiveIntegerField(default=0, db_default=0)
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
            # Also for the deliveries of a subscriber.
            models.UniqueConstraint(fields=["subscriber", "campaign"], name="delivery_subscriber_once"),
            # Also for matching a notice that has only an address: few workspaces have the same one.
            models.UniqueConstraint(fields=["address_key", "campaign"], name="delivery_address_once"),
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
            # For counts by state and the rows behind each count, and for whatever asks by campaign.
            models.Index(fields=["campaign", "state", "id"], name="delivery_by_state"),
            # For the failures of a campaign by provider, kind, reason and state, and their rows in this order. With
            # the address in it, a search for a part of it reads the index alone.
            models.Index(
                fields=["campaign", "lane", "kind", "reason", "state", "id", "address_key"],
                condition=models.Q(state__in=["failed", "expired", "bounced", "complained"]),
                name="delivery_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.address} {self.state}"

    def variant_letter(self) -> str:
        """Return the letter of the variant it gets; "" until an A/Bテスト is decided for it."""
        return "" if self.variant == UNDECIDED else LETTERS[self.variant]
