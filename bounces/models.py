"""Raw notices and what was read in them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from bounces.parsed import NoticeKind
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


class MatchedBy(models.TextChoices):
    """How a notice was brought together with its delivery."""

    RETURN_PATH = "return_path", _("署名付きReturn-Path")
    MESSAGE_ID = "message_id", _("返送されたMessage-ID")
    # Anybody can write an address into a mail, so this alone counts for nothing.
    ADDRESS = "address", _("アドレスのみ(数えません)")


class RawNoticeQuerySet(models.QuerySet["RawNotice"]):
    def for_workspace(self, workspace: Workspace) -> RawNoticeQuerySet:
        """Keep the notices of one workspace."""
        return self.filter(workspace=workspace)

    def unread(self, *, now: datetime) -> RawNoticeQuerySet:
        """Keep what is to be processed and no task is at work on."""
        free = models.Q(lease_until__isnull=True) | models.Q(lease_until__lte=now)
        return self.filter(free, state=NoticeState.NEW)


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
    # Counted before each reading, so that one that kills its process counts too.
    tries = models.PositiveSmallIntegerField(default=0)
    # A task reads it, or it came too early; until then it is left alone.
    lease_until = models.DateTimeField(null=True, blank=True)
    # What was read: the kind of mail, the way of reading that fitted, and how its delivery was found.
    kind = models.CharField(_("種類"), max_length=10, choices=NoticeKind.choices, blank=True)
    reading = models.CharField(max_length=60, blank=True)
    matched_by = models.CharField(_("照合方法"), max_length=20, choices=MatchedBy.choices, blank=True)
    note = models.CharField(max_length=300, blank=True)

    objects = RawNoticeQuerySet.as_manager()

    class Meta:
        indexes = [
            # For the tick: what is to be processed.
            models.Index(fields=["id"], condition=models.Q(state="new"), name="notice_new"),
            # For clearing out.
            models.Index(fields=["received_at"], name="notice_received"),
            # For the page of notices, newest first, all or of one state.
            models.Index(fields=["workspace", "-id"], name="notice_newest"),
            models.Index(fields=["workspace", "state", "-id"], name="notice_by_state"),
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
