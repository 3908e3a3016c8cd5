"""One program that this process started through a guardian: start, signal, stop and kill it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

GUARDIAN = Path(__file__).with_name("guardian.py")


class Child:
    """A program that may be started again after it ended. Nothing of it outlives this process."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_order: int = 0,
        stop_seconds: float = 10.0,
    ) -> None:
        """Describe the program; `environment` and `directory` replace ours, lower `stop_order` is stopped first."""
        self.name = name
        self.command = list(command)
        self.environment = environment
        self.directory = directory
        self.stop_signal = stop_signal
        self.stop_order = stop_order
        self.stop_seconds = stop_seconds
        self.process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1

    def start(self) -> None:
        """Start the program with its output on a pipe (`output`)."""
        lifeline, self._lifeline = os.pipe()
        try:
            # A session of its own keeps the terminal's Ctrl-C away: we decide the order of stopping.
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", str(GUARDIAN), str(lifeline), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.directory,
                pass_fds=[lifeline],
                start_new_session=True,
            )
        finally:
            os.close(lifeline)

    @property
    def output(self) -> int:
        """The descriptor to read the program's output from."""
        if self.process is None or self.process.stdout is None:
            raise ValueError(f"{self.name} is not started")
        return self.process.stdout.fileno()

    def poll(self) -> int | None:
        """Return the exit code (128 + signal number where a signal ended it), None while it runs."""
        if self.process is None:
            return None
        if self.process.returncode is None:
            # The group may only be swept while its leader is not yet reaped: later the number may be another's.
            if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            self._kill_group()
        return self.process.wait()

    def is_running(self) -> bool:
        """Say whether the program was started and has not ended."""
        return self.process is not None and self.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself, not to what it forked."""
        if self.is_running() and self.process is not None:
            self.process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Wait until the program has ended; False when the time is over."""
        end = time.monotonic() + seconds
        while self.is_running():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def stop(self) -> None:
        """Ask the program to end, kill it when its time is over, and give everything back."""
        self.send_signal(self.stop_signal)
        if not self.wait(self.stop_seconds):
            self.kill()
        self.release()

    def kill(self) -> None:
        """Kill the program and everything that came from it."""
        self._close_lifeline()
        if not self.wait(5.0):
            self._kill_group()
            self.wait(5.0)

    def release(self) -> None:
        """Close the pipes of a program that has ended."""
        self._close_lifeline()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None

    def _close_lifeline(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _kill_group(self) -> None:
        """Kill what a guardian left behind that was itself killed."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
