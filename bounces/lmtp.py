"""The doors for mail servers: LMTP (RFC 2033) and SMTP (RFC 5321) take returned mail of our own domain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import AnyStr

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import DatabaseError, close_old_connections, connections, transaction

from bounces.intake import is_for_us, is_surely_for_us, store_raw
from bounces.mime_reading import MAX_BYTES
from bounces.models import Door

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 120
# Each may hold a whole mail in memory.
MAX_CONNECTIONS = 50
# RFC 5321 section 4.5.3.1.8 asks for at least so many. LMTP owes one reply a recipient after the data; with one
# recipient every reply is unmistakable, and a notice has no second one.
MAX_RECIPIENTS = {Door.LMTP: 1, Door.SMTP: 100}
# Long lines are common in notices; the limit of aiosmtpd, 1001 octets, would refuse them for good.
MAX_LINE_BYTES = 1024 * 1024
# For the turns of the loop in which answers are written and protocols end.
GRACE_SECONDS = 0.1
AWAY = "451 4.3.0 The message could not be stored, please try again later"
FULL = b"421 4.3.2 Too many connections, please try again later\r\n"
TOO_LARGE = f"552 5.3.4 The message is larger than {MAX_BYTES} bytes"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where one of the doors is opened."""

    door: Door
    host: str
    port: int


class Connection(SMTP):
    """One connection. The server knows of all of them, so that they are counted, and closed with it."""

    door = Door.SMTP
    line_length_limit = MAX_LINE_BYTES

    def __init__(self, handler: NoticeHandler, transports: set[asyncio.BaseTransport]) -> None:
        super().__init__(
            handler,
            data_size_limit=MAX_BYTES,
            timeout=TIMEOUT_SECONDS,
            loop=asyncio.get_running_loop(),
            hostname="hypermail",
            ident=str(self.door.label),
        )
        self.transports = transports
        self.own: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection; one too many is asked to come again."""
        if len(self.transports) >= MAX_CONNECTIONS and isinstance(transport, asyncio.WriteTransport):
            transport.write(FULL)
            transport.close()
            return
        self.own = transport
        self.transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        if self.own is None:
            return
        self.transports.discard(self.own)
        super().connection_lost(error)

    async def push(self, status: AnyStr) -> None:
        """Answer; aiosmtpd refuses a mail that is too large without an enhanced status code (RFC 3463)."""
        if isinstance(status, str) and status.startswith("552 "):
            await super().push(TOO_LARGE)
        else:
            await super().push(status)


class LmtpConnection(Connection, LMTP):
    """One connection that speaks LMTP."""

    door = Door.LMTP


PROTOCOLS = {Door.LMTP: LmtpConnection, Door.SMTP: Connection}


class NoticeHandler:
    """Answers for the doors. The rows are stored before the message is accepted."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool

    async def handle_RCPT(
        self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take recipients of our return domains only."""
        loop = asyncio.get_running_loop()
        try:
            is_ours = is_surely_for_us(address) or await loop.run_in_executor(self.pool, ask_in_thread, address)
        except DatabaseError as error:
            logger.warning("a recipient could not be looked up: %s", error)
            return AWAY
        if not is_ours:
            return "550 5.1.2 This door takes returned mail of its own domain only"
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS[server.door]:
            return "452 4.5.3 Too many recipients at a time, please send the rest separately"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Connection, session: Session, envelope: Envelope) -> str:
        """Store the message, then accept it."""
        sender = (envelope.mail_from or "").strip("<>").encode("utf-8", "replace")
        # Final delivery writes the reverse path on top (RFC 5321 section 4.4); "<>" marks a notice.
        content = b"Return-Path: <" + sender + b">\r\n" + bytes(envelope.original_content or b"")
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self.pool, store_in_thread, content, list(envelope.rcpt_tos), server.door)
        except DatabaseError as error:
            logger.warning("a notice could not be stored: %s", error)
            return AWAY
        return "250 2.0.0 Stored"

    async def handle_exception(self, error: Exception) -> str:
        """Answer a bug by a temporary failure, so that the notice comes again."""
        logger.error("a door failed", exc_info=error)
        return AWAY


def ask_in_thread(address: str) -> bool:
    """Say whether a recipient is for us, on this thread's own database connection."""
    close_old_connections()
    try:
        return is_for_us(address)
    finally:
        close_old_connections()


def store_in_thread(content: bytes, recipients: Sequence[str], door: Door) -> None:
    """Store a notice for each recipient, all or none, on this thread's own database connection.

    A dead connection is closed before and after.
    """
    close_old_connections()
    try:
        with transaction.atomic():
            for recipient in recipients:
                store_raw(content, envelope_to=recipient, door=door)
    finally:
        close_old_connections()


async def serve(
    listeners: Sequence[Listener], *, stop: asyncio.Event, ready: asyncio.Future[list[int]] | None = None
) -> None:
    """Receive until `stop` is set; what is being stored then is finished and answered.

    `ready` is given the ports that were bound. Raises OSError when an address cannot be bound.
    """
    transports: set[asyncio.BaseTransport] = set()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="notice-store") as pool:
        handler = NoticeHandler(pool)
        async with AsyncExitStack() as stack:
            ports = []
            for listener in listeners:
                protocol = PROTOCOLS[listener.door]
                server = await loop.create_server(
                    lambda protocol=protocol: protocol(handler, transports),  # type: ignore[misc]
                    listener.host,
                    listener.port,
                )
                stack.callback(server.close)
                ports.append(server.sockets[0].getsockname()[1])
            if ready is not None:
                ready.set_result(ports)
            await stop.wait()
        # What is at hand is stored first: the pool has one thread and works in order.
        await loop.run_in_executor(pool, connections.close_all)
        await asyncio.sleep(GRACE_SECONDS)
        for transport in list(transports):
            transport.close()
        await asyncio.sleep(GRACE_SECONDS)
