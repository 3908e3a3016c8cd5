"""Raw notices and what was read in them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from campaigns.models import Delivery
from mta.verdicts import Kind, Reason


class NoticeState(models.TextChoices):
    """Where a raw notice stands."""

    NEW = "new", _("未処理")
    PROCESSED = "processed", _("処理済み")
    # Nothing in it is an error: an auto-reply, a delay notice, an ordinary mail.
    IGNORED = "ignored", _("エラーではない")
    UNMATCHED = "unmatched", _("未照合")
    BROKEN = "broken", _("読み取り不可")


class Door(models.TextChoices):
    """How a notice came in."""

    LMTP = "lmtp", "LMTP"
    PIPE = "pipe", _("パイプ")


class RawNotice(models.Model):
    """A returned mail as it came in, stored before anything is read in it."""

    # Known once it is matched.
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, related_name="raw_notices")
    # SHA-256 of envelope recipient and content: the same notice that arrives twice is one row.
    digest = models.CharField(max_length=64, unique=True)
    door = models.CharField(max_length=10, choices=Door.choices)
    envelope_to = models.CharField(max_length=320)
    received_at = models.DateTimeField(auto_now_add=True)
    # zlib-compressed bytes of the mail.
    content = models.BinaryField()
    state = models.CharField(max_length=10, choices=NoticeState.choices, default=NoticeState.NEW)
    tries = models.PositiveSmallIntegerField(default=0)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            # For the tick: what is to be processed.
            models.Index(fields=["id"], condition=models.Q(state="new"), name="notice_new"),
            # For clearing out and for the page of notices.
            models.Index(fields=["received_at"], name="notice_received"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.envelope_to} {self.state}"


class Bounce(models.Model):
    """What a notice says of one recipient."""

    notice = models.ForeignKey(RawNotice, on_delete=models.CASCADE, related_name="bounces")
    delivery = models.ForeignKey(Delivery, on_delete=models.SET_NULL, null=True, related_name="bounces")
    recipient = models.CharField(max_length=320)
    kind = models.CharField(_("種別"), max_length=20, choices=Kind.choices)
    reason = models.CharField(_("理由"), max_length=20, choices=Reason.choices)
    code = models.CharField(_("エラーコード"), max_length=20, blank=True)
    text = models.CharField(_("受信サーバーの応答"), max_length=1000, blank=True)
    rule = models.CharField(max_length=60, blank=True)
    # Whether it moved the delivery; an address-only match is listed, never counted.
    applied = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "recipient"], name="bounce_once_per_recipient")]

    def __str__(self) -> str:
        return f"{self.recipient} {self.reason}"
