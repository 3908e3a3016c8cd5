"""Writes what a receiver notes about a mail's authentication: the Authentication-Results field (RFC 8601 section 2.2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# A value that needs no quotation marks: a token of RFC 2045 section 5.1. An address may stand there as it is.
TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+(?:@[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+)?")
# Neither a quoted-string nor a comment may hold them.
FORBIDDEN = re.compile(r"[^\x20-\x7e]|[\\\"()]")


@dataclass(frozen=True, slots=True)
class AuthResult:
    """What one method came to.

    `result` is a word of RFC 8601 section 2.7, `properties` what was looked at ("smtp.mailfrom", "bounce.example"),
    `comment` stands in brackets behind the result.
    """

    result: str
    properties: tuple[tuple[str, str], ...] = ()
    comment: str = ""


def authentication_results(
    authserv_id: str,
    *,
    spf: AuthResult | None = None,
    dkim: Sequence[AuthResult] = (),
    dmarc: AuthResult | None = None,
    iprev: AuthResult | None = None,
) -> str:
    """Return the header field, folded with CRLF and without a last one; a method that is None was not looked at.

    What a field may not hold is left out of values and comments.
    """
    methods = [("iprev", iprev), ("spf", spf), *(("dkim", one) for one in dkim), ("dmarc", dmarc)]
    parts = [write_result(method, result) for method, result in methods if result is not None]
    return f"Authentication-Results: {authserv_id};" + (";".join(parts) if parts else " none")


def write_result(method: str, result: AuthResult) -> str:
    """Return one method with its result, on lines of its own."""
    comment = f" ({FORBIDDEN.sub('', result.comment)})" if result.comment else ""
    properties = [f"\r\n  {name}={write_value(value)}" for name, value in result.properties]
    return "".join([f"\r\n {method}={result.result}{comment}", *properties])


def write_value(value: str) -> str:
    """Return a value as it may stand in the field, in quotation marks where it needs them, as an IPv6 address does."""
    value = FORBIDDEN.sub("", value)
    return value if TOKEN.fullmatch(value) else f'"{value}"'
