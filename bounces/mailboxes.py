"""The mailboxes of a workspace: adds, changes and removes them, and says whose turn it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from accounts import audit
from accounts.models import User, Workspace
from bounces.models import Mailbox, MailboxFault
from senders.secrets import encrypt

# Longer than the longest conversation with a server, so that no second task begins while one is at work.
LEASE = timedelta(seconds=150)
# At most this many mailboxes are read at once: a server that hangs holds a worker for as long as it may.
AT_ONCE = 4
LONGEST_PAUSE = timedelta(hours=1)
# 60 seconds doubled this often are over an hour.
DOUBLINGS = 6


class MailboxTaken(Exception):
    """The workspace reads this mailbox already."""


@dataclass(frozen=True, slots=True)
class MailboxDetails:
    """What may be changed of a mailbox, the password apart."""

    protocol: str
    host: str
    port: int
    security: str
    username: str
    folder: str
    after_reading: str


def create_mailbox(
    workspace: Workspace, details: MailboxDetails, password: str, *, actor: User | None = None
) -> Mailbox:
    """Store and return a mailbox. Raises MailboxTaken, and SenderError where nothing can be encrypted."""
    sealed = seal(password)
    try:
        with transaction.atomic():
            mailbox = Mailbox.objects.create(workspace=workspace, password=sealed, **asdict(details))
            audit.record(workspace, actor, "mailbox.create", str(mailbox))
    except IntegrityError as error:
        raise MailboxTaken from error
    return mailbox


def update_mailbox(mailbox: Mailbox, details: MailboxDetails, password: str = "", *, actor: User | None = None) -> None:
    """Store changed details; an empty password stays as it was. It is tried at once, whatever failed before.

    Raises MailboxTaken, and SenderError where nothing can be encrypted.
    """
    changes = asdict(details) | ({"password": seal(password)} if password else {})
    # The lease of a task that reads it by the old details ends, so it stops.
    fresh = {"due_at": None, "failures": 0, "problem": "", "lease_until": None}
    moved = any(getattr(mailbox, name) != changes[name] for name in ("protocol", "host", "username", "folder"))
    try:
        with transaction.atomic():
            Mailbox.objects.filter(pk=mailbox.pk).update(**changes, **fresh)
            if moved:
                # Their names belong to the other mailbox.
                MailboxFault.objects.filter(mailbox=mailbox).delete()
            audit.record(mailbox.workspace, actor, "mailbox.update", str(mailbox))
    except IntegrityError as error:
        raise MailboxTaken from error


def seal(password: str) -> str:
    """Return a password as it is stored."""
    return encrypt(password.encode()).decode()


def pause_mailbox(mailbox: Mailbox, *, actor: User | None = None) -> bool:
    """Stop reading a mailbox; returns False where it was paused before."""
    with transaction.atomic():
        changed = Mailbox.objects.filter(pk=mailbox.pk, is_active=True).update(is_active=False)
        if changed:
            audit.record(mailbox.workspace, actor, "mailbox.pause", str(mailbox))
    return bool(changed)


def resume_mailbox(mailbox: Mailbox, *, actor: User | None = None) -> bool:
    """Read a mailbox again, at once; returns False where it was not paused."""
    with transaction.atomic():
        paused = Mailbox.objects.filter(pk=mailbox.pk, is_active=False)
        changed = paused.update(is_active=True, due_at=None, failures=0, problem="")
        if changed:
            audit.record(mailbox.workspace, actor, "mailbox.resume", str(mailbox))
    return bool(changed)


def delete_mailbox(mailbox: Mailbox, *, actor: User | None = None) -> None:
    """Forget a mailbox. What was read stays, and so does what is in it."""
    with transaction.atomic():
        audit.record(mailbox.workspace, actor, "mailbox.delete", str(mailbox))
        mailbox.delete()


def forget_set_aside(mailbox: Mailbox, *, actor: User | None = None) -> int:
    """Take the messages that were set aside off the list, so that those still there are tried again; return how many."""
    with transaction.atomic():
        count, _rows = MailboxFault.objects.filter(mailbox=mailbox, set_aside=True).delete()
        if count:
            audit.record(mailbox.workspace, actor, "mailbox.retry", str(mailbox), chosen=count)
            Mailbox.objects.filter(pk=mailbox.pk).update(due_at=None)
    return count


def due_mailboxes(*, now: datetime) -> list[int]:
    """Return the mailboxes to be read, those that wait longest first, and no more than may be read at once."""
    busy = Mailbox.objects.filter(lease_until__gt=now).count()
    due = Mailbox.objects.filter(is_due(now)).order_by(F("due_at").asc(nulls_first=True), "pk")
    return list(due.values_list("pk", flat=True)[: max(0, AT_ONCE - busy)])


def is_due(now: datetime) -> Q:
    """Return the question whether a mailbox is to be read and nobody is at it."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    return free & (Q(due_at__isnull=True) | Q(due_at__lte=now)) & Q(is_active=True)


def take_mailbox(mailbox_id: int, *, now: datetime) -> Mailbox | None:
    """Take a mailbox that is due; None where another task has it, or it is not due any more."""
    if not Mailbox.objects.filter(is_due(now), pk=mailbox_id).update(lease_until=now + LEASE, checked_at=now):
        return None
    return Mailbox.objects.select_related("workspace").get(pk=mailbox_id)


def keep_mailbox(mailbox: Mailbox, *, now: datetime) -> bool:
    """Lengthen the lease; False where it is lost: the mailbox was changed, paused or deleted, or another has it."""
    until = now + LEASE
    held = Mailbox.objects.filter(pk=mailbox.pk, lease_until=mailbox.lease_until, is_active=True)
    if not held.update(lease_until=until):
        return False
    mailbox.lease_until = until
    return True


def record_success(mailbox: Mailbox, *, waiting: int, more: bool, now: datetime) -> None:
    """Give a mailbox back; where there is `more` to read, its next turn is at once."""
    pause = timedelta() if more else timedelta(seconds=settings.MAILBOX_INTERVAL)
    give_back(mailbox, due_at=now + pause, read_at=now, waiting=waiting, failures=0, problem="")


def record_problem(mailbox: Mailbox, problem: str, *, now: datetime) -> None:
    """Give back a mailbox that could not be read; each failure in a row doubles the pause, up to an hour."""
    pause = timedelta(seconds=settings.MAILBOX_INTERVAL) * 2 ** min(mailbox.failures, DOUBLINGS)
    due_at = now + min(pause, max(LONGEST_PAUSE, timedelta(seconds=settings.MAILBOX_INTERVAL)))
    give_back(mailbox, due_at=due_at, failures=min(mailbox.failures + 1, 1000), problem=problem[:500])


def give_back(mailbox: Mailbox, **found: object) -> None:
    """Store what was found, unless the lease was lost: then it is another's to tell."""
    held = Mailbox.objects.filter(pk=mailbox.pk, lease_until=mailbox.lease_until)
    held.update(lease_until=None, **found)
