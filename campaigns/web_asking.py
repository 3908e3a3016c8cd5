"""Asks a web server whether an address is there, and reads no more than the head of its answer.

http.client is not used: it waits for each read anew, so that a server which sends a byte now and then meets every time
limit, and it takes up to six megabytes of headers.
"""

from __future__ import annotations

import errno
import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from django.utils.encoding import iri_to_uri

from campaigns.public_hosts import (
    WEB_PORTS,
    Address,
    MayAsk,
    NameUnknown,
    NotPublic,
    find_addresses,
    is_public,
    name_in_dns,
)
from senders.dns import Resolver

# Seconds for one request with its connection.
REQUEST_SECONDS: Final = 3.0
REDIRECTS: Final = 3
# Bytes of the head of an answer; servers send a few thousand.
HEAD_BYTES: Final = 32 * 1024
# A body is never read; where one must be asked for, no more than this is.
RANGE: Final = "bytes=0-1023"
MOVED: Final = frozenset({301, 302, 303, 307, 308})
# Answers to us that say nothing of what a browser would get: a login, a wall against programs, too many questions.
UNTOLD: Final = frozenset({401, 403, 406, 407, 429, 451, 503, 999})
# The part of an empty file that does not exist (RFC 9110 section 15.5.17).
EMPTY: Final = 416
# Errors of a connection that our own network has.
OWN_NET: Final = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE})
STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: |\r?\n)")
BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
AGENT: Final = "Hypermail-LinkCheck/1.0"


class Verdict(StrEnum):
    """What came of asking for one address."""

    THERE = "there"
    # The server says that there is nothing, or that it is out of order; the status tells.
    STATUS = "status"
    NO_HOST = "no_host"
    REFUSED = "refused"
    TLS = "tls"
    SLOW = "slow"
    GARBLED = "garbled"
    # These say nothing of the address itself.
    UNTOLD = "untold"
    PORT = "port"
    FAR = "far"
    NO_DNS = "no_dns"
    NO_NET = "no_net"
    LATE = "late"


# What a person should look at.
BROKEN: Final = frozenset(
    {Verdict.STATUS, Verdict.NO_HOST, Verdict.REFUSED, Verdict.TLS, Verdict.SLOW, Verdict.GARBLED}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was found; `status` is that of HTTP or 0, `size` the bytes of what is there, None where nobody said."""

    verdict: Verdict
    status: int = 0
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """How addresses are asked for. `until` is when all must be over, by `clock` in seconds.

    The hosts `own` are never asked, nor followed to: pages of ours know by the address who comes.
    """

    resolver: Resolver
    until: float
    own: frozenset[str] = frozenset()
    may_ask: MayAsk = is_public
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    request_seconds: float = REQUEST_SECONDS
    clock: Callable[[], float] = time.monotonic


class _Stop(Exception):
    def __init__(self, verdict: Verdict, status: int = 0) -> None:
        super().__init__(verdict)
        self.asked = Asked(verdict, status)


def ask(asker: Asker, url: str) -> Asked:
    """Return what is at an http(s) address, along its redirects; raises nothing, whatever the server does."""
    try:
        for _step in range(REDIRECTS + 1):
            parts = split(url)
            if parts.hostname in asker.own:
                return Asked(Verdict.THERE)
            status, headers = ask_once(asker, parts)
            if status not in MOVED or not headers.get("Location"):
                return judge(status, headers)
            url = follow(url, headers["Location"])
    except _Stop as stop:
        return stop.asked
    return Asked(Verdict.FAR)


def ask_header(asker: Asker, url: str, name: str) -> tuple[Asked, str]:
    """Return what is at an address itself, not where it leads on to, and a header of the answer, "" where it has none."""
    try:
        status, headers = ask_once(asker, split(url))
    except _Stop as stop:
        return stop.asked, ""
    return judge(status, headers), str(headers.get(name, ""))


def judge(status: int, headers: Message) -> Asked:
    """Return what the last answer means."""
    if status in UNTOLD:
        return Asked(Verdict.UNTOLD, status)
    if status >= 400 and status != EMPTY:
        return Asked(Verdict.STATUS, status)
    return Asked(Verdict.THERE, status, size_of(headers))


def size_of(headers: Message) -> int | None:
    """Return the bytes of the whole, also where only its beginning was asked for."""
    told = str(headers.get("Content-Range", "")).rpartition("/")[2] or str(headers.get("Content-Length", ""))
    return int(told) if told.isascii() and told.isdigit() and len(told) < 16 else None


def follow(url: str, location: str) -> str:
    """Return where a redirect leads; servers write letters beyond ASCII as UTF-8."""
    try:
        return urljoin(url, location.encode("latin-1", "replace").decode("utf-8", "replace").strip())
    except ValueError as error:
        raise _Stop(Verdict.GARBLED) from error


def split(url: str) -> SplitResult:
    """Return the parts of an address; stops where a browser would not go on, or another program would."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _Stop(Verdict.NO_HOST) from error
    if parts.scheme not in ("http", "https"):
        raise _Stop(Verdict.UNTOLD)
    if not parts.hostname:
        raise _Stop(Verdict.NO_HOST)
    return parts


def ask_once(asker: Asker, parts: SplitResult) -> tuple[int, Message]:
    """Return status and headers of the head alone, or of the beginning of the whole where the server wants that."""
    try:
        status, headers = exchange(asker, parts, "HEAD")
    except _Stop as stop:
        if stop.asked.verdict is not Verdict.GARBLED:
            raise
        status = 0
    if status and (status < 400 or status == 429):
        return status, headers
    return exchange(asker, parts, "GET")


def exchange(asker: Asker, parts: SplitResult, method: str) -> tuple[int, Message]:
    """Make one request on a connection of its own."""
    if asker.clock() >= asker.until:
        raise _Stop(Verdict.LATE)
    end = min(asker.clock() + asker.request_seconds, asker.until)
    is_last = end == asker.until
    try:
        with connect(asker, parts, end) as connection:
            connection.settimeout(left(asker, end))
            connection.sendall(request(parts, method))
            return read_head(lambda: receive(asker, connection, end))
    except ssl.SSLCertVerificationError as error:
        raise _Stop(Verdict.TLS) from error
    except TimeoutError as error:
        raise _Stop(Verdict.LATE if is_last else Verdict.SLOW) from error
    except ConnectionResetError as error:
        # Some servers hang up where they do not know HEAD.
        raise _Stop(Verdict.GARBLED) from error
    except ssl.SSLError as error:
        raise _Stop(Verdict.TLS) from error
    except OSError as error:
        raise _Stop(Verdict.NO_NET if error.errno in OWN_NET else Verdict.REFUSED) from error


def connect(asker: Asker, parts: SplitResult, end: float) -> socket.socket:
    """Return a connection to the host of an address, within TLS for https; raises OSError and _Stop."""
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    connection = open_any(asker, lookup(asker, host, port), port, end)
    if parts.scheme == "http":
        return connection
    try:
        connection.settimeout(left(asker, end))
        # The name that was asked for is the one that the certificate must have.
        return asker.context.wrap_socket(connection, server_hostname=ascii_host(host))
    except BaseException:
        connection.close()
        raise


def lookup(asker: Asker, host: str, port: int) -> list[Address]:
    """Return the addresses that may be asked; stops where there are none."""
    try:
        return find_addresses(host, port, asker.resolver, asker.may_ask)
    except NotPublic as error:
        raise _Stop(Verdict.NO_HOST if port in WEB_PORTS else Verdict.PORT) from error
    except NameUnknown as error:
        raise _Stop(Verdict.NO_DNS) from error


def open_any(asker: Asker, addresses: list[Address], port: int, end: float) -> socket.socket:
    """Return a connection to the first address that takes one; raises OSError of the last that did not."""
    for address in addresses[:-1]:
        try:
            return socket.create_connection((str(address), port), left(asker, end) / len(addresses))
        except OSError:
            continue
    return socket.create_connection((str(addresses[-1]), port), left(asker, end))


def ascii_host(host: str) -> str:
    """Return a host that was looked up as requests and certificates name it."""
    return host.removesuffix(".") if host.isascii() else name_in_dns(host)


def left(asker: Asker, end: float) -> float:
    """Return the seconds that are left; raises TimeoutError where there are none."""
    seconds = end - asker.clock()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def receive(asker: Asker, connection: socket.socket, end: float) -> bytes:
    """Return what came next within the time that is left."""
    connection.settimeout(left(asker, end))
    return connection.recv(8192)


def read_head(more: Callable[[], bytes]) -> tuple[int, Message]:
    """Return status and headers of an answer that `more` gives piece by piece; interim ones (RFC 9110 section 15.2) are skipped."""
    data = b""
    while len(data) <= HEAD_BYTES:
        if end := BLANK_LINE.search(data):
            status = STATUS.match(data)
            if status is None:
                break
            if int(status[1]) >= 200:
                return int(status[1]), parse_headers(data[status.end() - 1 : end.end()])
            data = data[end.end() :]
            continue
        piece = more()
        if not piece:
            break
        data += piece
    raise _Stop(Verdict.GARBLED)


def parse_headers(head: bytes) -> Message:
    """Return the headers behind a status line."""
    try:
        return http.client.parse_headers(io.BytesIO(head.partition(b"\n")[2]))
    except http.client.HTTPException as error:
        raise _Stop(Verdict.GARBLED) from error


def request(parts: SplitResult, method: str) -> bytes:
    """Return the bytes of a request: nothing of ours in it but that it is a check. User and password are left out."""
    target = iri_to_uri(parts.path or "/") + (f"?{iri_to_uri(parts.query)}" if parts.query else "")
    host = ascii_host(str(parts.hostname))
    host = f"[{host}]" if ":" in host else host
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {host}:{parts.port}" if parts.port else f"Host: {host}",
        f"User-Agent: {AGENT}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if method == "GET":
        lines.append(f"Range: {RANGE}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
