"""Has a draft judged by a SpamAssassin of the installation, over the protocol of spamd.

https://svn.apache.org/repos/asf/spamassassin/trunk/spamd/PROTOCOL
"""

from __future__ import annotations

import re
import socket
import time
from typing import Any, Final

SECONDS: Final = 8.0
# An answer is a few lines; more is none.
ANSWER_BYTES: Final = 64 * 1024
MOST_RULES: Final = 100
ANSWER: Final = re.compile(
    rb"SPAMD/[0-9.]+ 0 [^\r\n]*\r\n(?:[^\r\n]+\r\n)*?Spam: *(?:True|False|Yes|No) *; *(-?[0-9.]+) */ *-?[0-9.]+ *\r\n"
    rb"(?:[^\r\n]+\r\n)*\r\n([A-Z0-9_,\s]*)\Z",
    re.IGNORECASE,
)


def ask_spamd(address: str, mail: bytes, *, seconds: float = SECONDS) -> dict[str, Any]:
    """Return `score` and the `rules` that hit, by the spamd at "host:port"; nothing where it cannot be asked."""
    host, _colon, port = address.rpartition(":")
    if not mail or not port.isdigit():
        return {}
    try:
        found = ANSWER.match(exchange((host.strip("[]"), int(port)), mail, time.monotonic() + seconds))
        return {"score": float(found[1]), "rules": rules_in(found[2])} if found else {}
    except (OSError, ValueError):
        return {}


def exchange(server: tuple[str, int], mail: bytes, end: float) -> bytes:
    """Return what a spamd answers until `end` (of the monotonic clock); raises OSError."""
    head = f"SYMBOLS SPAMC/1.5\r\nContent-length: {len(mail)}\r\n\r\n"
    with socket.create_connection(server, max(0.1, end - time.monotonic())) as connection:
        connection.sendall(head.encode() + mail)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while len(answer) <= ANSWER_BYTES:
            connection.settimeout(max(0.001, end - time.monotonic()))
            piece = connection.recv(8192)
            if not piece:
                return answer
            answer += piece
    raise OSError("too long an answer")


def rules_in(text: bytes) -> list[str]:
    """Return the names of the rules in an answer."""
    return [name for name in text.decode("ascii").replace(",", " ").split() if len(name) <= 80][:MOST_RULES]
