"""繰り返し: a draft that is sent again and again, and the mailings that were made of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from campaigns.models.campaign import Campaign


class Rhythm(models.TextChoices):
    """How a mailing is repeated."""

    WEEKLY = "weekly", _("毎週")
    MONTHLY = "monthly", _("毎月")


class Recurrence(models.Model):
    """When a draft, its master, is copied and sent; by the clock of the installation's zone."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="recurrences")
    master = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="recurrences")
    rhythm = models.CharField(_("繰り返し方"), max_length=10, choices=Rhythm.choices)
    # Digits of the weekdays, 0 is Monday; for WEEKLY.
    weekdays = models.CharField(max_length=7, blank=True)
    # 1 to 28, or 31 for the last day; for MONTHLY.
    month_day = models.PositiveSmallIntegerField(null=True, blank=True)
    at = models.TimeField(_("時刻"))
    ends_on = models.DateField(_("終了日"), null=True, blank=True)
    # The occurrence that comes; None once there is none any more.
    next_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    # Who started or changed it last: whether its mailings need approval depends on him.
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["master"], condition=models.Q(stopped_at=None), name="recurrence_one_of_a_master"
            ),
            models.CheckConstraint(
                condition=(models.Q(rhythm="weekly", month_day=None) & ~models.Q(weekdays=""))
                | (
                    models.Q(rhythm="monthly", weekdays="")
                    & (models.Q(month_day__range=(1, 28)) | models.Q(month_day=31))
                ),
                name="recurrence_has_days",
            ),
            models.CheckConstraint(
                condition=models.Q(stopped_at=None) | models.Q(next_at=None), name="recurrence_stopped_has_no_next"
            ),
        ]
        indexes = [
            # For the tick: what is due.
            models.Index(
                fields=["next_at"],
                condition=models.Q(next_at__isnull=False, paused_at=None),
                name="recurrence_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.master_id} {self.get_rhythm_display()}"


class Occurrence(models.Model):
    """One time of a recurrence, and the mailing that was made for it."""

    recurrence = models.ForeignKey(Recurrence, on_delete=models.CASCADE, related_name="occurrences")
    at = models.DateTimeField()
    # None once a person deleted the draft that it was left as; it is not made a second time.
    campaign = models.OneToOneField(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="occurrence"
    )
    # Why it was left as a draft.
    problem = models.CharField(max_length=500, blank=True)
    # The managers have not been written to about that.
    to_mail = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recurrence", "at"], name="occurrence_once")]
        indexes = [
            # For the tick: what is to be written about.
            models.Index(fields=["id"], condition=models.Q(to_mail=True), name="occurrence_to_mail"),
        ]

    def __str__(self) -> str:
        return f"{self.recurrence_id} {self.at:%Y-%m-%d %H:%M}"
