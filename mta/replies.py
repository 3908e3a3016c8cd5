"""What a reply or a notice means: one ordered table, read from the top."""

import re

_STATUS = re.compile(r"(?<![0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")


def enhanced_status(text: str) -> str:
    """Return the enhanced status code that a reply's text begins with (RFC 2034), or an empty string."""
    match = _STATUS.match(text.lstrip())
    return match[1] if match else ""
