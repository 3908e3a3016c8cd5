"""The supervisor with real processes: logs, restarts, stops in order, and leaves no orphan however it dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hypermail.child import Child
from hypermail.supervisor import FIRST_DELAY, LONGEST_DELAY, restart_delay
from tests.hypermail.processes import assert_all_gone, parent_of

SCRIPT = Path(__file__).with_name("run_supervisor.py")
SLEEP = "import time; time.sleep(600)"
# Forks a child that leaves the session, as a daemon does, and one that does not; prints all three ids.
FAMILY = """
import os, time
for leave in (False, True):
    if os.fork() == 0:
        if leave:
            os.setsid()
        os.write(1, b"PID %d\\n" % os.getpid())
        time.sleep(600)
os.write(1, b"PID %d\\n" % os.getpid())
time.sleep(600)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('PID'); time.sleep(600)"


class Run:
    """A supervisor in a process of its own, with what it printed so far."""

    def __init__(self, specs: list[dict[str, Any]], log: Path) -> None:
        self.log = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(SCRIPT), json.dumps(specs)], stdout=out, stderr=subprocess.STDOUT
            )

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def wait_for(self, condition: Callable[[list[str]], object], seconds: float = 15) -> None:
        end = time.monotonic() + seconds
        while not condition(self.lines()):
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def pids(self) -> list[int]:
        return [int(line.split()[-1]) for line in self.lines() if " PID " in line]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*specs: dict[str, Any]) -> Run:
        runs.append(Run(list(specs), tmp_path / f"log{len(runs)}"))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.wait()


def test_the_delay_doubles_up_to_a_limit() -> None:
    assert restart_delay(1) == FIRST_DELAY
    assert restart_delay(2) == 2 * FIRST_DELAY
    assert restart_delay(50) == LONGEST_DELAY


def test_prefixes_each_line_with_the_name(supervise: Callable[..., Run]) -> None:
    run = supervise({"name": "a", "program": f"print('one'); print('two', end='', flush=True); {SLEEP}"})
    run.wait_for(lambda lines: "a  | one" in lines and "READY" in lines)
    run.process.terminate()
    assert run.process.wait(10) == 0
    assert "a  | two" in run.lines()


def test_no_orphan_after_kill_9_of_the_supervisor(supervise: Callable[..., Run]) -> None:
    run = supervise({"name": "a", "program": FAMILY}, {"name": "b", "program": FAMILY})
    run.wait_for(lambda lines: len(run.pids()) == 6)
    pids = run.pids()
    run.process.kill()
    run.process.wait()
    assert_all_gone(pids)


def test_no_orphan_after_kill_9_of_a_guardian(supervise: Callable[..., Run]) -> None:
    run = supervise({"name": "a", "program": FAMILY.replace("(False, True)", "(False,)")})
    run.wait_for(lambda lines: len(run.pids()) == 2)
    pids = run.pids()
    # The guardian leads the session of all that it started.
    os.kill(os.getsid(pids[0]), signal.SIGKILL)
    assert_all_gone(pids)
    run.wait_for(lambda lines: len(run.pids()) == 4)


def test_no_orphan_when_a_program_dies_and_its_workers_do_not(supervise: Callable[..., Run]) -> None:
    run = supervise({"name": "a", "program": FAMILY})
    run.wait_for(lambda lines: len(run.pids()) == 3)
    pids = run.pids()
    leader = next(pid for pid in pids if parent_of(pid) not in pids)
    os.kill(leader, signal.SIGKILL)
    assert_all_gone(pids)


def test_restarts_with_growing_delays(supervise: Callable[..., Run]) -> None:
    run = supervise({"name": "a", "program": "import sys; print('hello'); sys.exit(3)"})
    run.wait_for(lambda lines: lines.count("a  | hello") == 3)
    text = run.log.read_text()
    assert "コード3" in text
    assert text.index("0.5秒後") < text.index("1.0秒後")
    run.process.terminate()
    assert run.process.wait(10) == 0


def test_a_program_that_does_not_exist_is_said_so(tmp_path: Path) -> None:
    child = Child("ghost", [str(tmp_path / "ghost")])
    child.start()
    assert child.wait(5)
    assert child.poll() == 127
    assert "No such file" in os.read(child.output, 1000).decode()
    child.release()


def test_stops_in_order_and_lets_work_finish(supervise: Callable[..., Run]) -> None:
    polite = (
        "import signal, sys, time\n"
        "def stop(*_):\n    time.sleep(0.3); print('bye'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop); print('up')\n" + SLEEP
    )
    run = supervise(
        {"name": "late", "program": polite, "stop_order": 2}, {"name": "soon", "program": polite, "stop_order": 1}
    )
    run.wait_for(lambda lines: sum(line.endswith("| up") for line in lines) == 2)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(10) == 0
    lines = run.lines()
    assert lines.index("soon | bye") < lines.index("late | bye")


def test_kills_what_does_not_stop_in_time(supervise: Callable[..., Run]) -> None:
    run = supervise({"name": "a", "program": STUBBORN, "stop_seconds": 0.3})
    run.wait_for(lambda lines: any("PID" in line for line in lines))
    run.process.terminate()
    assert run.process.wait(10) == 0
    assert "強制終了" in run.log.read_text()


def test_a_second_ctrl_c_ends_the_patience(supervise: Callable[..., Run]) -> None:
    run = supervise({"name": "a", "program": STUBBORN, "stop_seconds": 60})
    run.wait_for(lambda lines: any("PID" in line for line in lines))
    run.process.send_signal(signal.SIGINT)
    run.wait_for(lambda lines: any("もう一度" in line for line in lines))
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(10) == 0


def test_leaves_when_nobody_reads_its_logs(tmp_path: Path) -> None:
    specs = [{"name": "a", "program": "import time\nwhile True: print('x'); time.sleep(0.05)"}]
    process = subprocess.Popen([sys.executable, str(SCRIPT), json.dumps(specs)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(10) == 0
