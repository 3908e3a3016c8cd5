"""Uploaded files, and their rows on the way into a list."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from lists.models.mailing_lists import MailingList


class ImportMode(models.TextChoices):
    """What an import does with the list."""

    MERGE = "merge", _("追加・更新")
    ADD = "add", _("追加のみ")
    REPLACE = "replace", _("差し替え")


class FileKind(models.TextChoices):
    """What was uploaded."""

    CSV = "csv", _("CSV")
    XLSX = "xlsx", _("Excel")


class ImportState(models.TextChoices):
    """Where an import stands."""

    UPLOADED = "uploaded", _("列の確認待ち")
    WAITING = "waiting", _("確認の順番待ち")
    CHECKING = "checking", _("内容を確認中")
    CHECKED = "checked", _("実行の確認待ち")
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
    # The index for the newest imports begins with it.
    mailing_list = models.ForeignKey(MailingList, on_delete=models.CASCADE, related_name="csv_imports", db_index=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    # Empty once the file was deleted (31 days; at once where the import was cancelled).
    file = models.FileField(upload_to=upload_path, blank=True)
    filename = models.CharField(max_length=255)
    # An XLSX file is turned into a CSV file in UTF-8 before it is checked; `sheet` is the one that was chosen.
    kind = models.CharField(max_length=10, choices=FileKind.choices, default=FileKind.CSV)
    sheet = models.CharField(_("シート"), max_length=100, blank=True)
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
    # Of those that are 配信停止: how many unsubscribed or complained themselves.
    rows_unsubscribed = models.PositiveIntegerField(default=0)
    # Among the rejected: erased addresses, and those of the 除外リスト.
    rows_erased = models.PositiveIntegerField(default=0)
    rows_excluded = models.PositiveIntegerField(default=0)
    # What the staging table has to hold before the merge; a crash of PostgreSQL empties it.
    rows_staged = models.PositiveIntegerField(default=0)
    # What the dry run found (lists.import_checking.Forecast), and the list's generation it was counted with.
    forecast: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    checked_generation = models.PositiveIntegerField(null=True, blank=True)
    # Step of the merge, for its progress.
    step = models.PositiveSmallIntegerField(default=0)
    # Which wording the people of the file agreed to (Consent.text_version).
    text_version = models.CharField(_("同意文の版"), max_length=50, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
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
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["waiting", "checking", "queued", "running"]),
                name="import_waiting",
            ),
            # For the newest imports of a list.
            models.Index(fields=["mailing_list", "-id"], name="import_newest"),
            # For deleting files that were kept long enough.
            models.Index(fields=["created_at"], condition=~models.Q(file=""), name="import_with_file"),
        ]

    def __str__(self) -> str:
        return self.filename


class StagedRow(models.Model):
    """A checked row of a running import, waiting for the merge into the list. Gone when the import ends."""

    # Without a constraint in the database: the check of a million rows takes longer than loading them.
    csv_import = models.ForeignKey(
        CsvImport, on_delete=models.CASCADE, related_name="staged_rows", db_index=False, db_constraint=False
    )
    line = models.PositiveIntegerField()
    address = models.CharField(max_length=320)
    address_key = models.CharField(max_length=320)
    name = models.CharField(max_length=200, blank=True)
    attributes: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    # The subscriber with this address, and whether the row changes it; found before the merge.
    subscriber_id = models.BigIntegerField(null=True, blank=True)
    is_changed = models.BooleanField(db_default=False)
    # lists.address_hints.Hint, as bits.
    flags = models.SmallIntegerField(db_default=0)

    class Meta:
        # For finding duplicates and for the joins of the merge.
        indexes = [models.Index(fields=["csv_import", "address_key", "line"], name="staged_by_address")]

    def __str__(self) -> str:
        return f"{self.line}: {self.address}"


class RejectedRow(models.Model):
    """A row of a file that was not imported, and why."""

    csv_import = models.ForeignKey(CsvImport, on_delete=models.CASCADE, related_name="rejected_rows", db_index=False)
    # The line in the file, the header being line 1.
    line = models.PositiveIntegerField()
    column = models.CharField(max_length=200, blank=True)
    value = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=200)
    # The kind of reason, by which rejected rows are counted (lists.import_reasons).
    code = models.CharField(max_length=20, blank=True, db_default="")

    class Meta:
        # For the rejected rows of an import in the order of the file.
        indexes = [models.Index(fields=["csv_import", "line"], name="rejected_by_line")]

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"


class ColumnMemory(models.Model):
    """What a header meant the last time, for a list or, without one, for the workspace's new lists."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    mailing_list = models.ForeignKey(
        MailingList, on_delete=models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    # Folded as headers are compared.
    header = models.CharField(max_length=200)
    # "address", "name", an attribute's name, or "-" for a column that is left out.
    target = models.CharField(max_length=60)
    used_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailing_list", "header"],
                condition=models.Q(mailing_list__isnull=False),
                name="column_once_a_list",
            ),
            models.UniqueConstraint(
                fields=["workspace", "header"],
                condition=models.Q(mailing_list=None),
                name="column_once_a_workspace",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.header} → {self.target}"
