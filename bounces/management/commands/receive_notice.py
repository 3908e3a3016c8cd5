"""`manage.py receive_notice`: takes one returned mail from a pipe, as Postfix's pipe(8) and local(8) give it."""

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

# Postfix's local(8) sets both; the first is the address before aliases.
RECIPIENT_VARIABLES = ("ORIGINAL_RECIPIENT", "RECIPIENT")
# What argparse exits with, which Postfix would take for a final failure without a name.
BAD_ARGUMENTS = 2


class Command(BaseCommand):
    help = "標準入力から返送されたエラーメールを1通受け取ります。終了コードはsysexits.hに従います。"
    # A pipe must answer quickly, and with the codes below.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the envelope recipient."""
        parser.add_argument(
            "--to",
            default="",
            help="エンベロープの宛先 (Postfix: ${original_recipient})。なければ環境変数 ORIGINAL_RECIPIENT、RECIPIENT",
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Run; wrong arguments end with EX_USAGE."""
        try:
            super().run_from_argv(argv)
        except SystemExit as ended:
            sys.exit(os.EX_USAGE if ended.code == BAD_ARGUMENTS else ended.code)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 0 when stored, 64 without a recipient, 65 for bad data, 67 for a foreign recipient, 75 later."""
        recipient = options["to"] or find_recipient()
        if not recipient:
            logger.error("receive_notice: no recipient; give --to ADDRESS or set %s", " or ".join(RECIPIENT_VARIABLES))
            sys.exit(os.EX_USAGE)
        try:
            sys.exit(receive(sys.stdin.buffer.read(MAX_BYTES + 1), recipient))
        except Exception:
            # Whatever else is wrong is wrong with us: the mail server keeps the mail and tries again.
            logger.exception("receive_notice failed")
            sys.exit(os.EX_TEMPFAIL)


def find_recipient() -> str:
    """Return the envelope recipient that the mail server tells in the environment, "" where it tells none."""
    return next((os.environ[name] for name in RECIPIENT_VARIABLES if os.environ.get(name)), "")


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
