"""Stores and deletes segments, each with its entry in the audit log."""

from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.models import User
from lists.conditions import Group
from lists.models import Segment
from lists.people_states import raise_people


def save_segment(segment: Segment, group: Group, *, revision: int, actor: User) -> bool:
    """Store a new or changed segment; False where somebody else changed it since `revision`.

    A campaign that is just freezing its people begins anew.
    """
    segment.conditions = group.as_json()
    with transaction.atomic():
        if segment.pk is None:
            segment.created_by = actor
            segment.save()
            audit.record(segment.workspace, actor, "segment.create", segment.name)
            return True
        unchanged = Segment.objects.filter(pk=segment.pk, revision=revision)
        if not unchanged.update(revision=F("revision") + 1):
            return False
        segment.save(update_fields=["name", "description", "conditions", "updated_at"])
        raise_people(segment.workspace)
        audit.record(segment.workspace, actor, "segment.update", segment.name)
    return True


def delete_segment(segment: Segment, *, actor: User) -> None:
    """Delete a segment. Raises ProtectedError while a planned campaign uses it; drafts lose it."""
    with transaction.atomic():
        audit.record(segment.workspace, actor, "segment.delete", segment.name)
        segment.delete()
