"""Plays scenarios on an installation and prints what became of the mails. Needs Django's settings."""

import inspect
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from types import FrameType

from django.db import connection

from tests.faults.installation import Installation
from tests.faults.journal import MailServer
from tests.faults.judge import Verdict
from tests.faults.programme import Scenario
from tests.faults.stage import Stage
from tests.faults.table import Line, add_up

# No scenario takes longer, whatever it waits for.
MOST_SECONDS = 600


@dataclass(frozen=True)
class Run:
    """On what scenarios are played."""

    installation: Installation
    database: str
    # Of every random choice.
    seed: int

    def play(self, name: str, scenario: Scenario) -> bool:
        """Play one scenario and print its line; return whether all is well."""
        began = time.monotonic()
        uses_tls = name.endswith("starttls")
        server = self.start(uses_tls=uses_tls)
        stage = Stage(self.installation, Random(f"{self.seed} {name}"), server)  # noqa: S311
        verdicts, findings = perform(scenario, stage)
        if uses_tls:
            # The next one has another relay.
            self.installation.stop()
        seconds = time.monotonic() - began
        line = add_up(name, self.database, verdicts, seconds=seconds, is_good=not findings)
        self.tell(line, scenario, stage.ended, findings)
        return not findings

    def start(self, *, uses_tls: bool) -> MailServer:
        """Start what does not run, with empty logs and journals; return the server that takes the mails."""
        if uses_tls:
            self.installation.stop()
        server = self.installation.mail_with_tls if uses_tls else self.installation.mail
        server.new_journal()
        self.installation.clear_logs()
        self.installation.start(self.installation.relay_with_tls if uses_tls else "")
        return server

    def tell(self, line: Line, scenario: Scenario, ended: Sequence[str], findings: Sequence[str]) -> None:
        """Print a line, and below it what was found."""
        sys.stdout.write(f"{line}\n")
        if ended:
            sys.stdout.write(f"    ended by itself and was started again: {', '.join(ended)}\n")
        for finding in findings:
            sys.stdout.write(f"    {finding}\n")
        if findings:
            log = self.installation.log_tail()
            sys.stdout.write(f"    seed {self.seed}; {inspect.getdoc(scenario)}\n{log}\n")
        sys.stdout.flush()


def perform(scenario: Scenario, stage: Stage) -> tuple[list[Verdict], list[str]]:
    """Play a scenario to its end; return the verdicts and all findings.

    Where it fails, the others are still to be played. What the server and the rows say is not known then, which is
    a finding and no verdict.
    """
    # The scenario before may have failed in the middle of something.
    connection.close()
    try:
        with at_most(MOST_SECONDS):
            scenario(stage)
            verdicts = stage.close()
    except Exception as error:
        # On standard error at once, and in the log of the scenario.
        traceback.print_exception(error)
        return [], [f"the scenario broke off: {''.join(traceback.format_exception(error))}"]
    return verdicts, [finding for verdict in verdicts for finding in verdict.findings]


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise TimeoutError where the block takes longer."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"not over within {seconds} seconds")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
