"""Deletes a list: gone for everybody at once, emptied in the background."""

from datetime import datetime

from django.db import router, transaction
from django.db.models.deletion import Collector
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from lists.bulk import newest_id
from lists.conditions import SegmentRefused, read_conditions
from lists.exceptions import ListsError
from lists.mailing_lists import delete_files
from lists.models import (
    BulkAction,
    BulkJob,
    Consent,
    CsvImport,
    ImportState,
    MailingList,
    RejectedRow,
    Segment,
    StagedRow,
    Subscription,
)
from lists.segments import lists_named

# Rows of imports that one statement deletes.
BATCH = 10_000
IMPORTS_OVER = (ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED)


class ListInUse(ListsError):
    """The list cannot be deleted as long as something names it."""


def delete_list(mailing_list: MailingList, *, actor: User, now: datetime) -> BulkJob:
    """Take a list away from every page at once and have it emptied in the background; return the job of that.

    The subscribers and their history stay. Raises ListsError where a segment names the list, a planned mailing
    uses it or a draft leaves its people out, and MailingList.DoesNotExist where somebody else has just deleted it; then
    nothing is changed.
    """
    with transaction.atomic():
        # Whoever plans a mailing to the list or imports into it has to wait.
        locked = MailingList.objects.select_for_update().get(pk=mailing_list.pk)
        refuse_named(locked)
        drop_users(locked)
        MailingList.objects.filter(pk=locked.pk).update(deleted_at=now, generation=locked.generation + 1)
        locked.csv_imports.exclude(state__in=IMPORTS_OVER).update(state=ImportState.CANCELLED, finished_at=now)
        audit.record(locked.workspace, actor, "list.delete", locked.name)
        return BulkJob.objects.create(
            workspace=locked.workspace,
            created_by=actor,
            action=BulkAction.DELETE_LIST,
            argument={"list": locked.pk, "name": locked.name},
            last_id=newest_id(),
        )


def refuse_named(mailing_list: MailingList) -> None:
    """Raise ListInUse where a segment of the workspace names the list."""
    segments = Segment.objects.filter(workspace=mailing_list.workspace_id).order_by("name")
    names = [segment.name for segment in segments if mailing_list.pk in lists_of(segment)]
    if names:
        sentence = _(
            "セグメント「%s」の条件で使われているため、このリストは削除できません。セグメントの条件を変えるか、セグメントを削除してからやり直してください。"
        )
        raise ListInUse(sentence % "」「".join(names), mailing_list)


def lists_of(segment: Segment) -> set[int]:
    """Return the lists that a segment names; one whose conditions cannot be read finds nobody and names none."""
    try:
        return lists_named(read_conditions(segment.conditions))
    except SegmentRefused:
        return set()


def drop_users(mailing_list: MailingList) -> None:
    """Delete what other apps hang on the list, as the deletion of its row would; raises as that does."""
    collector = Collector(using=router.db_for_write(MailingList), origin=mailing_list)
    collector.collect([mailing_list])
    for model, rows in list(collector.data.items()):
        if model._meta.app_label != MailingList._meta.app_label:
            model._base_manager.filter(pk__in=[row.pk for row in rows]).delete()
    for queryset in collector.fast_deletes:
        if queryset.model._meta.app_label != MailingList._meta.app_label:
            queryset.delete()


def empty_list(list_id: int) -> bool:
    """Delete what is left of a deleted list when its places are gone, a batch at a time; True once nothing is left.

    The row of the list stays until its last consent goes (F4): it says whose these are.
    """
    # Put there by what ran while the list was being deleted.
    late = list(Subscription.objects.filter(mailing_list=list_id).values_list("pk", flat=True)[:BATCH])
    if late:
        Subscription.objects.filter(pk__in=late).delete()
        return False
    csv_import = CsvImport.objects.filter(mailing_list=list_id).first()
    if csv_import is None:
        Consent.objects.filter(mailing_list=list_id, ended_at=None).update(ended_at=timezone.now())
        return True
    for model in (StagedRow, RejectedRow):
        rows = model._base_manager.filter(csv_import=csv_import)
        batch = list(rows.values_list("pk", flat=True)[:BATCH])
        if batch:
            rows.filter(pk__in=batch).delete()
            return False
    files = [csv_import.file.name] if csv_import.file.name else []
    csv_import.delete()
    transaction.on_commit(lambda: delete_files(files))
    return False
