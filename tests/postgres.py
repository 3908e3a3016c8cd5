"""Runs a command with DATABASE_URL set to a private PostgreSQL: `python -m tests.postgres COMMAND …`.

The server lives in a temporary directory, listens on a Unix socket only, writes nothing durable and ends with
the command, or with us. Without PostgreSQL's binaries the command is not run, which is said and is no error.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from hypermail.child import Child
from tests.migrated import TEMPLATE, make_template

# A crash of the machine may lose everything: the server is thrown away after the tests.
CAREFREE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=")
START_SECONDS = 30


def find_binaries() -> Path | None:
    """Return the folder of initdb, postgres and pg_isready: that on the path, else Debian's newest."""
    folders = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists() and (folder / "initdb").exists()), None)


def find_account() -> pwd.struct_passwd | None:
    """Return the account to run the server as, None where ours will do: PostgreSQL refuses to run as root."""
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SystemExit("PostgreSQL refuses to run as root, and there is neither a postgres nor a nobody account.")


class Server:
    """A server in a temporary directory, running while the `with` block lasts; `settings` are lines of its configuration."""

    def __init__(self, binaries: Path, settings: Sequence[str] = CAREFREE) -> None:
        self.binaries = binaries
        self.settings = settings

    def __enter__(self) -> Self:
        account = find_account()
        as_account = (
            ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"] if account else []
        )
        self._folder = tempfile.TemporaryDirectory(prefix="hypermail-pg-")
        directory = self._folder.name
        if account:
            os.chown(directory, account.pw_uid, account.pw_gid)
        data = f"{directory}/data"
        initdb = [f"{self.binaries}/initdb", "-D", data, "-U", "hypermail", "-A", "trust", "-E", "UTF8"]
        subprocess.run(
            [*as_account, *initdb, "--locale=C.UTF-8", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=directory,
        )
        options = [part for setting in self.settings for part in ("-c", setting)]
        # Nobody reads its log, which would only fill the pipe.
        quiet = ["-c", "logging_collector=on", "-c", "log_min_messages=fatal"]
        self._child = Child(
            "postgres",
            [*as_account, f"{self.binaries}/postgres", "-D", data, "-k", directory, *options, *quiet],
            directory=Path(directory),
        )
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_info: object) -> None:
        self._child.kill()
        self._child.release()
        self._folder.cleanup()

    @property
    def folder(self) -> str:
        """The folder that its socket is in."""
        return self._folder.name

    @property
    def url(self) -> str:
        """What DATABASE_URL is to be."""
        return f"postgres://hypermail@/{self.folder}/postgres"

    def start(self) -> None:
        """Start it, on what it kept from before, and wait until it takes connections."""
        self._child.start()
        wait_until_ready(self.binaries, self._folder.name)

    def crash(self) -> None:
        """Shut it down at once (mode "immediate"): connections break, and the next start recovers from the log."""
        self._child.send_signal(signal.SIGQUIT)
        if not self._child.wait(START_SECONDS):
            self._child.kill()
        self._child.release()


@contextmanager
def run_server(binaries: Path, settings: Sequence[str] = CAREFREE) -> Iterator[str]:
    """Start a server of its own, yield its URL, stop it. `settings` are lines of its configuration."""
    with Server(binaries, settings) as server:
        yield server.url


def wait_until_ready(binaries: Path, directory: str) -> None:
    """Wait until the server takes connections. Raises CalledProcessError when it does not."""
    command = [f"{binaries}/pg_isready", "-q", "-h", directory, "-U", "hypermail", "-d", "postgres"]
    script = 'for _ in $(seq 300); do "$@" && exit 0; sleep 0.1; done; exit 1'
    subprocess.run(["sh", "-c", script, "wait", *command], check=True, timeout=START_SECONDS + 10)  # noqa: S607


def main(command: list[str]) -> int:
    """Run the command; return its exit code, 0 where there is no PostgreSQL."""
    binaries = find_binaries()
    if binaries is None:
        sys.stdout.write("== PostgreSQL: 1 run skipped, its binaries are not installed ==\n")
        return 0
    with Server(binaries) as server:
        make_template(binaries, server.folder)
        sys.stdout.write(f"== PostgreSQL: {binaries} ==\n")
        sys.stdout.flush()
        environment = os.environ | {"DATABASE_URL": server.url, "TEST_TEMPLATE": TEMPLATE}
        # Importing our package has named the product's settings; the command names its own.
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
