"""Writes the audit log, and finds what it says about addresses."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Left, Lower

from accounts.inserting import insert_for_each
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


def entries_about(workspace_id: int, addresses: Iterable[str]) -> QuerySet[AuditEntry]:
    """Return the entries of a workspace about these addresses, however they were spelled."""
    # Files and people spell one address in different ways over the years.
    targets = {address[:200].lower() for address in addresses}
    return AuditEntry.objects.alias(small=Lower("target")).filter(workspace=workspace_id, small__in=targets)


def record_found(
    workspace: Workspace, actor: User | None, action: str, rows: QuerySet[Any], column: str, **detail: Any
) -> int:
    """Add the same entry for each row that a query finds, its `column` as the target, in one statement; return how many."""
    entry = AuditEntry(workspace=workspace, actor=actor, action=action, detail=detail)
    return insert_for_each(entry, "target", rows.order_by("pk").values_list(Left(column, 200)))
