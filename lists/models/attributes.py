"""The attributes that a workspace keeps of its subscribers (差し込み項目)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace


class AttributeKind(models.TextChoices):
    """What the values of an attribute are."""

    TEXT = "text", _("文字")
    NUMBER = "number", _("数値")
    DATE = "date", _("日付")
    CHOICE = "choice", _("選択肢")


class AttributeDefinition(models.Model):
    """An attribute: a column of imports and exports, a merge tag, and what segments ask for.

    In `Subscriber.attributes` a text or a choice is a string, a date is an ISO string, a number a JSON number.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="attribute_definitions", db_index=False
    )
    # The merge tag and the key in Subscriber.attributes; never changes.
    name = models.CharField(_("差し込みタグ"), max_length=50)
    label = models.CharField(_("表示名"), max_length=50)
    kind = models.CharField(_("種類"), max_length=10, choices=AttributeKind.choices, default=AttributeKind.TEXT)
    # Of a choice: its texts in their order.
    choices: models.JSONField[list[str], list[str]] = models.JSONField(_("選択肢"), default=list, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    # Not offered any more; the values stay.
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            # Also for all attributes of a workspace.
            models.UniqueConstraint(fields=["workspace", "name"], name="attribute_once"),
            models.CheckConstraint(condition=~models.Q(name=""), name="attribute_has_name"),
        ]

    def __str__(self) -> str:
        return self.label
