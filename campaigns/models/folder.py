"""Folders that mailings lie in."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace

# Of a workspace: as many as its list shows side by side.
MOST_FOLDERS: Final = 100


class Folder(models.Model):
    """フォルダ: where mailings lie, each in one at most."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="folders", db_index=False)
    name = models.CharField(_("フォルダ名"), max_length=50)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="folder_name_once")]

    def __str__(self) -> str:
        return self.name
