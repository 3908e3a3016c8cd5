"""Throw-away installations for the benchmarks: their settings, and a database of each kind that keeps its promises."""

import contextlib
import itertools
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from hypermail.child import Child  # noqa: E402
from hypermail.valkey import start_valkey  # noqa: E402
from tests.postgres import find_binaries, run_server  # noqa: E402

_numbers = itertools.count(1)

# PostgreSQL's own settings: commits are durable. More memory than its defaults, as every installation gives it.
DURABLE = ("listen_addresses=", "shared_buffers=512MB", "maintenance_work_mem=512MB", "max_wal_size=4GB")


@contextmanager
def scratch_database(kind: str) -> Iterator[dict[str, str]]:
    """Yield the environment of an installation on an empty database ("sqlite" or "postgresql"), and drop it after.

    Raises RuntimeError where PostgreSQL's programs are not installed.
    """
    with tempfile.TemporaryDirectory(prefix="hypermail-bench-") as folder:
        if kind == "sqlite":
            yield settings_for(folder, f"sqlite:///{folder}/bench.sqlite3")
            return
        binaries = find_binaries()
        if binaries is None:
            raise RuntimeError("PostgreSQL's programs were not found")
        with run_server(binaries, DURABLE) as url:
            yield settings_for(folder, url)


def settings_for(folder: str, database_url: str) -> dict[str, str]:
    """Return the environment of an installation of its own."""
    return os.environ | {
        "SECRET_KEY": "only-for-the-benchmark",
        "ENCRYPTION_KEYS": "b25seS1mb3ItdGhlLWJlbmNobWFyay0wMTIzNDU2Nzg=",
        "DATA_DIR": folder,
        "DATABASE_URL": database_url,
        "RETURN_DOMAIN": "bounce.bench.example",
        "DJANGO_SETTINGS_MODULE": "hypermail.settings",
        "LOG_LEVEL": "ERROR",
    }


@contextmanager
def run_workers(environment: Mapping[str, str], processes: int) -> Iterator[None]:
    """Run Celery's worker with so many sending processes, as `manage.py up` does, until the block ends."""
    options = [
        "--queues",
        "send",
        "--pool",
        "prefork",
        "--concurrency",
        str(processes),
        "-n",
        f"bench{next(_numbers)}@%h",
    ]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"]
    command = [sys.executable, "-W", "ignore", "-m", "celery", "-q", "-A", "hypermail", "worker", *options, *quiet]
    child = Child("sender", command, environment=environment, directory=ROOT, stop_seconds=20.0)
    child.start()
    reader = threading.Thread(target=_show, args=(child.output,), daemon=True)
    reader.start()
    try:
        yield
    finally:
        child.stop()


@contextmanager
def run_broker(folder: Path) -> Iterator[str]:
    """Run a Valkey of its own; gives its URL."""
    server = start_valkey(folder)
    try:
        yield server.url
    finally:
        server.child.stop()


def _show(output: int) -> None:
    """Pass on what a program says: its faults, and a pipe that nobody reads would hold it up."""
    with contextlib.suppress(OSError):
        while text := os.read(output, 65536):
            sys.stderr.write(text.decode("utf-8", "replace"))
