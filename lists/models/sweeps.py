"""That texts are to be looked through for the addresses of people who were erased."""

from __future__ import annotations

from django.db import models

from accounts.models import Workspace


class TraceSweep(models.Model):
    """When the texts of a workspace are looked through for erased addresses, which no index leads to."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="+", primary_key=True)
    # Somebody was erased since the texts were looked through; None: nobody.
    due_at = models.DateTimeField(null=True, blank=True)
    swept_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # For the tick: what is due.
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="trace_sweep_due"),
        ]

    def __str__(self) -> str:
        return f"{self.workspace} {self.due_at}"
