"""A short form of `make faults`: a whole installation each, on a database of its own, judged by the mail server's log."""

import signal
import subprocess
import sys

import pytest
from django.conf import settings

from tests.faults.installation import ROOT
from tests.faults.table import GOOD, Line, read_table
from tests.postgres import find_binaries

SECONDS = 170


def play(database: str, *names: str) -> dict[str, Line]:
    """Play scenarios in a process of its own, as `make faults` does; return scenario → what became of its mails."""
    command = [sys.executable, "-m", "tests.faults", "--database", database, *names]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        told, _nothing = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        # It ends what it started.
        process.send_signal(signal.SIGTERM)
        told, _nothing = process.communicate(timeout=60)
    lines = read_table(told)
    # Whatever went wrong is told below the table.
    assert (process.returncode, list(lines)) == (0, list(names)), told
    return lines


def test_a_killed_worker_process_and_a_broker_that_forgot():
    """Lost 0, doubled 0, in doubt at most SEND_WINDOW; a broker flush costs seconds of delay and nothing else."""
    lines = play("sqlite", "one_child_killed", "flushed_once")
    assert [(line.doubled, line.lost, line.failed, line.verdict) for line in lines.values()] == [(0, 0, 0, GOOD)] * 2
    assert lines["one_child_killed"].doubts <= settings.SEND_WINDOW


@pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed")
def test_a_mail_taken_over_without_an_answer():
    """F7: in doubt, and never sent again by itself."""
    lines = play("postgresql", "one_child_killed", "accepted_then_dropped")
    assert [(line.doubled, line.lost, line.failed, line.verdict) for line in lines.values()] == [(0, 0, 0, GOOD)] * 2
    dropped = lines["accepted_then_dropped"]
    assert dropped.doubts > 0
    assert (dropped.accepted, dropped.resent) == (dropped.recipients, 0)
