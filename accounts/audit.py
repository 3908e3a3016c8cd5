"""Writes the audit log."""

from collections.abc import Iterable
from typing import Any

from accounts.models import AuditEntry, User, Workspace


def record(workspace: Workspace | None, actor: User | None, action: str, target: str = "", **detail: Any) -> AuditEntry:
    """Add one entry and return it; `actor` is None where the system acted, `workspace` for the installation as a whole.

    `detail` must be JSON, without names or bodies.
    """
    return AuditEntry.objects.create(
        workspace=workspace, actor=actor, action=action, target=target[:200], detail=detail
    )


def record_each(workspace: Workspace, actor: User | None, action: str, targets: Iterable[str], **detail: Any) -> None:
    """Add the same entry for each of many targets, in few statements; otherwise as `record`."""
    AuditEntry.objects.bulk_create(
        AuditEntry(workspace=workspace, actor=actor, action=action, target=target[:200], detail=detail)
        for target in targets
    )
