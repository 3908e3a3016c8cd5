"""The 除外リスト: addresses and domains that are never sent to."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace


class ExclusionKind(models.TextChoices):
    """What an entry names."""

    ADDRESS = "address", _("メールアドレス")
    DOMAIN = "domain", _("ドメイン")


class Exclusion(models.Model):
    """An address or a domain, with its subdomains, that no mail is sent to."""

    # None: of the installation, for every workspace.
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="exclusions", db_index=False
    )
    kind = models.CharField(_("種類"), max_length=10, choices=ExclusionKind.choices)
    # An address as it is compared (Subscriber.address_key), or a domain in lower-case ASCII.
    value = models.CharField(_("メールアドレスまたはドメイン"), max_length=320)
    reason = models.CharField(_("理由"), max_length=200, blank=True)
    expires_at = models.DateTimeField(_("期限"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "kind", "value"],
                condition=models.Q(workspace__isnull=False),
                name="exclusion_once",
            ),
            models.UniqueConstraint(
                fields=["kind", "value"], condition=models.Q(workspace=None), name="exclusion_once_for_all"
            ),
        ]
        indexes = [
            # For deleting those that are over.
            models.Index(fields=["expires_at"], condition=models.Q(expires_at__isnull=False), name="exclusion_expires"),
        ]

    def __str__(self) -> str:
        return self.value
