"""What others were asked about the content of a draft."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign


class ContentCheckKind(models.TextChoices):
    """What is asked of others."""

    LINKS = "links", _("リンクと画像")
    SPAM = "spam", _("迷惑メールの判定")


class CheckState(models.TextChoices):
    """Where such a check stands."""

    WAITING = "waiting", _("調べています")
    DONE = "done", _("調べました")
    FAILED = "failed", _("調べられませんでした")


class ContentCheck(models.Model):
    """The newest check of one kind; it holds for a content of that digest alone."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="content_checks")
    kind = models.CharField(max_length=10, choices=ContentCheckKind.choices)
    # SHA-256 of what is asked about, hexadecimal.
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=CheckState.choices, default=CheckState.WAITING)
    # What came out, as the check of that kind has it: addresses, codes and figures, nothing of what others sent.
    result: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    asked_at = models.DateTimeField()
    # When a worker took it; None while it waits for one.
    taken_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "kind"], name="content_check_once"),
        ]
        indexes = [
            # For the tick: what waits.
            models.Index(fields=["asked_at"], condition=models.Q(state="waiting"), name="content_check_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.get_kind_display()}"
