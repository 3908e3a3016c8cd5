"""Judges the rows of a file: what a row says by itself, and with what is known of its address."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from cleaning.facts import Facts
from cleaning.flaws import Flaw
from cleaning.typos import find_meant
from lists.address_hints import Hint
from lists.csv_reading import Row
from lists.exceptions import RowRefused
from lists.row_cleaning import Cleaner, Layout, compile_cleaner

# As plain numbers: a million rows are compared with them.
DISPOSABLE, CARRIER_DOTS = int(Hint.DISPOSABLE), int(Hint.CARRIER_DOTS)


@dataclass(slots=True)
class Judged:
    """A row with what speaks against it. `value` is what stands in the file, `key` its address as it is compared.

    `key` and `domain` are "" where there is no address.
    """

    line: int
    value: str
    key: str
    domain: str
    flaws: Facts
    has_carrier_dots: bool = False


@dataclass(slots=True)
class Judge:
    """Judges the rows of one file in their order; remembers the addresses it has seen."""

    address_column: int
    headers: list[str]
    clean: Cleaner = field(init=False)
    # The address as it is compared, in bytes since a million of them are kept → the line it stood on first.
    seen: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layout = Layout(self.address_column, names=[], attributes=[], headers=self.headers, keeps_blank=False)
        self.clean = compile_cleaner(layout)

    def read(self, row: Row) -> Judged:
        """Judge a row by itself and against those before it."""
        value = value_of(row.cells, self.address_column)
        try:
            line, address, key, _name, _attributes, flags = self.clean(row)
        except RowRefused as refusal:
            return Judged(row.line, value, "", "", {Flaw.FORMAT: refusal.sentence})
        domain = key.rpartition("@")[2]
        flaws: Facts = {}
        if (first := self.seen.setdefault(key.encode(), line)) != line:
            flaws[Flaw.DUPLICATE] = _("%d行目と同じ") % first
        if flags & DISPOSABLE:
            flaws[Flaw.DISPOSABLE] = domain
        if meant := find_meant(domain):
            flaws[Flaw.TYPO] = f"{address.rpartition('@')[0]}@{meant}"
        return Judged(line, value, key, domain, flaws, bool(flags & CARRIER_DOTS))


def value_of(cells: Sequence[str], column: int) -> str:
    """Return what stands in a row where the address should be; the whole row where it has no such cell."""
    return cells[column].strip() if column < len(cells) else ",".join(cells)


def add_facts(judged: Collection[Judged], facts: Mapping[str, Facts]) -> None:
    """Add what is known of the addresses to what was found in the rows."""
    for row in judged:
        row.flaws.update(facts.get(row.key, {}))
