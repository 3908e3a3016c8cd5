"""Numbers that come in from outside."""

from typing import Any, Final

# What is longer fits no id: PostgreSQL and SQLite keep 64 bits with a sign. Python refuses what is longer than 4,300.
DIGITS: Final = 18


def read_number(value: Any) -> int | None:
    """Return the whole number, from 0 up, that a field or an address names, None where it names none that an id can be."""
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS else None
