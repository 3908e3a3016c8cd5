"""`manage.py run_sandbox`: the sandbox's mail server."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from mta.sandbox.server import serve, split_listen
from mta.sandbox.store import Store


class Command(BaseCommand):
    help = "サンドボックスのメールサーバーを起動します(実際には配送せず、画面で確認できます)。"

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or Ctrl-C."""
        with Store.open() as store:
            try:
                asyncio.run(serve_until_stopped(store))
            except OSError as error:
                raise CommandError(
                    _("%(address)s で待ち受けできません(%(error)s)。SANDBOX_LISTENを変更してください。")
                    % {"address": settings.SANDBOX_LISTEN, "error": error}
                ) from error


async def serve_until_stopped(store: Store) -> None:
    """Serve until a signal asks to stop."""
    loop = asyncio.get_running_loop()
    serving = asyncio.ensure_future(
        serve(store, split_listen(settings.SANDBOX_LISTEN), split_listen(settings.LMTP_LISTEN))
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return
