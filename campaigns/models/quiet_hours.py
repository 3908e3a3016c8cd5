"""配信禁止時間: when a workspace or a mailing must not send."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from campaigns.models.campaign import Campaign


class QuietHours(models.Model):
    """配信禁止時間 of a workspace, or of one mailing that has its own. Times are those of the installation's zone."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="quiet_hours")
    campaign = models.OneToOneField(
        Campaign, on_delete=models.CASCADE, null=True, blank=True, related_name="quiet_hours"
    )
    # Every day from `begins` until `ends`, over midnight where `ends` is the earlier; both or neither.
    begins = models.TimeField(_("開始時刻"), null=True, blank=True)
    ends = models.TimeField(_("終了時刻"), null=True, blank=True)
    # Whole days: the digits of the weekdays, Monday = 0.
    weekdays = models.CharField(_("曜日"), max_length=7, blank=True)
    holidays = models.BooleanField(_("日本の祝日"), default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], condition=models.Q(campaign__isnull=True), name="quiet_hours_once"
            ),
            models.CheckConstraint(
                condition=models.Q(begins__isnull=True, ends__isnull=True)
                | models.Q(begins__isnull=False, ends__isnull=False),
                name="quiet_hours_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.campaign_id or ''} {self.begins}–{self.ends} {self.weekdays}"
