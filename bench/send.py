"""Messages a second and CPU a message: our whole path from the rows to the sink, beside what it is measured by.

One run measures in turn, over several rounds, and gives the medians:

  rsa       one RSA-2048 signature by OpenSSL on one core, and while all cores sign
  source    smtp-source to smtp-sink, of Postfix: mails of the same size that are made of nothing
  signed    rows in the database → Celery's worker processes → rendered, signed → smtp-sink → outcomes recorded
  ascii     signed mails of ASCII text and indented HTML, in quoted-printable instead of base64
  unsigned  as signed, without a signature
  plain     a loop of Django's EmailMultiAlternatives and dkimpy, a save a mail; one process

`limit` is what the machine could do if nothing but signatures, smtp-source and smtp-sink cost anything: its cores
by the sum of their CPU times. Virtual cores that share a real one slow each other down, and a run keeps all of them
busy: hence a second limit with the signatures of all cores. On a machine that does other work beside, compare the CPU times (`by_cpu`), not the
clock. Databases, broker, workers and sink are made for the run and end with it; commits are durable.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import machine
import peers
from controller import Installation, figures, run_installation, with_cpu
from installation import run_broker, run_workers, scratch_database
from report import Figures, as_table, summarise

KINDS = ("postgresql", "sqlite")
# The plain loop signs in pure Python; a small part of the messages tells its speed well enough.
PLAIN_SHARE = 40
# Workers that have sent so many have imported and compiled what they need.
WARM_UP = 400


def main() -> None:
    """Measure and print."""
    options = read_options()
    # Whatever ends it early, nothing that it started stays.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    if not peers.install_postfix():
        say("smtp-source and smtp-sink (of Debian's package postfix) are not installed: no row for them, no limit.")
    with ExitStack() as stack:
        bench = Bench(options, stack)
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            bench.run_round()
        bench.run_extras()
    found = summarise(bench.rounds, bench.extras)
    print(json.dumps(found) if options.json else as_table(found))


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20000, help="messages of each way and round")
    parser.add_argument("--size", type=int, default=10240, help="bytes of a mail, about")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=(*KINDS, "both"), default="both")
    parser.add_argument("--processes", type=int, default=2, help="sending processes (SEND_PROCESSES)")
    parser.add_argument("--connections", type=int, help="connections of a process (SEND_CONNECTIONS)")
    parser.add_argument("--delay", type=float, default=20, help="ms of round trip to a distant relay; 0 leaves it out")
    parser.add_argument("--distant-connections", type=int, default=50, help="connections to the distant relay")
    parser.add_argument("--backlog", type=int, default=0, help="look at memory with so many recipients (1000000)")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class Bench:
    """Everything that runs, and what was measured."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack) -> None:
        self.options = options
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hypermail-bench-")))
        # smtp-sink runs as nobody.
        self.folder.chmod(0o755)
        self.sink = stack.enter_context(peers.run_sink(self.folder))
        kinds = KINDS if options.database == "both" else (options.database,)
        self.installations = [self.start(kind, stack) for kind in kinds]
        self.workers = stack.enter_context(ExitStack())
        self.rounds: list[dict[str, Figures]] = []
        self.extras: dict[str, Figures] = {"machine": {"name": machine.describe()}}
        for installation in self.installations:
            self.workers.enter_context(run_workers(installation.environment, options.processes))
            installation.measure("signed", WARM_UP, self.sink)

    def start(self, kind: str, stack: ExitStack) -> Installation:
        """Make an installation with a database and a broker of its own."""
        environment = stack.enter_context(scratch_database(kind)) | {
            "REDIS_URL": stack.enter_context(run_broker(self.folder / f"valkey-{kind}")),
            "RELAY_URL": f"smtp://127.0.0.1:{self.sink.port}",
            "SEND_PROCESSES": str(self.options.processes),
        }
        if self.options.connections:
            environment["SEND_CONNECTIONS"] = str(self.options.connections)
        return stack.enter_context(run_installation(kind, environment, self.options.size))

    def run_round(self) -> None:
        """Measure each way once."""
        messages = self.options.messages
        found: dict[str, Figures] = {
            name: {"cpu_ms_per_message": round(1000 * machine.rsa_seconds(cores), 4)}
            for name, cores in (("rsa", 1), ("rsa, all cores", os.cpu_count() or 1))
        }
        if self.sink.counts is not None:
            found["source"] = self.run_source(messages)
        for installation in self.installations:
            for way in ("signed", "ascii", "unsigned"):
                found[f"{way} {installation.kind}"] = installation.measure(way, messages, self.sink)
        plain = max(messages // PLAIN_SHARE, 20)
        found["plain"] = self.installations[0].measure("plain", plain, self.sink)
        self.rounds.append(found)

    def run_source(self, messages: int) -> Figures:
        """Let smtp-source send mails of the size that ours have."""
        size = self.installations[0].bytes
        (seconds, used), cpu = with_cpu(lambda: peers.run_source(self.sink.port, messages=messages, size=size))
        return figures(messages, seconds, {"source": used, "sink": cpu["sink"]})

    def run_extras(self) -> None:
        """Look at memory, then at a relay that is far away."""
        first, options = self.installations[0], self.options
        if options.backlog:
            say(f"{options.backlog} recipients")
            found = first.measure("signed", options.messages, self.sink, recipients=options.backlog)
            self.extras[f"{options.backlog} recipients {first.kind}"] = found
        self.extras["memory"] = {"workers": machine.worker_memory()}
        self.workers.close()
        if options.delay:
            say(f"{options.delay:g} ms of round trip")
            with peers.run_delay(self.sink.port, options.delay / 2) as port:
                distant = {
                    "RELAY_URL": f"smtp://127.0.0.1:{port}",
                    "SEND_CONNECTIONS": str(options.distant_connections),
                }
                with run_workers(first.environment | distant, 1):
                    first.measure("unsigned", WARM_UP, self.sink)
                    found = first.measure("unsigned", options.messages, self.sink)
            self.extras[f"unsigned, {options.delay:g} ms away, 1 process {first.kind}"] = found


def say(text: str) -> None:
    """Tell a person what goes on; the figures alone go to the standard output."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
