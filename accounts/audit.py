"""Writes the audit log."""

from typing import Any

from accounts.models import AuditEntry, User, Workspace


def record(workspace: Workspace | None, actor: User | None, action: str, target: str = "", **detail: Any) -> AuditEntry:
    """Add one entry and return it; `actor` is None where the system acted, `workspace` for the installation as a whole.

    `detail` must be JSON, without names or bodies.
    """
    return AuditEntry.objects.create(
        workspace=workspace, actor=actor, action=action, target=target[:200], detail=detail
    )
