"""`manage.py receive_notice --to ADDRESS`: takes one returned mail from a pipe, as Postfix's pipe(8) gives it."""

import logging
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from bounces.intake import is_for_us, store_raw
from bounces.mime_reading import MAX_BYTES
from bounces.models import Door

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "標準入力から返送されたエラーメールを1通受け取ります。終了コードはsysexits.hに従います。"
    # A pipe must answer quickly, and with the codes below.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the envelope recipient."""
        parser.add_argument("--to", required=True, help="封筒の宛先 (Postfix: ${original_recipient})")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 0 when stored, 75 when the database is away, 65 for bad data, 67 for a foreign recipient."""
        sys.exit(receive(sys.stdin.buffer.read(MAX_BYTES + 1), options["to"]))


def receive(content: bytes, recipient: str) -> int:
    """Store one mail and return the exit code (sysexits.h)."""
    if not is_for_us(recipient):
        logger.error("receive_notice: %s is not on the return domain", recipient)
        return os.EX_NOUSER
    if not content.strip() or len(content) > MAX_BYTES:
        logger.error("receive_notice: %d bytes are no mail that is taken", len(content))
        return os.EX_DATAERR
    try:
        store_raw(content, envelope_to=recipient, door=Door.PIPE)
    except DatabaseError as error:
        logger.error("receive_notice: %s", error)
        return os.EX_TEMPFAIL
    return os.EX_OK
