"""The gate of a workspace's 配信エラー率."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEntry, Workspace


class GateState(models.TextChoices):
    """What a lasting 配信エラー率 led to (A15)."""

    OPEN = "open", _("制限なし")
    WARNED = "warned", _("注意")
    SLOWED = "slowed", _("速度制限中")
    STOPPED = "stopped", _("一時停止中")


class ErrorGate(models.Model):
    """配信エラー率の制限 of one workspace: its figures, its step, and limits of its own where the operator set some."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="error_gate")
    state = models.CharField(max_length=10, choices=GateState.choices, default=GateState.OPEN)
    since = models.DateTimeField(null=True, blank=True)
    # The newest figures: per cent of `tried` that failed for the address's or the sender's fault.
    percent = models.FloatField(default=0)
    tried = models.PositiveIntegerField(default=0)
    measured_at = models.DateTimeField(null=True, blank=True)
    # Empty: the installation's limits (settings GATE_*).
    warn_percent = models.FloatField(_("注意の割合(%)"), null=True, blank=True)
    slow_percent = models.FloatField(_("速度制限の割合(%)"), null=True, blank=True)
    stop_percent = models.FloatField(_("一時停止の割合(%)"), null=True, blank=True)
    # The operator set this step: the figures may raise it, and only the operator lowers it.
    by_hand = models.BooleanField(default=False)
    # The newest step, where the managers have not been written to about it yet.
    to_mail = models.ForeignKey(AuditEntry, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # The operator lifted the limits: only mailings that start later are looked at.
    released_at = models.DateTimeField(null=True, blank=True)
    # The pace while slowed: the minute that is being counted, and how many were claimed in it.
    minute = models.DateTimeField(null=True, blank=True)
    claimed = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.state} {self.percent:.1f}%"
