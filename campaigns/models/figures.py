"""Counted figures of campaigns, and stops that are held for review because of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign
from campaigns.models.delivery import DeliveryState
from mta.providers import PROVIDER_LABELS
from mta.verdicts import Kind, Reason


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


class LeavingReason(models.TextChoices):
    """Why somebody stopped all mail, as they chose to say afterwards."""

    TOO_MANY = "too_many", _("メールの回数が多い")
    NO_INTEREST = "no_interest", _("内容に興味がなくなった")
    NEVER_ASKED = "never_asked", _("登録した覚えがない")
    UNREADABLE = "unreadable", _("読みにくい、表示が崩れる")
    OTHER_ADDRESS = "other_address", _("別のアドレスで受け取っている")
    OTHER = "other", _("その他")


class Leaving(models.Model):
    """That somebody stopped all mail by the link of a mailing. Who it was is not kept here."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="leavings")
    at = models.DateTimeField()
    # Which variant of the mailing the mail was.
    variant = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Delivery; a number, so that deliveries can be forgotten. None in rows of before it was kept.
    delivery = models.BigIntegerField(null=True, blank=True)
    # Empty where nothing was said.
    reason = models.CharField(max_length=20, choices=LeavingReason.choices, blank=True, db_default="")

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.at}"


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
