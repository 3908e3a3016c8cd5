"""Mailing lists as people see them: saved with their limit applied, their files deleted."""

from collections.abc import Iterable
from datetime import datetime

from django.core.files.storage import default_storage
from django.db import transaction

from accounts import audit
from accounts.models import User
from lists.limits import apply_limits, mark_limits
from lists.models import MailingList


def save_list(mailing_list: MailingList, *, actor: User, now: datetime) -> int:
    """Store a new or changed list and apply its limit (A7); return how many subscribers that stopped at once."""
    workspace = mailing_list.workspace
    action = "list.update" if mailing_list.pk else "list.create"
    with transaction.atomic():
        mailing_list.save()
        mark_limits(workspace, now=now)
        audit.record(workspace, actor, action, mailing_list.name, error_limit=mailing_list.error_limit)
    return apply_limits(workspace, now=now)


def delete_files(names: Iterable[str]) -> None:
    """Delete uploaded files; one that is gone is no fault."""
    for name in names:
        default_storage.delete(name)
