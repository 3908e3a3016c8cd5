"""Segments: conditions that choose people."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace


class Segment(models.Model):
    """Conditions with a name; who fulfils them is found each time anew."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="segments", db_index=False)
    name = models.CharField(_("セグメント名"), max_length=100)
    description = models.CharField(_("説明"), max_length=200, blank=True)
    # As lists.segments reads them.
    conditions: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Rises with every change, so that of two people who edit one the second is told.
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="segment_name_once")]

    def __str__(self) -> str:
        return self.name
