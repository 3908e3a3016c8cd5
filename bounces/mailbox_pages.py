"""Mailboxes as their pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from accounts.models import Workspace
from bounces.mailboxes import LONGEST_PAUSE
from bounces.models import Mailbox, MailboxFault
from senders.lights import Light

# More than this on a page helps nobody.
FAULTS_SHOWN = 50
# So many intervals without a visit mean that nobody reads at all.
MISSED = 10


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox, how it is, and how many of its messages were set aside."""

    mailbox: Mailbox
    light: Light
    set_aside: int


def list_mailboxes(workspace: Workspace, *, now: datetime) -> list[MailboxRow]:
    """Return the mailboxes of a workspace with their lights, in one query."""
    aside = Count("faults", filter=Q(faults__set_aside=True))
    found = Mailbox.objects.filter(workspace=workspace).annotate(aside=aside).order_by("host", "username", "pk")
    return [MailboxRow(mailbox, light_of(mailbox, now=now), mailbox.aside) for mailbox in found]


def list_faults(mailbox: Mailbox) -> list[MailboxFault]:
    """Return the newest messages of a mailbox that could not be taken over."""
    return list(MailboxFault.objects.filter(mailbox=mailbox).order_by("-at", "-pk")[:FAULTS_SHOWN])


def light_of(mailbox: Mailbox, *, now: datetime) -> Light:
    """Return the light of a mailbox."""
    if not mailbox.is_active:
        return Light("muted", _("停止中"), _("読み取りを止めています。"))
    if mailbox.problem:
        return Light("bad", _("要確認"), mailbox.problem)
    missed = max(MISSED * timedelta(seconds=settings.MAILBOX_INTERVAL), LONGEST_PAUSE)
    if now - (mailbox.checked_at or mailbox.created_at) > missed:
        return Light("warn", _("遅れ"), _("しばらく読み取られていません。システム管理者に確認してください。"))
    if mailbox.read_at is None:
        return Light("info", _("確認待ち"), _("まもなく最初の読み取りを行います。"))
    return Light("ok", _("正常"), _("定期的に読み取っています。"))
