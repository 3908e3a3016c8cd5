"""Those who look at mailings before everybody else, and those who get a copy of what everybody gets."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace

# Of a workspace.
MOST_TESTERS: Final = 100
MOST_SEEDS: Final = 20


class Tester(models.Model):
    """テスト配信先: a person whom test mails are sent to by name; no subscriber."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="testers", db_index=False)
    name = models.CharField(_("名前"), max_length=100)
    address = models.CharField(_("メールアドレス"), max_length=320)
    # Gets a copy when a mailing begins (シード).
    is_seed = models.BooleanField(_("本番の配信でも1通受け取る(シード)"), default=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint("workspace", Lower("address"), name="tester_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"
