"""承認: who may not start a mailing on his own, and what was asked and decided of one."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from campaigns.models.campaign import Campaign


class ApprovalRule(models.Model):
    """Whose mailings need another person's approval in a workspace; no row asks for none."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="approval_rule")
    for_editors = models.BooleanField(_("作成者の配信には承認を必要とする"), default=False)
    for_admins = models.BooleanField(_("管理者の配信にも承認を必要とする"), default=False)

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.for_editors} {self.for_admins}"


class ApprovalState(models.TextChoices):
    """Where an approval stands."""

    ASKED = "asked", _("承認待ち")
    GRANTED = "granted", _("承認済み")
    REFUSED = "refused", _("差し戻し")
    VOID = "void", _("無効")


# At most one of these at a time for a mailing.
LIVE = (ApprovalState.ASKED, ApprovalState.GRANTED)


class Approval(models.Model):
    """What was asked about a draft and what came of it; it is about the content of that digest alone."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="approvals")
    # SHA-256 over all that a person approves (campaigns/approvals.py), hexadecimal.
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=ApprovalState.choices, default=ApprovalState.ASKED)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField()
    # What the asker says to the approver, and the answer.
    message = models.CharField(_("承認者へのメッセージ"), max_length=500, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(_("コメント"), max_length=500, blank=True)
    # The mailing was scheduled on the strength of it, so that it must still hold when it starts.
    relied_on = models.BooleanField(default=False)
    # The people concerned have not been written to about its state yet.
    to_mail = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"], condition=models.Q(state__in=["asked", "granted"]), name="approval_one_live"
            ),
        ]
        indexes = [
            # For the tick: what is to be written about.
            models.Index(fields=["id"], condition=models.Q(to_mail=True), name="approval_to_mail"),
            # For the list of what waits for a decision, oldest first.
            models.Index(fields=["asked_at"], condition=models.Q(state="asked"), name="approval_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.get_state_display()}"
