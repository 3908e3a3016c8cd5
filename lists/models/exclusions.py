"""The 除外リスト: addresses and domains that are never sent to, and the files by which they come."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace


class ExclusionKind(models.TextChoices):
    """What an entry names."""

    ADDRESS = "address", _("メールアドレス")
    DOMAIN = "domain", _("ドメイン")


class Exclusion(models.Model):
    """An address or a domain, with its subdomains, that no mail is sent to."""

    # None: of the installation, for every workspace.
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="exclusions", db_index=False
    )
    kind = models.CharField(_("種類"), max_length=10, choices=ExclusionKind.choices)
    # An address as it is compared (Subscriber.address_key), or a domain in lower-case ASCII.
    value = models.CharField(_("メールアドレスまたはドメイン"), max_length=320)
    reason = models.CharField(_("理由"), max_length=200, blank=True)
    expires_at = models.DateTimeField(_("期限"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "kind", "value"],
                condition=models.Q(workspace__isnull=False),
                name="exclusion_once",
            ),
            models.UniqueConstraint(
                fields=["kind", "value"], condition=models.Q(workspace=None), name="exclusion_once_for_all"
            ),
        ]
        indexes = [
            # For deleting those that are over.
            models.Index(fields=["expires_at"], condition=models.Q(expires_at__isnull=False), name="exclusion_expires"),
        ]

    def __str__(self) -> str:
        return self.value


class ExclusionImportState(models.TextChoices):
    """Where a file for the 除外リスト stands."""

    QUEUED = "queued", _("順番待ち")
    RUNNING = "running", _("登録中")
    DONE = "done", _("完了")
    FAILED = "failed", _("失敗")


def exclusion_path(_import: ExclusionImport, _filename: str) -> str:
    """Return where an upload is kept; the user's file name never becomes a path."""
    return f"exclusions/{uuid4().hex}"


class ExclusionImport(models.Model):
    """A file of entries and what became of it; forgotten after a week."""

    # As that of Exclusion.
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    # Empty once it was read.
    file = models.FileField(upload_to=exclusion_path, blank=True)
    filename = models.CharField(max_length=255)
    # For lines without their own.
    reason = models.CharField(_("理由"), max_length=200, blank=True)
    expires_at = models.DateTimeField(_("期限"), null=True, blank=True)
    state = models.CharField(max_length=10, choices=ExclusionImportState.choices, default=ExclusionImportState.QUEUED)
    rows_done = models.PositiveIntegerField(default=0)
    rows_new = models.PositiveIntegerField(default=0)
    rows_changed = models.PositiveIntegerField(default=0)
    rows_same = models.PositiveIntegerField(default=0)
    rows_repeated = models.PositiveIntegerField(default=0)
    rows_refused = models.PositiveIntegerField(default=0)
    # Of the lines that were refused the first ones: line, value, why.
    refused: models.JSONField[list[list[Any]], list[list[Any]]] = models.JSONField(default=list)
    # Why nothing was taken.
    message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # As those of CsvImport.
    attempt = models.PositiveSmallIntegerField(default=0)
    hinted_until = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # For the files that wait or are read, which the tick asks for.
            models.Index(
                fields=["id"], condition=models.Q(state__in=["queued", "running"]), name="exclusion_import_waiting"
            ),
        ]

    def __str__(self) -> str:
        return self.filename
