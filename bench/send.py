"""Messages a second, signed and personalised: our path from the rows to the sink against a plain Django loop.

Both are measured in one run, in turn, over several rounds; the medians and their ratio are printed. The numbers
of one machine say little by themselves, the ratio does. Uses a database of its own in a temporary folder, or the
one of DATABASE_URL (an empty one!), and a sink on loopback.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The plain loop signs in pure Python; a small part of the messages tells its speed well enough.
PLAIN_SHARE = 40


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000, help="messages a round")
    parser.add_argument("--size", type=int, default=10240, help="bytes of text in each message")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, run_sink() as port:
        prepare_django(Path(folder), port)
        # What needs Django's settings can only be imported now.
        import scenario

        rows = measure(scenario.Scenario(options.size, port), options.messages, options.rounds)
    print(json.dumps(rows) if options.json else as_table(rows))


@contextmanager
def run_sink() -> Iterator[int]:
    """Run the sink in a process of its own; gives its port."""
    sink = subprocess.Popen([sys.executable, str(ROOT / "bench" / "sink.py")], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None
        yield int(sink.stdout.readline())
    finally:
        sink.terminate()
        sink.wait()


def prepare_django(folder: Path, port: int) -> None:
    """Point the settings to a throw-away installation and make its tables."""
    os.environ |= {
        "SECRET_KEY": "only-for-the-benchmark",
        "ENCRYPTION_KEYS": "b25seS1mb3ItdGhlLWJlbmNobWFyay0wMTIzNDU2Nzg=",
        "DATA_DIR": str(folder),
        "RELAY_URL": f"smtp://127.0.0.1:{port}",
        "DJANGO_SETTINGS_MODULE": "hypermail.settings",
        "LOG_LEVEL": "WARNING",
    }
    sys.path[:0] = [str(ROOT), str(ROOT / "bench")]
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def measure(scenario: "scenario.Scenario", messages: int, rounds: int) -> dict[str, dict[str, float]]:  # noqa: F821
    """Run each way in turn, round by round; return the medians."""
    few = max(messages // PLAIN_SHARE, 20)
    ways: dict[str, tuple[Callable[[int], None], int]] = {
        "signed": (scenario.send_signed, messages),
        "unsigned": (scenario.send_unsigned, messages),
        "plain": (scenario.send_plainly, few),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (send, number) in ways.items():
            scenario.prepare(name, number)
            wall, cpu = time.perf_counter(), time.process_time()
            send(number)
            seconds, used = time.perf_counter() - wall, time.process_time() - cpu
            found[name].append((number / seconds, 1000 * used / number))
    rows = {
        name: {
            "messages_per_second": round(statistics.median(rate for rate, _ in results), 1),
            "cpu_ms_per_message": round(statistics.median(cpu for _, cpu in results), 3),
        }
        for name, results in found.items()
    }
    rows["ratio"] = {
        "signed/plain": round(rows["signed"]["messages_per_second"] / rows["plain"]["messages_per_second"], 1)
    }
    return rows


def as_table(rows: dict[str, dict[str, float]]) -> str:
    """Return the medians as lines for people."""
    lines = [
        f"{name:10} {row['messages_per_second']:>10} messages/s {row['cpu_ms_per_message']:>8} ms CPU/message"
        for name, row in rows.items()
        if name != "ratio"
    ]
    return "\n".join([*lines, f"signed/plain {rows['ratio']['signed/plain']:>8}"])


if __name__ == "__main__":
    main()
