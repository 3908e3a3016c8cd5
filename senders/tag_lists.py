"""Reads tag=value lists, the form of DKIM key records and their like (RFC 6376 section 3.2); pure."""

import re
from collections.abc import Mapping

TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


def parse_tags(text: str) -> dict[str, str] | None:
    """Return the tags with their stripped values, or None where the text is no tag list.

    Names count in the case in which they are written, and a tag that comes twice makes the whole list invalid (RFC 6376
    section 3.2).
    """
    tags: dict[str, str] = {}
    for part in text.strip().removesuffix(";").split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not TAG_NAME.fullmatch(name) or name in tags:
            return None
        tags[name] = value.strip()
    return tags


def read_words(tags: Mapping[str, str], name: str, default: str) -> list[str]:
    """Return the words of a tag, in lower case; colons stand between them, with or without space around."""
    return [word.strip().lower() for word in tags.get(name, default).split(":")]
