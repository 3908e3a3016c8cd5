"""Runs a command with DATABASE_URL set to a private PostgreSQL: `python -m tests.postgres COMMAND …`.

The server lives in a temporary directory, listens on a Unix socket only, writes nothing durable and ends with
the command, or with us. Without PostgreSQL's binaries the command is not run, which is said and is no error.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hypermail.child import Child

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


@contextmanager
def run_server(binaries: Path, settings: Sequence[str] = CAREFREE) -> Iterator[str]:
    """Start a server of its own, yield its URL, stop it. `settings` are lines of its configuration."""
    account = find_account()
    as_account = (
        ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"] if account else []
    )
    with tempfile.TemporaryDirectory(prefix="hypermail-pg-") as directory:
        if account:
            os.chown(directory, account.pw_uid, account.pw_gid)
        data = f"{directory}/data"
        initdb = [
            f"{binaries}/initdb",
            "-D",
            data,
            "-U",
            "hypermail",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        subprocess.run([*as_account, *initdb], check=True, stdout=subprocess.DEVNULL, cwd=directory)
        options = [part for setting in settings for part in ("-c", setting)]
        # Not durable and alone, so the log would only fill the pipe that nobody reads.
        quiet = ["-c", "logging_collector=on", "-c", "log_min_messages=fatal"]
        server = Child(
            "postgres",
            [*as_account, f"{binaries}/postgres", "-D", data, "-k", directory, *options, *quiet],
            directory=Path(directory),
        )
        server.start()
        try:
            wait_until_ready(binaries, directory)
            yield f"postgres://hypermail@/{directory}/postgres"
        finally:
            server.kill()
            server.release()


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
    with run_server(binaries) as url:
        sys.stdout.write(f"== PostgreSQL: {binaries} ==\n")
        sys.stdout.flush()
        environment = os.environ | {"DATABASE_URL": url}
        # Importing our package has named the product's settings; the command names its own.
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
