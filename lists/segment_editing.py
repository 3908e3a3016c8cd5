"""Stores and deletes segments, each with its entry in the audit log."""

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from lists.conditions import Group
from lists.exceptions import ListsError
from lists.models import MailingList, Segment
from lists.people_states import raise_people
from lists.segments import lists_named, require_lists


def save_segment(segment: Segment, group: Group, *, revision: int, actor: User) -> None:
    """Store a new or changed segment. A campaign that is just freezing its people begins anew.

    Raises ListsError where somebody else changed it since `revision`, took its name just now, or deleted a list that
    the conditions name.
    """
    is_new = segment.pk is None
    segment.conditions = group.as_json()
    try:
        with transaction.atomic():
            if is_new:
                segment.created_by = actor
            else:
                begin_change(segment, revision)
            hold_lists(segment, group)
            segment.save(update_fields=None if is_new else ["name", "description", "conditions", "updated_at"])
            audit.record(segment.workspace, actor, "segment.create" if is_new else "segment.update", segment.name)
    except IntegrityError as error:
        raise ListsError(_("同じ名前のセグメントがあります。別の名前にしてください。"), segment) from error


def begin_change(segment: Segment, revision: int) -> None:
    """Take the turn of whoever opened a segment at `revision`. Raises ListsError where it was changed since."""
    unchanged = Segment.objects.filter(pk=segment.pk, revision=revision)
    if not unchanged.update(revision=F("revision") + 1):
        sentence = _("このセグメントは別の画面で変更されました。必要な部分を控えてから、開き直してください。")
        raise ListsError(sentence, segment)
    raise_people(segment.workspace)


def hold_lists(segment: Segment, group: Group) -> None:
    """Keep the lists that conditions name from being deleted until they are stored. Raises SegmentRefused.

    After the people, as campaigns lock them.
    """
    named = MailingList.objects.filter(pk__in=lists_named(group)).order_by("pk")
    list(named.select_for_update(no_key=True).values_list("pk"))
    require_lists(group, segment.workspace)


def delete_segment(segment: Segment, *, actor: User) -> None:
    """Delete a segment; drafts that are sent to it lose it.

    Raises ListsError while a planned campaign uses it, or a draft leaves its people out.
    """
    with transaction.atomic():
        audit.record(segment.workspace, actor, "segment.delete", segment.name)
        segment.delete()
