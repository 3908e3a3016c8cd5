"""Starting a campaign: its recipients frozen in chunks, against one bare INSERT … SELECT of as many rows, in one run.

Each database is made for the run, with commits that are durable, and dropped after it. The bare statement is run before
and after ours, because the indexes grow; `ratio` compares with the mean of both. `longest_lock_seconds` is the longest
time that a step held its locks, `memory_mb` the most that the process ever held.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from installation import scratch_database


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="both, if left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help="in the database of DATABASE_URL, which must be empty")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure_here(options.recipients)))
        return
    results = {kind: measure(kind, options.recipients) for kind in options.database or ("sqlite", "postgresql")}
    print(json.dumps(results) if options.json else "\n".join(f"{kind}: {row}" for kind, row in results.items()))


def measure(kind: str, recipients: int) -> dict[str, Any]:
    """Run the scenario in a process with settings of its own; return what it measured."""
    with scratch_database(kind) as environment:
        command = [sys.executable, __file__, "--here", "--recipients", str(recipients)]
        told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    result: dict[str, Any] = json.loads(told.splitlines()[-1])
    return result


def measure_here(recipients: int) -> dict[str, Any]:
    """Make the tables of the database that the environment names, and measure in it."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    # What needs Django's settings can only be imported now.
    import freeze_scenario

    return freeze_scenario.run(recipients)


if __name__ == "__main__":
    main()
