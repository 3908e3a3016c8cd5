"""Raw notices and what was read in them."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from bounces.parsed import NoticeKind
from campaigns.models import Delivery
from mta.verdicts import Kind, Reason
from senders.models import SenderDomain


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
    SMTP = "smtp", "SMTP"
    PIPE = "pipe", _("パイプ")
    IMAP = "imap", "IMAP"
    POP3 = "pop3", "POP3"
    UPLOAD = "upload", _("アップロード")
    WEBHOOK = "webhook", _("Webhook")


class MatchedBy(models.TextChoices):
    """How a notice was brought together with its delivery."""

    RETURN_PATH = "return_path", _("署名付きReturn-Path")
    MESSAGE_ID = "message_id", _("返送されたMessage-ID")
    # A provider's webhook whose signature or secret was right.
    WEBHOOK = "webhook", _("認証済みWebhook")
    HAND = "hand", _("手動で割り当て")
    # Anybody can write an address into a mail, so this alone counts only if the operator allows it.
    ADDRESS = "address", _("アドレスのみ")


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
    # What it came with: the name of a webhook's service ("ses"); empty for mail.
    source = models.CharField(max_length=20, blank=True)
    upload = models.ForeignKey("NoticeUpload", on_delete=models.SET_NULL, null=True, related_name="notices")
    # SHA-256 of workspace, envelope recipient and content: the same notice that arrives twice is one row.
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
    # The state of the rules when it was read; one that was read under older rules may be read again.
    rules = models.CharField(max_length=12, blank=True)
    # The delivery a person chose for it, and who did.
    assigned_to = models.ForeignKey(Delivery, on_delete=models.SET_NULL, null=True, related_name="+")
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

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
            # The same of one door, and the reports, which are kept apart.
            models.Index(fields=["workspace", "door", "-id"], name="notice_by_door"),
            models.Index(fields=["workspace", "-id"], condition=models.Q(kind="report"), name="notice_reports"),
            # For what was read under older rules and may be read again.
            models.Index(
                fields=["workspace", "rules", "-id"],
                condition=models.Q(state__in=["ignored", "unmatched", "broken"]),
                name="notice_rereadable",
            ),
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
        # For the search by address, newest first.
        indexes = [models.Index(Lower("recipient"), models.F("notice").desc(), name="bounce_by_recipient")]

    def __str__(self) -> str:
        return f"{self.recipient} {self.reason}"


class Protocol(models.TextChoices):
    """How a mailbox is read."""

    IMAP = "imap", "IMAP"
    POP3 = "pop3", "POP3"


class Security(models.TextChoices):
    """How the connection to a mailbox is protected."""

    TLS = "tls", "TLS"
    STARTTLS = "starttls", "STARTTLS"
    NONE = "none", _("暗号化なし")


class AfterReading(models.TextChoices):
    """What is done with a message once its notice is stored."""

    DELETE = "delete", _("メールボックスから削除する")
    MOVE = "move", _("別のフォルダーに移す(IMAPのみ)")


class Mailbox(models.Model):
    """A mailbox into which notices come back."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="mailboxes")
    protocol = models.CharField(_("方式"), max_length=10, choices=Protocol.choices, default=Protocol.IMAP)
    host = models.CharField(_("サーバー"), max_length=253)
    port = models.PositiveIntegerField(_("ポート"))
    security = models.CharField(_("接続の保護"), max_length=10, choices=Security.choices, default=Security.TLS)
    username = models.CharField(_("ユーザー名"), max_length=320)
    # Encrypted with ENCRYPTION_KEYS; never shown.
    password = models.TextField()
    folder = models.CharField(_("フォルダー"), max_length=200, default="INBOX")
    after_reading = models.CharField(
        _("読み取った後"), max_length=10, choices=AfterReading.choices, default=AfterReading.DELETE
    )
    is_active = models.BooleanField(_("読み取る"), default=True)
    # A task reads it; until then no other does.
    lease_until = models.DateTimeField(null=True, blank=True)
    # The newest try, the newest success, and what went wrong since, in words for people.
    checked_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True)
    # When it is looked into next; at once where there is none. Failures in a row make the pauses longer.
    due_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    # Messages that were left in it at the newest success.
    waiting = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "protocol", "host", "username", "folder"], name="mailbox_once"
            ),
            models.CheckConstraint(condition=models.Q(port__gte=1, port__lte=65535), name="mailbox_port"),
        ]

    def __str__(self) -> str:
        return f"{self.username} ({self.host})"


class MailboxFault(models.Model):
    """A message of a mailbox that could not be taken over; after three tries it is set aside."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="faults")
    # UIDVALIDITY and UID of IMAP, the UIDL of POP3.
    uid = models.CharField(max_length=100)
    tries = models.PositiveSmallIntegerField(default=0)
    why = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    set_aside = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailbox", "uid"], name="mailbox_fault_once")]

    def __str__(self) -> str:
        return f"{self.mailbox_id} {self.uid} {self.tries}"


class Service(models.TextChoices):
    """Whose webhooks are understood."""

    SES = "ses", "Amazon SES (SNS)"
    SENDGRID = "sendgrid", "SendGrid"
    MAILGUN = "mailgun", "Mailgun"
    POSTMARK = "postmark", "Postmark"


class Webhook(models.Model):
    """A place where a sending service tells of bounces in JSON."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="webhooks")
    service = models.CharField(_("サービス"), max_length=20, choices=Service.choices)
    # The unguessable part of its URL.
    token = models.CharField(max_length=64, unique=True)
    # Encrypted: Mailgun's signing key, SendGrid's public key, Postmark's password.
    secret = models.TextField(blank=True)
    # Amazon SNS: the topics that are listened to, a line each.
    topics = models.TextField(_("許可するトピックのARN"), blank=True)
    is_active = models.BooleanField(_("受け付ける"), default=True)
    received_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.get_service_display()} {self.pk}"

    def is_ready(self) -> bool:
        """Say whether there is what its sender is proved with. Postmark signs nothing; there the address may do."""
        return bool(self.topics if self.service == Service.SES else self.secret or self.service == Service.POSTMARK)


class UploadState(models.TextChoices):
    """Where an upload of notices stands."""

    QUEUED = "queued", _("順番待ち")
    RUNNING = "running", _("読み取り中")
    DONE = "done", _("完了")
    FAILED = "failed", _("失敗")


class NoticeUpload(models.Model):
    """Notices that a person uploaded: single mails (.eml) or a whole mailbox (mbox)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="notice_uploads")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    # Empty once its mails are stored.
    file = models.FileField(upload_to="notices/", blank=True)
    filename = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=UploadState.choices, default=UploadState.QUEUED)
    # Mails found, of which new and of which known already.
    found = models.PositiveIntegerField(default=0)
    stored = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # For the tick: what is to be read.
            models.Index(fields=["id"], condition=models.Q(state__in=["queued", "running"]), name="upload_waiting"),
            # For the page of uploads, newest first.
            models.Index(fields=["workspace", "-id"], name="upload_newest"),
        ]

    def __str__(self) -> str:
        return self.filename


class DmarcReport(models.Model):
    """An aggregate report (RFC 9990) that a receiver sent on a domain of a workspace. Nobody vouches for what it says."""

    domain = models.ForeignKey(SenderDomain, on_delete=models.CASCADE, related_name="dmarc_reports")
    reporter = models.CharField(_("報告した組織"), max_length=200)
    report_id = models.CharField(max_length=200)
    # p= of the record as the reporter saw it.
    policy = models.CharField(max_length=10, blank=True)
    begins = models.DateTimeField()
    ends = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain", "reporter", "report_id"], name="dmarc_report_once"),
        ]
        indexes = [
            models.Index(fields=["domain", "ends"], name="dmarc_report_newest"),
            # For clearing out.
            models.Index(fields=["ends"], name="dmarc_report_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.reporter} {self.report_id}"


class DmarcSource(models.Model):
    """Mails from one address in a report: how many, and whether DKIM and SPF passed in alignment with the From line."""

    report = models.ForeignKey(DmarcReport, on_delete=models.CASCADE, related_name="sources")
    source_ip = models.GenericIPAddressField()
    messages = models.PositiveBigIntegerField()
    disposition = models.CharField(max_length=10)
    dkim = models.BooleanField()
    spf = models.BooleanField()
    header_from = models.CharField(max_length=253, blank=True)

    def __str__(self) -> str:
        return f"{self.source_ip} {self.messages}"
