"""SQL of the 除外リスト: whether an address is on it, for one row at a time or for many."""

from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func
from django.db.models.sql.compiler import SQLCompiler

# An address as it is compared, its domain, and what is left of that behind each dot.
_NAMES: Final = """WITH RECURSIVE tail(part) AS (
        SELECT CAST({key} AS text) UNION ALL
        SELECT substr(part, CASE WHEN {find}(part, '@') > 0 THEN {find}(part, '@') ELSE {find}(part, '.') END + 1)
        FROM tail WHERE {find}(part, '.') > 0
    ) SELECT part FROM tail"""
# Only addresses have an @, so a value is enough to tell an address from a domain; the kind is there for the index.
# Whether there are entries at all is asked once for a statement: where there are none, no row is looked up. The lowest
# value stands at the beginning of the index; EXISTS might read the whole table for it.
_LISTED: Final = """CASE WHEN (
        SELECT MIN({first}) FROM lists_exclusion WHERE workspace_id {any}
    ) IS NOT NULL THEN EXISTS (
        SELECT 1 FROM lists_exclusion AS entry
        WHERE entry.workspace_id {scope} AND entry.kind IN ('address', 'domain') AND entry.value {among}
            AND (entry.expires_at IS NULL OR entry.expires_at > %(now)s)
    ) ELSE {no} END"""


def listed_sql(vendor: str, *, key: str, workspace: str) -> str:
    """Return a condition that is true for a row whose address is on the 除外リスト, with a parameter `now`.

    `key` and `workspace` are the row's columns: the address as it is compared, and the id of its workspace.
    """
    is_postgresql = vendor == "postgresql"
    names = _NAMES.format(key=key, find="strpos" if is_postgresql else "instr")
    # An array is made once for a row, whatever the planner thinks of the recursion.
    among = f"= ANY(ARRAY({names}))" if is_postgresql else f"IN ({names})"
    no = "FALSE" if is_postgresql else "0"
    own = _LISTED.format(first="workspace_id", any="IS NOT NULL", scope=f"= {workspace}", among=among, no=no)
    everywhere = _LISTED.format(first="kind", any="IS NULL", scope="IS NULL", among=among, no=no)
    return f"({own} OR {everywhere})"


class DomainTail(Func):
    """The last so many labels of an address's domain.

    Where the domain has fewer, what comes out is no domain, or the domain itself.
    """

    arity = 1
    output_field = CharField()

    def __init__(self, expression: Any, *, labels: int) -> None:
        super().__init__(expression)
        self.labels = labels

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_context: Any
    ) -> tuple[str, list[Any]]:
        """Join the parts between the last dots."""
        key, parameters = compiler.compile(self.source_expressions[0])
        parts = [f"split_part(split_part({key}, '@', -1), '.', -{number})" for number in range(self.labels, 0, -1)]
        return "({})".format(" || '.' || ".join(parts)), [*parameters] * self.labels

    def as_sqlite(  # type: ignore[override]
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_context: Any
    ) -> tuple[str, list[Any]]:
        """Cut everything that is no dot off the end, as often as there are labels; what was cut off is wanted."""
        key, parameters = compiler.compile(self.source_expressions[0])
        domain = f"substr({key}, instr({key}, '@') + 1)"
        rest = domain
        for _label in range(self.labels):
            # A rest ends with a dot, which goes with the label before it.
            rest = f"rtrim(rtrim({rest}, '.'), replace({domain}, '.', ''))"
        # In each round the domain stands once more, and once in what is cut from; each has the key twice.
        return f"substr({domain}, length({rest}) + 1)", [*parameters] * (2 * (self.labels + 2))
