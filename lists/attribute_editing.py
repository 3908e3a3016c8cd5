"""Makes, changes, orders, puts away and deletes attributes, each with its entry in the audit log."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Max, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from lists.attributes import require_room
from lists.conditions import SegmentRefused, read_conditions
from lists.exceptions import ListsError
from lists.models import AttributeDefinition, ColumnMemory, Segment, Subscriber
from lists.people_states import raise_people


def save_attribute(definition: AttributeDefinition, *, actor: User) -> None:
    """Store a new or changed attribute. Raises ListsError where there would be too many, or two of one name."""
    workspace, kind = definition.workspace, definition.get_kind_display()
    with transaction.atomic():
        if definition.pk is None:
            require_room(workspace, [definition.name])
            last = workspace.attribute_definitions.aggregate(last=Max("position"))["last"]
            definition.position = 0 if last is None else last + 1
            insert_attribute(definition)
            audit.record(workspace, actor, "attribute.create", definition.name, kind=kind)
            return
        raise_people(workspace)
        definition.save(update_fields=["label", "kind", "choices"])
        audit.record(workspace, actor, "attribute.update", definition.name, kind=kind)


def insert_attribute(definition: AttributeDefinition) -> None:
    """Store a new attribute; raises ListsError where somebody made one of this name a moment ago."""
    try:
        with transaction.atomic():
            definition.save()
    except IntegrityError as error:
        raise ListsError(_("同じ差し込みタグがあります。一覧から選んで編集してください。"), definition.name) from error


def archive_attribute(definition: AttributeDefinition, *, actor: User, now: datetime) -> None:
    """Offer an attribute no more; the values stay, and mails that are planned keep theirs."""
    with transaction.atomic():
        if AttributeDefinition.objects.filter(pk=definition.pk, archived_at=None).update(archived_at=now):
            audit.record(definition.workspace, actor, "attribute.archive", definition.name)


def restore_attribute(definition: AttributeDefinition, *, actor: User) -> None:
    """Offer an attribute again. Raises ListsError where there would be too many."""
    with transaction.atomic():
        require_room(definition.workspace, [definition.name])
        if AttributeDefinition.objects.filter(pk=definition.pk, archived_at__isnull=False).update(archived_at=None):
            audit.record(definition.workspace, actor, "attribute.restore", definition.name)


def delete_attribute(definition: AttributeDefinition, *, actor: User) -> None:
    """Delete an attribute for good. Raises ListsError where somebody has a value, or a segment asks for it."""
    workspace = definition.workspace
    with transaction.atomic():
        # A merge that brings values takes the same lock before it looks whether the attribute is there.
        raise_people(workspace)
        require_unused(definition)
        ColumnMemory.objects.filter(workspace=workspace, target=definition.name).delete()
        AttributeDefinition.objects.filter(pk=definition.pk).delete()
        audit.record(workspace, actor, "attribute.delete", definition.name)


def require_unused(definition: AttributeDefinition) -> None:
    """Raise ListsError where an attribute is still needed; where nobody has a value, everybody is read once."""
    asking = [segment.name for segment in definition.workspace.segments.all() if asks_for(segment, definition.name)]
    if asking:
        sentence = _("セグメント「%s」の条件に使われているため、削除できません。先に条件から外してください。")
        raise ListsError(sentence % asking[0], definition)
    value = Cast(KeyTextTransform(definition.name, "attributes"), TextField())
    people = Subscriber.objects.for_workspace(definition.workspace).annotate(value=value)
    if people.filter(value__gt="").exists():
        sentence = _("値のある購読者がいるため、削除できません。使わないときは、使用を終えてください。")
        raise ListsError(sentence, definition)


def asks_for(segment: Segment, name: str) -> bool:
    """Say whether a segment has a condition about an attribute; one that cannot be read has none."""
    try:
        return any(condition.attribute == name for condition in read_conditions(segment.conditions).conditions())
    except SegmentRefused:
        return False


def move_attribute(definition: AttributeDefinition, *, by: int) -> None:
    """Put an attribute one place forwards (-1) or backwards (1) among those that are offered."""
    with transaction.atomic():
        rows = AttributeDefinition.objects.filter(workspace=definition.workspace_id, archived_at=None)
        order = list(rows.select_for_update().order_by("position", "pk"))
        places = [row.pk for row in order]
        if definition.pk not in places:
            return
        here = places.index(definition.pk)
        there = min(max(here + by, 0), len(order) - 1)
        order.insert(there, order.pop(here))
        for number, row in enumerate(order):
            row.position = number
        AttributeDefinition.objects.bulk_update(order, ["position"])
