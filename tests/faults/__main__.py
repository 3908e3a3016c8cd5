"""Plays scenarios on real installations and prints what became of the mails: `python -m tests.faults [NAME …]`."""

import argparse
import logging
import signal
import sys

import django
from django.core.management import call_command

from tests.faults.installation import run_installation
from tests.faults.table import HEAD

DATABASES = ("sqlite", "postgresql")


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
    with run_installation(options.database) as installation:
        django.setup()
        call_command("migrate", verbosity=0)
        # What needs Django's settings can only be imported now.
        from tests.faults import playing, programme

        scenarios = programme.choose(options.names, options.database)
        sys.stdout.write(f"{HEAD}\n")
        run = playing.Run(installation, options.database, options.seed)
        good = [run.play(name, scenario) for name, scenario in scenarios.items()]
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
