"""The programs at the other end: smtp-source and smtp-sink of Postfix, and a proxy that delays."""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
# Sessions at once of smtp-source: more than the sink keeps busy.
SESSIONS = 8
INSTALL = "apt-get -qq update && apt-get -qq install -y --no-install-recommends postfix"


def find_program(name: str) -> str | None:
    """Return the path of one of Postfix's programs, None where it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec/postfix")


def install_postfix() -> bool:
    """Install smtp-source and smtp-sink where that is possible without asking; return whether they are there."""
    if find_program("smtp-sink") is None and os.getuid() == 0 and shutil.which("apt-get"):
        # The mail server of the package must not start.
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        subprocess.run(["sh", "-c", INSTALL], env=quiet, stdout=sys.stderr, check=False, timeout=600)  # noqa: S607
    return find_program("smtp-sink") is not None and find_program("smtp-source") is not None


@dataclass(frozen=True, slots=True)
class Sink:
    """A server that accepts everything. `counts` is the file in which smtp-sink counts, None for our own."""

    port: int
    counts: Path | None

    def accepted(self) -> int | None:
        """Return how many mails were taken so far; None where the sink does not count."""
        if self.counts is None:
            return None
        with self.counts.open("rb") as file:
            file.seek(max(0, self.counts.stat().st_size - 100))
            found = re.findall(rb"mesg=(\d+)", file.read())
        return int(found[-1]) if found else 0


@contextmanager
def run_sink(folder: Path) -> Iterator[Sink]:
    """Run smtp-sink, or our own sink where that is missing."""
    program = find_program("smtp-sink")
    if program is None:
        with running([sys.executable, str(HERE / "sink.py")]) as child:
            assert child.stdout is not None
            yield Sink(int(child.stdout.readline()), None)
        return
    port = free_port()
    account = ["-u", "nobody"] if os.getuid() == 0 else []
    counts = folder / "sink.log"
    with counts.open("wb") as file, running([program, *account, "-c", f"127.0.0.1:{port}", "512"], stdout=file):
        wait_for(port)
        yield Sink(port, counts)


@contextmanager
def run_delay(port: int, milliseconds: float) -> Iterator[int]:
    """Run a proxy before `port` that delays each direction; gives its port."""
    with running([sys.executable, str(HERE / "delay.py"), str(port), str(milliseconds)]) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())


def run_source(port: int, *, messages: int, size: int) -> tuple[float, float]:
    """Let smtp-source send; return the seconds by the clock and its CPU seconds."""
    program = find_program("smtp-source")
    assert program is not None
    command = [program, "-d", "-s", str(SESSIONS), "-l", str(size), "-m", str(messages)]
    command += ["-f", "news@bench.example", "-t", "reader@example.jp", f"127.0.0.1:{port}"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def running(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = None,
    stdout: IO[bytes] | int = subprocess.PIPE,
) -> Iterator["subprocess.Popen[str]"]:
    """Run a program until the block ends."""
    child = subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, text=True)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until somebody listens. Raises TimeoutError."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError("the sink does not answer")
