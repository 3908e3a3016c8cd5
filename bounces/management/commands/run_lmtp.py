"""`manage.py run_lmtp`: receives returned mail from an MTA."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bounces.lmtp import serve


class Command(BaseCommand):
    help = "返送されたエラーメールをLMTPで受け取ります。"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the address to listen on."""
        parser.add_argument("--listen", default=settings.LMTP_LISTEN, help="host:port (LMTP_LISTEN)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Receive until SIGTERM or SIGINT."""
        host, _, port = options["listen"].rpartition(":")
        if not host or not port.isdigit():
            raise CommandError(f"LMTP_LISTEN は host:port の形で指定してください: {options['listen']}")
        try:
            asyncio.run(self.receive(host.strip("[]"), int(port)))
        except OSError as error:
            raise CommandError(f"LMTPの待ち受けを開始できません ({options['listen']}): {error}") from error

    async def receive(self, host: str, port: int) -> None:
        """Serve with the signals bound."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        ready: asyncio.Future[int] = loop.create_future()
        ready.add_done_callback(lambda bound: self.announce(host, bound.result()))
        await serve(host, port, stop=stop, ready=ready)

    def announce(self, host: str, port: int) -> None:
        """Say at once where the door is: into a pipe, a line would wait for a full buffer."""
        self.stdout.write(f"LMTP: {host}:{port}")
        self.stdout.flush()
