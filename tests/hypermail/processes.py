"""Looks at processes for tests that kill them."""

import time
from pathlib import Path


def read_stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; empty where there is no such process."""
    try:
        # The second field is the name in parentheses and may contain anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Say whether a process exists and is no zombie."""
    return read_stat(pid)[:1] not in ([], ["Z"])


def parent_of(pid: int) -> int:
    """Return the parent's id, 0 where there is no such process."""
    return int((read_stat(pid) or ["", "0"])[1])


def descendants_of(pid: int) -> list[int]:
    """Return all processes that came from one and still have their parents."""
    parents = {int(path.name): parent_of(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    found: list[int] = []
    queue = [pid]
    while queue:
        parent = queue.pop()
        children = [child for child, its_parent in parents.items() if its_parent == parent]
        found += children
        queue += children
    return found


def assert_all_gone(pids: list[int], seconds: float = 5) -> None:
    """Wait until none of the processes is alive."""
    end = time.monotonic() + seconds
    while left := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < end, f"still alive: {left}"
        time.sleep(0.02)
