"""Notices a second through store, parse, match and count, on SQLite and PostgreSQL, while the tables grow.

Each database is made for the run, with commits that are durable, and dropped after it. At every size the same
number of notices comes in, each about another delivery: bounces in the forms of many servers, automatic replies,
delay notices, and some that lead to no delivery. One process does everything; the ratio of the last size to the
first says whether the work grows with the tables. `per_cpu_second` are the notices of a second of that process's
CPU time, which a busy machine changes less than the clock; PostgreSQL's own processes are not in it.
"""

import argparse
import json

from apart import measure_apart, measure_here

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=int, default=2000, help="notices at each size")
    parser.add_argument("--deliveries", type=int, default=1_000_000, help="rows at the last size")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="both, if left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help="in the database of DATABASE_URL, which must be empty")
    options = parser.parse_args()
    sizes = [size for size in SIZES if size < options.deliveries] + [options.deliveries]
    if options.here:
        print(json.dumps(measure_here("notice_scenario", options.notices, sizes)))
        return
    results = {kind: measure(kind, options.notices, sizes) for kind in options.database or ("sqlite", "postgresql")}
    print(json.dumps(results) if options.json else "\n".join(as_lines(results)))


def measure(kind: str, notices: int, sizes: list[int]) -> dict[str, object]:
    """Run the scenario in a process with settings of its own; return what it measured, and the ratios."""
    rows = measure_apart(__file__, kind, notices=notices, deliveries=sizes[-1])
    first, last = rows[0], rows[-1]
    ratios = {name: round(last[name] / first[name], 2) for name in first if name.endswith("_second")}
    return {"sizes": rows, "last/first": ratios}


def as_lines(results: dict[str, dict[str, object]]) -> list[str]:
    """Return the figures as lines for people."""
    lines = []
    for kind, result in results.items():
        lines += [f"{kind}: {row}" for row in result["sizes"]]  # type: ignore[attr-defined]
        lines.append(f"{kind}: last/first {result['last/first']}")
    return lines


if __name__ == "__main__":
    main()
