"""Constants that are written into the SQL instead of being handed over beside it."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Value
from django.db.models.sql.compiler import SQLCompiler


class Literal(Value):
    """A state's name in the SQL itself.

    SQLite takes a partial index whole only where the query names the same constant as the index: a parameter could
    be anything, so each row would be fetched and looked at. Only for constants of the code, never for what was typed.
    """

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:  # type: ignore[override]
        """Return the constant in quotes. Raises ValueError where it is no plain word."""
        if not str(self.value).isidentifier():
            raise ValueError(f"{self.value!r} is no constant")
        return f"'{self.value}'", []
