"""Conditions for the beginning of a text that an index serves on both databases."""

from django.db import connection
from django.db.models import Q

# Above every character that a text can hold.
LAST = chr(0x10FFFF)


def starts_with(field: str, text: str) -> Q:
    """Return the condition that the field begins with the text, letter by letter; "" is the beginning of all.

    PostgreSQL serves LIKE by an index of its own (text_pattern_ops), whatever the collation; SQLite's LIKE ignores
    case and so never takes an index, but a range of bytes does.
    """
    if not text:
        return Q()
    if connection.vendor == "postgresql":
        return Q(**{f"{field}__startswith": text})
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + LAST})
