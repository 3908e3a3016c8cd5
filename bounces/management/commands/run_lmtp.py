"""`manage.py run_lmtp`: receives returned mail from an MTA, by LMTP and, where asked for, by SMTP."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bounces.lmtp import Listener, serve
from bounces.models import Door


class Command(BaseCommand):
    help = "返送されたエラーメールをLMTPで受け取ります。BOUNCE_SMTP_LISTENがあれば、SMTPでも受け取ります。"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the addresses to listen on."""
        parser.add_argument("--listen", default=settings.LMTP_LISTEN, help="host:port (LMTP_LISTEN)")
        parser.add_argument("--smtp", default=settings.BOUNCE_SMTP_LISTEN, help="host:port (BOUNCE_SMTP_LISTEN)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Receive until SIGTERM or SIGINT."""
        listeners = [read_address(Door.LMTP, "LMTP_LISTEN", options["listen"])]
        if options["smtp"]:
            listeners.append(read_address(Door.SMTP, "BOUNCE_SMTP_LISTEN", options["smtp"]))
        try:
            asyncio.run(self.receive(listeners))
        except OSError as error:
            places = "、".join(f"{listener.door.label} {listener.host}:{listener.port}" for listener in listeners)
            raise CommandError(f"エラーメールの待ち受けを開始できません ({places}): {error}") from error

    async def receive(self, listeners: list[Listener]) -> None:
        """Serve with the signals bound."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        ready: asyncio.Future[list[int]] = loop.create_future()
        ready.add_done_callback(lambda bound: self.announce(listeners, bound.result()))
        await serve(listeners, stop=stop, ready=ready)

    def announce(self, listeners: list[Listener], ports: list[int]) -> None:
        """Say at once where the doors are: into a pipe, a line would wait for a full buffer."""
        for listener, port in zip(listeners, ports, strict=True):
            self.stdout.write(f"{listener.door.label}: {listener.host}:{port}")
        self.stdout.flush()


def read_address(door: Door, setting: str, given: str) -> Listener:
    """Read host:port; raises CommandError that names the setting."""
    host, _, port = given.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise CommandError(f"{setting} は host:port の形で指定してください: {given}")
    return Listener(door, host.strip("[]"), int(port))
