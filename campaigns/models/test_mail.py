"""Test mails."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign
from campaigns.models.split_test import LETTERS
from lists.models import Subscriber


class TestMailState(models.TextChoices):
    """Where a test mail stands."""

    QUEUED = "queued", _("送信待ち")
    SENDING = "sending", _("送信中")
    SENT = "sent", _("受信サーバー受付")
    FAILED = "failed", _("送信できませんでした")


class TestMail(models.Model):
    """A mailing sent to one address for a look: a draft, or as a seed what everybody gets. Counts nowhere."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="test_mails")
    address = models.CharField(_("テスト送信先"), max_length=320)
    # Of the テスト配信先, "" for an address that was typed.
    name = models.CharField(max_length=100, blank=True, default="", db_default="")
    # What 配信前チェック said then, for the beginning of the mail; "" for none.
    note = models.TextField(blank=True, default="", db_default="")
    # A copy that leaves with the mailing (シード), the same to look at as those of the recipients.
    is_seed = models.BooleanField(default=False, db_default=False)
    # The subscriber whose values fill the merge tags; empty = the fallbacks.
    subscriber = models.ForeignKey(Subscriber, on_delete=models.SET_NULL, null=True, related_name="+")
    # Which variant of the mailing it is (A/Bテスト).
    variant = models.PositiveSmallIntegerField(default=0, db_default=0)
    state = models.CharField(max_length=10, choices=TestMailState.choices, default=TestMailState.QUEUED)
    text = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # When a process took it.
    begun_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # A start that is done twice sends no copy twice.
            models.UniqueConstraint(
                fields=["campaign", "address", "variant"], condition=models.Q(is_seed=True), name="seed_mail_once"
            ),
        ]
        indexes = [
            # For erasing the person of an address.
            models.Index(Lower("address"), name="test_mail_by_address"),
            # For those that are to be sent.
            models.Index(fields=["id"], condition=models.Q(state__in=["queued", "sending"]), name="test_mail_queued"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} → {self.address}"

    def letter(self) -> str:
        """Return the letter of its variant."""
        return LETTERS[self.variant]
