"""Opens and clicks: hits a second against a bare view in the same run, and whether any is lost when writers are killed.

Requests go through the whole WSGI application in one process, without a socket, a bare view and ours in turn, round by
round; `ratio` compares the medians. Then clicks are made while a writer is killed again and again, and all that were
made must be in the database once. Each database is made for the run and dropped after it.
"""

import argparse
import json

from apart import measure_apart, measure_here


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hits", type=int, default=20_000, help="of each kind")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="both, if left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help="in the database of DATABASE_URL, which must be empty")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure_here("tracking_scenario", options.hits, options.kills)))
        return
    kinds = options.database or ("sqlite", "postgresql")
    results = {kind: measure_apart(__file__, kind, hits=options.hits, kills=options.kills) for kind in kinds}
    print(json.dumps(results) if options.json else "\n".join(f"{kind}: {row}" for kind, row in results.items()))


if __name__ == "__main__":
    main()
