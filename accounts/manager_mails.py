"""Writes to the managers of a workspace."""

import logging
from collections.abc import Sequence
from smtplib import SMTPException

from django.core.mail import EmailMessage, get_connection

from accounts.models import Role, User, Workspace

logger = logging.getLogger(__name__)


def managers(workspace: Workspace) -> list[User]:
    """Return the 管理者 of a workspace who can log in."""
    admins = workspace.memberships.filter(role=Role.ADMIN, user__is_active=True).select_related("user")
    return [membership.user for membership in admins.order_by("pk")]


def one_line(name: str) -> str:
    """Return a name that a person typed for a header: Django refuses a line break there."""
    return " ".join(name.split())


def send(mails: Sequence[EmailMessage], about: str) -> int:
    """Send mails one by one over one connection; return how many the server took.

    A fault is logged under `about`, which names what the mails are about, and raises nothing.
    """
    sent = 0
    try:
        with get_connection() as connection:
            for mail in mails:
                sent += connection.send_messages([mail]) or 0
    except (OSError, SMTPException) as error:
        logger.error("%s: %s of %s mails left: %s", about, sent, len(mails), error)
    return sent
