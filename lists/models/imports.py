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


# Of lists.import_reasons.RejectReason: there is nothing wrong with the row.
BARRED = ("erased", "excluded")


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
    # Of a workbook `sheet` is the one that was chosen; encoding and separator say nothing about it.
    kind = models.CharField(max_length=10, choices=FileKind.choices, default=FileKind.CSV)
    sheet = models.CharField(_("シート"), max_length=100, blank=True)
    encoding = models.CharField(_("文字コード"), max_length=20)
    separator = models.CharField(_("区切り文字"), max_length=1, default=",")
    mode = models.CharField(_("取り込み方法"), max_length=10, choices=ImportMode.choices, default=ImportMode.MERGE)
    has_header = models.BooleanField(_("1行目は見出し"), default=True)
    # The header's cells, by which the next import of the list finds the same columns again.
    headers: models.JSONField[list[str], list[str]] = models.JSONField(default=list)
    # Column number (as text) → one of lists.columns.NO_ATTRIBUTES, or an attribute's name; a column not named is left out.
    columns: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(default=dict)
    # Name → kind (AttributeKind) of each attribute among them; those that are new are made when the rows are merged.
    kinds: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(default=dict)
    # Name → label of those that are new and are to be shown under another word than their name.
    labels: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(default=dict)
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
    # Of a 差し替え: people on the list whom only a refused row names. They stay on it as they are.
    rows_kept = models.PositiveIntegerField(default=0)
    # What the staging table has to hold before the merge; a crash of PostgreSQL empties it.
    rows_staged = models.PositiveIntegerField(default=0)
    # From before the first of them is loaded until the last of them is deleted.
    has_staged = models.BooleanField(default=False)
    # They were compared with the subscribers, and on SQLite: nobody was changed since (lists.people_states).
    is_matched = models.BooleanField(default=False)
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
    # How many processes died over it since somebody last decided something about it.
    interruptions = models.PositiveSmallIntegerField(default=0)
    # A task for this import was asked for; until then the tick does not ask again.
    hinted_until = models.DateTimeField(null=True, blank=True)
    # Renewed while the import runs; long silence means that its process died.
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # After 31 days nothing is left of the people in it: neither the file nor refused rows nor samples.
    is_cleared = models.BooleanField(default=False)

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
            # For uploads that nobody confirmed, and for files of cancelled imports.
            models.Index(fields=["created_at"], condition=~models.Q(file=""), name="import_with_file"),
            # For deleting what was kept long enough.
            models.Index(fields=["created_at"], condition=models.Q(is_cleared=False), name="import_uncleared"),
            # For deleting the staged rows of imports that are over.
            models.Index(fields=["id"], condition=models.Q(has_staged=True), name="import_with_staged"),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def rows_barred(self) -> int:
        """Return how many of the refused rows are in order, and their addresses erased or on the 除外リスト."""
        refused = self.forecast.get("rejected", {})
        return sum(refused.get(reason, 0) for reason in BARRED)

    @property
    def rows_faulty(self) -> int:
        """Return how many of the refused rows somebody could put right in the file."""
        return max(self.rows_rejected - self.rows_barred, 0)


# Bit of `StagedRow.flags`, above all hints: the row is refused, and of a 差し替え it still keeps its person's place. Such a
# row has no name and no attributes, is compared with nobody and merged into nothing.
KEEPS_PLACE = 64


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
    # lists.address_hints.Hint, as bits; KEEPS_PLACE above them.
    flags = models.SmallIntegerField(db_default=0)
    # When and from where the person agreed, where the file tells it.
    consent_at = models.DateTimeField(null=True, blank=True)
    consent_ip = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        indexes = [
            # For finding duplicates and for the joins of the merge.
            models.Index(fields=["csv_import", "address_key", "line"], name="staged_by_address"),
            # For the few that have a hint or keep a place.
            models.Index(
                fields=["csv_import", "flags", "line"], condition=models.Q(flags__gt=0), name="staged_by_flags"
            ),
        ]

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
        indexes = [
            # For the rejected rows of an import in the order of the file.
            models.Index(fields=["csv_import", "line"], name="rejected_by_line"),
            # For the first of each reason.
            models.Index(fields=["csv_import", "code", "line"], name="rejected_by_code"),
        ]

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
    # As in CsvImport.columns, or "-" for a column that is left out.
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
