"""Databases with all migrations applied, made once for each set of migrations and kept for the next run.

Applying a hundred migrations takes longer than most tests; that they can be applied to an empty database is what
tests/hypermail/test_up.py sees, and whoever runs the tests on a new set of them.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
# The database that tests on PostgreSQL are copies of.
TEMPLATE = "hypermail_migrated"


def find_mark() -> str:
    """Return what changes with the migrations: ours, and those of the packages."""
    files = sorted(BASE.glob("*/migrations/*.py"))
    digest = hashlib.sha256((BASE / "requirements.txt").read_bytes())
    for path in files:
        digest.update(f"{path.relative_to(BASE)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def keep(suffix: str, make: Callable[[Path], None]) -> Path:
    """Return the kept file of this set of migrations; `make` writes it where there is none yet."""
    folder = Path(tempfile.gettempdir()) / f"hypermail-migrated-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"{find_mark()}{suffix}"
    # Of several runs that begin at once one makes it, and the others wait for it.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=folder) as workshop:
                made = Path(workshop) / f"made{suffix}"
                make(made)
                made.replace(kept)
    return kept


def copy_migrated(target: Path) -> None:
    """Put a migrated SQLite file at `target`."""
    shutil.copyfile(keep(".sqlite3", lambda path: migrate(f"sqlite:///{path}", path.parent)), target)


def make_template(binaries: Path, host: str) -> None:
    """Make the database TEMPLATE in the PostgreSQL that listens in the folder `host`."""
    names = ["--host", host, "--username", "hypermail"]

    def create() -> None:
        subprocess.run([binaries / "createdb", *names, TEMPLATE], check=True)

    def dump(path: Path) -> None:
        create()
        migrate(f"postgres://hypermail@/{host}/{TEMPLATE}", path.parent)
        subprocess.run([binaries / "pg_dump", *names, "--file", path, TEMPLATE], check=True)
        subprocess.run([binaries / "dropdb", *names, TEMPLATE], check=True)

    kept = keep(".sql", dump)
    create()
    quiet = ["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--output", os.devnull]
    subprocess.run([binaries / "psql", *names, *quiet, "--file", kept, TEMPLATE], check=True)


def migrate(database: str, scratch: Path) -> None:
    """Apply all migrations to a database, in a process of its own. Raises CalledProcessError."""
    environment = os.environ | {"DATABASE_URL": database, "TEST_SCRATCH": str(scratch)}
    command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0", "--settings", "tests.settings"]
    subprocess.run(command, check=True, cwd=BASE, env=environment)
