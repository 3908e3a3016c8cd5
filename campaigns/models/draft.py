"""原稿: what a person writes of a mailing, and its 版. What is sent stands in Campaign's text and html."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign
from designs.models import BodyKind


class Draft(models.Model):
    """How the body of a mailing was written; one without a row was typed into text and html as they are."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="draft")
    kind = models.CharField(_("本文の種類"), max_length=10, choices=BodyKind.choices, default=BodyKind.BLOCKS)
    # The JSON of a Design (designs/blocks.py); kept where another kind is chosen, so that the way back is open.
    blocks: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict, blank=True)
    # What is written, for HTML and MARKDOWN.
    source = models.TextField(blank=True)
    # The text part that a person wrote, for TEXT and where `text_by_hand`; it is not sent from here.
    text = models.TextField(blank=True)
    # Whether a person writes the text part; else it is written from the blocks, the HTML or the Markdown.
    text_by_hand = models.BooleanField(_("テキストを自分で書く"), default=False)
    # The page whose save was the newest, which of its saves that was, the revision that it was written on and the one
    # that it became: a page that never got the answer to its own save goes on from there.
    page = models.UUIDField(null=True, blank=True)
    page_turn = models.PositiveIntegerField(default=0, db_default=0)
    page_from = models.PositiveIntegerField(default=0, db_default=0)
    page_to = models.PositiveIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.get_kind_display()}"


class DraftVersion(models.Model):
    """版: the content of a draft as somebody saved it, or as somebody wanted to when another had been quicker."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="versions")
    # The campaign's with this content; of one that came too late the one that it was written on.
    revision = models.PositiveIntegerField()
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    saved_at = models.DateTimeField()
    # campaigns.drafts.Content as JSON.
    content: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    was_saved = models.BooleanField(default=True)

    class Meta:
        # For 版の一覧, newest first.
        indexes = [models.Index(fields=["campaign", "-id"], name="version_newest")]

    def __str__(self) -> str:
        return f"{self.campaign_id} r{self.revision}"
