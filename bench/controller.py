"""An installation under measurement: its process that makes rows and ticks, and the CPU time that a step takes."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import machine
from installation import ROOT
from peers import Sink, running

SCENARIO = Path(__file__).with_name("scenario.py")


class Installation:
    """Speaks with bench/scenario.py in an installation's environment."""

    def __init__(self, kind: str, environment: Mapping[str, str], child: "subprocess.Popen[str]") -> None:
        self.kind = kind
        self.environment = environment
        self.child = child
        self.bytes = 0

    def ask(self, step: str, **arguments: object) -> dict[str, Any]:
        """Have one step done; raises RuntimeError where the process ended."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(json.dumps({"step": step} | arguments) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise RuntimeError(f"the {self.kind} installation ended")
        result: dict[str, Any] = json.loads(answer)
        return result

    def measure(self, way: str, messages: int, sink: Sink, *, recipients: int = 0) -> dict[str, Any]:
        """Send so many messages and return what that took; raises RuntimeError where one did not arrive.

        With more `recipients` than that the campaign is not sent to its end.
        """
        self.bytes = self.ask("prepare", way=way, messages=max(recipients, messages))["bytes"]
        step = "send_plainly" if way == "plain" else "send"
        taken = sink.accepted()
        found, cpu = with_cpu(lambda: self.ask(step, messages=messages))
        arrived = sink.accepted()
        accepted = found["accepted"]
        if accepted < messages or (taken is not None and arrived is not None and arrived - taken != accepted):
            raise RuntimeError(f"{self.kind} {way}: of {messages} mails {accepted} are recorded, {arrived} arrived")
        if self.kind == "sqlite":
            cpu.pop("database", None)
        return figures(accepted, found["seconds"], cpu)


def with_cpu(run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Return what `run` returns, and the CPU seconds that each role used meanwhile."""
    before = machine.cpu_seconds()
    result = run()
    after = machine.cpu_seconds()
    return result, {role: after[role] - before.get(role, 0.0) for role in after if role != "bench"}


def figures(messages: int, seconds: float, cpu: Mapping[str, float]) -> dict[str, Any]:
    """Return messages a second, and CPU milliseconds a message by role."""
    by_role = {role: round(1000 * used / messages, 4) for role, used in cpu.items() if used > 0}
    return {
        "messages_per_second": round(messages / seconds, 1),
        "cpu_ms_per_message": round(sum(by_role.values()), 4),
        "cpu_ms_by_role": by_role,
    }


@contextmanager
def run_installation(kind: str, environment: Mapping[str, str], size: int) -> Iterator[Installation]:
    """Make an installation's tables and run its controlling process until the block ends."""
    command = [sys.executable, str(SCENARIO), str(size)]
    paths = {"PYTHONPATH": str(ROOT)}
    with running(command, environment=environment | paths, stdin=subprocess.PIPE) as child:
        yield Installation(kind, environment, child)
        assert child.stdin is not None
        child.stdin.close()
        time.sleep(0.1)
