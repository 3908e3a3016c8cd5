"""Stores returned mail as it came in, before anything is read in it."""

import hashlib
import re
import zlib

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import Workspace
from bounces.mime_reading import MAX_BYTES, MAX_HEADER_BYTES, normalise, read_part
from bounces.models import Door, NoticeUpload, RawNotice
from bounces.status_fields import find_addresses
from mta import return_path
from senders.return_domain import is_own_return_domain

# PostgreSQL stores no NUL, and an address holds no control character.
CONTROL = re.compile(r"[\x00-\x20\x7f]")

# What mail systems write of the envelope recipient when they put a mail into a mailbox; last whom it names itself.
ENVELOPE_HEADERS = (
    "x-original-to",
    "delivered-to",
    "envelope-to",
    "x-envelope-to",
    "x-delivered-to",
    "x-rcpt-to",
    "to",
)


def store_raw(
    content: bytes,
    *,
    envelope_to: str,
    door: Door,
    workspace: Workspace | None = None,
    upload: NoticeUpload | None = None,
    source: str = "",
    identity: bytes = b"",
) -> RawNotice:
    """Store a notice and return its row; the same notice for the same recipient stays one row.

    `content` is what came in, at most MAX_BYTES of it are kept; `envelope_to` the address of RCPT TO. `workspace`
    is given where the door belongs to one; `source` is the service of a webhook. `identity` names the event where
    the content does not: whatever comes under the same one is the same notice.
    """
    envelope_to = clean_recipient(envelope_to)
    # By workspace, so that nobody's upload stands in the way of what another workspace is sent.
    own = f"{workspace.pk if workspace else ''}\1{envelope_to.lower()}\0".encode()
    # IMAP gives CRLF, a file LF: the line ends and the last blank lines make no other notice.
    same = identity or content.replace(b"\r\n", b"\n").rstrip(b"\n")
    notice = RawNotice(
        digest=hashlib.sha256(own + same).hexdigest(),
        door=door,
        envelope_to=envelope_to,
        content=zlib.compress(content[:MAX_BYTES]),
        workspace=workspace,
        upload=upload,
        source=source,
    )
    try:
        # Hardly any notice comes twice, so nobody looks for it first.
        with transaction.atomic():
            notice.save(force_insert=True)
    except IntegrityError:
        return RawNotice.objects.get(digest=notice.digest)
    return notice


def clean_recipient(address: str) -> str:
    """Return an envelope recipient without brackets and characters that none holds."""
    return CONTROL.sub("", address.encode("utf-8", "replace").decode()).strip("<>")[:320]


def is_for_us(address: str) -> bool:
    """Say whether an envelope recipient is on RETURN_DOMAIN or a customer's own return domain, or signed by us.

    May ask the database, see `is_surely_for_us`.
    """
    return is_surely_for_us(address) or is_own_return_domain(domain_of(address))


def is_surely_for_us(address: str) -> bool:
    """Say whether an envelope recipient is for us, whatever the database says.

    A signed one is, on whatever domain: the customer may have given it up since the mail was sent.
    """
    own: str = settings.RETURN_DOMAIN
    return domain_of(address) == own.lower() or return_path.decode(address, secret=settings.SECRET_KEY) is not None


def domain_of(address: str) -> str:
    """Return the domain of an envelope recipient in lower case, empty where it is no address."""
    local, _at, domain = clean_recipient(address).rpartition("@")
    return domain.rstrip(".").lower() if local else ""


def envelope_of(content: bytes) -> str:
    """Return the envelope recipient of a mail that was kept in a mailbox or a file: the first address on our
    return domain in the headers that name it. "" where there is none.
    """
    headers = read_part(normalise(content[:MAX_HEADER_BYTES])).headers
    found = (address for name in ENVELOPE_HEADERS for address in find_addresses(headers.get(name, "")))
    return next((clean_recipient(address) for address in found if is_for_us(address)), "")
