"""Names the state of the rules, so that a notice that was read under older ones can be read again."""

import hashlib
import re
from dataclasses import astuple
from enum import Enum
from types import ModuleType
from typing import Any, Final

from bounces import notice_phrases, webhook_events
from mta.reply_rules import RULES

# Whose tables decide how a notice is read.
TABLES: Final = (notice_phrases, webhook_events)
LENGTH: Final = 12


def digest_rules() -> str:
    """Return the first 12 hex digits of the SHA-256 of all tables of rules and phrases, the same in every process."""
    tables = [write_out(astuple(rule)) for rule in RULES]
    tables += [write_out(constants_of(module)) for module in TABLES]
    return hashlib.sha256("\n".join(tables).encode()).hexdigest()[:LENGTH]


def constants_of(module: ModuleType) -> dict[str, Any]:
    """Return the constants of a module."""
    return {name: value for name, value in vars(module).items() if name.isupper()}


def write_out(value: Any) -> str:
    """Return a table as text. What no table holds as data, as a function, stands there by its name only."""
    if isinstance(value, re.Pattern):
        return f"{value.pattern!r}/{value.flags}"
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, dict):
        return write_out(sorted((write_out(key), write_out(item)) for key, item in value.items()))
    if isinstance(value, set | frozenset):
        return write_out(sorted(write_out(item) for item in value))
    if isinstance(value, tuple | list):
        return "(" + ",".join(write_out(item) for item in value) + ")"
    if value is None or isinstance(value, str | bytes | int | float):
        return repr(value)
    return str(getattr(value, "__qualname__", type(value).__qualname__))


CURRENT: Final = digest_rules()
