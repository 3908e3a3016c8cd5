"""Reads tag=value lists, the form of DKIM and DMARC records (RFC 6376 section 3.2); pure."""

import re

TAG_NAME = re.compile(r"[a-z][a-z0-9_]*", re.IGNORECASE)


def parse_tags(text: str) -> dict[str, str] | None:
    """Return the tags with lower-case names and stripped values, or None where the text is no tag list.

    A tag that comes twice makes the whole list invalid (RFC 6376 section 3.2).
    """
    tags: dict[str, str] = {}
    for part in text.strip().removesuffix(";").split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not TAG_NAME.fullmatch(name) or name.lower() in tags:
            return None
        tags[name.lower()] = value.strip()
    return tags
