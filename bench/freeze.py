"""Starting a campaign: its recipients frozen in chunks, against one bare INSERT … SELECT of as many rows, in one run.

Each database is made for the run, with commits that are durable, and dropped after it. The bare statement is run before
and after ours, because the indexes grow; `ratio` compares with the mean of both. `longest_lock_seconds` is the longest
time that a step held its locks, `memory_mb` the most that the process ever held.
"""

import argparse
import json

from apart import measure_apart, measure_here


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="both, if left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help="in the database of DATABASE_URL, which must be empty")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure_here("freeze_scenario", options.recipients)))
        return
    kinds = options.database or ("sqlite", "postgresql")
    results = {kind: measure_apart(__file__, kind, recipients=options.recipients) for kind in kinds}
    print(json.dumps(results) if options.json else "\n".join(f"{kind}: {row}" for kind, row in results.items()))


if __name__ == "__main__":
    main()
