"""`manage.py up`: everything on one machine, from the first start to a clean stop."""

import fcntl
import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from hypermail.child import Child
from hypermail.first_run import make_keys
from hypermail.single_machine import (
    NoFreePortError,
    choose_port,
    make_banner,
    make_environment,
    make_ready_check,
    plan_children,
)
from hypermail.supervisor import Supervisor
from hypermail.valkey import ValkeyError, start_valkey


class Command(BaseCommand):
    help = "1台のマシンで全部を起動します(Web、ワーカー、Valkeyなど)。Ctrl-Cで止まります。"
    # The keys that the checks ask for are only made here.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --demo, --host, --port and --web-workers."""
        parser.add_argument("--demo", action="store_true", help="デモ用データとサンドボックスで試します。")
        parser.add_argument("--host", default="127.0.0.1", help="Webの待ち受けアドレス(既定: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="Webのポート番号(既定: 8000)")
        parser.add_argument("--web-workers", type=int, default=2, help="Webのプロセス数(既定: 2)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, watch and stop everything."""
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        with lock(settings.DATA_DIR / "up.lock"):
            try:
                self.run(**options)
            except (NoFreePortError, ValkeyError) as error:
                raise CommandError(str(error)) from error

    def run(self, *, demo: bool, host: str, port: int, web_workers: int, **options: Any) -> None:
        """Make what is missing, then keep everything running."""
        if keys := make_keys(settings.DATA_DIR, os.environ):
            self.stdout.write(_("暗号鍵を%(path)sに作りました。大切に保管してください。") % {"path": keys})
        free_port = choose_port(host, port)
        if free_port != port:
            self.stdout.write(
                _("ポート%(wanted)dは使用中のため、%(port)dを使います。") % {"wanted": port, "port": free_port}
            )
        sandbox = demo or settings.SANDBOX
        environment = make_environment(os.environ, free_port, demo=demo, sandbox=sandbox)
        brokers: list[Child] = []
        try:
            if not environment.get("REDIS_URL"):
                valkey = start_valkey(settings.DATA_DIR / "valkey")
                environment["REDIS_URL"] = valkey.url
                brokers.append(valkey.child)
            account = prepare(environment, demo=demo)
        except BaseException:
            for broker in brokers:
                broker.stop()
            raise
        children = plan_children(
            settings.BASE_DIR, environment, bind=f"{host}:{free_port}", web_workers=web_workers, sandbox=sandbox
        )
        Supervisor(
            [*brokers, *children],
            sys.stdout,
            is_ready=make_ready_check(host, free_port),
            announce=lambda: make_banner(environment, account),
        ).run()


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the data directory for one `up`; the kernel lets go of it when the process ends, however it ends."""
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise CommandError(
                _("このデータディレクトリ(%(path)s)では、すでにHypermailが動いています(プロセスID %(pid)s)。")
                % {"path": path.parent, "pid": file.read().strip()}
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def prepare(environment: Mapping[str, str], *, demo: bool) -> dict[str, str]:
    """Run `manage.py prepare` with the new settings; return the account it made, {} if there was one. Raises CommandError."""
    command = [sys.executable, "manage.py", "prepare", "--json", *(["--demo"] if demo else [])]
    # What the demonstration's imports log is no news to a person who waits for an address.
    quiet = {"LOG_LEVEL": "WARNING", **environment}
    done = subprocess.run(  # noqa: S603
        command, env=quiet, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise CommandError(_("準備に失敗しました。上のメッセージを確認してください。"))
    account: dict[str, str] = json.loads(done.stdout)
    return account
