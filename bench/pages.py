"""The pages of lists, subscribers, segments, home and campaigns with so many subscribers: the slowest time of each.

Each database is made for the run and dropped after it. Every page that answers a GET is asked for `--rounds` times by
Django's client, after one time that is not counted (a process reads its templates once); searches are followed to
their end, part by part. The figure of a page is the longest of its times, in milliseconds of CPU of the server and of the
database's backend (which has no parallel workers here: theirs could not be counted), then by the clock, with the number
of its queries. Downloads are left out: they stream.
"""

import argparse
import json
from typing import Any

from apart import measure_apart, measure_here

# No page may take longer (milliseconds of CPU).
LIMIT = 300


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="both, if left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help="in the database of DATABASE_URL, which must be empty")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure_here("pages_scenario", options.subscribers, options.rounds)))
        return
    kinds = options.database or ("sqlite", "postgresql")
    results = {
        kind: measure_apart(__file__, kind, subscribers=options.subscribers, rounds=options.rounds) for kind in kinds
    }
    print(json.dumps(results, ensure_ascii=False) if options.json else "\n".join(tell(results)))


def tell(results: dict[str, Any]) -> list[str]:
    """Return lines for people, the slowest page first."""
    lines = []
    for kind, result in results.items():
        lines.append(f"{kind}: {result['subscribers']:,} subscribers, slowest {result['slowest_ms']:.0f} ms")
        for page in result["pages"]:
            mark = "  !" if page["ms"] > LIMIT else ""
            lines.append(
                f"{page['ms']:8.1f} ms {page['clock_ms']:8.1f} ms by the clock {page['queries']:3} queries  {page['path']}{mark}"
            )
    return lines


if __name__ == "__main__":
    main()
