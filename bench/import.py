"""Importing a file: into an empty list, the same again, a replacement with 10 % changed; against a bare upsert of it.

Each database is made for the run, with commits that are durable, and dropped after it. "Bare" reads the same file with
Python's csv module, loads it into a table without index or log (COPY on PostgreSQL, executemany on SQLite), and upserts
it into the same tables of subscribers and places in one transaction; `with_consents` writes the consents as well, as
ours does. It is run before and after ours, each in a workspace of its own, because the indexes grow; `ratio` compares
with the mean of both. Ours is the whole of it: dry run, merge and what follows. `longest_wait_seconds` is the longest
time that another process waited for a row which the import changes (SQLite: for the only write lock). `memory_mb` is
the most that the process which imports ever held.
"""

import argparse
import json

from apart import measure_apart, measure_here


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--encoding", default="cp932")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="both, if left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help="in the database of DATABASE_URL, which must be empty")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure_here("import_scenario", options.rows, options.encoding)))
        return
    kinds = options.database or ("sqlite", "postgresql")
    results = {kind: measure_apart(__file__, kind, rows=options.rows, encoding=options.encoding) for kind in kinds}
    print(json.dumps(results, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
