"""The LMTP door (RFC 2033): an MTA hands over returned mail, one recipient at a time."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session
from django.db import DatabaseError, close_old_connections, connections

from bounces.intake import is_for_us, store_raw
from bounces.mime_reading import MAX_BYTES
from bounces.models import Door

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 120
# Long lines are common in notices; the limit of aiosmtpd, 1001 octets, would refuse them for good.
MAX_LINE_BYTES = 1024 * 1024
# For the turns of the loop in which answers are written and protocols end.
GRACE_SECONDS = 0.1
AWAY = "451 4.3.0 The message could not be stored, please try again later"


class Receiver(LMTP):
    """One connection. The server knows of all of them, so that they are closed with it."""

    line_length_limit = MAX_LINE_BYTES

    def __init__(self, handler: NoticeHandler, transports: set[asyncio.BaseTransport]) -> None:
        super().__init__(
            handler,
            data_size_limit=MAX_BYTES,
            timeout=TIMEOUT_SECONDS,
            loop=asyncio.get_running_loop(),
            hostname="hypermail",
            ident="LMTP",
        )
        self.transports = transports
        self.own: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        self.own = transport
        self.transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        if self.own is not None:
            self.transports.discard(self.own)
        super().connection_lost(error)


class NoticeHandler:
    """Answers for the door. The row is stored before the message is accepted."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool

    async def handle_RCPT(
        self, server: LMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take one recipient of our return domain.

        LMTP owes one reply a recipient after the data; with one recipient every reply is unmistakable, and a
        notice has no second one.
        """
        if not is_for_us(address):
            return "550 5.1.2 This door takes returned mail of its own domain only"
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time, please"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: LMTP, session: Session, envelope: Envelope) -> str:
        """Store the message, then accept it."""
        sender = (envelope.mail_from or "").strip("<>").encode("utf-8", "replace")
        # Final delivery writes the reverse path on top (RFC 5321 section 4.4); "<>" marks a notice.
        content = b"Return-Path: <" + sender + b">\r\n" + bytes(envelope.original_content or b"")
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self.pool, store_in_thread, content, envelope.rcpt_tos[0])
        except DatabaseError as error:
            logger.warning("a notice could not be stored: %s", error)
            return AWAY
        return "250 2.0.0 Stored"

    async def handle_exception(self, error: Exception) -> str:
        """Answer a bug by a temporary failure, so that the notice comes again."""
        logger.error("LMTP", exc_info=error)
        return AWAY


def store_in_thread(content: bytes, recipient: str) -> None:
    """Store a notice on this thread's own database connection; a dead one is closed before and after."""
    close_old_connections()
    try:
        store_raw(content, envelope_to=recipient, door=Door.LMTP)
    finally:
        close_old_connections()


async def serve(host: str, port: int, *, stop: asyncio.Event, ready: asyncio.Future[int] | None = None) -> None:
    """Receive until `stop` is set; what is being stored then is finished and answered.

    `ready` is given the port that was bound. Raises OSError when the address cannot be bound.
    """
    transports: set[asyncio.BaseTransport] = set()
    with ThreadPoolExecutor(1, thread_name_prefix="lmtp-store") as pool:
        handler = NoticeHandler(pool)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Receiver(handler, transports), host, port)
        if ready is not None:
            ready.set_result(server.sockets[0].getsockname()[1])
        await stop.wait()
        server.close()
        # What is at hand is stored first: the pool has one thread and works in order.
        await loop.run_in_executor(pool, connections.close_all)
        await asyncio.sleep(GRACE_SECONDS)
        for transport in list(transports):
            transport.close()
        await asyncio.sleep(GRACE_SECONDS)
