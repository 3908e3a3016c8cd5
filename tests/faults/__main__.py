"""Plays scenarios on real installations and prints what became of the mails: `python -m tests.faults [NAME …]`."""

import argparse
import inspect
import logging
import signal
import sys
import time
import traceback
from collections.abc import Callable
from random import Random
from types import FrameType, ModuleType
from typing import Any

import django
from django.core.management import call_command
from django.db import connection

from tests.faults.installation import Installation, run_installation

# No scenario takes longer, whatever it waits for.
MOST_SECONDS = 300
DATABASES = ("sqlite", "postgresql")
HEAD = f"{'scenario':34} {'database':10} {'recipients':>10} {'accepted':>8} {'doubled':>7} {'lost':>5} {'failed':>6} {'doubts':>6} {'resent':>6} {'seconds':>7}  verdict\n"


def main() -> int:
    """Play; return 0 where every verdict is good."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", help="scenarios to play; without any, all of them")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--seed", type=int, default=7, help="of every random choice")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    # Whoever ends us by SIGTERM, such as `timeout`, lets us end what we started.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    signal.signal(signal.SIGALRM, give_up)
    with run_installation(options.database) as installation:
        django.setup()
        call_command("migrate", verbosity=0)
        # What needs Django's settings can only be imported now.
        from tests.faults import programme, stage

        scenarios = programme.choose(options.names, options.database)
        sys.stdout.write(HEAD)
        good = [play(stage, installation, name, scenario, options) for name, scenario in scenarios.items()]
    return 0 if good and all(good) else 1


def give_up(_number: int, _frame: FrameType | None) -> None:
    """End a scenario that takes too long."""
    raise TimeoutError(f"not over within {MOST_SECONDS} seconds")


def play(
    stage_module: ModuleType,
    installation: Installation,
    name: str,
    scenario: Callable[[Any], None],
    options: argparse.Namespace,
) -> bool:
    """Play one scenario and print its line; return whether all is well."""
    began = time.monotonic()
    uses_tls = name.endswith("starttls")
    if uses_tls:
        installation.stop()
    server = installation.mail_with_tls if uses_tls else installation.mail
    server.new_journal()
    installation.clear_logs()
    installation.start(installation.relay_with_tls if uses_tls else "")
    stage = stage_module.Stage(installation, Random(f"{options.seed} {name}"), server)  # noqa: S311
    findings: list[str] = []
    verdicts = []
    # A scenario that failed may have left it in the middle of something.
    connection.close()
    try:
        signal.alarm(MOST_SECONDS)
        scenario(stage)
        verdicts = stage.close()
    except Exception as error:
        # The others are still to be played. What the server and the rows say is not known then, which is no verdict.
        findings.append("".join(traceback.format_exception(error)))
    finally:
        signal.alarm(0)
    if uses_tls:
        installation.stop()
    findings += [finding for verdict in verdicts for finding in verdict.findings]
    figures = [
        sum(getattr(verdict, figure) for verdict in verdicts)
        for figure in ("recipients", "accepted", "doubled", "lost", "failed", "doubts", "resent")
    ]
    recipients, accepted, doubled, lost, failed, doubts, resent = figures
    sys.stdout.write(
        f"{name:34} {options.database:10} {recipients:>10} {accepted:>8} {doubled:>7} {lost:>5} {failed:>6} {doubts:>6} {resent:>6}"
        f" {time.monotonic() - began:>7.1f}  {'good' if not findings else 'BAD'}\n"
    )
    if stage.ended:
        sys.stdout.write(f"    ended by itself and was started again: {', '.join(stage.ended)}\n")
    for finding in findings:
        sys.stdout.write(f"    {finding}\n")
    if findings:
        sys.stdout.write(f"    seed {options.seed}; {inspect.getdoc(scenario)}\n{installation.log_tail()}\n")
    sys.stdout.flush()
    return not findings


if __name__ == "__main__":
    sys.exit(main())
