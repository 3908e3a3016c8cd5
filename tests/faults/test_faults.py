"""A short form of `make faults`: a whole installation each, on a database of its own, judged by the mail server's log."""

import signal
import subprocess
import sys

import pytest

from tests.faults.installation import ROOT
from tests.postgres import find_binaries

SECONDS = 170


def play(database: str, *names: str) -> None:
    """Play scenarios in a process of its own, as `make faults` does; fails with what it printed."""
    command = [sys.executable, "-m", "tests.faults", "--database", database, *names]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        told, _nothing = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        # It ends what it started.
        process.send_signal(signal.SIGTERM)
        told, _nothing = process.communicate(timeout=60)
    assert process.returncode == 0, told


@pytest.mark.once
def test_a_killed_worker_process_and_a_broker_that_forgot():
    """Lost 0, doubled 0, in doubt at most SEND_WINDOW; a broker flush costs seconds of delay and nothing else."""
    play("sqlite", "one_child_killed", "flushed_once")


@pytest.mark.once
@pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed")
def test_a_mail_taken_over_without_an_answer():
    """F7: in doubt, and never sent again by itself."""
    play("postgresql", "one_child_killed", "accepted_then_dropped")
