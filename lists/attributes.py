"""Which attributes the subscribers of a workspace have."""

from collections.abc import Iterable, Mapping
from typing import Final

from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.exceptions import ListsError
from lists.models import AttributeDefinition

MAX_ATTRIBUTES: Final = 200


def attributes_of(workspace: Workspace) -> list[AttributeDefinition]:
    """Return the attributes that a workspace offers, in their order."""
    return list(workspace.attribute_definitions.filter(archived_at=None))


def attribute_names(workspace: Workspace) -> list[str]:
    """Return the names of the attributes that a workspace offers, in their order."""
    return [definition.name for definition in attributes_of(workspace)]


def require_room(workspace: Workspace, wanted: Iterable[str]) -> None:
    """Raise ListsError where a workspace would offer more than MAX_ATTRIBUTES with these names as well."""
    offered = set(attribute_names(workspace))
    if (new := set(wanted) - offered) and len(offered | new) > MAX_ATTRIBUTES:
        sentence = _(
            "差し込み項目が多すぎます(%d個まで)。使わない項目の使用を終えるか、取り込まない列を選んでください。"
        )
        raise ListsError(sentence % MAX_ATTRIBUTES, workspace)


def ensure_attributes(workspace: Workspace, wanted: Mapping[str, str], labels: Mapping[str, str] | None = None) -> None:
    """Make an attribute of each name and kind (AttributeKind) where there is none; an archived one comes back.

    `labels` are by name, where a label is not the name. An attribute that exists keeps its kind and its label. Raises ListsError where there would be more than MAX_ATTRIBUTES.
    """
    require_room(workspace, wanted)
    known = {found.name: found for found in workspace.attribute_definitions.all()}
    labels = labels or {}
    position = max((found.position for found in known.values()), default=-1)
    missing = [name for name in wanted if name not in known]
    AttributeDefinition.objects.bulk_create(
        [
            AttributeDefinition(
                workspace=workspace,
                name=name,
                label=labels.get(name, name),
                kind=wanted[name],
                position=position + number,
            )
            for number, name in enumerate(missing, 1)
        ],
        # Two imports may bring the same column at once.
        ignore_conflicts=True,
    )
    workspace.attribute_definitions.filter(name__in=list(wanted), archived_at__isnull=False).update(archived_at=None)
