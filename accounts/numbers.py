"""Numbers that come in from outside."""

from typing import Any, Final

# What is longer fits no id: PostgreSQL and SQLite keep 64 bits with a sign. Python refuses what is longer than 4,300.
DIGITS: Final = 18
# The same of columns with 32 bits.
FEW: Final = 9


def read_number(value: Any, digits: int = DIGITS) -> int | None:
    """Return the whole number, from 0 up and of so many digits at most, that a field or an address names; None for none."""
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
