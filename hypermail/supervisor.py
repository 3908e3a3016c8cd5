"""Runs several programs as one: prefixed logs, restarts with back-off, a stop in order. One thread, no database."""

import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TextIO

from django.utils.translation import gettext as _

from hypermail.child import Child

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A program that ran this long was healthy: its next fault starts at the first delay again.
HEALTHY_SECONDS = 30.0
# How often to look for ended programs and due restarts.
BEAT_SECONDS = 0.1
COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)


def restart_delay(failures: int) -> float:
    """Return the seconds to wait before the restart that follows the n-th fault in a row (n from 1)."""
    return float(min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY))


@dataclass(slots=True)
class Watch:
    """A program and what is known about its life."""

    child: Child
    started_at: float
    failures: int = 0
    # When to start it again; None while it runs.
    restart_at: float | None = None
    rest: bytes = b""


class Supervisor:
    """Keeps programs running until it is told to stop."""

    def __init__(
        self,
        children: Sequence[Child],
        out: TextIO,
        *,
        is_ready: Callable[[], bool] = lambda: True,
        announce: Callable[[], str] = str,
    ) -> None:
        """`children` that already run are taken over; `announce()` is printed once `is_ready()` says True."""
        self.out = out
        self.is_ready = is_ready
        self.announce = announce
        self.announced = False
        self.stop_requests = 0
        self.selector = selectors.DefaultSelector()
        self.watches = [Watch(child, time.monotonic()) for child in children]
        self.width = max(len(name) for name in ("up", *(child.name for child in children)))

    def run(self) -> None:
        """Start everything and return when a signal has stopped it."""
        with self._signals():
            for watch in self.watches:
                self._start(watch)
            while not self.stop_requests:
                self._pump()
                self._restart_due()
                self._announce_when_ready()
            self._stop()
        self.selector.close()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Count requests to stop instead of dying of them."""

        def request_stop(number: int, frame: FrameType | None) -> None:
            self.stop_requests += 1

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, request_stop) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _start(self, watch: Watch) -> None:
        if not watch.child.is_running():
            watch.child.start()
        watch.started_at, watch.restart_at = time.monotonic(), None
        os.set_blocking(watch.child.output, False)
        self.selector.register(watch.child.output, selectors.EVENT_READ, watch)

    def _restart_due(self) -> None:
        now = time.monotonic()
        for watch in self.watches:
            if watch.restart_at is None and (code := watch.child.poll()) is not None:
                self._forget(watch)
                if now - watch.started_at >= HEALTHY_SECONDS:
                    watch.failures = 0
                watch.failures += 1
                delay = restart_delay(watch.failures)
                watch.restart_at = now + delay
                self._say(
                    _("%(name)sが終了しました(コード%(code)d)。%(seconds).1f秒後に再起動します。")
                    % {"name": watch.child.name, "code": code, "seconds": delay}
                )
            elif watch.restart_at is not None and now >= watch.restart_at:
                self._start(watch)

    def _announce_when_ready(self) -> None:
        if not self.announced and self.is_ready():
            self.announced = True
            self._write(self.announce())

    def _pump(self) -> None:
        """Pass on what the programs wrote; waits a moment when they wrote nothing."""
        for key, _events in self.selector.select(BEAT_SECONDS):
            self._copy(key.data)

    def _copy(self, watch: Watch) -> bool:
        """Print the whole lines that a program wrote; False at the end of its output or when there is none."""
        try:
            chunk = os.read(watch.child.output, 65536)
        except BlockingIOError:
            return False
        lines = (watch.rest + chunk).split(b"\n")
        watch.rest = lines.pop()
        for line in lines:
            self._print(watch, line)
        if not chunk:
            self._unregister(watch)
        return bool(chunk)

    def _unregister(self, watch: Watch) -> None:
        # At the end of its output a pipe is always readable; it must not be asked again.
        if watch.child.output in self.selector.get_map():
            self.selector.unregister(watch.child.output)

    def _print(self, watch: Watch, line: bytes) -> None:
        label = watch.child.name.ljust(self.width)
        if self.out.isatty():
            label = f"\x1b[{COLOURS[self.watches.index(watch) % len(COLOURS)]}m{label}\x1b[0m"
        self._write(f"{label} | {line.decode(errors='replace')}\n")

    def _forget(self, watch: Watch) -> None:
        """Print the last output of an ended program and give its pipes back."""
        while self._copy(watch):
            pass
        if watch.rest:
            self._print(watch, watch.rest)
            watch.rest = b""
        self._unregister(watch)
        watch.child.release()

    def _stop(self) -> None:
        """Stop in order: what makes work first, what others need last. A second signal ends the patience."""
        self._say(_("停止しています。もう一度Ctrl-Cを押すと、すぐに終了します。"))
        requests = self.stop_requests
        for order in sorted({watch.child.stop_order for watch in self.watches}):
            leaving = [watch for watch in self.watches if watch.child.stop_order == order and watch.restart_at is None]
            for watch in leaving:
                watch.child.send_signal(watch.child.stop_signal)
            asked_at = time.monotonic()
            while leaving := [watch for watch in leaving if watch.child.is_running()]:
                self._pump()
                for watch in leaving:
                    patience = watch.child.stop_seconds if self.stop_requests == requests else 0
                    if time.monotonic() - asked_at > patience:
                        self._say(_("%(name)sを強制終了します。") % {"name": watch.child.name})
                        watch.child.kill()
        for watch in self.watches:
            if watch.restart_at is None:
                self._forget(watch)
        self._say(_("停止しました。"))

    def _say(self, text: str) -> None:
        self._write(f"{'up'.ljust(self.width)} | {text}\n")

    def _write(self, text: str) -> None:
        try:
            self.out.write(text)
            self.out.flush()
        except BrokenPipeError:
            # Nobody reads our logs any more: leave as if told to, and write nowhere. What the buffer still
            # holds must go somewhere, or Python ends with status 120.
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.out.fileno())
            self.stop_requests += 1
