"""What runs on a single machine and how the parts find each other. Used by `manage.py up`."""

import http.client
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from hypermail.child import Child

PORTS_TRIED = 100
# Longer than a task should run: what is cut off is asked for again by the tick.
WORKER_SECONDS = 15.0
LMTP_PORT = 2424
SANDBOX_PORT = 2525
LOOPBACK = "127.0.0.1"
# A first try may well be made as root; the paragraph about it would hide what else is said.
ROOT_WARNING = "ignore:You're running the worker with superuser"
CELERY = (sys.executable, "-W", ROOT_WARNING, "-m", "celery", "-q", "-A", "hypermail")


class NoFreePortError(Exception):
    """Nobody may listen on any of the ports that were tried; the text says what to do."""


def choose_port(host: str, wanted: int) -> int:
    """Return the first port from `wanted` upwards that is free on `host`. Raises NoFreePortError."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        try:
            with socket.create_server((host, port)):
                return port
        except OSError:
            continue
    raise NoFreePortError(
        _("%(host)sのポート%(port)dも、それに続くポートも使えません。--hostと--portを確認してください。")
        % {"host": host, "port": wanted}
    )


def make_environment(given: Mapping[str, str], port: int, *, demo: bool, sandbox: bool) -> dict[str, str]:
    """Return the environment of all parts: what was given, and addresses where nothing was given.

    A demonstration always sends to its own sandbox, whatever was given, so its mail cannot leave the machine.
    """
    environment = dict(given)
    environment.setdefault("BASE_URL", f"http://localhost:{port}")
    for name, wanted in (("LMTP_LISTEN", LMTP_PORT), ("SANDBOX_LISTEN", SANDBOX_PORT)):
        if not environment.get(name):
            environment[name] = f"{LOOPBACK}:{choose_port(LOOPBACK, wanted)}"
    if sandbox:
        environment.setdefault("RELAY_URL", sandbox_url(environment))
    if demo:
        environment |= {"SANDBOX": "1", "REQUIRE_VERIFIED_SENDERS": "0", "RELAY_URL": sandbox_url(environment)}
    # Log lines are to be seen when they are written, not when a buffer is full.
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def sandbox_url(environment: Mapping[str, str]) -> str:
    """Return the route to the sandbox."""
    return f"smtp://{environment['SANDBOX_LISTEN']}"


def plan_children(
    base_dir: Path, environment: Mapping[str, str], *, bind: str, web_workers: int, sandbox: bool
) -> list[Child]:
    """Return the programs of one machine, not yet started."""
    child = partial(Child, environment=environment, directory=base_dir)
    worker = partial(child, stop_order=1, stop_seconds=WORKER_SECONDS)
    senders = str(settings.SEND_PROCESSES)
    children = [
        child("web", web_command(bind, web_workers), stop_order=2),
        worker("tick", worker_command("tick", "tick", "--pool", "solo")),
        # Apart, so that a long mailing never keeps returned mail, imports and the next start waiting.
        worker("worker", worker_command("worker", "work", "--pool", "prefork", "--concurrency", "1")),
        # A large import takes a minute, and returned mail does not wait for it.
        worker("importer", worker_command("importer", "lists", "--pool", "prefork", "--concurrency", "1")),
        worker("sender", worker_command("sender", "send", "--pool", "prefork", "--concurrency", senders)),
        child("beat", beat_command(), stop_order=0),
        child("lmtp", (sys.executable, "manage.py", "run_lmtp"), stop_order=2),
    ]
    if sandbox:
        children.append(child("sandbox", (sys.executable, "manage.py", "run_sandbox"), stop_order=2))
    return children


def web_command(bind: str, workers: int) -> Sequence[str]:
    """Return the command of the web server."""
    threads = ("--worker-class", "gthread", "--workers", str(workers), "--threads", "4")
    manner = ("--log-level", "warning", "--graceful-timeout", "5", "--no-control-socket")
    return (sys.executable, "-m", "gunicorn", "hypermail.wsgi:application", "--bind", bind, *threads, *manner)


def worker_command(name: str, queue: str, *pool: str) -> Sequence[str]:
    """Return the command of a worker that serves one queue."""
    # Nodes of one machine need no gossip; each of these costs broker traffic every second.
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    return (*CELERY, "worker", "-n", f"{name}@%h", "--queues", queue, *pool, *quiet)


def beat_command() -> Sequence[str]:
    """Return the command of the beat."""
    # Each second asks anew, so nothing of the schedule is worth keeping in a file.
    return (*CELERY, "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile=", "--loglevel", "WARNING")


def make_ready_check(host: str, port: int) -> Callable[[], bool]:
    """Return a question: does the web server answer? Any HTTP answer counts."""
    host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104

    def is_ready() -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=1)
        try:
            connection.request("GET", "/healthz", headers={"Host": "localhost"})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    return is_ready


def make_banner(environment: Mapping[str, str], account: Mapping[str, str]) -> str:
    """Return what to tell a person once everything runs; `account` has email and password if it is new."""
    url = environment["BASE_URL"]
    lines = ["", "=" * 64, _("Hypermailを起動しました。"), "", f"  {_('ブラウザーで開く')}:  {url}/"]
    if account:
        lines += [
            f"  {_('メールアドレス')}:    {account['email']}",
            f"  {_('パスワード')}:        {account['password']}",
            "  " + _("※ パスワードが表示されるのは今回だけです。控えておいてください。"),
        ]
    else:
        lines += [
            "  " + _("前回と同じアカウントでログインしてください。"),
            "  " + _("パスワードを忘れたときは: manage.py changepassword メールアドレス"),
        ]
    lines += ["", _("はじめに:")]
    lines += [
        f"  {number}. {step}"
        for number, step in enumerate(
            (
                _("「リスト」で新しいリストを作り、CSVをアップロードします(demo/ に見本があります)。"),
                _("「送信元」で差出人の名前とアドレスを登録します。"),
                _("「配信」でメールを書き、プレビューとテスト送信のあと配信します。"),
                _("「配信履歴」で結果と失敗した宛先を確認します。"),
            ),
            start=1,
        )
    ]
    if environment.get("RELAY_URL") == sandbox_url(environment):
        lines += ["", _("メールは外部に送られず、サンドボックスに届きます:") + f" {url}/sandbox/"]
    lines += ["", _("止めるにはCtrl-Cを押してください。"), "=" * 64, ""]
    return "\n".join(lines) + "\n"
