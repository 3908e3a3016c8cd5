"""The sandbox's SMTP server: accepts, refuses, greylists, and orders the mails that come back."""

import asyncio
import logging
import smtplib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from aiosmtpd.smtp import SMTP, Envelope, Session

from mta.sandbox.answers import BOUNCE_DOMAIN, DEFER_DOMAIN, REJECT_DOMAIN, domain_of, find_answer
from mta.sandbox.notices import build_notice
from mta.sandbox.reading import read_subject
from mta.sandbox.store import Notice, Store

logger = logging.getLogger(__name__)

SIZE_LIMIT = 32 * 1024 * 1024
# Real bounces come later than the acceptance; one second lets a person see both.
NOTICE_DELAY = 1.0
NOTICE_BATCH = 50
# Seconds between attempts to reach the LMTP door: 1, 2, 4 … 60, for about an hour.
LONGEST_WAIT = 60.0
MAX_ATTEMPTS = 65
LMTP_SECONDS = 10.0


class Sandbox:
    """Handler of aiosmtpd: one for all connections."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offer PIPELINING too: aiosmtpd reads command by command, so it works without being told."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer RCPT as the address asks for."""
        domain = domain_of(address)
        if domain == REJECT_DOMAIN:
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        if domain == DEFER_DOMAIN and self.store.is_new_pair(envelope.mail_from or "", address):
            return f"451 4.7.1 <{address}>: Greylisted, please try again later"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Store the message and order what comes back."""
        content = envelope.original_content or b""
        # aiosmtpd keeps the brackets of the null return path.
        mail_from, now = (envelope.mail_from or "").replace("<>", ""), self.clock()
        answers = {address: find_answer(address) for address in envelope.rcpt_tos}
        number = self.store.add(
            mail_from=mail_from,
            rcpt_to=envelope.rcpt_tos,
            subject=read_subject(content),
            answer=", ".join(answer.status or answer.action.value for answer in answers.values() if answer),
            content=content,
            now=now,
        )
        for address, answer in answers.items():
            # Mail without a return path is itself a notice and is never answered (RFC 5321 section 4.5.5).
            if answer and mail_from:
                notice = build_notice(
                    answer,
                    content,
                    return_path=mail_from,
                    address=address,
                    now=datetime.fromtimestamp(now, UTC),
                )
                self.store.add_notice(mail_from, notice, due_at=now + NOTICE_DELAY)
        return f"250 2.0.0 OK: stored as {number}"

    def make_protocol(self) -> SMTP:
        """Return the protocol of one connection."""
        return SMTP(
            self,
            hostname=f"sandbox.{BOUNCE_DOMAIN}",
            ident="Hypermail sandbox",
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
        )


async def serve(store: Store, listen: tuple[str, int], lmtp: tuple[str, int]) -> None:
    """Serve SMTP at `listen` and return notices to the LMTP door until cancelled. Raises OSError."""
    sandbox = Sandbox(store)
    server = await asyncio.get_running_loop().create_server(sandbox.make_protocol, *listen)
    async with server:
        logger.info("sandbox listens on %s:%d", *server.sockets[0].getsockname()[:2])
        while True:
            if not await return_due(store, lmtp, now=time.time()):
                await asyncio.sleep(0.2)


async def return_due(store: Store, lmtp: tuple[str, int], *, now: float) -> int:
    """Hand the due notices to the LMTP door; return how many there were."""
    notices = store.due_notices(NOTICE_BATCH, now=now)
    if not notices:
        return 0
    for notice, reply in zip(notices, await asyncio.to_thread(deliver, notices, lmtp), strict=True):
        code = int(reply[:3])
        if 200 <= code < 300:
            store.drop_notice(notice.id)
        elif code >= 500 or notice.attempts >= MAX_ATTEMPTS:
            logger.warning("notice to %s given up: %s", notice.return_path, reply)
            store.drop_notice(notice.id)
        else:
            store.postpone_notice(notice.id, due_at=now + min(2.0**notice.attempts, LONGEST_WAIT))
            if not notice.attempts:
                logger.warning("notice to %s will be retried: %s", notice.return_path, reply)
    return len(notices)


def deliver(notices: Sequence[Notice], lmtp: tuple[str, int]) -> list[str]:
    """Speak LMTP (RFC 2033) once for several notices; return the reply to each, 4xx where it was not reached."""
    replies: list[str] = []
    try:
        with smtplib.LMTP(*lmtp, local_hostname="localhost", timeout=LMTP_SECONDS) as door:
            for notice in notices:
                replies.append(deliver_one(door, notice))
    except (OSError, smtplib.SMTPException) as error:
        replies += [f"421 {error}"] * (len(notices) - len(replies))
    return replies


def deliver_one(door: smtplib.LMTP, notice: Notice) -> str:
    """Hand over one notice and return the door's reply."""
    try:
        door.sendmail("", [notice.return_path], notice.content)
    except smtplib.SMTPRecipientsRefused as refusal:
        code, text = refusal.recipients[notice.return_path]
        return f"{code} {text.decode(errors='replace')}"
    except smtplib.SMTPResponseException as refusal:
        return f"{refusal.smtp_code} {refusal.smtp_error!r}"
    return "250 OK"


def split_listen(value: str) -> tuple[str, int]:
    """Return host and port of "host:port". Raises ValueError."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)
