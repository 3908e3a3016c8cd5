"""Reads what the mail server of the tests wrote down, and runs that server."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypermail.valkey import find_free_port

PROGRAM = Path(__file__).with_name("receiver.py")
START_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Accepted:
    """One mail that the server took over. `at` is in seconds of the machine's clock."""

    at: float
    rcpt: str
    sender: str
    digest: str


@dataclass
class Journal:
    """The server's log, read as it grows."""

    path: Path
    accepted: list[Accepted] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    # Addresses that were told 5xx for themselves or their mail.
    refused: set[str] = field(default_factory=set)
    half_bodies: int = 0
    _read_to: int = 0

    def read(self) -> int:
        """Read what came since the last time; return how many mails were accepted so far."""
        with self.path.open("rb") as log:
            log.seek(self._read_to)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for line in whole.splitlines():
            self._take(json.loads(line))
        return len(self.accepted)

    def _take(self, entry: dict[str, Any]) -> None:
        if "accepted" in entry:
            self.accepted.append(Accepted(entry["at"], entry["accepted"], entry["sender"], entry["digest"]))
        elif "half" in entry:
            self.half_bodies += 1
        else:
            self.faults.append(entry)
            if entry["fault"] in ("rcpt", "data", "body", "dot") and entry["code"].startswith("5"):
                self.refused.add(entry["rcpt"])


class MailServer:
    """The server's process, which may be killed and started again on the same port."""

    def __init__(self, folder: Path, pem: Path | None = None) -> None:
        self.port = find_free_port()
        self.pem = pem
        self.path = folder / f"receiver-{self.port}.jsonl"
        self.path.touch()
        self.journal = Journal(self.path)
        self.process: subprocess.Popen[bytes] | None = None
        self.plan: dict[str, Any] = {"faults": {}}

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [sys.executable, "-I", str(PROGRAM), str(self.port), str(self.path)]
        if self.pem:
            command.append(str(self.pem))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self._wait_for_ok()
        self.order(**self.plan)

    def order(self, **plan: Any) -> None:
        """Make it follow another plan (tests/faults/receiver.py)."""
        self.plan = {"faults": {}} | plan
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(self.plan).encode() + b"\n")
        self.process.stdin.flush()
        self._wait_for_ok()

    def kill(self) -> None:
        """End it without a goodbye, as a machine that loses its power."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None

    def new_journal(self) -> Journal:
        """Begin a new log for the next scenario, and start the server where it does not run."""
        self.kill()
        # A number of its own for each scenario, so that the logs can be looked at afterwards.
        self.path = self.path.with_name(f"receiver-{time.monotonic_ns()}.jsonl")
        self.path.touch()
        self.journal = Journal(self.path)
        self.plan = {"faults": {}}
        self.start()
        return self.journal

    def _wait_for_ok(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"ok\n":
            raise RuntimeError("the mail server of the tests did not obey")
