"""Which attributes the subscribers of a workspace have."""

from collections.abc import Mapping
from typing import Final

from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.exceptions import ListsError
from lists.models import AttributeDefinition, AttributeKind

MAX_ATTRIBUTES: Final = 200


def attributes_of(workspace: Workspace) -> list[AttributeDefinition]:
    """Return the attributes that a workspace offers, in their order."""
    return list(workspace.attribute_definitions.filter(archived_at=None))


def attribute_names(workspace: Workspace) -> list[str]:
    """Return the names of the attributes that a workspace offers, in their order."""
    return [definition.name for definition in attributes_of(workspace)]


def ensure_attributes(workspace: Workspace, wanted: Mapping[str, AttributeKind]) -> dict[str, AttributeDefinition]:
    """Return the attribute of each name, made as one of this kind where there is none; an archived one comes back.

    An attribute that exists keeps its kind. Raises ListsError where there would be more than MAX_ATTRIBUTES.
    """
    known = {found.name: found for found in workspace.attribute_definitions.all()}
    missing = [name for name in wanted if name not in known]
    if len(known) + len(missing) > MAX_ATTRIBUTES:
        raise ListsError(_("差し込み項目が多すぎます(%d個まで)。") % MAX_ATTRIBUTES, workspace)
    last = workspace.attribute_definitions.aggregate(last=Max("position"))["last"]
    position = -1 if last is None else last
    AttributeDefinition.objects.bulk_create(
        [
            AttributeDefinition(
                workspace=workspace, name=name, label=name, kind=wanted[name], position=position + number
            )
            for number, name in enumerate(missing, 1)
        ],
        # Two imports may bring the same column at once.
        ignore_conflicts=True,
    )
    again = [known[name].pk for name in wanted if name in known and known[name].archived_at]
    AttributeDefinition.objects.filter(pk__in=again).update(archived_at=None)
    found = workspace.attribute_definitions.filter(name__in=list(wanted))
    return {definition.name: definition for definition in found}
