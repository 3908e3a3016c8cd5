"""Runs a scenario in a process of its own, on a database that is made for it and dropped after."""

import importlib
import json
import subprocess
import sys
from typing import Any

from installation import scratch_database


def measure_apart(script: str, kind: str, **options: object) -> Any:
    """Run a benchmark's script with `--here` on an empty database ("sqlite" or "postgresql"); return what it measured.

    Each option becomes one of the command line. Raises CalledProcessError where the script fails.
    """
    with scratch_database(kind) as environment:
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, script, "--here", *words]
        told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(told.splitlines()[-1])


def measure_here(scenario: str, *arguments: object) -> Any:
    """Make the tables of the database that the environment names, and run a scenario's module in it."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    # What needs Django's settings can only be imported now.
    return importlib.import_module(scenario).run(*arguments)
