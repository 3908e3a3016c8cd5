"""A whole installation that may be killed part by part: database, Valkey, workers, beat, and a mail server behind it."""

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from urllib.parse import quote

from hypermail.child import Child
from hypermail.single_machine import plan_children
from hypermail.valkey import Valkey, start_valkey
from tests.faults.journal import MailServer
from tests.faults.receiver import PASSWORD, USER
from tests.hypermail.processes import descendants_of, parent_of
from tests.migrated import copy_migrated
from tests.mta.certificates import make_certificate
from tests.postgres import Server, find_binaries

ROOT = Path(__file__).resolve().parents[2]
# Everything else of the environment that we were started in is the developer's own.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
PARTS = ("tick", "worker", "sender", "beat")
# PostgreSQL's own promises hold: what was committed survives an immediate shutdown.
DURABLE = ("listen_addresses=", "shared_buffers=64MB", "max_connections=50")
# As hypermail/settings.py has it, in less time.
IMPATIENT = "-c idle_in_transaction_session_timeout=5s"
STOP_SECONDS = 20.0


class Installation:
    """The parts of one installation, each in a process group of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str], valkey: Valkey, server: Server | None) -> None:
        self.folder = folder
        self.valkey = valkey
        # None where the database is a file.
        self.server = server
        pem = make_certificate(folder)
        self.mail, self.mail_with_tls = MailServer(folder), MailServer(folder, pem)
        account = f"{USER.decode()}:{PASSWORD.decode()}"
        self.relay = f"smtp://{account}@127.0.0.1:{self.mail.port}"
        self.relay_with_tls = f"smtp+starttls://{account}@127.0.0.1:{self.mail_with_tls.port}?verify=no"
        self.environment = dict(environment) | {"RELAY_URL": self.relay}
        self.parts: dict[str, Child] = {}

    def start(self, relay: str = "") -> None:
        """Start the parts that do not run, as `manage.py up` would, with a log each."""
        environment = self.environment | ({"RELAY_URL": relay} if relay else {})
        for child in plan_children(ROOT, environment, bind="", web_workers=1, sandbox=False):
            if child.name in PARTS and not (child.name in self.parts and self.parts[child.name].is_running()):
                self.parts[child.name] = self.launch(child, child.name)

    def revive(self) -> list[str]:
        """Start again what ended by itself, as the supervisor of `manage.py up` and systemd do; return their names."""
        ended = [name for name, part in self.parts.items() if not part.is_running()]
        for name in ended:
            self.parts[name].release()
            self.parts[name].start()
        return ended

    def launch(self, child: Child, name: str) -> Child:
        """Start a part; what it says goes to its log."""
        log = str(self.folder / f"{name}.log")
        logged = ["sh", "-c", 'exec "$@" >>"$0" 2>&1', log, *child.command]
        part = Child(name, logged, environment=child.environment, directory=ROOT, stop_seconds=STOP_SECONDS)
        part.start()
        return part

    def start_second_beat(self) -> None:
        """Start one more beat, as a mistaken operator would."""
        beat = next(
            part
            for part in plan_children(ROOT, self.environment, bind="", web_workers=1, sandbox=False)
            if part.name == "beat"
        )
        self.parts["beat2"] = self.launch(beat, "beat2")

    def children_of(self, name: str) -> list[int]:
        """Return the pool processes of a worker, oldest first."""
        process = self.parts[name].process
        if process is None:
            return []
        born = descendants_of(process.pid)
        masters = [pid for pid in born if parent_of(pid) == process.pid]
        return sorted(pid for pid in born if parent_of(pid) in masters)

    def kill_child(self, name: str, random: Random) -> bool:
        """Kill one pool process of a worker by SIGKILL; False where it has none just now."""
        children = self.children_of(name)
        if not children:
            return False
        return send_signal(random.choice(children), signal.SIGKILL)

    def kill_tree(self, name: str) -> None:
        """Kill a part with everything that came from it by SIGKILL, at one moment."""
        part = self.parts.pop(name)
        if part.process is not None:
            os.killpg(part.process.pid, signal.SIGKILL)
        part.kill()
        part.release()

    def restart_valkey(self) -> None:
        """Kill Valkey and start it again, empty, on the same port."""
        child = self.valkey.child
        child.kill()
        child.release()
        child.start()

    def stop(self) -> None:
        """End every part."""
        for part in self.parts.values():
            part.send_signal(part.stop_signal)
        for part in self.parts.values():
            part.stop()
        self.parts = {}

    def clear_logs(self) -> None:
        """Forget what the parts said so far."""
        for log in self.folder.glob("*.log"):
            # They append, so they go on at the begin of the file.
            os.truncate(log, 0)

    def log_tail(self, length: int = 3000) -> str:
        """Return the end of what the parts said."""
        told = {log.name: log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log"))}
        return "\n".join(f"--- {name}\n{text[-length:]}" for name, text in told.items() if text)


def send_signal(pid: int, number: signal.Signals) -> bool:
    """Send a signal to one process; False where it is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def is_stopped(pid: int) -> bool:
    """Say whether every thread of a process is stopped."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)


@contextmanager
def run_installation(kind: str) -> Iterator[Installation]:
    """Yield an installation on a database of its own ("sqlite" or "postgresql") whose services run, without workers.

    The environment of this process is that of the installation. Raises RuntimeError where PostgreSQL is missing.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hypermail-faults-")))
        server = None
        if kind == "postgresql":
            binaries = find_binaries()
            if binaries is None:
                raise RuntimeError("PostgreSQL's programs were not found")
            server = stack.enter_context(Server(binaries, DURABLE))
        else:
            copy_migrated(folder / "faults.sqlite3")
        valkey = start_valkey(folder / "valkey")
        stack.callback(valkey.child.stop)
        url = f"{server.url}?options={quote(IMPATIENT)}" if server else f"sqlite:///{folder}/faults.sqlite3"
        installation = Installation(folder, environment_of(folder, url, valkey.url), valkey, server)
        stack.callback(installation.mail.kill)
        stack.callback(installation.mail_with_tls.kill)
        stack.callback(installation.stop)
        os.environ.clear()
        os.environ.update(installation.environment)
        yield installation


def environment_of(folder: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """Return the environment of an installation of its own, from which no mail leaves."""
    own = {name: value for name, value in os.environ.items() if name in INHERITED}
    return own | {
        "SECRET_KEY": "only-for-the-faults-and-nowhere-else-0123456789",
        "ENCRYPTION_KEYS": "b25seS1mb3ItdGhlLWZhdWx0cy1zdWl0ZS0wMTIzNDU=",
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "RETURN_DOMAIN": "bounce.faults.example",
        "EHLO_NAME": "faults.example",
        "REQUIRE_VERIFIED_SENDERS": "0",
        "MX_LOOKUPS": "0",
        # The gate would stop what is meant to fail.
        "GATE_MINIMUM": "1000000000",
        "DJANGO_SETTINGS_MODULE": "hypermail.settings",
        "PYTHONUNBUFFERED": "1",
        "LOG_LEVEL": "WARNING",
    }
