"""Lists, subscribers, their consent and errors, and CSV imports."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from lists.literals import Literal


class MailingList(models.Model):
    """A named set of subscribers."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="mailing_lists")
    name = models.CharField(_("リスト名"), max_length=100)
    description = models.CharField(_("説明"), max_length=200, blank=True)
    error_limit = models.PositiveSmallIntegerField(_("このリストのエラー停止回数"), null=True, blank=True)
    # Rises with every applied import; a campaign that freezes its recipients sees by it that the list changed.
    generation = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="list_name_once"),
            models.CheckConstraint(
                condition=models.Q(error_limit__isnull=True) | models.Q(error_limit__gte=1),
                name="list_error_limit_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SubscriberStatus(models.TextChoices):
    """Whether a subscriber is sent to."""

    ACTIVE = "active", _("配信中")
    STOPPED = "stopped", _("配信停止")


class StopReason(models.TextChoices):
    """Why a subscriber was stopped."""

    ERRORS = "errors", _("エラー停止")
    UNSUBSCRIBED = "unsubscribed", _("購読解除")
    COMPLAINT = "complaint", _("苦情")
    MANUAL = "manual", _("手動停止")


# What the recipient wants outranks what we saw: it replaces a stop by errors or by hand, so that nobody
# who resumes the address later overlooks it.
RECIPIENTS_WILL = (StopReason.UNSUBSCRIBED, StopReason.COMPLAINT)


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def for_workspace(self, workspace: Workspace) -> SubscriberQuerySet:
        """Keep the subscribers of one workspace."""
        return self.filter(workspace=workspace)

    def active(self) -> SubscriberQuerySet:
        """Keep those who may be sent to."""
        return self.filter(status=SubscriberStatus.ACTIVE)

    def stopped(self) -> SubscriberQuerySet:
        """Keep those in 配信停止."""
        return self.filter(status=Literal(SubscriberStatus.STOPPED.value))

    def mark_stopped(self, reason: StopReason, now: datetime) -> int:
        """Stop those who are active and return how many.

        What the recipient wants replaces other reasons, and a stop by hand one by errors: whom a person has stopped
        is not to come back where a review takes the errors back (B16).
        """
        if reason == StopReason.ERRORS:
            return self.active()._stop(reason, now)
        kept = RECIPIENTS_WILL if reason in RECIPIENTS_WILL else (*RECIPIENTS_WILL, StopReason.MANUAL)
        with transaction.atomic():
            rows = self.exclude(stop_reason__in=kept)
            # Locked from the count to the update; in the order of the ids, so that nobody waits in a circle.
            locked = rows.select_for_update(no_key=True).order_by("pk").values_list("status", flat=True)
            newly = list(locked).count(SubscriberStatus.ACTIVE)
            # One statement for both, so that a stop by errors that comes in between cannot keep its reason.
            rows._stop(reason, now)
        return newly

    def _stop(self, reason: StopReason, now: datetime) -> int:
        # Who is stopped already was stopped then, not now.
        since = Coalesce("stopped_at", models.Value(now, output_field=models.DateTimeField()))
        return self.update(
            status=SubscriberStatus.STOPPED,
            stop_reason=reason,
            stopped_at=since,
            errors_due_at=None,
            updated_at=now,
        )


class Subscriber(models.Model):
    """One address of a workspace, on any number of its lists."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="subscribers")
    address = models.CharField(_("メールアドレス"), max_length=320)
    # The address as it is compared: lower case, domain in ASCII (lists/address.py).
    address_key = models.CharField(max_length=320)
    name = models.CharField(_("お名前"), max_length=200, blank=True)
    attributes: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    status = models.CharField(
        _("状態"), max_length=10, choices=SubscriberStatus.choices, default=SubscriberStatus.ACTIVE
    )
    stop_reason = models.CharField(_("停止理由"), max_length=20, choices=StopReason.choices, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    # Number of live counted errors (AddressError); compared with the limit.
    error_count = models.PositiveIntegerField(_("エラー回数"), default=0)
    # When the count may change by itself: an error leaves the period, or a later mail proves the address.
    # None without errors and for the stopped.
    errors_due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "address_key"], name="subscriber_once"),
            models.CheckConstraint(
                condition=models.Q(status=SubscriberStatus.ACTIVE, stop_reason="", stopped_at__isnull=True)
                | (models.Q(status=SubscriberStatus.STOPPED, stopped_at__isnull=False) & ~models.Q(stop_reason="")),
                name="subscriber_stop_is_explained",
            ),
        ]
        indexes = [
            # For the subscriber pages by status, newest first.
            models.Index(fields=["workspace", "status", "-id"], name="subscriber_by_status"),
            # For 停止アドレス, newest first, all or of one reason, and for the numbers of each reason. With address
            # and name in it, a search for a part of them reads the index alone.
            models.Index(
                fields=["workspace", "-stopped_at", "-id", "address_key", "name"],
                condition=models.Q(status="stopped"),
                name="subscriber_newest_stops",
            ),
            models.Index(
                fields=["workspace", "stop_reason", "-stopped_at", "-id", "address_key", "name"],
                condition=models.Q(status="stopped"),
                name="subscriber_stops_by_reason",
            ),
            # For a lowered threshold: who has already as many errors.
            models.Index(
                fields=["workspace", "error_count"],
                condition=models.Q(status="active", error_count__gt=0),
                name="subscriber_with_errors",
            ),
            # For the tick: whose errors are to be looked at again.
            models.Index(
                fields=["errors_due_at"],
                condition=models.Q(errors_due_at__isnull=False),
                name="subscriber_errors_due",
            ),
        ]

    def __str__(self) -> str:
        return self.address

    def is_stopped(self) -> bool:
        """Say whether the subscriber is in 配信停止."""
        return self.status == SubscriberStatus.STOPPED


class Subscription(models.Model):
    """A subscriber's place on a list."""

    mailing_list = models.ForeignKey(MailingList, on_delete=models.CASCADE, related_name="subscriptions")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="subscriptions")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # Also for reading a list in the order of subscriber ids, as freezing the recipients does.
        constraints = [models.UniqueConstraint(fields=["mailing_list", "subscriber"], name="subscription_once")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} → {self.mailing_list_id}"


class ConsentSource(models.TextChoices):
    """Where the permission to send came from."""

    CSV = "csv", _("CSVの取り込み")
    MANUAL = "manual", _("手入力")
    FORM = "form", _("登録フォーム")


class Consent(models.Model):
    """The permission a subscriber gave (A4): source, time, file or form. Rows are only ever added."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="consents")
    mailing_list = models.ForeignKey(MailingList, on_delete=models.SET_NULL, null=True, related_name="+")
    source = models.CharField(max_length=10, choices=ConsentSource.choices)
    at = models.DateTimeField()
    # The file name or the name of the form.
    evidence = models.CharField(max_length=255, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        # For the consents of one subscriber, newest first.
        indexes = [models.Index(fields=["subscriber", "-at"], name="consent_newest")]

    def __str__(self) -> str:
        return f"{self.get_source_display()} {self.at:%Y-%m-%d}"


class ClearedBy(models.TextChoices):
    """Why an error counts no more."""

    # A mail that was sent later was accepted and stayed unbounced for 7 days.
    SUCCESS = "success", _("その後の配信にエラーなし")
    PERSON = "person", _("配信の再開")


class AddressErrorQuerySet(models.QuerySet["AddressError"]):
    def uncleared(self) -> AddressErrorQuerySet:
        """Keep errors of a kind that counts, held for review or not, that nothing has cleared."""
        return self.filter(counted=True, cleared_at=None)

    def live(self, since: datetime | None) -> AddressErrorQuerySet:
        """Keep the errors that count now; where only a period counts, those that were told after `since`."""
        found = self.uncleared().filter(held_by="")
        return found if since is None else found.filter(at__gt=since)


class AddressError(models.Model):
    """One error told about one subscriber: the evidence for エラー停止.

    `key` names the event ("delivery:12", "campaign:3"), so that one event told twice counts once.
    """

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="errors")
    key = models.CharField(max_length=60)
    at = models.DateTimeField()
    # False where the kind of error never counts; the row is then shown, not counted.
    counted = models.BooleanField()
    # Set when a success or a person cleared the count.
    cleared_at = models.DateTimeField(null=True, blank=True)
    cleared_by = models.CharField(max_length=10, choices=ClearedBy.choices, blank=True)
    # When the mail was sent that failed: a mail sent later and not returned proves the address (None: as `at`).
    mailed_at = models.DateTimeField(null=True, blank=True)
    # Whether this error stopped the subscriber.
    stopped = models.BooleanField(default=False)
    # The review that holds this error ("hold:7"); until it is decided the error does not count (B16).
    held_by = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=20)
    reason = models.CharField(max_length=20)
    code = models.CharField(max_length=20, blank=True)
    text = models.CharField(max_length=1000, blank=True)
    # What the error was about, for people: the subject of the mailing.
    about = models.CharField(max_length=255, blank=True)

    objects = AddressErrorQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "key"], name="address_error_once")]
        indexes = [
            # For the errors that a review holds.
            models.Index(fields=["held_by", "id"], condition=~models.Q(held_by=""), name="address_error_held"),
            # For the errors that leave the period in which they count.
            models.Index(
                fields=["at"], condition=models.Q(counted=True, cleared_at__isnull=True), name="address_error_live"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id} {self.reason} {self.code}"


class ImportMode(models.TextChoices):
    """What an import does with the list."""

    MERGE = "merge", _("追加・更新")
    ADD = "add", _("追加のみ")
    REPLACE = "replace", _("差し替え")


class ImportState(models.TextChoices):
    """Where an import stands."""

    UPLOADED = "uploaded", _("列の確認待ち")
    QUEUED = "queued", _("順番待ち")
    RUNNING = "running", _("取り込み中")
    DONE = "done", _("完了")
    FAILED = "failed", _("失敗")
    CANCELLED = "cancelled", _("取り消し")


def upload_path(csv_import: CsvImport, filename: str) -> str:
    """Return where an upload is kept; the user's file name never becomes a path."""
    return f"imports/{uuid4().hex}.csv"


class CsvImport(models.Model):
    """One uploaded file and what became of it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="csv_imports")
    mailing_list = models.ForeignKey(MailingList, on_delete=models.CASCADE, related_name="csv_imports")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    # Empty once the file was deleted (31 days; at once where the import was cancelled).
    file = models.FileField(upload_to=upload_path, blank=True)
    filename = models.CharField(max_length=255)
    encoding = models.CharField(_("文字コード"), max_length=20)
    separator = models.CharField(_("区切り文字"), max_length=1, default=",")
    mode = models.CharField(_("取り込み方法"), max_length=10, choices=ImportMode.choices, default=ImportMode.MERGE)
    has_header = models.BooleanField(_("1行目は見出し"), default=True)
    # The header's cells, by which the next import of the list finds the same columns again.
    headers: models.JSONField[list[str], list[str]] = models.JSONField(default=list)
    # Column number (as text) → "address", "name", or an attribute's name; a column not named is left out.
    columns: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.UPLOADED)
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    rows_new = models.PositiveIntegerField(default=0)
    rows_updated = models.PositiveIntegerField(default=0)
    rows_unchanged = models.PositiveIntegerField(default=0)
    rows_rejected = models.PositiveIntegerField(default=0)
    rows_duplicate = models.PositiveIntegerField(default=0)
    rows_stopped = models.PositiveIntegerField(default=0)
    rows_removed = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Rises with every claim; a process that was taken for dead sees by it that another one took over.
    attempt = models.PositiveSmallIntegerField(default=0)
    # A task for this import was asked for; until then the tick does not ask again.
    hinted_until = models.DateTimeField(null=True, blank=True)
    # Renewed while the import runs; long silence means that its process died.
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Of two imports of one list the second waits.
            models.UniqueConstraint(
                fields=["mailing_list"], condition=models.Q(state="running"), name="import_one_running_per_list"
            ),
        ]
        indexes = [
            # For the imports that wait or run, which the tick asks for.
            models.Index(fields=["id"], condition=models.Q(state__in=["queued", "running"]), name="import_waiting"),
            # For the newest imports of a list.
            models.Index(fields=["mailing_list", "-id"], name="import_newest"),
            # For deleting files that were kept long enough.
            models.Index(fields=["created_at"], condition=~models.Q(file=""), name="import_with_file"),
        ]

    def __str__(self) -> str:
        return self.filename


class StagedRow(models.Model):
    """A checked row of a running import, waiting for the merge into the list. Gone when the import ends."""

    csv_import = models.ForeignKey(CsvImport, on_delete=models.CASCADE, related_name="staged_rows")
    line = models.PositiveIntegerField()
    address = models.CharField(max_length=320)
    address_key = models.CharField(max_length=320)
    name = models.CharField(max_length=200, blank=True)
    attributes: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)

    class Meta:
        # For finding duplicates and for the joins of the merge.
        indexes = [models.Index(fields=["csv_import", "address_key", "line"], name="staged_by_address")]

    def __str__(self) -> str:
        return f"{self.line}: {self.address}"


class RejectedRow(models.Model):
    """A row of a file that was not imported, and why."""

    csv_import = models.ForeignKey(CsvImport, on_delete=models.CASCADE, related_name="rejected_rows")
    # The line in the file, the header being line 1.
    line = models.PositiveIntegerField()
    column = models.CharField(max_length=200, blank=True)
    value = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=200)

    class Meta:
        # For the rejected rows of an import in the order of the file.
        indexes = [models.Index(fields=["csv_import", "line"], name="rejected_by_line")]

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"
