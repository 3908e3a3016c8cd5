"""Erasing people in bulk: milliseconds a person, at two sizes of the workspace, in which the same share is erased.

A person has deliveries, a place, a consent and entries in the audit log; beside them stand refused rows of imports. Each
database is made for the run and dropped after it. `erase_ms` is one person in the pieces' transactions by the clock,
`erase_cpu_ms` by the CPU of the process (on SQLite the database's as well), `piece_ms` the longest transaction, `sweep_s`
the one pass over the texts that follows, `one_ms` a single person as the page erases them. A figure of a person that grows
with the size means that a statement reads whole tables.
"""

import argparse
import json
from typing import Any

from apart import measure_apart, measure_here


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, action="append", help="sizes; 10,000 and 100,000 if left out")
    parser.add_argument("--erased", type=int, default=2_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="both, if left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help="in the database of DATABASE_URL, which must be empty")
    options = parser.parse_args()
    sizes = options.people or [10_000, 100_000]
    if options.here:
        print(json.dumps(measure_here("erase_scenario", sizes[0], options.erased)))
        return
    for kind in options.database or ("sqlite", "postgresql"):
        for size in sizes:
            result = {"database": kind} | measure_apart(__file__, kind, people=size, erased=options.erased)
            print(json.dumps(result) if options.json else tell(result))


def tell(result: dict[str, Any]) -> str:
    """Return a line for people."""
    return ", ".join(f"{name} {value}" for name, value in result.items())


if __name__ == "__main__":
    main()
