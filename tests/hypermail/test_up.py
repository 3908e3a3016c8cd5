"""`manage.py up` as a newcomer meets it: one command, real processes, an address and a login."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from hypermail.valkey import find_free_port
from tests.hypermail.processes import assert_all_gone, descendants_of


class Installation:
    """A data directory and the `up` that runs on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(directory / "data"),
            "SANDBOX": "1",
            "LMTP_LISTEN": f"127.0.0.1:{find_free_port()}",
            "SANDBOX_LISTEN": f"127.0.0.1:{find_free_port()}",
            "HYPERMAIL_ADMIN_EMAIL": "first@shop.example",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, port: int) -> None:
        with self.log.open("w") as out:
            self.process = subprocess.Popen(self.command(port), env=self.environment, stdout=out, stderr=out)
        end = time.monotonic() + 90
        while "Hypermailを起動しました" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.1)

    def command(self, port: int) -> list[str]:
        script = str(django_settings.BASE_DIR / "manage.py")
        return [sys.executable, script, "up", "--port", str(port), "--web-workers", "1"]

    def stop(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    found = Installation(tmp_path)
    yield found
    if found.process is not None:
        found.process.kill()
        found.process.wait()


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as response:  # noqa: S310
        return str(response.read().decode())


def test_from_the_first_start_to_kill_9_and_the_next_start(installation: Installation, tmp_path: Path) -> None:
    """One story, as each start takes seconds: first login, a taken port, a second `up`, kill -9, Ctrl-C."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = int(taken.getsockname()[1])
        installation.start(wanted)
    said = installation.log.read_text()
    assert f"ポート{wanted}は使用中のため" in said
    url = re.search(r"http://localhost:\d+", said)
    assert url is not None
    assert "first@shop.example" in said
    assert "サンドボックスに届きます" in said
    keys = tmp_path / "data" / "local.env"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert re.findall(r"^(\w+)=.+$", keys.read_text(), re.MULTILINE) == ["SECRET_KEY", "ENCRYPTION_KEYS"]
    assert fetch(f"{url.group()}/readyz") == "ok\n"
    assert "first@shop.example" not in fetch(f"{url.group()}/accounts/login/")
    with closing(sqlite3.connect(tmp_path / "data" / "hypermail.sqlite3")) as database:
        assert database.execute("SELECT role FROM accounts_membership").fetchall() == [("admin",)]

    second = subprocess.run(
        installation.command(wanted), env=installation.environment, capture_output=True, text=True, check=False
    )
    assert second.returncode != 0
    assert "すでにHypermailが動いています" in second.stderr

    assert installation.process is not None
    family = descendants_of(installation.process.pid)
    # Valkey, web, its worker, tick, worker, its three children, beat, LMTP, sandbox and a guardian of each but the children.
    assert len(family) >= 16
    installation.stop(signal.SIGKILL)
    assert_all_gone(family)

    installation.start(wanted)
    said = installation.log.read_text()
    assert "前回と同じアカウント" in said
    assert "パスワード: " not in said
    family = descendants_of(installation.process.pid)
    assert installation.stop(signal.SIGINT) == 0
    assert "強制終了" not in installation.log.read_text()
    assert_all_gone(family)
