"""Actions on many subscribers at once, done in the background."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace


class BulkAction(models.TextChoices):
    """What is done to each subscriber that was found."""

    STOP = "stop", _("配信停止にする")
    RESUME = "resume", _("配信を再開する")
    ERASE = "erase", _("個人情報を消去する")
    ADD_TO_LIST = "add", _("リストに追加する")
    REMOVE_FROM_LIST = "remove", _("リストから外す")
    SET_ATTRIBUTE = "set", _("項目の値を変える")
    DELETE_LIST = "delete_list", _("リストを削除する")


class BulkState(models.TextChoices):
    """Where a bulk action stands."""

    QUEUED = "queued", _("順番待ち")
    RUNNING = "running", _("実行中")
    DONE = "done", _("完了")
    CANCELLED = "cancelled", _("取り消し")
    FAILED = "failed", _("失敗")


class BulkJob(models.Model):
    """One action on all subscribers whom a search found when it was asked for."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="bulk_jobs")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=20, choices=BulkAction.choices)
    # lists.finding.Search as JSON; {"list": n} for DELETE_LIST.
    search: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    # That of the segment which the search names, as it was when its people were counted; None where it names none.
    revision = models.PositiveIntegerField(null=True, blank=True)
    # What the action needs: the list, or the attribute and its value.
    argument: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    why = models.CharField(_("理由"), max_length=200, blank=True)
    # Who came later is left alone.
    last_id = models.BigIntegerField(default=0)
    # Subscribers up to this id are done.
    cursor = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=BulkState.choices, default=BulkState.QUEUED)
    # How many the search found, counted when the work begins; None before.
    found = models.PositiveIntegerField(null=True, blank=True)
    # How many of them were looked at, and how many changed.
    done = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    # Why it ended before its end, other than by a person's wish.
    message = models.CharField(max_length=300, blank=True, default="")
    # As those of CsvImport.
    attempt = models.PositiveIntegerField(default=0)
    # Turns since the last piece that was done; where there are too many the job is given up.
    tries = models.PositiveIntegerField(default=0)
    hinted_until = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # For the jobs that wait or run, which the tick asks for.
            models.Index(fields=["id"], condition=models.Q(state__in=["queued", "running"]), name="bulk_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.pk}"
