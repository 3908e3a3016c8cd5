"""One program behind a guardian, at the edges of its life; test_supervisor.py tells the rest."""

import signal
import sys

import pytest

from hypermail.child import Child


def test_a_program_that_was_never_started() -> None:
    child = Child("ghost", ["true"])
    assert not child.is_running()
    assert child.poll() is None
    with pytest.raises(ValueError, match="ghost"):
        _ = child.output
    # Nothing happens.
    child.send_signal(signal.SIGTERM)
    child.kill()
    child.stop()


def test_tells_the_exit_code() -> None:
    child = Child("a", [sys.executable, "-c", "raise SystemExit(3)"])
    child.start()
    assert child.wait(10)
    assert child.poll() == 3
    child.release()


def test_tells_the_signal_that_ended_it() -> None:
    child = Child("a", [sys.executable, "-c", "import os; os.kill(os.getpid(), 15)"])
    child.start()
    assert child.wait(10)
    assert child.poll() == 128 + signal.SIGTERM
    child.release()


def test_kills_what_does_not_stop_in_time() -> None:
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    )
    child = Child("a", [sys.executable, "-c", program], stop_seconds=0.2)
    child.start()
    assert not child.wait(0.5)
    child.stop()
    assert not child.is_running()
