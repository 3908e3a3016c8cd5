"""ラベル of mailings, and comments on drafts."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from campaigns.models.campaign import Campaign


class LabelTone(models.TextChoices):
    """The colour of a label; the values are the tones of the badges."""

    MUTED = "muted", _("グレー")
    INFO = "info", _("青")
    OK = "ok", _("緑")
    WARN = "warn", _("黄")
    BAD = "bad", _("赤")


class Label(models.Model):
    """A word that mailings are sorted by."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(_("ラベル名"), max_length=30)
    tone = models.CharField(_("色"), max_length=10, choices=LabelTone.choices, default=LabelTone.MUTED)
    campaigns = models.ManyToManyField(Campaign, related_name="labels", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="label_name_once")]

    def __str__(self) -> str:
        return self.name


class Comment(models.Model):
    """What a person says about a mailing to the others of the workspace."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    text = models.TextField(_("コメント"), max_length=2000)
    at = models.DateTimeField()
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.at:%Y-%m-%d %H:%M}"
