"""Which attributes the subscribers of a workspace have."""

from accounts.models import Workspace
from lists.models import CsvImport, ImportState

# Column targets that are fields of the subscriber, not attributes.
FIELDS = ("", "address", "name")


def attribute_names(workspace: Workspace) -> list[str]:
    """Return the attribute names that imports into the workspace have brought, in order of appearance."""
    mappings = CsvImport.objects.filter(workspace=workspace, state=ImportState.DONE).order_by("pk")
    named = (target for columns in mappings.values_list("columns", flat=True) for target in columns.values())
    return [name for name in dict.fromkeys(named) if name not in FIELDS]
