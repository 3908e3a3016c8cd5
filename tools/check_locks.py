"""Checks that the lock files belong to their lists, without asking the network: `make lock` writes them anew."""

import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)


def read_wanted(path: Path) -> Iterator[Requirement]:
    """Yield what a list asks for, including the lists that it names."""
    for line in path.read_text().splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            yield from read_wanted(path.parent / line.removeprefix("-r ").strip())
        elif line and not line.startswith("-c "):
            yield Requirement(line)


def read_pins(path: Path) -> dict[str, set[str]]:
    """Return the pinned versions by name; markers may choose between several."""
    pins: dict[str, set[str]] = {}
    for name, version in PIN.findall(path.read_text()):
        pins.setdefault(canonicalize_name(name), set()).add(version)
    return pins


def find_faults(wanted: Path, lock: Path) -> Iterator[str]:
    """Yield what a list asks for and its lock does not give."""
    pins = read_pins(lock)
    for requirement in read_wanted(wanted):
        versions = pins.get(canonicalize_name(requirement.name), set())
        if not versions:
            yield f"{lock.name} lacks {requirement}"
        elif not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
            yield f"{lock.name} pins {requirement.name} {', '.join(sorted(versions))}, but {requirement} is asked for"


def main() -> int:
    """Print the faults of all locks; return 1 if there are any."""
    # Each holds all of the one before.
    locks = [ROOT / name for name in ("requirements.txt", "requirements-s3.txt", "requirements-dev.txt")]
    faults = [fault for lock in locks for fault in find_faults(lock.with_suffix(".in"), lock)]
    for smaller, larger in pairwise(locks):
        pins = read_pins(larger)
        faults += [
            f"{name} is pinned differently in {smaller.name} and {larger.name}"
            for name, versions in read_pins(smaller).items()
            if versions != pins.get(name)
        ]
    for lock in locks:
        if lock.read_text().count("--hash=") < len(read_pins(lock)):
            faults.append(f"{lock.name} lacks hashes")
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
