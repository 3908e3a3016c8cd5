"""Exporting a list: our CSV, CP932 and XLSX against a bare `COPY TO` of the same columns and rows, in one run.

On SQLite, which has no COPY, the bare way is its own rows through csv.writer. Each database is made for the run and
dropped after it. Every way is run in turn, `--rounds` times; the figures are medians, `ratio` is our CSV to the bare way.
`first_byte_ms` is when the first piece left, `memory_mb` the most that the process held above what it held before.
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
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="both, if left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help="in the database of DATABASE_URL, which must be empty")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure_here(options.rows, options.rounds)))
        return
    kinds = options.database or ("sqlite", "postgresql")
    results = {kind: measure(kind, options.rows, options.rounds) for kind in kinds}
    print(json.dumps(results) if options.json else "\n".join(f"{kind}: {row}" for kind, row in results.items()))


def measure(kind: str, rows: int, rounds: int) -> dict[str, Any]:
    """Run the scenario in a process with settings of its own; return what it measured."""
    with scratch_database(kind) as environment:
        command = [sys.executable, __file__, "--here", "--rows", str(rows), "--rounds", str(rounds)]
        told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    result: dict[str, Any] = json.loads(told.splitlines()[-1])
    return result


def measure_here(rows: int, rounds: int) -> dict[str, Any]:
    """Make the tables of the database that the environment names, and measure in it."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    # What needs Django's settings can only be imported now.
    import export_scenario

    return export_scenario.run(rows, rounds)


if __name__ == "__main__":
    main()
