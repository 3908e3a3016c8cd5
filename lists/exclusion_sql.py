"""SQL of the 除外リスト: whether an address is on it, for one row at a time or for many."""

from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func
from django.db.models.sql.compiler import SQLCompiler

# An address as it is compared, its domain, and what is left of that behind each dot.
_NAMES: Final = """WITH RECURSIVE tail(part) AS (
        SELECT {key} UNION ALL
        SELECT substr(part, CASE WHEN {find}(part, '@') > 0 THEN {find}(part, '@') ELSE {find}(part, '.') END + 1)
        FROM tail WHERE {find}(part, '.') > 0
    ) SELECT part FROM tail"""
# Only addresses have an @, so a value is enough to tell an address from a domain; the kind is there for the index.
_LISTED: Final = """EXISTS (
        SELECT 1 FROM lists_exclusion AS entry
        WHERE entry.workspace_id {scope} AND entry.kind IN ('address', 'domain') AND entry.value {among}
            AND (entry.expires_at IS NULL OR entry.expires_at > %(now)s)
    )"""
# Asked once for a statement: where there are no entries at all, nothing is looked up for a row.
_ANY: Final = "(SELECT EXISTS (SELECT 1 FROM lists_exclusion))"


def listed_sql(vendor: str, *, key: str, workspace: str) -> str:
    """Return a condition that is true for a row whose address is on the 除外リスト, with a parameter `now`.

    `key` and `workspace` are the row's columns: the address as it is compared, and the id of its workspace.
    """
    names = _NAMES.format(key=key, find="strpos" if vendor == "postgresql" else "instr")
    # An array is made once for a row, whatever the planner thinks of the recursion.
    among = f"= ANY(ARRAY({names}))" if vendor == "postgresql" else f"IN ({names})"
    own, everywhere = (_LISTED.format(scope=scope, among=among) for scope in (f"= {workspace}", "IS NULL"))
    return f"CASE WHEN {_ANY} THEN {own} OR {everywhere} ELSE {vendor_false(vendor)} END"


def vendor_false(vendor: str) -> str:
    """Return how a database writes what is not so."""
    return "FALSE" if vendor == "postgresql" else "0"


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
        return "(%s)" % " || '.' || ".join(parts), [*parameters] * self.labels

    def as_sqlite(
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
