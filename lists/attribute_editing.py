"""Makes, changes, orders and puts away attributes, each with its entry in the audit log."""

from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from lists.attributes import MAX_ATTRIBUTES
from lists.exceptions import ListsError
from lists.models import AttributeDefinition
from lists.people_states import raise_people


def save_attribute(definition: AttributeDefinition, *, actor: User) -> None:
    """Store a new or changed attribute. Raises ListsError where there would be too many."""
    workspace = definition.workspace
    with transaction.atomic():
        if definition.pk is None:
            known = workspace.attribute_definitions
            if known.count() >= MAX_ATTRIBUTES:
                raise ListsError(_("差し込み項目が多すぎます(%d個まで)。") % MAX_ATTRIBUTES, workspace)
            last = known.aggregate(last=Max("position"))["last"]
            definition.position = 0 if last is None else last + 1
            definition.save()
            audit.record(workspace, actor, "attribute.create", definition.name, kind=definition.get_kind_display())
            return
        definition.save(update_fields=["label", "kind", "choices"])
        raise_people(workspace)
        audit.record(workspace, actor, "attribute.update", definition.name, kind=definition.get_kind_display())


def archive_attribute(definition: AttributeDefinition, *, actor: User, now: datetime) -> None:
    """Offer an attribute no more; the values stay, and mails that are planned keep theirs."""
    with transaction.atomic():
        if AttributeDefinition.objects.filter(pk=definition.pk, archived_at=None).update(archived_at=now):
            audit.record(definition.workspace, actor, "attribute.archive", definition.name)


def restore_attribute(definition: AttributeDefinition, *, actor: User) -> None:
    """Offer an attribute again."""
    with transaction.atomic():
        if AttributeDefinition.objects.filter(pk=definition.pk, archived_at__isnull=False).update(archived_at=None):
            audit.record(definition.workspace, actor, "attribute.restore", definition.name)


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
