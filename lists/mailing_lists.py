"""Mailing lists as people see them: saved with their limit applied, their files deleted."""

from collections.abc import Iterable
from datetime import datetime

from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from lists.exceptions import ListsError
from lists.limits import apply_limits, mark_limits
from lists.models import MailingList


class ListNameTaken(ListsError):
    """Another list of the workspace has the name."""


def save_list(mailing_list: MailingList, *, actor: User, now: datetime) -> int:
    """Store a new or changed list and apply its limit (A7); return how many subscribers that stopped at once.

    Raises ListNameTaken where another list got the name at this moment.
    """
    workspace = mailing_list.workspace
    action = "list.update" if mailing_list.pk else "list.create"
    with transaction.atomic():
        store_list(mailing_list)
        mark_limits(workspace, now=now)
        audit.record(workspace, actor, action, mailing_list.name, error_limit=mailing_list.error_limit)
    return apply_limits(workspace, now=now)


def store_list(mailing_list: MailingList) -> None:
    """Store the row of a list within a transaction. Raises ListNameTaken."""
    try:
        with transaction.atomic():
            mailing_list.save()
    except IntegrityError as error:
        # The form had looked; somebody else was quicker.
        raise ListNameTaken(_("同じ名前のリストがあります。別の名前にしてください。"), mailing_list.name) from error


def delete_files(names: Iterable[str]) -> None:
    """Delete uploaded files; one that is gone is no fault."""
    for name in names:
        default_storage.delete(name)
