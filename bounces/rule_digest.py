"""Names the state of the rules, so that a notice that was read under older ones can be read again."""

import hashlib
import re
from types import ModuleType
from typing import Final

from bounces import notice_phrases, webhook_events
from mta.reply_rules import RULES

# Whose tables decide how a notice is read.
TABLES: Final = (notice_phrases, webhook_events)
LENGTH: Final = 12


def digest_rules() -> str:
    """Return the first 12 hex digits of the SHA-256 of all tables of rules and phrases."""
    lines = [repr(rule) for rule in RULES]
    lines += [f"{name}={words}" for module in TABLES for name, words in read_tables(module)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:LENGTH]


def read_tables(module: ModuleType) -> list[tuple[str, str]]:
    """Return the constants of a module as text, in the order of their names."""
    constants = ((name, value) for name, value in sorted(vars(module).items()) if name.isupper())
    return [(name, value.pattern if isinstance(value, re.Pattern) else repr(value)) for name, value in constants]


CURRENT: Final = digest_rules()
