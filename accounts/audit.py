"""Writes the audit log."""

from typing import Any

from accounts.models import AuditEntry, User, Workspace


def record(workspace: Workspace, actor: User | None, action: str, target: str = "", **detail: Any) -> None:
    """Add one entry; `actor` is None where the system acted. `detail` must be JSON, without names or bodies."""
    AuditEntry.objects.create(workspace=workspace, actor=actor, action=action, target=target[:200], detail=detail)
