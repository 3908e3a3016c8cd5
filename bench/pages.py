"""The pages of lists, subscribers, segments, home and campaigns with so many subscribers: the slowest time of each.

Each database is made for the run and dropped after it. Every page that answers a GET is asked for `--rounds` times by
Django's client, after one time that is not counted (a process reads its templates once); searches are followed to
their end, part by part. The figure of a page is the longest of its times, in milliseconds of the server, with the
number of its queries. Downloads are left out: they stream.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from installation import scratch_database

# No page may take longer (milliseconds).
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
        print(json.dumps(measure_here(options.subscribers, options.rounds)))
        return
    kinds = options.database or ("sqlite", "postgresql")
    results = {kind: measure(kind, options.subscribers, options.rounds) for kind in kinds}
    print(json.dumps(results, ensure_ascii=False) if options.json else "\n".join(tell(results)))


def tell(results: dict[str, Any]) -> list[str]:
    """Return lines for people, the slowest page first."""
    lines = []
    for kind, result in results.items():
        lines.append(f"{kind}: {result['subscribers']:,} subscribers, slowest {result['slowest_ms']:.0f} ms")
        for page in result["pages"]:
            mark = "  !" if page["ms"] > LIMIT else ""
            lines.append(f"{page['ms']:8.1f} ms {page['queries']:3} queries  {page['path']}{mark}")
    return lines


def measure(kind: str, subscribers: int, rounds: int) -> dict[str, Any]:
    """Run the scenario in a process with settings of its own; return what it measured."""
    with scratch_database(kind) as environment:
        command = [sys.executable, __file__, "--here", "--subscribers", str(subscribers), "--rounds", str(rounds)]
        told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    result: dict[str, Any] = json.loads(told.splitlines()[-1])
    return result


def measure_here(subscribers: int, rounds: int) -> dict[str, Any]:
    """Make the tables of the database that the environment names, and measure in it."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    # What needs Django's settings can only be imported now.
    import pages_scenario

    return pages_scenario.run(subscribers, rounds)


if __name__ == "__main__":
    main()
