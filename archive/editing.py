"""Writes, opens and closes archives, and takes mailings in and out, with entries in the audit log."""

from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import User
from archive.choosing import mailings_of
from archive.models import Archive, Choice

SETTINGS = ("title", "description", "language", "form", "is_indexed", "adds_new")


@transaction.atomic
def save_archive(archive: Archive, *, actor: User, now: datetime) -> None:
    """Store the settings of an archive, new or not. Mailings that it shows stay when no others follow them of themselves."""
    mailing_list = archive.mailing_list
    wanted = {field: getattr(archive, field) for field in SETTINGS}
    stored, is_new = Archive.objects.get_or_create(mailing_list=mailing_list, defaults=wanted)
    if is_new:
        audit.record(mailing_list.workspace, actor, "archive.create", mailing_list.name)
        return
    stored = lock_archive(stored)
    for field, value in wanted.items():
        setattr(stored, field, value)
    begin_or_end(stored, now=now)
    stored.save()
    audit.record(mailing_list.workspace, actor, "archive.update", mailing_list.name)


@transaction.atomic
def switch_archive(archive: Archive, *, is_public: bool, actor: User, now: datetime) -> bool:
    """Open an archive to everybody, or close it; False where that is so already."""
    stored = lock_archive(archive)
    if (stored.published_at is not None) == is_public:
        return False
    stored.published_at = now if is_public else None
    begin_or_end(stored, now=now)
    stored.save(update_fields=["published_at", "adds_since"])
    action = "archive.publish" if is_public else "archive.close"
    audit.record(stored.mailing_list.workspace, actor, action, stored.mailing_list.name)
    return True


def lock_archive(archive: Archive) -> Archive:
    """Return an archive as it is stored now, locked within the caller's transaction."""
    archives = Archive.objects.select_for_update(of=("self",)).select_related("mailing_list__workspace")
    return archives.get(pk=archive.pk)


def begin_or_end(archive: Archive, *, now: datetime) -> None:
    """Set, without storing, since when mailings are added of themselves; where that ends, those that were stay chosen."""
    adds = archive.adds_new and archive.published_at is not None
    if adds and archive.adds_since is None:
        archive.adds_since = now
    elif not adds and archive.adds_since is not None:
        shown = mailings_of(archive, only=True).values_list("pk", flat=True)
        rows = [Choice(archive=archive, campaign_id=pk, is_shown=True) for pk in shown]
        Choice.objects.bulk_create(rows, ignore_conflicts=True)
        archive.adds_since = None


@transaction.atomic
def choose_mailing(archive: Archive, campaign_id: int, *, is_shown: bool, actor: User) -> bool:
    """Take a mailing into an archive, or out of it; False where it is none of the list's or that is so already."""
    stored = lock_archive(archive)
    if not mailings_of(stored, only=not is_shown).filter(pk=campaign_id).exists():
        return False
    Choice.objects.update_or_create(archive=stored, campaign_id=campaign_id, defaults={"is_shown": is_shown})
    mailing_list = stored.mailing_list
    action = "archive.show" if is_shown else "archive.hide"
    audit.record(mailing_list.workspace, actor, action, mailing_list.name, campaign=campaign_id)
    return True
