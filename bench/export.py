"""Exporting a list: our CSV, CP932 and XLSX against a bare `COPY TO` of the same columns and rows, in one run.

On SQLite, which has no COPY, the bare way is its own rows through csv.writer. Each database is made for the run and
dropped after it. Every way is run in turn, `--rounds` times; the figures are medians, `ratio` is our CSV to the bare way.
`first_byte_ms` is when the first piece left, `memory_mb` the most that the process held above what it held before.
"""

import argparse
import json

from apart import measure_apart, measure_here


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
        print(json.dumps(measure_here("export_scenario", options.rows, options.rounds)))
        return
    kinds = options.database or ("sqlite", "postgresql")
    results = {kind: measure_apart(__file__, kind, rows=options.rows, rounds=options.rounds) for kind in kinds}
    print(json.dumps(results) if options.json else "\n".join(f"{kind}: {row}" for kind, row in results.items()))


if __name__ == "__main__":
    main()
